/** Messages that wait to be sent together. */
export interface MessageBatch<Message> {
  add(message: Message): void;
  /** Sends at once what waits. */
  flush(): void;
}

/**
 * Makes a batch that is sent when the code that runs now, with all promises that it settles, has come to its end: each
 * sending is a system call that wakes the other process. The microtask is for what is added outside of a promise: the next
 * tick alone would come before the promises that have settled by then.
 *
 * @param sendAll - gets the messages in their order; at least one
 */
export function createMessageBatch<Message>(sendAll: (messages: readonly Message[]) => void): MessageBatch<Message> {
  let waiting: Message[] = [];
  function flush(): void {
    if (waiting.length === 0) return;
    const messages = waiting;
    waiting = [];
    sendAll(messages);
  }
  return {
    add(message) {
      if (waiting.push(message) === 1) queueMicrotask(() => process.nextTick(flush));
    },
    flush,
  };
}
