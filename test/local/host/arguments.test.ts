import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { HELP, readArguments } from '../../../local/host/arguments.ts';

test('the app folder may stand alone or after --app, and the rest has defaults', () => {
  const expected = {
    appFolder: resolve('dist/app'),
    stateFile: resolve('.fanfold/host/app.db'),
    port: 7071,
    strict: false,
  };
  expect(readArguments(['dist/app'])).toEqual(expected);
  expect(readArguments(['--app', 'dist/app/'])).toEqual(expected);
});

test('everything can be given', () => {
  const args = ['--port', '0', '--state', 's.db', '--strict', '--latency-profile', 'azure-storage:7', '--inspect=9300'];
  expect(readArguments([...args, 'app'])).toEqual({
    appFolder: resolve('app'),
    stateFile: resolve('s.db'),
    port: 0,
    strict: true,
    latency: { profile: 'azure-storage', seed: 7 },
    inspect: { host: '127.0.0.1', port: 9300, waits: false },
  });
});

test('a latency profile has a seed by default', () => {
  expect(readArguments(['app', '--latency-profile', 'azure-storage'])).toMatchObject({ latency: { seed: 1 } });
});

test('--inspect and --inspect-brk need no value, and take none that does not follow =', () => {
  const inspect = { host: '127.0.0.1', port: 9229 };
  expect(readArguments(['--inspect', 'app'])).toMatchObject({ appFolder: resolve('app'), inspect });
  expect(readArguments(['--inspect-brk', 'app'])).toMatchObject({ inspect: { ...inspect, waits: true } });
});

test.each([
  [[], 'The folder of the built function app is missing'],
  [['a', 'b'], 'One app folder is wanted; given: a, b'],
  [['--app', 'a', 'b'], 'One app folder is wanted; given: a, b'],
  [['a', '--port', '70000'], '--port is "70000"; allowed: 0 to 65535'],
  [['a', '--port', 'x'], '--port is "x"; allowed: 0 to 65535'],
  [
    ['a', '--latency-profile', 'lan'],
    '--latency-profile is "lan"; allowed: azure-storage or azure-storage:SEED, a whole number from 0 to 2147483647',
  ],
  [['a', '--latency-profile', 'azure-storage:x'], '--latency-profile is "azure-storage:x"'],
  [['a', '--latency-profile', 'azure-storage:2147483648'], '--latency-profile is "azure-storage:2147483648"'],
  [['a', '--inspect=x'], '--inspect is "x"; allowed: [host:]port'],
  [['a', '--inspect', '--inspect-brk'], '--inspect and --inspect-brk exclude each other'],
  [['a', '--odd'], "Unknown option '--odd'"],
])('%j is refused', (args, message) => {
  expect(() => readArguments(args)).toThrow(message);
});

test('help is asked for by --help, whatever else there is, and names every option', () => {
  expect(readArguments(['--help', 'a', 'b'])).toBe('help');
  for (const option of ['--app', '--port', '--state', '--strict', '--latency-profile', '--inspect', '--inspect-brk'])
    expect(HELP).toContain(`  ${option}`);
});
