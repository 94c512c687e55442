import { describe, expect, test } from 'vitest';
import { EventType, eventBase, type HistoryEvent } from '../../../../local/engine/protocol/history.ts';
import { orchestratorTrigger } from '../../../../local/engine/protocol/payloads.ts';
import { DEFAULT_STEP_SETTINGS } from '../../../../local/engine/step/step.ts';
import { readExecutorView } from '../../../../local/host/worker/executor-view.ts';
import { createTestWorker, df } from '../../../helpers/durable-app.ts';

const begin: HistoryEvent = { ...eventBase(0), EventType: EventType.OrchestratorStarted };
const started: HistoryEvent = {
  ...eventBase(0),
  EventType: EventType.ExecutionStarted,
  Name: 'work',
  Version: '',
  Input: 'null',
  OrchestrationInstance: { InstanceId: 'one', ExecutionId: 'e' },
  ParentInstance: null,
  Tags: null,
};
const completed = (TaskScheduledId: number, result: unknown = null): HistoryEvent => ({
  ...eventBase(0),
  EventType: EventType.TaskCompleted,
  TaskScheduledId,
  Result: JSON.stringify(result),
});
const failed = (TaskScheduledId: number): HistoryEvent => ({
  ...eventBase(0),
  EventType: EventType.TaskFailed,
  TaskScheduledId,
  Reason: 'r',
  Details: 'd',
});
const fired = (TimerId: number): HistoryEvent => ({
  ...eventBase(0),
  EventType: EventType.TimerFired,
  TimerId,
  FireAt: '',
});
const raised = (Name: string): HistoryEvent => ({
  ...eventBase(0),
  EventType: EventType.EventRaised,
  Name,
  Input: '1',
});

type Durable = df.OrchestrationContext['df'];

/** What comes back beside the answer of an orchestrator, after these events. */
async function viewOf(work: (durable: Durable) => Generator, ...events: HistoryEvent[]) {
  const worker = createTestWorker(app =>
    app.orchestration('work', function* (context) {
      return yield* work(context.df) as Generator<never>;
    }),
  );
  const trigger = orchestratorTrigger({
    historyJson: [begin, started, ...events].map(event => JSON.stringify(event)).join(','),
    inputJson: null,
    instanceId: 'one',
    parentInstanceId: null,
    isReplaying: false,
    settings: DEFAULT_STEP_SETTINGS,
  });
  const outcome = await worker.invoke('work', trigger);
  if (outcome.kind !== 'returned' && outcome.kind !== 'threw') throw new Error(outcome.kind);
  return outcome;
}

const retry = new df.RetryOptions(1_000, 3);
const poll = { statusCode: 202, headers: { Location: 'https://job.example/1' }, content: '' };

describe('the view of the real library', () => {
  test('names open tasks by kind, name and place', async () => {
    const { executor } = await viewOf(function* (durable) {
      durable.signalEntity(new df.EntityId('counter', 'k'), 'add');
      yield durable.Task.all([
        durable.callActivity('a'),
        durable.Task.any([
          durable.callSubOrchestratorWithRetry('b', retry),
          durable.createTimer(new Date(1)),
          durable.waitForExternalEvent('go'),
        ]),
        durable.callEntity(new df.EntityId('counter', 'k'), 'get'),
        durable.callHttp({ method: 'GET', url: 'https://job.example/' }),
      ]);
    });
    expect(executor).toEqual({
      sequenceNumber: 6,
      openTasks: [
        { id: 1, kind: 'activity', name: 'a', place: 1 },
        { id: 2, kind: 'child', name: 'b', place: 2 },
        { id: 3, kind: 'timer', place: 3 },
        { id: 4, kind: 'entity', name: '@counter@k', place: 5 },
        { id: 5, kind: 'http', place: 6 },
      ],
      parkedIds: [],
      repeatedActions: [],
      awaitedEvents: ['go'],
      swallowedEvents: [],
    });
  });

  test('gives retries, their timers, segments and polls the place of what made them', async () => {
    const work = function* (durable: Durable) {
      yield durable.Task.all([
        durable.createTimer(new Date(7 * 86_400_000)),
        durable.callActivityWithRetry('a', retry),
        durable.callActivityWithRetry('b', retry),
        durable.callHttp({ method: 'GET', url: 'https://job.example/' }),
      ]);
    };
    const { executor } = await viewOf(work, fired(0), failed(1), failed(2), completed(3, poll), fired(5));
    expect(executor?.openTasks).toEqual([
      { id: 4, kind: 'timer', place: 0 },
      { id: 6, kind: 'timer', place: 2 },
      { id: 7, kind: 'timer', place: 3 },
      { id: 8, kind: 'http', place: 3 },
      { id: 9, kind: 'activity', name: 'a', place: 1 },
    ]);
  });

  test('shows results for ids that were not given, also where the orchestrator throws', async () => {
    const outcome = await viewOf(
      function* (durable) {
        yield durable.callActivity('a');
        throw new Error('broke');
      },
      completed(3),
      completed(0),
    );
    expect(outcome).toMatchObject({ kind: 'threw', executor: { sequenceNumber: 1, openTasks: [], parkedIds: [3] } });
  });

  test('shows actions that stand twice, as one object', async () => {
    const { executor } = await viewOf(function* (durable) {
      const tasks = ['a', 'b', 'b'].map(name => durable.callActivity(name));
      yield durable.Task.any(tasks);
      yield durable.Task.all([durable.callActivity('c'), ...tasks.slice(1)]);
    }, completed(0));
    expect(executor?.repeatedActions).toEqual([
      { first: 1, again: 4 },
      { first: 2, again: 5 },
    ]);
  });

  test('yielding a task or a compound again is no repetition', async () => {
    const { executor } = await viewOf(function* (durable) {
      const both = durable.Task.all(['a', 'b'].map(name => durable.callActivity(name)));
      try {
        yield durable.Task.all([durable.callActivity('c'), both]);
      } catch {
        yield both;
      }
    }, failed(0));
    expect(executor).toMatchObject({ sequenceNumber: 3, repeatedActions: [] });
  });
});

