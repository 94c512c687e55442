import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../src/core/report.ts';
import type { ApiClient } from './api-client.ts';
import { BAD_INPUT, CliError } from './errors.ts';

/** Where results go unless a folder is named. */
export const RESULTS_FOLDER = 'results';

/**
 * Makes sure that a folder can be written to, before anything is paid for.
 *
 * @throws {CliError} when it cannot be made, or is a file
 */
export async function prepareFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    const fact = (await isFile(folder))
      ? 'that is a file; allowed: a folder'
      : `it cannot be made (${(error as NodeJS.ErrnoException).code})`;
    throw new CliError(`--out is "${folder}": ${fact}`, BAD_INPUT);
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isFile(),
    () => false,
  );
}

/**
 * Writes a stream to a file, which gets its name only when it is whole.
 *
 * @throws {CliError} when the file cannot be written
 */
export async function saveStream(chunks: AsyncIterable<Uint8Array | string>, path: string): Promise<void> {
  const part = `${path}.part`;
  const file = await open(part, 'w').catch((error: NodeJS.ErrnoException) => {
    throw new CliError(`"${path}" cannot be written (${error.code})`);
  });
  try {
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.close();
    await rename(part, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(part, { force: true });
    throw error;
  }
}

/** Brings a run's report.json, results.ndjson and results.csv into a folder, made if missing, and answers the report. */
export async function saveRun(
  client: Pick<ApiClient, 'report' | 'results'>,
  runId: string,
  folder: string,
): Promise<Report> {
  await mkdir(folder, { recursive: true });
  const { report, text } = await client.report(runId);
  await writeFile(join(folder, 'report.json'), text);
  for (const format of ['ndjson', 'csv'] as const) {
    await saveStream(client.results(runId, format, null), join(folder, `results.${format}`));
  }
  return report;
}
