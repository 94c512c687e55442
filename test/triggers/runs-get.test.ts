import type { DurableClient } from 'durable-functions';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import { createReportBuilder } from '../../src/core/report.ts';
import type { InstanceView } from '../../src/core/run-status.ts';
import { createResultsStore, csvOf } from '../../src/services/results.ts';
import type { RunRow } from '../../src/services/run-store.ts';
import { route } from '../../src/triggers/responses.ts';
import { signedLink } from '../../src/triggers/run-links.ts';
import { createRunViews, type RunView } from '../../src/triggers/run-views.ts';
import { createLinkGet, createRunGet } from '../../src/triggers/runs-get.ts';
import { NOON_MS, plan, reportInput, resultLine, summary, unsuccessful } from '../helpers/factories.ts';
import { callHandler, httpRequest } from '../helpers/http.ts';
import { createMemoryBlobs } from '../helpers/memory-stores.ts';
import { runRow } from '../helpers/run-rows.ts';

const ENDED = runRow({ summary: summary() });
const ROOT = {
  runtimeStatus: 'Running',
  customStatus: { phase: 'analyzing', total: 60, units: 60, streams: 3, kept: { ...NO_PROGRESS, succeeded: 2 } },
};
const lines = [
  resultLine({ index: 0, id: 'A' }),
  unsuccessful('failed', 'refused', 'B'),
  resultLine({ index: 2, id: 'C' }),
  unsuccessful('not_started', 'deadline', 'D'),
];

let results = createResultsStore(createMemoryBlobs());
beforeEach(async () => {
  results = createResultsStore(createMemoryBlobs());
});

async function writeResults(): Promise<void> {
  const writer = results.openWriter('run-1', ['category']);
  for (const line of lines) await writer.add(line);
  await writer.close();
  await results.writeReport(
    'run-1',
    createReportBuilder(reportInput(), { rows: 'category', columns: 'priority' }).build().report,
  );
}

const viewsOver = (rows: readonly RunRow[]) =>
  createRunViews({
    runs: {
      read: async runId => rows.find(row => row.runId === runId) ?? null,
      list: async limit => rows.slice(0, limit),
    },
    results,
    csvOf,
  });

/** A durable client of instances that a test sets; any other is not found. */
function clientOf(instances: Record<string, NonNullable<InstanceView>>) {
  const getStatus = async (instanceId: string) => {
    const found = instances[instanceId];
    if (found) return found;
    throw new Error(`The operation failed with an unexpected status: HTTP 404 for ${instanceId}`);
  };
  return { getStatus } as unknown as DurableClient;
}

const LINKS = { status: 's', results: 'r', report: 'p' };

function look(view: RunView, row: RunRow, query: Record<string, string> = {}, client = clientOf({})) {
  return callHandler(
    route(request => view(row, request, client, LINKS)),
    httpRequest({ url: 'https://app.example/api/runs/run-1', query }),
  );
}

