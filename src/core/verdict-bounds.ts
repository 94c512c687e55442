import type { RunSummary } from './contracts.ts';
import { countText, durationText, percentText } from './format.ts';
import type { Rate, Verdict } from './run-figures.ts';
import type { RunPlan } from './run-request.ts';
import { BOUNDS, CEILING_VARIABLE, SETTINGS } from './settings.ts';

/** What a verdict is made of. */
export type Figures = Omit<RunSummary, 'verdict'>;
/** A cause that may have bounded a run, or null where it did not. */
export type Rule = (figures: Figures, plan: RunPlan) => Verdict | null;

/** Streams that stand still for so much of their time hold the run back: overlap hides less than that. */
export const LONG_WAIT = 0.2;
/** From this share of the whole on, a part dominates it. */
export const MOST = 0.5;
/** So much of what a limit leaves to the run is as good as all of it. */
export const USED_UP = 0.85;
/** With so many of the permitted calls in flight in the mean, permits are what is short. */
export const FULL = 0.9;
/** With so many, they are short where nothing else is. */
export const NEARLY_FULL = 0.75;

/** A verdict. */
export function boundBy(bound: Verdict['bound'], sentence: string): Verdict {
  return { bound, sentence };
}

/** How much of the time of all streams they waited for something, 0 to 1. */
export function waitedShare({ waitedMs, streams, durationMs }: Figures, bound: keyof Figures['waitedMs']): number {
  return waitedMs[bound] / Math.max(1, streams * durationMs);
}

/** Nearly all the calls that were permitted were in flight all the time. */
export const fullConcurrency: Rule = (figures, plan) => concurrencyFrom(FULL, figures, plan);
/** Most of them were; some of the waits in between were for other things. */
export const nearlyFullConcurrency: Rule = (figures, plan) => concurrencyFrom(NEARLY_FULL, figures, plan);

function concurrencyFrom(least: number, figures: Figures, { concurrency }: RunPlan): Verdict | null {
  const { most, mean } = figures.inFlight;
  const { calls, processes } = permitted(most, concurrency);
  if (mean / calls < least || calledFor(figures) < MOST) return null;
  const each = processes > 1 ? ` (${concurrency} in each of ${processes} processes)` : '';
  return boundBy(
    'concurrency',
    `Bound by concurrency: ${meanText(mean)} of ${calls} calls${each} were in flight on average; raise ` +
      `${named('concurrency', concurrency)} and, where it is no higher, the host's ceiling ` +
      `(${CEILING_VARIABLE})${headroomText(figures)}.`,
  );
}

/** A number of a run as it can be changed: the field of the request, which wins, and the variable of the environment. */
function named(name: keyof RunPlan & keyof typeof SETTINGS, value: number): string {
  return `${name} (${SETTINGS[name].env}, now ${countText(value)})`;
}

/** The share of its time in which the run had calls in flight, 0 to 1. */
function calledFor({ inFlight: { overMs }, durationMs }: Figures): number {
  return overMs / Math.max(1, durationMs);
}

/** Calls that may be in flight in all processes that took part, judged by how many were; clocks differ a little. */
function permitted(most: number, concurrency: number): { calls: number; processes: number } {
  const processes = Math.max(1, Math.ceil(most / (1.1 * concurrency)));
  return { calls: processes * concurrency, processes };
}

/** Beyond that, how many times as much the limits admit says nothing more. */
const MUCH_MORE = 10;

/** How many times as much the limits admit, of what is known of them. */
function headroomText({ tokensPerMinute, requestsPerMinute, bufferPercent }: Figures): string {
  const used = Math.max(usedShare(tokensPerMinute, bufferPercent), usedShare(requestsPerMinute, bufferPercent));
  const headroom = used === 0 ? 0 : 1 / used;
  if (headroom < 1.1) return '';
  const times = headroom > MUCH_MORE ? `more than ${MUCH_MORE}` : headroom.toFixed(1);
  return `; the limits admit ${times} times as much`;
}

