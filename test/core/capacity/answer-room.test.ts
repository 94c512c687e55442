import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answerRoom, meanAnswer, usualRoom, withAnswers } from '../../../src/core/capacity/answer-room.ts';

const answers = (count: number, tokens: number) => Array.from({ length: count }, () => tokens);

describe('the room of an answer', () => {
  test('is what the analysis asks for, until 200 answers are known', () => {
    expect(answerRoom({}, 1_200)).toBe(1_200);
    expect(answerRoom(withAnswers({}, answers(199, 100)), 1_200)).toBe(1_200);
    expect(usualRoom(withAnswers({}, answers(199, 100)))).toBeNull();
    expect(answerRoom(withAnswers({}, answers(200, 100)), 1_200)).toBeLessThan(200);
  });

  test('is what all but one in two hundred need, and a quarter more, in steps of 16', () => {
    // 100 tokens are 7 steps; a quarter more is 8.75.
    expect(answerRoom(withAnswers({}, [...answers(199, 100), 900]), 1_200)).toBe(9 * 16);
    // 900 tokens are 57 steps; a quarter more is 71.25.
    expect(answerRoom(withAnswers({}, [...answers(198, 100), 900, 900]), 1_200)).toBe(72 * 16);
    expect(answerRoom(withAnswers({}, [...answers(398, 100), 900, 900]), 1_200)).toBe(9 * 16);
  });

  test('is never more than the analysis asks for', () => {
    const sizes = withAnswers({}, answers(1_000, 1_190));
    expect(answerRoom(sizes, 1_200)).toBe(1_200);
    expect(usualRoom(sizes)).toBeGreaterThan(1_200);
  });

  test('holds 199 of 200 answers of any kind with a quarter to spare', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 200, maxLength: 900 }), completions => {
        const room = answerRoom(withAnswers({}, completions), Number.MAX_SAFE_INTEGER);
        const tooLong = completions.filter(tokens => tokens * 1.25 > room).length;
        expect(tooLong).toBeLessThanOrEqual(completions.length / 200);
      }),
    );
  });
});

describe('answers that are known', () => {
  test('count in steps of 16 tokens, batch after batch', () => {
    expect(withAnswers(withAnswers({}, [1, 16, 17]), [32, 33])).toEqual({ '1': 2, '2': 2, '3': 1 });
  });

  test('beyond 10,000 count half, so that newer ones soon decide', () => {
    expect(withAnswers({ '7': 9_999 }, [100])).toEqual({ '7': 10_000 });
    expect(withAnswers({ '7': 9_999, '63': 1 }, [100])).toEqual({ '7': 5_000, '63': 1 });
    const before = { '63': 9_990 };
    const after = Array.from({ length: 100 }, () => answers(500, 100)).reduce(withAnswers, before);
    expect(answerRoom(before, 2_000)).toBe(79 * 16);
    expect(answerRoom(after, 2_000)).toBe(9 * 16);
  });
});

describe('the mean answer', () => {
  test('is not known before the first', () => {
    expect(meanAnswer({})).toBeNull();
  });

  test('is right to half a step', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1, maxLength: 300 }), completions => {
        const mean = completions.reduce((sum, tokens) => sum + tokens, 0) / completions.length;
        expect(Math.abs((meanAnswer(withAnswers({}, completions)) ?? Number.NaN) - mean)).toBeLessThanOrEqual(8);
      }),
    );
  });
});
