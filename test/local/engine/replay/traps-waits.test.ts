import { expect } from 'vitest';
import { df } from '../../../helpers/durable-app.ts';
import { describeTrap } from '../../../helpers/traps.ts';

const retry = (attempts: number) => new df.RetryOptions(1_000, attempts);
const DAY_MS = 86_400_000;

/** Answers each request in turn; the last answer stands. */
function answers(...responses: { status: number; headers?: Record<string, string> }[]): typeof globalThis.fetch {
  return () => {
    const [{ status, headers = {} } = { status: 200 }] = responses.length > 1 ? responses.splice(0, 1) : responses;
    return Promise.resolve(new Response('', { status, headers }));
  };
}

describeTrap('a polled HTTP call beside a retried one fails the instance', {
  codes: ['http-polling'],
  says: /id 3 is a timer of activity 'do' for the host, and for the orchestrator the HTTP call of https:\/\/job\.example\/,/,
  options: () => ({ fetch: answers({ status: 202, headers: { Location: 'https://job.example/1' } }) }),
  register(app, gates) {
    app.activity('do', { handler: gates.handler });
    app.orchestration('trap', function* ({ df: durable }) {
      yield durable.Task.all([
        durable.callHttp({ method: 'GET', url: 'https://job.example/' }),
        durable.callActivityWithRetry('do', retry(2), 'A'),
      ]);
    });
  },
  async drive(run) {
    await run.seen('10#2');
    await run.end('A', new Error('no'));
    await run.pass(60_000);
  },
  outcome: { runtimeStatus: 'Failed', output: expect.stringContaining('Non-Deterministic workflow detected') },
  check: ({ harness }) => expect(harness.errors.join('\n')).toContain("reading 'statusCode'"),
});

describeTrap('cancelling a timer that raced a polled HTTP call fails the instance at its next call', {
  codes: ['cancelled-timer'],
  says: /a timer was cancelled that raced something while retries, polls/,
  options: () => ({ fetch: answers({ status: 202, headers: { Location: 'https://job.example/1' } }, { status: 200 }) }),
  register(app) {
    app.activity('next', { handler: () => 'next' });
    app.orchestration('trap', function* ({ df: durable }) {
      const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 3_600_000));
      yield durable.Task.any([durable.callHttp({ method: 'GET', url: 'https://job.example/' }), timer]);
      timer.cancel();
      return yield durable.callActivity('next');
    });
  },
  drive: run => run.pass(60_000),
  outcome: { runtimeStatus: 'Failed', output: expect.stringContaining('Non-Deterministic workflow detected') },
});

describeTrap('an HTTP call made after a failed Task.all, while a sibling retries, is no fault of polling', {
  codes: ['went-on-early'],
  says: /id 2 is a timer of activity 'do' for the host, and for the orchestrator the HTTP call of https:\/\/job\.example\/,/,
  options: () => ({ fetch: answers({ status: 200 }) }),
  register(app, gates) {
    app.activity('do', { handler: gates.handler });
    app.orchestration('trap', function* ({ df: durable }) {
      try {
        yield durable.Task.all([durable.callActivity('do', 'A'), durable.callActivityWithRetry('do', retry(2), 'B')]);
      } catch {
        yield durable.callHttp({ method: 'GET', url: 'https://job.example/' });
      }
    });
  },
  async drive(run) {
    await run.end('A', new Error('A fails'));
    await run.seen('6→0');
    await run.end('B', new Error('B fails once'));
    await run.seen('10#2');
    run.harness.clock.advanceBy(1_000);
    // The call is handed the timer's result, which is none, and the library cannot read a status of it.
    await run.pass(0);
  },
  outcome: { runtimeStatus: 'Failed', output: expect.stringContaining('Non-Deterministic workflow detected') },
});

describeTrap('an HTTP answer 202 without Location gives the next call the id of the host’s wait', {
  codes: ['http-without-location'],
  says: /the HTTP call of https:\/\/job\.example\/ was answered by 202 without an absolute Location/,
  options: () => ({ fetch: answers({ status: 202 }) }),
  register(app) {
    app.activity('next', { handler: () => 'next' });
    app.orchestration('trap', function* ({ df: durable }) {
      const { statusCode } = yield durable.callHttp({ method: 'GET', url: 'https://job.example/' });
      return [statusCode, yield durable.callActivity('next')];
    });
  },
  drive: run => run.pass(60_000),
  outcome: { runtimeStatus: 'Completed', output: [202, null] },
});

function callOnce(options: df.RetryOptions) {
  return (app: typeof df.app) => {
    app.activity('fails', { handler: () => Promise.reject(new Error('no')) });
    app.orchestration('trap', function* ({ df: durable }) {
      yield durable.callActivityWithRetry('fails', options);
    });
  };
}

describeTrap('retryTimeoutInMilliseconds leaves the instance running for ever', {
  codes: ['retry-ended-early', 'stuck'],
  says: /retryTimeoutInMilliseconds ended the retries of 'fails'.*bound the retries by maxNumberOfAttempts alone/,
  register: callOnce(Object.assign(retry(5), { retryTimeoutInMilliseconds: 500 })),
  drive: run => run.pass(5_000),
  outcome: { runtimeStatus: 'Running' },
});

