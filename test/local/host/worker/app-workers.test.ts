import { expect, test } from 'vitest';
import { systemClock } from '../../../../local/engine/clock.ts';
import { startAppWorkers } from '../../../../local/host/worker/app-workers.ts';
import { collectLog, fixtureApp } from '../../../helpers/host-fixture.ts';

test('of calls that go out together, those that ended before one that loops for ever have ended', async () => {
  const { log } = collectLog();
  await using stack = new AsyncDisposableStack();
  const workers = await startAppWorkers({
    appFolder: fixtureApp('workers'),
    environment: process.env,
    processCount: 1,
    durableClientJson: '{}',
    functionTimeoutMs: 500,
    inspect: undefined,
    clock: systemClock,
    log,
  });
  stack.defer(workers.close);
  const names = ['quick', 'quick', 'spinAtOnce', 'quick'];
  const outcomes = await Promise.all(names.map(name => workers.invoke(name, { string: '1' })));
  expect(outcomes.map(({ kind }) => kind)).toEqual(['returned', 'returned', 'timedOut', 'lost']);
  expect(outcomes[2]).toMatchObject({ message: expect.stringContaining("'Functions.spinAtOnce'") });
});
