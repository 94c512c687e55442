import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contentOf, type Issue } from '../../src/core/issues.ts';
import { createBlobStore } from '../../src/services/blobs.ts';
import { createIssuePages, type IssuePages } from '../../src/services/issue-pages.ts';
import { type PlacedIssue, placeIssues, sha256 } from '../../src/services/issue-source.ts';
import { issue } from '../helpers/factories.ts';
import { createMemoryBlobs } from '../helpers/memory-stores.ts';
import { ownStorage } from '../helpers/test-storage.ts';

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

function writeAll(pages: IssuePages, runId: string, issues: readonly Issue[]) {
  return pages.write(runId, placeIssues(each(issues), contentOf, null));
}

/** One issue for each content; equal numbers are equal issues. */
const issuesOf = (contents: readonly number[]): Issue[] =>
  contents.map((content, n) => issue({ id: `A-${n}`, title: `Title ${content}` }));

/** What pages should hold, by a plain array. */
function expected(issues: readonly Issue[]) {
  const firstOf = issues.map(one => issues.findIndex(other => contentOf(other) === contentOf(one)));
  const copiesOf = (index: number) => firstOf.filter((first, i) => first === index && i !== index).length;
  const all = issues.map((one, index) => {
    const sameAs = firstOf[index] === index ? null : firstOf[index];
    const fingerprint = sha256(contentOf(one));
    return { index, issue: one, fingerprint, sameAs, copies: sameAs === null ? copiesOf(index) : 0 };
  });
  const units = all.filter(({ sameAs }) => sameAs === null).map(({ sameAs: _, ...unit }) => unit);
  return { all, units };
}

async function expectHeld(pages: IssuePages, runId: string, issues: readonly Issue[]): Promise<void> {
  const { all, units } = expected(issues);
  expect(await Array.fromAsync(pages.all(runId))).toEqual(all);
  const found = [];
  for (const unit of units.keys()) found.push(await pages.unit(runId, null, unit));
  expect(found).toEqual(units);
  const beyond = `Run ${runId} has no unit ${units.length}`;
  await expect(pages.unit(runId, null, units.length)).rejects.toThrow(beyond);
}

