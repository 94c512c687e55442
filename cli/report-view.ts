import { z } from 'zod';
import { ANALYSES } from '../src/core/analyses.ts';
import { countOf, countText, durationText, percentText, rateText, usdText } from '../src/core/format.ts';
import type { ErrorGroup, Report } from '../src/core/report.ts';
import { callsText, ofLimitText, waitsText } from './figure-words.ts';
import { plainTable } from './plain-table.ts';
import { type Paint, plain } from './terminal.ts';

/** How to show a report. */
export interface ReportLook {
  /** Whether a simulator answered; null where that is not known. */
  readonly isSimulated: boolean | null;
  /** Default: plain text. */
  readonly paint?: Paint;
}

/**
 * A report as people want to read it: what came out, what it cost and what held it back first, then the answers, then
 * what it took, then what went wrong and what to do about it. Where that stopped the run, or left nothing else to tell,
 * it comes before the answers.
 *
 * @returns lines joined by line breaks, without one at the end
 */
export function reportView(report: Report, { isSimulated, paint = plain }: ReportLook): string {
  const errors = errorList(report, paint);
  const isInVain = report.notStarted > 0 || report.succeeded === 0;
  const parts = [
    [headline(report, paint), costLine(report, isSimulated), report.verdict?.sentence ?? ''].filter(Boolean).join('\n'),
    isInVain ? errors : '',
    answerTable(report, paint),
    figures(report),
    isInVain ? '' : errors,
  ];
  return parts.filter(part => part !== '').join('\n\n');
}

function headline(report: Report, paint: Paint): string {
  const { total, succeeded, failed, skipped, notStarted, durationMs, status, attempt } = report;
  if (status === 'failed') return paint('red', 'The run failed: its issues could not be read.');
  const rest = [
    failed > 0 ? `${countText(failed)} failed` : '',
    skipped > 0 ? `${countText(skipped)} skipped` : '',
    notStarted > 0 ? `${countText(notStarted)} not started` : '',
  ].filter(text => text !== '');
  const all = rest.length === 0;
  const subject = all ? `All ${countOf(total, 'issue')}` : `${countText(succeeded)} of ${countOf(total, 'issue')}`;
  const time = attempt === 1 ? ` in ${durationText(durationMs)}` : '';
  const last = attempt === 1 ? '' : ` Attempt ${attempt} took ${durationText(durationMs)}.`;
  const sentence = `${subject} succeeded${time}${all ? '' : `; ${rest.join(', ')}`}.${last}`;
  if (notStarted > 0) return paint('red', `The run stopped early. ${sentence}`);
  return paint(failed > 0 ? 'yellow' : 'green', sentence);
}

function answerTable({ analysis, table, succeeded }: Report, paint: Paint): string {
  const { rows, columns, counts } = table;
  if (succeeded === 0) return '';
  const columnNames = valuesInOrder(
    analysis,
    columns,
    Object.values(counts).flatMap(row => Object.keys(row)),
    true,
  );
  const order = valuesInOrder(analysis, rows, Object.keys(counts), false);
  const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
  const countsOf = (row: string) => columnNames.map(column => counts[row]?.[column] ?? 0);
  const rowNames = order.toSorted((a, b) => sum(countsOf(b)) - sum(countsOf(a)));
  const sums = columnNames.map((_, i) => sum(rowNames.map(row => countsOf(row)[i] ?? 0)));
  const cells = (numbers: readonly number[]) =>
    [...numbers, sum(numbers)].map(number => (number === 0 ? '-' : countText(number)));
  return plainTable(
    [
      [`${rows} / ${columns}`, ...columnNames, 'sum'].map(text => paint('bold', text)),
      ...rowNames.map(row => [row, ...cells(countsOf(row))]),
      ['sum', ...cells(sums)].map(text => paint('bold', text)),
    ],
    ['left', ...[...columnNames, 'sum'].map(() => 'right' as const)],
  );
}

/** Values in the order in which the analysis names them, then unknown ones by alphabet. */
function valuesInOrder(analysis: string, field: string, found: readonly string[], includeUnused: boolean): string[] {
  const schema: unknown = ANALYSES[analysis]?.wireSchema.shape[field];
  const known = schema instanceof z.ZodEnum ? schema.options.map(String) : [];
  const present = new Set(found);
  const unknown = [...present].filter(value => !known.includes(value)).sort();
  return [...known.filter(value => includeUnused || present.has(value)), ...unknown];
}

type Line = readonly [name: string, value: string];

/** What the run took, by name and value. */
function figures(report: Report): string {
  if (report.status === 'failed') return '';
  const lines = [
    ...attemptLines(report),
    ...timeLines(report),
    ...serviceLines(report),
    ...tokenLines(report),
    ...warningLines(report),
  ];
  const width = Math.max(...lines.map(([name]) => name.length)) + 2;
  return lines.map(([name, value]) => name.padEnd(width) + value).join('\n');
}

/** Which figures of a run that was retried are those of its last attempt. */
function attemptLines({ attempt }: Report): Line[] {
  if (attempt === 1) return [];
  return [['Attempt', `${attempt}: refusals, rates, waits and storage are its own, all else is of all attempts`]];
}

