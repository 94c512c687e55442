import { countOf, countText, durationText, percentText, usdText } from '../src/core/format.ts';
import type { PlanReply } from '../src/core/plan-reply.ts';
import { plainTable } from './plain-table.ts';

/**
 * A plan as whoever decides on the run wants to read it: what is to be done, cost, time and what bounds it, then what
 * that goes by, then what to know before.
 *
 * @returns lines joined by line breaks, without one at the end
 */
export function planView(plan: PlanReply): string {
  const facts = [
    ['Answered by', whoText(plan)],
    ...(plan.calls > 0
      ? [
          ['Cost', costText(plan)],
          ['Time', timeText(plan)],
          ['Tokens', tokensText(plan)],
          ['Limits', limitsText(plan)],
        ]
      : []),
    ['Settings', settingsText(plan)],
  ];
  const table = plainTable(facts, ['left', 'left']);
  return [headline(plan), table, ...plan.warnings.map(warning => `! ${warning}`)].join('\n');
}

/** A plan in short, as a run begins with it. */
export function planLines(plan: PlanReply): string[] {
  const { calls, warnings } = plan;
  const expected = calls > 0 ? [`Expected: ${timeText(plan)}, ${costText(plan)}`] : [];
  return [headline(plan), `Answered by ${whoText(plan)}`, ...expected, ...warnings.map(warning => `! ${warning}`)];
}

/** What a run would cost at the real service, in one sentence. */
export function costSentence(plan: PlanReply): string {
  const { service, deployment, calls, expected } = plan;
  const tokens = `about ${countText(expected.promptTokens)} prompt and ${countText(expected.completionTokens)} completion tokens`;
  return `This calls the real service ${service.endpoint}, deployment ${deployment}: ${countOf(calls, 'call')}, ${tokens}, ${costText(plan)}.`;
}

function headline({ issues, distinct, empty, answered, cached, calls, analysis }: PlanReply): string {
  const without = [
    [issues - distinct, 'equal to another'],
    [empty, 'empty'],
    [answered, 'answered before'],
    [cached, 'in the cache'],
  ] as const;
  const parts = without.flatMap(([count, what]) => (count > 0 ? [`${countText(count)} ${what}`] : []));
  const left = calls === 0 ? 'nothing to ask' : countOf(calls, 'call');
  return `${countOf(issues, 'issue')}${parts.length > 0 ? ` (${parts.join(', ')})` : ''}: ${left} for "${analysis}"`;
}

function whoText({ service, deployment }: PlanReply): string {
  const who = service.simulator ? 'the simulator (nothing is billed)' : `the real service ${service.endpoint}`;
  return `${who}, deployment ${deployment}`;
}

function costText({ expected: { costUsd }, deployment }: PlanReply): string {
  return costUsd === null ? `the price of ${deployment} is not known` : `about ${usdText(costUsd)}`;
}

const BOUNDS: Readonly<Record<PlanReply['expected']['boundBy'], string>> = {
  concurrency: 'the calls at one time',
  tokens: 'the tokens a minute',
  requests: 'the requests a minute',
  service: 'a service that is left alone for now',
  latency: 'the slowest call',
  batches: 'the pauses between batches',
  nothing: 'nothing',
};

function timeText({ expected: { durationMs, boundBy, basis } }: PlanReply): string {
  const calls = basis === 'observed' ? '' : ' (if calls take the usual 4 s)';
  return `about ${durationText(durationMs)}, bound by ${BOUNDS[boundBy]}${calls}`;
}

function tokensText({ expected }: PlanReply): string {
  const { promptTokens, completionTokens, admissionTokens, answers, countedShare } = expected;
  const counted = countedShare === 1 ? 'counted' : `${percentText(countedShare)} of them counted`;
  const prompt = `about ${countText(promptTokens)} prompt (${counted})`;
  const completion = `${countText(completionTokens)} completion (${answers === 'observed' ? 'as answers were so far' : 'as is typical'})`;
  return `${prompt}, ${completion}; ${countText(admissionTokens)} as the limits count them`;
}

/** The share that is kept free holds for limits that are not known yet, too. */
function limitsText({ limits }: PlanReply): string {
  const words = {
    tokensPerMinute: (value: number) => `${countText(value)} tokens a minute`,
    requestsPerMinute: (value: number) => `${countText(value)} requests a minute`,
    bufferPercent: (value: number) => `${countText(value)} % kept free`,
  };
  const known = limits.flatMap(({ name, value, from }) => (value === null ? [] : [`${words[name](value)} (${from})`]));
  const isNone = limits.every(({ name, value }) => name === 'bufferPercent' || value === null);
  return [...(isNone ? ['not known yet'] : []), ...known].join(', ');
}

/** Values with one origin stand together. A cap that is null counts as 0, which no cap can be. */
function settingsText({ settings, concurrencyScope }: PlanReply): string {
  const where = concurrencyScope === 'run' ? 'in all' : 'in each process';
  const words: Readonly<Record<PlanReply['settings'][number]['name'], (value: number) => string>> = {
    concurrency: value => `${countOf(value, 'call')} at a time ${where}`,
    batchSize: value => `batches of ${countText(value)}`,
    streams: value => countOf(value, 'stream'),
    batchDelayMs: value => `pauses of ${durationText(value)}`,
    requestTimeoutSeconds: value => `timeout ${durationText(value * 1_000)}`,
    deadlineSeconds: value => `deadline ${durationText(value * 1_000)}`,
    maxCostUsd: value => (value > 0 ? `at most ${usdText(value)}` : 'no cap in dollars'),
    maxTokens: value => (value > 0 ? `at most ${countOf(value, 'token')}` : 'no cap in tokens'),
    useCache: value => (value ? 'answers from the cache' : 'no answer from the cache'),
  };
  const groups = Map.groupBy(settings, ({ from }) => from);
  return [...groups]
    .map(([from, own]) => `${own.map(({ name, value }) => words[name](Number(value))).join(', ')} (${from})`)
    .join('; ');
}
