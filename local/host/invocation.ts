import { randomUUID } from 'node:crypto';
import type { InvocationOutcome, RpcTypedData } from '../engine/worker.ts';
import type { CoreInvocationContext, CoreRegistry, RegisteredFunction } from './core-api.ts';

/** What a function is called with: binding name and value of the trigger and of each extra input. */
export interface InvocationRequest {
  readonly inputData: readonly { readonly name: string; readonly data: RpcTypedData }[];
  readonly triggerMetadata: Readonly<Record<string, RpcTypedData>>;
}

/** A throw as an outcome. What is not an `Error` becomes one with its text or JSON, as in the Functions worker. */
function threw(error: unknown): InvocationOutcome {
  if (error instanceof Error) return { kind: 'threw', message: error.message, stack: error.stack ?? '' };
  const message = typeof error === 'string' ? error : (JSON.stringify(error) ?? String(error));
  return { kind: 'threw', message, stack: '' };
}

/**
 * Runs one function by the worker's sequence: arguments, `preInvocation` hooks, handler, `postInvocation` hooks, response.
 * Hooks may replace inputs and handler before the call, result and error after it. A handler that throws null or
 * undefined counts as returned, as in the Functions worker.
 *
 * @param registry - the app's registrations
 * @param target - the function to run
 * @returns how it ended; a throw of handler, hook or library is an outcome, not an exception
 */
export async function runInvocation(
  registry: CoreRegistry,
  target: RegisteredFunction,
  request: InvocationRequest,
): Promise<InvocationOutcome> {
  const { metadata } = target;
  const { appHookData } = registry;
  const invocationId = randomUUID();
  const hookData: Record<string, unknown> = {};
  let invocationContext: unknown;
  const coreContext: CoreInvocationContext = {
    invocationId,
    metadata,
    request: { invocationId, ...request },
    state: undefined,
    log: (level, category, message) =>
      registry.writeLog({ level, category, message, source: metadata.name, hookData, invocationContext }),
  };

  async function inState<T>(state: CoreInvocationContext['state'], work: () => Promise<T>): Promise<T> {
    coreContext.state = state;
    try {
      return await work();
    } finally {
      coreContext.state = undefined;
    }
  }

  try {
    const model = await registry.programmingModel()?.getInvocationModel(coreContext);
    if (!model) throw new Error(`Function "${metadata.name}" was registered without a programming model`);
    const { context, inputs } = await model.getArguments();
    invocationContext = context;
    const before = { hookData, appHookData, invocationContext, functionCallback: target.callback, inputs };
    await inState('preInvocationHooks', () => registry.runHooks('preInvocation', before));
    const after = {
      hookData,
      appHookData,
      invocationContext,
      inputs: before.inputs,
      result: null as unknown,
      error: null as unknown,
    };
    try {
      after.result = await inState('invocation', () =>
        model.invokeFunction(context, before.inputs, before.functionCallback),
      );
    } catch (error) {
      after.error = error;
    }
    await inState('postInvocationHooks', () => registry.runHooks('postInvocation', after));
    if (after.error !== null && after.error !== undefined) return threw(after.error);
    const { outputData = [], returnValue } = await model.getResponse(context, after.result);
    for (const { name } of outputData) {
      coreContext.log(
        'error',
        'system',
        `Output binding "${name}" is not offered by this local host: its value is lost`,
      );
    }
    return returnValue ? { kind: 'returned', returnValue } : { kind: 'returned' };
  } catch (error) {
    return threw(error);
  }
}
