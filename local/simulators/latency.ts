import type { OpenAiSimulatorSettings } from './openai-options.ts';
import { createDraw, logNormal } from './seeded.ts';

/**
 * How long the model takes for an issue: log-normal, and the same for each call of it.
 *
 * @returns milliseconds, not rounded
 */
export function drawLatencyMs(
  { seed, latencyMs, latencyCv }: Pick<OpenAiSimulatorSettings, 'seed' | 'latencyMs' | 'latencyCv'>,
  issueId: string,
): number {
  return logNormal(createDraw(seed, 'latency', issueId), latencyMs, latencyCv);
}
