import { describe, expect, test } from 'vitest';
import { type CapacityState, FRESH_CAPACITY } from '../../src/core/capacity/state.ts';
import { PlanReplySchema } from '../../src/core/plan-reply.ts';
import type { RunRequest } from '../../src/core/run-request.ts';
import type { AnswerCache } from '../../src/services/answer-cache.ts';
import * as source from '../../src/services/issue-source.ts';
import type { RunRow } from '../../src/services/run-store.ts';
import { createRunsPost } from '../../src/triggers/runs-post.ts';
import { NOON_MS, settings, settledRow, summary } from '../helpers/factories.ts';
import { knownCapacity, meter } from '../helpers/forecasts.ts';
import { callHandler, httpRequest } from '../helpers/http.ts';
import { startServer } from '../helpers/http-server.ts';
import { createMemoryBlobs, createMemoryLedger } from '../helpers/memory-stores.ts';
import { runRow } from '../helpers/run-rows.ts';

const UPLOAD = 'u.csv';
const UPLOADED = { source: { uploadId: UPLOAD } };
const GIVEN = { source: { issues: [{ title: 'One' }, { title: 'Two' }, { title: 'One' }] } };
const SERVICE = { endpoint: 'https://example.openai.azure.com', reachable: true, simulator: false };

interface Stored {
  /** Of the run that every id names. */
  readonly row?: RunRow;
  /** Of the deployment's entity; null = it was never used. */
  readonly capacity?: CapacityState | object | null;
  /** How many of the questions asked for are in the cache. */
  readonly cached?: number;
  readonly ledger?: ReturnType<typeof createMemoryLedger>;
}

/** The route over stores in memory with one upload, and a task hub that has no instance and takes every start. */
async function openRoute({ row, capacity = null, cached = 0, ledger = createMemoryLedger() }: Stored = {}) {
  const blobs = createMemoryBlobs();
  await blobs.write(`_uploads/${UPLOAD}`, 'title\nOne\nTwo\nOne\n\n');
  await blobs.write(`_uploads/${UPLOAD}.json`, JSON.stringify({ uploadId: UPLOAD, format: 'csv', issues: 3 }));
  const hub = await startServer((response, { method, url = '' }) => {
    const state = url.startsWith('/entities/capacity/gpt-4o-mini') ? capacity : null;
    response.writeHead(method === 'POST' ? 202 : state ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(method === 'POST' ? { id: 'run-1' } : (state ?? {})));
  });
  const rows: RunRow[] = [];
  const read: string[] = [];
  const asked: Parameters<AnswerCache['count']>[] = [];
  const handler = createRunsPost({
    settings: settings({ tableShards: 4 }),
    blobs: {
      read(name) {
        read.push(name);
        return blobs.read(name);
      },
      chunks(name) {
        read.push(name);
        return blobs.chunks(name);
      },
      write: blobs.write,
    },
    runs: {
      async insert(inserted) {
        rows.push(inserted);
        return null;
      },
      read: async () => row ?? null,
    },
    ledger: () => ledger,
    cache: {
      async count(...args) {
        asked.push(args);
        return cached;
      },
    },
    tokenizer: { load: async () => text => text.length },
    model: { describe: async () => SERVICE },
    source,
    nowMs: () => NOON_MS,
  });
  return {
    blobs,
    rows,
    read,
    asked,
    starts: () => hub.received.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body)),
    send: (body: object, query: Record<string, string> = {}, headers: Record<string, string> = {}) =>
      callHandler(
        handler,
        httpRequest({
          method: 'POST',
          query,
          headers: { 'content-type': 'application/json', ...headers },
          body: { string: JSON.stringify(body) },
        }),
        [],
        `${hub.url}/`,
      ),
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  };
}

describe('POST /api/runs?plan=true', () => {
  test.each([
    ['given', GIVEN],
    ['uploaded', UPLOADED],
  ])('says what issues that are %s would take, and starts nothing', async (_, body) => {
    await using route = await openRoute();
    const { status, json } = await route.send(body, { plan: 'true' });
    expect(status).toBe(200);
    expect(PlanReplySchema.parse(json)).toEqual(json);
    expect(json).toMatchObject({
      analysis: 'triage',
      deployment: 'gpt-4o-mini',
      service: { endpoint: SERVICE.endpoint, deployment: 'gpt-4o-mini', simulator: false },
      ...{ issues: 3, distinct: 2, empty: 0, answered: 0, cached: 0, calls: 2 },
      expected: { completionTokens: 360, admissionTokens: expect.any(Number), basis: 'assumed' },
    });
    expect(json.expected.admissionTokens).toBeGreaterThan(2 * 1_200);
    expect(json.settings[0]).toEqual({ name: 'concurrency', value: 3, from: 'a run of 1 to 10 issues' });
    expect([route.rows, route.starts(), route.blobs.content.size]).toEqual([[], [], 2]);
  });

  test('goes by what is known of the deployment', async () => {
    const capacity = knownCapacity({
      tokens: meter(90_000),
      requests: meter(900),
      calls: { count: 50, seconds: 50, squares: 50 },
      answers: { triage: { '5': 300 } },
    });
    await using route = await openRoute({ capacity });
    const { json } = await route.send(GIVEN, { plan: 'true' });
    expect(json.limits[0]).toEqual({ name: 'tokensPerMinute', value: 90_000, from: 'the deployment' });
    expect(json.expected).toMatchObject({ completionTokens: 2 * 72, basis: 'observed', answers: 'observed' });
    expect(json.warnings).toEqual([]);
  });

  test.each([[{ of: 'another version' }], [{ ...FRESH_CAPACITY, runs: 7 }]])(
    'takes a deployment for unknown whose state is %j',
    async capacity => {
      await using route = await openRoute({ capacity });
      const { status, json } = await route.send(GIVEN, { plan: 'true' });
      expect([status, json.expected.basis]).toEqual([200, 'assumed']);
    },
  );

  test('asks the cache for each distinct question that is none of an empty issue, as old as may be', async () => {
    await using route = await openRoute({ cached: 1 });
    const issues = [...GIVEN.source.issues, { title: '...' }];
    const { json } = await route.send({ source: { issues } }, { plan: 'true' });
    expect(json).toMatchObject({ issues: 4, distinct: 3, empty: 1, cached: 1, calls: 1 });
    const [[family, wanted, storedFromMs] = []] = route.asked;
    expect(family).toMatchObject({ analysis: 'triage', deployment: 'gpt-4o-mini' });
    expect(wanted?.size).toBe(2);
    expect(storedFromMs).toBe(NOON_MS - 2_592_000_000);
  });

  test('does not ask the cache for a run that does not use it', async () => {
    await using route = await openRoute({ cached: 2 });
    const { json } = await route.send({ ...GIVEN, useCache: false }, { plan: 'true' });
    expect([json.cached, json.calls, route.asked]).toEqual([0, 2, []]);
  });

  test.each(['1', 'yes', 'TRUE', ''])('is refused with %j, and starts nothing', async plan => {
    await using route = await openRoute();
    const { status, json } = await route.send(GIVEN, { plan });
    expect(status).toBe(400);
    expect(json.violations).toEqual([{ field: 'plan', value: JSON.stringify(plan), allowed: 'one of: true, false' }]);
    expect([route.rows, route.starts()]).toEqual([[], []]);
  });
});

