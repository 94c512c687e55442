import type { CapacityView } from './capacity/messages.ts';
import type { RunPlan } from './run-request.ts';

/** What a deployment admits to a run in a minute; null = not known. */
export type AdmittedLimits = Pick<RunPlan, 'tokensPerMinute' | 'requestsPerMinute'>;

/**
 * The limits that bound a run: of each that was set and that the deployment has told, the lesser, since a limit that was
 * set does not raise what is admitted.
 *
 * @param known - null where nothing is known of the deployment
 */
export function admittedLimits(
  set: AdmittedLimits,
  known: Pick<CapacityView, 'tokensPerMinute' | 'requestsPerMinute'> | null,
): AdmittedLimits {
  return {
    tokensPerMinute: leastOf(set.tokensPerMinute, known?.tokensPerMinute ?? null),
    requestsPerMinute: leastOf(set.requestsPerMinute, known?.requestsPerMinute ?? null),
  };
}

function leastOf(set: number | null, known: number | null): number | null {
  return set === null || known === null ? (set ?? known) : Math.min(set, known);
}
