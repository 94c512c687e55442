import { expect, test } from 'vitest';
import { systemClock } from '../../../../local/engine/clock.ts';
import { startAppWorkers } from '../../../../local/host/worker/app-workers.ts';
import { collectLog, fixtureApp } from '../../../helpers/host-fixture.ts';

function startWorkers(environment: NodeJS.ProcessEnv = {}) {
  const { log, lines } = collectLog();
  const workers = startAppWorkers({
    appFolder: fixtureApp('workers'),
    environment: { ...process.env, ...environment },
    processCount: 1,
    durableClientJson: '{}',
    functionTimeoutMs: 500,
    inspect: undefined,
    clock: systemClock,
    log,
  });
  return { workers, lines };
}

test('of calls that go out together, those that ended before one that loops for ever have ended', async () => {
  await using stack = new AsyncDisposableStack();
  const workers = await startWorkers().workers;
  stack.defer(workers.close);
  const names = ['quick', 'quick', 'spinAtOnce', 'quick'];
  const outcomes = await Promise.all(names.map(name => workers.invoke(name, { string: '1' })));
  expect(outcomes.map(({ kind }) => kind)).toEqual(['returned', 'returned', 'timedOut', 'lost']);
  expect(outcomes[2]).toMatchObject({ message: expect.stringContaining("'Functions.spinAtOnce'") });
});

test('Node is started with the arguments that the settings name', async () => {
  await using stack = new AsyncDisposableStack();
  const workers = await startWorkers({ languageWorkers__node__arguments: '--stack-size=900 --no-deprecation' }).workers;
  stack.defer(workers.close);
  const outcome = await workers.invoke('nodeArguments', { string: '1' });
  expect(outcome).toMatchObject({ returnValue: { json: '["--stack-size=900","--no-deprecation"]' } });
});

test('an argument that Node does not know stops the start, and Node says so', async () => {
  const { workers, lines } = startWorkers({ languageWorkers__node__arguments: '--no-such-argument' });
  await expect(workers).rejects.toThrow('The worker process ended with exit code 9 while it loaded the app');
  expect(lines.map(({ message }) => message)).toContainEqual(expect.stringContaining('bad option: --no-such-argument'));
});
