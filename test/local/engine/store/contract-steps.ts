import { expect, test } from 'vitest';
import type { Store } from '../../../../local/engine/store/store.ts';
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
  waiting,
} from './store-samples.ts';

/** Batches of entities, ends of activities, rewinds. */
export function describeSteps(openStore: () => Store): void {
  describeBatches(openStore);
  describeActivities(openStore);
  describeRewinds(openStore);
}

function describeBatches(openStore: () => Store): void {
  test('a batch leaves a state, another one, or none', () => {
    const store = openStore();
    const entityId = '@counter@Key';
    expect(store.getEntity(entityId)).toBeUndefined();
    expect(store.commitBatch(batchOf(entityId, '1', { atMs: 10 }))).toEqual([]);
    expect(store.getEntity(entityId)).toEqual({ entityId, stateJson: '1', lastOperationAtMs: 10 });
    store.commitBatch(batchOf(entityId, '', { atMs: 20 }));
    expect(store.getEntity(entityId)).toEqual({ entityId, stateJson: '', lastOperationAtMs: 20 });
    store.commitBatch(batchOf(entityId, null, { atMs: 30 }));
    expect(store.getEntity(entityId)).toBeUndefined();
    store.commitBatch(batchOf(entityId, null));
    expect(store.listEntities({}).entities).toEqual([]);
  });

  test('a batch takes its messages and delivers as an episode does', () => {
    const store = openStore();
    const one = newInstance('one');
    createIdle(store, one);
    store.sendMessage(to('@e@k'), raised('a'));
    const consumedThroughSeq = lastSeq(store, '@e@k');
    store.sendMessage(to('@e@k'), raised('b'));
    const woken = store.commitBatch(
      batchOf('@e@k', null, {
        consumedThroughSeq,
        deliveries: [
          message(to('one', 'one-1'), 'answer'),
          message(to('@e@k'), 'to itself'),
          message(to('@f@k'), 'later', 100),
          message(to('one', 'one-0'), 'to the former generation'),
          start(newInstance('child'), one),
        ],
      }),
    );
    expect(woken).toEqual(['one', '@e@k', 'child']);
    expect(waiting(store, '@e@k')).toEqual(['b', 'to itself']);
    expect(waiting(store, 'one')).toEqual(['answer']);
    expect(store.nextDueAtMs()).toBe(100);
  });
}

function describeActivities(openStore: () => Store): void {
  test('activities are given out in order, until each has ended once', () => {
    const store = openStore();
    const one = newInstance('one');
    createIdle(store, one);
    store.commitEpisode(episodeOf(one, { deliveries: [call(one, 0), call(one, 1), call(one, 2)] }));
    const [first, second, third] = store.readActivities(0, 10);
    if (!first || !second || !third) throw new Error('three activities were called');
    expect([first, second, third].map(({ taskId }) => taskId)).toEqual([0, 1, 2]);
    expect(store.readActivities(0, 2)).toEqual([first, second]);
    expect(store.readActivities(second.seq, 10)).toEqual([third]);
    expect(store.readActivities(third.seq, 10)).toEqual([]);
    expect(store.completeActivity(second, completed(1))).toBe(true);
    expect(store.completeActivity(second, completed(1))).toBe(false);
    expect(store.readActivities(0, 10)).toEqual([first, third]);
    expect(store.readMessages('one')).toEqual([{ seq: expect.any(Number), executionId: 'one-1', event: completed(1) }]);
    store.commitEpisode(lastEpisodeOf(one));
    expect(store.completeActivity(third, completed(2))).toBe(false);
    expect(store.readActivities(0, 10)).toEqual([first]);
  });

  test('an activity of a former generation ends for nobody', () => {
    const store = openStore();
    const one = newInstance('one');
    createIdle(store, one);
    store.commitEpisode(episodeOf(one, { deliveries: [call(one, 0)] }));
    store.commitEpisode(episodeOf(one, { instance: { ...one.instance, executionId: 'one-2' } }));
    const [task] = store.readActivities(0, 1);
    expect(task && store.completeActivity(task, completed(0))).toBe(false);
    expect(store.readMessages('one')).toEqual([]);
    expect(store.readActivities(0, 1)).toEqual([]);
  });

  test('a new activity never gets the number of an ended one', () => {
    const store = openStore();
    const one = newInstance('one');
    createIdle(store, one);
    const episode = episodeOf(one, { deliveries: [call(one, 0)] });
    store.commitEpisode(episode);
    const [first] = store.readActivities(0, 1);
    if (!first) throw new Error('one activity was called');
    store.completeActivity(first, completed(0));
    store.commitEpisode(episode);
    expect(store.readActivities(first.seq, 1)).toHaveLength(1);
  });
}

function describeRewinds(openStore: () => Store): void {
  test('a rewind writes instances anew, each with its whole history, and wakes those it shall', () => {
    const store = openStore();
    const [one, child] = [newInstance('one'), newInstance('child')];
    const failed = { runtimeStatus: 'Failed', outputJson: 'boom' } as const;
    for (const each of [one, child]) {
      createIdle(store, each);
      const history = [raised('a'), raised('failure'), raised('end')];
      store.commitEpisode(episodeOf(each, { instance: { ...each.instance, ...failed }, appended: history }));
    }
    const running = { runtimeStatus: 'Running', lastUpdatedAtMs: 9 } as const;
    store.rewind([
      {
        instance: { ...child.instance, ...running },
        history: [raised('a')],
        deliveries: [{ kind: 'message', to: child.instance, event: raised('wake') }],
      },
      { instance: { ...one.instance, ...running }, history: [raised('a'), raised('b')], deliveries: [] },
    ]);
    expect(store.getInstance('one')).toEqual({ ...one.instance, ...running });
    expect(store.getInstance('child')).toEqual({ ...child.instance, ...running });
    expect(store.readHistory('one')).toEqual([raised('a'), raised('b')]);
    expect(store.readHistory('child')).toEqual([raised('a')]);
    expect(store.instancesWithMessages()).toEqual(['child']);
    expect(store.readMessages('child')).toEqual([
      { seq: expect.any(Number), executionId: 'child-1', event: raised('wake') },
    ]);
    store.commitEpisode(episodeOf(one, { pastEventCount: 2, appended: [raised('c')] }));
    expect(store.readHistory('one')).toHaveLength(3);
  });

  test('a rewind of none writes nothing', () => {
    const store = openStore();
    store.createInstance(newInstance('one'));
    const before = readAll(store);
    store.rewind([]);
    expect(readAll(store)).toEqual(before);
  });
}
