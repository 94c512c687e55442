import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { createApiClient } from '../api-client.ts';
import type { Context } from '../context.ts';
import { INTERRUPTED } from '../errors.ts';
import { openIssueFile } from '../issue-file.ts';
import { startLocally } from '../local-app.ts';
import { type RunEnd, runIssues } from '../run-issues.ts';

interface Options {
  readonly json?: boolean;
  readonly yes?: boolean;
}

const SAMPLE = resolve(import.meta.dirname, '../../examples/sample-issues.csv');
const FOLDER = '.fanfold';
/** About what a small model takes, shortened so that nobody waits. */
const LATENCY_MS = 400;
/** Small, so that batches end, and pauses between them pass, while one looks on. */
const BATCH_SIZE = 5;

/** `demo`: one run over sample issues, from nothing to the report. */
export function demoCommand(context: Context, exit: (code: number) => void): Command {
  return new Command('demo')
    .summary('run the sample issues on this machine, from start to report')
    .description('Starts everything on free ports, runs the sample issues, shows the report, and stops everything.')
    .option('--json', 'one JSON object as the last line of standard output, everything else on standard error')
    .option('--yes', 'do not ask before the real service is called, if AZURE_OPENAI_ENDPOINT is set')
    .action(async (options: Options) => exit(await demo(context, options)));
}

async function demo(context: Context, { json = false, yes = false }: Options): Promise<number> {
  const { terminal } = context;
  const file = await openIssueFile(SAMPLE);
  terminal.err(`Analyses ${relative('.', SAMPLE)} with the whole app on this machine: storage, model, Functions host.`);
  await mkdir(FOLDER, { recursive: true });
  // A folder of its own, so that demos at the same time do not meet.
  const folder = await mkdtemp(join(FOLDER, 'demo-'));
  try {
    const environment = await startLocally(context, { folder, port: 0, simulator: { latencyMs: LATENCY_MS } });
    try {
      const broken = new AbortController();
      void environment.broken.then(failure => broken.abort(failure));
      const inner = { ...context, signal: AbortSignal.any([context.signal, broken.signal]) };
      const client = createApiClient(inner, { url: environment.url, key: null });
      const settings = { analysis: 'triage', batchSize: BATCH_SIZE };
      const job = { file, settings, idempotencyKey: null, folder: null, json, yes };
      const end = await runIssues(inner, client, job).catch(error => {
        throw broken.signal.aborted ? broken.signal.reason : error;
      });
      broken.signal.throwIfAborted();
      return exitCodeOf(end);
    } finally {
      const simulator = environment.service.simulator ? ', the simulator' : '';
      terminal.err(`Stopping the app${simulator} and the storage ...`);
      await environment.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function exitCodeOf(end: RunEnd): number {
  switch (end.kind) {
    case 'ended':
      return end.exitCode;
    case 'declined':
      return 1;
    case 'interrupted':
      return INTERRUPTED;
  }
}