describe('the status', () => {
  const clock = (nowMs: number) => vi.useFakeTimers({ toFake: ['Date'], now: nowMs });
  beforeEach(() => void clock(NOON_MS));
  afterEach(() => void vi.useRealTimers());

  const { views } = viewsOver([]);
  const streams = (succeeded: number) => ({
    runtimeStatus: 'Running',
    customStatus: { resumeAtMs: 0, stopped: null, progress: { ...NO_PROGRESS, succeeded, batches: 1 } },
  });

  test('under way is 202, to be asked again here, with the progress of all streams', async () => {
    const client = clientOf({ 'run-1': ROOT, 'run-1:1:0': streams(4), 'run-1:1:2': streams(7) });
    const { status, headers, json } = await look(views.status, runRow(), {}, client);
    expect(status).toBe(202);
    expect([headers.get('location'), headers.get('retry-after')]).toEqual(['https://app.example/api/runs/run-1', '5']);
    expect(json).toMatchObject({
      runId: 'run-1',
      status: 'running',
      phase: 'analyzing',
      links: LINKS,
      progress: { total: 60, done: 13, succeeded: 13 },
    });
  });

  test('tells tokens a minute so far against what was set for the run', async () => {
    clock(NOON_MS + 120_000);
    const progress = { ...NO_PROGRESS, succeeded: 4, admittedTokens: 6_000, batches: 1 };
    const stream = { runtimeStatus: 'Running', customStatus: { resumeAtMs: 0, stopped: null, progress } };
    const row = runRow({ plan: plan({ tokensPerMinute: 60_000 }) });
    const { json } = await look(views.status, row, {}, clientOf({ 'run-1': ROOT, 'run-1:1:0': stream }));
    expect(json.figures.tokensPerMinute).toEqual({ achieved: 3_000, allowed: 60_000 });
  });

  test('is "starting" for five minutes without an orchestration, then failed, with what to do', async () => {
    clock(NOON_MS + 300_000);
    const early = await look(views.status, runRow());
    expect([early.status, early.json.status, early.json.error]).toEqual([202, 'starting', null]);
    expect(early.json.progress).toMatchObject({ total: null, done: 0 });
    clock(NOON_MS + 300_001);
    const { status, headers, json } = await look(views.status, runRow());
    expect([status, json.status, headers.get('location')]).toEqual([200, 'failed', null]);
    expect(json.error).toBe(
      'There is no orchestration of this run: its start was interrupted, or its history was purged before its end. ' +
        'The same request with the same id or Idempotency-Key starts it again.',
    );
  });

  test('while its streams end and its report is written still counts them', async () => {
    const root = { ...ROOT, customStatus: { ...ROOT.customStatus, phase: 'reporting', streams: 1 } };
    const client = clientOf({ 'run-1': root, 'run-1:1:0': streams(58) });
    expect((await look(views.status, runRow(), {}, client)).json.progress).toMatchObject({ total: 60, done: 60 });
  });

  test('after a retry is that of the new attempt: its streams, and no root of another attempt', async () => {
    const attempts = [
      { attempt: 1, startedAtMs: NOON_MS, summary: summary() },
      { attempt: 2, startedAtMs: NOON_MS, summary: null },
    ];
    const row = runRow({ attempt: 2, attempts });
    const old = clientOf({ 'run-1': { ...ROOT, runtimeStatus: 'Completed', input: { attempt: 1 } } });
    expect((await look(views.status, row, {}, old)).json).toMatchObject({ status: 'starting', attempt: 2 });
    const root = { ...ROOT, input: { attempt: 2 } };
    const client = clientOf({ 'run-1': root, 'run-1:1:0': streams(40), 'run-1:2:0': streams(5) });
    const { json } = await look(views.status, row, {}, client);
    expect(json).toMatchObject({
      status: 'running',
      progress: { done: 7 },
      attempts: [{ attempt: 1 }, { attempt: 2 }],
    });
  });

  test('with an orchestration is not failed, however long it takes', async () => {
    clock(NOON_MS + 86_400_000);
    const client = clientOf({ 'run-1': { runtimeStatus: 'Pending' } });
    expect(await look(views.status, runRow(), {}, client)).toMatchObject({ status: 202, json: { status: 'starting' } });
  });

  test('of a run whose issues could not be loaded has the reason from its summary', async () => {
    const row = runRow({ summary: summary({ status: 'failed', error: 'line 2 must be valid JSON' }) });
    const { status, json } = await look(views.status, row, {}, {} as DurableClient);
    expect([status, json.status, json.error]).toEqual([200, 'failed', 'line 2 must be valid JSON']);
  });

  test('at the end is 200, without asking the engine', async () => {
    const { status, json, headers } = await look(views.status, ENDED, {}, {} as DurableClient);
    expect([status, headers.get('location')]).toEqual([200, null]);
    expect(json).toMatchObject({
      status: 'completed',
      summary: summary(),
      progress: { total: 3, done: 2, batches: 2 },
    });
  });

  test('that cannot be had is an error, not a missing run', async () => {
    const broken = { getStatus: () => Promise.reject(new Error('HTTP 500')) } as unknown as DurableClient;
    expect((await look(views.status, runRow(), {}, broken)).status).toBe(500);
  });

  test('tells no secret of the run', async () => {
    const row = runRow({ linkSecret: 'very-secret', requestHash: 'very-secret' });
    expect((await look(views.status, row)).text).not.toContain('very-secret');
  });
});

