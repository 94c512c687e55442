import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseNcrontab } from '../../../../local/host/timers/ncrontab.ts';

const field = (text: string, index: number) => {
  const fields = Array.from({ length: 6 }, (_, i) => (i === index ? text : '1'));
  return parseNcrontab(fields.join(' '))?.fields[index];
};
const [SECOND, HOUR, DAY, MONTH, WEEKDAY] = [0, 2, 3, 4, 5];
const everyNth = (first: number, last: number, step: number) =>
  Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step);

test.each<[string, number, number[]]>([
  ['*', SECOND, everyNth(0, 59, 1)],
  ['*/20', SECOND, [0, 20, 40]],
  ['*/7', DAY, [1, 8, 15, 22, 29]],
  ['5/10', SECOND, [5, 15, 25, 35, 45, 55]],
  ['5', SECOND, [5]],
  ['9-11', HOUR, [9, 10, 11]],
  ['8-18/5', HOUR, [8, 13, 18]],
  ['22-20', HOUR, [20, 21, 22]],
  ['40,5,5,1-2', SECOND, [1, 2, 5, 40]],
  ['*/0', WEEKDAY, [0, 1, 2, 3, 4, 5, 6]],
  ['JAN,mar', MONTH, [1, 3]],
  ['October-d', MONTH, [10, 11, 12]],
  ['Mon-Fri', WEEKDAY, [1, 2, 3, 4, 5]],
  ['FRI-MON', WEEKDAY, [1, 2, 3, 4, 5]],
  ['J', MONTH, [1]],
])('%s in field %i is %j', (text, index, values) => {
  expect(field(text, index)).toEqual(values);
});

test.each<[string, number]>([
  ['60', SECOND],
  ['24', HOUR],
  ['0', DAY],
  ['32', DAY],
  ['13', MONTH],
  ['7', WEEKDAY],
  ['MON', SECOND],
  ['Mondays', WEEKDAY],
  ['L', DAY],
  ['15W', DAY],
  ['5#2', WEEKDAY],
  ['?', DAY],
  ['1,', DAY],
  ['-5', DAY],
  ['1-', DAY],
  ['*/', SECOND],
  ['*/x', SECOND],
  ['1-2-3', DAY],
  ['**', DAY],
])('%j in field %i is refused', (text, index) => {
  expect(field(text, index)).toBeUndefined();
});

test('five fields are those without seconds', () => {
  expect(parseNcrontab('*/30 * * * *')?.fields.slice(0, 2)).toEqual([[0], [0, 30]]);
  expect(parseNcrontab('  0   0 1 * *  ')).toEqual(parseNcrontab('0 0 0 1 * *'));
});

test.each(['', '* * * *', '* * * * * * *', '@daily', '2026-01-01T00:00:00'])('%j is no NCRONTAB', text => {
  expect(parseNcrontab(text)).toBeUndefined();
});

test.each([
  ['*/30 * * * * *', true],
  ['0 * * * * *', false],
  ['*/30 */5 * * * *', false],
  ['*/30 * * * * MON', false],
  ['*/30 0-59 0-23 * 1-12 sun-sat', true],
])('%s comes more than once in every minute: %s', (text, expected) => {
  expect(parseNcrontab(text)?.isFrequent).toBe(expected);
});

test.each([
  ['0 30 2 * * *', false],
  ['0 0,30 2 * * *', false],
  ['0 0-1 2 * * *', true],
  ['0 30 * * * *', true],
])('%s goes on through an hour that comes twice: %s', (text, expected) => {
  expect(parseNcrontab(text)?.isInterval).toBe(expected);
});

test('lists, ranges and steps say what they say', () => {
  const value = fc.integer({ min: 0, max: 59 });
  fc.assert(
    fc.property(value, value, fc.integer({ min: 1, max: 70 }), value, (a, b, step, single) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      const expected = new Set([...everyNth(low, high, step), single]);
      expect(new Set(field(`${a}-${b}/${step},${single}`, SECOND))).toEqual(expected);
    }),
  );
});
