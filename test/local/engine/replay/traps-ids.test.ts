import type { Task } from 'durable-functions';
import { expect } from 'vitest';
import { df } from '../../../helpers/durable-app.ts';
import { describeTrap } from '../../../helpers/traps.ts';

const retry = (attempts: number) => new df.RetryOptions(1_000, attempts);
const DAY_MS = 86_400_000;

describeTrap('a pending task in a second Task.any runs twice, and its result goes astray (issue 574)', {
  codes: ['repeated-task'],
  says: /activity 'do' \(id 1\) stands a second time .* as id 2.*issue 574.*yield a task again only by itself/,
  register(app, gates) {
    app.activity('do', { handler: gates.handler });
    app.orchestration('trap', function* ({ df: durable }) {
      const results: unknown[] = [];
      let pending: Task[] = [durable.callActivity('do', 'A'), durable.callActivity('do', 'B')];
      while (pending.length > 0) {
        const winner: Task = yield durable.Task.any(pending);
        pending = pending.filter(task => task !== winner);
        results.push(winner.result);
      }
      results.push(yield durable.callActivity('do', 'C'));
      return results;
    });
  },
  async drive(run) {
    await run.end('A', 'rA');
    await run.end('B', 'rB');
    await run.end('B', 'rB-dup');
    await run.end('C', 'rC');
    await run.pass(0);
  },
  outcome: { runtimeStatus: 'Completed', output: ['rA', 'rB', 'rB-dup'] },
  check: ({ begun }) => expect(begun).toEqual(['A', 'B', 'B', 'C']),
});

describeTrap('a timer in a second Task.any is made twice, and takes the id of the next call', {
  codes: ['repeated-task'],
  says: /a timer \(id 0\) stands a second time .* as id 1/,
  register(app) {
    app.activity('do', { handler: () => 'done' });
    app.orchestration('trap', function* ({ df: durable }) {
      const deadline = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 60_000));
      for (let round = 0; round < 2; round++)
        yield durable.Task.any([durable.waitForExternalEvent(`go ${round}`), deadline]);
      return [yield durable.callActivity('do')];
    });
  },
  async drive(run) {
    await run.raise('go 0', 0);
    await run.raise('go 1', 1);
    await run.pass(60_000);
  },
  outcome: { runtimeStatus: 'Completed', output: [null] },
  check: ({ harness }) => expect(harness.trace('one')).toEqual(expect.arrayContaining(['10#0', '10#1', '4#2', '5→2'])),
});

describeTrap('a finished task alone in a Task.any runs again, and the Task.any never ends', {
  codes: ['repeated-task', 'stuck'],
  says: /activity 'do' \(id 0\) stands a second time .* as id 1/,
  register(app) {
    app.activity('do', { handler: () => 'done' });
    app.orchestration('trap', function* ({ df: durable }) {
      const task = durable.callActivity('do');
      yield task;
      return yield durable.Task.any([task]);
    });
  },
  drive: run => run.pass(0),
  outcome: { runtimeStatus: 'Running' },
  check: ({ harness }) => expect(harness.trace('one')).toEqual(expect.arrayContaining(['4#0', '4#1', '5→1'])),
});

describeTrap('a finished task in a Task.all with a new one runs again, and the new one gets its result', {
  codes: ['repeated-task'],
  says: /activity 'do' \(id 0\) stands a second time .* as id 1/,
  register(app) {
    app.activity('do', { handler: (name: string) => `r${name}` });
    app.orchestration('trap', function* ({ df: durable }) {
      const task = durable.callActivity('do', 'A');
      yield task;
      return yield durable.Task.all([task, durable.callActivity('do', 'B')]);
    });
  },
  drive: run => run.pass(0),
  outcome: { runtimeStatus: 'Completed', output: ['rA', 'rA'] },
});

describeTrap('going on after a failed Task.all while a sibling retries gives the next call the retry’s result', {
  codes: ['went-on-early'],
  says: /id 2 is a timer of activity 'do' for the host, and for the orchestrator activity 'cleanUp',.*yield each of its tasks again/,
  register(app, gates) {
    app.activity('do', { handler: gates.handler });
    app.activity('cleanUp', { handler: () => 'clean' });
    app.orchestration('trap', function* ({ df: durable }) {
      try {
        yield durable.Task.all([durable.callActivity('do', 'A'), durable.callActivityWithRetry('do', retry(2), 'B')]);
      } catch {
        return yield durable.callActivity('cleanUp');
      }
    });
  },
  async drive(run) {
    await run.end('A', new Error('A fails'));
    await run.seen('6→0');
    expect(run.harness.errors).toEqual([]);
    await run.end('B', new Error('B fails once'));
    await run.seen('10#2');
    run.harness.clock.advanceBy(1_000);
    await run.end('B', 'B at last');
    await run.pass(0);
  },
  outcome: { runtimeStatus: 'Completed', output: null },
  check: ({ harness }) => expect(harness.trace('one')).toContain('4#4'),
});

describeTrap('the same beside a long timer, whose segments take ids', {
  codes: ['went-on-early'],
  says: /id 2 is a timer for the host, and for the orchestrator activity 'cleanUp',/,
  register(app) {
    app.activity('fails', { handler: () => Promise.reject(new Error('no')) });
    app.activity('cleanUp', { handler: () => 'clean' });
    app.orchestration('trap', function* ({ df: durable }) {
      const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 7 * DAY_MS));
      try {
        yield durable.Task.all([durable.callActivity('fails'), timer]);
      } catch {
        return yield durable.callActivity('cleanUp');
      }
    });
  },
  drive: run => run.pass(8 * DAY_MS),
  outcome: { runtimeStatus: 'Completed', output: null },
});

