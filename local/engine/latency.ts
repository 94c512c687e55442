import { createHash } from 'node:crypto';
import type { Clock } from './clock.ts';
import { isEntityId } from './protocol/entities.ts';
import type { Delivery, Store } from './store/store.ts';

/** From and to, in milliseconds; each delay is drawn evenly between them. */
type Range = readonly [fromMs: number, toMs: number];

/** How long messages take. */
interface LatencyProfile {
  /** A message to an orchestration, the call of an activity, a start. */
  readonly queueHop: Range;
  /** How late a timer fires. */
  readonly timerDelay: Range;
  /** An operation of an entity; its answer takes nothing more. */
  readonly entityCall: Range;
}

const PROFILES = {
  /** Queues of Azure Storage, which are polled: after a quiet time up to every 10 s, which timers feel most. */
  'azure-storage': { queueHop: [50, 300], timerDelay: [0, 10_000], entityCall: [100, 1_000] },
} as const satisfies Readonly<Record<string, LatencyProfile>>;

/** A profile of delays and the seed that they are drawn from. */
export interface Latency {
  readonly profile: keyof typeof PROFILES;
  /** A whole number: the same seed gives the same delays in the same order. */
  readonly seed: number;
}

/** The profiles' names. */
export const LATENCY_PROFILES = Object.keys(PROFILES) as readonly Latency['profile'][];

/**
 * Puts delays in front of everything that a store delivers, to see what real queues would do to a design. Delays are part
 * of what is stored, so they outlive a crash. Messages to one receiver keep their order.
 *
 * @param store - keeps what is delayed and delivers it when due
 */
export function withLatency(store: Store, clock: Clock, { profile, seed }: Latency): Store {
  const ranges: LatencyProfile = PROFILES[profile];
  const lastDueMs = new Map<string, number>();
  let drawn = 0;

  function draw([fromMs, toMs]: Range): number {
    const digest = createHash('sha256').update(`${seed}:${drawn++}`).digest();
    return Math.round(fromMs + ((toMs - fromMs) * digest.readUInt32BE()) / 2 ** 32);
  }

  /** When a message arrives that is sent now: never before one that was sent earlier. */
  function dueAtMs(receiver: string): number {
    const nowMs = clock.nowMs();
    const delayMs = draw(isEntityId(receiver) ? ranges.entityCall : ranges.queueHop);
    const dueMs = Math.max(nowMs + delayMs, lastDueMs.get(receiver) ?? 0);
    for (const [id, pastMs] of lastDueMs) {
      if (pastMs >= nowMs) break;
      lastDueMs.delete(id);
    }
    lastDueMs.delete(receiver);
    lastDueMs.set(receiver, dueMs);
    return dueMs;
  }

  function delayed(delivery: Delivery): Delivery {
    if (delivery.dueAtMs !== undefined) {
      return { ...delivery, dueAtMs: delivery.dueAtMs + draw(ranges.timerDelay) };
    }
    switch (delivery.kind) {
      case 'message':
        return { ...delivery, dueAtMs: dueAtMs(delivery.to.instanceId) };
      case 'activity':
        return { ...delivery, dueAtMs: clock.nowMs() + draw(ranges.queueHop) };
      case 'start':
        return { ...delivery, dueAtMs: dueAtMs(delivery.child.instance.instanceId) };
    }
  }

  return {
    ...store,
    createInstance: created => store.createInstance(created, dueAtMs(created.instance.instanceId)),
    sendMessage: (to, event) => store.sendMessage(to, event, dueAtMs(to.instanceId)),
    completeActivity: (task, event) => store.completeActivity(task, event, dueAtMs(task.instanceId)),
    commitEpisode: commit => store.commitEpisode({ ...commit, deliveries: commit.deliveries.map(delayed) }),
    commitBatch: commit => {
      const deliveries = commit.deliveries.map(each =>
        each.kind === 'message' && !isEntityId(each.to.instanceId) ? each : delayed(each),
      );
      return store.commitBatch({ ...commit, deliveries });
    },
  };
}
