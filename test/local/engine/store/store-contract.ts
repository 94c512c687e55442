import { describe, expect, test } from 'vitest';
import type { Store } from '../../../../local/engine/store/store.ts';
import { describeDeliveries } from './contract-deliveries.ts';
import { describeEpisodes } from './contract-episodes.ts';
import { describeLists } from './contract-lists.ts';
import { describeSteps } from './contract-steps.ts';
import {
  batchOf,
  call,
  completed,
  createIdle,
  episodeOf,
  lastEpisodeOf,
  lastSeq,
  message,
  newInstance,
  raised,
  readAll,
  start,
  to,
  unwritable,
  waiting,
} from './store-samples.ts';

/** Opens an empty store, closed after the test. */
export type OpenStore = () => Store;

/** What every store must do. */
export function describeStore(title: string, openStore: OpenStore): void {
  describe(title, () => {
    describe('records', () => describeRecords(openStore));
    describe('lists', () => describeLists(openStore));
    describe('messages', () => describeMessages(openStore));
    describe('episodes', () => describeEpisodes(openStore));
    describe('batches, activities, rewinds', () => describeSteps(openStore));
    describe('deliveries', () => describeDeliveries(openStore));
    describe('every write', () => describeWrites(openStore));
  });
}

function describeRecords(openStore: OpenStore): void {
  test('meta values are kept by key', () => {
    const store = openStore();
    expect(store.getMeta('marker')).toBeUndefined();
    store.setMeta('marker', 'a');
    store.setMeta('other', 'x');
    store.setMeta('marker', 'b');
    expect(store.getMeta('marker')).toBe('b');
    expect(store.getMeta('other')).toBe('x');
  });

  test('a new instance gets its first message', () => {
    const store = openStore();
    const created = newInstance('one');
    expect(store.getInstance('one')).toBeUndefined();
    store.createInstance(created);
    expect(store.getInstance('one')).toEqual(created.instance);
    expect(store.instancesWithMessages()).toEqual(['one']);
    expect(store.readMessages('one')).toEqual([
      { seq: expect.any(Number), executionId: 'one-1', event: created.startedEvent },
    ]);
    expect(store.readHistory('one')).toEqual([]);
  });

  test('a new instance takes the place of a former one, of which nothing is left but its calls', () => {
    const store = openStore();
    const [former, next] = [newInstance('one'), newInstance('one', { executionId: 'one-2' })];
    store.createInstance(former);
    store.commitEpisode(
      episodeOf(former, {
        appended: [former.startedEvent],
        deliveries: [message(to('one'), 'late', 5_000), call(former, 0), call(former, 1, 6_000)],
      }),
    );
    store.sendMessage(to('one'), raised('old'));
    store.createInstance(next);
    expect(store.getInstance('one')).toEqual(next.instance);
    expect(store.readHistory('one')).toEqual([]);
    expect(store.readMessages('one').map(({ event }) => event)).toEqual([next.startedEvent]);
    expect(store.nextDueAtMs()).toBe(6_000);
    const [task] = store.readActivities(0, 10);
    expect(task).toMatchObject({ executionId: 'one-1', taskId: 0 });
    expect(task && store.completeActivity(task, completed(0))).toBe(false);
    expect(store.readActivities(0, 10)).toEqual([]);
  });

  test('a purge takes an instance with all that waits for it, but not its calls', () => {
    const store = openStore();
    const [one, two] = [newInstance('one'), newInstance('two')];
    for (const each of [one, two]) {
      store.createInstance(each);
      store.commitEpisode(
        episodeOf(each, {
          appended: [each.startedEvent],
          deliveries: [call(each, 0), message(each.instance, 'timer', each === one ? 100 : 200)],
        }),
      );
    }
    expect(store.purgeInstance('one')).toBe(true);
    expect(store.getInstance('one')).toBeUndefined();
    expect(store.readHistory('one')).toEqual([]);
    expect(store.readMessages('one')).toEqual([]);
    expect(store.nextDueAtMs()).toBe(200);
    expect(store.purgeInstance('one')).toBe(false);
    const [orphan] = store.readActivities(0, 1);
    expect(orphan && store.completeActivity(orphan, completed(0))).toBe(false);
    expect(store.readHistory('two')).toHaveLength(1);
    expect(store.readMessages('two')).toHaveLength(1);
    expect(store.readActivities(0, 10)).toHaveLength(1);
  });

  test('a purge takes an entity with all that waits for it', () => {
    const store = openStore();
    store.sendMessage(to('@counter@a'), raised('a'));
    store.sendMessage(to('@counter@b'), raised('b'));
    store.commitBatch(batchOf('@counter@b', '2'));
    store.commitBatch(batchOf('@counter@a', '1', { deliveries: [message(to('@counter@a'), 'later', 100)] }));
    expect(store.purgeInstance('@counter@a')).toBe(true);
    expect(store.getEntity('@counter@a')).toBeUndefined();
    expect(store.readMessages('@counter@a')).toEqual([]);
    expect(store.nextDueAtMs()).toBeUndefined();
    expect(store.purgeInstance('@counter@a')).toBe(false);
    expect(store.getEntity('@counter@b')).toMatchObject({ stateJson: '2' });
    expect(waiting(store, '@counter@b')).toEqual(['b']);
  });

  test('an entity without a state is none to purge, but its messages go', () => {
    const store = openStore();
    store.sendMessage(to('@counter@a'), raised('a'));
    expect(store.purgeInstance('@counter@a')).toBe(false);
    expect(store.instancesWithMessages()).toEqual([]);
  });

  test('no later change of what was given or returned shows', () => {
    const store = openStore();
    const given = structuredClone(newInstance('one'));
    const { instance, startedEvent } = given;
    const appended = [raised('a')];
    store.createInstance(given);
    store.commitEpisode(episodeOf(given, { instance, appended, deliveries: [call(given, 0)] }));
    const before = structuredClone(readAll(store));
    Object.assign(instance, { name: 'changed' });
    Object.assign(startedEvent, { Name: 'changed' });
    appended.length = 0;
    expect(readAll(store)).toEqual(before);
    const records = [store.getInstance('one'), store.readMessages('one')[0]?.event, store.readHistory('one')[0]];
    for (const returned of records) {
      // A store may also return what cannot be changed.
      if (returned && !Object.isFrozen(returned)) Object.assign(returned, { name: 'changed', Name: 'changed' });
    }
    const lists = [store.readHistory('one'), store.readMessages('one'), store.listInstances({}).instances];
    for (const list of [...lists, store.readActivities(0, 1)]) {
      expect(list).not.toEqual([]);
      if (!Object.isFrozen(list)) (list as unknown[]).length = 0;
    }
    expect(readAll(store)).toEqual(before);
  });
}

