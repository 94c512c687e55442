import { describe, expect, test } from 'vitest';
import {
  FAILURES,
  type FailureCode,
  failureOfStatus,
  handlingOf,
  isFailureCode,
  ModelCallError,
} from '../../src/core/failures.ts';

test('each code has its handling and says whether it may have been billed', () => {
  const table = Object.entries(FAILURES).map(([code, { handling, maybeBilled }]) => [code, handling, maybeBilled]);
  expect(table).toEqual([
    ['timeout', 'retry', true],
    ['connection_lost', 'retry', true],
    ['connection_failed', 'retry', false],
    ['service_error', 'retry', true],
    ['rate_limited', 'defer', false],
    ['quota_exhausted', 'defer', false],
    ['breaker_open', 'defer', false],
    ['paused', 'defer', false],
    ['claimed_elsewhere', 'defer', false],
    ['unauthorized', 'stop', false],
    ['forbidden', 'stop', false],
    ['deployment_not_found', 'stop', false],
    ['content_filter', 'settle', true],
    ['context_too_long', 'settle', false],
    ['refused', 'settle', true],
    ['bad_request', 'settle', false],
    ['invalid_output', 'settle', true],
    ['output_cut_off', 'settle', true],
    ['worker_lost', 'settle', true],
    ['activity_failed', 'settle', true],
    ['stream_failed', 'settle', true],
  ]);
});

test('handlingOf answers from the table', () => {
  expect(handlingOf('rate_limited')).toBe('defer');
});

test.each(Object.entries(FAILURES))('%s gives advice in a sentence', (_, { advice }) => {
  expect(advice).toMatch(/^[A-Z].{20,}\.$/);
});

describe('isFailureCode', () => {
  test('knows the codes of the table only', () => {
    expect(isFailureCode('timeout')).toBe(true);
    for (const other of ['empty_issue', 'toString', '', null, undefined]) expect(isFailureCode(other)).toBe(false);
  });
});

describe('ModelCallError', () => {
  test('says code, status and request id in fixed words', () => {
    const error = new ModelCallError('rate_limited', { status: 429, requestId: 'req-7', retryAfterMs: 2_000 });
    expect(error.message).toBe('Model call failed: rate_limited (HTTP 429), request req-7');
    expect(error).toMatchObject({ code: 'rate_limited', status: 429, requestId: 'req-7', retryAfterMs: 2_000 });
    expect(error.cause).toBeUndefined();
  });

  test('says nothing of what is not known', () => {
    const error = new ModelCallError('timeout');
    expect(error.message).toBe('Model call failed: timeout');
    expect(error).toMatchObject({ status: null, requestId: null, retryAfterMs: null, limits: null });
  });
});

describe('failureOfStatus', () => {
  test.each<[number, string | null, FailureCode]>([
    [429, null, 'rate_limited'],
    [429, 'content_filter', 'rate_limited'],
    [401, null, 'unauthorized'],
    [403, null, 'forbidden'],
    [404, 'DeploymentNotFound', 'deployment_not_found'],
    [408, null, 'service_error'],
    [409, null, 'service_error'],
    [424, null, 'service_error'],
    [500, null, 'service_error'],
    [503, 'content_filter', 'service_error'],
    [400, 'content_filter', 'content_filter'],
    [400, 'context_length_exceeded', 'context_too_long'],
    [400, null, 'bad_request'],
    [422, 'something_new', 'bad_request'],
  ])('%i with code %s is %s', (status, serviceCode, expected) => {
    expect(failureOfStatus(status, serviceCode)).toBe(expected);
  });

  test.each<[number, number | null, FailureCode]>([
    [429, 599_999, 'rate_limited'],
    [429, 600_000, 'quota_exhausted'],
    [429, 86_400_000, 'quota_exhausted'],
    [503, 86_400_000, 'service_error'],
  ])('%i that asks to wait %s ms is %s', (status, retryAfterMs, expected) => {
    expect(failureOfStatus(status, null, retryAfterMs)).toBe(expected);
  });
});