/** Of what a limit admits beside its buffer; 0 where none is known. */
function usedShare({ achieved, allowed }: Rate, bufferPercent: number | null): number {
  return allowed === null ? 0 : achieved / (allowed * (1 - (bufferPercent ?? 0) / 100));
}

/** What the deployment admits was used up by this run alone. */
export const usedUpLimit: Rule = (figures, plan) => {
  const tokens = usedShare(figures.tokensPerMinute, figures.bufferPercent);
  const requests = usedShare(figures.requestsPerMinute, figures.bufferPercent);
  return limitFrom(USED_UP, { tokens, requests }, figures, plan);
};

/** Streams waited for a limit, also where the run did not get all of it, since other runs share it. */
export const awaitedLimit: Rule = (figures, plan) => {
  const [tokens, requests] = [waitedShare(figures, 'tokens'), waitedShare(figures, 'requests')];
  return limitFrom(LONG_WAIT, { tokens, requests }, figures, plan);
};

function limitFrom(
  least: number,
  { tokens, requests }: { tokens: number; requests: number },
  figures: Figures,
  plan: RunPlan,
): Verdict | null {
  if (Math.max(tokens, requests) < least) return null;
  return limitVerdict(tokens >= requests ? 'tokens' : 'requests', figures, plan);
}

function limitVerdict(unit: 'tokens' | 'requests', figures: Figures, plan: RunPlan): Verdict {
  const { achieved, allowed } = figures[`${unit}PerMinute`];
  const share =
    allowed === null ? '' : ` (${percentText(achieved / allowed)} of ${countText(allowed)} used by this run)`;
  const set = plan[`${unit}PerMinute`];
  const { bufferPercent } = plan;
  const lower = lowerLimits(figures, plan, [unit]);
  const advice = [
    ...(lower === null ? [] : [lower]),
    'raise its quota',
    ...(set === null || lower !== null ? [] : [`set ${named(`${unit}PerMinute`, set)} to what it admits`]),
    ...(bufferPercent ? [`lower ${named('bufferPercent', bufferPercent)}`] : []),
  ];
  return boundBy(unit, `Bound by the deployment's ${unit} per minute${share}: ${advice.join(', or ')}.`);
}

/** What to do about limits that were set higher than the deployment has told, where it refused requests; null if none was. */
export function lowerLimits(figures: Figures, plan: RunPlan, units: readonly ('tokens' | 'requests')[]): string | null {
  const tooHigh = units.flatMap(unit => {
    const [set, { allowed }] = [plan[`${unit}PerMinute`], figures[`${unit}PerMinute`]];
    if (set === null || allowed === null || set <= allowed) return [];
    return [`${named(`${unit}PerMinute`, set)} to the ${countText(allowed)} that it admits`];
  });
  return figures.throttled === 0 || tooHigh.length === 0 ? null : `lower ${tooHigh.join(' and ')}`;
}

/** A shorter wait for a place is the way through the host's queues. */
const NOTABLE_WAIT_MS = 1_000;
/** Where a limit is known, the calls of a batch start within 5 s, and those that have to wait do so in their places. */
const PACED_MS = 2_500;

/**
 * Issues that had been handed out waited for a place on the host, longer than the run's own concurrency explains.
 *
 * Of `out` issues handed out at one time at most all but the calls in flight wait for these. With all permits in use that
 * is `out / calls - 1` times as long as a permit is held; with fewer in use it is less.
 */
