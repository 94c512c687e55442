import { expect, test } from 'vitest';
import type { EntityFilter, InstanceFilter } from '../../../../local/engine/api.ts';
import type { Store } from '../../../../local/engine/store/store.ts';
import { batchOf, createIdle, newInstance } from './store-samples.ts';

const instanceIds = (store: Store, filter: InstanceFilter) =>
  store.listInstances(filter).instances.map(({ instanceId }) => instanceId);
const entityIds = (store: Store, filter: EntityFilter) =>
  store.listEntities(filter).entities.map(({ entityId }) => entityId);

/** The ids of each page. */
function pages(readPage: (continuationToken: object) => { ids: string[]; continuationToken?: string }): string[][] {
  const found: string[][] = [];
  for (let token: string | undefined = ''; token !== undefined; ) {
    const page = readPage(token === '' ? {} : { continuationToken: token });
    found.push(page.ids);
    token = page.continuationToken;
  }
  return found;
}

/** Lists of instances and of entities. */
export function describeLists(openStore: () => Store): void {
  test('instances by prefix, time and status, in the order of ids', () => {
    const store = openStore();
    createIdle(
      store,
      newInstance('b3', { createdAtMs: 300, runtimeStatus: 'Failed' }),
      newInstance('a_2', { createdAtMs: 200, runtimeStatus: 'Completed' }),
      newInstance('a%1', { createdAtMs: 100, runtimeStatus: 'Running' }),
    );
    expect(store.listInstances({ top: 1 }).instances).toEqual([store.getInstance('a%1')]);
    expect(instanceIds(store, {})).toEqual(['a%1', 'a_2', 'b3']);
    expect(instanceIds(store, { instanceIdPrefix: 'a%' })).toEqual(['a%1']);
    expect(instanceIds(store, { instanceIdPrefix: 'a' })).toEqual(['a%1', 'a_2']);
    expect(instanceIds(store, { instanceIdPrefix: '' })).toEqual(['a%1', 'a_2', 'b3']);
    expect(instanceIds(store, { instanceIdPrefix: 'B' })).toEqual([]);
    expect(instanceIds(store, { createdFromMs: 200 })).toEqual(['a_2', 'b3']);
    expect(instanceIds(store, { createdToMs: 200 })).toEqual(['a%1', 'a_2']);
    expect(instanceIds(store, { createdFromMs: 101, createdToMs: 299 })).toEqual(['a_2']);
    expect(instanceIds(store, { runtimeStatus: ['Failed', 'Running'] })).toEqual(['a%1', 'b3']);
    expect(instanceIds(store, { runtimeStatus: [] })).toEqual([]);
    expect(instanceIds(store, { instanceIdPrefix: 'a', createdFromMs: 150, runtimeStatus: ['Completed'] })).toEqual([
      'a_2',
    ]);
  });

  test('ids in the order of code points, whatever the script', () => {
    const store = openStore();
    const ids = ['Z', 'a', 'ab', 'a日', 'a\uffee', 'a😀', 'é', '日本', '\uffee', '😀', '😀x'];
    createIdle(store, ...ids.toReversed().map(id => newInstance(id)));
    expect(instanceIds(store, {})).toEqual(ids);
    expect(instanceIds(store, { instanceIdPrefix: '😀' })).toEqual(['😀', '😀x']);
    expect(instanceIds(store, { instanceIdPrefix: 'a' })).toEqual(ids.slice(1, 6));
    expect(instanceIds(store, { continuationToken: '日本' })).toEqual(['\uffee', '😀', '😀x']);
  });

  test('instances in pages, each once', () => {
    const store = openStore();
    createIdle(store, ...['a1', 'a2', 'a3', 'a4', 'b1'].map(id => newInstance(id)));
    const read = (filter: InstanceFilter) =>
      pages(token => {
        const { instances, ...rest } = store.listInstances({ ...filter, ...token });
        return { ids: instances.map(({ instanceId }) => instanceId), ...rest };
      });
    expect(read({ top: 2 })).toEqual([['a1', 'a2'], ['a3', 'a4'], ['b1']]);
    expect(read({ top: 2, instanceIdPrefix: 'a' })).toEqual([
      ['a1', 'a2'],
      ['a3', 'a4'],
    ]);
    expect(read({ top: 5 })).toHaveLength(1);
    expect(store.listInstances({ top: 5 })).not.toHaveProperty('continuationToken');
    expect(store.listInstances({ top: 2, continuationToken: 'a21' })).toMatchObject({ continuationToken: 'a4' });
    expect(instanceIds(store, { continuationToken: 'a4', instanceIdPrefix: 'a' })).toEqual([]);
    expect(instanceIds(store, { continuationToken: 'A', instanceIdPrefix: 'b' })).toEqual(['b1']);
  });

  test('a page has 100 records where none is said', () => {
    const store = openStore();
    const ids = Array.from({ length: 101 }, (_, index) => `${1_000 + index}`);
    createIdle(store, ...ids.map(id => newInstance(id)));
    for (const id of ids) store.commitBatch(batchOf(`@e@${id}`, '1'));
    expect(store.listInstances({})).toMatchObject({ instances: { length: 100 }, continuationToken: '1099' });
    expect(store.listEntities({})).toMatchObject({ entities: { length: 100 }, continuationToken: '@e@1099' });
  });

  test('entities by name in any case, and by time', () => {
    const store = openStore();
    store.commitBatch(batchOf('@counter@b', '2', { atMs: 200 }));
    store.commitBatch(batchOf('@counter@A', '1', { atMs: 100 }));
    store.commitBatch(batchOf('@counters@a', '3', { atMs: 300 }));
    store.commitBatch(batchOf('@none@a', null));
    expect(store.listEntities({ top: 1 }).entities).toEqual([
      { entityId: '@counter@A', stateJson: '1', lastOperationAtMs: 100 },
    ]);
    expect(entityIds(store, {})).toEqual(['@counter@A', '@counter@b', '@counters@a']);
    expect(entityIds(store, { name: 'Counter' })).toEqual(['@counter@A', '@counter@b']);
    expect(entityIds(store, { name: 'count' })).toEqual([]);
    expect(entityIds(store, { lastOperationFromMs: 200 })).toEqual(['@counter@b', '@counters@a']);
    expect(entityIds(store, { lastOperationToMs: 200 })).toEqual(['@counter@A', '@counter@b']);
    expect(entityIds(store, { name: 'counter', lastOperationFromMs: 101 })).toEqual(['@counter@b']);
    createIdle(store, newInstance('counter'));
    expect(entityIds(store, {})).toHaveLength(3);
    expect(instanceIds(store, {})).toEqual(['counter']);
  });

  test('entities in pages, each once', () => {
    const store = openStore();
    for (const key of ['d', 'a', 'c', 'b']) store.commitBatch(batchOf(`@e@${key}`, '1'));
    store.commitBatch(batchOf('@f@a', '1'));
    const read = (filter: EntityFilter) =>
      pages(token => {
        const { entities, ...rest } = store.listEntities({ ...filter, ...token });
        return { ids: entities.map(({ entityId }) => entityId), ...rest };
      });
    expect(read({ top: 2 })).toEqual([['@e@a', '@e@b'], ['@e@c', '@e@d'], ['@f@a']]);
    expect(read({ top: 3, name: 'E' })).toEqual([['@e@a', '@e@b', '@e@c'], ['@e@d']]);
  });
}
