import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isValidToken, readToken, runLinks, signedLink } from '../../src/triggers/run-links.ts';
import { NOON_MS } from '../helpers/factories.ts';
import { httpRequest } from '../helpers/http.ts';

const DAY_MS = 24 * 3_600_000;
const SECRET = 'run-secret';

const tokenOf = (runId: string, secret = SECRET) =>
  signedLink(httpRequest(), runId, secret, NOON_MS).split('/links/')[1] ?? '';

function opens(token: string, secret = SECRET, nowMs = NOON_MS): boolean {
  const read = readToken(token);
  return read !== null && isValidToken(read, secret, nowMs);
}

describe('a signed link', () => {
  test('opens its run for 30 days', () => {
    const token = tokenOf('run-1.a_b');
    expect(readToken(token)).toMatchObject({ runId: 'run-1.a_b', expiresAtMs: NOON_MS + 30 * DAY_MS });
    expect(opens(token)).toBe(true);
    expect(opens(token, SECRET, NOON_MS + 30 * DAY_MS - 1)).toBe(true);
    expect(opens(token, SECRET, NOON_MS + 30 * DAY_MS)).toBe(false);
  });

  test('needs no encoding in a URL', () => {
    expect(new URL(signedLink(httpRequest(), 'run-1', SECRET, NOON_MS)).pathname.split('/').at(-1)).toBe(
      tokenOf('run-1'),
    );
  });

  test('opens no other run, and none with another secret', () => {
    const [, expires, signature] = tokenOf('run-1').split('~');
    expect(opens(`run-2~${expires}~${signature}`)).toBe(false);
    expect(opens(tokenOf('run-1'), 'other-secret')).toBe(false);
    expect(opens(tokenOf('run-1', 'other-secret'))).toBe(false);
  });

  test('lasts no longer by a later date in it', () => {
    const [runId, expires, signature] = tokenOf('run-1').split('~');
    expect(opens(`${runId}~${Number(expires) + DAY_MS}~${signature}`)).toBe(false);
  });

  test('opens nothing once any character of it is changed, left out or added', () => {
    const token = tokenOf('run-1');
    const change = fc.tuple(fc.nat(token.length), fc.nat(1), fc.string({ maxLength: 3 }));
    fc.assert(
      fc.property(change, ([at, removed, added]) => {
        const changed = token.slice(0, at) + added + token.slice(at + removed);
        expect(opens(changed)).toBe(changed === token);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    '',
    '~',
    '~~',
    'run-1',
    'run-1~1~sig',
    'run-1~1767268800000',
    `${tokenOf('run-1')}~`,
    `~${tokenOf('run-1')}`,
  ])('is not %j', token => {
    expect(readToken(token)).toBeNull();
  });
});

describe('links', () => {
  test.each([
    ['https://app.example/api/runs', 'https://app.example/api'],
    ['https://app.example/api/runs/run-1/results?x=1', 'https://app.example/api'],
    ['https://app.example/api/links/abc', 'https://app.example/api'],
    ['https://gateway.example/fanfold/v1/runs', 'https://gateway.example/fanfold/v1'],
    ['http://localhost:7071/api/uploads', 'http://localhost:7071/api'],
    ['http://localhost:7071/other', 'http://localhost:7071/api'],
  ])('of a request to %s begin with %s', (url, root) => {
    const status = `${root}/runs/run-1`;
    expect(runLinks(httpRequest({ url }), 'run-1')).toEqual({
      status,
      results: `${status}/results`,
      report: `${status}/report`,
    });
    expect(signedLink(httpRequest({ url }), 'run-1', SECRET, NOON_MS)).toBe(`${root}/links/${tokenOf('run-1')}`);
  });
});
