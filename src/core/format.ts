/** A whole number with separators: `12,345`. */
export function countText(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** A number of things: `1 issue`, `2,000 issues`. */
export function countOf(value: number, singular: string): string {
  return `${countText(value)} ${singular}${value === 1 ? '' : 's'}`;
}

/** A length of time in its two largest fitting units: `850 ms`, `7.1 s`, `2 min 05 s`, `1 h 03 min`. */
export function durationText(durationMs: number): string {
  if (durationMs < 999.5) return `${Math.round(durationMs)} ms`;
  if (durationMs < 59_950) return `${(durationMs / 1_000).toFixed(1)} s`;
  const seconds = Math.round(durationMs / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** US dollars, with four decimals below one dollar: `$0.0123`, `$12.34`. */
export function usdText(usd: number): string {
  return `$${usd.toFixed(usd > 0 && usd < 1 ? 4 : 2)}`;
}

/** A rate, by the second and by the minute: `8.4/s (507/min)`. */
export function rateText(perSecond: number): string {
  const digits = perSecond < 1 ? 2 : perSecond < 10 ? 1 : 0;
  return `${perSecond.toFixed(digits)}/s (${countText(perSecond * 60)}/min)`;
}

/** A share from 0 to 1 in percent: `96 %`. */
export function percentText(share: number): string {
  return `${Math.round(share * 100)} %`;
}
