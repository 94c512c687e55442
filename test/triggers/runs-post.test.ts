import { describe, expect, test } from 'vitest';
import { estimatedPromptTokens, messagesFor } from '../../src/core/analysis.ts';
import { triage } from '../../src/core/triage.ts';
import * as source from '../../src/services/issue-source.ts';
import type { RunRow } from '../../src/services/run-store.ts';
import { createRunsPost } from '../../src/triggers/runs-post.ts';
import { settings } from '../helpers/factories.ts';
import { callHandler, httpRequest } from '../helpers/http.ts';
import { startServer } from '../helpers/http-server.ts';
import { createMemoryBlobs } from '../helpers/memory-stores.ts';

const UPLOAD = 'u.csv';
const UPLOADED = { source: { uploadId: UPLOAD } };
const GIVEN = { source: { issues: [{ title: 'One' }, { title: 'Two' }, { title: 'One' }] } };
const SERVICE = { endpoint: 'https://example.openai.azure.com', reachable: true, simulator: false };

/** The route over stores in memory with one upload, and a task hub that has no instance and takes every start. */
async function openRoute() {
  const blobs = createMemoryBlobs();
  await blobs.write(`_uploads/${UPLOAD}`, 'title\nOne\nTwo\nOne\n\n');
  await blobs.write(`_uploads/${UPLOAD}.json`, JSON.stringify({ uploadId: UPLOAD, format: 'csv' }));
  const hub = await startServer((response, { method }) => {
    response.writeHead(method === 'POST' ? 202 : 404, { 'content-type': 'application/json' });
    response.end(method === 'POST' ? JSON.stringify({ id: 'run-1' }) : '{}');
  });
  const rows: RunRow[] = [];
  const read: string[] = [];
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
      insert: async row => {
        rows.push(row);
        return null;
      },
    },
    model: { describe: async () => SERVICE },
    source,
  });
  return {
    blobs,
    rows,
    read,
    starts: () => hub.received.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body)),
    send: (body: object, query: Record<string, string> = {}) =>
      callHandler(
        handler,
        httpRequest({
          method: 'POST',
          query,
          headers: { 'content-type': 'application/json' },
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
    const promptTokens = ['One', 'Two']
      .map(title => estimatedPromptTokens(messagesFor(triage, { id: '1', title, description: '' })))
      .reduce((sum, tokens) => sum + tokens, 0);
    expect(status).toBe(200);
    expect(json).toEqual({
      analysis: 'triage',
      deployment: 'gpt-4o-mini',
      issues: 3,
      distinct: 2,
      calls: 2,
      estimatedPromptTokens: promptTokens,
      estimatedCompletionTokens: 360,
      estimatedCostUsd: expect.closeTo((promptTokens * 0.15 + 360 * 0.6) / 1_000_000, 9),
      concurrency: 10,
      batchSize: 20,
      streams: 3,
      service: { endpoint: SERVICE.endpoint, deployment: 'gpt-4o-mini', simulator: false },
    });
    expect([route.rows, route.starts()]).toEqual([[], []]);
  });

  test.each(['1', 'yes', 'TRUE', ''])('is refused with %j, and starts nothing', async plan => {
    await using route = await openRoute();
    const { status, json } = await route.send(GIVEN, { plan });
    expect(status).toBe(400);
    expect(json.violations).toEqual([{ field: 'plan', value: JSON.stringify(plan), allowed: 'one of: true, false' }]);
    expect([route.rows, route.starts()]).toEqual([[], []]);
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
    expect(route.rows[0]?.plan.ledgerShards).toBe(4);
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
