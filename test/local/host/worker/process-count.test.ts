import { expect, test } from 'vitest';
import { readProcessCount } from '../../../../local/host/worker/process-count.ts';

test.each([
  [undefined, 1],
  ['', 1],
  ['1', 1],
  [' 4 ', 4],
  ['10', 10],
])('FUNCTIONS_WORKER_PROCESS_COUNT %j means %i', (text, count) => {
  expect(readProcessCount({ FUNCTIONS_WORKER_PROCESS_COUNT: text })).toBe(count);
});

test.each(['0', '11', '-1', '1.5', 'two', 'NaN'])('%s is refused by name, value and range', text => {
  expect(() => readProcessCount({ FUNCTIONS_WORKER_PROCESS_COUNT: text })).toThrow(
    `FUNCTIONS_WORKER_PROCESS_COUNT is "${text}"; allowed: whole numbers from 1 to 10`,
  );
});
