import { describe, expect, test } from 'vitest';
import { EventType, eventBase, type HistoryEvent } from '../../../../local/engine/protocol/history.ts';
import type { EpisodeCommit, NewInstance, Store, StoredInstance } from '../../../../local/engine/store/store.ts';

const raised = (name: string): HistoryEvent => ({
  ...eventBase(1),
  EventType: EventType.EventRaised,
  Name: name,
  Input: '1',
});
const completed = (taskId: number): HistoryEvent => ({
  ...eventBase(2),
  EventType: EventType.TaskCompleted,
  TaskScheduledId: taskId,
  Result: 'null',
});

/** A new instance; members that a test cares for are given. */
export function newInstance(instanceId: string, members: Partial<StoredInstance> = {}): NewInstance {
  const instance: StoredInstance = {
    instanceId,
    executionId: `${instanceId}-1`,
    name: 'work',
    version: '',
    runtimeStatus: 'Pending',
    inputJson: '{"n":1}',
    outputJson: null,
    customStatusJson: null,
    parentInstanceId: null,
    createdAtMs: 1_000,
    lastUpdatedAtMs: 1_000,
    ...members,
  };
  const OrchestrationInstance = { InstanceId: instanceId, ExecutionId: instance.executionId };
  return {
    instance,
    startedEvent: {
      ...eventBase(1_000),
      EventType: EventType.ExecutionStarted,
      Name: 'work',
      Version: '',
      Input: instance.inputJson,
      OrchestrationInstance,
      ParentInstance: null,
      Tags: null,
    },
  };
}

function commitOf({ instance }: NewInstance, members: Partial<EpisodeCommit> = {}): EpisodeCommit {
  return {
    instance: { ...instance, runtimeStatus: 'Running' },
    loadedExecutionId: instance.executionId,
    consumedThroughSeq: 0,
    pastEventCount: 0,
    appended: [],
    activities: [],
    timers: [],
    children: [],
    messages: [],
    ...members,
  };
}

const eventTypes = (events: readonly HistoryEvent[]) => events.map(event => event.EventType);

/**
 * What every store must do.
 *
 * @param openStore - opens an empty store, closed after the test
 */
