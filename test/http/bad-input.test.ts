import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Reply, someIssues, startApp, type TestApp } from '../helpers/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app[Symbol.asyncDispose]());

/** Nothing may have been started: no run, no instance, no call. */
async function expectNothingStarted(): Promise<void> {
  const { json: instances } = await app.call('GET', `${app.url}/runtime/webhooks/durabletask/instances`);
  expect(instances).toEqual([]);
  expect(app.simulator.stats().calls).toBe(0);
}

function expectProblem(reply: Reply, status: number, field: string, value: string | RegExp, allowed: RegExp): void {
  expect(reply.headers.get('content-type')).toBe('application/problem+json');
  expect(reply.status).toBe(status);
  expect(reply.json).toMatchObject({ status, title: expect.any(String), type: 'about:blank' });
  const violation = reply.json.violations.find((one: { field: string }) => one.field === field);
  expect(violation, reply.text).toBeDefined();
  expect(violation.value).toMatch(value);
  expect(violation.allowed).toMatch(allowed);
  expect(reply.json.detail).toContain(field);
  expect(Number(reply.headers.get('x-process-time'))).toBeGreaterThan(0);
}

const issues = someIssues(2);
const json = { 'content-type': 'application/json' };

describe('POST /api/runs refuses', () => {
  it.each<[string, unknown, string, string | RegExp, RegExp]>([
    ['an unknown analysis', { analysis: 'tirage', source: { issues } }, 'analysis', '"tirage"', /^one of: triage$/],
    ['no issues', { source: { issues: [] } }, 'source.issues', '[]', /^1 to 100,000 issues$/],
    ['a negative batch size', { batchSize: -5, source: { issues } }, 'batchSize', '-5', /^an integer from 1 to 100$/],
    [
      'a batch size that is text',
      { batchSize: 'many', source: { issues } },
      'batchSize',
      '"many"',
      /^an integer from 1 to 100$/,
    ],
    ...[0, 11, 201, '3'].map(
      concurrency =>
        [
          `a concurrency of ${JSON.stringify(concurrency)}`,
          { concurrency, source: { issues } },
          'concurrency',
          JSON.stringify(concurrency),
          /^an integer from 1 to 10, the host's ceiling /,
        ] as [string, unknown, string, string, RegExp],
    ),
    ['a field it does not know', { batchsize: 5, source: { issues } }, 'batchsize', '5', /no such field/],
    ['no source', {}, 'source', 'missing', /issues.*uploadId/],
    ['two sources', { source: { issues, uploadId: 'x' } }, 'source', /issues/, /either/],
    [
      'an upload it does not have',
      { source: { uploadId: '../secret' } },
      'source.uploadId',
      '"../secret"',
      /POST \/api\/uploads/,
    ],
    ['an issue that is no object', { source: { issues: ['text'] } }, 'source.issues.0', '"text"', /an object/],
    ['an id that no storage takes', { runId: 'a/b', source: { issues } }, 'runId', '"a/b"', /1 to 100 characters/],
    [
      'differing issues under one id',
      {
        source: {
          issues: [
            { id: 'A', title: 'x' },
            { id: 'A', title: 'y' },
          ],
        },
      },
      'issues.1.id',
      '"A"',
      /rows 1 and 2 differ/,
    ],
    ['a list in place of an object', [], 'body', '[]', /a JSON object/],
  ])('%s', async (_name, body, field, value, allowed) => {
    expectProblem(await app.call('POST', '/runs', JSON.stringify(body), json), 400, field, value, allowed);
    await expectNothingStarted();
  });

  it.each(['1', '', 'yes'])('?plan=%s, which would start a run in place of a plan', async plan => {
    const reply = await app.call('POST', `/runs?plan=${plan}`, JSON.stringify({ source: { issues } }), json);
    expectProblem(reply, 400, 'plan', JSON.stringify(plan), /^one of: true, false$/);
    await expectNothingStarted();
  });

  it('a parameter that it does not know, in place of starting what was to be planned', async () => {
    const reply = await app.call('POST', '/runs?plann=true', JSON.stringify({ source: { issues } }), json);
    expectProblem(reply, 400, 'plann', '"true"', /^no such parameter; there are: plan$/);
    await expectNothingStarted();
  });

  it('a size of batches where the scope decides it', async () => {
    const body = { batchSize: 10, concurrencyScope: 'run', source: { issues } };
    expectProblem(
      await app.call('POST', '/runs', JSON.stringify(body), json),
      400,
      'batchSize',
      '10',
      /one issue at a time/,
    );
    await expectNothingStarted();
  });

  it.each([
    ['beside a runId', { runId: 'mine' }, 'night', /none beside a runId/],
    ['that is empty', {}, ' ', /a text/],
  ])('an Idempotency-Key %s', async (_name, more, key, allowed) => {
    const body = JSON.stringify({ ...more, source: { issues } });
    const reply = await app.call('POST', '/runs', body, { ...json, 'idempotency-key': key });
    expectProblem(reply, 400, 'Idempotency-Key', /"(night)?"/, allowed);
    await expectNothingStarted();
  });

  it('issues of which none has a title or a description', async () => {
    const body = JSON.stringify({ source: { issues: [{ key: 'A' }, { headline_x: 'a crash' }] } });
    expectProblem(await app.call('POST', '/runs', body, json), 400, 'header', '"key, headline_x"', /title, summary/);
    await expectNothingStarted();
  });

  it('no body', async () => expectProblem(await app.call('POST', '/runs', null, json), 400, 'body', 'empty', /a body/));

  it('what is not JSON', async () =>
    expectProblem(await app.call('POST', '/runs', '{"source":', json), 400, 'body', /./, /valid JSON/));

  it('a body above 10 MB', async () => {
    const reply = await app.call('POST', '/runs', 'x'.repeat(10_000_001), json);
    expectProblem(reply, 413, 'body', /10\.0 MB/, /at most 10\.0 MB/);
    await expectNothingStarted();
  });
});