describeTrap('the same where the orchestrator only sent something on', {
  codes: ['went-on-early', 'stuck'],
  says: /id 2 is a timer of activity 'do' for the host, and for the orchestrator nothing that it waits for,/,
  register(app, gates) {
    app.activity('do', { handler: gates.handler });
    app.entity('counter', () => {});
    app.orchestration('trap', function* ({ df: durable }) {
      const task = durable.callActivityWithRetry('do', retry(2), 'B');
      try {
        yield durable.Task.all([durable.callActivity('do', 'A'), task]);
      } catch {
        durable.signalEntity(new df.EntityId('counter', 'one'), 'add');
        return yield task;
      }
    });
  },
  async drive(run) {
    await run.end('A', new Error('A fails'));
    await run.seen('6→0');
    await run.end('B', new Error('B fails once'));
    await run.seen('10#2');
    run.harness.clock.advanceBy(1_000);
    await run.end('B', 'B at last');
    await run.pass(0);
  },
  outcome: { runtimeStatus: 'Running' },
});

/** An orchestrator in which a timer races what `start` makes, and is cancelled when it has lost; then it makes one more call. */
function cancelledRace(start: (durable: df.OrchestrationContext['df']) => Task) {
  return (app: typeof df.app) => {
    const calls = new Map<string, number>();
    app.activity('twice', {
      handler(name: string) {
        calls.set(name, (calls.get(name) ?? 0) + 1);
        if (calls.get(name) === 1) throw new Error('first attempt');
        return name;
      },
    });
    app.activity('next', { handler: () => 'next' });
    app.orchestration('trap', function* ({ df: durable }) {
      const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 60_000));
      yield durable.Task.any([start(durable), timer]);
      timer.cancel();
      return yield durable.callActivity('next');
    });
  };
}

const cancelled = {
  codes: ['cancelled-timer'],
  says: /cancelled-timer: a timer was cancelled that raced something while retries, .*; put what is retried, .*sub-orchestration/,
  outcome: { runtimeStatus: 'Failed', output: expect.stringContaining('Non-Deterministic workflow detected') },
} as const;

describeTrap('cancelling a timer that raced a retried call fails the instance at its next call', {
  ...cancelled,
  register: cancelledRace(durable => durable.callActivityWithRetry('twice', retry(3), 'A')),
  drive: run => run.pass(5_000),
});

describeTrap('so it is when several retried calls raced the timer together', {
  ...cancelled,
  register: cancelledRace(durable =>
    durable.Task.all(['A', 'B'].map(name => durable.callActivityWithRetry('twice', retry(3), name))),
  ),
  drive: run => run.pass(5_000),
});

describeTrap('where the retry begins in the very episode that ends the race, the next call gets the retry’s result', {
  codes: ['cancelled-timer'],
  says: /id 3 is activity 'next' for the host, and for the orchestrator a timer of activity 'do',.*a timer was cancelled/,
  register(app, gates) {
    app.activity('do', { handler: gates.handler });
    app.activity('next', { handler: () => 'next' });
    app.orchestration('trap', function* ({ df: durable }) {
      const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 60_000));
      const retried = durable.callActivityWithRetry('do', retry(2), 'A');
      yield durable.Task.any([retried, durable.callActivity('do', 'B'), timer]);
      timer.cancel();
      return yield durable.callActivity('next');
    });
  },
  async drive(run) {
    await Promise.all([run.end('A', new Error('A fails once')), run.end('B', 'rB')]);
    await run.seen('5→3');
    run.harness.clock.advanceBy(1_000);
    await run.end('A', 'A at last');
    await run.pass(0);
  },
  outcome: { runtimeStatus: 'Completed', output: null },
});

describeTrap('retries left over from before a race with a cancelled timer fail the instance, too', {
  ...cancelled,
  register(app, gates) {
    app.activity('do', { handler: gates.handler });
    app.activity('next', { handler: () => 'next' });
    app.orchestration('trap', function* ({ df: durable }) {
      const retried = durable.callActivityWithRetry('do', retry(2), 'A');
      yield durable.Task.any([retried, durable.callActivity('do', 'B')]);
      const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 60_000));
      yield durable.Task.any([durable.callActivity('do', 'C'), timer]);
      timer.cancel();
      return yield durable.callActivity('next');
    });
  },
  async drive(run) {
    await run.end('B', 'rB');
    await run.seen('5→1');
    await run.end('A', new Error('A fails once'));
    await run.seen('6→0');
    await run.end('C', 'rC');
    await run.pass(0);
  },
});

describeTrap('so it is when a long timer is cancelled after its first segment', {
  ...cancelled,
  register(app) {
    app.orchestration('trap', function* ({ df: durable }) {
      const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 7 * DAY_MS));
      yield durable.Task.any([durable.waitForExternalEvent('go'), timer]);
      timer.cancel();
      yield durable.waitForExternalEvent('end');
    });
  },
  async drive(run) {
    await run.pass(4 * DAY_MS);
    await run.raise('go', 1);
  },
});
