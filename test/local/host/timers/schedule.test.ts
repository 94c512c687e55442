import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSchedule } from '../../../../local/host/timers/schedule.ts';

/** The first occurrences after an instant, as texts. */
function occurrences(text: string, after: string, count: number, timeZone = 'UTC'): string[] {
  const schedule = parseSchedule(text, timeZone);
  const found: string[] = [];
  for (let instantMs = Date.parse(after); found.length < count; ) {
    instantMs = schedule?.nextAfterMs(instantMs) ?? Number.NaN;
    found.push(new Date(instantMs).toISOString().replace('.000Z', 'Z'));
  }
  return found;
}

test('seconds come first', () => {
  expect(occurrences('15 30 9 * * *', '2026-01-01T09:30:14.999Z', 2)).toEqual([
    '2026-01-01T09:30:15Z',
    '2026-01-02T09:30:15Z',
  ]);
});

test('an occurrence follows the instant, even where this is one', () => {
  expect(occurrences('0 */5 * * * *', '2026-01-01T00:05:00Z', 1)).toEqual(['2026-01-01T00:10:00Z']);
});

test('day of month and day of week must both fit', () => {
  expect(occurrences('0 0 0 13 * FRI', '2026-01-01T00:00:00Z', 3)).toEqual([
    '2026-02-13T00:00:00Z',
    '2026-03-13T00:00:00Z',
    '2026-11-13T00:00:00Z',
  ]);
});

test('a day that some months lack is left out there', () => {
  expect(occurrences('0 0 12 31 * *', '2026-01-31T12:00:00Z', 2)).toEqual([
    '2026-03-31T12:00:00Z',
    '2026-05-31T12:00:00Z',
  ]);
});

test('a day that no year has comes never', () => {
  expect(occurrences('0 0 0 31 2 *', '2026-01-01T00:00:00Z', 1)).toEqual(['9999-12-31T23:59:59.999Z']);
});

test('a time of day is that of the zone, in winter and in summer', () => {
  expect(occurrences('0 0 9 1 * *', '2026-03-01T00:00:00Z', 2, 'Europe/Berlin')).toEqual([
    '2026-03-01T08:00:00Z',
    '2026-04-01T07:00:00Z',
  ]);
});

test('a time that the clock skips in spring comes when the gap ends', () => {
  expect(occurrences('0 30 2 * * *', '2026-03-08T00:00:00Z', 2, 'America/Los_Angeles')).toEqual([
    '2026-03-08T10:00:00Z',
    '2026-03-09T09:30:00Z',
  ]);
});

test('a time that the clock shows twice in autumn comes once', () => {
  expect(occurrences('0 0,30 1 * * *', '2026-11-01T07:00:00Z', 3, 'America/Los_Angeles')).toEqual([
    '2026-11-01T08:00:00Z',
    '2026-11-01T08:30:00Z',
    '2026-11-02T09:00:00Z',
  ]);
});

test('what repeats goes on through the hour that comes twice', () => {
  expect(occurrences('0 */30 * * * *', '2026-11-01T07:59:00Z', 5, 'America/Los_Angeles')).toEqual([
    '2026-11-01T08:00:00Z',
    '2026-11-01T08:30:00Z',
    '2026-11-01T09:00:00Z',
    '2026-11-01T09:30:00Z',
    '2026-11-01T10:00:00Z',
  ]);
});

test('an interval counts from the instant, in any zone', () => {
  expect(occurrences('1.00:00:30', '2026-03-08T00:00:00.250Z', 1, 'America/Los_Angeles')).toEqual([
    '2026-03-09T00:00:30.250Z',
  ]);
});

test.each([
  ['00:00:59', true, false],
  ['00:01:00', false, false],
  ['*/10 * * * * *', true, true],
  ['0 * * * * *', false, true],
])('%s: more than once a minute %s, by the clock on the wall %s', (text, isFrequent, adjustsForDst) => {
  expect(parseSchedule(text, 'UTC')).toMatchObject({ isFrequent, adjustsForDst });
});

test('the zone is part of what a time of day means, not of an interval', () => {
  const text = (schedule: string, zone: string) => parseSchedule(schedule, zone)?.text;
  expect(text('0 0 9 * * *', 'UTC')).not.toBe(text('0 0 9 * * *', 'Europe/Berlin'));
  expect(text('01:00:00', 'UTC')).toBe(text('01:00:00', 'Europe/Berlin'));
});

test.each(['', 'soon', '00:00:00', '24:00:00', '-00:05:00', '5', '0 0 0 L * *', '* * * * * * *'])(
  '%j is no schedule',
  text => {
    expect(parseSchedule(text, 'UTC')).toBeUndefined();
  },
);

test('each occurrence fits its fields, and none between is left out', () => {
  const minute = fc.integer({ min: 0, max: 59 });
  const hour = fc.integer({ min: 0, max: 23 });
  const after = fc.integer({ min: Date.UTC(2024, 0), max: Date.UTC(2030, 0) });
  fc.assert(
    fc.property(minute, hour, after, (m, h, afterMs) => {
      const nextMs = parseSchedule(`0 ${m} ${h} * * *`, 'UTC')?.nextAfterMs(afterMs) ?? 0;
      expect(new Date(nextMs).toISOString()).toMatch(
        new RegExp(`T${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}:00.000Z$`),
      );
      expect(nextMs - afterMs).toBeGreaterThan(0);
      expect(nextMs - afterMs).toBeLessThanOrEqual(24 * 3_600_000);
    }),
  );
});
