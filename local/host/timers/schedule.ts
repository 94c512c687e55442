import { Cron } from 'croner';
import { parseTimeSpanMs } from '../settings/time-span.ts';
import { type Ncrontab, parseNcrontab } from './ncrontab.ts';

/** When a timer comes due. */
export interface Schedule {
  /** As given, with its time zone where that counts. */
  readonly text: string;
  /** Whether it goes by the clock on the wall: true for NCRONTAB, false for an interval. */
  readonly adjustsForDst: boolean;
  /** It comes due more than once a minute. */
  readonly isFrequent: boolean;
  /** The first occurrence after an instant; both in milliseconds since 1970. The end of the year 9999 stands for never. */
  nextAfterMs(instantMs: number): number;
}

const NEVER_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** What a schedule may be, for messages. */
export const ALLOWED_SCHEDULES =
  'NCRONTAB of 6 fields (second minute hour day month day-of-week) or 5 (without second), made of numbers, names, ' +
  '"*", "-", "," and "/", for example "0 */5 * * * *"; or an interval hh:mm:ss, from 00:00:01';

/**
 * The days must fit both the day of the month and the day of the week, as on Azure, unlike in classic cron. Where clocks
 * are put back, an interval goes on through the hour that comes twice, and a time of day comes once; a time of day that is
 * skipped in spring comes when the gap ends.
 */
function cronSchedule(text: string, { fields, isFrequent, isInterval }: Ncrontab, timeZone: string): Schedule {
  const cron = new Cron(fields.map(values => values.join(',')).join(' '), {
    mode: '6-part',
    domAndDow: true,
    timezone: timeZone,
    fixedTimeRule: isInterval ? 'single-value' : 'no-wildcard',
    paused: true,
  });
  return {
    text: `${text} ${timeZone}`,
    adjustsForDst: true,
    isFrequent,
    nextAfterMs: instantMs => cron.nextRun(new Date(instantMs))?.getTime() ?? NEVER_MS,
  };
}

/**
 * Reads the schedule of a timer trigger.
 *
 * @param text - NCRONTAB or a time span, settings replaced
 * @param timeZone - IANA name
 * @returns undefined when it is neither; {@link ALLOWED_SCHEDULES} says what is
 */
export function parseSchedule(text: string, timeZone: string): Schedule | undefined {
  const ncrontab = parseNcrontab(text);
  if (ncrontab) return cronSchedule(text, ncrontab, timeZone);
  const intervalMs = parseTimeSpanMs(text) ?? 0;
  if (intervalMs === 0) return undefined;
  return {
    text,
    adjustsForDst: false,
    isFrequent: intervalMs < 60_000,
    nextAfterMs: instantMs => instantMs + intervalMs,
  };
}
