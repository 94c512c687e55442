/** Items in order, each once. */
export interface SortedList<Item> {
  add(item: Item): void;
  remove(item: Item): void;
  /** Items from that one on; it need not be there itself. */
  from(item: Item): Iterable<Item>;
  first(): Item | undefined;
  /** Takes out the items at the head for which the test holds. */
  takeWhile(test: (item: Item) => boolean): readonly Item[];
}

/**
 * Makes an empty list. Finding a place takes logarithmic time.
 *
 * @param compare - as for sorting; items that compare as 0 are the same
 */
export function createSortedList<Item>(compare: (one: Item, other: Item) => number): SortedList<Item> {
  const items: Item[] = [];

  /** Where the item is, or belongs. */
  function indexOf(item: Item): number {
    let [low, high] = [0, items.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(items[middle] as Item, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function countAt(index: number, item: Item): number {
    return index < items.length && compare(items[index] as Item, item) === 0 ? 1 : 0;
  }

  return {
    add(item) {
      const index = indexOf(item);
      items.splice(index, countAt(index, item), item);
    },
    remove(item) {
      const index = indexOf(item);
      items.splice(index, countAt(index, item));
    },
    *from(item) {
      for (let index = indexOf(item); index < items.length; index++) yield items[index] as Item;
    },
    first: () => items[0],
    takeWhile(test) {
      const end = items.findIndex(item => !test(item));
      return items.splice(0, end < 0 ? items.length : end);
    },
  };
}
