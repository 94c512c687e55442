import { expect, test } from 'vitest';
import type { Store } from '../../../../local/engine/store/store.ts';
import {
  activities,
  call,
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

/** Episodes of orchestrations. */
export function describeEpisodes(openStore: () => Store): void {
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