describe('issue pages', () => {
  test('of any issues, with copies anywhere, hold each at its place', async () => {
    const contents = fc.array(fc.nat(180), { minLength: 1, maxLength: 260, size: 'max' });
    await fc.assert(
      fc.asyncProperty(contents, async numbers => {
        const pages = createIssuePages(createMemoryBlobs());
        const issues = issuesOf(numbers);
        const { units } = expected(issues);
        const counts = await writeAll(pages, 'run', issues);
        expect(counts).toMatchObject({ total: issues.length, units: units.length });
        const copied = units.flatMap(({ index, copies }): [number, number][] => (copies > 0 ? [[index, copies]] : []));
        expect(counts.copies).toEqual(new Map(copied));
        await expectHeld(pages, 'run', issues);
      }),
      { numRuns: 25 },
    );
  });

  test('begin anew after 100 issues; a page may begin with copies, or have nothing else', async () => {
    const blobs = createMemoryBlobs();
    const pages = createIssuePages(blobs);
    const distinct = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
    const issues = issuesOf([
      ...distinct(0, 100),
      5,
      5,
      ...distinct(100, 198),
      ...Array<number>(100).fill(7),
      ...distinct(198, 210),
    ]);
    await writeAll(pages, 'run', issues);
    const names = [...blobs.content.keys()].sort();
    expect(names).toEqual(['run/manifest.json', ...[0, 1, 2, 3].map(n => `run/pages/0000${n}.ndjson`)]);
    const sizes = names.slice(1).map(name => String(blobs.content.get(name)).trimEnd().split('\n').length);
    expect(sizes).toEqual([100, 100, 100, 12]);
    await expectHeld(pages, 'run', issues);
  });

  test('begin anew after a million characters', async () => {
    const blobs = createMemoryBlobs();
    const pages = createIssuePages(blobs);
    const issues = [400_000, 700_000, 10, 1_200_000, 10].map((length, n) =>
      issue({ id: `A-${n}`, description: `${n}${'x'.repeat(length)}` }),
    );
    await writeAll(pages, 'run', issues);
    expect([...blobs.content.keys()].filter(name => name.includes('/pages/'))).toHaveLength(3);
    await expectHeld(pages, 'run', issues);
  });

  test('keep every field and every character', async () => {
    const pages = createIssuePages(createBlobStore(ownStorage()));
    const full: Issue = {
      id: 'A-1 "ä"\n',
      title: 'Line\u2028separator',
      description: '😀'.repeat(1_000),
      type: 'Bug',
      status: 'Open',
      priority: 'High',
      labels: ['a', 'b c'],
      comments: ['one\ntwo', ''],
      url: 'https://example.com/A-1',
    };
    await writeAll(pages, 'run', [full, issue({ id: 'A-2', title: '' })]);
    await expectHeld(pages, 'run', [full, issue({ id: 'A-2', title: '' })]);
  });

  test('of two runs are not mixed', async () => {
    const pages = createIssuePages(createMemoryBlobs());
    await writeAll(pages, 'run-1', issuesOf([1, 2, 1]));
    await writeAll(pages, 'run-2', issuesOf([3]));
    for (const _ of ['read', 'read again, from memory']) {
      await expectHeld(pages, 'run-1', issuesOf([1, 2, 1]));
      await expectHeld(pages, 'run-2', issuesOf([3]));
    }
  });

  test('are read from storage once, however many ask at one time', async () => {
    const blobs = createMemoryBlobs();
    await writeAll(createIssuePages(blobs), 'run', issuesOf([1, 2, 3]));
    const reads: string[] = [];
    const pages = createIssuePages({
      ...blobs,
      read(name) {
        reads.push(name);
        return blobs.read(name);
      },
    });
    await Promise.all([0, 1, 2, 0].map(unit => pages.unit('run', null, unit)));
    await pages.unit('run', null, 1);
    expect(reads).toEqual(['run/manifest.json', 'run/pages/00000.ndjson']);
    const openList = await pages.writeOpen('run', [2]);
    await Promise.all([0, 0].map(unit => pages.unit('run', openList, unit)));
    expect(reads.slice(2)).toEqual([`run/open-${openList}.json`]);
  });

  test('of 40 MB do not stay in memory, and are read all the same', async () => {
    const blobs = createMemoryBlobs();
    const issues = Array.from({ length: 20 }, (_, n) =>
      issue({ id: `A-${n}`, description: `${n}${'x'.repeat(1_000_000)}` }),
    );
    let reads = 0;
    const pages = createIssuePages({ ...blobs, read: name => blobs.read(name).finally(() => reads++) });
    await writeAll(pages, 'run', issues);
    for (const _ of [1, 2])
      for (const unit of issues.keys()) expect((await pages.unit('run', null, unit)).index).toBe(unit);
    expect(reads).toBeGreaterThan(1 + issues.length);
  });

  test('hold even an issue larger than what is kept in memory', async () => {
    const pages = createIssuePages(createMemoryBlobs());
    await writeAll(pages, 'run', [issue({ description: 'x'.repeat(17_000_000) })]);
    expect((await pages.unit('run', null, 0)).issue.description).toHaveLength(17_000_000);
  });

  test('are all there or not at all: without the index, nothing is found', async () => {
    const blobs = createMemoryBlobs();
    async function* failing() {
      yield* issuesOf([1, 2]);
      throw new Error('source broke');
    }
    const pages = createIssuePages(blobs);
    await expect(pages.write('run', placeIssues(failing(), contentOf, null))).rejects.toThrow('source broke');
    await expect(pages.unit('run', null, 0)).rejects.toThrow('Blob run/manifest.json is missing');
    await pages.write('run', placeIssues(each(issuesOf([1, 2])), contentOf, null));
    expect((await pages.unit('run', null, 1)).issue.title).toBe('Title 2');
    await expect(pages.unit('run', 'none', 0)).rejects.toThrow('Blob run/open-none.json is missing');
  });

  test('are shown one by one while they are written', async () => {
    const seen: PlacedIssue[] = [];
    const pages = createIssuePages(createMemoryBlobs());
    const issues = issuesOf([...Array(150).keys(), 3]);
    await pages.write('run', placeIssues(each(issues), contentOf, null), placed => seen.push(placed));
    expect(seen).toEqual(expected(issues).all.map(({ copies: _, ...placed }) => placed));
  });

  test('of any open issues are found by their number among these, for each list by its own', async () => {
    const contents = fc.array(fc.nat(180), { minLength: 1, maxLength: 260, size: 'max' });
    const runs = contents.chain(numbers => {
      const units = expected(issuesOf(numbers)).units.map((_, n) => n);
      return fc.tuple(fc.constant(numbers), fc.subarray(units), fc.subarray(units));
    });
    await fc.assert(
      fc.asyncProperty(runs, async ([numbers, ...lists]) => {
        const pages = createIssuePages(createMemoryBlobs());
        const issues = issuesOf(numbers);
        await writeAll(pages, 'run', issues);
        const named = await Promise.all(lists.map(async open => ({ open, name: await pages.writeOpen('run', open) })));
        for (const { open, name } of named) {
          const found = [];
          for (const n of open.keys()) found.push(await pages.unit('run', name, n));
          expect(found).toEqual(open.map(unit => expected(issues).units[unit]));
          await expect(pages.unit('run', name, open.length)).rejects.toThrow(
            `Run run has no unit ${open.length} in list ${name}`,
          );
        }
        await expectHeld(pages, 'run', issues);
      }),
      { numRuns: 15 },
    );
  });

  test('written anew are read anew by the process that wrote them', async () => {
    const pages = createIssuePages(createMemoryBlobs());
    await writeAll(pages, 'run', issuesOf([1, 2, 3]));
    expect((await pages.unit('run', null, 1)).issue.title).toBe('Title 2');
    await writeAll(pages, 'run', issuesOf([7, 8]));
    await expectHeld(pages, 'run', issuesOf([7, 8]));
  });
});
