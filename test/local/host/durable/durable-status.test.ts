import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventType } from '../../../../local/engine/protocol/history.ts';
import { foldHistory, type HistoryRow, jsonValue, statusBody } from '../../../../local/host/durable/durable-status.ts';
import { instanceRecord } from '../../../helpers/fake-engine.ts';

const row = (type: keyof typeof EventType, fields: object = {}): HistoryRow => ({
  EventType: EventType[type],
  EventId: -1,
  IsPlayed: true,
  Timestamp: '2026-01-01T00:00:01.5Z',
  ...fields,
});
const all = { showInput: true, showHistory: true, showHistoryOutput: true };
const instance = { InstanceId: 'i1', ExecutionId: 'e1' };

const history = [
  row('OrchestratorStarted'),
  row('ExecutionStarted', {
    Name: 'hello',
    Version: '',
    Input: '[1]',
    OrchestrationInstance: instance,
    ParentInstance: null,
    Tags: null,
  }),
  row('TaskScheduled', { EventId: 0, Name: 'greet', Version: '', Input: null, Timestamp: '2026-01-01T00:00:00Z' }),
  row('TaskScheduled', { EventId: 1, Name: 'greet', Version: '', Input: null }),
  row('TaskScheduled', { EventId: 2, Name: 'slow', Version: '', Input: null }),
  row('SubOrchestrationInstanceCreated', { EventId: 3, Name: 'child', Version: '', InstanceId: 'c', Input: null }),
  row('TimerCreated', { EventId: 4, FireAt: '2026-01-01T00:01:00Z' }),
  row('OrchestratorCompleted'),
  row('OrchestratorStarted'),
  row('TaskFailed', { TaskScheduledId: 1, Reason: 'broke', Details: 'long' }),
  row('TaskCompleted', { TaskScheduledId: 0, Result: '{"text":"hi"}' }),
  row('SubOrchestrationInstanceCompleted', { TaskScheduledId: 3, Result: 'no json' }),
  row('TimerFired', { TimerId: 4, FireAt: '2026-01-01T00:01:00Z' }),
  row('EventRaised', { Name: 'go', Input: '"now"' }),
  row('ExecutionCompleted', { EventId: 5, OrchestrationStatus: 'Completed', Result: '[1]', Details: null }),
  row('OrchestratorCompleted'),
];
const at = '2026-01-01T00:00:01.5Z';

test('scheduled rows are folded into what ended them, and engine rows and members are left out', () => {
  expect(foldHistory(history, all)).toEqual([
    { EventType: 'ExecutionStarted', Timestamp: at, Input: '[1]', FunctionName: 'hello' },
    { EventType: 'TaskScheduled', Timestamp: at, Name: 'slow', Input: null },
    { EventType: 'TimerCreated', Timestamp: at, FireAt: '2026-01-01T00:01:00Z' },
    {
      EventType: 'TaskFailed',
      Timestamp: at,
      Reason: 'broke',
      Details: 'long',
      ScheduledTime: at,
      FunctionName: 'greet',
      Input: null,
    },
    {
      EventType: 'TaskCompleted',
      Timestamp: at,
      Result: { text: 'hi' },
      ScheduledTime: '2026-01-01T00:00:00Z',
      FunctionName: 'greet',
      Input: null,
    },
    {
      EventType: 'SubOrchestrationInstanceCompleted',
      Timestamp: at,
      Result: 'no json',
      ScheduledTime: at,
      FunctionName: 'child',
      Input: null,
    },
    { EventType: 'TimerFired', Timestamp: at, FireAt: '2026-01-01T00:01:00Z' },
    { EventType: 'EventRaised', Timestamp: at, Name: 'go', Input: '"now"' },
    { EventType: 'ExecutionCompleted', Timestamp: at, OrchestrationStatus: 'Completed', Result: [1], Details: null },
  ]);
});

test('without showHistoryOutput no row has a result', () => {
  const rows = foldHistory(history, { ...all, showHistoryOutput: false });
  expect(rows).toHaveLength(9);
  expect(rows.some(shown => 'Result' in shown)).toBe(false);
});

test('without showInput no row has an input', () => {
  expect(foldHistory(history, { ...all, showInput: false }).some(shown => 'Input' in shown)).toBe(false);
});

test('each activity leaves exactly one row, ended or not, whatever the order of ends', () => {
  const ends = fc
    .array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 20 })
    .chain(tasks =>
      fc.tuple(
        fc.constant(tasks),
        fc.shuffledSubarray([...tasks.keys()], { minLength: tasks.length, maxLength: tasks.length }),
      ),
    );
  fc.assert(
    fc.property(ends, ([tasks, order]) => {
      const scheduled = tasks.map((_, id) =>
        row('TaskScheduled', { EventId: id, Name: `f${id}`, Version: '', Input: null }),
      );
      const ended = order.flatMap(id => {
        const [hasEnded, hasFailed] = tasks[id] ?? [false, false];
        if (!hasEnded) return [];
        return hasFailed
          ? [row('TaskFailed', { TaskScheduledId: id })]
          : [row('TaskCompleted', { TaskScheduledId: id, Result: null })];
      });
      const names = foldHistory([...scheduled, ...ended], all).map(shown => shown['FunctionName'] ?? shown['Name']);
      expect(names.toSorted()).toEqual(tasks.map((_, id) => `f${id}`).toSorted());
    }),
  );
});

test('stored text is a JSON value, or itself when it is none', () => {
  expect([null, 'null', '"x"', '{"a":[1]}', ' because ', ''].map(jsonValue)).toEqual([
    null,
    null,
    'x',
    { a: [1] },
    'because',
    '',
  ]);
});

test('the body has names, parsed values, and times to the second', () => {
  const record = instanceRecord({ runtimeStatus: 'Terminated', outputJson: 'enough', customStatusJson: '{"done":3}' });
  expect(statusBody(record, { ...all, showHistory: false })).toEqual({
    name: 'hello',
    instanceId: 'i1',
    runtimeStatus: 'Terminated',
    input: { n: 1 },
    customStatus: { done: 3 },
    output: 'enough',
    createdTime: '2026-01-01T00:00:00Z',
    lastUpdatedTime: '2026-01-01T00:01:02Z',
  });
});

test('input is null when it is not asked for, and history is there when given', () => {
  expect(statusBody(instanceRecord(), { ...all, showInput: false }, [])).toMatchObject({
    input: null,
    output: null,
    historyEvents: [],
  });
});
