import { describe, expect, test } from 'vitest';
import { type Action, ActionType } from '../../../../local/engine/protocol/actions.ts';
import { EventType, eventBase, type HistoryEvent } from '../../../../local/engine/protocol/history.ts';
import { type OrchestratorTurn, replay } from '../../../../local/engine/replay/shim.ts';
import { DEFAULT_STEP_SETTINGS } from '../../../../local/engine/step/step.ts';

const environment = {
  name: 'work',
  instanceId: 'one',
  executionId: 'e'.repeat(32),
  parentInstanceId: null,
  settings: {
    ...DEFAULT_STEP_SETTINGS,
    maximumShortTimerMs: 10_000,
    longTimerIntervalMs: 4_000,
    maxOrchestrationActions: 5,
  },
  isRegistered: () => true,
};

const activity = (functionName: string): Action => ({ actionType: ActionType.CallActivity, functionName });
const timer = (fireAtMs: number, isCanceled = false): Action => ({
  actionType: ActionType.CreateTimer,
  fireAt: new Date(fireAtMs).toISOString(),
  isCanceled,
});
const waitFor = (externalEventName: string): Action => ({
  actionType: ActionType.WaitForExternalEvent,
  externalEventName,
});
const all = (...compoundActions: Action[]): Action => ({ actionType: ActionType.WhenAll, compoundActions });
const any = (...compoundActions: Action[]): Action => ({ actionType: ActionType.WhenAny, compoundActions });

const begin = (atMs = 0): HistoryEvent => ({ ...eventBase(atMs), EventType: EventType.OrchestratorStarted });
const started: HistoryEvent = {
  ...eventBase(0),
  EventType: EventType.ExecutionStarted,
  Name: 'work',
  Version: '',
  Input: 'null',
  OrchestrationInstance: { InstanceId: 'one', ExecutionId: environment.executionId },
  ParentInstance: null,
  Tags: null,
};
const scheduled = (id: number, Name: string): HistoryEvent => ({
  ...eventBase(0, id),
  EventType: EventType.TaskScheduled,
  Name,
  Version: '',
  Input: null,
});
const timerCreated = (id: number): HistoryEvent => ({
  ...eventBase(0, id),
  EventType: EventType.TimerCreated,
  FireAt: '',
});
const completed = (id: number): HistoryEvent => ({
  ...eventBase(0),
  EventType: EventType.TaskCompleted,
  TaskScheduledId: id,
  Result: null,
});
const failed = (id: number): HistoryEvent => ({
  ...eventBase(0),
  EventType: EventType.TaskFailed,
  TaskScheduledId: id,
  Reason: 'r',
  Details: 'd',
});
const fired = (id: number): HistoryEvent => ({
  ...eventBase(0),
  EventType: EventType.TimerFired,
  TimerId: id,
  FireAt: '',
});
const raised = (Name: string): HistoryEvent => ({
  ...eventBase(0),
  EventType: EventType.EventRaised,
  Name,
  Input: '1',
});
const terminated: HistoryEvent = { ...eventBase(0), EventType: EventType.ExecutionTerminated, Input: 'enough' };
const suspended: HistoryEvent = { ...eventBase(0), EventType: EventType.ExecutionSuspended, Reason: '' };
const resumed: HistoryEvent = { ...eventBase(0), EventType: EventType.ExecutionResumed, Reason: '' };

const pending = (...actions: Action[]): OrchestratorTurn => ({ actions, ending: { kind: 'pending' } });
const done = (...actions: Action[]): OrchestratorTurn => ({ actions, ending: { kind: 'completed', outputJson: '1' } });
const broken = (...actions: Action[]): OrchestratorTurn => ({
  actions,
  ending: { kind: 'failed', reason: 'broke', details: 'd' },
});

/** What a replay comes to, in short: `id:kind` of each decision, and the outcome's kind. */
function brief(past: HistoryEvent[], fresh: HistoryEvent[], turn: OrchestratorTurn) {
  const { decisions, outcome, divergences } = replay(environment, past, fresh, turn);
  return {
    decided: decisions.map(each => `${each.id}:${'name' in each ? each.name : each.kind}`),
    outcome: outcome.kind,
    divergences,
  };
}

describe('ids', () => {
  test('go depth first, left to right, events take none', () => {
    const turn = pending(all(activity('a'), any(waitFor('go'), timer(5_000)), activity('b')));
    expect(brief([], [begin(), started], turn)).toEqual({
      decided: ['0:a', '1:timer', '2:b'],
      outcome: 'running',
      divergences: [],
    });
  });

  test('are given to an action only when the one before it has ended', () => {
    const turn = pending(activity('a'), activity('b'));
    expect(brief([], [begin(), started], turn).decided).toEqual(['0:a']);
    const past = [begin(), started, scheduled(0, 'a')];
    expect(brief(past, [begin(), completed(0)], turn).decided).toEqual(['1:b']);
  });

  test('of a compound come only when all its tasks have ended, also after a failure', () => {
    const turn = pending(all(activity('a'), activity('b')), activity('c'));
    const past = [begin(), started, scheduled(0, 'a'), scheduled(1, 'b')];
    expect(brief(past, [begin(), failed(0)], turn)).toMatchObject({ decided: [], outcome: 'running' });
    expect(brief(past, [begin(), failed(0), completed(1)], turn).decided).toEqual(['2:c']);
  });

  test('do not match names of another case, kind or order', () => {
    const past = [begin(), started, scheduled(0, 'A')];
    expect(brief(past, [begin()], pending(activity('a')))).toMatchObject({ outcome: 'running' });
    for (const turn of [pending(activity('b')), pending(timer(1)), pending(waitFor('go'))]) {
      const { outcome } = replay(environment, past, [begin()], turn);
      expect(outcome).toMatchObject({
        kind: 'failed',
        reason: expect.stringContaining("with sequence ID 0 and name 'A'"),
      });
    }
  });

  test('that a failed match leaves over are still acted on', () => {
    const past = [begin(), started, scheduled(0, 'a'), scheduled(1, 'gone')];
    expect(brief(past, [begin()], pending(all(activity('a'), timer(1), activity('c'))))).toMatchObject({
      decided: ['1:timer', '2:c'],
      outcome: 'failed',
    });
  });

  test('end at the limit of actions', () => {
    const turn = pending(all(...[...Array(6).keys()].map(index => activity(`a${index}`))));
    const { decisions, outcome } = replay(environment, [], [begin(), started], turn);
    expect(decisions).toEqual([]);
    expect(outcome).toMatchObject({ kind: 'failed', reason: expect.stringContaining('more than 5 actions') });
  });
});

