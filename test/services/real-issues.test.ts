import { createReadStream, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { contentOf } from '../../src/core/issues.ts';
import { countIssues, placeIssues, readIssues } from '../../src/services/issue-source.ts';

/** Exports of public trackers, which are not part of the project. */
const fileNamed = (name: string) => fileURLToPath(new URL(`../../../shared/issues/${name}.csv`, import.meta.url));

describe('exports of public issue trackers', () => {
  test.for([
    ['usergrid', 482],
    ['jirasoftware', 352],
    ['moodle', 1166],
    ['mesos', 1680],
  ] as const)('%s has %i issues, each with a key and a title', async ([name, rows], { skip }) => {
    const file = fileNamed(name);
    skip(!existsSync(file), `${file} is not on this machine`);
    const issues = await Array.fromAsync(readIssues('csv', createReadStream(file)));
    expect(issues).toHaveLength(rows);
    expect(issues.filter(({ id, title }) => !/^[A-Z]+-\d+$/.test(id) || title === '')).toEqual([]);
    async function* each() {
      yield* issues;
    }
    expect((await countIssues(placeIssues(each(), contentOf, null))).total).toBe(rows);
  });
});
