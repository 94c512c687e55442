import { describe, expect, it } from 'vitest';
import { waitForRun } from '../../cli/wait-for-run.ts';
import type { RunStatus } from '../../src/core/run-status.ts';
import { createCliHarness } from '../helpers/cli-harness.ts';
import { statusOf, THREE_LINES } from '../helpers/fake-app.ts';

type Answer = RunStatus | 'silent';
const RUNNING = statusOf('run-1', THREE_LINES, 1);
const DONE = statusOf('run-1', THREE_LINES, 3, 'completed');

/** Waits on an app that answers in turn; the last answer stays. */
async function waitOn(answers: readonly Answer[]) {
  const { context, waits } = createCliHarness();
  const notes: string[] = [];
  const seen: number[] = [];
  let polls = 0;
  const client = {
    url: 'http://app',
    async statusIfReachable() {
      const answer = answers[Math.min(polls, answers.length - 1)] ?? 'silent';
      polls += 1;
      return answer === 'silent' ? { unreachable: 'ECONNREFUSED' } : { status: answer };
    },
  };
  const view = {
    update: ({ progress }: Pick<RunStatus, 'progress'>) => void seen.push(progress.done),
    note: (text: string) => void notes.push(text),
    stop() {},
  };
  const end = await waitForRun(context, client, 'run-1', view).catch((error: Error) => error);
  return { end, notes, seen, waits };
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

describe('waitForRun', () => {
  it('polls until the end and shows each answer', async () => {
    const { end, seen } = await waitOn([RUNNING, RUNNING, DONE]);
    expect(end).toBe(DONE);
    expect(seen).toEqual([1, 1, 3]);
  });

  it('goes on watching a suspended run', async () => {
    expect((await waitOn([{ ...RUNNING, status: 'suspended' }, DONE])).end).toBe(DONE);
  });

  it.each(['failed', 'terminated'] as const)('comes back with a run that is %s', async status => {
    expect((await waitOn([RUNNING, { ...RUNNING, status }])).end).toMatchObject({ status });
  });

  it('polls often at first, and no less than every 2 s in a long run', async () => {
    const { waits } = await waitOn([...Array<Answer>(500).fill(RUNNING), DONE]);
    expect(waits[0]).toBe(250);
    expect(waits.at(-1)).toBe(2_000);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
  });

  it('tolerates an app that restarts, says so, and takes it back', async () => {
    const { end, notes } = await waitOn([RUNNING, 'silent', 'silent', RUNNING, DONE]);
    expect(end).toBe(DONE);
    const note = 'the app does not answer (ECONNREFUSED); trying on ...';
    expect(notes).toEqual(['', note, note, '', '']);
  });

  it('gives up after a minute of silence', async () => {
    const { end, waits } = await waitOn([RUNNING, 'silent']);
    expect(end).toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/no app answers at http:\/\/app \(ECONNREFUSED, for a minute\)/),
    });
    expect(sum(waits)).toBeGreaterThanOrEqual(60_000);
    expect(sum(waits)).toBeLessThan(65_000);
  });

  it('counts each silence by itself', async () => {
    const silence = Array<Answer>(20).fill('silent');
    const { end, waits } = await waitOn([
      ...Array<Answer>(50).fill(RUNNING),
      ...silence,
      RUNNING,
      ...silence,
      RUNNING,
      ...silence,
      DONE,
    ]);
    expect(end).toBe(DONE);
    expect(sum(waits)).toBeGreaterThan(100_000);
  });
});
