import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { begin, looks, type Part, type Place } from './place.ts';
import type { ScriptEnd, ScriptKind, ScriptTask } from './script.ts';
import { questionAsked } from './workload.ts';

const SCRIPT = join(import.meta.dirname, 'script.ts');

/** A script in a process of its own; its start does not count. */
export function script(kind: ScriptKind) {
  return async (place: Place): Promise<Part> => {
    const { setting, simulator, folder, env, time } = place;
    const task: ScriptTask = {
      kind,
      serviceUrl: `${simulator.url}/openai/v1`,
      concurrency: setting.bench.concurrency,
      question: questionAsked(),
      texts: setting.workload.calls.map(({ text }) => text),
    };
    const taskFile = join(folder, 'task.json');
    await writeFile(taskFile, JSON.stringify(task));
    await begin(place);
    const { giveUpMs: timeout } = looks(setting);
    const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, taskFile], { env, timeout });
    const { lengthMs, answered, tokens }: ScriptEnd = JSON.parse(stdout);
    const makespanMs = lengthMs * time.scale;
    const taken = { makespanMs, answered, tokens, costUsd: null, plan: null, shares: null };
    return { taken, largestHistory: null };
  };
}
