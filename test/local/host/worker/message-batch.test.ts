import { expect, test } from 'vitest';
import { createMessageBatch } from '../../../../local/host/worker/message-batch.ts';

function openBatch() {
  const sent: (readonly number[])[] = [];
  return { sent, batch: createMessageBatch<number>(messages => sent.push(messages)) };
}

/** Resolves on the next turn of the event loop. */
const nextTurn = () => new Promise(resolve => setImmediate(resolve));

test('what is added in one turn, and by the promises that settle in it, is sent as one', async () => {
  const { sent, batch } = openBatch();
  await nextTurn();
  void Promise.resolve().then(() => batch.add(2));
  batch.add(1);
  expect(sent).toEqual([]);
  await nextTurn();
  batch.add(3);
  await nextTurn();
  expect(sent).toEqual([[1, 2], [3]]);
});

test('a flush sends at once, and nothing twice', async () => {
  const { sent, batch } = openBatch();
  batch.flush();
  batch.add(1);
  batch.flush();
  expect(sent).toEqual([[1]]);
  await nextTurn();
  expect(sent).toEqual([[1]]);
});

test('what cannot be sent does not stop what comes after', async () => {
  const sent: number[] = [];
  const batch = createMessageBatch<number>(([message = 0]) => {
    if (message === 1) throw new Error('cannot be sent');
    sent.push(message);
  });
  batch.add(1);
  expect(() => batch.flush()).toThrow('cannot be sent');
  batch.add(2);
  batch.flush();
  expect(sent).toEqual([2]);
});

test('what is added outside of a promise waits for the promises that it settles', async () => {
  const { sent, batch } = openBatch();
  await new Promise(resolve =>
    setImmediate(() => {
      batch.add(1);
      void Promise.resolve()
        .then(() => batch.add(2))
        .then(() => batch.add(3));
      setImmediate(resolve);
    }),
  );
  expect(sent).toEqual([[1, 2, 3]]);
});
