import * as df from 'durable-functions';
import { analysisNamed } from '../core/analyses.ts';
import { familyOf, isKept } from '../core/answer-cache.ts';
import { type CapacityState, storedCapacity } from '../core/capacity/state.ts';
import { createEstimator, type Estimate } from '../core/estimate.ts';
import type { LedgerRow } from '../core/ledger.ts';
import { CAPACITY_ENTITY } from '../core/names.ts';
import { planReply } from '../core/plan.ts';
import type { PlanReply } from '../core/plan-reply.ts';
import type { ChosenPlan, RunPlan, RunRequest } from '../core/run-request.ts';
import type { Settings } from '../core/settings.ts';
import type { AnswerCache } from '../services/answer-cache.ts';
import type { ModelClient } from '../services/azure-openai.ts';
import type { LedgerStore } from '../services/ledger-store.ts';
import type { RunStore } from '../services/run-store.ts';
import type { Tokenizer } from '../services/tokenizer.ts';
import { type Content, placed, type SourceServices } from './run-source.ts';

/** What a plan takes. */
export interface PlanServices extends SourceServices {
  readonly settings: Settings;
  readonly runs: Pick<RunStore, 'read'>;
  /** The ledger over that many tables. */
  readonly ledger: (shards: number) => Pick<LedgerStore, 'openReader'>;
  readonly cache: Pick<AnswerCache, 'count'>;
  readonly tokenizer: Tokenizer;
  readonly model: Pick<ModelClient, 'describe'>;
  readonly nowMs: () => number;
}

/**
 * Says what a run would take; writes nothing, and calls no model.
 *
 * @param options.named - the run that the request names, if it names one: what an earlier attempt answered stays
 */
export async function planRun(
  services: PlanServices,
  client: df.DurableClient,
  options: {
    readonly request: RunRequest;
    readonly chosen: ChosenPlan;
    readonly content: Content;
    readonly named: { readonly runId: string; readonly requestHash: string } | null;
  },
): Promise<PlanReply> {
  const { chosen } = options;
  const { deployment } = chosen.plan;
  const [countTokens, rowAt, capacity, { endpoint, simulator }] = await Promise.all([
    services.tokenizer.load(),
    answeredRows(services, options.named),
    capacityOf(client, deployment),
    services.model.describe(),
  ]);
  const counted = await count(services, options, countTokens, rowAt);
  const cached = await countCached(services, chosen.plan, counted.fingerprints);
  return planReply({
    chosen,
    settings: services.settings,
    service: { endpoint, deployment, simulator },
    counts: { issues: counted.issues, distinct: counted.distinct, answered: counted.answered, cached },
    estimate: counted.estimate,
    capacity,
    nowMs: services.nowMs(),
  });
}

type RowAt = (index: number) => Promise<LedgerRow | null>;

/** The ledger of the run of that id, if it was the same request and has ended. */
async function answeredRows(
  { runs, ledger }: PlanServices,
  named: { readonly runId: string; readonly requestHash: string } | null,
): Promise<RowAt | null> {
  const row = named && (await runs.read(named.runId));
  if (!row?.summary || row.requestHash !== named?.requestHash) return null;
  return ledger(row.plan.ledgerShards).openReader(row.runId);
}

/** What is known of a deployment. */
async function capacityOf(client: df.DurableClient, deployment: string): Promise<CapacityState> {
  const { entityState } = await client.readEntityState<unknown>(new df.EntityId(CAPACITY_ENTITY, deployment));
  return storedCapacity(entityState);
}

interface Counted {
  readonly issues: number;
  readonly distinct: number;
  readonly answered: number;
  readonly estimate: Estimate;
  /** Of the questions that are not answered. */
  readonly fingerprints: ReadonlySet<string>;
}

async function count(
  services: PlanServices,
  { request, chosen: { plan }, content }: { request: RunRequest; chosen: ChosenPlan; content: Content },
  countTokens: (text: string) => number,
  rowAt: RowAt | null,
): Promise<Counted> {
  const estimator = createEstimator(analysisNamed(plan.analysis), countTokens);
  const fingerprints = new Set<string>();
  let answered = 0;
  const issues = placed(services, request, plan, content);
  for (;;) {
    const { done, value } = await issues.next();
    if (done) {
      const { total, units } = value;
      return { issues: total, distinct: units, answered, estimate: estimator.estimate(), fingerprints };
    }
    if (value.sameAs !== null) continue;
    if (rowAt && isKept(await rowAt(value.index))) {
      answered += 1;
      continue;
    }
    if (estimator.add(value.issue)) fingerprints.add(value.fingerprint);
  }
}

async function countCached(
  { cache, nowMs }: PlanServices,
  { analysis, deployment, useCache, cacheTtlMs }: RunPlan,
  fingerprints: ReadonlySet<string>,
): Promise<number> {
  if (!useCache || fingerprints.size === 0) return 0;
  return cache.count(familyOf(analysisNamed(analysis), deployment), fingerprints, nowMs() - cacheTtlMs);
}
