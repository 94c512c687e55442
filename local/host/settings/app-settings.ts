import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Environment } from './host-json.ts';

const localSettingsSchema = z.looseObject({
  IsEncrypted: z.literal(false).default(false),
  Values: z.record(z.string(), z.coerce.string()).default({}),
});

/**
 * The `Values` of an app folder's local.settings.json; none when there is no such file.
 *
 * @throws when the file is not JSON, is encrypted, or holds a value that is not text
 */
export async function readLocalSettings(folder: string): Promise<Readonly<Record<string, string>>> {
  const file = join(folder, 'local.settings.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return {};
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  const parsed = localSettingsSchema.safeParse(json);
  if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`);
  return parsed.data.Values;
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

/** Whether `AzureWebJobs.<name>.Disabled` is true or 1 for a function; names ignore case. */
export function isFunctionDisabled(name: string, environment: Environment): boolean {
  const wanted = `azurewebjobs.${name}.disabled`.toLowerCase();
  const setting = Object.entries(environment).find(([key]) => key.toLowerCase() === wanted)?.[1];
  return /^(true|1)$/i.test(setting ?? '');
}