describe('the results', () => {
  const see = (query: Record<string, string> = {}) => look(viewsOver([]).views.results, ENDED, query);
  beforeEach(writeResults);

  test('come in pages, with the offset of the next one', async () => {
    expect((await see()).json).toEqual({
      runId: 'run-1',
      total: 4,
      offset: 0,
      limit: 100,
      nextOffset: null,
      results: lines,
    });
    expect((await see({ limit: '2' })).json).toMatchObject({ total: 4, nextOffset: 2, results: lines.slice(0, 2) });
    expect((await see({ limit: '2', offset: '2' })).json).toMatchObject({ nextOffset: null, results: lines.slice(2) });
    expect((await see({ offset: '9' })).json).toMatchObject({ total: 4, nextOffset: null, results: [] });
  });

  test('may be of one outcome alone', async () => {
    expect((await see({ outcome: 'succeeded', limit: '1' })).json).toMatchObject({
      total: 2,
      nextOffset: 1,
      results: [lines[0]],
    });
    expect((await see({ outcome: 'skipped' })).json).toMatchObject({ total: 0, results: [] });
  });

  test('come as NDJSON and CSV, whole or in part', async () => {
    const whole = await see({ format: 'ndjson' });
    expect(whole.headers.get('content-type')).toBe('application/x-ndjson');
    expect(whole.text).toBe(lines.map(line => `${JSON.stringify(line)}\n`).join(''));
    expect((await see({ format: 'ndjson', offset: '3' })).text).toBe(`${JSON.stringify(lines[3])}\n`);
    const csv = await see({ format: 'csv' });
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(csv.text).toBe(csvOf(lines, ['category']));
    expect((await see({ format: 'csv', outcome: 'failed' })).text.split('\n').map(row => row.split(',')[1])).toEqual([
      'id',
      'B',
      undefined,
    ]);
  });

  test.each([
    [{ format: 'xml' }, 'format'],
    [{ outcome: 'done' }, 'outcome'],
    [{ limit: '1001' }, 'limit'],
    [{ offset: '-1' }, 'offset'],
  ])('are refused for %j', async (query, field) => {
    expect(await see(query as Record<string, string>)).toMatchObject({
      status: 400,
      json: { violations: [{ field }] },
    });
  });
});

describe('what is written at the end', () => {
  const { results: resultsView, report } = createRunViews({
    runs: { read: async () => null, list: async () => [] },
    results: { ...results, readReport: async () => null },
    csvOf,
  }).views;

  test.each([
    ['results', resultsView],
    ['report', report],
  ])('is not there before it: the %s answer 409 and say where the run stands', async (what, view) => {
    const { status, headers, json } = await look(view, runRow(), {}, clientOf({ 'run-1': ROOT }));
    expect([status, headers.get('retry-after')]).toEqual([409, '5']);
    expect(json.detail).toBe(`Run run-1 is running, 2 of 60 issues are done; its ${what} can be had at its end.`);
  });

  test.each([
    ['results', resultsView],
    ['report', report],
  ])('of a run that was ended: %s answer 409 and promise nothing', async (what, view) => {
    const root = { runtimeStatus: 'Terminated', customStatus: null, output: 'enough' };
    const { status, headers, json } = await look(view, runRow(), {}, clientOf({ 'run-1': root }));
    expect([status, headers.get('retry-after')]).toEqual([409, null]);
    expect(json.detail).toBe(`Run run-1 is terminated: it ended before its ${what} could be written.`);
  });
});

