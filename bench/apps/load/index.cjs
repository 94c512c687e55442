// What benches and soaks run: small functions whose results follow from their inputs.
const { app } = require('@azure/functions');
const df = require('durable-functions');

/** The process that answers, so that it can be killed. */
app.http('worker', { methods: ['GET'], authLevel: 'anonymous', handler: () => ({ jsonBody: { pid: process.pid } }) });

/** Gives back what it gets, after `delayMs` if there is one. */
df.app.activity('echo', {
  async handler(/** @type {{ value: unknown, delayMs?: number }} */ { value, delayMs = 0 }) {
    if (delayMs > 0) await new Promise(resolve => setTimeout(resolve, delayMs));
    return value;
  },
});

/** `count` activities at one time; their sum. */
df.app.orchestration('fanOut', function* ({ df: durable }) {
  const { count, delayMs } = durable.getInput();
  const tasks = Array.from({ length: count }, (_, value) => durable.callActivity('echo', { value, delayMs }));
  return (yield durable.Task.all(tasks)).reduce((sum, value) => sum + value, 0);
});

/** `total` activities, `size` at one time; it continues as new after each batch, so its history stays short. */
df.app.orchestration('batches', function* ({ df: durable }) {
  const { total, size, done = 0 } = durable.getInput();
  const count = Math.min(size, total - done);
  yield durable.Task.all(Array.from({ length: count }, (_, value) => durable.callActivity('echo', { value })));
  if (done + count === total) return total;
  durable.continueAsNew({ total, size, done: done + count });
});

/** `count` activities, one after the other. */
df.app.orchestration('chain', function* ({ df: durable }) {
  const { count } = durable.getInput();
  for (let value = 0; value < count; value++) yield durable.callActivity('echo', { value });
  return count;
});

df.app.entity('tally', ({ df: tally }) => {
  const count = tally.getState(() => 0);
  tally.setState(count + tally.getInput());
  tally.return(count);
});

/**
 * One of everything that must survive a kill: a fan-out, a child, a timer, an entity that counts each run exactly once.
 * Its output follows from its input.
 */
df.app.orchestration('everything', function* ({ df: durable }) {
  const { items, tally, delayMs } = durable.getInput();
  const tallyId = new df.EntityId('tally', tally);
  durable.signalEntity(tallyId, 'add', 1);
  const tasks = Array.from({ length: items }, (_, value) => durable.callActivity('echo', { value, delayMs }));
  const echoes = yield durable.Task.all(tasks);
  yield durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + delayMs));
  const child = yield durable.callSubOrchestrator('fanOut', { count: items, delayMs });
  yield durable.callEntity(tallyId, 'add', 1_000_000);
  return { echoes, child };
});
