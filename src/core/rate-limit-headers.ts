import type { ServiceLimits } from './capacity/messages.ts';

/** A header of an answer by its name in lower case; null where there is none. */
export type HeaderReader = (name: string) => string | null;

/**
 * What an answer's headers say of the deployment's limits; null where they say nothing.
 *
 * Azure writes resets as whole seconds, OpenAI as `6m0s` or `20ms`. Where the service does not know its limits, it leaves
 * the headers out, or sends -1 for limit and remaining and 0 for the reset.
 *
 * @param atMs - when the answer came, in milliseconds since 1970
 */
export function limitsOf(header: HeaderReader, atMs: number): ServiceLimits | null {
  const tokens = levelOf(header, 'tokens');
  const requests = levelOf(header, 'requests');
  const figures = {
    tokensPerMinute: tokens.limit,
    remainingTokens: tokens.remaining,
    tokensResetMs: tokens.resetMs,
    requestsPerMinute: requests.limit,
    remainingRequests: requests.remaining,
    requestsResetMs: requests.resetMs,
  };
  return Object.values(figures).every(figure => figure === null) ? null : { atMs, ...figures };
}

/**
 * How long a throttle asks to wait, in milliseconds; null where it does not say.
 *
 * @param nowMs - for a `retry-after` that is a date
 */
export function retryAfterOf(header: HeaderReader, nowMs: number): number | null {
  const numberOf = (name: string) => Number(header(name) || Number.NaN);
  const resetMs = Math.max(resetOf(header, 'tokens') ?? 0, resetOf(header, 'requests') ?? 0);
  const candidatesMs = [
    numberOf('retry-after-ms'),
    numberOf('retry-after') * 1_000,
    Date.parse(header('retry-after') ?? '') - nowMs,
    resetMs || Number.NaN,
  ];
  const waitMs = candidatesMs.find(Number.isFinite);
  return waitMs === undefined ? null : Math.max(0, waitMs);
}

type Kind = 'tokens' | 'requests';

function levelOf(header: HeaderReader, kind: Kind) {
  const limit = figureOf(header(`x-ratelimit-limit-${kind}`));
  // Beside a limit of 0, which stands for one that is not known, the rest is 0 too.
  const remaining = limit === 0 ? null : figureOf(header(`x-ratelimit-remaining-${kind}`));
  const resetMs = resetOf(header, kind);
  const isKnown = Boolean(limit) || remaining !== null;
  return { limit: limit || null, remaining, resetMs: resetMs === 0 && !isKnown ? null : resetMs };
}

/** Until a window begins again; one old kind of 429 writes the header's name in another way. */
function resetOf(header: HeaderReader, kind: Kind): number | null {
  return durationMsOf(header(`x-ratelimit-reset-${kind}`) ?? header(`x-rate-limit-reset-${kind}`));
}

function figureOf(text: string | null): number | null {
  return text !== null && /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : null;
}

const DURATION = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/;
const UNITS_MS = [3_600_000, 60_000, 1_000, 1];

/** Whole seconds, or a duration such as `1h2m3.5s`. */
function durationMsOf(text: string | null): number | null {
  const seconds = figureOf(text);
  if (seconds !== null) return seconds * 1_000;
  const amounts = text ? DURATION.exec(text) : null;
  return amounts && UNITS_MS.reduce((sum, unitMs, n) => sum + Number(amounts[n + 1] ?? 0) * unitMs, 0);
}
