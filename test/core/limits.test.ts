import { expect, test } from 'vitest';
import { MAX_FILE_BYTES, MAX_JSON_BYTES } from '../../src/core/limits.ts';

test('takes JSON up to 10 MB and files up to 90 MB', () => {
  expect({ MAX_JSON_BYTES, MAX_FILE_BYTES }).toEqual({ MAX_JSON_BYTES: 10_000_000, MAX_FILE_BYTES: 90_000_000 });
});
