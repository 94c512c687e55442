import { describe, expect, test } from 'vitest';
import { createLoadIssues } from '../../src/activities/load-issues.ts';
import type { Loaded, Source } from '../../src/core/contracts.ts';
import { createIssuePages } from '../../src/services/issue-pages.ts';
import * as source from '../../src/services/issue-source.ts';
import { runActivity, thrownBy } from '../helpers/activities.ts';
import { plan } from '../helpers/factories.ts';
import { createMemoryBlobs } from '../helpers/memory-stores.ts';

async function load(text: string, changes: Partial<Source> = {}) {
  const blobs = createMemoryBlobs();
  await blobs.write('source', text);
  const pages = createIssuePages(blobs);
  const handler = createLoadIssues({ blobs, pages, source });
  const input = {
    runId: 'run',
    attempt: 1,
    source: { blob: 'source', format: 'csv', limit: null, ...changes },
    plan: plan(),
  };
  const run = () => runActivity<Loaded>(handler, input);
  return {
    run,
    all: async () =>
      (await Array.fromAsync(pages.all('run'))).map(({ issue, sameAs, copies }) => [issue.id, sameAs, copies]),
  };
}

const CSV = 'key,title\nA-1,Save fails\nA-2,Logo is blurred\nA-3,Save fails\n';

describe('loadIssues', () => {
  test('reads a source and finds issues with equal content', async () => {
    const { run, all } = await load(CSV);
    expect(await run()).toEqual({ total: 3, units: 2 });
    expect(await all()).toEqual([
      ['A-1', null, 1],
      ['A-2', null, 0],
      ['A-3', 0, 0],
    ]);
  });

  test('says and stores the same when it is delivered again', async () => {
    const { run, all } = await load(CSV);
    const [first, stored] = [await run(), await all()];
    expect(await run()).toEqual(first);
    expect(await all()).toEqual(stored);
  });

  test.each([
    ['ndjson', '{"title":"One"}\n{"title":"Two"}\n'],
    ['json', '{"issues":[{"title":"One"},{"title":"Two"}]}'],
  ] as const)('reads %s too', async (format, text) => {
    expect(await (await load(text, { format })).run()).toEqual({ total: 2, units: 2 });
  });

  test('takes no more than the limit', async () => {
    const { run, all } = await load(CSV, { limit: 2 });
    expect(await run()).toEqual({ total: 2, units: 2 });
    expect(await all()).toHaveLength(2);
  });

  test.each([
    ['a broken line', '{"title":"One"}\nsecret', 'loadIssues failed: line 2 must be valid JSON'],
    [
      'an id with two contents',
      '{"id":"secret","title":"One"}\n{"id":"secret","title":"Two"}',
      'loadIssues failed: issues.1.id must be one content for each id (a row without one has its number), but rows 1 and 2 differ',
    ],
    ['no issue', '\n', 'loadIssues failed: source must be 1 issue or more'],
  ])('refuses %s, by its place alone', async (_, text, message) => {
    expect((await thrownBy((await load(text, { format: 'ndjson' })).run())).message).toBe(message);
  });

  test('refuses a table without a text, but does not quote its header', async () => {
    const { message } = await thrownBy((await load('secret,points\n1,2\n')).run());
    expect(message).toMatch(/^loadIssues failed: header must be a column for the title or the description/);
    expect(message).not.toContain('secret');
  });

  test('fails where the source is missing', async () => {
    const { run } = await load(CSV, { blob: 'missing' });
    expect((await thrownBy(run())).message).toBe('loadIssues failed: Error');
  });
});