export const hostPlaces: Rule = (figures, { streams, batchSize, concurrency }) => {
  const { attempt, spentMs, newCalls, inFlight, tokensPerMinute, requestsPerMinute } = figures;
  // Of a retry, times of earlier attempts are among them.
  if (attempt > 1) return null;
  const { queue, model, throttle, retry } = spentMs.mean;
  const heldMs = model + throttle + retry + storageMs(figures);
  const out = Math.min(streams * batchSize, newCalls);
  const ownMs = Math.max(0, out / permitted(inFlight.most, concurrency).calls - 1) * heldMs;
  const isPaced = tokensPerMinute.allowed !== null || requestsPerMinute.allowed !== null;
  const waitMs = queue - ownMs - (isPaced ? PACED_MS : 0);
  if (waitMs < NOTABLE_WAIT_MS || waitMs < MOST * (queue + heldMs)) return null;
  return boundBy(
    'host',
    `Bound by the host: issues waited ${durationText(queue)} on average until they had a place on it, and took ` +
      `${durationText(heldMs)} then; have fewer runs at one time, or raise its ceiling (${CEILING_VARIABLE}).`,
  );
};

/** The run had no call in flight for most of its time. */
export const hostTime: Rule = figures => {
  if (calledFor(figures) >= MOST) return null;
  const { inFlight, durationMs } = figures;
  return boundBy(
    'host',
    `Bound by the host: calls were in flight in ${durationText(inFlight.overMs)} of ${durationText(durationMs)}; the rest ` +
      'went into reading the issues and into waits for a place on the host, which count less in larger runs.',
  );
};

/** One call alone took most of the time. */
export const latency: Rule = ({ callMs, inFlight: { overMs } }) =>
  callMs === null || callMs.max < MOST * overMs || callMs.max > overMs
    ? null
    : boundBy(
        'latency',
        `Bound by the service's latency: the longest call took ${durationText(callMs.max)} of ${durationText(overMs)}; ` +
          'only a faster deployment shortens that.',
      );

/** An issue's requests to storage, in milliseconds. */
function storageMs({ storage: { operations, perIssue, ms } }: Figures): number {
  return (ms * perIssue) / Math.max(1, operations);
}

/** Storage took longer than the calls. */
export const storage: Rule = figures => {
  const eachMs = storageMs(figures);
  const { model } = figures.spentMs.mean;
  return eachMs <= model
    ? null
    : boundBy(
        'storage',
        `Bound by storage: ${figures.storage.perIssue.toFixed(1)} operations took ${durationText(eachMs)} an issue, its calls ` +
          `${durationText(model)}; use a storage account that is nearer to the app, or faster.`,
      );
};

/** What is left: too few issues were handed out at one time. */
export function batches(figures: Figures, plan: RunPlan): Verdict {
  const { most, mean } = figures.inFlight;
  const { concurrency, concurrencyScope } = plan;
  const inFlight = `${meanText(mean)} of ${permitted(most, concurrency).calls} calls were in flight on average`;
  if (concurrencyScope === 'run') {
    return boundBy(
      'batches',
      `Bound by drawing issues one by one: ${inFlight}; concurrencyScope "process" draws whole batches.`,
    );
  }
  const advice = batchAdvice(figures, plan);
  return boundBy('batches', `Bound by its batches: ${inFlight}, and nothing else held them back; ${advice}.`);
}

/** What would hand out more issues at one time; a run of few issues hands out all of them as it is. */
function batchAdvice(figures: Figures, plan: RunPlan): string {
  const hasMore = figures.batches > figures.streams;
  const isAllOut = !hasMore || figures.newCalls <= plan.streams * plan.batchSize;
  const raised = (['streams', 'batchSize'] as const).filter(name => !isAllOut && plan[name] < BOUNDS[name].max);
  const hasPauses = hasMore && plan.batchDelayMs > 0;
  const advice = [
    ...(raised.length === 0 ? [] : [`raise ${raised.map(name => named(name, plan[name])).join(' or ')}`]),
    ...(hasPauses ? [`lower ${named('batchDelayMs', plan.batchDelayMs)}`] : []),
  ];
  if (advice.length > 0) return advice.join(', or ');
  return isAllOut ? 'the run is too small to be faster' : 'no setting of its batches makes it faster';
}

function meanText(mean: number): string {
  return mean.toFixed(mean < 100 ? 1 : 0);
}
