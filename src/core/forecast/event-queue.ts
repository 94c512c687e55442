/** Things that are to happen, taken out by time; what is to happen at one time comes in the order it was put in. */
export interface EventQueue<T> {
  /** @param atMs - in any clock, as long as it is the same for all */
  add(atMs: number, event: T): void;
  /** Takes out the next one; undefined when there is none. */
  next(): { readonly atMs: number; readonly event: T } | undefined;
}

/** An empty one: a binary heap. */
export function createEventQueue<T>(): EventQueue<T> {
  const heap: { atMs: number; order: number; event: T }[] = [];
  let added = 0;
  const isBefore = (a: number, b: number) => {
    const [first, second] = [heap[a], heap[b]];
    if (!first || !second) return first !== undefined;
    return first.atMs === second.atMs ? first.order < second.order : first.atMs < second.atMs;
  };
  const swap = (a: number, b: number) => {
    const [first, second] = [heap[a], heap[b]];
    if (first && second) [heap[a], heap[b]] = [second, first];
  };
  return {
    add(atMs, event) {
      let at = heap.push({ atMs, order: added++, event }) - 1;
      for (let parent = (at - 1) >> 1; at > 0 && isBefore(at, parent); parent = (at - 1) >> 1) {
        swap(at, parent);
        at = parent;
      }
    },

    next() {
      swap(0, heap.length - 1);
      const first = heap.pop();
      for (let at = 0; ; ) {
        const child = isBefore(2 * at + 2, 2 * at + 1) ? 2 * at + 2 : 2 * at + 1;
        if (!isBefore(child, at)) break;
        swap(at, child);
        at = child;
      }
      return first;
    },
  };
}