describe('events', () => {
  /** Waits for `item` in two compounds, and for `item` anew. */
  const twice = function* (durable: Durable) {
    const item = durable.waitForExternalEvent('item');
    yield durable.Task.any([item, durable.waitForExternalEvent('tick')]);
    yield durable.Task.any([item, durable.waitForExternalEvent('tock')]);
    yield durable.waitForExternalEvent('go');
    yield durable.waitForExternalEvent('item');
    yield durable.waitForExternalEvent('end');
  };

  test.each([
    ['no second event', [raised('tick'), raised('item')], []],
    ['a second event for the old wait', [raised('tick'), raised('item'), raised('item')], ['item']],
    ['a second event for a new wait', [raised('tick'), raised('item'), raised('go'), raised('item')], []],
    ['events before anybody waits', [raised('go'), raised('go'), raised('tick')], []],
    ['a second event for a wait that was yielded again when it had one', [raised('item'), raised('item')], ['item']],
    ['an event that nobody ever waits for', [raised('other'), raised('other')], []],
  ])('%s', async (_, events, swallowed) => {
    const { executor } = await viewOf(twice, ...events);
    expect(executor?.swallowedEvents).toEqual(swallowed);
  });

  test('are not counted once the orchestrator has ended: it reads no further', async () => {
    const once = function* (durable: Durable) {
      yield durable.waitForExternalEvent('item');
    };
    const { executor } = await viewOf(once, raised('item'), raised('item'));
    expect(executor).toMatchObject({ swallowedEvents: [], awaitedEvents: [] });
  });
});

test('other functions have no view', async () => {
  const worker = createTestWorker(app => app.activity('a', { handler: () => 1 }));
  expect(await worker.invoke('a', {})).not.toHaveProperty('executor');
});

const EXECUTOR = { sequenceNumber: 0, openTasks: {}, openEvents: {}, deferredTasks: {}, actions: [] };
const contextOf = (taskOrchestratorExecutor: unknown) => ({ df: { taskOrchestratorExecutor } });

describe('a library of another shape', () => {
  test.each([undefined, null, 'text', {}, { df: null }, contextOf(undefined), contextOf({})])('%j: none', context => {
    expect(readExecutorView(context)).toBeUndefined();
  });

  test.each(Object.keys(EXECUTOR))('without %s: none', member => {
    expect(readExecutorView(contextOf(EXECUTOR))).toMatchObject({ sequenceNumber: 0 });
    expect(readExecutorView(contextOf({ ...EXECUTOR, [member]: undefined }))).toBeUndefined();
  });

  test('tasks, waits and actions of another shape are named as far as they can be', () => {
    const executor = {
      ...EXECUTOR,
      openTasks: { 0: null, 1: { action: {} }, 2: {} },
      openEvents: { go: 1 },
      actions: [1],
    };
    expect(readExecutorView(contextOf(executor))).toMatchObject({
      openTasks: [0, 1, 2].map(id => ({ id, kind: 'other' })),
      awaitedEvents: [],
    });
  });
});
