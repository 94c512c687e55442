import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AnswerSizes,
  answerRoom,
  meanAnswer,
  usualRoom,
  withAnswers,
} from '../../../src/core/capacity/answer-room.ts';

const answers = (count: number, tokens: number) => Array.from({ length: count }, () => tokens);

/** Multiples of it fill a range evenly. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Answers of a usual length in steps, and a share of longer ones. */
const kinds = fc.record({
  usual: fc.integer({ min: 1, max: 20 }),
  longShare: fc.double({ min: 0.001, max: 0.03, noNaN: true }),
  lengths: fc.integer({ min: 1, max: 250 }),
});

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
    expect(withAnswers({ '7': 9_999, '63': 1 }, [100])).toEqual({ '7': 5_000, '63': 0.5 });
    const before = { '63': 9_990 };
    const after = Array.from({ length: 100 }, () => answers(500, 100)).reduce(withAnswers, before);
    expect(answerRoom(before, 2_000)).toBe(79 * 16);
    expect(answerRoom(after, 2_000)).toBe(9 * 16);
  });

  test('are forgotten where they count less than a sixteenth: seen once, after five halvings', () => {
    const known = (halvings: number) => {
      const [before, often] = [{ '7': 10_000, '63': 1 }, answers(5_000, 100)];
      return Array.from({ length: halvings }, () => often).reduce<AnswerSizes>(withAnswers, before);
    };
    expect(known(4)).toMatchObject({ '63': 1 / 16 });
    expect(Object.keys(known(5))).toEqual(['7']);
  });

  test('tell for ever what room is needed, however thin the long ones are spread', () => {
    fc.assert(
      fc.property(kinds, ({ usual, longShare, lengths }) => {
        /** The nth answer: `longShare` of them are longer than the usual ones, by one step up to `lengths`, all as often. */
        const stepOf = (n: number) => {
          const place = (n * GOLDEN) % 1;
          return place < longShare ? usual + 1 + Math.floor((place / longShare) * lengths) : usual;
        };
        const shareBeyond = (step: number) =>
          step < usual ? 1 : longShare * Math.max(0, 1 - (step - usual) / lengths);
        let sizes: AnswerSizes = {};
        for (let n = 0; n < 80_000; n += 500) {
          sizes = withAnswers(
            sizes,
            Array.from({ length: 500 }, (_, i) => 16 * stepOf(n + i)),
          );
          if (n < 10_000) continue;
          // The room is a quarter more than a step, rounded up: so that step is known.
          const step = Math.floor((usualRoom(sizes) ?? 0) / 16 / 1.25);
          expect(shareBeyond(step)).toBeLessThan(0.006);
          expect(shareBeyond(step - 1)).toBeGreaterThan(0.004);
        }
      }),
      { numRuns: 30 },
    );
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
