import { describe, expect, test } from 'vitest';
import { type RunSummary, RunSummarySchema } from '../../src/core/contracts.ts';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import type { RunPlan } from '../../src/core/run-request.ts';
import { verdictOf } from '../../src/core/verdict.ts';
import { plan, summary } from '../helpers/factories.ts';

const EASY = { queue: 900, model: 500, throttle: 0, retry: 0 };
const CALM: Partial<RunSummary> = {
  durationMs: 100_000,
  total: 1_000,
  succeeded: 1_000,
  failed: 0,
  notStarted: 0,
  newCalls: 1_000,
  calls: 1_000,
  streams: 3,
  batches: 50,
  callMs: { mean: 500, p50: 480, p95: 900, p99: 1_200, max: 3_000 },
  spentMs: { total: EASY, mean: EASY },
  inFlight: { most: 10, mean: 5, overMs: 95_000 },
  storage: { operations: 3_000, perIssue: 3, ms: 27_000 },
};

/** A run in which nothing stands out: half of the permitted calls in flight. */
const figures = (changes: Partial<RunSummary> = {}) => summary({ ...CALM, ...changes });
const waited = (bound: keyof RunSummary['waitedMs'], share: number) => ({
  waitedMs: { ...NO_PROGRESS.waitedMs, [bound]: share * 3 * 100_000 },
});
const stopped = (reason: NonNullable<RunSummary['incomplete']>, code: string | null = null) => ({
  stopped: { reason, code },
  incomplete: reason,
  succeeded: 688,
  notStarted: 312,
});
const TEN_MILLION = { ...summary().tokens, promptTokens: 10_000_000, completionTokens: 0, totalTokens: 10_000_000 };
const FULL = { inFlight: { most: 10, mean: 9.7, overMs: 95_000 } };

/** 40 issues of which only some have a place on the host at any time. */
const BUSY_HOST: Partial<RunSummary> = {
  durationMs: 15_500,
  total: 40,
  newCalls: 40,
  callMs: { mean: 300, p50: 280, p95: 500, p99: 600, max: 700 },
  spentMs: { ...summary().spentMs, mean: { queue: 9_500, model: 300, throttle: 0, retry: 0 } },
  inFlight: { most: 2, mean: 1.3, overMs: 6_300 },
  storage: { operations: 120, perIssue: 3, ms: 360 },
};
/** What hides where the time of this attempt's issues went. */
const EARLIER = { attempt: 2 };
/** Issues that begin one after the other. */
const SPREAD: Partial<RunSummary> = {
  spentMs: { ...summary().spentMs, mean: { queue: 2_500, model: 1_000, throttle: 0, retry: 0 } },
  storage: { operations: 0, perIssue: 0, ms: 0 },
};

type Row = readonly [name: string, figures: Partial<RunSummary>, plan: Partial<RunPlan>, bound: string, text: string];

