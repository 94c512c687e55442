import { type AnswerSizes, meanAnswer, usualRoom } from './answer-room.ts';
import { book, HORIZON_MS, pacesOf, roomOf, type Slot } from './booking.ts';
import { affordableUnits, billedWith, holdOfCall, NOTHING_BILLED } from './budget.ts';
import { isContending } from './fair-share.ts';
import { givenUp, grantKey, withoutExpired, withRuns } from './grants.ts';
import { bufferOf, corrected, learn, requestFigures, tokenFigures } from './learning.ts';
import type {
  BatchUse,
  Bound,
  CapacityView,
  Control,
  Grant,
  Leave,
  Reserve,
  RunControlMessage,
  RunTerms,
} from './messages.ts';
import { afterBatch, passage } from './service-gate.ts';
import type { CapacityState, OpenGrant, RunShare } from './state.ts';

/** Beyond the request timeout, what an unreported grant is given. */
const GRACE_MS = 30_000;
/** While a batch of the run's own is under way that may free some of its budget. */
const BUDGET_RECHECK_MS = 5_000;
/** A start so little ahead is no wait for the meters. */
const NO_DELAY_MS = 250;

/** A state and what is answered to the message that led to it. */
export interface Answered<T> {
  readonly state: CapacityState;
  readonly answer: T;
}

/**
 * Books calls: at which instant the first of them may start and how they follow each other, so that all runs together
 * stay within the deployment's limits, each run has its fair share, and a service that fails is left alone.
 *
 * The stream's last batch is settled first. Nothing is granted while the run is paused, stopped or out of budget, while
 * the service is closed to callers, or while the next free instant is more than 30 s ahead.
 */
export function reserve(before: CapacityState, message: Reserve): Answered<Grant> {
  const { runId, stream, terms, used, nowMs } = message;
  const key = grantKey(runId, stream);
  const arrived = withRun(withTime(before, nowMs), message);
  const state = withoutExpired(settle(arrived, key, runId, terms, used));
  const run = { ...(state.runs[runId] as RunShare), tokensEach: tokensOfCall(state, terms) };
  const decision = decide(state, message, run);
  return decision.kind === 'free'
    ? granted(message, run, decision)
    : {
        state: withShare(state, runId, { ...run, isDelayed: isMeterBound(decision.bound) }),
        answer: { ...answerTo(state, message, run), startAtMs: decision.atMs, bound: decision.bound },
      };
}

/**
 * Pauses, resumes or stops a run. What a run is told that has not reserved yet, it hears by its first reservation.
 *
 * Booked time that a cancelled run no longer needs goes back at once. A paused one keeps it: it may be resumed while calls
 * still wait for their instants, which others must not have meanwhile.
 */
export function control(before: CapacityState, { runId, control: wish, nowMs }: RunControlMessage): CapacityState {
  const state = withTime(before, nowMs);
  const run = state.runs[runId] ?? newShare(state.nowMs);
  // What is wrong for every issue stays wrong.
  const told = withShare(state, runId, { ...run, control: run.control === 'fatal' ? 'fatal' : wish });
  if (wish === 'go') return told;
  const stopped = givenUp(told, grant => grant.runId === runId);
  return wish === 'cancelled' ? stopped : { ...stopped, gaps: told.gaps };
}

/** Takes out a run that has ended, after the last batches of its streams. */
export function leave(before: CapacityState, { runId, nowMs, terms, uses }: Leave): Answered<CapacityView> {
  const settled = uses.reduce(
    (state, { stream, used }) => settle(state, grantKey(runId, stream), runId, terms, used),
    withRun(withTime(before, nowMs), { runId, terms }),
  );
  const { [runId]: _, ...runs } = settled.runs;
  const state = withRuns(
    givenUp(settled, grant => grant.runId === runId),
    runs,
  );
  return { state, answer: capacityView(state) };
}

/** What plans and reports show of a deployment. */
export function capacityView(state: CapacityState): CapacityView {
  const { count, seconds, squares } = state.calls;
  const mean = count > 0 ? seconds / count : 0;
  const deviation = Math.sqrt(Math.max(0, squares / Math.max(1, count) - mean * mean));
  const byAnalysis = (figureOf: (sizes: AnswerSizes) => number | null) => {
    const figures = Object.entries(state.answers).map(([name, sizes]) => [name, figureOf(sizes)] as const);
    return Object.fromEntries(figures.flatMap(([name, figure]) => (figure === null ? [] : [[name, figure]])));
  };
  return {
    tokensPerMinute: state.tokens.perMinute,
    requestsPerMinute: state.requests.perMinute,
    bufferPercent: 100 * bufferOf(state, null),
    maxCompletionTokens: byAnalysis(usualRoom),
    meanCompletionTokens: byAnalysis(meanAnswer),
    callMs: mean > 0 ? { count: Math.round(count), mean: mean * 1_000, cv: deviation / mean } : null,
    closedUntilMs: state.gate.closedUntilMs > state.nowMs ? state.gate.closedUntilMs : null,
  };
}

function withTime(state: CapacityState, nowMs: number): CapacityState {
  return { ...state, nowMs: Math.max(state.nowMs, nowMs) };
}

function withShare(state: CapacityState, runId: string, run: RunShare): CapacityState {
  return { ...state, runs: { ...state.runs, [runId]: run } };
}

/** The state with the run in it, seen now; a lost state takes its terms from the message. */
function withRun(state: CapacityState, { runId, terms }: Pick<Reserve, 'runId' | 'terms'>): CapacityState {
  const known = state.runs[runId] ?? newShare(state.nowMs);
  return withShare(state, runId, {
    ...known,
    seenAtMs: state.nowMs,
    isDelayed: isContending(known, state.nowMs),
    tokensEach: tokensOfCall(state, terms),
    spentTokens: Math.max(known.spentTokens, terms.spentTokens),
    spentUsd: Math.max(known.spentUsd, terms.spentUsd),
  });
}

