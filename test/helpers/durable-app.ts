import * as df from 'durable-functions';
import type { Worker } from '../../local/engine/protocol/worker.ts';
import { createInProcessWorker } from '../../local/host/worker/in-process-worker.ts';
import { registerApp } from '../../local/testing/registration.ts';

/** The real `durable-functions`, unmodified. */
export { df };

/** A worker over the real library, which a test can kill. */
export interface TestWorker extends Worker {
  /** How many invocations were begun. */
  invocationCount(): number;
  /** From here on no invocation, begun or to come, ever answers: as if the process were gone. */
  kill(): void;
  isDead(): boolean;
  /** Kills the worker at the beginning of the n-th invocation from now; resolves then. */
  dieAt(n: number): Promise<void>;
  /** Triggers that orchestrators got, newest last. */
  readonly orchestratorTriggers: string[];
}

/**
 * A worker whose app is what `register` registers through `df.app`.
 *
 * @param register - called at once
 */
export function createTestWorker(register: (app: typeof df.app) => void): TestWorker {
  const worker = createInProcessWorker({
    app: { registry: registerApp(register) },
    durableClientJson: '',
    isDisabled: () => false,
    log: () => {},
  });
  const orchestrators = new Set(
    worker.functions.filter(({ kind }) => kind === 'orchestrator').map(({ name }) => name.toLowerCase()),
  );
  const orchestratorTriggers: string[] = [];
  let count = 0;
  let isDead = false;
  let death: { readonly atCount: number; readonly resolve: () => void } | undefined;

  return {
    functions: worker.functions,
    async invoke(name, trigger, metadata) {
      count += 1;
      if (death && count >= death.atCount) {
        isDead = true;
        death.resolve();
      }
      const never = new Promise<never>(() => {});
      if (isDead) return never;
      if (orchestrators.has(name.toLowerCase())) orchestratorTriggers.push(trigger.string ?? '');
      const outcome = await worker.invoke(name, trigger, metadata);
      return isDead ? never : outcome;
    },
    invocationCount: () => count,
    kill() {
      isDead = true;
    },
    isDead: () => isDead,
    dieAt(n) {
      const { promise, resolve } = Promise.withResolvers<void>();
      death = { atCount: count + n, resolve };
      return promise;
    },
    orchestratorTriggers,
  };
}
