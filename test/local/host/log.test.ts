import { expect, test } from 'vitest';
import { createLineLog, describeError, parseWorkerLogLevel } from '../../../local/host/log.ts';

function linesAt(minLevel: Parameters<typeof createLineLog>[0]['minLevel']) {
  const lines: string[] = [];
  const log = createLineLog({
    minLevel,
    write: line => lines.push(line),
    nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  });
  return { log, lines };
}

test('an entry is one line with time, level and source', () => {
  const { log, lines } = linesAt('information');
  log('warning', 'analyzeIssue', 'slow\r\n  very slow\n');
  expect(lines).toEqual(['03:04:05.006 WARN  analyzeIssue: slow\\n  very slow\n']);
});

test('less grave entries are dropped, and level none always', () => {
  const { log, lines } = linesAt('warning');
  for (const level of ['trace', 'debug', 'information', 'warning', 'error', 'critical', 'none'] as const)
    log(level, 'f', level);
  expect(lines.map(line => line.trim().split(': ')[1])).toEqual(['warning', 'error', 'critical']);
});

test('an unknown level, which a hook may give, counts as information', () => {
  const { log, lines } = linesAt('information');
  log('shout' as 'error', 'f', 'x');
  log('toString' as 'error', 'f', 'y');
  expect(lines).toEqual(['03:04:05.006 INFO  f: x\n', '03:04:05.006 INFO  f: y\n']);
});

test.each([
  [undefined, 'information'],
  ['', 'information'],
  ['DEBUG', 'debug'],
  ['info', 'information'],
  ['Warning', 'warning'],
  ['ERROR', 'error'],
])('FUNCTIONS_WORKER_LOG_LEVEL %j means %s', (text, level) => {
  expect(parseWorkerLogLevel(text)).toBe(level);
});

test('an unknown level is refused by name, value and choice', () => {
  expect(() => parseWorkerLogLevel('LOUD')).toThrow(
    'FUNCTIONS_WORKER_LOG_LEVEL is "LOUD"; allowed: DEBUG, INFO, WARNING, ERROR',
  );
});

test('an error is described by message and stack once', () => {
  const error = new Error('oops');
  expect(describeError(error)).toBe(error.stack);
  expect(describeError(Object.assign(new Error('oops'), { stack: undefined }))).toBe('oops\n');
  expect(describeError('text')).toBe('text');
});
