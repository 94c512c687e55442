import { describe, expect, test } from 'vitest';
import type { BatchUse } from '../../../src/core/capacity/messages.ts';
import { afterBatch, OPEN_GATE, passage, type ServiceGate } from '../../../src/core/capacity/service-gate.ts';
import { use } from '../../helpers/capacity-world.ts';

const NOW_MS = 1_000_000;

const failing = (units = 5) => use({ calls: units, failed: units });
const answering = (units = 1, failed = 0) => use({ calls: units + failed, answered: units, failed });
const throttled = (waitMs: number, answered = 0) =>
  use({ calls: 1 + answered, throttled: 1, answered, retryAtMs: NOW_MS + waitMs });

/** The gate after batches of `any`, one after the other at one instant. */
function gateAfter(...batches: BatchUse[]): ServiceGate {
  return batches.reduce((gate, batch) => afterBatch(gate, 'any', batch, NOW_MS), OPEN_GATE);
}

/** Sends the one probe and takes its end in, as soon as it may go. */
function probed(gate: ServiceGate, end: BatchUse): ServiceGate {
  expect(passage(gate, gate.closedUntilMs)).toEqual({ kind: 'probe' });
  return afterBatch({ ...gate, probe: 'probe' }, 'probe', end, gate.closedUntilMs);
}

test('a service of which nothing bad is known may be called', () => {
  expect(passage(OPEN_GATE, NOW_MS)).toEqual({ kind: 'open' });
});

describe('failures', () => {
  test.each<[string, BatchUse[]]>([
    ['four in a row', [failing(4)]],
    ['four, an answer, and four more', [failing(4), answering(), failing(4)]],
    ['many beside one answer', [answering(1, 19), answering(1, 19)]],
  ])('leave the gate open: %s', (_, batches) => {
    expect(passage(gateAfter(...batches), NOW_MS)).toEqual({ kind: 'open' });
  });

  test.each<[string, BatchUse[]]>([
    ['five in a batch', [failing(5)]],
    ['five in a row over batches', [failing(2), failing(2), failing(1)]],
    ['four, a batch without calls, and one more', [failing(4), use(), failing(1)]],
  ])('close the gate for 15 seconds: %s', (_, batches) => {
    expect(passage(gateAfter(...batches), NOW_MS)).toEqual({ kind: 'wait', untilMs: NOW_MS + 15_000 });
  });

  test('of probe after probe close it for 15, 30, 60 and 60 seconds', () => {
    let gate = gateAfter(failing());
    const lengths = [gate.closedUntilMs - NOW_MS];
    for (let n = 0; n < 4; n += 1) {
      const triedAtMs = gate.closedUntilMs;
      gate = probed(gate, failing(1));
      lengths.push(gate.closedUntilMs - triedAtMs);
    }
    expect(lengths).toEqual([15_000, 30_000, 60_000, 60_000, 60_000]);
  });
});

describe('the probe', () => {
  const closed = gateAfter(failing());

  test('goes when the time is over, and nobody else meanwhile', () => {
    expect(passage(closed, closed.closedUntilMs - 1)).toEqual({ kind: 'wait', untilMs: closed.closedUntilMs });
    expect(passage(closed, closed.closedUntilMs)).toEqual({ kind: 'probe' });
    const underWay = { ...closed, probe: 'a/0' };
    const laterMs = closed.closedUntilMs + 100;
    expect(passage(underWay, laterMs)).toEqual({ kind: 'wait', untilMs: laterMs + 5_000 });
  });

  test('opens the gate for all if it is answered, and the next closing is a short one again', () => {
    const open = probed(probed(closed, failing(1)), answering());
    expect(open).toEqual(OPEN_GATE);
    expect(afterBatch(open, 'any', failing(), NOW_MS).closedUntilMs).toBe(NOW_MS + 15_000);
  });

  test.each([
    ['that made no call', use()],
    ['that met a short throttle', use({ calls: 1, throttled: 1, retryAtMs: closed.closedUntilMs + 1_000 })],
  ])('%s says nothing: the next one goes', (_, end) => {
    const next = probed(closed, end);
    expect(next.closedUntilMs).toBe(closed.closedUntilMs);
    expect(passage(next, closed.closedUntilMs + 100)).toEqual({ kind: 'probe' });
  });
});

describe('a wait that the service asks for', () => {
  test.each([
    ['5 s is a matter of pace', 5_000, 0],
    ['6 s is waited for', 6_000, 6_000],
    ['120 s is waited for', 120_000, 120_000],
    ['a day is looked at again after ten minutes', 86_400_000, 600_000],
  ])('%s', (_, waitMs, forMs) => {
    const gate = gateAfter(throttled(waitMs));
    expect(Math.max(0, gate.closedUntilMs - NOW_MS)).toBe(forMs);
  });

  test('counts although other calls of the batch were answered', () => {
    expect(gateAfter(throttled(120_000, 19)).closedUntilMs).toBe(NOW_MS + 120_000);
  });

  test('is nothing where the service did not say how long', () => {
    expect(gateAfter(use({ calls: 1, throttled: 1 }))).toEqual(OPEN_GATE);
  });

  test('is met by the probe again, then answered', () => {
    const gate = gateAfter(throttled(120_000));
    const stillMs = gate.closedUntilMs + 60_000;
    const again = probed(gate, use({ calls: 1, throttled: 1, retryAtMs: stillMs }));
    expect(again).toMatchObject({ closedUntilMs: stillMs, probe: null });
    expect(probed(again, answering())).toEqual(OPEN_GATE);
  });

  test('does not make later closings longer', () => {
    const open = probed(gateAfter(throttled(120_000)), answering());
    expect(afterBatch(open, 'any', failing(), NOW_MS).closedUntilMs).toBe(NOW_MS + 15_000);
  });
});

describe('a batch that began before the gate closed and reports late', () => {
  const closed = gateAfter(failing());

  test('does not lengthen the wait by its failures', () => {
    const late = afterBatch(closed, 'late', failing(20), NOW_MS + 1_000);
    expect(late).toMatchObject({ closedUntilMs: closed.closedUntilMs, closings: 1 });
  });

  test('does not open it by its answers, which came before', () => {
    const late = afterBatch(closed, 'late', answering(20), NOW_MS + 1_000);
    expect(late).toMatchObject({ closedUntilMs: closed.closedUntilMs, failures: 0 });
  });

  test('after the time opens it by its answers, though a probe is under way', () => {
    const late = afterBatch({ ...closed, probe: 'a/0' }, 'late', answering(20), closed.closedUntilMs + 500);
    expect(late).toEqual(OPEN_GATE);
  });

  test('after the time closes it by its failures, and the probe still opens it', () => {
    const atMs = closed.closedUntilMs + 500;
    const again = afterBatch({ ...closed, probe: 'a/0' }, 'late', failing(), atMs);
    expect(again).toMatchObject({ closedUntilMs: atMs + 30_000, probe: 'a/0' });
    expect(afterBatch(again, 'a/0', answering(), atMs + 1_000)).toEqual(OPEN_GATE);
  });
});
