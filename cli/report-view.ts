import { z } from 'zod';
import { ANALYSES } from '../src/core/analyses.ts';
import type { ErrorGroup, Report } from '../src/core/report.ts';
import { countOf, countText, durationText, rateText, usdText } from './format.ts';
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
 * A report as people want to read it: what came out first, then what it took, then what went wrong and what to do about it.
 * Where that stopped the run, or left nothing else to tell, it comes first.
 *
 * @returns lines joined by line breaks, without one at the end
 */
export function reportView(report: Report, { isSimulated, paint = plain }: ReportLook): string {
  const errors = errorList(report, paint);
  const isInVain = report.notStarted > 0 || report.succeeded === 0;
  const parts = [
    headline(report, paint),
    isInVain ? errors : '',
    answerTable(report, paint),
    figures(report, isSimulated),
    isInVain ? '' : errors,
  ];
  return parts.filter(part => part !== '').join('\n\n');
}

function headline(report: Report, paint: Paint): string {
  const { total, succeeded, failed, skipped, notStarted, durationMs, status } = report;
  if (status === 'failed') return paint('red', 'The run failed: its issues could not be read.');
  const rest = [
    failed > 0 ? `${countText(failed)} failed` : '',
    skipped > 0 ? `${countText(skipped)} skipped` : '',
    notStarted > 0 ? `${countText(notStarted)} not started` : '',
  ].filter(text => text !== '');
  const all = rest.length === 0;
  const subject = all ? `All ${countOf(total, 'issue')}` : `${countText(succeeded)} of ${countOf(total, 'issue')}`;
  const sentence = `${subject} succeeded in ${durationText(durationMs)}${all ? '' : `; ${rest.join(', ')}`}.`;
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

function figures(report: Report, isSimulated: boolean | null): string {
  const {
    latencyMs,
    durationMs,
    total,
    notStarted,
    concurrency,
    calls,
    coalesced,
    cached,
    deferrals,
    tokens,
    possiblyPaidTwice,
    shortened,
  } = report;
  const done = total - notStarted;
  const lines: (readonly [name: string, value: string])[] = [];
  if (latencyMs) {
    const { p50, p95, p99, max } = latencyMs;
    lines.push([
      'Latency',
      `p50 ${durationText(p50)}, p95 ${durationText(p95)}, p99 ${durationText(p99)}, longest ${durationText(max)}`,
    ]);
  }
  if (durationMs > 0 && done > 0)
    lines.push(['Throughput', `${rateText((done * 1_000) / durationMs)}, up to ${concurrency} calls at a time`]);
  const notes = [
    coalesced > 0 ? `${countText(coalesced)} answered by the call of an equal issue` : '',
    cached > 0 ? `${countText(cached)} from the cache` : '',
    deferrals > 0 ? `${countText(deferrals)} times put back because the service was busy` : '',
  ].filter(text => text !== '');
  lines.push(['Calls', [countText(calls), ...notes].join(', ')]);
  const { promptTokens, cachedTokens, completionTokens, totalTokens } = tokens;
  const prompt = `${countText(promptTokens)} prompt (${countText(cachedTokens)} of them cached)`;
  lines.push(['Tokens', `${prompt} + ${countText(completionTokens)} completion = ${countText(totalTokens)}`]);
  lines.push(['Cost', costText(report, isSimulated)]);
  if (shortened > 0) {
    lines.push(['Shortened', `${countOf(shortened, 'issue')}: too long to be sent whole; beginning and end were read`]);
  }
  if (possiblyPaidTwice > 0) {
    lines.push([
      'Perhaps paid twice',
      `${countOf(possiblyPaidTwice, 'issue')}: a call was repeated whose answer had been lost`,
    ]);
  }
  const width = Math.max(...lines.map(([name]) => name.length)) + 2;
  return lines.map(([name, value]) => name.padEnd(width) + value).join('\n');
}

function costText({ costUsd, deployment }: Report, isSimulated: boolean | null): string {
  const cost = costUsd === null ? `price of ${deployment} unknown` : `${usdText(costUsd)} by list price`;
  return isSimulated ? `${cost}; simulated, nothing was billed` : cost;
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
