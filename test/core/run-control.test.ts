import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RUN_ACTIONS, type RunAction, type Wish, wishAfter } from '../../src/core/run-control.ts';

test.each<[RunAction, Wish, Wish | 'refused']>([
  ['cancel', null, 'cancelled'],
  ['cancel', 'paused', 'cancelled'],
  ['cancel', 'cancelled', 'cancelled'],
  ['pause', null, 'paused'],
  ['pause', 'paused', 'paused'],
  ['pause', 'cancelled', 'cancelled'],
  ['resume', null, null],
  ['resume', 'paused', null],
  ['resume', 'cancelled', 'refused'],
])('%s makes %s of a run that is told %s', (action, wish, expected) => {
  expect(wishAfter(action, wish)).toBe(expected);
});

test('whatever is said after a cancel, a run stays cancelled; what is said twice changes nothing', () => {
  const say = (wish: Wish, action: RunAction) => {
    const after = wishAfter(action, wish);
    return after === 'refused' ? wish : after;
  };
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...RUN_ACTIONS)), actions => {
      const end = actions.reduce(say, null as Wish);
      expect(actions.flatMap(action => [action, action]).reduce(say, null as Wish)).toBe(end);
      expect(end === 'cancelled').toBe(actions.includes('cancel'));
    }),
  );
});