function describeMessages(openStore: OpenStore): void {
  test('are kept in the order of arrival; those for nobody are dropped', () => {
    const store = openStore();
    store.createInstance(newInstance('one'));
    for (const runtimeStatus of ['Completed', 'Failed', 'Canceled', 'Terminated'] as const) {
      store.createInstance(newInstance(runtimeStatus, { runtimeStatus }));
      expect(store.sendMessage(to(runtimeStatus), raised('ended'))).toBe(false);
    }
    expect(store.sendMessage(to('one'), raised('a'))).toBe(true);
    expect(store.sendMessage(to('one', 'one-1'), raised('b'))).toBe(true);
    expect(store.sendMessage(to('one', 'one-0'), raised('other generation'))).toBe(false);
    expect(store.sendMessage(to('none'), raised('missing'))).toBe(false);
    const messages = store.readMessages('one');
    expect(waiting(store, 'one')).toEqual([0, 'a', 'b']);
    expect(messages.map(({ executionId }) => executionId)).toEqual(['one-1', null, 'one-1']);
    expect(messages.map(({ seq }) => seq)).toEqual(messages.map(({ seq }) => seq).sort((a, b) => a - b));
    store.dropMessages('one', messages[1]?.seq ?? 0);
    expect(store.readMessages('one')).toEqual(messages.slice(2));
    expect(store.instancesWithMessages()).toEqual(['one']);
  });

  test('reach suspended instances, and entities in any state', () => {
    const store = openStore();
    createIdle(store, newInstance('one', { runtimeStatus: 'Suspended' }));
    expect(store.sendMessage(to('one'), raised('a'))).toBe(true);
    expect(store.sendMessage(to('@counter@a'), raised('b'))).toBe(true);
    expect(store.readMessages('@counter@a')).toEqual([
      { seq: expect.any(Number), executionId: null, event: raised('b') },
    ]);
    expect(store.getEntity('@counter@a')).toBeUndefined();
  });

  test('the longest waiting comes first', () => {
    const store = openStore();
    for (const id of ['b', 'a', '@e@k']) {
      if (!id.startsWith('@')) store.createInstance(newInstance(id));
      store.sendMessage(to(id), raised('x'));
    }
    expect(store.instancesWithMessages()).toEqual(['b', 'a', '@e@k']);
    store.dropMessages('b', lastSeq(store, 'b'));
    store.sendMessage(to('b'), raised('again'));
    expect(store.instancesWithMessages()).toEqual(['a', '@e@k', 'b']);
    store.dropMessages('a', lastSeq(store, 'a'));
    expect(store.instancesWithMessages()).toEqual(['@e@k', 'b']);
  });
}

