import type { OrchestrationContext, OrchestrationHandler, Task } from 'durable-functions';
import { deadlineMsFor, streamsFor } from '../core/batch-plan.ts';
import type { CapacityView } from '../core/capacity/messages.ts';
import { termsOf } from '../core/capacity/terms.ts';
import {
  CONTRACTS,
  type Loaded,
  type ReportInput,
  type RunInput,
  type StreamEnd,
  type StreamInput,
  type StreamOutput,
} from '../core/contracts.ts';
import { capacityRunId, streamInstanceId } from '../core/names.ts';
import { addProgress, NO_PROGRESS } from '../core/progress.ts';
import type { RootStatus } from '../core/run-status.ts';
import { FRESH_STREAM } from '../core/stream-state.ts';
import { allSettled, type Settled } from './all-settled.ts';
import { leave } from './capacity-calls.ts';
import { activityRetry } from './retry-options.ts';

/**
 * A run: load the issues, run the streams side by side, write the report.
 *
 * The report is written in any case. An orchestration whose issues could not be read ends as failed, after its report.
 */
export const processIssues: OrchestrationHandler = function* (context) {
  const input = context.df.getInput<RunInput>();
  const startedAtMs = nowMs(context);
  showStatus(context, { phase: 'loading', total: 0, units: 0, streams: 0, kept: NO_PROGRESS });
  let loaded: Loaded;
  try {
    loaded = (yield callActivity(context, CONTRACTS.loadIssues.name, input)) as Loaded;
  } catch (error) {
    const failed = { failure: causeOf(error as Error), loaded: null };
    yield callActivity(context, CONTRACTS.buildReport.name, reportInput(context, input, startedAtMs, failed));
    throw error;
  }

  const streams = streamsFor(loaded.units, input.plan);
  const { total, units, openList, kept } = loaded;
  const status = { total, units, streams, kept };
  showStatus(context, { phase: 'analyzing', ...status });
  const terms = termsOf(input.plan, loaded);
  const deadlineAtMs = startedAtMs + deadlineMsFor(units, input.plan);
  const settled = yield* allSettled<StreamOutput>(
    context,
    Array.from({ length: streams }, (_, stream) =>
      callStream(context, input, { stream, openList, terms, deadlineAtMs }),
    ),
  );
  const ended = settled.flatMap((end, stream) => (end.ok ? [{ stream, ...end.value }] : []));
  const uses = ended.flatMap(({ stream, used }) => (used ? [{ stream, used }] : []));
  const farewell = { runId: capacityRunId(input.runId, input.attempt), nowMs: nowMs(context), terms, uses };
  const farewells = streams === 0 ? [] : [leave(context, input.plan.deployment, farewell)];
  const [left] = yield* allSettled<CapacityView>(context, farewells);
  const capacity = left?.ok ? left.value : null;

  showStatus(context, { phase: 'reporting', ...status });
  const progress = ended.map(end => end.progress).reduce(addProgress, NO_PROGRESS);
  const ends = withOneCode(settled.map(endOf));
  const folded = { failure: null, loaded: { loaded, ends, progress, capacity } };
  return yield callActivity(context, CONTRACTS.buildReport.name, reportInput(context, input, startedAtMs, folded));
};

function callStream(
  context: OrchestrationContext,
  { runId, attempt, plan }: RunInput,
  part: Pick<StreamInput, 'stream' | 'openList' | 'terms' | 'deadlineAtMs'>,
): Task {
  const input: StreamInput = { runId, attempt, plan, ...part, state: FRESH_STREAM };
  return context.df.callSubOrchestrator(
    CONTRACTS.processStream.name,
    input,
    streamInstanceId(runId, attempt, part.stream),
  );
}

function callActivity(context: OrchestrationContext, name: string, input: RunInput | ReportInput): Task {
  return context.df.callActivityWithRetry(name, activityRetry(), input);
}

function reportInput(
  context: OrchestrationContext,
  { runId, attempt, plan }: RunInput,
  startedAtMs: number,
  end: Pick<ReportInput, 'failure' | 'loaded'>,
): ReportInput {
  return { runId, attempt, plan, startedAtMs, endedAtMs: nowMs(context), ...end };
}

/** The activity's own words, without what the engine puts before and after them. */
function causeOf({ message }: Error): string {
  return (message.split('\n', 1)[0] ?? '').replace(/^Activity function '\w+' failed:/, '').trim();
}

function endOf(stream: Settled<StreamOutput>): StreamEnd {
  if (!stream.ok) return { kind: 'died', code: null };
  const { stopped } = stream.value;
  return stopped ? { kind: stopped.reason, code: stopped.code } : { kind: 'drained', code: null };
}

/** A stream that was stopped by another one's failure ended by that. */
function withOneCode(ends: readonly StreamEnd[]): StreamEnd[] {
  const code = ends.find(end => end.code !== null)?.code ?? null;
  return ends.map(end => (end.kind === 'fatal' ? { ...end, code: end.code ?? code } : end));
}

function showStatus(context: OrchestrationContext, status: RootStatus): void {
  context.df.setCustomStatus(status);
}

function nowMs(context: OrchestrationContext): number {
  return context.df.currentUtcDateTime.getTime();
}
