import type { DurableClient } from 'durable-functions';
import { describe, expect, test } from 'vitest';
import { instanceOf } from '../../src/triggers/instances.ts';

/** A durable client that gives that status, and what it was asked. */
function clientWith(getStatus: () => Promise<unknown>) {
  const asked: unknown[] = [];
  const client = {
    getStatus(...args: unknown[]) {
      asked.push(args);
      return getStatus();
    },
  } as unknown as DurableClient;
  return { client, asked };
}

describe('an orchestration instance', () => {
  test('is shown as the client shows it, without its input', async () => {
    const status = { runtimeStatus: 'Running', customStatus: { phase: 'loading' }, output: null };
    const { client, asked } = clientWith(async () => status);
    expect(await instanceOf(client, 'run-1')).toBe(status);
    expect(asked).toEqual([['run-1', { showInput: false }]]);
  });

  test('that is not there is null', async () => {
    const missing = new Error('The operation failed with an unexpected status: HTTP 404');
    expect(await instanceOf(clientWith(() => Promise.reject(missing)).client, 'run-1')).toBeNull();
  });

  test('that cannot be had is an error', async () => {
    const broken = new Error('HTTP 500');
    await expect(instanceOf(clientWith(() => Promise.reject(broken)).client, 'run-1')).rejects.toBe(broken);
  });
});
