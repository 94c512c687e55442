import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LATENCY_PROFILES, type Latency } from '../engine/latency.ts';
import { type Inspect, parseInspect } from './worker/inspect.ts';

/** What the host's command was asked for. */
export interface HostArguments {
  readonly appFolder: string;
  readonly stateFile: string;
  readonly port: number;
  readonly strict: boolean;
  readonly latency?: Latency;
  readonly inspect?: Inspect;
}

/** Shown with each complaint about arguments. */
export const USAGE = 'usage: npm run host -- APP_FOLDER [--port N] [--state FILE] ...; --help shows all';

/** What `--help` prints. */
export const HELP = `Runs the built function app of a folder on this machine.

usage: npm run host -- APP_FOLDER [options]

  --app FOLDER               the same as APP_FOLDER: holds host.json, package.json and what its "main" names
  --port N                   0 takes a free one; default 7071
  --state FILE               keeps orchestrations; default .fanfold/host/<name of the app's folder>.db
  --strict                   what diverges between the durable library and the engine is an error, not a warning
  --latency-profile azure-storage[:SEED]
                             imitates the waits of a storage provider; default: none, seed 1
  --inspect[=[HOST:]PORT]    opens the worker processes to debuggers, the first at 127.0.0.1:9229, each further one at
                             the next port; functionTimeout is off then
  --inspect-brk[=[HOST:]PORT]
                             the same; each process waits for its debugger before it loads the app
  --help                     shows this

environment
  FUNCTIONS_WORKER_PROCESS_COUNT   processes that run the app, 1 to 10; default 1
  languageWorkers__node__arguments arguments of Node in these processes, such as --max-old-space-size=1024
  FUNCTIONS_WORKER_LOG_LEVEL       ERROR, WARNING, INFO, DEBUG; default INFO

The app's settings come from the environment, and where it lacks one from Values in the app's local.settings.json.
Ctrl-C ends the host within 5 seconds, a second one at once; what was under way goes on at the next start.
`;

const DEFAULT_PORT = '7071';
const DEFAULT_SEED = 1;
const MAX_SEED = 2_147_483_647;
const LATENCY = /^([^:]+)(?::(\d+))?$/;
const INSPECT_FLAGS = ['--inspect', '--inspect-brk'] as const;

function parsePort(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > 65_535) throw new Error(`--port is "${text}"; allowed: 0 to 65535`);
  return Number(text);
}

function parseLatency(text: string): Latency {
  const [, name, seedText] = LATENCY.exec(text) ?? [];
  const profile = LATENCY_PROFILES.find(known => known === name);
  const seed = Number(seedText ?? DEFAULT_SEED);
  if (profile === undefined || seed > MAX_SEED) {
    const forms = LATENCY_PROFILES.map(known => `${known} or ${known}:SEED`).join(', ');
    const allowed = `${forms}, a whole number from 0 to ${MAX_SEED}`;
    throw new Error(`--latency-profile is "${text}"; allowed: ${allowed}`);
  }
  return { profile, seed };
}

function parseInspectFlags(values: {
  readonly inspect?: string | undefined;
  readonly 'inspect-brk'?: string | undefined;
}): Inspect | undefined {
  const { inspect, 'inspect-brk': inspectBrk } = values;
  if (inspect !== undefined && inspectBrk !== undefined)
    throw new Error('--inspect and --inspect-brk exclude each other');
  if (inspectBrk !== undefined) return parseInspect('--inspect-brk', inspectBrk);
  return inspect === undefined ? undefined : parseInspect('--inspect', inspect);
}

function appFolderOf(app: string | undefined, positionals: readonly string[]): string {
  const given = [...(app === undefined ? [] : [app]), ...positionals];
  const [folder] = given;
  if (!folder) throw new Error('The folder of the built function app is missing');
  if (given.length > 1) throw new Error(`One app folder is wanted; given: ${given.join(', ')}`);
  return resolve(folder);
}

/**
 * Reads the arguments of the host's command.
 *
 * @returns `help` when that is asked for
 * @throws naming the argument, its value and what is allowed
 */
export function readArguments(args: readonly string[]): HostArguments | 'help' {
  const { values, positionals } = parseArgs({
    // A value may follow these after `=` alone, as with Node.
    args: args.map(arg => (INSPECT_FLAGS.some(flag => flag === arg) ? `${arg}=` : arg)),
    allowPositionals: true,
    options: {
      app: { type: 'string' },
      state: { type: 'string' },
      port: { type: 'string', default: DEFAULT_PORT },
      strict: { type: 'boolean', default: false },
      'latency-profile': { type: 'string' },
      inspect: { type: 'string' },
      'inspect-brk': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const appFolder = appFolderOf(values.app, positionals);
  const latency = values['latency-profile'] === undefined ? undefined : parseLatency(values['latency-profile']);
  const inspect = parseInspectFlags(values);
  return {
    appFolder,
    stateFile: resolve(values.state || join('.fanfold/host', `${basename(appFolder)}.db`)),
    port: parsePort(values.port),
    strict: values.strict,
    ...(latency && { latency }),
    ...(inspect && { inspect }),
  };
}