describe('the verdict', () => {
  test.each<Row>([
    [
      'cancelled',
      stopped('cancelled'),
      {},
      'cancelled',
      'The run was cancelled with 312 of 1,000 issues not started; retrying it goes on from there.',
    ],
    [
      'its caps in dollars and in tokens',
      { ...stopped('budget'), costUsd: 0.4987 },
      { maxCostUsd: 0.5, maxTokens: 9_000 },
      'budget',
      'Stopped by its cap of $0.5000 ($0.4987 taken) and 9,000 tokens (110 taken), with 312 of 1,000 issues not started; retrying it with a higher cap goes on from there.',
    ],
    [
      'a cap in tokens where the price is not known',
      { ...stopped('budget'), costUsd: null },
      { maxTokens: 120 },
      'budget',
      'Stopped by its cap of 120 tokens (110 taken), with 312 of 1,000 issues not started; retrying it with a higher cap goes on from there.',
    ],
    [
      'a cap in dollars after an answer without a price',
      { ...stopped('budget'), costUsd: null, tokens: TEN_MILLION },
      { maxCostUsd: 2, deployment: 'gpt-4o-mini' },
      'budget',
      'Stopped by its cap of $2.00 ($1.50 taken), with 312 of 1,000 issues not started; retrying it with a higher cap goes on from there.',
    ],
    [
      'an error that is the same for all',
      stopped('fatal', 'unauthorized'),
      {},
      'fatal',
      'Stopped by an error that is the same for every issue (unauthorized), with 312 of 1,000 issues not started; mend its cause, then retry the run.',
    ],
    [
      'such an error that another stream has met',
      stopped('fatal'),
      {},
      'fatal',
      'Stopped by an error that is the same for every issue (see the errors), with 312 of 1,000 issues not started; mend its cause, then retry the run.',
    ],
    [
      'a stream that died',
      { ...stopped('died'), notStarted: 0, failed: 312 },
      {},
      'died',
      "A stream's orchestration ended early and left issues behind; see its instance in the task hub, then retry the run.",
    ],
    [
      'its deadline, by what held it back until then',
      { ...stopped('deadline'), ...FULL },
      {},
      'concurrency',
      "The deadline came with 312 of 1,000 issues not started. Bound by concurrency: 9.7 of 10 calls were in flight on average; raise concurrency (MAX_CONCURRENT_AI_CALLS, now 10) and, where it is no higher, the host's ceiling (AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions).",
    ],
    [
      'the cache alone',
      { newCalls: 0, calls: 0, cached: 1_000 },
      {},
      'cached',
      'Nothing was bought: all 1,000 answers were cached.',
    ],
    [
      'what an earlier attempt has bought',
      { newCalls: 0, cached: 400, failed: 10 },
      {},
      'cached',
      'Nothing was bought: all 1,000 answers were cached or kept from an earlier attempt.',
    ],
    [
      'issues without text',
      { newCalls: 0, succeeded: 0, skipped: 1_000 },
      {},
      'nothing',
      'Nothing was asked: no issue had anything to read.',
    ],
    [
      'an app that failed',
      { newCalls: 0, succeeded: 0, failed: 1_000 },
      {},
      'nothing',
      'Nothing was asked: see the errors.',
    ],
    [
      'an absurd wait',
      { longestRetryAfterMs: 86_400_000, throttled: 3 },
      { deployment: 'ours' },
      'service',
      'The service asked to wait 24 h 00 min, as it does when a quota is used up or zero; check the quota of ours.',
    ],
    ['a pause', waited('paused', 0.62), {}, 'paused', 'The run was paused for 62 % of its time.'],
    [
      'a pause until the deadline, before anything was asked',
      { ...stopped('deadline'), ...waited('paused', 1), newCalls: 0, succeeded: 0, notStarted: 1_000 },
      {},
      'paused',
      'The deadline came with 1,000 of 1,000 issues not started. The run was paused for 100 % of its time.',
    ],
    [
      'a service that refuses',
      { ...waited('service', 0.38), throttled: 14, longestRetryAfterMs: 120_000 },
      {},
      'service',
      'Bound by the service, which refused 14 requests and asked to wait up to 2 min 00 s; streams stood still 38 % of the time: raise the quota, or keep other apps off the deployment.',
    ],
    [
      'a service that is down',
      waited('service', 0.5),
      {},
      'service',
      'Bound by a failing service: streams stood still 50 % of the time until it answered again; see its health page.',
    ],
    [
      'the rest of its budget',
      waited('budget', 0.3),
      {},
      'budget',
      'Bound by its cap: streams waited 30 % of the time until calls in flight had shown what they cost; a higher cap lets them go on.',
    ],
    [
      'calls that brought nothing',
      { callMs: null, inFlight: { most: 0, mean: 0, overMs: 0 } },
      {},
      'service',
      'No call brought an answer; see the errors.',
    ],
    [
      'calls made again',
      { spentMs: { ...summary().spentMs, total: { queue: 100, model: 300, throttle: 0, retry: 600 } } },
      {},
      'service',
      "Bound by the service: 60 % of the issues' time went into waits before calls made again; see its health page.",
    ],
    [
      'refusals that issues waited for',
      { throttled: 1, spentMs: { ...summary().spentMs, total: { queue: 100, model: 300, throttle: 500, retry: 100 } } },
      {},
      'service',
      "Bound by the service: 60 % of the issues' time went into waits after 1 refused request; raise the quota, or keep other apps off the deployment.",
    ],
    [
      'tokens',
      { ...FULL, tokensPerMinute: { achieved: 129_600, allowed: 135_000 }, bufferPercent: 0 },
      {},
      'tokens',
      "Bound by the deployment's tokens per minute (96 % of 135,000 used by this run): raise its quota.",
    ],
    [
      'tokens beside a buffer that was set',
      { tokensPerMinute: { achieved: 78_000, allowed: 100_000 }, bufferPercent: 20 },
      { tokensPerMinute: 100_000, bufferPercent: 20 },
      'tokens',
      "Bound by the deployment's tokens per minute (78 % of 100,000 used by this run): raise its quota, or set tokensPerMinute (AI_TOKENS_PER_MINUTE, now 100,000) to what it admits, or lower bufferPercent (RATE_LIMIT_BUFFER, now 20).",
    ],
    [
      'tokens of which more were set than the deployment admits, and the requests that it refused',
      { ...FULL, tokensPerMinute: { achieved: 57_000, allowed: 60_000 }, throttled: 90 },
      { tokensPerMinute: 200_000 },
      'tokens',
      "Bound by the deployment's tokens per minute (95 % of 60,000 used by this run): lower tokensPerMinute (AI_TOKENS_PER_MINUTE, now 200,000) to the 60,000 that it admits, or raise its quota.",
    ],
    [
      'tokens of which more were set, where nothing was refused',
      { ...FULL, tokensPerMinute: { achieved: 57_000, allowed: 60_000 } },
      { tokensPerMinute: 200_000 },
      'tokens',
      "Bound by the deployment's tokens per minute (95 % of 60,000 used by this run): raise its quota, or set tokensPerMinute (AI_TOKENS_PER_MINUTE, now 200,000) to what it admits.",
    ],
    [
      'tokens of which less were set than the deployment admits, beside requests of which more were set',
      {
        ...FULL,
        ...{ tokensPerMinute: { achieved: 49_000, allowed: 50_000 }, requestsPerMinute: { achieved: 40, allowed: 60 } },
        throttled: 1,
      },
      { tokensPerMinute: 50_000, requestsPerMinute: 90 },
      'tokens',
      "Bound by the deployment's tokens per minute (98 % of 50,000 used by this run): raise its quota, or set tokensPerMinute (AI_TOKENS_PER_MINUTE, now 50,000) to what it admits.",
    ],
    [
      'a service that refuses what was set beyond its limits',
      {
        ...waited('service', 0.38),
        ...{ throttled: 14, longestRetryAfterMs: 20_000 },
        tokensPerMinute: { achieved: 40_000, allowed: 60_000 },
        requestsPerMinute: { achieved: 40, allowed: 60 },
      },
      { tokensPerMinute: 200_000, requestsPerMinute: 61 },
      'service',
      'Bound by the service, which refused 14 requests and asked to wait up to 20.0 s; streams stood still 38 % of the time: lower tokensPerMinute (AI_TOKENS_PER_MINUTE, now 200,000) to the 60,000 that it admits and requestsPerMinute (AI_REQUESTS_PER_MINUTE, now 61) to the 60 that it admits, or raise the quota.',
    ],
    [
      'refusals of what was set beyond the limits, that issues waited for',
      {
        throttled: 2,
        spentMs: { ...summary().spentMs, total: { queue: 100, model: 300, throttle: 500, retry: 100 } },
        tokensPerMinute: { achieved: 40_000, allowed: 60_000 },
        requestsPerMinute: { achieved: 40, allowed: 60 },
      },
      { tokensPerMinute: 60_000, requestsPerMinute: 90 },
      'service',
      "Bound by the service: 60 % of the issues' time went into waits after 2 refused requests; lower requestsPerMinute (AI_REQUESTS_PER_MINUTE, now 90) to the 60 that it admits, or raise the quota.",
    ],
    [
      'requests',
      { requestsPerMinute: { achieved: 59, allowed: 60 }, tokensPerMinute: { achieved: 5, allowed: 10 } },
      { requestsPerMinute: 60 },
      'requests',
      "Bound by the deployment's requests per minute (98 % of 60 used by this run): raise its quota, or set requestsPerMinute (AI_REQUESTS_PER_MINUTE, now 60) to what it admits.",
    ],
    [
      'tokens that another run shares',
      { ...waited('tokens', 0.45), tokensPerMinute: { achieved: 48_000, allowed: 100_000 } },
      {},
      'tokens',
      "Bound by the deployment's tokens per minute (48 % of 100,000 used by this run): raise its quota.",
    ],
    [
      'requests whose limit nobody told',
      waited('requests', 0.45),
      {},
      'requests',
      "Bound by the deployment's requests per minute: raise its quota.",
    ],
    [
      'concurrency, with room in the limits',
      { ...FULL, tokensPerMinute: { achieved: 30_000, allowed: 135_000 }, bufferPercent: 20 },
      {},
      'concurrency',
      "Bound by concurrency: 9.7 of 10 calls were in flight on average; raise concurrency (MAX_CONCURRENT_AI_CALLS, now 10) and, where it is no higher, the host's ceiling (AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions); the limits admit 3.6 times as much.",
    ],
    [
      'concurrency in spite of some waits for tokens',
      { ...FULL, ...waited('tokens', 0.3) },
      {},
      'concurrency',
      "Bound by concurrency: 9.7 of 10 calls were in flight on average; raise concurrency (MAX_CONCURRENT_AI_CALLS, now 10) and, where it is no higher, the host's ceiling (AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions).",
    ],
    [
      'concurrency of two processes',
      { inFlight: { most: 20, mean: 16.2, overMs: 95_000 } },
      {},
      'concurrency',
      "Bound by concurrency: 16.2 of 20 calls (10 in each of 2 processes) were in flight on average; raise concurrency (MAX_CONCURRENT_AI_CALLS, now 10) and, where it is no higher, the host's ceiling (AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions).",
    ],
    [
      'concurrency of hundreds',
      { inFlight: { most: 200, mean: 171.4, overMs: 95_000 } },
      { concurrency: 200 },
      'concurrency',
      "Bound by concurrency: 171 of 200 calls were in flight on average; raise concurrency (MAX_CONCURRENT_AI_CALLS, now 200) and, where it is no higher, the host's ceiling (AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions).",
    ],
    [
      'one long call',
      {
        callMs: { mean: 4_000, p50: 4_000, p95: 8_200, p99: 8_200, max: 8_200 },
        inFlight: { most: 5, mean: 2, overMs: 9_000 },
        durationMs: 10_000,
      },
      {},
      'latency',
      "Bound by the service's latency: the longest call took 8.2 s of 9.0 s; only a faster deployment shortens that.",
    ],
    [
      'concurrency, with far more room in the limits',
      { ...FULL, requestsPerMinute: { achieved: 12, allowed: 110_000 } },
      {},
      'concurrency',
      "Bound by concurrency: 9.7 of 10 calls were in flight on average; raise concurrency (MAX_CONCURRENT_AI_CALLS, now 10) and, where it is no higher, the host's ceiling (AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions); the limits admit more than 10 times as much.",
    ],
    [
      'a host that other runs keep busy',
      BUSY_HOST,
      { concurrency: 2, batchSize: 4 },
      'host',
      'Bound by the host: issues waited 9.5 s on average until they had a place on it, and took 309 ms then; have fewer runs at one time, or raise its ceiling (AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions).',
    ],
    [
      'such a host where a limit is known, in which issues wait for their instants too',
      {
        ...BUSY_HOST,
        spentMs: { ...summary().spentMs, mean: { queue: 12_000, model: 300, throttle: 0, retry: 0 } },
        requestsPerMinute: { achieved: 10, allowed: 600 },
      },
      { concurrency: 2, batchSize: 4 },
      'host',
      'Bound by the host: issues waited 12.0 s on average until they had a place on it, and took 309 ms then; have fewer runs at one time, or raise its ceiling (AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions).',
    ],
    [
      'a host on which hardly anything was in flight, though permits were used while it was',
      { ...BUSY_HOST, ...EARLIER, inFlight: { most: 2, mean: 1.9, overMs: 6_300 } },
      { concurrency: 2, batchSize: 4 },
      'host',
      'Bound by the host: calls were in flight in 6.3 s of 15.5 s; the rest went into reading the issues and into waits for a place on the host, which count less in larger runs.',
    ],
    [
      'batches, though issues wait long for the calls of their own run',
      {
        durationMs: 50_000,
        inFlight: { most: 10, mean: 4, overMs: 48_000 },
        callMs: { mean: 4_000, p50: 4_000, p95: 6_000, p99: 8_000, max: 9_000 },
        spentMs: { ...summary().spentMs, mean: { queue: 8_000, model: 4_000, throttle: 0, retry: 0 } },
      },
      { streams: 1, batchSize: 50, batchDelayMs: 30_000 },
      'batches',
      'Bound by its batches: 4.0 of 10 calls were in flight on average, and nothing else held them back; raise streams (AI_BATCH_STREAMS, now 1) or batchSize (AI_BATCH_SIZE, now 50), or lower batchDelayMs (AI_BATCH_DELAY_MS, now 30,000).',
    ],
    [
      'batches of a deployment whose limit spreads their calls',
      { ...SPREAD, requestsPerMinute: { achieved: 300, allowed: 600 } },
      { concurrency: 200, streams: 1 },
      'batches',
      'Bound by its batches: 5.0 of 200 calls were in flight on average, and nothing else held them back; raise streams (AI_BATCH_STREAMS, now 1) or batchSize (AI_BATCH_SIZE, now 20), or lower batchDelayMs (AI_BATCH_DELAY_MS, now 1,000).',
    ],
    [
      'a host, where no limit spreads the calls',
      SPREAD,
      { concurrency: 200, streams: 1 },
      'host',
      'Bound by the host: issues waited 2.5 s on average until they had a place on it, and took 1.0 s then; have fewer runs at one time, or raise its ceiling (AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions).',
    ],
    [
      'storage',
      {
        storage: { operations: 3_100, perIssue: 3.1, ms: 120_000 },
        spentMs: { ...summary().spentMs, mean: { queue: 0, model: 20, throttle: 0, retry: 0 } },
      },
      {},
      'storage',
      'Bound by storage: 3.1 operations took 120 ms an issue, its calls 20 ms; use a storage account that is nearer to the app, or faster.',
    ],
    [
      'batches',
      {},
      {},
      'batches',
      'Bound by its batches: 5.0 of 10 calls were in flight on average, and nothing else held them back; raise streams (AI_BATCH_STREAMS, now 3) or batchSize (AI_BATCH_SIZE, now 20), or lower batchDelayMs (AI_BATCH_DELAY_MS, now 1,000).',
    ],
    [
      'batches without pauses between them',
      {},
      { batchDelayMs: 0 },
      'batches',
      'Bound by its batches: 5.0 of 10 calls were in flight on average, and nothing else held them back; raise streams (AI_BATCH_STREAMS, now 3) or batchSize (AI_BATCH_SIZE, now 20).',
    ],
    [
      'batches as large as they may be',
      {},
      { batchSize: 100 },
      'batches',
      'Bound by its batches: 5.0 of 10 calls were in flight on average, and nothing else held them back; raise streams (AI_BATCH_STREAMS, now 3), or lower batchDelayMs (AI_BATCH_DELAY_MS, now 1,000).',
    ],
    [
      'batches as many, as large and as close as they may be',
      { newCalls: 5_000 },
      { streams: 16, batchSize: 100, batchDelayMs: 0 },
      'batches',
      'Bound by its batches: 5.0 of 10 calls were in flight on average, and nothing else held them back; no setting of its batches makes it faster.',
    ],
    [
      'a run whose issues were all handed out at once',
      { newCalls: 60, batches: 3 },
      {},
      'batches',
      'Bound by its batches: 5.0 of 10 calls were in flight on average, and nothing else held them back; the run is too small to be faster.',
    ],
    [
      'a run that was handed out at once but for what was learned first, and for what was put back',
      { newCalls: 60, batches: 4 },
      {},
      'batches',
      'Bound by its batches: 5.0 of 10 calls were in flight on average, and nothing else held them back; lower batchDelayMs (AI_BATCH_DELAY_MS, now 1,000).',
    ],
    [
      'a run whose issues were all handed out at once, and some asked twice',
      { newCalls: 63, batches: 3 },
      {},
      'batches',
      'Bound by its batches: 5.0 of 10 calls were in flight on average, and nothing else held them back; the run is too small to be faster.',
    ],
    [
      'a run of one issue more than that',
      { newCalls: 61, batches: 4 },
      {},
      'batches',
      'Bound by its batches: 5.0 of 10 calls were in flight on average, and nothing else held them back; raise streams (AI_BATCH_STREAMS, now 3) or batchSize (AI_BATCH_SIZE, now 20), or lower batchDelayMs (AI_BATCH_DELAY_MS, now 1,000).',
    ],
    [
      'draws of one issue each',
      {},
      { concurrencyScope: 'run' },
      'batches',
      'Bound by drawing issues one by one: 5.0 of 10 calls were in flight on average; concurrencyScope "process" draws whole batches.',
    ],
    [
      'a longest call of an earlier attempt, which is none of this one’s',
      { attempt: 2, callMs: { mean: 9, p50: 9, p95: 9, p99: 9, max: 99_000 } },
      {},
      'batches',
      'Bound by its batches: 5.0 of 10 calls were in flight on average, and nothing else held them back; raise streams (AI_BATCH_STREAMS, now 3) or batchSize (AI_BATCH_SIZE, now 20), or lower batchDelayMs (AI_BATCH_DELAY_MS, now 1,000).',
    ],
  ])('names %s', (_, changes, planChanges, bound, sentence) => {
    const verdict = verdictOf(figures(changes), plan(planChanges));
    expect(verdict).toEqual({ bound, sentence });
    expect(RunSummarySchema.parse(summary({ verdict })).verdict).toEqual(verdict);
  });

  test('is none for a run whose issues could not be read', () => {
    expect(verdictOf(figures({ status: 'failed' }), plan())).toBeNull();
  });

  test('leaves a stop alone that left nothing undone', () => {
    const cancelled = figures({ ...FULL, stopped: { reason: 'cancelled', code: null } });
    expect(verdictOf(cancelled, plan())?.bound).toBe('concurrency');
  });
});
