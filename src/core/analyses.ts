import type { Analysis } from './analysis.ts';
import { triage } from './triage.ts';

/** The analyses that come with the app, by name. */
export const ANALYSES: Readonly<Record<string, Analysis>> = { triage };

/**
 * The analysis of that name.
 *
 * @throws when there is none: names are checked where a request comes in
 */
export function analysisNamed(name: string): Analysis {
  const analysis = Object.hasOwn(ANALYSES, name) ? ANALYSES[name] : undefined;
  if (!analysis) throw new Error(`No analysis is named "${name}"; there are: ${Object.keys(ANALYSES).join(', ')}`);
  return analysis;
}
