import type { Command } from 'commander';
import { type ApiClient, createApiClient } from './api-client.ts';
import type { Context } from './context.ts';
import { BAD_INPUT, CliError } from './errors.ts';

/** Where the app is and with which key it is asked. */
export interface ConnectionOptions {
  readonly url?: string;
  readonly key?: string;
}

const DEFAULT_URL = 'http://127.0.0.1:7071';

/** Adds `--url` and `--key`. */
export function withConnection(command: Command): Command {
  return command
    .option('--url <url>', `address of the app; default FANFOLD_URL, else ${DEFAULT_URL}`)
    .option('--key <key>', 'function key, sent as x-functions-key; default FANFOLD_KEY');
}

/**
 * A client for the app that the options name.
 *
 * @throws {CliError} for something else than an http(s) URL
 */
export function connect(context: Context, options: ConnectionOptions): ApiClient {
  const given = options.url ?? (context.env['FANFOLD_URL'] || DEFAULT_URL);
  const url = URL.parse(given);
  if (!url || !/^https?:$/.test(url.protocol))
    throw new CliError(`--url is "${given}"; allowed: an http(s) URL such as ${DEFAULT_URL}`, BAD_INPUT);
  const base = `${url.origin}${url.pathname}`.replace(/(\/api)?\/*$/, '');
  return createApiClient(context, { url: base, key: options.key ?? (context.env['FANFOLD_KEY'] || null) });
}

/**
 * Reads a flag's text as an integer.
 *
 * @returns a parser that throws {@link CliError} naming flag, value and range
 */
export function integerFlag(flag: string, { min, max }: { min: number; max: number }): (text: string) => number {
  return text => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new CliError(`${flag} is "${text}"; allowed: an integer from ${min} to ${max}`, BAD_INPUT);
  };
}

/**
 * Reads a flag's text as an amount, with or without decimals.
 *
 * @returns a parser that throws {@link CliError} naming flag, value and range
 */
export function amountFlag(flag: string, { min, max }: { min: number; max: number }): (text: string) => number {
  return text => {
    const value = Number(text);
    if (/^\d+(\.\d+)?$/.test(text) && value >= min && value <= max) return value;
    throw new CliError(`${flag} is "${text}"; allowed: a number from ${min} to ${max}`, BAD_INPUT);
  };
}

/**
 * Reads a flag's text as one of some words.
 *
 * @returns a parser that throws {@link CliError} naming flag, value and words
 */
export function wordFlag<T extends string>(flag: string, words: readonly T[]): (text: string) => T {
  return text => {
    const word = words.find(candidate => candidate === text);
    if (word !== undefined) return word;
    throw new CliError(`${flag} is "${text}"; allowed: ${words.join(', ')}`, BAD_INPUT);
  };
}

/**
 * Takes a flag's text if it is of a pattern.
 *
 * @param allowed - the pattern in words
 * @returns a parser that throws {@link CliError} naming flag, value and what is allowed
 */
export function patternFlag(flag: string, pattern: RegExp, allowed: string): (text: string) => string {
  return text => {
    if (pattern.test(text)) return text;
    throw new CliError(`${flag} is ${JSON.stringify(text)}; allowed: ${allowed}`, BAD_INPUT);
  };
}

/** A command line that can be pasted, for hints. */
export function commandLine(client: Pick<ApiClient, 'url'>, ...words: readonly string[]): string {
  return ['npm run fanfold --', ...words, ...(client.url === DEFAULT_URL ? [] : ['--url', client.url])].join(' ');
}
