import { expect, test } from 'vitest';
import {
  inspectAddress,
  inspectArguments,
  parseInspect,
  readInspectArguments,
} from '../../../../local/host/worker/inspect.ts';

test.each([
  ['', { host: '127.0.0.1', port: 9229, waits: false }],
  ['9300', { host: '127.0.0.1', port: 9300, waits: false }],
  ['0.0.0.0:9300', { host: '0.0.0.0', port: 9300, waits: false }],
  ['[::1]:0', { host: '[::1]', port: 0, waits: false }],
])('--inspect=%s is read', (value, expected) => {
  expect(parseInspect('--inspect', value)).toEqual(expected);
});

test.each(['x', '9229:', '127.0.0.1', '65536', '-1'])('%s is refused by name, value and range', value => {
  expect(() => parseInspect('--inspect-brk', value)).toThrow(
    `--inspect-brk is "${value}"; allowed: [host:]port, a port from 0 to 65535`,
  );
});

test('each process has the port after the one before', () => {
  const inspect = parseInspect('--inspect', '9300');
  expect([0, 1, 2].map(index => inspectAddress(inspect, index))).toEqual([
    '127.0.0.1:9300',
    '127.0.0.1:9301',
    '127.0.0.1:9302',
  ]);
  expect(inspectAddress({ ...inspect, port: 0 }, 2)).toBe('127.0.0.1:0');
});

test('what a process is told it reads', () => {
  const second = readInspectArguments(inspectArguments(parseInspect('--inspect', '[::1]:80'), 1));
  expect(second).toEqual({ host: '[::1]', port: 81, waits: false });
  const first = readInspectArguments(inspectArguments(parseInspect('--inspect-brk', ''), 0));
  expect(first).toEqual({ host: '127.0.0.1', port: 9229, waits: true });
  expect(readInspectArguments([])).toBeUndefined();
});
