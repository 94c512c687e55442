import { ReadableStream } from 'node:stream/web';
import type { HttpRequest } from '@azure/functions';
import { describe, expect, test } from 'vitest';
import { MAX_FILE_BYTES, MAX_JSON_BYTES } from '../../src/core/limits.ts';
import { InvalidInputError } from '../../src/core/problems.ts';
import {
  integerQuery,
  readBody,
  readJson,
  readOptionalJson,
  switchQuery,
  wordQuery,
} from '../../src/triggers/request-body.ts';
import { HttpProblem } from '../../src/triggers/responses.ts';
import { httpRequest, post } from '../helpers/http.ts';

const json = (body: string | Uint8Array, headers = {}) => post(body, 'application/json', headers);

/** A request whose body comes in pieces. */
const inPieces = (pieces: Iterable<Uint8Array>) =>
  ({ headers: new Headers(), body: ReadableStream.from(pieces) }) as unknown as HttpRequest;

async function refusal(reading: Promise<unknown>): Promise<HttpProblem | InvalidInputError> {
  const error = await reading.then(
    value => value,
    thrown => thrown,
  );
  if (error instanceof HttpProblem || error instanceof InvalidInputError) return error;
  throw new Error(`Not refused: ${String(error)}`);
}

describe('readBody', () => {
  test('answers the bytes', async () => {
    expect(Buffer.from(await readBody(json('ä€😀'), 9)).toString()).toBe('ä€😀');
  });

  test('puts pieces together, and copies nothing that comes as one', async () => {
    const [first, second] = [Buffer.from('ä€😀').subarray(0, 3), Buffer.from('ä€😀').subarray(3)];
    expect(Buffer.from(await readBody(inPieces([first, second]), 9)).toString()).toBe('ä€😀');
    const whole = Buffer.from('whole');
    expect(await readBody(inPieces([whole]), 9)).toBe(whole);
  });

  test('stops reading where it becomes too large', async () => {
    let pieces = 0;
    function* endless() {
      for (;;) {
        pieces += 1;
        yield Buffer.from('123');
      }
    }
    expect(await refusal(readBody(inPieces(endless()), 10))).toMatchObject({ status: 413 });
    expect(pieces).toBeLessThan(10);
  });

  test('takes as many bytes as are allowed, and refuses one more', async () => {
    expect(await readBody(json('x'.repeat(1_000)), 1_000)).toHaveLength(1_000);
    const tooLarge = {
      status: 413,
      title: 'Body too large',
      violations: [{ field: 'body', allowed: 'at most 2.0 MB' }],
    };
    expect(await refusal(readBody(json('x'.repeat(2_000_001)), 2_000_000))).toMatchObject(tooLarge);
    expect((await refusal(readBody(json('x'.repeat(2_400_000)), 2_000_000))).message).toBe(
      'body is "2.4 MB"; allowed: at most 2.0 MB',
    );
  });

  test('refuses by the announced length, before anything is read', async () => {
    const request = json('short', { 'content-length': '90000001' });
    expect(await refusal(readBody(request, MAX_FILE_BYTES))).toMatchObject({
      status: 413,
      violations: [{ value: '"90.0 MB"' }],
    });
    expect(request.bodyUsed).toBe(false);
  });

  test('does not trust an announced length that is too small', async () => {
    expect(await refusal(readBody(json('x'.repeat(11), { 'content-length': '1' }), 10))).toMatchObject({ status: 413 });
  });

  test.each([
    ['nothing', httpRequest({ method: 'POST' }), 'body is "empty"; allowed: a body'],
    ['an empty text', json(''), 'body is "empty"; allowed: a body'],
    [
      'Latin-1',
      json(Buffer.from('Grüße', 'latin1')),
      'body is "5 bytes"; allowed: text in UTF-8 (in Excel: save as "CSV UTF-8")',
    ],
    [
      'half a character',
      json(Buffer.from('€').subarray(0, 2)),
      'body is "2 bytes"; allowed: text in UTF-8 (in Excel: save as "CSV UTF-8")',
    ],
  ])('refuses %s', async (_, request, message) => {
    expect(await refusal(readBody(request, 100))).toMatchObject({ message, violations: [{ field: 'body' }] });
  });
});

describe('readJson', () => {
  test('answers any JSON', async () => {
    expect(await readJson(json('{"a":["ä",1,null]}'))).toEqual({ a: ['ä', 1, null] });
    expect(await readJson(json('0'))).toBe(0);
  });

  test.each([['{"secret":'], ['secret'], ["{'secret':1}"], [`{"a":1,\n"secret" 2}${' '.repeat(100)}`]])(
    'refuses %j without quoting it',
    async text => {
      const error = await refusal(readJson(json(text)));
      expect(error.violations[0]).toMatchObject({ field: 'body', allowed: 'valid JSON' });
      expect(error.message).not.toContain('secret');
    },
  );

  test('refuses more than 10 MB', async () => {
    expect(await refusal(readJson(json(new Uint8Array(MAX_JSON_BYTES + 1))))).toMatchObject({
      status: 413,
      violations: [{ allowed: 'at most 10.0 MB' }],
    });
  });
});

describe('readOptionalJson', () => {
  test('answers the body, or an empty object for none', async () => {
    expect(await readOptionalJson(json('{"a":1}'))).toEqual({ a: 1 });
    expect(await readOptionalJson(json(''))).toEqual({});
    expect(await readOptionalJson(httpRequest({ method: 'POST' }))).toEqual({});
  });

  test('refuses what is no JSON, and too much of it', async () => {
    expect(await refusal(readOptionalJson(json('{')))).toMatchObject({ violations: [{ allowed: 'valid JSON' }] });
    expect(await refusal(readOptionalJson(json(new Uint8Array(MAX_JSON_BYTES + 1))))).toMatchObject({ status: 413 });
  });
});

describe('a query parameter', () => {
  const query = (values: Record<string, string>) => httpRequest({ query: values });
  const bounds = { min: 1, max: 10 };

  test('is an integer within bounds, or its default', () => {
    expect(integerQuery(query({}), 'limit', 5, bounds)).toBe(5);
    expect(integerQuery(query({}), 'limit', 0, bounds)).toBe(0);
    for (const [text, value] of [
      ['1', 1],
      ['10', 10],
      ['007', 7],
    ] as const)
      expect(integerQuery(query({ limit: text }), 'limit', 5, bounds)).toBe(value);
  });

  test.each(['', '0', '11', '-1', '1.5', '1e1', '0x5', ' 5', 'many', '99999999999999999999'])('%j is refused', text => {
    expect(() => integerQuery(query({ limit: text }), 'limit', 5, bounds)).toThrow(
      `limit is ${JSON.stringify(text)}; allowed: an integer from 1 to 10`,
    );
  });

  test('is a switch that is off where it is left out', () => {
    expect([{}, { force: 'false' }, { force: 'true' }].map(values => switchQuery(query(values), 'force'))).toEqual([
      false,
      false,
      true,
    ]);
    expect(() => switchQuery(query({ force: '1' }), 'force')).toThrow('force is "1"; allowed: one of: true, false');
  });

  test('is one of some words, or null', () => {
    expect(wordQuery(query({}), 'format', ['csv', 'json'])).toBeNull();
    expect(wordQuery(query({ format: 'csv' }), 'format', ['csv', 'json'])).toBe('csv');
    expect(() => wordQuery(query({ format: 'CSV' }), 'format', ['csv', 'json'])).toThrow(
      'format is "CSV"; allowed: one of: csv, json',
    );
  });
});
