import type { Command } from 'commander';
import { ANALYSES } from '../src/core/analyses.ts';
import { BOUNDS } from '../src/core/settings.ts';
import type { RunBody } from './api-client.ts';
import { amountFlag, type ConnectionOptions, integerFlag, withConnection, wordFlag } from './options.ts';

/** A run as flags describe it. */
export interface RunFlags extends ConnectionOptions {
  readonly file: string;
  readonly analysis?: string;
  readonly limit?: number;
  readonly concurrency?: number;
  readonly concurrencyScope?: 'process' | 'run';
  readonly batchSize?: number;
  readonly streams?: number;
  readonly deployment?: string;
  readonly maxCostUsd?: number;
  readonly maxTokens?: number;
  readonly deadlineSeconds?: number;
  /** False with `--no-cache`. */
  readonly cache: boolean;
}

/** Adds the flags that describe a run, and those for the connection. */
export function withRunFlags(command: Command): Command {
  command
    .requiredOption('--file <file>', 'issues as .csv, .ndjson, .jsonl (to 90 MB) or .json (to 10 MB)')
    .option('--analysis <name>', 'what to ask of each issue', wordFlag('--analysis', Object.keys(ANALYSES)))
    .option('--limit <n>', 'only the first so many issues', integerFlag('--limit', { min: 1, max: 1_000_000 }))
    .option(
      '--concurrency <n>',
      'calls at a time, at most the ceiling of the app',
      integerFlag('--concurrency', BOUNDS.concurrency),
    )
    .option(
      '--concurrency-scope <scope>',
      'whether that is meant for each process, or for the run on all of them: process, run',
      wordFlag('--concurrency-scope', ['process', 'run']),
    )
    .option('--batch-size <n>', 'issues in a batch', integerFlag('--batch-size', BOUNDS.batchSize))
    .option('--streams <n>', 'batches in flight', integerFlag('--streams', BOUNDS.streams))
    .option('--deployment <name>', 'deployment of Azure OpenAI; default that of the app')
    .option(
      '--max-cost-usd <n>',
      'most that the run may cost, in US dollars; it stops before',
      amountFlag('--max-cost-usd', BOUNDS.maxCostUsd),
    )
    .option('--max-tokens <n>', 'most tokens that the run may take', integerFlag('--max-tokens', BOUNDS.maxTokens))
    .option(
      '--deadline-seconds <n>',
      'nothing new is started after that time; default by the size of the run',
      integerFlag('--deadline-seconds', { min: 1, max: 2_592_000 }),
    )
    .option('--no-cache', 'ask everything anew; the answers are kept all the same');
  return withConnection(command);
}

/** What the flags say of a run, as the body of a request has it; what is not given is not in it. */
export function runSettingsOf(flags: RunFlags): Omit<RunBody, 'source' | 'runId'> {
  const { analysis, limit, concurrency, concurrencyScope, batchSize, streams, deployment } = flags;
  const { maxCostUsd, maxTokens, deadlineSeconds } = flags;
  const useCache = flags.cache ? undefined : false;
  const shape = { analysis, limit, concurrency, concurrencyScope, batchSize, streams, deployment };
  const all = { ...shape, maxCostUsd, maxTokens, deadlineSeconds, useCache };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
