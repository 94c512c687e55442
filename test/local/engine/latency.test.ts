import { expect, test } from 'vitest';
import { df } from '../../helpers/durable-app.ts';
import { createHarness, START_MS, temporaryStateFile } from '../../helpers/engine-harness.ts';

const tally = new df.EntityId('tally', 'a');

/** Notes when each thing happened, by the orchestrator's own clock. */
function register(app: typeof df.app): void {
  app.activity('echo', { handler: (value: number) => value });
  app.entity('tally', ({ df: entity }) => {
    const values = entity.getState(() => []) as unknown[];
    entity.setState([...values, entity.getInput()]);
  });
  app.orchestration('timed', function* ({ df: durable }) {
    const times: number[] = [];
    let beforeMs = START_MS;
    const note = () => {
      const nowMs = durable.currentUtcDateTime.getTime();
      times.push(nowMs - beforeMs);
      beforeMs = nowMs;
    };
    note();
    yield durable.callActivity('echo', 1);
    note();
    yield durable.createTimer(new Date(beforeMs + 1_000));
    note();
    yield durable.callEntity(tally, 'add', 1);
    note();
    return times;
  });
}

async function timesFrom(seed: number): Promise<number[]> {
  const { run, pass, status } = createHarness(register, { latency: { profile: 'azure-storage', seed } });
  const id = await run('timed');
  await pass(60_000);
  return status(id).output as number[];
}

test('queue hops, timers and entity calls take as long as the profile says', async () => {
  const ranges = [
    [50, 300],
    [100, 600],
    [1_000, 11_000],
    [100, 1_000],
  ];
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
  const runs = await Promise.all(seeds.map(timesFrom));
  for (const times of runs) {
    for (const [index, [fromMs, toMs]] of ranges.entries()) {
      expect(times[index]).toBeGreaterThanOrEqual(fromMs ?? 0);
      expect(times[index]).toBeLessThanOrEqual(toMs ?? 0);
    }
  }
  const timerDelays = runs.map(times => (times[2] ?? 0) - 1_000);
  expect(Math.max(...timerDelays) - Math.min(...timerDelays)).toBeGreaterThan(3_000);
});

test('one seed gives the same delays, another one others', async () => {
  const [first, again, other] = await Promise.all([timesFrom(1), timesFrom(1), timesFrom(2)]);
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
});

test('messages to one receiver keep their order', async () => {
  const { engine, pass } = createHarness(register, { latency: { profile: 'azure-storage', seed: 5 } });
  const inputs = Array.from({ length: 20 }, (_, index) => index);
  for (const input of inputs) engine.signalEntity('@tally@a', 'add', String(input));
  await pass(2_000);
  expect(engine.getEntity('@tally@a')?.stateJson).toBe(JSON.stringify(inputs));
});

test('what is delayed outlives the engine', async () => {
  const path = temporaryStateFile();
  const latency = { profile: 'azure-storage', seed: 1 } as const;
  const first = createHarness(register, { path, latency });
  await first.run('timed', null, 'one');
  first.close();
  const { clock } = first;
  const second = createHarness(register, { path, clock });
  expect(second.status('one').runtimeStatus).toBe('Pending');
  await second.pass(60_000);
  expect(second.status('one').runtimeStatus).toBe('Completed');
});

test('nothing is delayed without a profile', async () => {
  const { run, pass, status } = createHarness(register);
  const id = await run('timed');
  await pass(1_000);
  expect(status(id).output).toEqual([0, 0, 1_000, 0]);
});
