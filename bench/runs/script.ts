// A script as people write it: all issues in one process, with the SDK's own retries. Reads its task from a file, and writes
// what came of it as one line of JSON.
// usage: node bench/runs/script.ts TASK_FILE
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import OpenAI from 'openai';
import pLimit from 'p-limit';
import type { Question } from './workload.ts';

/** How a script makes its calls: batches with a pause between, or a window that is always full. */
export type ScriptKind = 'batches' | 'p-limit';

/** What a script is told. */
export interface ScriptTask {
  readonly kind: ScriptKind;
  readonly serviceUrl: string;
  readonly concurrency: number;
  readonly question: Question;
  readonly texts: readonly string[];
}

/** What a script has done. */
export interface ScriptEnd {
  /** From the first call to the last answer, in real milliseconds. */
  readonly lengthMs: number;
  readonly answered: number;
  /** Tokens of the answers that it holds. */
  readonly tokens: number;
}

const PAUSE_MS = 1_000;

type Answer = { readonly tokens: number } | null;

function createAsker({ serviceUrl, question }: ScriptTask): (text: string) => Promise<Answer> {
  const client = new OpenAI({ baseURL: serviceUrl, apiKey: 'simulator' });
  const { deployment, instructions, maxCompletionTokens, responseFormat } = question;
  return async text => {
    try {
      const completion = await client.chat.completions.create({
        model: deployment,
        messages: [
          { role: 'system', content: instructions },
          { role: 'user', content: text },
        ],
        max_completion_tokens: maxCompletionTokens,
        response_format: responseFormat as OpenAI.ResponseFormatJSONSchema,
      });
      JSON.parse(completion.choices[0]?.message.content ?? '');
      return { tokens: completion.usage?.total_tokens ?? 0 };
    } catch {
      return null;
    }
  };
}

async function askInBatches(texts: readonly string[], size: number, ask: (text: string) => Promise<Answer>) {
  const answers: Answer[] = [];
  for (let from = 0; from < texts.length; from += size) {
    if (from > 0) await delay(PAUSE_MS);
    answers.push(...(await Promise.all(texts.slice(from, from + size).map(ask))));
  }
  return answers;
}

function askInWindow(texts: readonly string[], size: number, ask: (text: string) => Promise<Answer>) {
  const limit = pLimit(size);
  return Promise.all(texts.map(text => limit(() => ask(text))));
}

if (import.meta.main) {
  const task: ScriptTask = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8'));
  const ask = createAsker(task);
  const askAll = task.kind === 'batches' ? askInBatches : askInWindow;
  const begunMs = performance.now();
  const answers = await askAll(task.texts, task.concurrency, ask);
  const lengthMs = performance.now() - begunMs;
  const kept = answers.filter(answer => answer !== null);
  const end: ScriptEnd = { lengthMs, answered: kept.length, tokens: kept.reduce((sum, { tokens }) => sum + tokens, 0) };
  console.log(JSON.stringify(end));
}
