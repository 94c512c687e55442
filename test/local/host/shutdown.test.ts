import { expect, test } from 'vitest';
import { createShutdown } from '../../../local/host/shutdown.ts';
import { createManualClock } from '../../../local/testing/manual-clock.ts';
import { collectLog } from '../../helpers/host-fixture.ts';

const settled = () => new Promise(resolve => setImmediate(resolve));

/** A shutdown whose work ends when the test says so, with what has happened so far. */
function begin(isGraceful: boolean) {
  const happened: string[] = [];
  const clock = createManualClock(0);
  const { log, lines } = collectLog();
  const work = Promise.withResolvers<void>();
  const note = (what: string) => happened.push(what);
  const shutdown = createShutdown({ isGraceful, worker: { release: () => note('release') }, clock, log });
  shutdown.closing.addEventListener('abort', () => note('closing'));
  shutdown.breakingOff.addEventListener('abort', () => note('breaking off'));
  const stop = async () => {
    note('stop');
    await work.promise;
    note('stopped');
  };
  const lastStop = async () => void note('last stop');
  const ended = shutdown.run([stop], [lastStop]).then(() => note('end'));
  return { happened, clock, lines, work, ended };
}

test('without grace, work in flight is broken off at once', async () => {
  const { happened, work, ended, lines } = begin(false);
  await settled();
  expect(happened).toEqual(['closing', 'stop', 'release', 'breaking off']);
  work.resolve();
  await ended;
  expect(happened.slice(4)).toEqual(['stopped', 'last stop', 'end']);
  expect(lines).toEqual([]);
});

test('with grace, work in flight may end', async () => {
  const { happened, clock, work, ended, lines } = begin(true);
  clock.advanceBy(3_000);
  await settled();
  expect(happened).toEqual(['closing', 'stop']);
  work.resolve();
  await ended;
  expect(happened.slice(2)).toEqual(['stopped', 'release', 'breaking off', 'last stop', 'end']);
  expect(clock.nextCallAtMs()).toBeUndefined();
  expect(lines).toEqual([]);
});

test('the grace is less than 4 s, and what it cuts is told', async () => {
  const { happened, clock, work, ended, lines } = begin(true);
  clock.advanceBy(4_000);
  await settled();
  expect(happened).toEqual(['closing', 'stop', 'release', 'breaking off']);
  work.resolve();
  await ended;
  expect(lines).toEqual([
    {
      level: 'warning',
      source: 'host',
      message: 'work that has not ended after 3500 ms is broken off and runs again later',
    },
  ]);
});
