import type { OrchestratorTurn } from '../replay/shim.ts';
import type { ShimSettings } from '../replay/shim-context.ts';
import type { Action } from './actions.ts';
import type { FunctionEnd, RpcTypedData } from './worker.ts';

/**
 * The highest replay schema offered to orchestrators. It is the one before entity locks: an orchestrator that asks for a
 * lock is refused by its own library, in words.
 */
const REPLAY_SCHEMA = 2;

const FAILED_STATE_MARKER = '\n\n$OutOfProcData$:';
const MAX_CUSTOM_STATUS_BYTES = 16 * 1024;

/** A length as .NET writes it: `d.hh:mm:ss[.fff]`. */
function toTimeSpan(lengthMs: number): string {
  const days = Math.floor(lengthMs / 86_400_000);
  const clock = new Date(lengthMs % 86_400_000)
    .toISOString()
    .slice(11, 23)
    .replace(/\.000$/, '');
  return `${days}.${clock}`;
}

/**
 * What the orchestrator function is called with.
 *
 * @param options.historyJson - the events, past and new, as JSON without the brackets
 * @param options.inputJson - JSON text; null = none
 * @param options.isReplaying - whether the execution's start has been played before
 */
export function orchestratorTrigger(options: {
  readonly historyJson: string;
  readonly inputJson: string | null;
  readonly instanceId: string;
  readonly parentInstanceId: string | null;
  readonly isReplaying: boolean;
  /** Those that the shim uses, since both sides must split timers in the same way. */
  readonly settings: ShimSettings;
}): RpcTypedData {
  const { historyJson, inputJson, instanceId, parentInstanceId, isReplaying, settings } = options;
  const rest = JSON.stringify({
    instanceId,
    isReplaying,
    parentInstanceId,
    upperSchemaVersion: 1,
    upperSchemaVersionNew: REPLAY_SCHEMA,
    longRunningTimerIntervalDuration: toTimeSpan(settings.longTimerIntervalMs),
    maximumShortTimerDuration: toTimeSpan(settings.maximumShortTimerMs),
    // The protocol spells it so.
    defaultHttpAsyncRequestSleepTimeMillseconds: settings.httpPollingIntervalMs,
  });
  return { string: `{"history":[${historyJson}],"input":${inputJson ?? 'null'},${rest.slice(1)}` };
}

/** An orchestrator's answer, read. */
export interface ReadTurn {
  readonly turn: OrchestratorTurn;
  readonly customStatusJson: string | null;
  /** What is wrong with the answer, for the log; the outcome is the real host's all the same. */
  readonly problem?: string;
}

interface OrchestratorState {
  readonly isDone: boolean;
  readonly actions: readonly (readonly Action[])[];
  readonly output?: unknown;
  readonly error?: string;
  readonly customStatus?: unknown;
}

/**
 * Reads what an orchestrator function answered.
 *
 * A failed orchestrator throws, with its state behind a marker in the message: what it had asked for is still done. A throw
 * without the marker comes from the library itself and is a failure with nothing asked for.
 *
 * The real host first blots out what looks like a credential, which can damage the state behind the marker. This one does not.
 *
 * @param name - the orchestrator's name, for the failure's text
 */
export function readTurn(name: string, outcome: FunctionEnd): ReadTurn {
  const read = readAnswer(name, outcome);
  return outcome.executor ? { ...read, turn: { ...read.turn, executor: outcome.executor } } : read;
}

function readAnswer(name: string, outcome: FunctionEnd): ReadTurn {
  try {
    if (outcome.kind === 'returned') return readState(name, parseState(outcome.returnValue?.json ?? ''));
    const at = outcome.message.indexOf(FAILED_STATE_MARKER);
    if (at >= 0)
      return readState(name, parseState(outcome.message.slice(at + FAILED_STATE_MARKER.length)), outcome.stack);
    const error = `Result: Failure\nException: ${outcome.message}\nStack: ${outcome.stack}`;
    return failedTurn(name, `One or more errors occurred. (${error})`, outcome.stack, outcome.message);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return failedTurn(name, text, '', text);
  }
}

function failedTurn(name: string, error: string, stack: string, problem?: string): ReadTurn {
  const ending = {
    kind: 'failed',
    reason: `Orchestrator function '${name}' failed: ${error}`,
    details: `Message: ${error}, StackTrace: ${stack}`,
  } as const;
  const read = { turn: { actions: [], ending }, customStatusJson: null };
  return problem === undefined ? read : { ...read, problem };
}

function parseState(json: string): OrchestratorState {
  const state = JSON.parse(json) as Partial<OrchestratorState>;
  if (typeof state.isDone !== 'boolean' || !Array.isArray(state.actions) || state.actions.length !== 1) {
    throw new Error('The orchestrator function did not return an orchestrator state with one list of actions.');
  }
  return state as OrchestratorState;
}

/** @param thrownStack - the stack of the throw that carried the state; undefined = it was returned */
function readState(name: string, state: OrchestratorState, thrownStack?: string): ReadTurn {
  const [actions = []] = state.actions;
  const customStatusJson = state.customStatus === undefined ? null : JSON.stringify(state.customStatus);
  const statusBytes = 2 * (customStatusJson?.length ?? 0);
  if (statusBytes > MAX_CUSTOM_STATUS_BYTES) {
    throw new Error(
      `The custom status has ${statusBytes} bytes as JSON in UTF-16; allowed: at most ${MAX_CUSTOM_STATUS_BYTES} (16 KB).`,
    );
  }
  if (state.error) {
    const { ending } = failedTurn(name, state.error, thrownStack ?? '').turn;
    return { turn: { actions, ending }, customStatusJson };
  }
  if (state.isDone) {
    const outputJson = state.output === undefined || state.output === null ? null : JSON.stringify(state.output);
    return { turn: { actions, ending: { kind: 'completed', outputJson } }, customStatusJson };
  }
  const ending: OrchestratorTurn['ending'] = { kind: 'pending', ...(thrownStack !== undefined && { hasThrown: true }) };
  return { turn: { actions, ending }, customStatusJson };
}

/**
 * What an activity is called with. Strings are JSON text already, because the orchestrator's side quoted them; a boolean
 * arrives as the .NET text `True` or `False`, as on the real host.
 *
 * @param inputJson - the call's input as JSON; null = none
 */
export function activityTrigger(inputJson: string | null): RpcTypedData {
  if (inputJson === null) return {};
  const input: unknown = JSON.parse(inputJson);
  if (typeof input === 'string') return { string: input };
  if (typeof input === 'boolean') return { string: input ? 'True' : 'False' };
  return { string: inputJson };
}

/** The JSON text of what an activity returned; null = nothing. */
export function activityResult({ string, json, int, double, bytes }: RpcTypedData = {}): string | null {
  if (json !== undefined) return json;
  if (bytes) return JSON.stringify(Buffer.from(bytes).toString('base64'));
  const value = string ?? int ?? double;
  return value === undefined ? null : JSON.stringify(value);
}

/** Reason and details of a failed activity, in the real host's form: the two spaces are its own. */
export function activityFailure(name: string, message: string, stack: string): { Reason: string; Details: string } {
  return {
    Reason: `Activity function '${name}' failed:  ${message}`,
    Details: JSON.stringify({
      $type: 'System.Exception',
      ClassName: 'System.Exception',
      Message: message,
      StackTraceString: stack,
    }),
  };
}
