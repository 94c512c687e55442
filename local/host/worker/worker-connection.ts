import type { Clock } from '../../engine/clock.ts';
import type { FunctionInfo, InvocationOutcome, RpcTypedData } from '../../engine/protocol/worker.ts';
import type { Log } from '../log.ts';
import { createCallsInFlight } from './calls-in-flight.ts';
import type { WorkerProcess } from './fork-worker.ts';
import type { HostMessage, WorkerMessage } from './worker-messages.ts';

/** How long the `appTerminate` hooks of an app may take. */
const TERMINATE_MS = 1_000;

/** The end of a worker process. */
export interface WorkerEnd {
  /** A clause after the process's name, such as `was ended by SIGKILL`. */
  readonly how: string;
  /** What was in flight and has ended as `lost`. */
  readonly lost: readonly FunctionInfo[];
  /** Whether it had come to the end of an invocation, if only by its timeout: then the next process need not be held back. */
  readonly hasWorked: boolean;
}

/** One worker process from its start to its end. */
export interface WorkerConnection {
  readonly pid: number;
  /** What the app registers, once it is loaded. Rejects with what the app threw, or when the process ends before; to be handled. */
  readonly ready: Promise<readonly FunctionInfo[]>;
  /** Resolves when the process is gone and nothing is in flight any more. */
  readonly ended: Promise<WorkerEnd>;
  /** Whether it takes invocations. */
  isUp(): boolean;
  inFlightCount(): number;
  /** Runs a function; never rejects. */
  invoke(
    target: FunctionInfo,
    trigger: RpcTypedData,
    metadata: Readonly<Record<string, RpcTypedData>>,
  ): Promise<InvocationOutcome>;
  /** Ends what is in flight as `closed`; the app's code is not interrupted. */
  release(): void;
  /** Lets the `appTerminate` hooks run for up to a second, then kills; a process that is not up is killed at once. */
  stop(): Promise<void>;
}

/** What a connection is made of. */
export interface ConnectionOptions {
  /** What the process is told first. */
  readonly start: Extract<HostMessage, { type: 'start' }>;
  readonly clock: Clock;
  /** Infinity = no limit. */
  readonly functionTimeoutMs: number;
  readonly log: Log;
}

/** Resolves when the process is gone: by itself, or killed after the time that hooks have. */
async function killIfLate(child: WorkerProcess, ended: Promise<unknown>, clock: Clock, log: Log): Promise<void> {
  const withdraw = clock.callAt(clock.nowMs() + TERMINATE_MS, () => {
    log('warning', 'host', `worker process ${child.pid} has not ended after ${TERMINATE_MS} ms and is killed`);
    child.kill();
  });
  await ended;
  withdraw();
}

/**
 * Has a new worker process load the app and runs functions in it. An invocation that overruns the timeout ends the process,
 * and with it whatever else is in flight there.
 */
export function connectWorker(child: WorkerProcess, options: ConnectionOptions): WorkerConnection {
  const { start, clock, functionTimeoutMs, log } = options;
  const ready = Promise.withResolvers<readonly FunctionInfo[]>();
  const ended = Promise.withResolvers<WorkerEnd>();
  let state: 'loading' | 'up' | 'ending' = 'loading';
  let killedFor: string | undefined;
  const calls = createCallsInFlight({ clock, functionTimeoutMs, onOverrun });

  function onOverrun(message: string): void {
    state = 'ending';
    killedFor = message;
    child.kill();
  }

  function receive(message: WorkerMessage): void {
    switch (message.type) {
      case 'ready':
        if (state === 'loading') state = 'up';
        ready.resolve(message.functions);
        break;
      case 'failed':
        ready.reject(new Error(message.message, { cause: message.detail }));
        break;
      case 'log':
        log(message.level, message.source, message.message);
        break;
      case 'outcome':
        calls.finish(message.id, message.outcome);
    }
  }

  child.onMessage(receive);
  child.onExit(exit => {
    state = 'ending';
    const how = killedFor ? `was killed: ${killedFor}` : exit;
    ready.reject(new Error(`The worker process ${how} while it loaded the app`));
    ended.resolve({ how, lost: calls.loseAll(how), hasWorked: calls.hasEnded() });
  });
  child.send(start);
  return {
    pid: child.pid,
    ready: ready.promise,
    ended: ended.promise,
    isUp: () => state === 'up',
    inFlightCount: calls.count,
    invoke(target, trigger, metadata) {
      const { id, outcome } = calls.add(target);
      child.send({ type: 'invoke', id, name: target.name, trigger, metadata });
      return outcome;
    },
    release: calls.closeAll,
    stop() {
      if (state === 'up') child.send({ type: 'stop' });
      else child.kill();
      state = 'ending';
      return killIfLate(child, ended.promise, clock, log);
    },
  };
}
