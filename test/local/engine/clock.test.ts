import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../../local/engine/clock.ts';

const DAY_MS = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

test.each([5, 60 * DAY_MS])('calls back once after %i ms', lengthMs => {
  const callback = vi.fn();
  systemClock.callAt(lengthMs, callback);
  vi.advanceTimersByTime(lengthMs - 1);
  expect(callback).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(callback).toHaveBeenCalledOnce();
  expect(systemClock.nowMs()).toBe(lengthMs);
  expect(vi.getTimerCount()).toBe(0);
});

test('calls back at once for an instant of the past', () => {
  const callback = vi.fn();
  systemClock.callAt(-5, callback);
  vi.advanceTimersByTime(1);
  expect(callback).toHaveBeenCalledOnce();
});

test('a call can be withdrawn, also after its first stretch', () => {
  const callback = vi.fn();
  const withdraw = systemClock.callAt(60 * DAY_MS, callback);
  vi.advanceTimersByTime(30 * DAY_MS);
  withdraw();
  vi.advanceTimersByTime(60 * DAY_MS);
  expect(callback).not.toHaveBeenCalled();
});
