import type { OrchestrationContext, OrchestrationHandler, Task } from 'durable-functions';
import { deadlineMsFor, layoutOf } from '../core/batch-plan.ts';
import {
  CONTRACTS,
  type Loaded,
  type ReportInput,
  type RunInput,
  type StreamEnd,
  type StreamInput,
  type StreamOutput,
} from '../core/contracts.ts';
import { streamInstanceId } from '../core/names.ts';
import { addProgress, NO_PROGRESS } from '../core/progress.ts';
import type { RootStatus } from '../core/run-status.ts';
import { FRESH_STREAM } from '../core/stream-state.ts';
import { allSettled, type Settled } from './all-settled.ts';
import { activityRetry } from './retry-options.ts';

/**
 * A run: load the issues, run the streams side by side, write the report.
 *
 * The report is written in any case. An orchestration whose issues could not be read ends as failed, after its report.
 */
export const processIssues: OrchestrationHandler = function* (context) {
  const input = context.df.getInput<RunInput>();
  const startedAtMs = nowMs(context);
  showStatus(context, { phase: 'loading', total: 0, units: 0, streams: 0 });
  let loaded: Loaded;
  try {
    loaded = (yield callActivity(context, CONTRACTS.loadIssues.name, input)) as Loaded;
  } catch (error) {
    const failed = { failure: causeOf(error as Error), loaded: null };
    yield callActivity(context, CONTRACTS.buildReport.name, reportInput(context, input, startedAtMs, failed));
    throw error;
  }

  const layout = layoutOf(loaded.units, input.plan);
  const deadlineAtMs = startedAtMs + deadlineMsFor(loaded.units, input.plan);
  const status = { total: loaded.total, units: loaded.units, streams: layout.streams };
  showStatus(context, { phase: 'analyzing', ...status });
  const tasks = Array.from({ length: layout.streams }, (_, stream) => {
    const { runId, attempt, plan } = input;
    const streamInput: StreamInput = { runId, stream, plan, layout, deadlineAtMs, state: FRESH_STREAM };
    return context.df.callSubOrchestrator(
      CONTRACTS.processStream.name,
      streamInput,
      streamInstanceId(runId, attempt, stream),
    );
  });
  const settled = yield* allSettled<StreamOutput>(context, tasks);

  showStatus(context, { phase: 'reporting', ...status });
  const { deferrals, batches } = settled
    .map(end => (end.ok ? end.value.progress : NO_PROGRESS))
    .reduce(addProgress, NO_PROGRESS);
  const folded = { failure: null, loaded: { layout, ends: settled.map(endOf), deferrals, batches } };
  return yield callActivity(context, CONTRACTS.buildReport.name, reportInput(context, input, startedAtMs, folded));
};

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

function showStatus(context: OrchestrationContext, status: RootStatus): void {
  context.df.setCustomStatus(status);
}

function nowMs(context: OrchestrationContext): number {
  return context.df.currentUtcDateTime.getTime();
}
