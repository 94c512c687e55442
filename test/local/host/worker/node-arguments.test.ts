import { expect, test } from 'vitest';
import { readNodeArguments } from '../../../../local/host/worker/node-arguments.ts';

const NAME = 'languageWorkers__node__arguments';

test.each([
  [undefined, []],
  ['', []],
  ['  ', []],
  ['--max-old-space-size=1024', ['--max-old-space-size=1024']],
  [' --max-old-space-size=1024   --trace-gc\n', ['--max-old-space-size=1024', '--trace-gc']],
])('%j means %j', (text, args) => {
  expect(readNodeArguments({ [NAME]: text })).toEqual(args);
});

test('the name ignores case, and may be written as a key of the configuration', () => {
  expect(readNodeArguments({ [NAME.toUpperCase()]: '--trace-gc' })).toEqual(['--trace-gc']);
  expect(readNodeArguments({ 'languageWorkers:node:arguments': '--trace-gc' })).toEqual(['--trace-gc']);
});
