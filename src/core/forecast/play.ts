import { createEventQueue } from './event-queue.ts';
import type { Batch, Reservations } from './reservations.ts';

/** Where and how fast calls are made. */
export interface Stage {
  readonly streams: number;
  /** Calls in flight at one time. */
  readonly concurrency: number;
  /** Activities at one time: those with a call in flight, and those that wait for their instant or for a permit. */
  readonly activities: number;
  /** Time of the n-th call. */
  readonly callMs: (n: number) => number;
  /** From the end of a stream's batch to its next reservation. */
  readonly pauseMs: number;
  readonly startMs: number;
}

interface Call {
  readonly batch: Batch;
  readonly unit: number;
  readonly dueAtMs: number;
}

type Event =
  | { readonly kind: 'draw'; readonly stream: number }
  | { readonly kind: 'out'; readonly batch: Batch }
  | { readonly kind: 'due' | 'done'; readonly call: Call };

/** Draws after which the streams of a run that is slow or large draw no more. */
const MOST_DRAWS = 3_000;
/**
 * Plays a run, or its beginning: streams draw batches; each call waits for an activity to be free, for its instant and for a permit, in the
 * order of arrival, and takes its time; a stream goes on when the last call of its batch has ended.
 *
 * @returns when calls ended, in that order, in milliseconds from the start
 */
export function play(stage: Stage, reservations: Reservations): number[] {
  const { callMs, pauseMs, startMs } = stage;
  const events = createEventQueue<Event>();
  const activities = createPlaces<Call>(stage.activities);
  const permits = createPlaces<Call>(stage.concurrency);
  const endsMs: number[] = [];
  let draws = 0;

  const enter = (call: Call, atMs: number) => events.add(Math.max(atMs, call.dueAtMs), { kind: 'due', call });
  const begin = (call: Call, atMs: number) => events.add(atMs + callMs(call.unit), { kind: 'done', call });
  const draw = (stream: number, atMs: number) => {
    if (++draws > MOST_DRAWS) return;
    const drawn = reservations.draw(stream, atMs);
    if (drawn.kind === 'batch') events.add(drawn.atMs, { kind: 'out', batch: drawn.batch });
    if (drawn.kind === 'later') events.add(Math.max(drawn.atMs, atMs + 1), { kind: 'draw', stream });
  };
  const sendOut = (batch: Batch, atMs: number) => {
    for (const call of callsOf(batch, atMs)) if (activities.take(call)) enter(call, atMs);
  };
  const end = (call: Call, atMs: number) => {
    endsMs.push(atMs - startMs);
    const asking = permits.leave();
    if (asking) begin(asking, atMs);
    const entering = activities.leave();
    if (entering) enter(entering, atMs);
    const { batch } = call;
    batch.open -= 1;
    if (batch.open > 0) return;
    reservations.end(batch);
    events.add(atMs + pauseMs, { kind: 'draw', stream: batch.stream });
  };

  for (let stream = 0; stream < stage.streams; stream++) events.add(startMs, { kind: 'draw', stream });
  for (let next = events.next(); next; next = events.next()) {
    const { atMs, event } = next;
    if (event.kind === 'draw') draw(event.stream, atMs);
    else if (event.kind === 'out') sendOut(event.batch, atMs);
    else if (event.kind === 'done') end(event.call, atMs);
    else if (permits.take(event.call)) begin(event.call, atMs);
  }
  return endsMs;
}

function callsOf(batch: Batch, outAtMs: number): Call[] {
  const { granted, from, startAtMs, spacingMs } = batch.grant;
  return Array.from({ length: granted }, (_, i) => ({
    batch,
    unit: from + i,
    dueAtMs: Math.max(outAtMs, startAtMs + i * spacingMs),
  }));
}

/** So many places, and a queue of those who wait for one. */
function createPlaces<T>(count: number) {
  const queue: T[] = [];
  let [free, head] = [count, 0];
  return {
    /** Whether there is a place; if not, the visitor is in the queue now. */
    take(visitor: T): boolean {
      const isFree = free > 0;
      if (isFree) free -= 1;
      else queue.push(visitor);
      return isFree;
    },
    /** Gives a place back; who was first in the queue has it now. */
    leave(): T | undefined {
      const next = queue[head];
      if (next === undefined) free += 1;
      else head += 1;
      return next;
    },
  };
}