function newShare(seenAtMs: number): RunShare {
  return {
    seenAtMs,
    cursor: 0,
    control: 'go',
    tag: 0,
    isDelayed: false,
    tokensEach: 0,
    spentTokens: 0,
    spentUsd: 0,
    billed: NOTHING_BILLED,
  };
}

/** The state after a stream's last batch. */
function settle(
  before: CapacityState,
  key: string,
  runId: string,
  terms: RunTerms,
  use: BatchUse | null,
): CapacityState {
  const { [key]: grant = null, ...grants } = before.grants;
  const run = before.runs[runId] as RunShare;
  const state = { ...before, grants };
  if (!use) return state;
  const spent: RunShare = {
    ...run,
    spentTokens: run.spentTokens + use.billedTokens,
    spentUsd: run.spentUsd + use.costUsd,
    billed: billedWith(run.billed, use),
    control: use.fatal !== null && run.control === 'go' ? 'fatal' : run.control,
  };
  const gate = afterBatch(state.gate, key, use, state.nowMs);
  const reserved = grant?.isGivenUp ? null : grant;
  const learned = withShare({ ...learn(state, use, terms, reserved), gate }, runId, spent);
  if (!use.limits) return learned;
  const { tokens, requests } = pacesOf(learned, terms, run.tokensEach);
  const rateOf = (spacingMs: number, size: number) => (spacingMs === 0 ? 0 : size / spacingMs);
  return {
    ...learned,
    tokens: corrected(learned.tokens, tokenFigures(use.limits), rateOf(tokens.spacingMs, run.tokensEach)),
    requests: corrected(learned.requests, requestFigures(use.limits), rateOf(requests.spacingMs, 1)),
  };
}

type Decision =
  | (Extract<Slot, { kind: 'free' }> & { readonly isProbe: boolean })
  | { readonly kind: 'later'; readonly atMs: number; readonly bound: Bound };

function decide(state: CapacityState, message: Reserve, run: RunShare): Decision {
  const { nowMs } = state;
  const { runId, terms, fresh, want } = message;
  const later = (atMs: number, bound: Bound): Decision => ({
    kind: 'later',
    atMs: Math.min(atMs, nowMs + HORIZON_MS),
    bound,
  });
  if (run.control !== 'go') return later(nowMs + HORIZON_MS, run.control === 'paused' ? 'paused' : null);
  const asked = fresh ? Math.min(want, terms.units - run.cursor) : want;
  if (asked <= 0) return later(want === 0 ? nowMs + HORIZON_MS : nowMs, null);
  const affordable = affordableUnits(state, terms, runId, run);
  if (affordable < 1) return later(nowMs + BUDGET_RECHECK_MS, 'budget');
  const pass = passage(state.gate, nowMs);
  if (pass.kind === 'wait') return later(pass.untilMs, 'service');
  const isProbe = pass.kind === 'probe';
  const most = isProbe ? 1 : state.isProbed ? asked : Math.min(asked, terms.probe);
  const slot = book(state, runId, run, terms, Math.min(most, affordable));
  return slot.kind === 'free' ? { ...slot, isProbe } : later(slot.atMs, slot.bound);
}

/** What a call may take at most, as the service admits it. */
function tokensOfCall(state: CapacityState, terms: RunTerms): number {
  return terms.promptTokensEach + roomOf(state, terms);
}

function isMeterBound(bound: Bound): boolean {
  return bound === 'tokens' || bound === 'requests';
}

function granted(message: Reserve, run: RunShare, decision: Extract<Decision, { kind: 'free' }>): Answered<Grant> {
  const { runId, stream, terms, fresh } = message;
  const { units, startAtMs, spacingMs, tag, isProbe, bound, state } = decision;
  const endAtMs = startAtMs + units * spacingMs;
  const grant: OpenGrant = {
    runId,
    units,
    tokensEach: run.tokensEach,
    ...holdOfCall(terms, roomOf(state, terms), run.billed),
    startAtMs,
    endAtMs,
    expiresAtMs: Math.max(endAtMs, state.nowMs) + terms.requestTimeoutMs + GRACE_MS,
    isGivenUp: false,
  };
  const key = grantKey(runId, stream);
  const share: RunShare = {
    ...run,
    cursor: fresh ? run.cursor + units : run.cursor,
    tag,
    isDelayed: startAtMs - state.nowMs > NO_DELAY_MS,
  };
  const next: CapacityState = {
    ...withShare(state, runId, share),
    grants: { ...state.grants, [key]: grant },
    gate: isProbe ? { ...state.gate, probe: key } : state.gate,
  };
  return {
    state: next,
    answer: { ...answerTo(next, message, share), granted: units, from: run.cursor, startAtMs, spacingMs, bound },
  };
}

function answerTo(state: CapacityState, { runId, terms, want, fresh }: Reserve, run: RunShare): Grant {
  const hasUnits = want > 0 && (!fresh || run.cursor < terms.units);
  const isOwing = Object.values(state.grants).some(grant => grant.runId === runId && grant.expiresAtMs > state.nowMs);
  const isBroke = hasUnits && run.control === 'go' && !isOwing && affordableUnits(state, terms, runId, run) < 1;
  const control: Control = isBroke ? 'budget' : run.control;
  return {
    granted: 0,
    from: run.cursor,
    left: terms.units - run.cursor,
    startAtMs: state.nowMs,
    spacingMs: 0,
    maxCompletionTokens: roomOf(state, terms),
    control,
    bound: null,
  };
}