describe('endings', () => {
  test('take an id of their own', () => {
    const past = [begin(), started, scheduled(0, 'a')];
    const { outcome } = replay(environment, past, [begin(), completed(0)], done(activity('a')));
    expect(outcome).toEqual({ kind: 'completed', id: 1, outputJson: '1' });
  });

  test.each([
    ['a return', done(any(activity('a'), activity('b')))],
    ['a throw', broken(any(activity('a'), activity('b')))],
    ['a continue-as-new', done(any(activity('a'), activity('b')), { actionType: ActionType.ContinueAsNew })],
  ])('by %s wait for open tasks', (_, turn) => {
    const past = [begin(), started, scheduled(0, 'a'), scheduled(1, 'b')];
    expect(brief(past, [begin(), completed(0)], turn).outcome).toBe('running');
    expect(brief(past, [begin(), completed(0), completed(1)], turn).outcome).not.toBe('running');
  });

  test('do not wait for events nor for cancelled timers', () => {
    const turn = done(any(waitFor('go'), timer(9_000, true)));
    expect(brief([], [begin(), started], turn)).toMatchObject({ decided: ['0:timer'], outcome: 'completed' });
  });

  test('by a failure without actions contradict what was scheduled', () => {
    expect(replay(environment, [], [begin(), started], broken()).outcome).toMatchObject({
      kind: 'failed',
      reason: 'broke',
    });
    const past = [begin(), started, scheduled(0, 'a')];
    expect(replay(environment, past, [begin()], broken()).outcome).toMatchObject({
      reason: expect.stringMatching(/^Non-Deterministic/),
    });
  });

  test('by termination come first, and keep what was decided before', () => {
    const { decisions, outcome } = replay(
      environment,
      [],
      [begin(), started, terminated, terminated],
      pending(activity('a')),
    );
    expect(decisions.map(({ id }) => id)).toEqual([0]);
    expect(outcome).toEqual({ kind: 'terminated', id: 1, reason: 'enough' });
  });

  test('completions twice, or of unknown ids, change nothing', () => {
    const past = [begin(), started, scheduled(0, 'a')];
    const fresh = [begin(), completed(7), completed(0), failed(0), fired(0)];
    expect(brief(past, fresh, pending(activity('a'), waitFor('go')))).toEqual({
      decided: [],
      outcome: 'running',
      divergences: [],
    });
  });
});

describe('suspension', () => {
  const turn = pending(activity('a'), activity('b'));

  test('holds back decisions and events, and gives them back in order', () => {
    expect(brief([], [begin(), started, suspended], turn)).toMatchObject({ decided: [], outcome: 'suspended' });
    const past = [begin(), started, suspended];
    expect(brief(past, [begin(), resumed], turn)).toMatchObject({ decided: ['0:a'], outcome: 'running' });
    const later = [begin(), started, scheduled(0, 'a'), begin(), suspended, begin(), completed(0), suspended];
    expect(brief(later, [begin(), resumed], turn)).toMatchObject({ decided: ['1:b'], outcome: 'running' });
  });

  test('does not hold back a termination', () => {
    expect(brief([begin(), started, suspended], [begin(), terminated], turn)).toMatchObject({
      decided: [],
      outcome: 'terminated',
    });
  });
});

describe('long timers', () => {
  test('cancelled, take one id and leave their mark on timers that are due', () => {
    const turn = pending(timer(20_000, true), timer(0), activity('a'));
    // The cancelled timer leaves the instance in "long timer" mode, in which a timer that is due takes no id.
    expect(brief([], [begin(), started], turn).decided).toEqual(['0:timer', '1:a']);
  });

  test('go segment by segment by the episodes’ time', () => {
    const turn = pending(timer(11_000));
    const decidedAt = (past: HistoryEvent[], fresh: HistoryEvent[]) =>
      replay(environment, past, fresh, turn).decisions.map(each => (each.kind === 'timer' ? each.fireAtMs : each.kind));
    expect(decidedAt([], [begin(), started])).toEqual([4_000]);
    const first = [begin(), started, timerCreated(0)];
    expect(decidedAt(first, [begin(4_000), fired(0)])).toEqual([8_000]);
    const second = [...first, begin(4_000), fired(0), timerCreated(1)];
    expect(decidedAt(second, [begin(8_000), fired(1)])).toEqual([11_000]);
  });
});

test('events raised after continue-as-new was decided are carried, those before are not', () => {
  const turn = done(waitFor('go'), { actionType: ActionType.ContinueAsNew, input: { n: 1 } });
  const { outcome } = replay(
    environment,
    [begin(), started],
    [begin(), raised('early'), raised('go'), raised('late')],
    turn,
  );
  expect(outcome).toEqual({ kind: 'continuedAsNew', input: { n: 1 }, carriedEvents: [raised('late')] });
});
