import Module from 'node:module';
import type { RpcTypedData } from '../../engine/protocol/worker.ts';
import type { Log, LogLevel } from '../log.ts';

/** A binding as `@azure/functions` registers it. */
export interface BindingInfo {
  readonly type: string;
  readonly direction?: string;
  readonly name?: string;
  readonly [property: string]: unknown;
}

/** A function's registration. The object goes back to the programming model as it came: it rebuilds `context.options` from it. */
export interface FunctionMetadata {
  readonly name: string;
  readonly functionId?: string;
  readonly bindings: Readonly<Record<string, BindingInfo>>;
}

/** The handler that the app registered, or what a hook put in its place. */
export type FunctionCallback = (...args: unknown[]) => unknown;

/** A registration with its handler. */
export interface RegisteredFunction {
  readonly metadata: FunctionMetadata;
  readonly callback: FunctionCallback;
}

/** Whose log line it is: the app's own, or the library's. */
export type LogCategory = 'user' | 'system' | 'customMetric';

/** What the programming model is told about one invocation. */
export interface CoreInvocationContext {
  readonly invocationId: string;
  readonly metadata: FunctionMetadata;
  readonly request: {
    readonly invocationId: string;
    readonly inputData: readonly { readonly name: string; readonly data: RpcTypedData }[];
    readonly triggerMetadata: Readonly<Record<string, RpcTypedData>>;
  };
  state: 'preInvocationHooks' | 'invocation' | 'postInvocationHooks' | undefined;
  log(level: LogLevel, category: LogCategory, message: string): void;
}

/** The library's side of one invocation. */
export interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(
    context: unknown,
    result: unknown,
  ): Promise<{ outputData?: { name: string }[]; returnValue?: RpcTypedData | null }>;
}

/** What `@azure/functions` hands over when it first registers something. */
export interface ProgrammingModel {
  readonly name: string;
  readonly version: string;
  getInvocationModel(context: CoreInvocationContext): InvocationModel | Promise<InvocationModel>;
  getCapabilities?(capabilities: Record<string, string>): Promise<Record<string, string>>;
}

const HOOK_NAMES = ['appStart', 'appTerminate', 'preInvocation', 'postInvocation', 'log'] as const;

/** Where an app can hook in. */
export type HookName = (typeof HOOK_NAMES)[number];

/** A hook of the app; it may change the context that it gets. */
export type HookCallback = (context: Record<string, unknown>) => unknown;

/** One log line on its way to the host. */
export interface LogEntry {
  readonly level: LogLevel;
  readonly category: LogCategory;
  readonly message: string;
  /** The function's name, or `app` outside invocations. */
  readonly source: string;
  /** Shared by the hooks of one invocation. */
  readonly hookData?: Record<string, unknown>;
  readonly invocationContext?: unknown;
}

/** What an app has registered through its `@azure/functions-core`. */
export interface CoreRegistry {
  /** The object that `require('@azure/functions-core')` gives. */
  readonly coreModule: object;
  /** Registered functions by lower-case name. */
  readonly functions: ReadonlyMap<string, RegisteredFunction>;
  /** Data that all hooks of the app share. */
  readonly appHookData: Record<string, unknown>;
  programmingModel(): ProgrammingModel | undefined;
  /** Runs the hooks of one name in order, each awaited. */
  runHooks(name: HookName, context: Record<string, unknown>): Promise<void>;
  /** Shows a line to the app's `log` hooks, which may change level and message of user lines, and writes it. */
  writeLog(entry: LogEntry): void;
  /** Ends registration: from here on `registerFunction` throws. */
  lock(): void;
}

/** The worker and host versions that apps see; code that asks for "at least" finds a current one. */
const WORKER_VERSION = '3.13.0';
const HOST_VERSION = '4.1048.0';

class Disposable {
  readonly #callback: () => void;
  #isDisposed = false;
  constructor(callback: () => void) {
    this.#callback = callback;
  }
  dispose(): void {
    if (!this.#isDisposed) this.#callback();
    this.#isDisposed = true;
  }
}

function systemError(ErrorType: typeof Error | typeof RangeError, message: string): Error {
  return Object.assign(new ErrorType(message), { isAzureFunctionsSystemError: true });
}

function createLogWriter(log: Log, logHooks: () => readonly HookCallback[], appHookData: Record<string, unknown>) {
  return ({ level, category, message, source, hookData = {}, invocationContext }: LogEntry): void => {
    const shown = { level, category, message, hookData, appHookData, invocationContext };
    try {
      for (const hook of logHooks()) hook(shown);
    } catch {
      // A log hook that throws must not lose the line nor fail the function that logs.
    }
    if (category === 'user') log(shown.level, source, String(shown.message));
    else log(level, source, message);
  };
}

/**
 * Makes the module that stands in for `@azure/functions-core`, and the registry that it fills.
 *
 * @param log - gets what the libraries say outside invocations
 */
export function createCoreRegistry(log: Log): CoreRegistry {
  const functions = new Map<string, RegisteredFunction>();
  const hooksByName = new Map<HookName, HookCallback[]>(HOOK_NAMES.map(name => [name, []]));
  let model: ProgrammingModel | undefined;
  let isLocked = false;
  const appHookData: Record<string, unknown> = {};

  function registerFunction(metadata: FunctionMetadata, callback: FunctionCallback): Disposable {
    if (isLocked) throw systemError(Error, `Function "${metadata.name}" was registered after the app had started.`);
    const key = (metadata.functionId ?? metadata.name).toLowerCase();
    if (functions.has(key))
      throw systemError(Error, `Function "${metadata.name}" is registered twice; names ignore case.`);
    functions.set(key, { metadata, callback });
    return new Disposable(() => {
      if (isLocked) throw systemError(Error, `Function "${metadata.name}" was removed after the app had started.`);
      functions.delete(key);
    });
  }

  function registerHook(name: HookName, callback: HookCallback): Disposable {
    const hooks = hooksByName.get(name);
    if (!hooks) throw systemError(RangeError, `Unknown hook "${name}"; known: ${HOOK_NAMES.join(', ')}`);
    hooks.push(callback);
    return new Disposable(() => hooks.splice(hooks.indexOf(callback), 1));
  }

  const hooks = (name: HookName) => [...(hooksByName.get(name) ?? [])];

  const writeLog = createLogWriter(log, () => hooks('log'), appHookData);

  return {
    coreModule: {
      version: WORKER_VERSION,
      hostVersion: HOST_VERSION,
      registerFunction,
      registerHook,
      setProgrammingModel: (given: ProgrammingModel) => {
        model = given;
      },
      getProgrammingModel: () => model,
      log: (level: LogLevel, category: LogCategory, message: string) =>
        writeLog({ level, category, message, source: 'app' }),
      Disposable,
    },
    functions,
    appHookData,
    programmingModel: () => model,
    async runHooks(name, context) {
      for (const hook of hooks(name)) await hook(context);
    },
    writeLog,
    lock: () => {
      isLocked = true;
    },
  };
}

/**
 * Answers `require('@azure/functions-core')` with the given module, in this process, until the returned function is called.
 * No package of that name exists; the Functions worker supplies it in the same way.
 */
export function offerCoreModule(coreModule: object): () => void {
  const requireBefore = Module.prototype.require;
  function requireWithCore(this: Module, id: string): unknown {
    return id === '@azure/functions-core' ? coreModule : requireBefore.call(this, id);
  }
  Module.prototype.require = requireWithCore;
  return () => {
    if (Module.prototype.require === requireWithCore) Module.prototype.require = requireBefore;
  };
}
