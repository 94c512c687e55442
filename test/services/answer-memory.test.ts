import { describe, expect, test } from 'vitest';
import { createAnswerMemory } from '../../src/services/answer-memory.ts';
import { NOON_MS } from '../helpers/factories.ts';

function memory(changes: { maxBytes?: number; ttlMs?: number } = {}) {
  let nowMs = NOON_MS;
  const answers = createAnswerMemory({ maxBytes: 100_000, ttlMs: 60_000, ...changes, nowMs: () => nowMs });
  const pass = (durationMs: number) => {
    nowMs += durationMs;
  };
  return { ...answers, pass };
}

describe('answers in memory', () => {
  test('are had by fingerprint, each time as a copy of its own', () => {
    const { remember, recall } = memory();
    expect(recall('f')).toBeUndefined();
    const answer = { labels: ['disk'] };
    remember('f', answer);
    answer.labels.push('changed after');
    const first = recall('f') as typeof answer;
    expect(first).toEqual({ labels: ['disk'] });
    first.labels.push('changed by its reader');
    expect(recall('f')).toEqual({ labels: ['disk'] });
    expect(recall('g')).toBeUndefined();
  });

  test('may be null, which is no miss', () => {
    const { remember, recall } = memory();
    remember('f', null);
    expect(recall('f')).toBeNull();
  });

  test('are kept for their time, counted from when they were remembered last', () => {
    const { remember, recall, pass } = memory();
    remember('f', 1);
    pass(59_999);
    expect(recall('f')).toBe(1);
    pass(2);
    expect(recall('f')).toBeUndefined();
    remember('f', 2);
    pass(59_000);
    remember('f', 3);
    pass(59_000);
    expect(recall('f')).toBe(3);
  });

  test('take no more than their bytes: the one used least lately gives way', () => {
    const { remember, recall } = memory({ maxBytes: 10_000 });
    for (const name of ['a', 'b', 'c', 'd']) remember(name, name.repeat(1_000));
    expect(recall('a')).toBe('a'.repeat(1_000));
    remember('e', 'e'.repeat(1_000));
    expect(['a', 'b', 'c', 'd', 'e'].filter(name => recall(name) !== undefined)).toEqual(['a', 'c', 'd', 'e']);
  });

  test('that are past their time give way first, though used last', () => {
    const { remember, recall, pass } = memory({ maxBytes: 10_000 });
    remember('a', 'a'.repeat(1_000));
    pass(50_000);
    for (const name of ['b', 'c', 'd']) remember(name, name.repeat(1_000));
    expect(recall('a')).toBe('a'.repeat(1_000));
    pass(10_001);
    remember('e', 'e'.repeat(1_000));
    expect(['a', 'b', 'c', 'd', 'e'].filter(name => recall(name) !== undefined)).toEqual(['b', 'c', 'd', 'e']);
  });

  test('that are too large alone are not kept, and push nothing out', () => {
    const { remember, recall } = memory({ maxBytes: 10_000 });
    remember('small', 1);
    remember('large', 'x'.repeat(5_000));
    expect([recall('large'), recall('small')]).toEqual([undefined, 1]);
  });

  test('can be forgotten all at once', () => {
    const { remember, recall, clear } = memory();
    remember('f', 1);
    clear();
    expect(recall('f')).toBeUndefined();
  });

  test('are not kept at all with a time of 0', () => {
    const { remember, recall, clear } = memory({ ttlMs: 0 });
    remember('f', 1);
    expect(recall('f')).toBeUndefined();
    clear();
  });
});