describe('while a run is retried', () => {
  const attempts = [1, 2].map(attempt => ({ attempt, startedAtMs: NOON_MS, summary: null }));
  const retried = runRow({ attempt: 2, attempts });
  const see = (what: 'results' | 'report', row: RunRow, root: object = {}) =>
    look(viewsOver([]).views[what], row, {}, clientOf({ 'run-1': { ...ROOT, input: { attempt: 2 }, ...root } }));
  beforeEach(writeResults);

  test.each(['results', 'report'] as const)('the %s of the attempt before are not shown', async what => {
    const { status, headers, json } = await see(what, retried);
    expect([status, headers.get('retry-after')]).toEqual([409, '5']);
    expect(json.detail).toBe(`Run run-1 is running, 2 of 60 issues are done; its ${what} can be had at its end.`);
  });

  test.each(['results', 'report'] as const)(
    'the %s are shown once it has ended, with a report or without',
    async what => {
      expect((await see(what, { ...retried, summary: summary({ attempt: 2 }) })).status).toBe(200);
      expect((await see(what, retried, { runtimeStatus: 'Terminated' })).status).toBe(200);
    },
  );
});

describe('GET /api/runs/{runId}/{view}', () => {
  const get = (runId: string, view?: string) =>
    callHandler(
      createRunGet(viewsOver([ENDED])),
      httpRequest({
        url: `https://app.example/api/runs/${runId}`,
        params: { runId, ...(view === undefined ? {} : { view }) },
      }),
    );

  test('shows status, results and report', async () => {
    await writeResults();
    expect((await get('run-1')).json).toMatchObject({
      status: 'completed',
      links: { report: 'https://app.example/api/runs/run-1/report' },
    });
    expect((await get('run-1', 'results')).json.total).toBe(4);
    expect((await get('run-1', 'report')).json.runId).toBe('run-1');
  });

  test.each(['other', 'constructor', 'toString', 'Results'])('has no page "%s"', async view => {
    expect((await get('run-1', view)).json).toMatchObject({ status: 404, title: 'No such page' });
  });

  test.each(['run-2', 'a:b', '@capacity', ''])('does not know a run "%s"', async runId => {
    expect((await get(runId)).json).toMatchObject({
      status: 404,
      violations: [{ field: 'runId', value: JSON.stringify(runId) }],
    });
  });
});

describe('GET /api/links/{token}/{view}', () => {
  const nowMs = Date.now();
  const tokenOf = (runId: string, secret = 'secret', startMs = nowMs) =>
    signedLink(httpRequest(), runId, secret, startMs).split('/').at(-1) ?? '';
  const get = (token: string, view = '') =>
    callHandler(
      createLinkGet(viewsOver([ENDED, runRow({ runId: 'run-2', linkSecret: 'other' })])),
      httpRequest({ url: `https://app.example/api/links/${token}/${view}`, params: { token, view } }),
    );

  test('opens its run without a key, and links to its pages by the same token', async () => {
    await writeResults();
    const token = tokenOf('run-1');
    const status = `https://app.example/api/links/${token}`;
    expect((await get(token)).json).toMatchObject({
      runId: 'run-1',
      links: { results: `${status}/results`, report: `${status}/report` },
    });
    const { json } = await get(token, 'results');
    expect(json.total).toBe(4);
    expect((await get(token, 'report')).json.runId).toBe('run-1');
  });

  test('is closed alike for a forged, an old and a foreign token, and for a run that is not there', async () => {
    const old = tokenOf('run-1', 'secret', nowMs - 31 * 24 * 3_600_000);
    const replies = await Promise.all(
      [tokenOf('run-1', 'forged'), old, tokenOf('run-2'), tokenOf('run-9'), 'nonsense', ''].map(token => get(token)),
    );
    expect(replies.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 403]);
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
  });

  test('does not hide that storage fails', async () => {
    const broken = { ...viewsOver([]), find: () => Promise.reject(new Error('storage')) };
    expect(
      (await callHandler(createLinkGet(broken), httpRequest({ params: { token: tokenOf('run-1') } }))).status,
    ).toBe(500);
  });
});
