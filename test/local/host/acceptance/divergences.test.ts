import { describe, expect, test } from 'vitest';
import { newId, useAcceptanceHost } from '../../../helpers/acceptance.ts';

const host = useAcceptanceHost();
const strictHost = useAcceptanceHost(['--strict']);

/** The codes of the divergences that a log names, in order. */
const codesIn = (lines: readonly string[]) =>
  lines.flatMap(line => / ERROR \w+: \S+: ([a-z]+(?:-[a-z]+)+): /.exec(line)?.[1] ?? []);

const failedBy = (code: string) => ({
  runtimeStatus: 'Failed',
  output: expect.stringMatching(new RegExp(`^Orchestrator function '\\w+' failed: ${code}: .*\\(strict\\)`)),
});

describe('18: a loop of Task.any over what is still pending (issue 574)', () => {
  test('runs work twice and gives its result to the wrong task, which is reported', async () => {
    const { ended, journal, journalOf, logOf, open, start } = host();
    const key = newId();
    const id = await start('anyLoop', key);
    await journalOf(key, 2);
    await open(key, 'A-1');
    await journalOf(key, 3);
    await open(key, 'B-1', 'B-2');
    await journalOf(key, 4);
    await open(key, 'C-1');
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: ['A-1', 'B-1', 'B-2'] });
    expect((await journal(key)).toSorted()).toEqual(['A', 'B', 'B', 'C']);
    expect(codesIn(await logOf(id))).toEqual(['repeated-task']);
  });

  test('with --strict the instance fails, and nothing runs twice', async () => {
    const { ended, journal, journalOf, logOf, open, start } = strictHost();
    const key = newId();
    const id = await start('anyLoop', key);
    await journalOf(key, 2);
    await open(key, 'A-1');
    expect(await ended(id)).toMatchObject(failedBy('repeated-task'));
    expect((await journal(key)).toSorted()).toEqual(['A', 'B']);
    expect(codesIn(await logOf(id))).toEqual(['repeated-task']);
    await open(key, 'B-1');
  });
});

describe('19: each task of a failed Task.all yielded after it (issue 485)', () => {
  test.each([
    ['', host],
    [' with --strict', strictHost],
  ])('runs no activity again, and nothing is reported%s', async (_, hostOf) => {
    const { ended, journal, logOf, start } = hostOf();
    const key = newId();
    const works = [{ name: 'A' }, { name: 'B', failures: 1 }, { name: 'C' }, { name: 'D', failures: 1 }];
    const id = await start('settles', { key, works });
    expect(await ended(id)).toMatchObject({
      runtimeStatus: 'Completed',
      output: ['all failed', 'A-1', 'B failed at attempt 1', 'C-1', 'D failed at attempt 1'],
    });
    expect((await journal(key)).toSorted()).toEqual(['A', 'B', 'C', 'D']);
    expect((await logOf(id)).filter(line => / ERROR settles: /.test(line))).toEqual([]);
  });
});

describe('20: going on after a failed Task.all while a sibling retries', () => {
  test('gives the clean-up the result of a timer, which is reported', async () => {
    const { ended, historyWith, journalOf, logOf, open, start } = host();
    const key = newId();
    const id = await start('hasty', { key });
    await journalOf(key, 2);
    await open(key, 'A-1');
    await historyWith(id, 'TaskFailed');
    await open(key, 'B-1');
    await journalOf(key, 3);
    await open(key, 'B-2');
    // The call of the clean-up was completed by the retry's timer, which has no result.
    const { runtimeStatus, output } = await ended(id);
    expect([runtimeStatus, output]).toEqual(['Completed', {}]);
    expect(codesIn(await logOf(id))).toEqual(['went-on-early']);
  });

  test('with --strict the instance fails before the clean-up is mixed up', async () => {
    const { ended, historyWith, journal, journalOf, logOf, open, start } = strictHost();
    const key = newId();
    const id = await start('hasty', { key });
    await journalOf(key, 2);
    await open(key, 'A-1');
    await historyWith(id, 'TaskFailed');
    await open(key, 'B-1');
    expect(await ended(id)).toMatchObject(failedBy('went-on-early'));
    expect((await journal(key)).toSorted()).toEqual(['A', 'B']);
    expect(codesIn(await logOf(id))).toEqual(['went-on-early']);
  });
});
