import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { someIssues, startApp, type TestApp } from '../helpers/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ simulator: { latencyMs: 20 } });
});
afterAll(() => app[Symbol.asyncDispose]());

const source = { issues: someIssues(6) };

describe('a repeated start', () => {
  it('with one Idempotency-Key gives the same run, while it is under way and after its end', async () => {
    const start = () => app.call('POST', '/runs', { source }, { 'idempotency-key': 'night-1' });
    const replies = [await start(), await start()];
    const runId = replies[0]?.json.runId;
    await app.finished(runId);
    const callsBefore = app.simulator.stats().calls;
    replies.push(await start());
    expect(replies.map(({ status, json }) => [status, json.runId, json.replayed])).toEqual([
      [202, runId, false],
      [202, runId, true],
      [202, runId, true],
    ]);
    expect(app.simulator.stats().calls).toBe(callsBefore);
  });

  it('with the same id but another request is refused', async () => {
    const runId = await app.startRun({ source });
    const reply = await app.call('POST', '/runs', { runId, source: { issues: someIssues(7) } });
    expect(reply.status).toBe(422);
    expect(reply.json.violations[0]).toMatchObject({ field: 'runId', value: JSON.stringify(runId) });
  });

  it('at the same moment starts one orchestration', async () => {
    const runId = randomUUID();
    const replies = await Promise.all(Array.from({ length: 5 }, () => app.call('POST', '/runs', { runId, source })));
    expect(replies.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
    expect((await app.finished(runId)).summary?.calls).toBe(6);
  });
});

describe('the status of a run', () => {
  it('is 202 with Location and Retry-After while under way, 200 at the end, for a poller without a key too', async () => {
    const { status, headers, json } = await app.call('POST', '/runs', { source: { issues: someIssues(120) } });
    expect(status).toBe(202);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    const location = headers.get('location') ?? '';
    expect(location).not.toContain('code=');
    expect(json.management.statusQueryGetUri).toContain(json.runId);

    const early = await app.call('GET', location);
    expect(early.status).toBe(202);
    expect(early.headers.get('location')).toBe(location);
    expect(early.headers.get('retry-after')).toBe('5');
    expect(['starting', 'running']).toContain(early.json.status);

    await app.finished(json.runId);
    const late = await app.call('GET', location);
    expect(late.status).toBe(200);
    expect(late.json).toMatchObject({
      status: 'completed',
      progress: { total: 120, done: 120 },
      summary: { succeeded: 120 },
    });
    for (const link of [late.json.links.results, late.json.links.report])
      expect((await app.call('GET', link)).status).toBe(200);
  });

  it('does not open to a link that was tampered with, nor to that of another run', async () => {
    const first = await app.call('POST', '/runs', { source });
    const other = await app.startRun({ source });
    const location = first.headers.get('location') ?? '';
    const forged = [
      location.replace(first.json.runId, other),
      location.slice(0, -2),
      `${app.url}/api/links/nobody~1999999999999~x`,
      `${app.url}/api/links/x`,
    ];
    for (const url of forged) expect((await app.call('GET', url)).status).toBe(403);
  });

  it('is a 404 that names the id for a run that there is not', async () => {
    const { status, json } = await app.call('GET', '/runs/nobody');
    expect(status).toBe(404);
    expect(json.violations[0]).toMatchObject({ field: 'runId', value: '"nobody"' });
  });

  it('shows progress that only grows', async () => {
    const runId = await app.startRun({
      source: { issues: someIssues(60) },
      batchSize: 5,
      batchDelayMs: 0,
      concurrency: 2,
    });
    const seen: number[] = [];
    for (;;) {
      const { status, json } = await app.call('GET', `/runs/${runId}`);
      seen.push(json.progress.done);
      if (status === 200) break;
    }
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(new Set(seen).size).toBeGreaterThan(2);
    expect(seen.at(-1)).toBe(60);
  });
});

describe('results', () => {
  let runId: string;
  beforeAll(async () => {
    const issues = [...someIssues(25), { key: '=EMPTY' }];
    runId = await app.startRun({ source: { issues } });
    await app.finished(runId);
  });

  it('come in pages that hold every issue once, in input order', async () => {
    const ids: string[] = [];
    for (let offset: number | null = 0; offset !== null; ) {
      const { json } = await app.call('GET', `/runs/${runId}/results?offset=${offset}&limit=10`);
      ids.push(...json.results.map(({ id }: { id: string }) => id));
      expect(json.total).toBe(26);
      offset = json.nextOffset;
    }
    expect(ids).toEqual([...Array.from({ length: 25 }, (_, n) => `T-${n + 1}`), '=EMPTY']);
  });

  it('come as NDJSON and CSV, whole or filtered', async () => {
    const ndjson = await app.call('GET', `/runs/${runId}/results?format=ndjson`);
    const lines = ndjson.text
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(lines).toHaveLength(26);
    expect(lines[0]).toMatchObject({ id: 'T-1', outcome: 'succeeded', answer: { category: expect.any(String) } });

    const csv = await app.call('GET', `/runs/${runId}/results?format=csv`);
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(csv.text.split('\n')[0]).toBe(
      'index,id,title,outcome,code,coalescedWith,cached,callMs,calls,promptTokens,completionTokens,costUsd,' +
        'category,priority,priorityReason,component,summary,labels,missingInformation,language,confidence',
    );
    const skipped = await app.call('GET', `/runs/${runId}/results?format=csv&outcome=skipped`);
    expect(skipped.text.trimEnd().split('\n')[1]).toMatch(/^25,'=EMPTY,,skipped,empty_issue,/);
  });

  it.each([
    ['outcome=good', 'outcome', '"good"', /succeeded, failed, skipped, not_started/],
    ['limit=0', 'limit', '"0"', /1 to 1000/],
    ['offset=-1', 'offset', '"-1"', /0 to/],
    ['format=xml', 'format', '"xml"', /json, ndjson, csv/],
  ])('refuse ?%s', async (query, field, value, allowed) => {
    const { status, json } = await app.call('GET', `/runs/${runId}/results?${query}`);
    expect(status).toBe(400);
    expect(json.violations[0]).toMatchObject({ field, value, allowed: expect.stringMatching(allowed) });
  });

  it('are a 409 before the end of the run', async () => {
    const early = await app.startRun({ source: { issues: someIssues(60) } });
    const replies = [await app.call('GET', `/runs/${early}/results`), await app.call('GET', `/runs/${early}/report`)];
    expect(replies.map(({ status }) => status)).toEqual([409, 409]);
    await app.finished(early);
    expect((await app.call('GET', `/runs/${early}/report`)).json).toMatchObject({
      total: 60,
      callMs: { p95: expect.any(Number) },
      verdict: { sentence: expect.any(String) },
    });
  });
});

describe('what a run would take', () => {
  it('is told by ?plan=true, and nothing is started', async () => {
    const callsBefore = app.simulator.stats().calls;
    // Other tests start runs meanwhile, but none on this deployment.
    const deployment = 'only-planned';
    const { status, json } = await app.call('POST', '/runs?plan=true', {
      source: { issues: [...someIssues(30), ...someIssues(30), { key: 'E' }] },
      deployment,
    });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      issues: 61,
      distinct: 31,
      service: { simulator: true },
    });
    expect(json.calls + json.cached).toBe(30);
    expect(json.expected.promptTokens).toBeGreaterThan(json.calls * 300);
    expect(json.settings).toContainEqual({ name: 'batchSize', value: 20, from: 'a run of 51 issues or more' });
    expect(app.simulator.stats().calls).toBe(callsBefore);
    const { json: after } = await app.call('GET', '/runs?limit=1000');
    expect(after.runs.length).toBeGreaterThan(0);
    expect(after.runs.filter((run: { deployment: string }) => run.deployment === deployment)).toEqual([]);
  });
});

