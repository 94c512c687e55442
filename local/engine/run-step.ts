import { backoffMs, pause } from './clock.ts';
import type { InvocationOutcome, RpcTypedData, Worker } from './protocol/worker.ts';
import type { EngineServices } from './services.ts';
import type { Step } from './step/step.ts';

/** What running code takes. */
type Runner = Pick<EngineServices, 'worker' | 'clock' | 'log'> & {
  /** Ends waits when the host closes. */
  readonly closing: AbortSignal;
};

/** An outcome that ends an invocation for good. */
type FinalOutcome = Exclude<InvocationOutcome, { readonly kind: 'lost' | 'closed' }>;

/** A delivery that is lost once is repeated at once: the cause may have been another call on the same worker. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/**
 * Runs a function until it has ended, for those who have no store to keep it: what is lost with its worker is delivered
 * again, from the second time on after a wait.
 *
 * @returns undefined when the host closes before: then nothing has happened, and a later host begins again
 */
export async function deliver(
  { worker, clock, log, closing }: Runner,
  name: string,
  trigger: RpcTypedData,
): Promise<FinalOutcome | undefined> {
  for (let losses = 1; ; losses++) {
    const outcome = await invokeSafely(worker, name, trigger);
    if (outcome.kind === 'closed') return undefined;
    if (outcome.kind !== 'lost') return outcome;
    const waitMs = losses === 1 ? 0 : backoffMs(losses - 1, FIRST_WAIT_MS, LONGEST_WAIT_MS);
    const when = waitMs === 0 ? 'again' : `again in ${waitMs / 1_000} s, for the ${losses}. time`;
    log(losses === 1 ? 'debug' : 'warning', name, `${outcome.message}; it is delivered ${when}`);
    await pause(clock, waitMs, closing);
    if (closing.aborted) return undefined;
  }
}

/** Runs a function; where the worker cannot even begin, that is the function's failure. */
export async function invokeSafely(
  worker: Worker,
  name: string,
  trigger: RpcTypedData,
  metadata: Readonly<Record<string, RpcTypedData>> = {},
): Promise<InvocationOutcome> {
  try {
    return await worker.invoke(name, trigger, metadata);
  } catch (error) {
    if (!(error instanceof Error)) return { kind: 'threw', message: String(error), stack: '' };
    return { kind: 'threw', message: error.message, stack: error.stack ?? '' };
  }
}

/** How a step ended. */
export type StepEnd<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  /** The worker died or was too slow: nothing has happened, and the step is to be run again. */
  | { readonly kind: 'broken'; readonly cause: 'lost' | 'timedOut'; readonly message: string }
  /** The host closes: nothing has happened, and a later host runs the step. */
  | { readonly kind: 'closed' };

/** Runs a step to its end, asking the worker what the step asks. */
export async function runStep<Result>(
  { worker, clock }: Pick<Runner, 'worker' | 'clock'>,
  step: Step<Result>,
): Promise<StepEnd<Result>> {
  let next = step.next();
  while (!next.done) {
    const { name, trigger } = next.value;
    const outcome = await invokeSafely(worker, name, trigger);
    if (outcome.kind === 'closed') return { kind: 'closed' };
    if (outcome.kind === 'lost' || outcome.kind === 'timedOut') {
      return { kind: 'broken', cause: outcome.kind, message: outcome.message };
    }
    next = step.next({ outcome, nowMs: clock.nowMs() });
  }
  return { kind: 'done', result: next.value };
}
