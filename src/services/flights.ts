/** Questions that this process is asking, so that equal ones are asked once. */
export interface Flights {
  /**
   * What an equal question that is being asked comes to; null where none is.
   *
   * The answer is null where it comes to none: then whoever waited asks by itself. It never rejects.
   */
  joined(question: string): Promise<unknown> | null;
  /**
   * Asks; meanwhile equal questions can join.
   *
   * @param answerIn - takes the answer out of what came, or null where there is none
   */
  lead<T>(question: string, ask: () => Promise<T>, answerIn: (came: T) => unknown): Promise<T>;
}

/** No question under way; the text of a question is its fingerprint. */
export function createFlights(): Flights {
  const underWay = new Map<string, Promise<unknown>>();
  return {
    joined: question => underWay.get(question) ?? null,

    async lead(question, ask, answerIn) {
      const came = ask();
      const answer = came.then(answerIn, () => null);
      // Two that both went their own way: the first one stays the one to join.
      if (!underWay.has(question)) underWay.set(question, answer);
      try {
        return await came;
      } finally {
        if (underWay.get(question) === answer) underWay.delete(question);
      }
    },
  };
}