function timeLines({ callMs, spentMs, durationMs, attempt, total, notStarted, inFlight }: Report): Line[] {
  const lines: Line[] = [];
  const done = total - notStarted;
  if (callMs) {
    const { p50, p95, p99, max } = callMs;
    const spread = [`p50 ${durationText(p50)}`, `p95 ${durationText(p95)}`, `p99 ${durationText(p99)}`];
    lines.push(['Call', [...spread, `longest ${durationText(max)}`].join(', ')]);
    const { queue, model, throttle, retry } = spentMs.mean;
    const parts = [`${durationText(queue)} queued`, `${durationText(model)} in calls`];
    if (throttle > 0) parts.push(`${durationText(throttle)} throttled`);
    if (retry > 0) parts.push(`${durationText(retry)} before retries`);
    lines.push(['Each issue', `${parts.join(', ')} on average`]);
  }
  if (durationMs > 0 && done > 0 && attempt === 1) {
    const calls =
      inFlight.most > 0 ? `, up to ${inFlight.most} calls in flight, ${inFlight.mean.toFixed(1)} on average` : '';
    lines.push(['Throughput', rateText((done * 1_000) / durationMs) + calls]);
  }
  return lines;
}

function serviceLines(report: Report): Line[] {
  const { storage, waitedMs, streams } = report;
  const waits = waitsText(waitedMs, streams);
  const limits = (['tokens', 'requests'] as const).flatMap(unit => {
    const rate = report[`${unit}PerMinute`];
    return rate.achieved > 0 ? [`${ofLimitText(rate)} ${unit}`] : [];
  });
  return [
    ['Calls', callsText(report)],
    ...(limits.length > 0 ? [[minuteName(report), limits.join(', ')] as const] : []),
    ...(waits === null ? [] : [['Waits', waits] as const]),
    ...(storage.operations > 0
      ? [['Storage', `${storage.perIssue.toFixed(1)} operations an issue, ${storageText(storage)} each`] as const]
      : []),
  ];
}

/** Rates count less than a minute as one. */
function minuteName({ inFlight: { overMs } }: Report): string {
  return overMs < 60_000 ? 'First minute' : 'Each minute';
}

function storageText({ operations, ms }: Report['storage']): string {
  return durationText(ms / operations);
}

function tokenLines({ tokens, completionTokens: sizes }: Report): Line[] {
  const { promptTokens, cachedTokens, completionTokens, totalTokens } = tokens;
  const prompt = `${countText(promptTokens)} prompt (${countText(cachedTokens)} of them cached)`;
  const lines: Line[] = [
    ['Tokens', `${prompt} + ${countText(completionTokens)} completion = ${countText(totalTokens)}`],
  ];
  if (sizes) {
    const { mean, p995, reserved } = sizes;
    const within = `99.5 % within ${countText(p995)}`;
    lines.push([
      'Answers',
      `${countText(mean)} tokens on average, ${within}; ${countText(reserved)} reserved for each`,
    ]);
  }
  return lines;
}

function warningLines({ shortened, possiblyPaidTwice }: Report): Line[] {
  const lines: Line[] = [];
  if (shortened > 0) {
    lines.push(['Shortened', `${countOf(shortened, 'issue')}: too long to be sent whole; beginning and end were read`]);
  }
  if (possiblyPaidTwice > 0) {
    lines.push([
      'Perhaps paid twice',
      `${countOf(possiblyPaidTwice, 'issue')}: a call was repeated whose answer had been lost`,
    ]);
  }
  return lines;
}

function costLine({ status, costUsd, costPerIssueUsd, hitRate, deployment }: Report, isSimulated: boolean | null) {
  if (status === 'failed') return '';
  const each = costPerIssueUsd ? `, ${centsText(costPerIssueUsd)} an issue` : '';
  const cost = costUsd === null ? `price of ${deployment} unknown` : `${usdText(costUsd)} by list price${each}`;
  const without = hitRate ? `; ${percentText(hitRate)} of the answers took no call` : '';
  return `Cost: ${cost}${isSimulated ? '; simulated, nothing was billed' : ''}${without}.`;
}

/** A price so small that dollars would be zeros. */
function centsText(usd: number): string {
  return usd >= 0.01 ? usdText(usd) : `${(usd * 100).toLocaleString('en-US', { maximumSignificantDigits: 2 })} cents`;
}

function errorList({ errors }: Report, paint: Paint): string {
  if (errors.length === 0) return '';
  return ['What did not succeed', ...errors.flatMap(group => errorLines(group, paint))].join('\n');
}

function errorLines({ code, outcome, count, exampleIds, advice }: ErrorGroup, paint: Paint): string[] {
  const examples = `${exampleIds.join(', ')}${count > exampleIds.length ? ', ...' : ''}`;
  const head = `  ${paint('bold', code)}: ${countText(count)} ${outcome.replace('_', ' ')} (${examples})`;
  return advice === '' ? [head] : [head, `    ${advice}`];
}
