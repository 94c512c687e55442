import Module, { createRequire } from 'node:module';
import type * as DurableFunctions from 'durable-functions';
import type { FunctionKind, InvocationOutcome, RpcTypedData, Worker } from '../../local/engine/protocol/worker.ts';

interface Metadata {
  readonly name: string;
  readonly bindings: Readonly<Record<string, Readonly<Record<string, unknown>> & { readonly type: string }>>;
}

interface Registration {
  readonly metadata: Metadata;
  readonly callback: (...args: unknown[]) => unknown;
}

interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: Registration['callback']): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<{ returnValue?: RpcTypedData | null }>;
}

let registrations: Registration[] = [];
let programmingModel: { getInvocationModel(context: object): InvocationModel } | undefined;

const coreModule = {
  version: '3.13.0',
  hostVersion: '4.1048.0',
  registerFunction: (metadata: Metadata, callback: Registration['callback']) =>
    registrations.push({ metadata, callback }),
  setProgrammingModel: (model: typeof programmingModel) => {
    programmingModel = model;
  },
  getProgrammingModel: () => programmingModel,
  log: () => {},
};

// The packages ask for a module that only the Functions worker has, and keep what they got first: so it is offered before they load.
const requireBefore = Module.prototype.require;
function requireWithCore(this: Module, id: string): unknown {
  return id === '@azure/functions-core' ? coreModule : requireBefore.call(this, id);
}
Module.prototype.require = Object.assign(requireWithCore, requireBefore);

/** The real `durable-functions`, unmodified. */
export const df: typeof DurableFunctions = createRequire(import.meta.url)('durable-functions');

const KINDS: Readonly<Record<string, FunctionKind>> = {
  orchestrationTrigger: 'orchestrator',
  activityTrigger: 'activity',
  entityTrigger: 'entity',
};

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
  registrations = [];
  register(df.app);
  const own = new Map(registrations.map(each => [each.metadata.name.toLowerCase(), each]));
  const orchestratorTriggers: string[] = [];
  let count = 0;
  let isDead = false;
  let death: { readonly atCount: number; readonly resolve: () => void } | undefined;

  async function invoke(name: string, trigger: RpcTypedData): Promise<InvocationOutcome> {
    const registration = own.get(name.toLowerCase());
    if (!registration || !programmingModel) throw new Error(`No function "${name}" is registered`);
    const { metadata, callback } = registration;
    const triggerName =
      Object.keys(metadata.bindings).find(key => metadata.bindings[key]?.type.endsWith('Trigger')) ?? '';
    if (metadata.bindings[triggerName]?.type === 'orchestrationTrigger')
      orchestratorTriggers.push(trigger.string ?? '');
    const model = programmingModel.getInvocationModel({
      invocationId: `${count}`,
      metadata,
      request: { invocationId: `${count}`, inputData: [{ name: triggerName, data: trigger }], triggerMetadata: {} },
      log: () => {},
    });
    const { context, inputs } = await model.getArguments();
    try {
      const { returnValue } = await model.getResponse(context, await model.invokeFunction(context, inputs, callback));
      return returnValue ? { kind: 'returned', returnValue } : { kind: 'returned' };
    } catch (error) {
      const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
      return { kind: 'threw', message, stack };
    }
  }

  return {
    functions: [...own.values()].map(({ metadata: { name, bindings } }) => ({
      name,
      bindings,
      kind: Object.values(bindings).flatMap(({ type }) => KINDS[type] ?? [])[0] ?? 'other',
    })),
    async invoke(name, trigger) {
      count += 1;
      if (death && count >= death.atCount) {
        isDead = true;
        death.resolve();
      }
      const never = new Promise<never>(() => {});
      const outcome = isDead ? await never : await invoke(name, trigger);
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
