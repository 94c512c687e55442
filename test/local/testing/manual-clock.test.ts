import { expect, test } from 'vitest';
import { createManualClock } from '../../../local/testing/manual-clock.ts';

test('calls back in the order of instants, each at its own', () => {
  const clock = createManualClock(1_000);
  const seen: [string, number][] = [];
  const callAt = (instantMs: number, name: string) => clock.callAt(instantMs, () => seen.push([name, clock.nowMs()]));
  callAt(3_000, 'late');
  callAt(2_000, 'early');
  callAt(9_000, 'never');
  const withdraw = callAt(2_500, 'withdrawn');
  clock.callAt(2_000, () => callAt(2_200, 'made on the way'));
  withdraw();
  expect(clock.nextCallAtMs()).toBe(2_000);
  clock.advanceBy(4_000);
  expect(seen).toEqual([
    ['early', 2_000],
    ['made on the way', 2_200],
    ['late', 3_000],
  ]);
  expect([clock.nowMs(), clock.nextCallAtMs()]).toEqual([5_000, 9_000]);
});

test('never goes back', () => {
  const clock = createManualClock(1_000);
  clock.advanceTo(500);
  let calledAtMs = 0;
  clock.callAt(200, () => {
    calledAtMs = clock.nowMs();
  });
  clock.advanceBy(0);
  expect([clock.nowMs(), calledAtMs]).toEqual([1_000, 1_000]);
});
