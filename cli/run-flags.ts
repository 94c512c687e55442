import type { Command } from 'commander';
import { ANALYSES } from '../src/core/analyses.ts';
import { CHOSEN } from '../src/core/run-request.ts';
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
  readonly batchDelayMs?: number;
  readonly requestTimeoutSeconds?: number;
  readonly tokensPerMinute?: number;
  readonly requestsPerMinute?: number;
  readonly bufferPercent?: number;
  readonly deployment?: string;
  readonly maxCostUsd?: number;
  readonly maxTokens?: number;
  readonly deadlineSeconds?: number;
  /** False with `--no-cache`. */
  readonly cache: boolean;
}

/** Adds the flags that describe a run, and those for the connection. */
export function withRunFlags(command: Command): Command {
  return withConnection(withLimitFlags(withPaceFlags(withSourceFlags(command))));
}

function withSourceFlags(command: Command): Command {
  return command
    .requiredOption('--file <file>', 'issues as .csv, .ndjson, .jsonl (to 90 MB) or .json (to 10 MB)')
    .option('--analysis <name>', 'what to ask of each issue', wordFlag('--analysis', Object.keys(ANALYSES)))
    .option('--limit <n>', 'only the first so many issues', integerFlag('--limit', { min: 1, max: 1_000_000 }))
    .option('--deployment <name>', 'deployment of Azure OpenAI; default that of the app')
    .option('--no-cache', 'ask everything anew; the answers are kept all the same');
}

/** How many calls at a time, and in which batches. */
function withPaceFlags(command: Command): Command {
  return command
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
    .option(
      '--batch-delay-ms <n>',
      "least pause between a stream's batches, in milliseconds",
      integerFlag('--batch-delay-ms', BOUNDS.batchDelayMs),
    )
    .option(
      '--request-timeout-seconds <n>',
      'of one call',
      integerFlag('--request-timeout-seconds', BOUNDS.requestTimeoutSeconds),
    );
}

/** What the deployment admits, and what the run may take. */
function withLimitFlags(command: Command): Command {
  return command
    .option(
      '--tokens-per-minute <n>',
      'what the deployment admits; default that of the app, else learned',
      integerFlag('--tokens-per-minute', BOUNDS.tokensPerMinute),
    )
    .option(
      '--requests-per-minute <n>',
      'what the deployment admits; default that of the app, else learned',
      integerFlag('--requests-per-minute', BOUNDS.requestsPerMinute),
    )
    .option(
      '--buffer-percent <n>',
      'share of these limits that stays unused',
      integerFlag('--buffer-percent', BOUNDS.bufferPercent),
    )
    .option(
      '--max-cost-usd <n>',
      'most that the run may cost, in US dollars; it stops before',
      amountFlag('--max-cost-usd', BOUNDS.maxCostUsd),
    )
    .option('--max-tokens <n>', 'most tokens that the run may take', integerFlag('--max-tokens', BOUNDS.maxTokens))
    .option(
      '--deadline-seconds <n>',
      'nothing new is started after that time; default by the size of the run',
      integerFlag('--deadline-seconds', BOUNDS.deadlineSeconds),
    );
}

/** Flags that are members of a request by the same name. */
const MEMBERS = [
  'analysis',
  'limit',
  'concurrencyScope',
  'deployment',
  'maxCostUsd',
  'maxTokens',
  'deadlineSeconds',
  ...CHOSEN,
] as const satisfies readonly (keyof RunFlags & keyof RunBody)[];

/** What the flags say of a run, as the body of a request has it; what is not given is not in it. */
export function runSettingsOf(flags: RunFlags): Omit<RunBody, 'source' | 'runId'> {
  const given = MEMBERS.flatMap(name => (flags[name] === undefined ? [] : [[name, flags[name]]]));
  return Object.fromEntries(flags.cache ? given : [...given, ['useCache', false]]);
}
