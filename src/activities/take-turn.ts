import { analysisNamed } from '../core/analyses.ts';
import type { AnalyzeInput, AnalyzeOutput } from '../core/contracts.ts';
import { addCalls, type FactsInHand } from '../core/ledger.ts';
import { CALLS_IN_A_CLAIM } from '../core/settings.ts';
import { addCost, addUsage } from '../core/usage.ts';
import type { AnswerMemory } from '../services/answer-memory.ts';
import type { ModelClient } from '../services/azure-openai.ts';
import type { Flights } from '../services/flights.ts';
import type { Unit } from '../services/issue-pages.ts';
import type { Permits } from '../services/permits.ts';
import type { RunControls } from '../services/run-controls.ts';
import type { ServiceBreaker } from '../services/service-breaker.ts';
import type { Shutdown } from '../services/shutdown.ts';
import type { WorkerIdentity } from '../services/worker-identity.ts';
import { type Asked, askModel, type Waiting } from './ask-model.ts';
import { deferred, elsewhere, NOTHING_SEEN, type OpenRow } from './issue-row.ts';

/** What an issue's turn needs. */
export interface TurnServices {
  readonly model: Pick<ModelClient, 'complete'>;
  /** The breaker of a deployment. */
  readonly breakers: (deployment: string) => ServiceBreaker;
  readonly permits: Permits;
  readonly controls: RunControls;
  readonly answers: Pick<AnswerMemory, 'recall' | 'remember'>;
  readonly flights: Flights;
  readonly shutdown: Pick<Shutdown, 'signal'>;
  readonly worker: WorkerIdentity;
  readonly waiting: Waiting;
}

/** An issue that is to be asked, unless there is a reason not to. */
export interface Turn {
  readonly input: AnalyzeInput;
  readonly unit: Unit;
  readonly row: OpenRow;
  readonly facts: FactsInHand;
  /** Since when it has been waiting for its turn, in milliseconds since 1970. */
  readonly queuedSinceMs: number;
}

/**
 * What came of a turn: it was not the time, the answer was known, an equal question is being asked, or this one was.
 * The facts of `asked` include what it took.
 */
export type Taken =
  | { readonly kind: 'held'; readonly output: AnalyzeOutput }
  | { readonly kind: 'known'; readonly answer: unknown }
  | { readonly kind: 'joined'; readonly answer: Promise<unknown> }
  | { readonly kind: 'asked'; readonly asked: Asked; readonly facts: FactsInHand };

/** Beyond a call's own timeouts, what a claim leaves for waits and table writes. */
const CLAIM_MARGIN_MS = 30_000;
/** A run that is paused is looked at again so often. */
const PAUSE_MS = 30_000;

/**
 * Waits for a permit, claims the issue and asks; the permit is free again as soon as the answer is there.
 *
 * @param mayJoin - false for an issue that has joined another one's call in vain
 */
export function takeTurn(services: TurnServices, turn: Turn, mayJoin: boolean): Promise<Taken> {
  const { permits, answers, flights, breakers } = services;
  const { runId, plan } = turn.input;
  const { fingerprint } = turn.unit;
  return permits.run(runId, plan.concurrency, async (): Promise<Taken> => {
    const output = await holdBack(services, turn.input);
    if (output) return { kind: 'held', output };
    if (plan.useCache) {
      const answer = answers.recall(fingerprint);
      if (answer !== undefined) return { kind: 'known', answer };
      const joined = mayJoin ? flights.joined(fingerprint) : null;
      if (joined) return { kind: 'joined', answer: joined };
    }
    const claim = () => claimAndAsk(services, turn);
    return breakers(plan.deployment).run(
      plan.useCache ? () => flights.lead(fingerprint, claim, answerIn) : claim,
      untilMs => ({ kind: 'held', output: deferred('breaker_open', untilMs) }),
    );
  });
}

/** Why no issue of the run may be asked now; null = it may. */
async function holdBack(
  { controls, shutdown, waiting }: TurnServices,
  { runId, attempt }: AnalyzeInput,
): Promise<AnalyzeOutput | null> {
  const control = await controls.of(runId, attempt);
  if (control === 'cancelled') return { kind: 'not_started', reason: 'cancelled', seen: NOTHING_SEEN };
  if (control === 'paused') return deferred('paused', waiting.nowMs() + PAUSE_MS);
  // This process ends: another one will have to do it.
  return shutdown.signal.aborted ? elsewhere(waiting.nowMs()) : null;
}

async function claimAndAsk(services: TurnServices, turn: Turn): Promise<Taken> {
  const { model, breakers, shutdown, answers, worker, waiting } = services;
  const { input, unit, row } = turn;
  const { analysis, deployment, requestTimeoutMs: timeoutMs } = input.plan;
  const nowMs = waiting.nowMs();
  const facts = afterQueue(turn, nowMs);
  const untilMs = nowMs + CALLS_IN_A_CLAIM * timeoutMs + CLAIM_MARGIN_MS;
  const isOurs = await row.move({ ...facts, state: 'claimed', workerId: worker.id, untilMs });
  if (!isOurs) return { kind: 'held', output: elsewhere(nowMs) };
  const callee = { model, breaker: breakers(deployment), ending: shutdown.signal };
  const asked = await askModel(callee, waiting, {
    analysis: analysisNamed(analysis),
    deployment,
    issue: unit.issue,
    maxCompletionTokens: input.maxCompletionTokens,
    timeoutMs,
  });
  if (asked.kind === 'answered') answers.remember(unit.fingerprint, asked.answer);
  return { kind: 'asked', asked, facts: withSpent(facts, asked) };
}

function answerIn(taken: Taken): unknown {
  return taken.kind === 'asked' && taken.asked.kind === 'answered' ? taken.asked.answer : null;
}

/** The facts of an issue that has waited for its turn until now. */
export function afterQueue({ facts, queuedSinceMs }: Turn, nowMs: number): FactsInHand {
  const queue = facts.spentMs.queue + Math.max(0, nowMs - queuedSinceMs);
  return { ...facts, spentMs: { ...facts.spentMs, queue } };
}

function withSpent(facts: FactsInHand, asked: Asked): FactsInHand {
  const { queue, model, throttle, retry } = facts.spentMs;
  return {
    ...facts,
    possiblyPaidTwice: facts.possiblyPaidTwice || asked.possiblyPaidTwice,
    calls: facts.calls + asked.calls,
    admittedTokens: facts.admittedTokens + asked.admittedTokens,
    spentMs: {
      queue,
      model: model + asked.spentMs.model,
      throttle: throttle + asked.spentMs.throttle,
      retry: retry + asked.spentMs.retry,
    },
    usage: addUsage(facts.usage, asked.usage),
    costUsd: addCost(facts.costUsd, asked.costUsd),
    untold: addCalls(facts.untold, asked),
  };
}
