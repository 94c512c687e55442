import { describe, expect, test } from 'vitest';
import {
  activityResult,
  activityTrigger,
  orchestratorTrigger,
  readTurn,
} from '../../../../local/engine/protocol/payloads.ts';
import { DEFAULT_STEP_SETTINGS } from '../../../../local/engine/step/step.ts';

test('the orchestrator is told all that its library asks for', () => {
  const { string } = orchestratorTrigger({
    historyJson: '{"EventType":12},{"EventType":0}',
    inputJson: '{"a":"}"}',
    instanceId: 'one',
    parentInstanceId: null,
    isReplaying: false,
    settings: DEFAULT_STEP_SETTINGS,
  });
  expect(JSON.parse(string ?? '')).toEqual({
    history: [{ EventType: 12 }, { EventType: 0 }],
    input: { a: '}' },
    instanceId: 'one',
    isReplaying: false,
    parentInstanceId: null,
    upperSchemaVersion: 1,
    upperSchemaVersionNew: 2,
    longRunningTimerIntervalDuration: '3.00:00:00',
    maximumShortTimerDuration: '6.00:00:00',
    defaultHttpAsyncRequestSleepTimeMillseconds: 30_000,
  });
});

describe('answers of orchestrators', () => {
  const returned = (state: object) =>
    readTurn('work', { kind: 'returned', returnValue: { json: JSON.stringify(state) } });
  const threw = (message: string, stack = '') => readTurn('work', { kind: 'threw', message, stack });
  const marker = (state: object) => `false\n\n$OutOfProcData$:${JSON.stringify(state)}`;

  test('that go on', () => {
    expect(returned({ isDone: false, actions: [[]], customStatus: { a: 1 } })).toEqual({
      turn: { actions: [], ending: { kind: 'pending' } },
      customStatusJson: '{"a":1}',
    });
  });

  test.each([
    [{ output: [1] }, '[1]'],
    [{ output: 'text' }, '"text"'],
    [{ output: null }, null],
    [{}, null],
  ])('that are done with %j', (members, outputJson) => {
    const { turn } = returned({ isDone: true, actions: [[]], ...members });
    expect(turn.ending).toEqual({ kind: 'completed', outputJson });
  });

  test('that failed keep their actions', () => {
    const state = { isDone: false, actions: [[{ actionType: 6, externalEventName: 'go' }]], error: 'boom' };
    expect(threw(marker(state))).toEqual({
      turn: {
        actions: [{ actionType: 6, externalEventName: 'go' }],
        ending: {
          kind: 'failed',
          reason: "Orchestrator function 'work' failed: boom",
          details: 'Message: boom, StackTrace: ',
        },
      },
      customStatusJson: null,
    });
  });

  test('that threw without a message go on, and it is noted', () => {
    const { turn, problem } = threw(marker({ isDone: false, actions: [[]] }));
    expect(turn.ending).toEqual({ kind: 'pending', hasThrown: true });
    expect(problem).toBeUndefined();
  });

  test('that are the library’s own failure have no actions', () => {
    const { turn, problem } = threw('no binding', 'at x');
    expect(turn).toEqual({
      actions: [],
      ending: {
        kind: 'failed',
        reason:
          "Orchestrator function 'work' failed: One or more errors occurred. (Result: Failure\nException: no binding\nStack: at x)",
        details: expect.stringContaining('StackTrace: at x'),
      },
    });
    expect(problem).toBe('no binding');
  });

  test.each([
    ['no state', { kind: 'returned' } as const],
    ['no JSON', { kind: 'returned', returnValue: { json: '{' } } as const],
    ['two lists of actions', { kind: 'returned', returnValue: { json: '{"isDone":true,"actions":[[],[]]}' } } as const],
    ['no isDone', { kind: 'returned', returnValue: { json: '{"actions":[[]]}' } } as const],
  ])('with %s fail the instance', (_, outcome) => {
    const { turn, problem } = readTurn('work', outcome);
    expect(turn).toMatchObject({ actions: [], ending: { kind: 'failed' } });
    expect(problem).toBeTruthy();
  });

  test('may have a custom status of 16 KB and no more', () => {
    const withStatus = (length: number) => returned({ isDone: true, actions: [[]], customStatus: 'x'.repeat(length) });
    expect(withStatus(8_190).turn.ending.kind).toBe('completed');
    expect(withStatus(8_191).turn.ending).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('16386 bytes'),
    });
  });
});

test.each([
  [null, {}],
  ['"\\"in\\""', { string: '"in"' }],
  ['5', { string: '5' }],
  ['[1]', { string: '[1]' }],
  ['true', { string: 'True' }],
  ['false', { string: 'False' }],
])('an activity input of %s is delivered as %j', (inputJson, trigger) => {
  expect(activityTrigger(inputJson)).toEqual(trigger);
});

test.each([
  [undefined, null],
  [{}, null],
  [{ string: 'abc' }, '"abc"'],
  [{ string: '' }, '""'],
  [{ int: 0 }, '0'],
  [{ double: 0.5 }, '0.5'],
  [{ json: '{"a":1}' }, '{"a":1}'],
  [{ bytes: new Uint8Array([104, 105]) }, '"aGk="'],
])('an activity result of %j is stored as %s', (returnValue, json) => {
  expect(activityResult(returnValue)).toBe(json);
});
