// What benches and soaks run: small functions whose results follow from their inputs.
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');
const { app } = require('@azure/functions');
const df = require('durable-functions');

/** The process that answers, so that it can be killed or measured. */
app.http('worker', {
  methods: ['GET'],
  authLevel: 'anonymous',
  handler() {
    const { user, system } = process.cpuUsage();
    return { jsonBody: { pid: process.pid, cpuMs: (user + system) / 1_000 } };
  },
});

/** What the process that answers takes in memory, after garbage collection. */
app.http('memory', {
  methods: ['GET'],
  authLevel: 'anonymous',
  handler() {
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    const { rss: rssBytes, heapUsed: heapBytes } = process.memoryUsage();
    return { jsonBody: { pid: process.pid, rssBytes, heapBytes } };
  },
});

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

/** When it runs, by the worker's clock; milliseconds since 1970, with a fraction. */
df.app.activity('instant', { handler: () => performance.timeOrigin + performance.now() });

/** `count` activities, one after the other; when each ran. */
df.app.orchestration('chain', function* ({ df: durable }) {
  const { count } = durable.getInput();
  const instants = [];
  for (let k = 0; k < count; k++) instants.push(yield durable.callActivity('instant'));
  return instants;
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
