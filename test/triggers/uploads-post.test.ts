import { describe, expect, test } from 'vitest';
import * as source from '../../src/services/issue-source.ts';
import { createUploadsPost } from '../../src/triggers/uploads-post.ts';
import { callHandler, httpRequest, post } from '../helpers/http.ts';
import { createMemoryBlobs } from '../helpers/memory-stores.ts';

const CSV = 'title,description\nOne,a\nTwo,b\nOne,a\n';
const NDJSON = '{"title":"One"}\n{"title":"Two"}\n';
const JSON_LIST = '[{"title":"One"}]';

async function upload(body: string | Uint8Array, contentType: string) {
  const blobs = createMemoryBlobs();
  const logged: unknown[] = [];
  const reply = await callHandler(createUploadsPost({ blobs, source }), post(body, contentType), logged);
  return { ...reply, blobs, logged };
}

describe('POST /api/uploads', () => {
  test.each([
    ['text/csv', CSV, 'csv', 3, 2],
    ['Text/CSV; charset=utf-8', CSV, 'csv', 3, 2],
    ['application/csv', CSV, 'csv', 3, 2],
    ['application/vnd.ms-excel', CSV, 'csv', 3, 2],
    ['application/x-ndjson', NDJSON, 'ndjson', 2, 2],
    ['application/ndjson', NDJSON, 'ndjson', 2, 2],
    ['application/jsonl', NDJSON, 'ndjson', 2, 2],
    ['application/json', JSON_LIST, 'json', 1, 1],
  ])('takes %s, counts its issues, and keeps it', async (contentType, text, format, issues, distinct) => {
    const { status, json, blobs, headers } = await upload(text, contentType);
    expect(status).toBe(201);
    const uploadId = `${source.sha256(text).slice(0, 32)}.${format}`;
    expect(json).toEqual({ uploadId, format, bytes: text.length, issues, distinct });
    expect(String(blobs.content.get(`_uploads/${uploadId}`))).toBe(text);
    expect(JSON.parse(String(blobs.content.get(`_uploads/${uploadId}.json`)))).toEqual(json);
    expect(headers.get('x-process-time')).toMatch(/^\d/);
  });

  test('gives one content one id, and each format its own', async () => {
    const [first, again, other, asJson] = await Promise.all([
      upload(CSV, 'text/csv'),
      upload(CSV, 'text/csv'),
      upload(`${CSV}Three,c\n`, 'text/csv'),
      upload(JSON_LIST, 'application/json'),
    ]);
    expect(again?.json.uploadId).toBe(first?.json.uploadId);
    expect(new Set([first, other, asJson].map(reply => reply?.json.uploadId)).size).toBe(3);
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    ';text/csv',
    'constructor',
  ])('refuses %s with 415', async contentType => {
    const { status, json, blobs } = await upload(CSV, contentType);
    expect(status).toBe(415);
    expect(json.violations).toEqual([
      {
        field: 'Content-Type',
        value: JSON.stringify(contentType),
        allowed: 'text/csv, application/x-ndjson or application/json',
      },
    ]);
    expect(blobs.content.size).toBe(0);
  });

  test('refuses a file of no kind', async () => {
    const reply = await callHandler(
      createUploadsPost({ blobs: createMemoryBlobs(), source }),
      httpRequest({ method: 'POST', body: { bytes: Buffer.from(CSV) } }),
    );
    expect(reply).toMatchObject({ status: 415, json: { violations: [{ field: 'Content-Type', value: 'missing' }] } });
  });

  test.each([
    ['a broken quote', 'text/csv', 'title\n"secret', 'line 2'],
    ['a table without text', 'text/csv', 'points\n1\n', 'header'],
    ['a broken line', 'application/x-ndjson', '{"title":"One"}\nsecret\n', 'line 2'],
    ['no issue', 'text/csv', 'title\n', 'source'],
    ['one id with two contents', 'text/csv', 'id,title\nA,secret\nA,other\n', 'issues.1.id'],
    ['an item that is no issue', 'application/json', '["secret"]', 'issues.0'],
    ['bytes that are no text', 'text/csv', Buffer.of(0x74, 0xff), 'body'],
  ])('refuses %s with 400 by its place, without quoting it, and keeps nothing', async (_, contentType, body, field) => {
    const { status, text, json, blobs, logged } = await upload(body, contentType);
    expect(status).toBe(400);
    expect(json.violations).toMatchObject([{ field }]);
    expect(text).not.toContain('secret');
    expect(blobs.content.size).toBe(0);
    expect(logged).toEqual([]);
  });

  test('takes JSON to 10 MB and other files to 90 MB', async () => {
    const large = 'x'.repeat(10_000_001);
    expect(await upload(JSON.stringify([{ title: large }]), 'application/json')).toMatchObject({
      status: 413,
      json: { violations: [{ allowed: 'at most 10.0 MB' }] },
    });
    expect(await upload(`title\n${large}\n`, 'text/csv')).toMatchObject({ status: 201, json: { issues: 1 } });
    const announced = post(CSV, 'text/csv', { 'content-length': '90000001' });
    expect(await callHandler(createUploadsPost({ blobs: createMemoryBlobs(), source }), announced)).toMatchObject({
      status: 413,
      json: { violations: [{ allowed: 'at most 90.0 MB' }] },
    });
  });

  test('says nothing of storage that fails', async () => {
    const failing = { write: () => Promise.reject(new Error('secret')) };
    const reply = await callHandler(createUploadsPost({ blobs: failing, source }), post(CSV, 'text/csv'));
    expect(reply.status).toBe(500);
    expect(reply.text).not.toContain('secret');
  });
});
