import { expect, test } from 'vitest';
import { executionIdAfter, guidOf } from '../../../../local/engine/protocol/ids.ts';

test('the id of a generation follows from the one before: a step that is run again gives the same', () => {
  const ids = [
    executionIdAfter('a', 'next'),
    executionIdAfter('a', 0),
    executionIdAfter('a', 1),
    executionIdAfter('b', 0),
  ];
  expect(executionIdAfter('a', 'next')).toBe(ids[0]);
  expect(new Set(ids).size).toBe(4);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
});

test('a GUID follows from its text', () => {
  expect(guidOf('a')).toBe(guidOf('a'));
  expect(guidOf('a')).not.toBe(guidOf('b'));
  expect(guidOf('a')).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
});
