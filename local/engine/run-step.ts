import type { Clock } from './clock.ts';
import type { InvocationOutcome, RpcTypedData, Worker } from './protocol/worker.ts';
import type { EngineLog } from './services.ts';
import type { Step } from './step/step.ts';

/** What running code takes. */
interface Runner {
  readonly worker: Worker;
  readonly clock: Clock;
  readonly log: EngineLog;
}

/** An outcome that ends an invocation for good. */
type FinalOutcome = Exclude<InvocationOutcome, { readonly kind: 'lost' | 'closed' }>;

/**
 * Runs a function until it has ended: what is lost with its worker is delivered again.
 *
 * @returns undefined when the host closes before: then nothing has happened, and a later host begins again
 */
export async function deliver(
  { worker, log }: Pick<Runner, 'worker' | 'log'>,
  name: string,
  trigger: RpcTypedData,
  metadata: Readonly<Record<string, RpcTypedData>> = {},
): Promise<FinalOutcome | undefined> {
  for (;;) {
    const outcome = await invokeSafely(worker, name, trigger, metadata);
    if (outcome.kind === 'closed') return undefined;
    if (outcome.kind !== 'lost') return outcome;
    log('debug', name, `${outcome.message}; it is delivered again`);
  }
}

/** Where the worker cannot even begin, that is the function's failure. */
async function invokeSafely(
  worker: Worker,
  name: string,
  trigger: RpcTypedData,
  metadata: Readonly<Record<string, RpcTypedData>>,
): Promise<InvocationOutcome> {
  try {
    return await worker.invoke(name, trigger, metadata);
  } catch (error) {
    if (!(error instanceof Error)) return { kind: 'threw', message: String(error), stack: '' };
    return { kind: 'threw', message: error.message, stack: error.stack ?? '' };
  }
}

/**
 * Runs a step to its end, asking the worker what the step asks. Orchestrators and entities have no failure for a function
 * that runs too long: they are asked again.
 *
 * @returns undefined when the host closes before
 */
export async function runStep<Result>(runner: Runner, step: Step<Result>): Promise<{ result: Result } | undefined> {
  let next = step.next();
  while (!next.done) {
    const { name, trigger } = next.value;
    const outcome = await deliver(runner, name, trigger);
    if (!outcome) return undefined;
    if (outcome.kind === 'timedOut') runner.log('error', name, `${outcome.message}; it is delivered again`);
    else next = step.next({ outcome, nowMs: runner.clock.nowMs() });
  }
  return { result: next.value };
}