function describeWrites(openStore: OpenStore): void {
  const one = newInstance('one');
  const flawed = { ...newInstance('flawed'), startedEvent: unwritable() } as ReturnType<typeof newInstance>;
  const bad = { kind: 'message', to: to('@e@k'), event: unwritable() } as const;

  test.each<[string, (store: Store) => unknown]>([
    ['createInstance', store => store.createInstance({ ...flawed, instance: newInstance('two').instance })],
    ['sendMessage', store => store.sendMessage(to('one'), unwritable())],
    [
      'commitEpisode, in its history',
      store => store.commitEpisode(lastEpisodeOf(one, { appended: [raised('a'), unwritable()] })),
    ],
    [
      'commitEpisode, in a delivery',
      store => store.commitEpisode(lastEpisodeOf(one, { deliveries: [call(one, 0), bad] })),
    ],
    [
      'commitEpisode, in one of the future',
      store => store.commitEpisode(lastEpisodeOf(one, { deliveries: [call(one, 0), { ...bad, dueAtMs: 1 }] })),
    ],
    [
      'commitEpisode, in a child',
      store =>
        store.commitEpisode(lastEpisodeOf(one, { deliveries: [start(newInstance('two'), one), start(flawed, one)] })),
    ],
    ['commitBatch', store => store.commitBatch(batchOf('@e@k', null, { consumedThroughSeq: 99, deliveries: [bad] }))],
    [
      'rewind',
      store =>
        store.rewind([
          { instance: newInstance('one').instance, history: [], deliveries: [] },
          { instance: one.instance, history: [unwritable()], deliveries: [] },
        ]),
    ],
    [
      'rewind, in what it delivers',
      store => {
        const bad = { kind: 'message', to: one.instance, event: unwritable() } as const;
        store.rewind([{ instance: one.instance, history: [], deliveries: [bad] }]);
      },
    ],
    ['completeActivity', store => store.readActivities(0, 1).map(task => store.completeActivity(task, unwritable()))],
  ])('%s writes nothing when it fails halfway', (_, write) => {
    const store = openStore();
    store.createInstance(one);
    store.commitEpisode(
      episodeOf(one, { appended: [one.startedEvent], deliveries: [call(one, 7), message(to('one'), 'later', 500)] }),
    );
    store.sendMessage(to('@e@k'), raised('a'));
    store.commitBatch(batchOf('@e@k', '1'));
    const before = readAll(store);
    expect(() => write(store)).toThrow(/BigInt/);
    expect(readAll(store)).toEqual(before);
    expect(store.sendMessage(to('one'), raised('after'))).toBe(true);
    expect(store.deliverDue(500)).toEqual(['one']);
  });
}
