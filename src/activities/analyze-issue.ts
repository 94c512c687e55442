import { type AnalyzeInput, type AnalyzeOutput, CONTRACTS, RETRY } from '../core/contracts.ts';
import { type FailureCode, handlingOf, type ModelCallError } from '../core/failures.ts';
import { isEmptyIssue } from '../core/issues.ts';
import { decide, type FactsInHand, NO_CALLS, queuedSinceMs, untoldOf } from '../core/ledger.ts';
import type { IssuePages, Unit } from '../services/issue-pages.ts';
import type { LedgerStore } from '../services/ledger-store.ts';
import type { ServiceBreaker } from '../services/service-breaker.ts';
import type { Shutdown } from '../services/shutdown.ts';
import type { StorageMeter } from '../services/storage-meter.ts';
import type { Asked } from './ask-model.ts';
import { defineActivity } from './define-activity.ts';
import { deferred, elsewhere, type OpenRow, openRow, seenBy, seenWith, settle, settledOutput } from './issue-row.ts';
import { afterQueue, type Turn, type TurnServices, takeTurn } from './take-turn.ts';

interface Services extends TurnServices {
  /** The ledger over that many tables. */
  readonly ledger: (shards: number) => Pick<LedgerStore, 'read' | 'write'>;
  readonly pages: Pick<IssuePages, 'unit'>;
  readonly shutdown: Pick<Shutdown, 'signal' | 'hold'>;
  readonly storageMeter: StorageMeter;
}

const DEFAULT_DEFERRAL_MS = 10_000;
/** Whatever the service asks for: quotas are raised, and some waits are absurd. */
const LONGEST_DEFERRAL_MS = 600_000;
/** A claim of a living worker is looked at again so soon: most are settled long before they run out, or their worker dies. */
const CLAIM_RECHECK_MS = 5_000;
/** An issue waits for its instant in the activity for so long; beyond, it goes back to its stream. */
const LONGEST_WAIT_FOR_START_MS = 10_000;

/**
 * Gets one distinct issue its outcome: the ledger row is read before the call and written after it, so a delivery after
 * the answer costs nothing.
 *
 * Answers codes and counts; the text of the answer goes to the ledger. Throws a `ModelCallError` where the durable policy
 * shall come again; the last attempt settles the issue as failed instead.
 */
export function createAnalyzeIssue(services: Services) {
  const { pages, ledger, storageMeter, waiting } = services;
  const underWay = new Set<string>();

  async function deliver(input: AnalyzeInput): Promise<AnalyzeOutput> {
    const { runId, openList, plan } = input;
    const unit = await pages.unit(runId, openList, input.unit);
    const key = `${runId}/${unit.index}`;
    if (underWay.has(key)) return elsewhere(waiting.nowMs());
    underWay.add(key);
    try {
      const row = await openRow(ledger(plan.ledgerShards), runId, unit.index);
      return await analyze(services, { input, unit, row });
    } finally {
      underWay.delete(key);
    }
  }

  return defineActivity(CONTRACTS.analyzeIssue, input =>
    storageMeter.measure(async used => {
      const output = await deliver(input);
      return { ...output, seen: { ...output.seen, storage: used() } };
    }),
  );
}

interface Delivery {
  readonly input: AnalyzeInput;
  readonly unit: Unit;
  readonly row: OpenRow;
}

async function analyze(services: Services, delivery: Delivery): Promise<AnalyzeOutput> {
  const { worker, waiting, shutdown } = services;
  const { input, unit, row } = delivery;
  const { attempt, startAtMs } = input;
  const nowMs = waiting.nowMs();
  const came = { attempt, handedOutAtMs: startAtMs, nowMs };
  const decision = decide(row.current, {
    ...came,
    maxAttempts: RETRY.maxAttempts,
    // A claim of this very process is a leftover, since the issue is not under way here.
    isGone: workerId => workerId === worker.id || worker.isGone(workerId),
  });
  switch (decision.action) {
    case 'use':
      return settledOutput(decision.row, unit, seenWith(untoldOf(decision.row, attempt)));
    case 'wait':
      return deferred('claimed_elsewhere', Math.min(decision.untilMs, nowMs + CLAIM_RECHECK_MS));
    case 'give_up':
      return settle(delivery, decision.facts, { outcome: 'failed', code: decision.code }, { nowMs });
    case 'claim': {
      const { facts } = decision;
      if (isEmptyIssue(unit.issue))
        return settle(delivery, facts, { outcome: 'skipped', code: 'empty_issue' }, { nowMs });
      if (startAtMs > nowMs + LONGEST_WAIT_FOR_START_MS) return deferred('rate_limited', startAtMs);
      if (startAtMs > nowMs) await waiting.sleep(startAtMs - nowMs);
      const turn = { ...delivery, facts, queuedSinceMs: queuedSinceMs(row.current, came) };
      return shutdown.hold(() => proceed(services, turn, true));
    }
  }
}

