import { countOf, countText, durationText, percentText } from '../src/core/format.ts';
import type { Progress } from '../src/core/progress.ts';
import type { Rate } from '../src/core/run-figures.ts';

/** The calls of a run, what took none, and what was not taken at once. */
export function callsText(
  counts: Pick<Progress, 'calls' | 'coalesced' | 'cached' | 'throttled' | 'deferrals'>,
): string {
  const { calls, coalesced, cached, throttled, deferrals } = counts;
  const notes = [
    coalesced > 0 ? `${countText(coalesced)} equal to another issue` : '',
    cached > 0 ? `${countText(cached)} from the cache` : '',
    throttled > 0 ? `${countText(throttled)} refused for its limits` : '',
    deferrals > 0 ? `${countOf(deferrals, 'time')} put back for later` : '',
  ];
  return [countText(calls), ...notes.filter(text => text !== '')].join(', ');
}

/** What each kind of wait is for. */
const WAITS: Readonly<Record<keyof Progress['waitedMs'], string>> = {
  tokens: 'for tokens',
  requests: 'for requests',
  service: 'for the service',
  budget: 'for the budget',
  paused: 'paused',
};

/** What streams waited for, as one of them had it, if that is a second or more; null without such a wait. */
export function waitsText(waitedMs: Progress['waitedMs'], streams: number): string | null {
  const waits = Object.entries(WAITS).flatMap(([bound, text]) => {
    const waitMs = waitedMs[bound as keyof typeof waitedMs] / Math.max(1, streams);
    return waitMs >= 1_000 ? [`${durationText(waitMs)} ${text}`] : [];
  });
  return waits.length === 0 ? null : `${waits.join(', ')}, in each stream on average`;
}

/** A rate against its limit, where that is known: `96,000 of 100,000 (96 %)`. */
export function ofLimitText({ achieved, allowed }: Rate): string {
  return `${countText(achieved)}${allowed === null ? '' : ` of ${countText(allowed)} (${percentText(achieved / allowed)})`}`;
}
