import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSortedList } from '../../../../local/engine/store/sorted-list.ts';

const step = fc.record({
  kind: fc.constantFrom('add', 'remove', 'takeWhile', 'from'),
  item: fc.integer({ min: 0, max: 20 }),
});

test('a sorted list does what a sorted set does', () => {
  const property = fc.property(fc.array(step), steps => {
    const list = createSortedList<number>((one, other) => one - other);
    const set = new Set<number>();
    const sorted = (admits: (item: number) => boolean) => [...set].filter(admits).sort((one, other) => one - other);
    for (const { kind, item } of steps) {
      if (kind === 'add') {
        list.add(item);
        set.add(item);
      } else if (kind === 'remove') {
        list.remove(item);
        set.delete(item);
      } else if (kind === 'from') {
        expect([...list.from(item)]).toEqual(sorted(each => each >= item));
      } else {
        const taken = sorted(each => each < item);
        expect(list.takeWhile(each => each < item)).toEqual(taken);
        for (const each of taken) set.delete(each);
      }
      expect(list.first()).toBe(sorted(() => true)[0]);
    }
    expect([...list.from(-1)]).toEqual(sorted(() => true));
  });
  fc.assert(property, { numRuns: 500 });
});
