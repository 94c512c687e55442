import { randomUUID } from 'node:crypto';
import type { FunctionEnd, RpcTypedData } from '../../engine/protocol/worker.ts';
import type {
  CoreInvocationContext,
  CoreRegistry,
  FunctionCallback,
  FunctionMetadata,
  InvocationModel,
  RegisteredFunction,
} from './core-api.ts';
import { readExecutorView } from './executor-view.ts';

/** What a function is called with: binding name and value of the trigger and of each extra input. */
export interface InvocationRequest {
  readonly inputData: readonly { readonly name: string; readonly data: RpcTypedData }[];
  readonly triggerMetadata: Readonly<Record<string, RpcTypedData>>;
}

/** A throw as an outcome. What is not an `Error` becomes one with its text or JSON, as in the Functions worker. */
function threw(error: unknown): FunctionEnd {
  if (error instanceof Error) return { kind: 'threw', message: error.message, stack: error.stack ?? '' };
  const message = typeof error === 'string' ? error : (JSON.stringify(error) ?? String(error));
  return { kind: 'threw', message, stack: '' };
}

interface Invocation {
  readonly coreContext: CoreInvocationContext;
  readonly hookData: Record<string, unknown>;
  /** The context that the handler gets; set once the library has made it. */
  context: unknown;
}

function createInvocation(registry: CoreRegistry, metadata: FunctionMetadata, request: InvocationRequest): Invocation {
  const invocationId = randomUUID();
  const hookData: Record<string, unknown> = {};
  const invocation: Invocation = {
    hookData,
    context: undefined,
    coreContext: {
      invocationId,
      metadata,
      request: { invocationId, ...request },
      state: undefined,
      log: (level, category, message) => {
        const { context: invocationContext } = invocation;
        registry.writeLog({ level, category, message, source: metadata.name, hookData, invocationContext });
      },
    },
  };
  return invocation;
}

/** Marks the invocation's state while the work runs: the library warns about logs that come outside of it. */
async function inState<T>(
  { coreContext }: Invocation,
  state: CoreInvocationContext['state'],
  work: () => Promise<T>,
): Promise<T> {
  coreContext.state = state;
  try {
    return await work();
  } finally {
    coreContext.state = undefined;
  }
}

/** Runs hooks and handler; what comes out of the last hook. */
async function callHandler(
  registry: CoreRegistry,
  invocation: Invocation,
  model: InvocationModel,
  callback: FunctionCallback,
): Promise<{ result: unknown; error: unknown }> {
  const { context, inputs } = await model.getArguments();
  invocation.context = context;
  const shared = { hookData: invocation.hookData, appHookData: registry.appHookData, invocationContext: context };
  const before = { ...shared, functionCallback: callback, inputs };
  await inState(invocation, 'preInvocationHooks', () => registry.runHooks('preInvocation', before));
  const after = { ...shared, inputs: before.inputs, result: null as unknown, error: null as unknown };
  try {
    after.result = await inState(invocation, 'invocation', () =>
      model.invokeFunction(context, before.inputs, before.functionCallback),
    );
  } catch (error) {
    after.error = error;
  }
  await inState(invocation, 'postInvocationHooks', () => registry.runHooks('postInvocation', after));
  return after;
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
  { metadata, callback }: RegisteredFunction,
  request: InvocationRequest,
): Promise<FunctionEnd> {
  const invocation = createInvocation(registry, metadata, request);
  const end = await runHandler(registry, invocation, metadata, callback);
  // What an orchestrator's answer cannot say travels beside it, also when it threw.
  const executor = readExecutorView(invocation.context);
  return executor ? { ...end, executor } : end;
}

async function runHandler(
  registry: CoreRegistry,
  invocation: Invocation,
  metadata: FunctionMetadata,
  callback: FunctionCallback,
): Promise<FunctionEnd> {
  const { coreContext } = invocation;
  try {
    const model = await registry.programmingModel()?.getInvocationModel(coreContext);
    if (!model) throw new Error(`Function "${metadata.name}" was registered without a programming model`);
    const { result, error } = await callHandler(registry, invocation, model, callback);
    if (error !== null && error !== undefined) return threw(error);
    const { outputData = [], returnValue } = await model.getResponse(invocation.context, result);
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
