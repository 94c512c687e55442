import { expect, test } from 'vitest';
import { isSound, soak } from '../../../bench/soak.ts';

test('a host whose workers and itself are killed in turn loses nothing and does nothing twice', async () => {
  const lines: string[] = [];
  const result = await soak({ rounds: 6, maxMs: 60_000, seed: 7, log: line => lines.push(line) });
  expect(result).toMatchObject({ rounds: 6, killedHosts: 3, killedWorkers: 3, runs: 24, completed: 24, wrongEnds: 0 });
  expect(lines.at(-1)).toBe('round 6: the host killed');
  expect(isSound(result)).toBe(true);
}, 120_000);

test('what is lost or done twice is seen', () => {
  const sound = {
    rounds: 1,
    killedHosts: 0,
    killedWorkers: 1,
    runs: 4,
    completed: 4,
    wrongEnds: 0,
    tally: { is: 5, expected: 5 },
    durationMs: 1,
  };
  expect(isSound(sound)).toBe(true);
  expect(isSound({ ...sound, completed: 3 })).toBe(false);
  expect(isSound({ ...sound, wrongEnds: 1 })).toBe(false);
  expect(isSound({ ...sound, tally: { is: 6, expected: 5 } })).toBe(false);
});
