import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

const localSettingsSchema = z.looseObject({
  IsEncrypted: z.literal(false).default(false),
  Values: z.record(z.string(), z.unknown()).default({}),
});

/** Editors of Windows put a mark in front of UTF-8 text, which JSON does not know. */
export const withoutByteOrderMark = (text: string): string => text.replace(/^\uFEFF/, '');

/** A value as the environment holds it. */
function settingText(file: string, name: string, value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  // What is in it stays untold: settings may be secret.
  const kind = value === null ? 'null' : Array.isArray(value) ? 'a list' : 'an object';
  throw new Error(`${file}: Values.${name} is ${kind}; allowed: text, a number, true, false`);
}

/**
 * The `Values` of an app folder's local.settings.json; none when there is no such file.
 *
 * @throws when the file cannot be read, is not JSON, is encrypted, or holds a value that is neither text nor number nor boolean
 */
export async function readLocalSettings(folder: string): Promise<Readonly<Record<string, string>>> {
  const file = join(folder, 'local.settings.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
  let json: unknown;
  try {
    json = JSON.parse(withoutByteOrderMark(text));
  } catch (error) {
    throw new Error(`${file} is not JSON: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  const parsed = localSettingsSchema.safeParse(json);
  if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`);
  const values = Object.entries(parsed.data.Values);
  return Object.fromEntries(values.map(([name, value]) => [name, settingText(file, name, value)]));
}

/**
 * Sets environment variables of this process.
 *
 * @returns a function that puts the former values back
 */
export function setEnvironment(values: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(values).map(name => [name, process.env[name]] as const);
  Object.assign(process.env, values);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

/** A setting by its name, which ignores case, as in the Functions host. */
export function settingOf(environment: Environment, name: string): string | undefined {
  if (environment[name] !== undefined) return environment[name];
  const wanted = name.toLowerCase();
  return Object.entries(environment).find(([key]) => key.toLowerCase() === wanted)?.[1];
}

/**
 * Replaces each `%NAME%` by the setting of that name.
 *
 * @param what - says in the message where the text comes from
 * @throws when a setting is missing
 */
export function resolveSettings(what: string, text: string, environment: Environment): string {
  return text.replaceAll(/%([^%]+)%/g, (_, name: string) => {
    const value = settingOf(environment, name);
    if (value === undefined) throw new Error(`${what} is "${text}", but the setting ${name} is not set`);
    return value;
  });
}

/** Whether `AzureWebJobs.<name>.Disabled` is true or 1 for a function; names ignore case. */
export function isFunctionDisabled(name: string, environment: Environment): boolean {
  return /^(true|1)$/i.test(settingOf(environment, `AzureWebJobs.${name}.Disabled`) ?? '');
}
