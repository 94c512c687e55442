const TIME_SPAN = /^(?:(\d+)\.)?([01]?\d|2[0-3]):([0-5]?\d)(?::([0-5]?\d))?$/;

/**
 * Milliseconds of a time span as the Functions host writes them: `[d.]hh:mm[:ss]`, for example `00:20:00` or `1.02:00:00`.
 *
 * @returns undefined for other text
 */
export function parseTimeSpanMs(text: string): number | undefined {
  const [match, days = '0', hours, minutes, seconds = '0'] = TIME_SPAN.exec(text) ?? [];
  if (match === undefined) return undefined;
  return (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}
