import { SingleBar } from 'cli-progress';
import { countText, durationText } from '../src/core/format.ts';
import { isUnderWay, type RunStatus } from '../src/core/run-status.ts';
import { createPaceMeter, type Pace } from './pace.ts';
import { takenText, waitingText } from './run-words.ts';
import type { Terminal } from './terminal.ts';

type Shown = Pick<RunStatus, 'status' | 'progress' | 'phase' | 'waitingFor' | 'caps' | 'taken'>;

/** Shows how far a run is. */
export interface ProgressView {
  update(status: Shown): void;
  /** Says something that is not progress, for example that the app does not answer; an empty text takes it back. */
  note(text: string): void;
  /** Leaves the last state on the screen. */
  stop(): void;
}

/** Least time between two lines where there is no bar. */
const LINE_EVERY_MS = 10_000;
/** What figures take beside a bar, in columns. */
const FIGURES_COLUMNS = 60;
const BAR_COLUMNS = { min: 20, max: 40 };
/** Where a terminal does not say how wide it is. */
const USUAL_COLUMNS = 80;

/**
 * A bar on a terminal, else a line at the start, every 10 s and at the end.
 *
 * @param issues - how many there will be, until the run itself says so
 */
export function createProgressView(options: {
  readonly terminal: Pick<Terminal, 'barStream' | 'err'>;
  readonly nowMs: () => number;
  readonly issues: number | null;
}): ProgressView {
  const { terminal, nowMs, issues } = options;
  const { barStream } = terminal;
  return barStream ? barView(barStream, nowMs, issues) : lineView(line => terminal.err(line), nowMs, issues);
}

function barView(stream: NodeJS.WriteStream, nowMs: () => number, issues: number | null): ProgressView {
  const pace = createPaceMeter();
  const columns = () => stream.columns || USUAL_COLUMNS;
  const barsize = Math.min(Math.max(columns() - FIGURES_COLUMNS, BAR_COLUMNS.min), BAR_COLUMNS.max);
  const bar = new SingleBar({
    stream,
    format: '{bar} {figures}',
    barsize,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    // Ctrl-C is handled by the command, which has more to say.
    gracefulExit: false,
  });
  let figures = 'starting';
  bar.start(issues ?? 1, 0, { figures });
  return {
    update(status) {
      const { progress } = status;
      const total = knownTotal(progress.total, issues);
      const parts = figuresOf(status, total, pace(nowMs(), progress.done, total));
      figures = joined(parts, columns() - barsize - 1);
      if (total !== null) bar.setTotal(total);
      bar.update(progress.done, { figures });
    },
    note: text => bar.update({ figures: text || figures }),
    stop: () => bar.stop(),
  };
}

function lineView(line: (text: string) => void, nowMs: () => number, issues: number | null): ProgressView {
  const pace = createPaceMeter();
  let [figures, written, noted] = ['', '', ''];
  let writtenAtMs = Number.NEGATIVE_INFINITY;
  const write = () => {
    if (figures === written) return;
    line(figures);
    written = figures;
    writtenAtMs = nowMs();
  };
  return {
    update(status) {
      const { progress } = status;
      const total = knownTotal(progress.total, issues);
      figures = joined(figuresOf(status, total, pace(nowMs(), progress.done, total)));
      if (nowMs() - writtenAtMs >= LINE_EVERY_MS) write();
    },
    note(text) {
      if (text !== '' && text !== noted) line(text);
      noted = text;
    },
    stop: write,
  };
}

/** While it reads the issues, a run counts none. */
function knownTotal(counted: number | null, planned: number | null): number | null {
  return counted || planned;
}

/** The figures, the most important first. */
function figuresOf(status: Shown, total: number | null, { perSecond, etaMs }: Pace): string[] {
  const { progress, phase } = status;
  const isOver = progress.done === total || !isUnderWay(status.status);
  const parts = [`${countText(progress.done)}/${total === null ? '?' : countText(total)}`];
  if (phase === 'loading') parts.push('reading the issues');
  if (phase === 'reporting') parts.push('writing the report');
  const waiting = waitingText(status);
  if (waiting !== null && !isOver) parts.push(waiting);
  if (perSecond !== null && !isOver) parts.push(`${countText(perSecond * 60)}/min`);
  if (etaMs && !isOver && !isHeldBack(status)) parts.push(`ETA ${durationText(etaMs)}`);
  const taken = takenText(status);
  if (taken !== null) parts.push(taken);
  for (const outcome of ['failed', 'skipped', 'succeeded'] as const) {
    if (progress[outcome] > 0) parts.push(`${countText(progress[outcome])} ${outcome}`);
  }
  return parts;
}

/** Whether the rate so far says nothing of the end: the run waits for somebody to act, or will not do the rest. */
function isHeldBack({ status, waitingFor }: Shown): boolean {
  return status === 'paused' || status === 'cancelling' || waitingFor === 'paused' || waitingFor === 'budget';
}

/** As many of the parts as fit, the first in any case: half a number would be a wrong one. */
function joined(parts: readonly string[], columns = Number.POSITIVE_INFINITY): string {
  const [first = '', ...others] = parts;
  let text = first;
  for (const part of others) {
    const longer = `${text} | ${part}`;
    if (longer.length > columns) break;
    text = longer;
  }
  return text;
}
