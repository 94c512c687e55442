import type { FunctionInfo, InvocationOutcome, RpcTypedData } from '../../engine/protocol/worker.ts';
import type { LogLevel } from '../log.ts';

/**
 * What the host sends to a worker process. Messages cross in lists, in both directions, as structured clones: texts and
 * bytes stay as they are, unparsed.
 */
export type HostMessage =
  /** The first one: load the app and say `ready` or `failed`. */
  | {
      readonly type: 'start';
      readonly appFolder: string;
      /** Payload of every `durableClient` input. */
      readonly durableClientJson: string;
    }
  /** Run a function and answer by an `outcome` of the same id. */
  | {
      readonly type: 'invoke';
      readonly id: number;
      readonly name: string;
      readonly trigger: RpcTypedData;
      readonly metadata: Readonly<Record<string, RpcTypedData>>;
    }
  /** Run the app's `appTerminate` hooks, then exit. */
  | { readonly type: 'stop' };

/** What a worker process sends to its host. */
export type WorkerMessage =
  | { readonly type: 'ready'; readonly functions: readonly FunctionInfo[] }
  /** The app cannot be loaded; `detail` is the cause with its stack. The process exits. */
  | { readonly type: 'failed'; readonly message: string; readonly detail: string }
  | { readonly type: 'outcome'; readonly id: number; readonly outcome: InvocationOutcome }
  | { readonly type: 'log'; readonly level: LogLevel; readonly source: string; readonly message: string };
