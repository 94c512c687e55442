import { analysisNamed } from '../core/analyses.ts';
import { type AnalyzeInput, type AnalyzeOutput, CONTRACTS, RETRY } from '../core/contracts.ts';
import { type FailureCode, handlingOf } from '../core/failures.ts';
import { isEmptyIssue } from '../core/issues.ts';
import { decide, type LedgerFacts, type LedgerRow, type SettledRow, type Settlement } from '../core/ledger.ts';
import { addCost, addUsage } from '../core/usage.ts';
import type { ModelClient } from '../services/azure-openai.ts';
import type { IssuePages, Unit } from '../services/issue-pages.ts';
import type { LedgerStore } from '../services/ledger-store.ts';
import type { Permits } from '../services/permits.ts';
import type { WorkerIdentity } from '../services/worker-identity.ts';
import { type Asked, askModel, type Waiting } from './ask-model.ts';
import { defineActivity } from './define-activity.ts';

interface Services {
  /** The ledger over that many tables. */
  readonly ledger: (shards: number) => Pick<LedgerStore, 'read' | 'write'>;
  readonly pages: Pick<IssuePages, 'unit'>;
  readonly model: Pick<ModelClient, 'complete'>;
  readonly permits: Permits;
  readonly worker: WorkerIdentity;
  readonly waiting: Waiting & { nowMs(): number };
}

/** Beyond a call's own timeouts, what a claim leaves for waits and table writes. */
const CLAIM_MARGIN_MS = 30_000;
/** Calls that one claim may need one after the other: the first, a quick retry, a repair. */
const CALLS_IN_A_CLAIM = 3;
const DEFAULT_DEFERRAL_MS = 10_000;
const LOST_RACE_DEFERRAL_MS = 1_000;
/** A claim of a living worker is looked at again so soon: most are settled long before they run out, or their worker dies. */
const CLAIM_RECHECK_MS = 5_000;

/**
 * Gets one distinct issue its outcome: the ledger row is read before the call and written after it, so a delivery after
 * the answer costs nothing.
 *
 * Answers codes and counts; the text of the answer goes to the ledger. Throws a `ModelCallError` where the durable policy
 * shall come again; the last attempt settles the issue as failed instead.
 */
export function createAnalyzeIssue(services: Services) {
  const { pages, permits, ledger, waiting } = services;
  const underWay = new Set<string>();
  return defineActivity(CONTRACTS.analyzeIssue, async ({ runId, unit: number, plan }) => {
    const unit = await pages.unit(runId, number);
    return permits.run(runId, plan.concurrency, async () => {
      const key = `${runId}/${unit.index}`;
      if (underWay.has(key)) return deferred('claimed_elsewhere', waiting.nowMs() + LOST_RACE_DEFERRAL_MS);
      underWay.add(key);
      try {
        return await analyze(services, {
          unit,
          plan,
          row: await openRow(ledger(plan.ledgerShards), runId, unit.index),
        });
      } catch (error) {
        if (!(error instanceof LostRaceError)) throw error;
        return deferred('claimed_elsewhere', waiting.nowMs() + LOST_RACE_DEFERRAL_MS);
      } finally {
        underWay.delete(key);
      }
    });
  });
}

/** Another worker wrote the row since it was read. */
class LostRaceError extends Error {}

/** A ledger row in hand: what it was, and how to move it on. */
interface OpenRow {
  readonly current: LedgerRow | null;
  /** @throws {LostRaceError} when somebody else moved it first */
  move(row: LedgerRow): Promise<void>;
}

async function openRow(ledger: ReturnType<Services['ledger']>, runId: string, index: number): Promise<OpenRow> {
  const entry = await ledger.read(runId, index);
  let etag = entry?.etag ?? null;
  return {
    current: entry?.row ?? null,
    async move(row) {
      etag = await ledger.write(runId, index, row, etag);
      if (etag === null) throw new LostRaceError();
    },
  };
}

/** An issue at its turn. */
interface Turn {
  readonly unit: Unit;
  readonly plan: AnalyzeInput['plan'];
  readonly row: OpenRow;
}

