import { expect, test } from 'vitest';
import { parseTimeSpanMs } from '../../../../local/host/settings/time-span.ts';

test.each([
  ['00:00:00', 0],
  ['00:00:01', 1_000],
  ['1:2', 3_720_000],
  ['23:59:59', 86_399_000],
  ['1.02:03:04', 93_784_000],
])('%s is %i ms', (text, lengthMs) => {
  expect(parseTimeSpanMs(text)).toBe(lengthMs);
});

test.each(['', '5', '24:00:00', '00:60:00', '00:00:60', '-00:05:00', '1 00:00:00', '00:00:00.5'])(
  '%j is no time span',
  text => {
    expect(parseTimeSpanMs(text)).toBeUndefined();
  },
);
