import { z } from 'zod';
import { ControlSchema } from './messages.ts';
import { OPEN_GATE } from './service-gate.ts';

/** A grant whose batch has not been reported; until it is, what it may cost is kept free in the run's budget. */
export const OpenGrantSchema = z.object({
  runId: z.string(),
  units: z.int(),
  tokensEach: z.number(),
  /** What a call of it may be billed at most. */
  billedTokensEach: z.number(),
  costUsdEach: z.number(),
  startAtMs: z.number(),
  /** The meters are booked until then. */
  endAtMs: z.number(),
  /** Unreported by then, it is given up. */
  expiresAtMs: z.number(),
  /** It was told to stop, or is overdue: it is no probe, and tells nothing of how well calls are reserved. */
  isGivenUp: z.boolean(),
});
export type OpenGrant = z.infer<typeof OpenGrantSchema>;

/** A run that draws on the deployment. */
export const RunShareSchema = z.object({
  seenAtMs: z.number(),
  /** Next unit that no stream has drawn. */
  cursor: z.int(),
  control: ControlSchema,
  /** Tokens granted beyond what the other runs had, on the clock of the fair queue. */
  tag: z.number(),
  /** Whether its last reservation had to wait for the meters: then it contends with the others. */
  isDelayed: z.boolean(),
  /** Size of its calls for admission. */
  tokensEach: z.number(),
  spentTokens: z.number(),
  spentUsd: z.number(),
  /** Of complete answers: prompt tokens as they were billed, and how many answers. */
  billed: z.object({ promptTokens: z.number(), calls: z.number() }),
});
export type RunShare = z.infer<typeof RunShareSchema>;

/** A correction that was made for calls of others, so that it is made once for a window. */
const CorrectionSchema = z.object({ resetAtMs: z.number(), shiftMs: z.number() });

const MeterSchema = z.object({
  /** What the service says that it admits a minute; null = not known. */
  perMinute: z.number().nullable(),
  /** When the next call may start, in milliseconds since 1970: the theoretical arrival time of virtual scheduling. */
  nextAtMs: z.number(),
  correction: CorrectionSchema,
});
export type Meter = z.infer<typeof MeterSchema>;

/** Booked time that was given back, and the size of the calls that it was booked for. */
const GapSchema = z.object({ fromMs: z.number(), toMs: z.number(), tokensEach: z.number() });
export type Gap = z.infer<typeof GapSchema>;

/** Everything that is known of a deployment. */
export const CapacityStateSchema = z.object({
  /** The greatest instant that any caller told. */
  nowMs: z.number(),
  tokens: MeterSchema,
  requests: MeterSchema,
  /** Whether any answer has come, with or without figures. */
  isProbed: z.boolean(),
  /** Relative error of reservations, as a moving mean. */
  error: z.number(),
  /** Tokens admitted beyond those reserved; the next bookings make up for them. */
  carriedTokens: z.number(),
  gate: z.object({
    failures: z.int(),
    closings: z.int(),
    closedUntilMs: z.number(),
    probe: z.string().nullable(),
  }),
  /** By run and stream. */
  grants: z.record(z.string(), OpenGrantSchema),
  /** Of an older version they are let go: only time is lost by that. */
  gaps: z.array(GapSchema).catch([]),
  runs: z.record(z.string(), RunShareSchema),
  /** Sizes of the calls that were booked in the last minute, and when each was last, in milliseconds since 1970. */
  sizes: z.array(z.object({ tokens: z.number(), atMs: z.number() })),
  /** Where the fair queue stands: the tag of the last grant. */
  servedTag: z.number(),
  calls: z.object({ count: z.number(), seconds: z.number(), squares: z.number() }),
  /** By analysis. */
  answers: z.record(z.string(), z.record(z.string(), z.number())),
});
export type CapacityState = z.infer<typeof CapacityStateSchema>;

/** An error of so much gives the buffer of an unknown deployment. */
export const FIRST_ERROR = 0.36;

const FRESH_METER: Meter = { perMinute: null, nextAtMs: 0, correction: { resetAtMs: 0, shiftMs: 0 } };

/** A deployment of which nothing is known. */
export const FRESH_CAPACITY: CapacityState = {
  nowMs: 0,
  tokens: FRESH_METER,
  requests: FRESH_METER,
  isProbed: false,
  error: FIRST_ERROR,
  carriedTokens: 0,
  gate: OPEN_GATE,
  grants: {},
  gaps: [],
  runs: {},
  sizes: [],
  servedTag: 0,
  calls: { count: 0, seconds: 0, squares: 0 },
  answers: {},
};

/** What was stored of a deployment; {@link FRESH_CAPACITY}, if nothing was, or it is of a version with another shape. */
export function storedCapacity(stored: unknown): CapacityState {
  return CapacityStateSchema.safeParse(stored).data ?? FRESH_CAPACITY;
}
