/** One value on the wire between host and worker; exactly one member is set (the Functions host's TypedData). */
export interface RpcTypedData {
  string?: string;
  json?: string;
  bytes?: Uint8Array;
  int?: number;
  double?: number;
  http?: unknown;
}

/** What a registered function is triggered by. */
export type FunctionKind = 'orchestrator' | 'activity' | 'entity' | 'http' | 'other';

/** A function that the app has registered. */
export interface FunctionInfo {
  readonly name: string;
  readonly kind: FunctionKind;
  /** The function's bindings as registered: binding name → binding JSON. */
  readonly bindings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** How an invocation ended. A throw is data here, because it must cross a process boundary one day. */
export type InvocationOutcome =
  | { readonly kind: 'returned'; readonly returnValue?: RpcTypedData }
  | { readonly kind: 'threw'; readonly message: string; readonly stack: string };

/**
 * The seam between the engine and the code of the app.
 *
 * Today one implementation runs the app in the host's own process; worker processes come behind the same interface.
 */
export interface Worker {
  /** Every function that the app registered. */
  readonly functions: readonly FunctionInfo[];
  /**
   * Runs one function.
   *
   * @param name - the registered name, in any case
   * @param trigger - the trigger's value
   * @param metadata - trigger metadata, for example `instanceId` of an activity
   * @throws when no function of that name is registered
   */
  invoke(
    name: string,
    trigger: RpcTypedData,
    metadata?: Readonly<Record<string, RpcTypedData>>,
  ): Promise<InvocationOutcome>;
}
