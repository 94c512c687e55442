import type { OrchestrationContext, OrchestrationHandler, Task } from 'durable-functions';
import {
  type AnalyzeInput,
  type AnalyzeOutput,
  CONTRACTS,
  type StreamInput,
  type StreamOutput,
  type StreamState,
} from '../core/contracts.ts';
import type { StreamStatus } from '../core/run-status.ts';
import { draw, fold, historyEventsOf, MAX_HISTORY_EVENTS } from '../core/stream-state.ts';
import { allSettled } from './all-settled.ts';
import { activityRetry } from './retry-options.ts';

/**
 * One chain of batches: draw, wait by durable timer, fan out one activity per issue, fold what they came to, again.
 *
 * Carried state lies in the input. The history is kept short by continuing as new.
 */
export const processStream: OrchestrationHandler = function* (context) {
  const input = context.df.getInput<StreamInput>();
  let state = input.state;
  showStatus(context, state);
  for (let historyEvents = 0; historyEvents < MAX_HISTORY_EVENTS; ) {
    const drawn = draw(input.layout, input.stream, state);
    if (drawn.units.length === 0) return outputOf(state);
    if (nowMs(context) < state.resumeAtMs) {
      yield context.df.createTimer(new Date(Math.min(state.resumeAtMs, input.deadlineAtMs)));
    }
    if (nowMs(context) >= input.deadlineAtMs)
      return outputOf({ ...state, stopped: { reason: 'deadline', code: null } });

    const settled = yield* allSettled<AnalyzeOutput>(
      context,
      drawn.units.map(unit => analyze(context, input, unit)),
    );
    const results = settled.map(end => (end.ok ? end.value : null));
    state = fold(drawn.state, drawn.units, results, nowMs(context) + input.plan.batchDelayMs);
    showStatus(context, state);
    if (state.stopped) return outputOf(state);
    historyEvents += historyEventsOf(results);
  }
  context.df.continueAsNew({ ...input, state });
  return undefined;
};

function analyze(context: OrchestrationContext, { runId, plan }: StreamInput, unit: number): Task {
  const { analysis, deployment, concurrency, requestTimeoutMs, ledgerShards } = plan;
  const input: AnalyzeInput = {
    runId,
    unit,
    plan: { analysis, deployment, concurrency, requestTimeoutMs, ledgerShards },
  };
  return context.df.callActivityWithRetry(CONTRACTS.analyzeIssue.name, activityRetry(), input);
}

function showStatus(context: OrchestrationContext, { progress, resumeAtMs, stopped }: StreamState): void {
  context.df.setCustomStatus({ progress, resumeAtMs, stopped } satisfies StreamStatus);
}

function outputOf({ stopped, progress }: StreamState): StreamOutput {
  return { stopped, progress };
}

function nowMs(context: OrchestrationContext): number {
  return context.df.currentUtcDateTime.getTime();
}
