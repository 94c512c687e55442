import type { OrchestrationContext, OrchestrationHandler, Task } from 'durable-functions';
import { extensionMs } from '../core/batch-plan.ts';
import type { Bound, Grant } from '../core/capacity/messages.ts';
import {
  type AnalyzeInput,
  type AnalyzeOutput,
  CONTRACTS,
  type StreamInput,
  type StreamOutput,
  type StreamState,
} from '../core/contracts.ts';
import { capacityRunId } from '../core/names.ts';
import type { StreamStatus } from '../core/run-status.ts';
import {
  EVENTS_OF_A_RESERVATION,
  fold,
  historyEventsOf,
  LARGEST_HISTORY_EVENTS,
  MAX_HISTORY_EVENTS,
  MOST_EVENTS_OF_A_TASK,
  nextStep,
  take,
  waited,
} from '../core/stream-state.ts';
import { allSettled } from './all-settled.ts';
import { reserve } from './capacity-calls.ts';
import { activityRetry, retriesOf } from './retry-options.ts';

/** No wait is longer, so that a stream hears of a cancelled or resumed run, and of a service that answers again. */
const LONGEST_WAIT_MS = 30_000;
/** Others may wait for what the last batch came to: a probe's answer, budget that was not used. */
const LONGEST_UNTOLD_MS = 5_000;

/**
 * One chain of batches: reserve room at the deployment, wait by durable timer until it is there, fan out one activity per
 * issue, fold what they came to, again.
 *
 * Carried state lies in the input. The history is kept short by continuing as new.
 */
export const processStream: OrchestrationHandler = function* (context) {
  const input = context.df.getInput<StreamInput>();
  const { plan } = input;
  let state = input.state;
  const deadlineAtMs = () => input.deadlineAtMs + extensionMs(state.progress.waitedMs, plan);
  showStatus(context, state, null);
  for (let historyEvents = 0; historyEvents < MAX_HISTORY_EVENTS; historyEvents += EVENTS_OF_A_RESERVATION) {
    const step = nextStep(state, plan.batchSize, nowMs(context));
    if (state.stopped || step.kind === 'end') return yield* ended(context, input, state);
    if (nowMs(context) >= deadlineAtMs()) return yield* ended(context, input, stop(state, 'deadline'));
    const askedAtMs = nowMs(context);
    const longestMs = state.used ? LONGEST_UNTOLD_MS : LONGEST_WAIT_MS;
    if (step.kind === 'wait' && step.untilMs <= askedAtMs + longestMs) {
      yield timer(context, Math.min(step.untilMs, deadlineAtMs()));
      continue;
    }

    // During a longer wait nothing is wanted, but to tell, and to hear whether the run is to pause or to stop.
    const ask =
      step.kind === 'wait' ? { fresh: false, want: 0 } : { ...step, want: Math.min(step.want, most(historyEvents)) };
    const grant = (yield reserve(context, plan.deployment, messageOf(input, state, ask, askedAtMs))) as Grant;
    const taken = take(state, ask.fresh, grant, askedAtMs);
    const startAtMs = step.kind === 'wait' ? Math.min(step.untilMs, grant.startAtMs) : grant.startAtMs;
    state = waited(taken.state, grant.bound, Math.max(0, startAtMs - nowMs(context)));
    if (isOver(grant)) return yield* ended(context, input, stop(state, grant.control));
    if (startAtMs > nowMs(context)) {
      showStatus(context, state, grant.bound);
      yield timer(context, taken.units.length > 0 ? startAtMs : Math.min(startAtMs, deadlineAtMs()));
    }
    if (taken.units.length === 0) continue;

    showStatus(context, state, null);
    // A stream that woke up late keeps the pace all the same.
    const firstAtMs = Math.max(nowMs(context), startAtMs);
    const tasks = taken.units.map((unit, i) => analyze(context, input, unit, grant, firstAtMs + i * grant.spacingMs));
    const settled = yield* allSettled<AnalyzeOutput>(context, tasks);
    const results = settled.map(end => (end.ok ? end.value : null));
    const nextAtMs = nowMs(context) + plan.batchDelayMs;
    state = fold(state, taken.units, results, { nextAtMs, deployment: plan.deployment });
    showStatus(context, state, null);
    historyEvents += historyEventsOf(tasks.map(retriesOf));
  }
  context.df.continueAsNew({ ...input, state });
  return undefined;
};

/**
 * Ends a stream, after telling what its last batch came to: other streams may wait for an answer of the service, for
 * budget that was not used, or in vain. What could not be told goes with the output, to be told when the run leaves.
 */
function* ended(
  context: OrchestrationContext,
  input: StreamInput,
  state: StreamState,
): Generator<Task, StreamOutput, unknown> {
  showStatus(context, state, null);
  if (!state.used) return outputOf(state);
  const tell = messageOf(input, state, { fresh: false, want: 0 }, nowMs(context));
  const [told] = yield* allSettled<Grant>(context, [reserve(context, input.plan.deployment, tell)]);
  return outputOf(told?.ok ? { ...state, used: null } : state);
}

function messageOf(
  { runId, attempt, stream, terms }: StreamInput,
  { used }: StreamState,
  { fresh, want }: { readonly fresh: boolean; readonly want: number },
  askedAtMs: number,
) {
  return { runId: capacityRunId(runId, attempt), stream, nowMs: askedAtMs, want, fresh, terms, used };
}

/** Units whose batch keeps the history short, whatever retries it takes. */
function most(historyEvents: number): number {
  return Math.floor((LARGEST_HISTORY_EVENTS - historyEvents) / MOST_EVENTS_OF_A_TASK);
}

type StopReason = NonNullable<StreamState['stopped']>['reason'];

/** Whether the run is told to stop; a paused one is told to wait. */
function isOver(grant: Grant): grant is Grant & { readonly control: StopReason } {
  return grant.control !== 'go' && grant.control !== 'paused';
}

function stop(state: StreamState, reason: StopReason): StreamState {
  return { ...state, stopped: state.stopped ?? { reason, code: null } };
}

/** Dates hold whole milliseconds: cut off, a timer would fire before its instant, and its stream would wait again at once. */
function timer(context: OrchestrationContext, untilMs: number): Task {
  return context.df.createTimer(new Date(Math.ceil(Math.min(untilMs, nowMs(context) + LONGEST_WAIT_MS))));
}

function analyze(
  context: OrchestrationContext,
  { runId, attempt, plan, openList }: StreamInput,
  unit: number,
  { maxCompletionTokens }: Grant,
  startAtMs: number,
): Task {
  const { analysis, deployment, concurrency, requestTimeoutMs, ledgerShards, useCache } = plan;
  const input: AnalyzeInput = {
    runId,
    attempt,
    openList,
    unit,
    startAtMs,
    maxCompletionTokens,
    plan: { analysis, deployment, concurrency, requestTimeoutMs, ledgerShards, useCache },
  };
  return context.df.callActivityWithRetry(CONTRACTS.analyzeIssue.name, activityRetry(), input);
}

function showStatus(
  context: OrchestrationContext,
  { progress, resumeAtMs, stopped }: StreamState,
  waitingFor: Bound,
): void {
  context.df.setCustomStatus({ progress, resumeAtMs, stopped, waitingFor } satisfies StreamStatus);
}

function outputOf({ stopped, progress, used }: StreamState): StreamOutput {
  return { stopped, progress, used };
}

function nowMs(context: OrchestrationContext): number {
  return context.df.currentUtcDateTime.getTime();
}
