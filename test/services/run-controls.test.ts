import { describe, expect, test } from 'vitest';
import { createRunControls, type RunControl } from '../../src/services/run-controls.ts';

function createBench() {
  let nowMs = 1_000;
  const rows = new Map<string, RunControl | Error>();
  /** Of runs that were retried. */
  const current = new Map<string, number>();
  const reads: string[] = [];
  const controls = createRunControls(
    async (runId, attempt) => {
      reads.push(runId);
      const control = attempt < (current.get(runId) ?? 1) ? 'cancelled' : (rows.get(runId) ?? null);
      if (control instanceof Error) throw control;
      return control;
    },
    () => nowMs,
  );
  return {
    of: (runId: string, attempt = 1) => controls.of(runId, attempt),
    rows,
    current,
    reads,
    pass: (durationMs: number) => {
      nowMs += durationMs;
    },
  };
}

describe('what a run was told', () => {
  test('is read once in two seconds, however many ask', async () => {
    const { of, rows, reads, pass } = createBench();
    expect(await Promise.all([of('a'), of('a'), of('a')])).toEqual([null, null, null]);
    rows.set('a', 'paused');
    pass(2_000);
    expect(await of('a')).toBeNull();
    expect(reads).toEqual(['a']);
    pass(1);
    expect(await of('a')).toBe('paused');
    rows.set('a', 'cancelled');
    pass(2_001);
    expect(await of('a')).toBe('cancelled');
    expect(reads).toEqual(['a', 'a', 'a']);
  });

  test('is not what another run was told', async () => {
    const { of, rows } = createBench();
    rows.set('b', 'cancelled');
    expect(await Promise.all([of('a'), of('b')])).toEqual([null, 'cancelled']);
  });

  test('is not what its attempt before was told a moment ago', async () => {
    const { of, rows, reads } = createBench();
    rows.set('a', 'cancelled');
    expect(await of('a')).toBe('cancelled');
    rows.set('a', null);
    expect([await of('a', 2), await of('a', 1)]).toEqual([null, 'cancelled']);
    expect(reads).toEqual(['a', 'a']);
  });

  test('is asked for each attempt: what is left of one before does not go on with the next', async () => {
    const { of, current, pass } = createBench();
    expect(await of('a')).toBeNull();
    current.set('a', 2);
    pass(2_001);
    expect([await of('a', 1), await of('a', 2)]).toEqual(['cancelled', null]);
  });

  test('stays what it was where it cannot be read, and is read again after two seconds', async () => {
    const { of, rows, reads, pass } = createBench();
    rows.set('a', 'paused');
    await of('a');
    rows.set('a', new Error('storage is down'));
    pass(2_001);
    expect(await of('a')).toBe('paused');
    expect(await of('a')).toBe('paused');
    expect(reads).toEqual(['a', 'a']);
    rows.set('a', null);
    pass(2_001);
    expect(await of('a')).toBeNull();
  });

  test('is not known where it was never read', async () => {
    const { of, rows } = createBench();
    rows.set('a', new Error('storage is down'));
    await expect(of('a')).rejects.toThrow('storage is down');
    rows.set('a', null);
    expect(await of('a')).toBeNull();
  });
});
