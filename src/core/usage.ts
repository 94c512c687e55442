import { z } from 'zod';

/** Tokens that the service counted. `cachedTokens` are part of `promptTokens`. */
export const UsageSchema = z.object({
  promptTokens: z.int().min(0),
  completionTokens: z.int().min(0),
  cachedTokens: z.int().min(0),
});
export type Usage = z.infer<typeof UsageSchema>;

/** No tokens. */
export const NO_USAGE: Usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0 };

/** The sum of two usages. */
export function addUsage(a: Usage, b: Usage): Usage {
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
  };
}

/** US dollars for a million tokens. */
export interface Price {
  readonly inputUsd: number;
  readonly cachedInputUsd: number;
  readonly outputUsd: number;
}

/**
 * List prices in US dollars for a million tokens, Global Standard deployments, as of early 2026.
 *
 * Discounts, regions and provisioned throughput differ: what a run cost is settled by the invoice.
 */
export const PRICES: Readonly<Record<string, Price>> = {
  'gpt-4o': { inputUsd: 2.5, cachedInputUsd: 1.25, outputUsd: 10 },
  'gpt-4o-mini': { inputUsd: 0.15, cachedInputUsd: 0.075, outputUsd: 0.6 },
  'gpt-4.1': { inputUsd: 2, cachedInputUsd: 0.5, outputUsd: 8 },
  'gpt-4.1-mini': { inputUsd: 0.4, cachedInputUsd: 0.1, outputUsd: 1.6 },
  'gpt-4.1-nano': { inputUsd: 0.1, cachedInputUsd: 0.025, outputUsd: 0.4 },
  'gpt-5': { inputUsd: 1.25, cachedInputUsd: 0.125, outputUsd: 10 },
  'gpt-5-mini': { inputUsd: 0.25, cachedInputUsd: 0.025, outputUsd: 2 },
  'gpt-5-nano': { inputUsd: 0.05, cachedInputUsd: 0.005, outputUsd: 0.4 },
  o3: { inputUsd: 2, cachedInputUsd: 0.5, outputUsd: 8 },
  'o3-mini': { inputUsd: 1.1, cachedInputUsd: 0.55, outputUsd: 4.4 },
  'o4-mini': { inputUsd: 1.1, cachedInputUsd: 0.275, outputUsd: 4.4 },
};

/** The price of a model, named as by the service, with or without its date; null if the table does not hold it. */
export function priceOf(model: string): Price | null {
  const name = model.replace(/-\d{4}-\d{2}-\d{2}$/, '');
  return (Object.hasOwn(PRICES, name) && PRICES[name]) || null;
}

/**
 * What tokens cost by the price table.
 *
 * @param model - as the service names it, with or without its date (`gpt-4o-mini-2024-07-18`), or a deployment named so
 * @returns US dollars, or null for a model that the table does not hold
 */
export function costUsd(usage: Usage, model: string): number | null {
  const price = priceOf(model);
  if (!price) return null;
  const { promptTokens, cachedTokens, completionTokens } = usage;
  const { inputUsd, cachedInputUsd, outputUsd } = price;
  return (
    ((promptTokens - cachedTokens) * inputUsd + cachedTokens * cachedInputUsd + completionTokens * outputUsd) / 1e6
  );
}

/**
 * What counts for a cap: a cost that is known, else what the tokens cost by the deployment's name, by which a cap in dollars
 * was accepted. A deployment may answer by a model that the table does not hold.
 *
 * @returns US dollars; 0 where neither is known
 */
export function costForCaps(knownUsd: number | null, usage: Usage, deployment: string): number {
  return knownUsd ?? costUsd(usage, deployment) ?? 0;
}

/** The sum of two costs; unknown if either is. */
export function addCost(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : exact(a + b);
}

/** Rounds to a billionth of a dollar, which takes binary noise off and no price. */
function exact(usd: number): number {
  return Math.round(usd * 1e9) / 1e9;
}