describe('POST /api/uploads refuses', () => {
  it.each<[string, string, string, number, string, string | RegExp, RegExp]>([
    ['no body', 'text/csv', '', 400, 'body', 'empty', /a body/],
    ['a kind of file it does not know', 'image/png', 'x', 415, 'Content-Type', '"image/png"', /text\/csv/],
    ['a CSV without a title or description', 'text/csv', 'a,b\n1,2\n', 400, 'header', /a, b/, /title, summary/],
    ['a CSV without rows', 'text/csv', 'key,title\n', 400, 'source', '"0 issues"', /1 issue or more/],
    ['a CSV with an open quote', 'text/csv', 'key,title\n1,"open\n', 400, 'line 2', /CSV_QUOTE_NOT_CLOSED/, /quotes/],
    ['a CSV row with more cells', 'text/csv', 'key,title\n1,a\n2,b, c\n', 400, 'row 2', '"3 cells"', /at most 2/],
    ['NDJSON without titles', 'application/x-ndjson', '{"a":1}\n{"b":2}\n', 400, 'header', '"a, b"', /title/],
    [
      'NDJSON with a broken line',
      'application/x-ndjson',
      '{"title":"a"}\n{"title"\n',
      400,
      'line 2',
      /./,
      /valid JSON/,
    ],
    ['JSON that is no list', 'application/json', '{"a":1}', 400, 'body', /object/, /a list of issues/],
    [
      'differing issues under one id',
      'text/csv',
      'key,title\nA,x\nB,y\nA,z\n',
      400,
      'issues.2.id',
      '"A"',
      /rows 1 and 3 differ/,
    ],
  ])('%s', async (_name, contentType, body, status, field, value, allowed) => {
    expectProblem(
      await app.call('POST', '/uploads', body, { 'content-type': contentType }),
      status,
      field,
      value,
      allowed,
    );
    await expectNothingStarted();
  });

  it('100 MB', async () => {
    const reply = await app.call('POST', '/uploads', Buffer.alloc(100_000_000, 'a'), { 'content-type': 'text/csv' });
    expectProblem(reply, 413, 'body', /100\.0 MB/, /at most 90\.0 MB/);
  });

  it('text that is not UTF-8', async () => {
    const latin1 = Buffer.from('key,title\n1,Größe\n', 'latin1');
    expectProblem(
      await app.call('POST', '/uploads', latin1, { 'content-type': 'text/csv' }),
      400,
      'body',
      /bytes/,
      /UTF-8/,
    );
  });
});