describe('the plan of a run that was there before', () => {
  const BODY: Pick<RunRequest, 'runId' | 'source'> = { ...GIVEN, runId: 'run-1' };

  /** The row that a start writes, as it is after the end, and a ledger in which the first of two issues is answered. */
  async function earlier(body: object, headers: Record<string, string> = {}) {
    await using route = await openRoute();
    await route.send(body, {}, headers);
    const row = runRow({ ...route.rows[0], summary: summary() });
    const ledger = createMemoryLedger();
    await ledger.write(row.runId, 0, settledRow(), null);
    await ledger.write(row.runId, 1, settledRow({ outcome: 'failed', code: 'timeout' }), null);
    return { row, ledger };
  }

  test.each([
    ['the id in the body', BODY, {}],
    ['the idempotency key', GIVEN, { 'idempotency-key': 'k' }],
  ])('leaves out what it has answered, found by %s', async (_, body, headers) => {
    await using route = await openRoute(await earlier(body, headers));
    const { json } = await route.send(body, { plan: 'true' }, headers);
    expect(json).toMatchObject({ issues: 3, distinct: 2, answered: 1, calls: 1 });
    expect(route.asked[0]?.[1].size).toBe(1);
  });

  test('counts everything while it is under way, and for another request', async () => {
    const { row, ledger } = await earlier(BODY);
    await using underWay = await openRoute({ row: { ...row, summary: null }, ledger });
    expect((await underWay.send(BODY, { plan: 'true' })).json.answered).toBe(0);
    await using other = await openRoute({ row, ledger });
    expect((await other.send({ ...BODY, limit: 2 }, { plan: 'true' })).json.answered).toBe(0);
  });
});

describe('POST /api/runs', () => {
  test.each([{}, { plan: 'false' }])('starts a run of an upload without reading its content, with %o', async query => {
    await using route = await openRoute();
    const { status, headers, json } = await route.send({ ...UPLOADED, runId: 'run-1' }, query);
    expect([status, headers.get('retry-after')]).toEqual([202, '5']);
    expect(json).toMatchObject({ runId: 'run-1', replayed: false });
    expect(route.read).toEqual([`_uploads/${UPLOAD}.json`]);
    expect(route.starts()).toEqual([
      {
        runId: 'run-1',
        attempt: 1,
        source: { blob: `_uploads/${UPLOAD}`, format: 'csv', limit: null },
        plan: route.rows[0]?.plan,
      },
    ]);
    expect(route.rows[0]?.plan).toMatchObject({ ledgerShards: 4, concurrency: 3 });
    expect([...route.blobs.content.keys()]).toEqual([`_uploads/${UPLOAD}`, `_uploads/${UPLOAD}.json`]);
  });

  test('keeps the issues that are given with the run', async () => {
    await using route = await openRoute();
    expect((await route.send({ ...GIVEN, runId: 'run-1' })).status).toBe(202);
    expect(JSON.parse(String(route.blobs.content.get('run-1/source.json')))).toEqual(GIVEN.source.issues);
    expect(route.starts()).toMatchObject([{ source: { blob: 'run-1/source.json', format: 'json', limit: null } }]);
  });

  test.each(['nobody.csv', '../run-1/source', ''])('refuses the upload %j that there is not', async uploadId => {
    await using route = await openRoute();
    const { status, json } = await route.send({ source: { uploadId } });
    expect([status, json.violations[0]?.field]).toEqual([400, 'source.uploadId']);
    expect([route.rows, route.starts()]).toEqual([[], []]);
  });

  test('refuses a batch size beside one concurrency for the whole run', async () => {
    await using route = await openRoute();
    const { status, json } = await route.send({ ...GIVEN, concurrencyScope: 'run', batchSize: 5 });
    expect(status).toBe(400);
    expect(json.violations).toEqual([
      {
        field: 'batchSize',
        value: '5',
        allowed: 'no value beside "concurrencyScope": "run", which draws one issue at a time by one stream a call',
      },
    ]);
    expect(route.rows).toEqual([]);
  });
});
