import { expect, inject, test } from 'vitest';
import { loadApp } from '../../local/host/worker/load-app.ts';
import { CONTRACTS } from '../../src/core/contracts.ts';
import { CAPACITY_ENTITY } from '../../src/core/names.ts';

const DURABLE_TRIGGERS = ['orchestrationTrigger', 'activityTrigger', 'entityTrigger'];

/** Names that one side has and the other has not; hosts compare names without case. */
function mismatches(registered: readonly string[], contracts: readonly string[]): string[] {
  const sorted = registered.map(name => name.toLowerCase()).toSorted();
  return [
    ...registered.filter(name => !contracts.includes(name)).map(name => `${name} has no contract`),
    ...contracts.filter(name => !registered.includes(name)).map(name => `${name} is not registered`),
    ...sorted.filter((name, i) => name === sorted[i - 1]).map(name => `${name} is registered twice`),
  ];
}

test('the built app registers the durable functions of its contracts and its entity, each once, and no other', async () => {
  process.env['AZURE_OPENAI_ENDPOINT'] = 'http://127.0.0.1:9';
  process.env['AzureWebJobsStorage'] = inject('storage');
  const app = await loadApp(inject('appFolder'), () => {});
  const durable = [...app.registry.functions.values()].filter(({ metadata }) =>
    Object.values(metadata.bindings).some(({ type }) => DURABLE_TRIGGERS.includes(type)),
  );
  const names = [...Object.values(CONTRACTS).map(({ name }) => name), CAPACITY_ENTITY];
  expect(durable).not.toEqual([]);
  expect(
    mismatches(
      durable.map(({ metadata }) => metadata.name),
      names,
    ),
  ).toEqual([]);
  await app.close();
});

test.each<[string, string[], string]>([
  ['a function without a contract', ['a', 'b', 'c'], 'c has no contract'],
  ['a contract without a function', ['a'], 'b is not registered'],
  ['a function that is there twice', ['a', 'b', 'b'], 'b is registered twice'],
])('the check finds %s', (_, registered, mismatch) => {
  expect(mismatches(registered, ['a', 'b'])).toEqual([mismatch]);
});

test('the check tells names apart by case, and finds what differs by case alone', () => {
  expect(mismatches(['A', 'b'], ['a', 'b'])).toEqual(['A has no contract', 'a is not registered']);
  expect(mismatches(['a', 'A'], ['a', 'A'])).toEqual(['a is registered twice']);
});
