import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/core/problems.ts';
import { fieldProblem, HttpProblem, noSuchRun, RETRY_AFTER_SECONDS, route } from '../../src/triggers/responses.ts';
import { callHandler, httpRequest } from '../helpers/http.ts';

const throwing = (error: unknown) => route(() => Promise.reject(error));

describe('route', () => {
  test('adds the time taken to what a handler answers', async () => {
    const handler = route(async request => ({
      status: 202,
      headers: { Location: request.url },
      jsonBody: { ok: true },
    }));
    const { status, headers, json } = await callHandler(handler, httpRequest());
    expect([status, json, headers.get('location')]).toEqual([202, { ok: true }, 'https://app.example/api/runs']);
    expect(headers.get('x-process-time')).toMatch(/^\d+\.\d$/);
  });

  test('adds it to what has no headers, too', async () => {
    const { headers } = await callHandler(
      route(async () => ({ jsonBody: {} })),
      httpRequest(),
    );
    expect(Number(headers.get('x-process-time'))).toBeGreaterThanOrEqual(0);
  });

  test('answers a problem as a problem document', async () => {
    const violations = [{ field: 'a', value: '1', allowed: 'two' }];
    const problem = new HttpProblem(409, 'Not there yet', 'Wait.', { violations, headers: { 'Retry-After': '5' } });
    const logged: unknown[] = [];
    const { status, headers, json } = await callHandler(throwing(problem), httpRequest(), logged);
    expect(status).toBe(409);
    expect(json).toEqual({ type: 'about:blank', title: 'Not there yet', status: 409, detail: 'Wait.', violations });
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('retry-after')).toBe('5');
    expect(headers.get('x-process-time')).toMatch(/^\d+\.\d$/);
    expect(logged).toEqual([]);
  });

  test('answers invalid input with 400, naming every field, value and allowed range', async () => {
    const violations = [
      { field: 'batchSize', value: '0', allowed: 'an integer from 1 to 100' },
      { field: 'runId', value: '"/"', allowed: 'letters' },
    ];
    const { status, json } = await callHandler(throwing(new InvalidInputError(violations)), httpRequest());
    expect(status).toBe(400);
    expect(json).toMatchObject({ title: 'Invalid input', violations });
    expect(json.detail).toBe('batchSize is 0; allowed: an integer from 1 to 100. runId is "/"; allowed: letters');
  });

  test.each([
    ['an error', new Error('secret')],
    ['a storage error', Object.assign(new Error('secret'), { statusCode: 403, details: 'secret' })],
    ['a text', 'secret'],
    ['nothing', undefined],
  ])('answers %s that nobody expected with 500, points to the log, and tells nothing', async (_, error) => {
    const logged: unknown[] = [];
    const { status, text, headers, json } = await callHandler(throwing(error), httpRequest(), logged);
    expect(status).toBe(500);
    expect(json).toEqual({
      type: 'about:blank',
      title: 'Internal error',
      status: 500,
      detail: 'Something went wrong here; the log has it under invocation invocation-1.',
      violations: [],
    });
    expect(`${text}${JSON.stringify([...headers])}`).not.toContain('secret');
    expect(logged).toEqual(['test-function failed', error]);
  });
});

test('a poller is told to wait 5 s', () => {
  expect(RETRY_AFTER_SECONDS).toBe('5');
});

test('a field problem and a missing run name field, value and what is allowed', () => {
  expect(fieldProblem(415, 'Unknown', { field: 'Content-Type', value: 'x', allowed: 'y' })).toMatchObject({
    status: 415,
    title: 'Unknown',
    message: 'Content-Type is "x"; allowed: y',
    violations: [{ field: 'Content-Type', value: '"x"', allowed: 'y' }],
  });
  expect(noSuchRun('a"b')).toMatchObject({ status: 404, violations: [{ field: 'runId', value: '"a\\"b"' }] });
});
