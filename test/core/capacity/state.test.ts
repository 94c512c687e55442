import { expect, test } from 'vitest';
import { FRESH_CAPACITY, storedCapacity } from '../../../src/core/capacity/state.ts';
import { START_MS, talk } from '../../helpers/capacity-talk.ts';
import { known, terms } from '../../helpers/capacity-world.ts';

test('a state that was stored is read as it was', () => {
  const talking = talk(known({ tokens: 120_000 }));
  for (const stream of [0, 1, 2]) talking.ask({ stream, terms: terms({ bufferPercent: 0 }) });
  talking.ask({ runId: 'b' });
  talking.tell('cancelled', START_MS + 1_000);
  expect(talking.state.gaps).not.toEqual([]);
  expect(storedCapacity(JSON.parse(JSON.stringify(talking.state)))).toEqual(talking.state);
});

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['null', null],
  ['another thing', 'capacity'],
  ['a state without a part', { ...FRESH_CAPACITY, gate: undefined }],
  ['a state with a part of another shape', { ...FRESH_CAPACITY, sizes: [{ fromMs: 1, toMs: 2 }] }],
])('where %s was stored, nothing is known', (_, stored) => {
  expect(storedCapacity(stored)).toEqual(FRESH_CAPACITY);
});

test('gaps of another shape are let go, and nothing else', () => {
  const state = known({ tokens: 120_000 });
  expect(storedCapacity({ ...state, gaps: [{ fromMs: 1, toMs: 2 }] })).toEqual({ ...state, gaps: [] });
});