/** Has an issue take its turn, and writes down what came of it. */
async function proceed(services: Services, turn: Turn, mayJoin: boolean): Promise<AnalyzeOutput> {
  const { waiting } = services;
  const taken = await takeTurn(services, turn, mayJoin);
  switch (taken.kind) {
    case 'held':
      return taken.output;
    case 'joined': {
      const answer = await taken.answer;
      return answer === null ? proceed(services, turn, false) : settleKnown(turn, answer, waiting.nowMs());
    }
    case 'known':
      return settleKnown(turn, taken.answer, waiting.nowMs());
    case 'asked':
      return finish(services, turn, taken.facts, taken.asked);
  }
}

function settleKnown(turn: Turn, answer: unknown, nowMs: number): Promise<AnalyzeOutput> {
  // No call was begun, so whatever was paid before was not paid again.
  const possiblyPaidTwice = turn.row.current?.possiblyPaidTwice ?? false;
  const end = { outcome: 'succeeded', code: null, answer, cached: true } as const;
  return settle(turn, { ...afterQueue(turn, nowMs), possiblyPaidTwice }, end, { nowMs });
}

/** Writes down what asking came to. */
async function finish(services: Services, turn: Turn, facts: FactsInHand, asked: Asked): Promise<AnalyzeOutput> {
  const { callMs, answeredAtMs, requestId } = asked;
  const sent = { callMs, answeredAtMs, requestId };
  const when = { nowMs: services.waiting.nowMs(), own: seenBy(asked) };
  switch (asked.kind) {
    case 'answered':
      return settle(turn, facts, { outcome: 'succeeded', code: null, answer: asked.answer, ...sent }, when);
    case 'failed':
      return settle(turn, facts, { outcome: 'failed', code: asked.code, ...sent }, when);
    case 'interrupted':
      return interrupt(services, turn, facts, asked);
  }
}

/**
 * Puts an issue back, or leaves it to the durable policy by throwing, or settles it after its last attempt.
 *
 * A throw tells no stream of the calls made: the row keeps them until an output does.
 */
async function interrupt(
  services: Services,
  turn: Turn,
  facts: FactsInHand,
  asked: Extract<Asked, { kind: 'interrupted' }>,
): Promise<AnalyzeOutput> {
  const { error, requestId, maybeBilled } = asked;
  const nowMs = services.waiting.nowMs();
  const own = seenBy(asked);
  const state = maybeBilled ? 'unknown' : 'released';
  const deferral = deferralFor(error, services.breakers(turn.input.plan.deployment), nowMs);
  if (deferral) {
    const { code, notBeforeMs } = deferral;
    const isOurs = await turn.row.move({ ...facts, untold: NO_CALLS, state, code, atMs: nowMs });
    return isOurs ? deferred(code, notBeforeMs, seenWith(facts.untold, own)) : elsewhere(nowMs, own);
  }
  const { code } = error;
  const failedAttempts = facts.failedAttempts + 1;
  if (failedAttempts >= RETRY.maxAttempts) {
    const { callMs, answeredAtMs } = asked;
    const end = { outcome: 'failed', code, callMs, answeredAtMs, requestId } as const;
    return settle(turn, { ...facts, failedAttempts }, end, { nowMs, own });
  }
  const isOurs = await turn.row.move({ ...facts, failedAttempts, state, code, atMs: nowMs });
  if (!isOurs) return elsewhere(nowMs, own);
  throw error;
}

/**
 * Why and until when an issue goes back to its stream, which uses up no attempt: the service said "not now", or it has
 * failed so often that it is left alone. Null where the failure counts.
 */
function deferralFor(
  { code, retryAfterMs }: ModelCallError,
  breaker: Pick<ServiceBreaker, 'openUntilMs'>,
  nowMs: number,
): { readonly code: FailureCode; readonly notBeforeMs: number } | null {
  if (handlingOf(code) === 'defer') {
    const waitMs = Math.min(retryAfterMs ?? DEFAULT_DEFERRAL_MS, LONGEST_DEFERRAL_MS);
    return { code, notBeforeMs: nowMs + waitMs };
  }
  const openUntilMs = breaker.openUntilMs();
  return openUntilMs === null ? null : { code: 'breaker_open', notBeforeMs: openUntilMs };
}
