import type { FunctionInfo } from '../../local/engine/protocol/worker.ts';
import type { WorkerProcess } from '../../local/host/worker/fork-worker.ts';
import type { HostMessage, WorkerMessage } from '../../local/host/worker/worker-messages.ts';

/** A worker process that does only what a test says. */
export interface FakeWorker extends WorkerProcess {
  /** The place that it was started for. */
  readonly index: number;
  /** What the host has sent to it. */
  readonly sent: HostMessage[];
  isKilled(): boolean;
  say(message: WorkerMessage): void;
  /** Ends the process. */
  exit(how: string): void;
  /** The invocations that it has been sent, in order. */
  calls(): Extract<HostMessage, { type: 'invoke' }>[];
  /** Answers an invocation by the text. */
  answer(id: number, text: string): void;
}

/** A function as an app would register it. */
export const registered = (name: string, kind: FunctionInfo['kind']): FunctionInfo => ({ name, kind, bindings: {} });

/** Starts fake processes and keeps them, oldest first. Process ids count from 1. */
export function createFakeWorkers() {
  const all: FakeWorker[] = [];
  return {
    all,
    /** The newest one. */
    last(): FakeWorker {
      const worker = all.at(-1);
      if (!worker) throw new Error('no process has been started');
      return worker;
    },
    startProcess(index: number): FakeWorker {
      const sent: HostMessage[] = [];
      let isKilled = false;
      let onMessage: (message: WorkerMessage) => void = () => {};
      let onExit: (how: string) => void = () => {};
      const worker: FakeWorker = {
        pid: all.length + 1,
        index,
        sent,
        isKilled: () => isKilled,
        send: message => void sent.push(message),
        onMessage(callback) {
          onMessage = callback;
        },
        onExit(callback) {
          onExit = callback;
        },
        kill() {
          isKilled = true;
        },
        say: message => onMessage(message),
        exit: how => onExit(how),
        calls: () => sent.filter(message => message.type === 'invoke'),
        answer: (id, text) =>
          onMessage({ type: 'outcome', id, outcome: { kind: 'returned', returnValue: { string: text } } }),
      };
      all.push(worker);
      return worker;
    },
  };
}