async function analyze(services: Services, turn: Turn): Promise<AnalyzeOutput> {
  const { worker, waiting } = services;
  const decision = decide(turn.row.current, {
    nowMs: waiting.nowMs(),
    maxAttempts: RETRY.maxAttempts,
    // A claim of this very process is a leftover, since the issue is not under way here.
    isGone: workerId => workerId === worker.id || worker.isGone(workerId),
  });
  switch (decision.action) {
    case 'use':
      return settledOutput(decision.row, turn.unit);
    case 'wait':
      return deferred('claimed_elsewhere', Math.min(decision.untilMs, waiting.nowMs() + CLAIM_RECHECK_MS));
    case 'give_up':
      return settle(turn, decision.facts, { outcome: 'failed', code: decision.code });
    case 'claim':
      if (isEmptyIssue(turn.unit.issue))
        return settle(turn, decision.facts, { outcome: 'skipped', code: 'empty_issue' });
      return ask(services, turn, decision.facts);
  }
}

async function ask({ model, worker, waiting }: Services, turn: Turn, facts: LedgerFacts): Promise<AnalyzeOutput> {
  const { analysis, deployment, requestTimeoutMs: timeoutMs } = turn.plan;
  const untilMs = waiting.nowMs() + CALLS_IN_A_CLAIM * timeoutMs + CLAIM_MARGIN_MS;
  await turn.row.move({ ...facts, state: 'claimed', workerId: worker.id, untilMs });
  const sentAtMs = waiting.nowMs();
  const question = { analysis: analysisNamed(analysis), deployment, issue: turn.unit.issue, timeoutMs };
  const asked = await askModel(model, waiting, question);
  const spent = withSpent(facts, asked);
  const sent = { latencyMs: waiting.nowMs() - sentAtMs, requestId: asked.requestId };
  switch (asked.kind) {
    case 'answered':
      return settle(turn, spent, { outcome: 'succeeded', code: null, answer: asked.answer, ...sent });
    case 'failed':
      return settle(turn, spent, { outcome: 'failed', code: asked.code, ...sent });
    case 'interrupted':
      return interrupt(turn, spent, asked, sent, waiting.nowMs());
  }
}

/** Puts an issue back, or leaves it to the durable policy by throwing, or settles it after its last attempt. */
async function interrupt(
  turn: Turn,
  facts: LedgerFacts,
  { error, maybeBilled }: Extract<Asked, { kind: 'interrupted' }>,
  sent: Pick<Settlement, 'latencyMs' | 'requestId'>,
  nowMs: number,
): Promise<AnalyzeOutput> {
  const { code, retryAfterMs } = error;
  const state = maybeBilled ? 'unknown' : 'released';
  if (handlingOf(code) === 'defer') {
    await turn.row.move({ ...facts, state, code });
    return deferred(code, nowMs + (retryAfterMs ?? DEFAULT_DEFERRAL_MS));
  }
  const failedAttempts = facts.failedAttempts + 1;
  if (failedAttempts >= RETRY.maxAttempts) {
    return settle(turn, { ...facts, failedAttempts }, { outcome: 'failed', code, ...sent });
  }
  await turn.row.move({ ...facts, failedAttempts, state, code });
  throw error;
}

async function settle(
  { row, unit }: Turn,
  facts: LedgerFacts,
  end: Pick<Settlement, 'outcome' | 'code'> & Partial<Settlement>,
): Promise<AnalyzeOutput> {
  const settled: SettledRow = { ...facts, answer: null, latencyMs: null, requestId: null, ...end, state: 'settled' };
  await row.move(settled);
  return settledOutput(settled, unit);
}

function withSpent(facts: LedgerFacts, asked: Asked): LedgerFacts {
  return {
    ...facts,
    possiblyPaidTwice: facts.possiblyPaidTwice || asked.possiblyPaidTwice,
    calls: facts.calls + asked.calls,
    usage: addUsage(facts.usage, asked.usage),
    costUsd: addCost(facts.costUsd, asked.costUsd),
  };
}

function deferred(code: FailureCode, notBeforeMs: number): AnalyzeOutput {
  return { kind: 'deferred', code, notBeforeMs };
}

function settledOutput(
  { outcome, code, calls, failedAttempts, usage, costUsd }: SettledRow,
  { copies }: Unit,
): AnalyzeOutput {
  return { kind: 'settled', outcome, code, copies, calls, failedAttempts, usage, costUsd };
}