export function describeStore(title: string, openStore: () => Store): void {
  describe(title, () => {
    test('keeps meta values by key', () => {
      const store = openStore();
      expect(store.getMeta('marker')).toBeUndefined();
      store.setMeta('marker', 'a');
      store.setMeta('marker', 'b');
      expect(store.getMeta('marker')).toBe('b');
    });

    test('gives a new instance its first message', () => {
      const store = openStore();
      const created = newInstance('one');
      store.createInstance(created);
      expect(store.getInstance('one')).toEqual(created.instance);
      expect(store.instancesWithMessages()).toEqual(['one']);
      expect(store.readMessages('one')).toEqual([
        { seq: expect.any(Number), executionId: 'one-1', event: created.startedEvent },
      ]);
    });

    test('keeps messages in the order of arrival, and drops those for nobody', () => {
      const store = openStore();
      store.createInstance(newInstance('one'));
      store.createInstance(newInstance('done', { runtimeStatus: 'Completed' }));
      expect(store.sendMessage({ instanceId: 'one', executionId: null }, raised('a'))).toBe(true);
      expect(store.sendMessage({ instanceId: 'one', executionId: 'one-1' }, raised('b'))).toBe(true);
      expect(store.sendMessage({ instanceId: 'one', executionId: 'one-0' }, raised('other generation'))).toBe(false);
      expect(store.sendMessage({ instanceId: 'none', executionId: null }, raised('missing'))).toBe(false);
      expect(store.sendMessage({ instanceId: 'done', executionId: null }, raised('ended'))).toBe(false);
      const messages = store.readMessages('one');
      expect(messages.map(({ event }) => ('Name' in event ? event.Name : ''))).toEqual(['work', 'a', 'b']);
      store.dropMessages('one', messages[1]?.seq ?? 0);
      expect(store.readMessages('one')).toEqual(messages.slice(2));
    });

    test('writes an episode whole: history, calls, timers, children, messages', () => {
      const store = openStore();
      const one = newInstance('one');
      const child = newInstance('child', { parentInstanceId: 'one' });
      store.createInstance(one);
      store.createInstance(newInstance('parent'));
      const seq = store.readMessages('one').at(-1)?.seq ?? 0;
      const woken = store.commitEpisode(
        commitOf(one, {
          consumedThroughSeq: seq,
          appended: [one.startedEvent, raised('x')],
          activities: [{ taskId: 0, name: 'act', inputJson: '"in"' }],
          timers: [{ timerId: 1, fireAtMs: 5_000 }],
          children: [{ ...child, refusedEvent: raised('refused') }],
          messages: [{ to: { instanceId: 'parent', executionId: 'parent-1' }, event: raised('to parent') }],
        }),
      );
      expect(woken).toEqual(['child', 'parent']);
      expect(store.getInstance('one')?.runtimeStatus).toBe('Running');
      expect(store.readMessages('one')).toEqual([]);
      expect(eventTypes(store.readHistory('one'))).toEqual([0, 15]);
      expect(store.readActivities(0, 10)).toEqual([
        { seq: expect.any(Number), instanceId: 'one', executionId: 'one-1', taskId: 0, name: 'act', inputJson: '"in"' },
      ]);
      expect(store.nextTimerAtMs()).toBe(5_000);
      expect(store.getInstance('child')).toEqual(child.instance);
      expect(store.readMessages('parent')).toHaveLength(2);
    });

    test('writes nothing of an episode that fails halfway', () => {
      const store = openStore();
      const one = newInstance('one');
      store.createInstance(one);
      const unwritable = { ...raised('x'), Input: 1n } as unknown as HistoryEvent;
      expect(() => store.commitEpisode(commitOf(one, { appended: [raised('a'), unwritable] }))).toThrow(/BigInt/);
      expect(store.getInstance('one')?.runtimeStatus).toBe('Pending');
      expect(store.readHistory('one')).toEqual([]);
      expect(store.sendMessage({ instanceId: 'one', executionId: null }, raised('b'))).toBe(true);
    });

    test('appends to a history, and starts afresh for a new generation', () => {
      const store = openStore();
      const one = newInstance('one');
      store.createInstance(one);
      store.commitEpisode(commitOf(one, { appended: [one.startedEvent] }));
      store.commitEpisode(commitOf(one, { pastEventCount: 1, appended: [raised('a'), raised('b')] }));
      expect(eventTypes(store.readHistory('one'))).toEqual([0, 15, 15]);
      const next = { ...one.instance, executionId: 'one-2' };
      store.commitEpisode(commitOf(one, { instance: next, appended: [raised('c')] }));
      expect(eventTypes(store.readHistory('one'))).toEqual([15]);
      expect(store.getInstance('one')?.executionId).toBe('one-2');
    });

    test('writes nothing for an instance that was purged or replaced meanwhile', () => {
      const store = openStore();
      const one = newInstance('one');
      store.createInstance(newInstance('one', { executionId: 'one-2' }));
      const late = commitOf(one, {
        appended: [raised('late')],
        activities: [{ taskId: 0, name: 'act', inputJson: null }],
      });
      expect(store.commitEpisode(late)).toBeUndefined();
      expect(store.purgeInstance('one')).toBe(true);
      expect(store.commitEpisode(late)).toBeUndefined();
      expect(store.readHistory('one')).toEqual([]);
      expect(store.readActivities(0, 10)).toEqual([]);
    });

    test('refuses a child under the id of a running instance, and replaces a finished one', () => {
      const store = openStore();
      const one = newInstance('one');
      store.createInstance(one);
      store.createInstance(newInstance('busy'));
      store.createInstance(newInstance('done', { runtimeStatus: 'Failed' }));
      const seq = store.readMessages('one').at(-1)?.seq ?? 0;
      const woken = store.commitEpisode(
        commitOf(one, {
          consumedThroughSeq: seq,
          children: [
            { ...newInstance('busy', { executionId: 'busy-2' }), refusedEvent: raised('refused') },
            { ...newInstance('done', { executionId: 'done-2' }), refusedEvent: raised('refused') },
          ],
        }),
      );
      expect(woken).toEqual(['one', 'done']);
      expect(store.getInstance('busy')?.executionId).toBe('busy-1');
      expect(store.getInstance('done')).toMatchObject({ executionId: 'done-2', runtimeStatus: 'Pending' });
      expect(store.readMessages('one').map(({ event }) => event)).toEqual([raised('refused')]);
    });

    test('gives activities out in order, until each has ended once', () => {
      const store = openStore();
      const one = newInstance('one');
      store.createInstance(one);
      const calls = [0, 1, 2].map(taskId => ({ taskId, name: 'act', inputJson: null }));
      store.commitEpisode(commitOf(one, { activities: calls }));
      const [first, second, third] = store.readActivities(0, 10);
      if (!first || !second || !third) throw new Error('three activities were called');
      expect([first, second, third].map(({ taskId }) => taskId)).toEqual([0, 1, 2]);
      expect(store.readActivities(0, 2)).toHaveLength(2);
      expect(store.readActivities(second.seq, 10)).toEqual([third]);
      expect(store.completeActivity(second, completed(1))).toBe(true);
      expect(store.completeActivity(second, completed(1))).toBe(false);
      expect(store.readActivities(0, 10)).toEqual([first, third]);
      expect(store.readMessages('one').filter(({ event }) => event.EventType === EventType.TaskCompleted)).toHaveLength(
        1,
      );
      store.commitEpisode(commitOf(one, { instance: { ...one.instance, runtimeStatus: 'Terminated' } }));
      expect(store.completeActivity(third, completed(2))).toBe(false);
      expect(store.readActivities(0, 10)).toEqual([first]);
    });

    test('never gives a new activity the number of an ended one', () => {
      const store = openStore();
      const one = newInstance('one');
      store.createInstance(one);
      const call = commitOf(one, { activities: [{ taskId: 0, name: 'act', inputJson: null }] });
      store.commitEpisode(call);
      const [first] = store.readActivities(0, 1);
      if (!first) throw new Error('one activity was called');
      store.completeActivity(first, completed(0));
      store.commitEpisode(call);
      expect(store.readActivities(first.seq, 1)).toHaveLength(1);
    });

    test('fires due timers once, the earliest first, for those who still wait', () => {
      const store = openStore();
      const [one, two, ended] = [newInstance('one'), newInstance('two'), newInstance('ended')];
      for (const each of [one, two, ended]) store.createInstance(each);
      store.commitEpisode(
        commitOf(one, {
          timers: [
            { timerId: 0, fireAtMs: 300 },
            { timerId: 1, fireAtMs: 900 },
          ],
        }),
      );
      store.commitEpisode(commitOf(two, { timers: [{ timerId: 7, fireAtMs: 200 }] }));
      store.commitEpisode(commitOf(ended, { timers: [{ timerId: 0, fireAtMs: 100 }] }));
      store.commitEpisode(commitOf(ended, { instance: { ...ended.instance, runtimeStatus: 'Completed' } }));
      expect(store.nextTimerAtMs()).toBe(200);
      expect(store.fireTimers(199)).toEqual([]);
      expect(store.fireTimers(300)).toEqual(['two', 'one']);
      expect(store.fireTimers(300)).toEqual([]);
      expect(store.readMessages('two').at(-1)?.event).toEqual({
        ...eventBase(300),
        EventType: EventType.TimerFired,
        TimerId: 7,
        FireAt: '1970-01-01T00:00:00.200Z',
      });
      expect(store.nextTimerAtMs()).toBe(900);
      expect(store.purgeInstance('one')).toBe(true);
      expect(store.nextTimerAtMs()).toBeUndefined();
    });

    test('lists by prefix, time and status, in pages', () => {
      const store = openStore();
      store.createInstance(newInstance('a%1', { createdAtMs: 100, runtimeStatus: 'Running' }));
      store.createInstance(newInstance('a_2', { createdAtMs: 200, runtimeStatus: 'Completed' }));
      store.createInstance(newInstance('b3', { createdAtMs: 300, runtimeStatus: 'Failed' }));
      const ids = (filter: Parameters<Store['listInstances']>[0]) =>
        store.listInstances(filter).instances.map(({ instanceId }) => instanceId);
      expect(ids({})).toEqual(['a%1', 'a_2', 'b3']);
      expect(ids({ instanceIdPrefix: 'a%' })).toEqual(['a%1']);
      expect(ids({ createdFromMs: 200 })).toEqual(['a_2', 'b3']);
      expect(ids({ createdToMs: 200 })).toEqual(['a%1', 'a_2']);
      expect(ids({ runtimeStatus: ['Failed', 'Running'] })).toEqual(['a%1', 'b3']);
      expect(ids({ runtimeStatus: [] })).toEqual([]);
      expect(store.listInstances({ top: 2 })).toMatchObject({ continuationToken: 'a_2' });
      expect(store.listInstances({ top: 2, continuationToken: 'a_2' })).not.toHaveProperty('continuationToken');
    });
  });
}
