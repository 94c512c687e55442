import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limitsOf, retryAfterOf } from '../../src/core/rate-limit-headers.ts';
import { NOON_MS } from '../helpers/factories.ts';

type Fields = Readonly<Record<string, string>>;
const reader = (fields: Fields) => (name: string) => fields[name] ?? null;
const limits = (fields: Fields) => limitsOf(reader(fields), NOON_MS);
const retryAfter = (fields: Fields) => retryAfterOf(reader(fields), NOON_MS);

const NOTHING = {
  tokensPerMinute: null,
  remainingTokens: null,
  tokensResetMs: null,
  requestsPerMinute: null,
  remainingRequests: null,
  requestsResetMs: null,
};

describe('limits', () => {
  test('are all six figures as Azure writes them', () => {
    const fields = {
      'x-ratelimit-limit-tokens': '100000',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '17',
      'x-ratelimit-limit-requests': '600',
      'x-ratelimit-remaining-requests': '599',
      'x-ratelimit-reset-requests': '0',
    };
    expect(limits(fields)).toEqual({
      atMs: NOON_MS,
      tokensPerMinute: 100_000,
      remainingTokens: 0,
      tokensResetMs: 17_000,
      requestsPerMinute: 600,
      remainingRequests: 599,
      requestsResetMs: 0,
    });
  });

  test.each<[string, Fields]>([
    ['are not there', {}],
    [
      'are -1',
      {
        'x-ratelimit-limit-tokens': '-1',
        'x-ratelimit-remaining-tokens': '-1',
        'x-ratelimit-reset-tokens': '0',
        'x-ratelimit-limit-requests': '-1',
        'x-ratelimit-remaining-requests': '-1',
        'x-ratelimit-reset-requests': '0',
      },
    ],
    [
      'are 0',
      { 'x-ratelimit-limit-tokens': '0', 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '0' },
    ],
    [
      'are no numbers',
      { 'x-ratelimit-limit-tokens': 'many', 'x-ratelimit-remaining-tokens': '', 'x-ratelimit-reset-tokens': 'soon' },
    ],
  ])('are not known where the headers %s', (_, fields) => {
    expect(limits(fields)).toBeNull();
  });

  test.each<[Fields, object]>([
    [{ 'x-ratelimit-remaining-requests': '5' }, { remainingRequests: 5 }],
    [
      { 'x-ratelimit-remaining-tokens': '5', 'x-ratelimit-reset-tokens': '0' },
      { remainingTokens: 5, tokensResetMs: 0 },
    ],
    [{ 'x-ratelimit-limit-tokens': '-1', 'x-ratelimit-reset-tokens': '4' }, { tokensResetMs: 4_000 }],
    [{ 'x-rate-limit-reset-tokens': '22' }, { tokensResetMs: 22_000 }],
  ])('are those of %j alone', (fields, expected) => {
    expect(limits(fields)).toEqual({ ...NOTHING, atMs: NOON_MS, ...expected });
  });

  test.each([
    ['1s', 1_000],
    ['6m0s', 360_000],
    ['20ms', 20],
    ['1h2m3.5s', 3_723_500],
    ['1m30.951s', 90_951],
    ['0.5', 500],
    [' 7 ', 7_000],
    ['1d', null],
    ['s', null],
    ['-1', null],
    ['1s later', null],
    ['', null],
  ])('begin again after "%s": %s ms', (text, resetMs) => {
    const fields = { 'x-ratelimit-limit-tokens': '10', 'x-ratelimit-reset-tokens': text };
    expect(limits(fields)?.tokensResetMs).toBe(resetMs);
  });

  test('are never less than nothing, whatever the headers are', () => {
    const text = fc.oneof(fc.string(), fc.double().map(String), fc.integer().map(String));
    fc.assert(
      fc.property(fc.array(text, { minLength: 6, maxLength: 6 }), texts => {
        const kinds = ['tokens', 'requests'].flatMap(kind =>
          ['limit', 'remaining', 'reset'].map(of => `${of}-${kind}`),
        );
        const known = limits(Object.fromEntries(kinds.map((kind, n) => [`x-ratelimit-${kind}`, texts[n] ?? ''])));
        for (const figure of Object.values(known ?? {})) {
          if (figure !== null) expect(figure).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});

describe('a throttle', () => {
  test.each<[Fields, number | null]>([
    [{ 'retry-after-ms': '1500', 'retry-after': '9' }, 1_500],
    [{ 'retry-after-ms': 'soon', 'retry-after': '2' }, 2_000],
    [{ 'retry-after': new Date(NOON_MS + 60_000).toUTCString() }, 60_000],
    [{ 'retry-after': new Date(0).toUTCString() }, 0],
    [{ 'x-ratelimit-reset-tokens': '7', 'x-ratelimit-reset-requests': '1s' }, 7_000],
    [{ 'x-ratelimit-reset-tokens': '0', 'x-ratelimit-reset-requests': '20ms' }, 20],
    [{ 'x-rate-limit-reset-tokens': '22' }, 22_000],
    [{ 'x-ratelimit-reset-tokens': '0', 'x-ratelimit-reset-requests': '0' }, null],
    [{ 'retry-after': 'soon' }, null],
    [{}, null],
  ])('with %j asks to wait %s ms', (fields, waitMs) => {
    expect(retryAfter(fields)).toBe(waitMs);
  });
});
