import { join } from 'node:path';
import type { z } from 'zod';
import { type Child, startChild } from '../../local/child-process.ts';
import type { CallStats } from '../../local/simulators/call-log.ts';
import type { Meters } from '../../local/simulators/meters.ts';

const SIMULATOR = join(import.meta.dirname, '../../local/simulators/main.ts');
const HOST = join(import.meta.dirname, 'host-main.ts');

/** A simulator of Azure OpenAI in a process of its own, in scaled time. */
export interface Simulator {
  /** The client's base URL is `${url}/openai/v1`. */
  readonly url: string;
  /** What it has counted and measured since the last reset. */
  read(): Promise<{ readonly stats: CallStats; readonly meters: Meters }>;
  reset(): Promise<void>;
  stop(): Promise<void>;
}

async function json(url: string, init: RequestInit = {}): Promise<unknown> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${url}: ${response.status} ${text.slice(0, 1_000)}`);
  return JSON.parse(text);
}

/**
 * Asks a server and parses its answer.
 *
 * @throws for any status but 2xx, with the answer's text
 */
export async function ask<T>(schema: z.ZodType<T>, url: string, body?: unknown): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  const init = body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) };
  return schema.parse(await json(url, init));
}

/**
 * Starts a simulator.
 *
 * @param options - its command-line options by name, without the dashes
 * @param env - decides by which time it goes
 */
export async function startSimulator(
  options: Readonly<Record<string, string | number>>,
  env: NodeJS.ProcessEnv,
): Promise<Simulator> {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = await startChild({
    name: 'the simulator',
    command: [SIMULATOR, ...args],
    env,
    readyFrom: line => /^Azure OpenAI simulator ready: (\S+)/.exec(line)?.[1],
  });
  const url = child.ready;
  return {
    url,
    async read() {
      // Of the same project: their shapes are known.
      const [stats, meters] = await Promise.all([json(`${url}/_simulator/stats`), json(`${url}/_simulator/meters`)]);
      return { stats: stats as CallStats, meters: meters as Meters };
    },
    async reset() {
      await json(`${url}/_simulator/reset`, { method: 'POST' });
    },
    stop: child.stop,
  };
}

/** A local Functions host in a process of its own, in scaled time. */
export interface BenchHost {
  /** Without a slash at the end. */
  readonly url: string;
  /** Resolves when it has ended, with a line that says how and its last output. */
  readonly ended: Promise<string>;
  /**
   * Ends it.
   *
   * @returns how many events its longest history has had
   */
  stop(): Promise<number>;
}

/** How to start a host. */
export interface BenchHostOptions {
  readonly appFolder: string;
  readonly stateFile: string;
  /** The waits of a storage provider, as the host's own option takes them. Default: none. */
  readonly latencyProfile?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** Starts a host and waits until it serves. */
export async function startBenchHost({
  appFolder,
  stateFile,
  latencyProfile,
  env,
}: BenchHostOptions): Promise<BenchHost> {
  let largestHistory = 0;
  const profile = latencyProfile === undefined ? [] : ['--latency-profile', latencyProfile];
  const child: Child<string> = await startChild({
    name: 'the host',
    command: [HOST, '--app', appFolder, '--port', '0', '--state', stateFile, ...profile],
    env,
    readyFrom: line => /^Functions host ready: (\S+)/.exec(line)?.[1],
    onLine(line) {
      const [, count] = /^largest history: (\d+)$/.exec(line) ?? [];
      if (count !== undefined) largestHistory = Number(count);
    },
  });
  return {
    url: child.ready,
    ended: child.ended,
    async stop() {
      await child.stop();
      await child.ended;
      return largestHistory;
    },
  };
}
