import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { begin, concurrencyEnv, looks, onHost, type Part, type Place, startHostFor, warmUpLooks } from './place.ts';
import { ask, type BenchHost } from './rig.ts';
import { type Looks, pollFor } from './waits.ts';
import { questionAsked, type Workload } from './workload.ts';

const APP = join(import.meta.dirname, '../apps/plain-durable');

const startSchema = z.looseObject({ instanceId: z.string() });
const statusSchema = z.looseObject({ runtimeStatus: z.string(), output: z.unknown() });
const outputSchema = z.array(z.looseObject({ tokens: z.number() }));

/** One orchestration from its start to its end. One that fails has lost every answer. */
async function runOnce(host: BenchHost, { calls }: Workload, how: Looks): Promise<{ tokens: number }[]> {
  const texts = calls.map(({ text }) => text);
  const { instanceId } = await ask(startSchema, `${host.url}/api/start`, texts);
  const url = `${host.url}/runtime/webhooks/durabletask/instances/${instanceId}?showInput=false`;
  const { runtimeStatus, output } = await pollFor(async () => {
    const status = await ask(statusSchema, url);
    return ['Pending', 'Running'].includes(status.runtimeStatus) ? null : status;
  }, how);
  return runtimeStatus === 'Completed' ? outputSchema.parse(output) : [];
}

/** The usual sample on a host of its own; like the app, it works off other issues first. */
export async function plainDurable(place: Place): Promise<Part> {
  const { setting, simulator, folder, env } = place;
  const questionFile = join(folder, 'question.json');
  await writeFile(questionFile, JSON.stringify(questionAsked()));
  const host = await startHostFor(place, APP, {
    ...env,
    ...concurrencyEnv(setting),
    QUESTION_FILE: questionFile,
    SERVICE_URL: `${simulator.url}/openai/v1`,
  });
  await using ending = new AsyncDisposableStack();
  ending.defer(async () => void (await host.stop()));
  await onHost(host, runOnce(host, setting.warmUp, warmUpLooks(setting)));
  const passedMs = await begin(place);
  const answers = await onHost(host, runOnce(host, setting.workload, looks(setting)));
  const makespanMs = passedMs();
  const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
  const taken = { makespanMs, answered: answers.length, tokens, costUsd: null, plan: null, shares: null };
  return { taken, largestHistory: await host.stop() };
}
