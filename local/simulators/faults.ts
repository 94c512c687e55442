import { z } from 'zod';
import { integerIn, numberIn } from './ranges.ts';
import { createDraw } from './seeded.ts';

/** Faults by name: refusals and errors of the service, faults of the connection, and answers that are not what was asked for. */
export const FAULT_NAMES = [
  'content_filter',
  'context_length',
  'unauthorized',
  'forbidden',
  'deployment_not_found',
  'rate_limited',
  'server_error_json',
  'server_error_html',
  'server_error_empty',
  'timeout',
  'reset',
  'length',
  'refusal',
  'completion_filtered',
  'not_json',
  'schema_mismatch',
] as const;

/** One line of the fault table. */
export const faultSchema = z.strictObject({
  /** Which issues it hits: every condition given must hold; none given = every issue. */
  when: z
    .strictObject({
      /** Text that the issue must contain, as written. */
      textIncludes: z.string().min(1).optional(),
      /** Share of the issues that are hit, 0 to 1. The same issue is hit in every run of one seed. */
      share: numberIn(0, 1).optional(),
    })
    .default({}),
  /** How many calls of an issue are hit, counted from its first one; not given = all of them. */
  attempts: integerIn(1, 1_000_000).optional(),
  reply: z.union([
    z.enum(FAULT_NAMES),
    z.strictObject({
      status: integerIn(400, 599),
      code: z.string().optional(),
      message: z.string().optional(),
      headers: z.record(z.string(), z.string()).optional(),
    }),
  ]),
  /** What a `rate_limited` reply asks the caller to wait, in seconds. */
  retryAfterSeconds: numberIn(0, 86_400).default(1),
});

/** A fault as parsed. */
export type Fault = z.output<typeof faultSchema>;

/** Name of a fault that is not written out as a status. */
export type FaultName = (typeof FAULT_NAMES)[number];

/** Decides which call meets which fault. */
export interface FaultTable {
  /** The fault that this call of the issue meets, if any: the first of the table that applies. Counts the call. */
  next(issueId: string, issueText: string): Fault | undefined;
}

/** Makes a fault table; which issues a share hits depends on seed, line and issue text alone. */
export function createFaultTable(faults: readonly Fault[], seed: number): FaultTable {
  const draw = createDraw(seed, 'fault');
  const hits = new Map<string, number>();
  return {
    next(issueId, issueText) {
      for (const [line, fault] of faults.entries()) {
        const { textIncludes, share } = fault.when;
        if (textIncludes !== undefined && !issueText.includes(textIncludes)) continue;
        if (share !== undefined && draw.uniform(line, issueId) >= share) continue;
        if (fault.attempts === undefined) return fault;
        const key = `${line}:${issueId}`;
        const count = hits.get(key) ?? 0;
        if (count >= fault.attempts) continue;
        hits.set(key, count + 1);
        return fault;
      }
      return undefined;
    },
  };
}
