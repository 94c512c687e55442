import type { EntityRecord } from '../api.ts';
import {
  type BatchAnswer,
  type EntityName,
  type EntityRequest,
  entityIdOf,
  entityTrigger,
  parseEntityId,
  REQUEST_EVENT,
  readBatch,
} from '../protocol/entities.ts';
import { EventType, eventBase, type HistoryEvent } from '../protocol/history.ts';
import { guidOf } from '../protocol/ids.ts';
import type { BatchCommit, Delivery, Message } from '../store/store.ts';
import type { LogLine, Step, StepRules } from './step.ts';

/** What one batch of operations comes to. */
export interface Batch {
  /** Absent when the entity function failed as a whole: nothing counts, and the same messages are to be delivered again. */
  readonly commit?: BatchCommit;
  readonly log: readonly LogLine[];
}

interface Received {
  readonly seq: number;
  readonly request: EntityRequest;
}

/**
 * One batch of an entity: runs the operations that wait for it, in order, and works out its new state, the answers to those
 * who called, and the signals that it sent. What a failed operation had changed and sent stays, as on the real host.
 *
 * @param entity - as it is stored; a new one has no state
 * @param messages - at least one, oldest first
 */
export function* stepEntity(
  { settings, isRegistered }: StepRules,
  entity: EntityRecord,
  messages: readonly Message[],
  nowMs: number,
): Step<Batch> {
  const batch = messages.slice(0, settings.maxEntityOperationBatchSize);
  const received = batch.flatMap(({ seq, event }): Received[] =>
    event.EventType === EventType.EventRaised && event.Name === REQUEST_EVENT
      ? [{ seq, request: JSON.parse(event.Input) as EntityRequest }]
      : [],
  );
  const consumedThroughSeq = batch.at(-1)?.seq ?? 0;
  const self = parseEntityId(entity.entityId);
  if (!self || received.length === 0) return { commit: { entity, consumedThroughSeq, deliveries: [] }, log: [] };
  if (!isRegistered('entity', self.name)) {
    const text = `The app does not register the entity '${self.name}'`;
    const results = received.map(() => ({ isError: true, result: JSON.stringify(text) }));
    const deliveries = answersTo(received, results, nowMs);
    return { commit: { entity, consumedThroughSeq, deliveries }, log: [{ level: 'error', text }] };
  }
  const requests = received.map(({ request }) => request);
  const { outcome, nowMs: endedAtMs } = yield {
    name: self.name,
    trigger: entityTrigger(self, entity.stateJson, requests),
  };
  try {
    const answer = readBatch(outcome);
    const deliveries = [...answersTo(received, answer.results, endedAtMs), ...signalsOf(received, answer, endedAtMs)];
    return {
      commit: {
        entity: { ...entity, stateJson: answer.stateJson, lastOperationAtMs: endedAtMs },
        consumedThroughSeq,
        deliveries,
      },
      log: problemsOf(self, received, answer),
    };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { log: [{ level: 'error', text: `${entity.entityId}: the batch failed and is delivered again: ${text}` }] };
  }
}

function problemsOf({ name }: EntityName, received: readonly Received[], { results }: BatchAnswer): LogLine[] {
  if (results.length === received.length) return [];
  const text =
    `${name}: ${received.length} operations gave ${results.length} results, so answers go to the wrong callers; ` +
    'an operation may call df.return once';
  return [{ level: 'error', text }];
}

function answersTo(received: readonly Received[], results: BatchAnswer['results'], nowMs: number): Delivery[] {
  return received.flatMap(({ request }, index): Delivery[] => {
    if (request.signal || request.parent === undefined) return [];
    const { isError = false, result = null } = results[index] ?? {};
    const Input = JSON.stringify({ result, ...(isError && { exceptionType: 'Error' }) });
    const event: HistoryEvent = { ...eventBase(nowMs), EventType: EventType.EventRaised, Name: request.id, Input };
    return [
      { kind: 'message', to: { instanceId: request.parent, executionId: request.parentExecution ?? null }, event },
    ];
  });
}

/** The signals that the batch sent; their ids follow from the request that came last, so that a second run gives the same. */
function signalsOf(received: readonly Received[], { signals }: BatchAnswer, nowMs: number): Delivery[] {
  const cause = received.at(-1);
  return signals.map(({ target, name, input }, index) => {
    const request: EntityRequest = {
      op: name,
      signal: true,
      ...(input && { input }),
      id: guidOf(`${cause?.request.id}:${cause?.seq}:${index}`),
    };
    return {
      kind: 'message',
      to: { instanceId: entityIdOf(target), executionId: null },
      event: requestEvent(request, nowMs),
    };
  });
}

/** A request as it reaches its entity. */
export function requestEvent(request: EntityRequest, nowMs: number): HistoryEvent {
  return {
    ...eventBase(nowMs),
    EventType: EventType.EventRaised,
    Name: REQUEST_EVENT,
    Input: JSON.stringify(request),
  };
}
