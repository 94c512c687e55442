import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { InvalidInputError, integer, invalid, parseInput } from '../../src/core/problems.ts';

const Schema = z.strictObject(
  {
    size: integer(1, 100),
    rows: z.array(z.strictObject({ title: z.string() })).optional(),
  },
  'a JSON object',
);

function violationsOf(input: unknown) {
  try {
    parseInput(Schema, input);
  } catch (error) {
    if (error instanceof InvalidInputError) return error.violations;
    throw error;
  }
  return [];
}

describe('parseInput', () => {
  test('answers what fits', () => {
    expect(parseInput(Schema, { size: 5 })).toEqual({ size: 5 });
  });

  test.each([
    ['a value out of range', { size: 101 }, 'size', '101', 'an integer from 1 to 100'],
    ['a fraction', { size: 1.5 }, 'size', '1.5', 'an integer from 1 to 100'],
    ['a text for a number', { size: '5' }, 'size', '"5"', 'an integer from 1 to 100'],
    ['a missing value', {}, 'size', 'missing', 'an integer from 1 to 100'],
    ['another type', { size: 5, rows: [{ title: null }] }, 'rows.0.title', 'null', 'a value of type string'],
    ['an unknown field', { size: 5, sice: 6 }, 'sice', '6', 'no such field'],
    ['a nested unknown field', { size: 5, rows: [{ title: '', x: [] }] }, 'rows.0.x', '[]', 'no such field'],
    ['no object', [], 'body', '[]', 'a JSON object'],
    ['nothing', undefined, 'body', 'missing', 'a JSON object'],
    ['null', null, 'body', 'null', 'a JSON object'],
  ])('names field, value and what is allowed for %s', (_, input, field, value, allowed) => {
    expect(violationsOf(input)).toEqual([{ field, value, allowed }]);
  });

  test('shows as missing what lies below something that is no object', () => {
    const WithRule = z.object({ a: z.unknown() }).refine(() => false, { path: ['a', 'b'], error: 'a text' });
    expect(() => parseInput(WithRule, { a: 5 })).toThrow('a.b is missing; allowed: a text');
    expect(() => parseInput(WithRule, { a: { b: 7 } })).toThrow('a.b is 7; allowed: a text');
  });

  test('names every fault', () => {
    expect(
      violationsOf({ size: 0, a: 1, b: 2 })
        .map(({ field }) => field)
        .toSorted(),
    ).toEqual(['a', 'b', 'size']);
  });

  test('names an input that has another name than "body"', () => {
    expect(() => parseInput(z.string('a text'), 5, 'AI_BATCH_SIZE')).toThrow('AI_BATCH_SIZE is 5; allowed: a text');
  });

  test('says in the message what is wrong, one sentence a fault', () => {
    expect(() => parseInput(Schema, { size: 0, a: 1 })).toThrow(
      new InvalidInputError([
        { field: 'size', value: '0', allowed: 'an integer from 1 to 100' },
        { field: 'a', value: '1', allowed: 'no such field' },
      ]).message,
    );
    const { message } = new InvalidInputError([
      { field: 'a', value: '1', allowed: 'an x' },
      { field: 'b', value: '2', allowed: 'a y' },
    ]);
    expect(message).toBe('a is 1; allowed: an x. b is 2; allowed: a y');
  });
});

describe('invalid', () => {
  test('shows 100 characters of a value, and whether there is more', () => {
    const shown = (value: unknown) => invalid('f', value, 'x').violations[0]?.value;
    expect(shown('a'.repeat(98))).toBe(`"${'a'.repeat(98)}"`);
    expect(shown('a'.repeat(99))).toBe(`"${'a'.repeat(99)}…`);
    expect(shown(undefined)).toBe('missing');
    expect(shown(Symbol('s'))).toBe('Symbol(s)');
  });

  test('is never long, whatever the value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(invalid('f', value, 'x').violations[0]?.value.length).toBeLessThanOrEqual(101);
      }),
    );
  });
});

test('integer accepts exactly the integers within its bounds', () => {
  const numbers = fc.oneof(fc.integer({ min: -20, max: 20 }), fc.double());
  fc.assert(
    fc.property(numbers, number => {
      const fits = Number.isInteger(number) && number >= -3 && number <= 5;
      expect(integer(-3, 5).safeParse(number).success).toBe(fits);
    }),
  );
});
