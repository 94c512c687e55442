import { analysisNamed } from '../core/analysis.ts';
import { type AnalyzeInput, type AnalyzeOutput, CONTRACTS, RETRY } from '../core/contracts.ts';
import { FAILURES, type FailureCode, handlingOf } from '../core/failures.ts';
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
  readonly ledger: Pick<LedgerStore, 'read' | 'write'>;
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

/**
 * Gets one distinct issue its outcome, at most one paid call each: the ledger row is read before the call and written
 * after it, so a delivery after the answer costs nothing.
 *
 * Answers codes and counts; the text of the answer goes to the ledger. Throws a `ModelCallError` where the durable
 * policy shall come again; the last attempt settles the issue as failed instead.
 */
export function createAnalyzeIssue(services: Services) {
  return defineActivity(CONTRACTS.analyzeIssue, async input => {
    const unit = await services.pages.unit(input.runId, input.unit);
    return services.permits.run(input.runId, input.plan.concurrency, () => analyze(services, input, unit));
  });
}

async function analyze(services: Services, { runId, plan }: AnalyzeInput, unit: Unit): Promise<AnalyzeOutput> {
  const { ledger, worker, waiting, model } = services;
  const entry = await ledger.read(runId, unit.index);
  let etag = entry?.etag ?? null;

  /** Moves the row on; false when another worker was faster. */
  async function move(row: LedgerRow): Promise<boolean> {
    const written = await ledger.write(runId, unit.index, row, etag);
    etag = written ?? etag;
    return written !== null;
  }

  async function settle(
    facts: LedgerFacts,
    end: Pick<Settlement, 'outcome' | 'code'> & Partial<Settlement>,
  ): Promise<AnalyzeOutput> {
    const row: SettledRow = { ...facts, answer: null, latencyMs: null, requestId: null, ...end, state: 'settled' };
    return (await move(row))
      ? settledOutput(row, unit)
      : deferred('claimed_elsewhere', waiting.nowMs() + LOST_RACE_DEFERRAL_MS);
  }

  const nowMs = waiting.nowMs();
  const decision = decide(entry?.row ?? null, { nowMs, maxAttempts: RETRY.maxAttempts, isGone: worker.isGone });
  if (decision.action === 'use') return settledOutput(decision.row, unit);
  if (decision.action === 'wait') return deferred('claimed_elsewhere', decision.untilMs);
  if (decision.action === 'give_up') return settle(decision.facts, { outcome: 'failed', code: decision.code });
  if (isEmptyIssue(unit.issue)) return settle(decision.facts, { outcome: 'skipped', code: 'empty_issue' });

  const untilMs = nowMs + CALLS_IN_A_CLAIM * plan.requestTimeoutMs + CLAIM_MARGIN_MS;
  if (!(await move({ ...decision.facts, state: 'claimed', workerId: worker.id, untilMs }))) {
    return deferred('claimed_elsewhere', waiting.nowMs() + LOST_RACE_DEFERRAL_MS);
  }
  const sentAtMs = waiting.nowMs();
  const asked = await askModel(model, waiting, {
    analysis: analysisNamed(plan.analysis),
    deployment: plan.deployment,
    issue: unit.issue,
    timeoutMs: plan.requestTimeoutMs,
  });
  const facts = withSpent(decision.facts, asked);
  const { requestId } = asked;
  const latencyMs = waiting.nowMs() - sentAtMs;
  if (asked.kind === 'answered')
    return settle(facts, { outcome: 'succeeded', code: null, answer: asked.answer, latencyMs, requestId });
  if (asked.kind === 'failed') return settle(facts, { outcome: 'failed', code: asked.code, latencyMs, requestId });

  const { code } = asked.error;
  const state = FAILURES[code].maybeBilled ? 'unknown' : 'released';
  if (handlingOf(code) === 'defer') {
    await move({ ...facts, state, code });
    return deferred(code, waiting.nowMs() + (asked.error.retryAfterMs ?? DEFAULT_DEFERRAL_MS));
  }
  const failedAttempts = facts.failedAttempts + 1;
  if (failedAttempts >= RETRY.maxAttempts)
    return settle({ ...facts, failedAttempts }, { outcome: 'failed', code, latencyMs, requestId });
  await move({ ...facts, failedAttempts, state, code });
  throw asked.error;
}

function withSpent(facts: LedgerFacts, asked: Asked): LedgerFacts {
  return {
    ...facts,
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
