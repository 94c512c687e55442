import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createEventQueue } from '../../../src/core/forecast/event-queue.ts';

test('an empty queue has no next one, and can be used again after its last', () => {
  const queue = createEventQueue<string>();
  expect(queue.next()).toBeUndefined();
  queue.add(3, 'a');
  expect(queue.next()).toMatchObject({ atMs: 3, event: 'a' });
  expect(queue.next()).toBeUndefined();
  queue.add(1, 'b');
  expect(queue.next()).toMatchObject({ atMs: 1, event: 'b' });
});

test('events come by time, those of one time in the order they were put in', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 })), times => {
      const queue = createEventQueue<number>();
      for (const [n, atMs] of times.entries()) queue.add(atMs, n);
      const taken = times.map(() => queue.next());
      const sorted = times.map((atMs, event) => ({ atMs, event })).toSorted((a, b) => a.atMs - b.atMs);
      expect(taken).toMatchObject(sorted);
      expect(queue.next()).toBeUndefined();
    }),
  );
});

test('events that are put in between others are taken in their turn', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50)), fc.array(fc.nat(50)), (first, delays) => {
      const queue = createEventQueue<number>();
      for (const atMs of first) queue.add(atMs, atMs);
      const later = [...delays];
      const taken: number[] = [];
      for (let next = queue.next(); next; next = queue.next()) {
        taken.push(next.atMs);
        const delay = later.pop();
        if (delay !== undefined) queue.add(next.atMs + delay, 0);
      }
      expect(taken).toHaveLength(first.length + (delays.length - later.length));
      expect(taken).toEqual(taken.toSorted((a, b) => a - b));
    }),
  );
});