describe('uploads', () => {
  it('are read, counted, and run; the same file has the same id', async () => {
    const csv =
      '\ufeffIssue id;Issue key;Summary;Labels;Labels;Comment\n1;PRJ-1;Crash on save;ui;crash;it happens\n2;PRJ-2;Slow search;;;\n';
    const upload = () => app.call('POST', '/uploads', csv, { 'content-type': 'text/csv' });
    const [{ status, json }, again] = [await upload(), await upload()];
    expect(status).toBe(201);
    expect(json).toMatchObject({ format: 'csv', issues: 2, distinct: 2, bytes: Buffer.byteLength(csv) });
    expect(again.json.uploadId).toBe(json.uploadId);
    const runId = await app.startRun({ source: { uploadId: json.uploadId }, limit: 1 });
    const { summary } = await app.finished(runId);
    expect(summary?.total).toBe(1);
    expect((await app.call('GET', `/runs/${runId}/results`)).json.results[0].id).toBe('PRJ-1');
  });
});

describe('the health page', () => {
  it('says which service answers, and warns where settings differ', async () => {
    const { status, json } = await app.call('GET', '/health');
    expect(status).toBe(200);
    expect(json).toMatchObject({
      status: 'ok',
      service: { simulator: true, reachable: true, deployment: 'gpt-4o-mini' },
      warnings: [],
    });
    await using other = await startApp({ env: { MAX_CONCURRENT_AI_CALLS: '4' } });
    const { json: differing } = await other.call('GET', '/health');
    expect(differing.warnings).toEqual([expect.stringMatching(/may run 10 activities.*MAX_CONCURRENT_AI_CALLS is 4/)]);
  });
});
