import { expect, test } from 'vitest';
import type { Store } from '../../../../local/engine/store/store.ts';
import {
  activities,
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

/** Episodes, batches of entities, ends of activities, rewinds. */
export function describeSteps(openStore: () => Store): void {
  describeEpisodes(openStore);
  describeBatches(openStore);
  describeActivities(openStore);
  describeRewinds(openStore);
}

function describeEpisodes(openStore: () => Store): void {
  test('an episode is written whole: instance, history, calls, children, messages', () => {
    const store = openStore();
    const [one, child] = [newInstance('one'), newInstance('child', { parentInstanceId: 'one' })];
    createIdle(store, newInstance('parent'));
    store.createInstance(one);
    const instance = {
      ...one.instance,
      runtimeStatus: 'Running',
      outputJson: '1',
      customStatusJson: '"half"',
      lastUpdatedAtMs: 7,
    } as const;
    const woken = store.commitEpisode(
      episodeOf(one, {
        instance,
        consumedThroughSeq: lastSeq(store, 'one'),
        appended: [one.startedEvent, raised('x')],
        deliveries: [
          call(one, 0),
          start(child, one),
          message(to('parent', 'parent-1'), 'to parent'),
          message(to('child'), 'to child'),
          message(to('@e@k'), 'to entity'),
          message(to('parent', 'parent-0'), 'to former parent'),
          message(to('none'), 'to nobody'),
        ],
      }),
    );
    expect(woken).toEqual(['child', 'parent', '@e@k']);
    expect(store.getInstance('one')).toEqual(instance);
    expect(store.readMessages('one')).toEqual([]);
    expect(store.readHistory('one')).toEqual([one.startedEvent, raised('x')]);
    expect(store.readActivities(0, 10)).toEqual([
      { seq: expect.any(Number), instanceId: 'one', executionId: 'one-1', taskId: 0, name: 'act', inputJson: '"in"' },
    ]);
    expect(store.nextDueAtMs()).toBeUndefined();
    expect(store.getInstance('child')).toEqual(child.instance);
    expect(waiting(store, 'child')).toEqual([0, 'to child']);
    expect(waiting(store, 'parent')).toEqual(['to parent']);
    expect(waiting(store, '@e@k')).toEqual(['to entity']);
  });

  test('an episode takes the messages that it knew of, and leaves those that came meanwhile', () => {
    const store = openStore();
    const one = newInstance('one');
    store.createInstance(one);
    const consumedThroughSeq = lastSeq(store, 'one');
    store.sendMessage(to('one'), raised('meanwhile'));
    const deliveries = [message(to('one'), 'to itself')];
    expect(store.commitEpisode(episodeOf(one, { consumedThroughSeq, deliveries }))).toEqual(['one']);
    expect(waiting(store, 'one')).toEqual(['meanwhile', 'to itself']);
  });

  test('a history grows, and starts afresh for a new generation', () => {
    const store = openStore();
    const one = newInstance('one');
    createIdle(store, one);
    store.commitEpisode(episodeOf(one, { appended: [raised('a')] }));
    store.commitEpisode(episodeOf(one, { pastEventCount: 1, appended: [raised('b'), raised('c')] }));
    store.commitEpisode(episodeOf(one, { pastEventCount: 3 }));
    expect(store.readHistory('one')).toEqual([raised('a'), raised('b'), raised('c')]);
    const next = { ...one.instance, executionId: 'one-2' };
    store.commitEpisode(episodeOf(one, { instance: next, appended: [raised('d')] }));
    expect(store.readHistory('one')).toEqual([raised('d')]);
    expect(store.getInstance('one')?.executionId).toBe('one-2');
    expect(store.sendMessage(to('one', 'one-1'), raised('to the former generation'))).toBe(false);
  });

  test.each([1, 3])('an episode that went by %i events is refused where there are 2', pastEventCount => {
    const store = openStore();
    const one = newInstance('one');
    createIdle(store, one);
    store.commitEpisode(episodeOf(one, { appended: [raised('a'), raised('b')] }));
    const before = readAll(store);
    expect(() => store.commitEpisode(lastEpisodeOf(one, { pastEventCount, appended: [raised('c')] }))).toThrow(
      `The history of "one" has 2 events, the episode went by ${pastEventCount}`,
    );
    expect(readAll(store)).toEqual(before);
  });

  test('nothing is written for an instance that was purged or replaced meanwhile', () => {
    const store = openStore();
    const one = newInstance('one');
    store.createInstance(newInstance('one', { executionId: 'one-2' }));
    const late = lastEpisodeOf(one, {
      consumedThroughSeq: lastSeq(store, 'one'),
      appended: [raised('late')],
      deliveries: [
        call(one, 0),
        start(newInstance('child'), one),
        message(to('@e@k'), 'x'),
        message(to('@e@k'), 'y', 100),
      ],
    });
    const replaced = readAll(store);
    expect(store.commitEpisode(late)).toBeUndefined();
    expect(readAll(store)).toEqual(replaced);
    expect(store.purgeInstance('one')).toBe(true);
    const purged = readAll(store);
    expect(store.commitEpisode(late)).toBeUndefined();
    expect(readAll(store)).toEqual(purged);
  });

  test('a child is refused under the id of a running instance, and replaces a finished one', () => {
    const store = openStore();
    const [one, done] = [newInstance('one'), newInstance('done')];
    createIdle(store, one, newInstance('busy'), done);
    store.commitEpisode(lastEpisodeOf(done, { appended: [done.startedEvent] }));
    const next = newInstance('done', { executionId: 'done-2' });
    const woken = store.commitEpisode(
      episodeOf(one, {
        deliveries: [
          start(newInstance('busy', { executionId: 'busy-2' }), one),
          start(newInstance('one', { executionId: 'one-2' }), one),
          start(next, one),
          start(newInstance('done', { executionId: 'done-3' }), one),
        ],
      }),
    );
    expect(woken).toEqual(['one', 'done']);
    expect(store.getInstance('busy')?.executionId).toBe('busy-1');
    expect(store.getInstance('one')?.executionId).toBe('one-1');
    expect(store.getInstance('done')).toEqual(next.instance);
    expect(store.readHistory('done')).toEqual([]);
    expect(waiting(store, 'done')).toEqual([0]);
    expect(waiting(store, 'one')).toEqual(['refused busy', 'refused one', 'refused done']);
  });

  test('an instance that ends loses its timers, and nothing else that is under way', () => {
    const store = openStore();
    const [one, two] = [newInstance('one'), newInstance('two')];
    createIdle(store, one, two);
    store.commitEpisode(
      episodeOf(one, {
        deliveries: [
          message(one.instance, 'timer', 100),
          message(to('one'), 'timer', 200),
          message(to('@e@k'), 'signal', 300),
          call(one, 0),
          call(one, 1, 400),
        ],
      }),
    );
    store.commitEpisode(episodeOf(two, { deliveries: [message(two.instance, 'timer', 250)] }));
    store.commitEpisode(lastEpisodeOf(one, { deliveries: [message(to('one'), 'to itself')] }));
    expect(store.readMessages('one')).toEqual([]);
    expect(activities(store)).toEqual(['one#0']);
    expect(store.nextDueAtMs()).toBe(250);
    expect(store.deliverDue(1_000)).toEqual(['two', '@e@k']);
    expect(activities(store)).toEqual(['one#0', 'one#1']);
  });
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
      { instance: { ...child.instance, ...running }, history: [raised('a')], wake: raised('wake') },
      { instance: { ...one.instance, ...running }, history: [raised('a'), raised('b')] },
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