describeTrap('no attempt at all leaves the instance running for ever', {
  codes: ['call-never-made', 'stuck'],
  says: /the call of 'fails' with 0 attempts and an interval of 1000 ms is never made.*at least 1 attempt/,
  register: callOnce(retry(0)),
  drive: run => run.pass(5_000),
  outcome: { runtimeStatus: 'Running' },
});

describeTrap('a retry interval over 6 days leaves the instance running for ever', {
  codes: ['call-never-made', 'stuck'],
  says: /with 2 attempts and an interval of 604800000 ms is never made.*at most 518400000 ms/,
  register: callOnce(new df.RetryOptions(7 * DAY_MS, 2)),
  drive: run => run.pass(5_000),
  outcome: { runtimeStatus: 'Running' },
});

describeTrap('a sub-orchestration with its parent’s own id is refused, and waited for', {
  codes: ['call-never-made', 'stuck'],
  says: /sub-orchestration id "ONE" is the instance's own.*give the child an id of its own/,
  register(app) {
    app.orchestration('trap', function* ({ df: durable }) {
      yield durable.callSubOrchestrator('trap', null, 'ONE');
    });
  },
  drive: run => run.pass(0),
  outcome: { runtimeStatus: 'Running' },
});

describeTrap('a timer that is due at once gets no id while a long timer is pending', {
  codes: ['unnumbered-timer'],
  says: /a timer that is due already was made while a long timer is pending.*make no timer whose instant is not after/,
  register(app) {
    app.orchestration('trap', function* ({ df: durable }) {
      const start = durable.currentUtcDateTime.getTime();
      const long = durable.createTimer(new Date(start + 7 * DAY_MS));
      yield durable.Task.any([durable.waitForExternalEvent('go'), long]);
      yield durable.createTimer(new Date(start));
    });
  },
  async drive(run) {
    await run.raise('go', 1);
    await run.pass(DAY_MS);
  },
  outcome: { runtimeStatus: 'Running' },
});

describeTrap('an event of another case moves the host on, and not the orchestrator', {
  codes: ['event-case'],
  says: /"approve" was raised while the orchestrator waits for "Approve".*under the very name/,
  register(app) {
    app.orchestration('trap', function* ({ df: durable }) {
      return yield durable.waitForExternalEvent('Approve');
    });
  },
  drive: run => run.raise('approve', 1),
  outcome: { runtimeStatus: 'Running' },
});

describeTrap('after an event of another case the orchestrator still takes the right one', {
  codes: ['event-case'],
  says: /"approve" was raised/,
  register(app) {
    app.orchestration('trap', function* ({ df: durable }) {
      return yield durable.waitForExternalEvent('Approve');
    });
  },
  async drive(run) {
    await run.raise('approve', 1);
    await run.raise('Approve', 2);
  },
  outcome: { runtimeStatus: 'Completed', output: 2 },
});

describeTrap('a wait for an event in a second Task.any swallows another event and takes its value', {
  codes: ['stale-event-wait'],
  says: /an event "item" went to a wait that had its event already, and overwrote it.*yield each wait for an event once/,
  register(app) {
    app.orchestration('trap', function* ({ df: durable }) {
      const first = durable.waitForExternalEvent('item');
      yield durable.Task.any([durable.waitForExternalEvent('tick'), first]);
      yield durable.Task.any([durable.waitForExternalEvent('tock'), first]);
      yield durable.waitForExternalEvent('go');
      return [first.result, yield durable.waitForExternalEvent('item')];
    });
  },
  async drive(run) {
    await run.raise('tick', 0);
    for (const item of [1, 2]) await run.raise('item', item);
    await run.raise('go', 0);
    await run.raise('item', 3);
  },
  outcome: { runtimeStatus: 'Completed', output: [2, 3] },
});

describeTrap('a wait for an event that is yielded again by itself swallows another event', {
  codes: ['stale-event-wait'],
  says: /an event "item" went to a wait that had its event already/,
  register(app) {
    app.activity('fails', { handler: () => Promise.reject(new Error('no')) });
    app.orchestration('trap', function* ({ df: durable }) {
      const first = durable.waitForExternalEvent('item');
      try {
        yield durable.Task.all([first, durable.callActivity('fails')]);
      } catch {
        yield first;
      }
      yield durable.waitForExternalEvent('go');
      return yield durable.waitForExternalEvent('item');
    });
  },
  async drive(run) {
    for (const item of [1, 2]) await run.raise('item', item);
    await run.raise('go', 0);
  },
  outcome: { runtimeStatus: 'Running' },
});

describeTrap('a throw without a message is taken for work that goes on', {
  codes: ['throw-without-message'],
  says: /it threw something without a message.*throw an Error that has a message/,
  register(app) {
    // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
    app.orchestration('trap', function* () {
      throw new Error('');
    });
  },
  drive: run => run.raise('again', 1),
  outcome: { runtimeStatus: 'Running' },
});
