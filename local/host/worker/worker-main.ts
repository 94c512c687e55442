// The program of a language worker process: loads the app, runs its functions, and tells the host what comes out.
// Started by a host; arguments: [--inspect|--inspect-brk ADDRESS]
import { Worker as Thread } from 'node:worker_threads';
import type { Worker } from '../../engine/protocol/worker.ts';
import { describeError, type Log } from '../log.ts';
import { isFunctionDisabled } from '../settings/app-settings.ts';
import { createInProcessWorker } from './in-process-worker.ts';
import { openToDebugger, readInspectArguments } from './inspect.ts';
import { type LoadedApp, loadApp } from './load-app.ts';
import { createMessageBatch } from './message-batch.ts';
import type { HostMessage, WorkerMessage } from './worker-messages.ts';

const toHost = process.send?.bind(process);
if (!toHost) throw new Error('A worker process is started by a host');
// As on Azure, the app has no channel to a parent process.
Reflect.deleteProperty(process, 'send');

// What is meant for this program is not for the app.
const inspect = readInspectArguments(process.argv.splice(2));

type Outcome = Extract<WorkerMessage, { type: 'outcome' }>;

const outcomes = createMessageBatch<Outcome>(sendOutcomes);

/** Sends a message at once, after what waits. */
function send(message: WorkerMessage, onSent: () => void = () => {}): void {
  outcomes.flush();
  toHost?.([message], undefined, undefined, onSent);
}

/** An outcome that cannot be cloned, because it holds a function or the like, becomes a failure; the others go as they are. */
function sendOutcomes(messages: readonly Outcome[]): void {
  try {
    toHost?.([...messages], undefined, undefined, () => {});
  } catch (error) {
    if (messages.length > 1) {
      for (const each of messages) sendOutcomes([each]);
      return;
    }
    const message = `What the function returned cannot be sent to the host: ${error}`;
    const failed = messages.map(
      ({ id }): Outcome => ({ type: 'outcome', id, outcome: { kind: 'threw', message, stack: '' } }),
    );
    toHost?.(failed, undefined, undefined, () => {});
  }
}

const log: Log = (level, source, message) => send({ type: 'log', level, source, message: String(message) });

/** Exits once everything said before has been sent. */
function exitAfter(message: WorkerMessage, exitCode: 0 | 1): void {
  send(message, () => process.exit(exitCode));
}

/** Ends the process for an error that nothing has caught, as the Functions worker does. */
function exitOnUncaught(error: unknown): void {
  const message = `uncaught exception outside of any function call: ${describeError(error)}`;
  exitAfter({ type: 'log', level: 'error', source: 'app', message }, 1);
}

async function start(appFolder: string, durableClientJson: string): Promise<{ app: LoadedApp; worker: Worker }> {
  if (inspect) openToDebugger(inspect);
  const app = await loadApp(appFolder, log);
  const worker = createInProcessWorker({
    app,
    durableClientJson,
    isDisabled: name => isFunctionDisabled(name, process.env),
    // The host writes a line of its own for each call.
    log: () => {},
  });
  // What is registered crosses as JSON, as on Azure: it may hold what cannot be cloned.
  send({ type: 'ready', functions: JSON.parse(JSON.stringify(worker.functions)) });
  return { app, worker };
}

async function invoke(
  worker: Worker,
  { id, name, trigger, metadata }: Extract<HostMessage, { type: 'invoke' }>,
): Promise<void> {
  const begunMs = performance.now();
  try {
    const outcome = await worker.invoke(name, trigger, metadata);
    outcomes.add({ type: 'outcome', id, outcome: { ...outcome, ranMs: performance.now() - begunMs } });
  } catch (error) {
    const message = `Function "${name}" could not be run: ${error}`;
    outcomes.add({ type: 'outcome', id, outcome: { kind: 'threw', message, stack: '' } });
  }
}

async function stop(app: LoadedApp): Promise<void> {
  await app.close().catch(error => log('error', 'app', `an appTerminate hook failed: ${describeError(error)}`));
  exitAfter({ type: 'log', level: 'debug', source: 'host', message: `worker process ${process.pid} ends` }, 0);
}

let started: Promise<{ app: LoadedApp; worker: Worker }>;

async function receive(message: HostMessage): Promise<void> {
  switch (message.type) {
    case 'start':
      started = start(message.appFolder, message.durableClientJson);
      await started.catch(error => {
        const detail = describeError(error instanceof Error ? (error.cause ?? error) : error);
        exitAfter({ type: 'failed', message: error instanceof Error ? error.message : String(error), detail }, 1);
      });
      return;
    case 'invoke':
      return invoke((await started).worker, message);
    case 'stop':
      return stop((await started).app);
  }
}

new Thread(new URL('./watch-host.mjs', import.meta.url), { execArgv: [] }).unref();
process.on('disconnect', () => process.exit(1));
process.on('uncaughtException', exitOnUncaught);
process.on('exit', outcomes.flush);
process.on('message', (messages: readonly HostMessage[]) => {
  // Each in a turn of its own: what ends at once is answered before the next one begins, which might never let go.
  for (const message of messages) setImmediate(receive, message);
});
