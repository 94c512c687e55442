import { expect, test } from 'vitest';
import { EventType } from '../../../../local/engine/protocol/history.ts';
import type { Store } from '../../../../local/engine/store/store.ts';
import {
  activities,
  batchOf,
  call,
  completed,
  createIdle,
  episodeOf,
  lastEpisodeOf,
  message,
  newInstance,
  raised,
  readAll,
  start,
  to,
  waiting,
} from './store-samples.ts';

/** Deliveries that are due later. */
export function describeDeliveries(openStore: () => Store): void {
  test('wait until they are due, whatever their kind', () => {
    const store = openStore();
    const [one, child] = [newInstance('one'), newInstance('child')];
    createIdle(store, one);
    const deliveries = [
      start(child, one, 300),
      call(one, 4, 200),
      message(to('one', 'one-1'), 'timer', 100),
      message(to('@e@k'), 'signal', 400),
    ];
    expect(store.commitEpisode(episodeOf(one, { deliveries }))).toEqual([]);
    const before = readAll(store);
    expect(before).toMatchObject({ messages: [], activities: [], nextDueAtMs: 100 });
    expect(store.deliverDue(99)).toEqual([]);
    expect(readAll(store)).toEqual(before);

    expect(store.deliverDue(100)).toEqual(['one']);
    expect(store.readMessages('one')).toEqual([
      { seq: expect.any(Number), executionId: 'one-1', event: raised('timer') },
    ]);
    expect(store.nextDueAtMs()).toBe(200);

    expect(store.deliverDue(250)).toEqual([]);
    expect(store.readActivities(0, 10)).toEqual([
      { seq: expect.any(Number), instanceId: 'one', executionId: 'one-1', taskId: 4, name: 'act', inputJson: '"in"' },
    ]);

    expect(store.getInstance('child')).toBeUndefined();
    expect(store.deliverDue(1_000)).toEqual(['child', '@e@k']);
    expect(store.getInstance('child')).toEqual(child.instance);
    expect(store.readMessages('child').map(({ event }) => event)).toEqual([child.startedEvent]);
    expect(store.readMessages('@e@k')).toEqual([
      { seq: expect.any(Number), executionId: null, event: raised('signal') },
    ]);
    expect(store.nextDueAtMs()).toBeUndefined();
    expect(store.deliverDue(2_000)).toEqual([]);
  });

  test('come earliest first, then in the order in which they were sent; who gets several is named once', () => {
    const store = openStore();
    const [one, two] = [newInstance('one'), newInstance('two')];
    createIdle(store, one, two);
    store.commitEpisode(
      episodeOf(one, {
        deliveries: [message(to('one'), 'c', 300), message(to('one'), 'b', 200), message(to('two'), 'x', 150)],
      }),
    );
    store.commitEpisode(episodeOf(two, { deliveries: [message(to('one'), 'b2', 200), message(to('one'), 'a', 100)] }));
    store.commitBatch(batchOf('@e@k', '1', { deliveries: [message(to('one'), 'b3', 200), call(one, 1, 120)] }));
    expect(store.deliverDue(300)).toEqual(['one', 'two']);
    expect(waiting(store, 'one')).toEqual(['a', 'b', 'b2', 'b3', 'c']);
    expect(activities(store)).toEqual(['one#1']);
  });

  test('also wait when their instant is past, and while others are delivered', () => {
    const store = openStore();
    const one = newInstance('one');
    createIdle(store, one);
    const deliveries = [message(to('one'), 'past', -5), message(to('one'), 'now')];
    expect(store.commitEpisode(episodeOf(one, { deliveries }))).toEqual(['one']);
    expect(waiting(store, 'one')).toEqual(['now']);
    expect(store.nextDueAtMs()).toBe(-5);
    expect(store.deliverDue(0)).toEqual(['one']);
    expect(waiting(store, 'one')).toEqual(['now', 'past']);
  });

  test('reach only those who still wait for them', () => {
    const store = openStore();
    const all = ['stays', 'ended', 'purged', 'renewed'].map(id => newInstance(id));
    const [stays, ended, purged, renewed] = all;
    if (!stays || !ended || !purged || !renewed) throw new Error('four instances');
    createIdle(store, ...all);
    const deliveries = all.map(({ instance }, index) => message(instance, 'timer', 100 + index));
    store.commitEpisode(episodeOf(stays, { deliveries }));
    store.commitEpisode(episodeOf(renewed, { instance: { ...renewed.instance, executionId: 'renewed-2' } }));
    store.commitEpisode(lastEpisodeOf(ended));
    store.purgeInstance('purged');
    expect(store.nextDueAtMs()).toBe(100);
    expect(store.deliverDue(1_000)).toEqual(['stays']);
    expect(store.instancesWithMessages()).toEqual(['stays']);
  });

  test('to one who ends, is purged or is replaced are gone at once', () => {
    const store = openStore();
    const sender = newInstance('sender');
    const all = [newInstance('ended'), newInstance('purged'), newInstance('replaced')] as const;
    createIdle(store, sender, ...all);
    const deliveries = all.flatMap(({ instance }) => [1, 2].map(n => message(to(instance.instanceId), 'x', n)));
    store.commitEpisode(episodeOf(sender, { deliveries: [...deliveries, message(to('sender'), 'last', 9)] }));
    store.commitEpisode(lastEpisodeOf(all[0]));
    store.purgeInstance('purged');
    createIdle(store, newInstance('replaced', { executionId: 'replaced-2' }));
    expect(store.nextDueAtMs()).toBe(9);
    expect(store.deliverDue(9)).toEqual(['sender']);
  });

  test('of a start are refused when the id is taken by then', () => {
    const store = openStore();
    const [one, busy, done] = [newInstance('one'), newInstance('busy'), newInstance('done')];
    createIdle(store, one, done);
    const [second, late] = [newInstance('done', { executionId: 'done-2' }), newInstance('busy', { executionId: 'x' })];
    store.commitEpisode(episodeOf(one, { deliveries: [start(late, one, 100), start(second, one, 100)] }));
    createIdle(store, busy);
    store.commitEpisode(lastEpisodeOf(done));
    expect(store.deliverDue(100)).toEqual(['one', 'done']);
    expect(waiting(store, 'one')).toEqual(['refused busy']);
    expect(store.getInstance('busy')).toEqual(busy.instance);
    expect(store.getInstance('done')).toEqual(second.instance);
  });

  test('follow the order of their step: a start clears what was sent before it, not after', () => {
    const store = openStore();
    const one = newInstance('one');
    createIdle(store, one);
    store.commitEpisode(
      episodeOf(one, {
        deliveries: [
          message(to('child'), 'before', 100),
          start(newInstance('child'), one),
          message(to('child'), 'after', 200),
        ],
      }),
    );
    expect(store.nextDueAtMs()).toBe(200);
    expect(store.deliverDue(200)).toEqual(['child']);
    expect(waiting(store, 'child')).toEqual([0, 'after']);
  });

  test('of a write with an instant wait for it, though the write itself does not', () => {
    const store = openStore();
    const one = newInstance('one');
    store.createInstance(one, 100);
    expect(store.getInstance('one')).toEqual(one.instance);
    expect(store.readMessages('one')).toEqual([]);
    expect(store.sendMessage(to('one'), raised('sent'), 300)).toBe(true);
    expect(store.sendMessage(to('@e@k'), raised('signal'), 400)).toBe(true);
    for (const nobody of [to('none'), to('one', 'one-0')]) {
      expect(store.sendMessage(nobody, raised('dropped'), 50)).toBe(false);
    }
    expect(store.nextDueAtMs()).toBe(100);
    expect(store.deliverDue(100)).toEqual(['one']);
    expect(store.readMessages('one')).toEqual([
      { seq: expect.any(Number), executionId: 'one-1', event: one.startedEvent },
    ]);
    store.commitEpisode(episodeOf(one, { deliveries: [call(one, 0)] }));
    const [task] = store.readActivities(0, 1);
    if (!task) throw new Error('one activity was called');
    expect(store.completeActivity(task, completed(0), 200)).toBe(true);
    expect(store.completeActivity(task, completed(0), 150)).toBe(false);
    expect(store.readActivities(0, 1)).toEqual([]);
    expect(waiting(store, 'one')).toEqual([EventType.ExecutionStarted]);
    expect(store.deliverDue(1_000)).toEqual(['one', '@e@k']);
    expect(waiting(store, 'one')).toEqual([EventType.ExecutionStarted, EventType.TaskCompleted, 'sent']);
  });

  test('of a write with an instant are gone when their instance is replaced meanwhile', () => {
    const store = openStore();
    store.createInstance(newInstance('one'), 100);
    const next = newInstance('one', { executionId: 'one-2' });
    store.createInstance(next, 200);
    expect(store.nextDueAtMs()).toBe(200);
    expect(store.deliverDue(200)).toEqual(['one']);
    expect(store.readMessages('one').map(({ event }) => event)).toEqual([next.startedEvent]);
  });
}
