import { describe, expect, test } from 'vitest';
import { type Action, ActionType } from '../../../../local/engine/protocol/actions.ts';
import { EventType, eventBase, type HistoryEvent } from '../../../../local/engine/protocol/history.ts';
import type { ExecutorTask, ExecutorView } from '../../../../local/engine/protocol/worker.ts';
import { type OrchestratorTurn, replay } from '../../../../local/engine/replay/shim.ts';
import { notYetReported } from '../../../../local/engine/replay/shim-divergence.ts';
import { DEFAULT_STEP_SETTINGS } from '../../../../local/engine/step/step.ts';

const environment = {
  name: 'work',
  instanceId: 'one',
  executionId: 'e'.repeat(32),
  parentInstanceId: null,
  settings: DEFAULT_STEP_SETTINGS,
  isRegistered: () => true,
};

const activity = (functionName: string): Action => ({ actionType: ActionType.CallActivity, functionName });
const waitFor = (externalEventName: string): Action => ({
  actionType: ActionType.WaitForExternalEvent,
  externalEventName,
});
const all = (...compoundActions: Action[]): Action => ({ actionType: ActionType.WhenAll, compoundActions });

const begin: HistoryEvent = { ...eventBase(0), EventType: EventType.OrchestratorStarted };
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
const suspended: HistoryEvent = { ...eventBase(0), EventType: EventType.ExecutionSuspended, Reason: '' };

const task = (id: number, place: number, name: string): ExecutorTask => ({ id, kind: 'activity', name, place });

function view(openTasks: ExecutorTask[], changes: Partial<ExecutorView> = {}): ExecutorView {
  return {
    sequenceNumber: openTasks.length,
    openTasks,
    parkedIds: [],
    repeatedActions: [],
    awaitedEvents: [],
    swallowedEvents: [],
    ...changes,
  };
}

interface Case {
  readonly actions: readonly Action[];
  readonly executor?: ExecutorView;
  readonly ending?: OrchestratorTurn['ending'];
  readonly fresh?: readonly HistoryEvent[];
}

/** The reports of an instance's first episode. */
function reports({ actions, executor, ending = { kind: 'pending' }, fresh = [] }: Case): string[] {
  const turn = { actions, ending, ...(executor && { executor }) };
  return replay(environment, [], [begin, started, ...fresh], turn).divergences.map(({ report }) => report);
}

const twice = [all(activity('a'), activity('b')), all(activity('a'), activity('c'))];

describe('without the bookkeeping of the library', () => {
  test('equal calls are not taken for one', () => {
    expect(reports({ actions: twice })).toEqual([]);
  });

  test('an orchestrator for which nothing is open is stuck', () => {
    expect(reports({ actions: [] })).toEqual([expect.stringMatching(/^stuck: .* Running until it is terminated/)]);
  });
});

describe('ids', () => {
  const actions = [all(activity('a'), activity('b'))];

  test('that mean the same are not reported', () => {
    expect(reports({ actions, executor: view([task(0, 0, 'a'), task(1, 1, 'b')]) })).toEqual([]);
  });

  test('that mean the same are not reported where the action is not known, but its name', () => {
    const executor = view([
      { id: 0, kind: 'activity', name: 'A' },
      { id: 1, kind: 'other' },
    ]);
    expect(reports({ actions, executor })).toEqual([]);
  });

  test.each([
    ['of another action', task(0, 1, 'b'), "activity 'b'"],
    ['of another kind', { id: 0, kind: 'timer', place: 0 } as const, "a timer of activity 'a'"],
    ['of another name', { id: 0, kind: 'activity', name: 'z' } as const, "activity 'z'"],
    ['of nothing known', { id: 0, kind: 'timer' } as const, 'timer'],
  ])('%s are reported', (_, first, meaning) => {
    const [report, ...others] = reports({ actions, executor: view([first, task(1, 1, 'b')]) });
    expect(report).toBe(
      `ids-parted: id 0 is activity 'a' for the host, and for the orchestrator ${meaning}, so that results go to the wrong tasks; ` +
        'let the orchestrator do the same on each replay, and put a retried call beside others into a sub-orchestration',
    );
    expect(others).toEqual([]);
  });

  test('that the orchestrator has not given are reported', () => {
    const executor = view([task(0, 0, 'a')]);
    expect(reports({ actions, executor })).toEqual([expect.stringMatching(/^ids-parted: id 1 is activity 'b'/)]);
  });

  test.each([
    { kind: 'completed', outputJson: null },
    { kind: 'failed', reason: 'r', details: 'd' },
  ] as const)('may be missing where it has $kind: it reads no further', ending => {
    expect(reports({ actions, ending, executor: view([task(0, 0, 'a')]) })).toEqual([]);
  });

  test('are not compared once a task is repeated', () => {
    const executor = view([task(0, 0, 'a'), task(1, 1, 'b')], {
      sequenceNumber: 3,
      repeatedActions: [{ first: 0, again: 2 }],
    });
    expect(reports({ actions: twice, executor })).toEqual([
      expect.stringMatching(/^repeated-task: activity 'a' \(id 0\) stands a second time .* and is done again, after/),
    ]);
  });
});

describe('a parked result', () => {
  const actions = [waitFor('go')];
  const executor = view([], { parkedIds: [4], awaitedEvents: ['go'] });

  test('is reported when nothing else is open', () => {
    expect(reports({ actions, executor })).toEqual([
      expect.stringMatching(/^parked-result: the result of id 4 found no task/),
    ]);
  });

  test('may still be called for while something is open', () => {
    const open = view([task(0, 0, 'a')], { parkedIds: [4] });
    expect(reports({ actions: [activity('a')], executor: open })).toEqual([]);
  });

  test('and a lack of anything open mean nothing while the instance is suspended', () => {
    expect(reports({ actions, executor, fresh: [suspended] })).toEqual([]);
    expect(reports({ actions: [], executor: view([]), fresh: [suspended] })).toEqual([]);
  });
});

test('a wait for an event that stands twice is no repeated task', () => {
  const executor = view([], { repeatedActions: [{ first: 0, again: 1 }], awaitedEvents: ['go'] });
  expect(reports({ actions: [waitFor('go'), waitFor('go')], executor })).toEqual([]);
});

test('places that the answer does not have are passed over', () => {
  const executor = view([task(0, 7, 'a')], { repeatedActions: [{ first: 0, again: 9 }] });
  expect(reports({ actions: [activity('a')], executor })).toEqual([expect.stringMatching(/^ids-parted: /)]);
});

test('strict: the instance fails by the first divergence, and nothing is started', () => {
  const strict = { ...environment, settings: { ...environment.settings, strict: true } };
  const turn = { actions: [activity('a')], ending: { kind: 'pending' }, executor: view([]) } as const;
  const { outcome, decisions, divergences } = replay(strict, [], [begin, started], turn);
  expect(outcome).toMatchObject({
    kind: 'failed',
    reason: `Orchestrator function 'work' failed: ${divergences[0]?.report} (strict)`,
  });
  expect(decisions).toEqual([]);
});

test('of a generation each code is new once, and a consequence only while nothing was reported', () => {
  const found = (['repeated-task', 'ids-parted', 'stuck'] as const).map(code => ({ code, report: `${code}: x` }));
  const codes = (reported: Parameters<typeof notYetReported>[1]) =>
    notYetReported(found, reported).map(({ code }) => code);
  expect(codes([])).toEqual(['repeated-task', 'ids-parted', 'stuck']);
  expect(codes(['repeated-task'])).toEqual(['stuck']);
  expect(codes(['event-case'])).toEqual(['repeated-task', 'stuck']);
});
