import type { DurableClient } from 'durable-functions';
import { describe, expect, test } from 'vitest';
import type { InstanceView } from '../../src/core/run-status.ts';
import { instanceOf, rootOf, startOnce, statusOf, streamIdsOf } from '../../src/triggers/instances.ts';
import { summary } from '../helpers/factories.ts';
import { runRow } from '../helpers/run-rows.ts';

const MISSING = new Error('Durable Functions extension replied with HTTP 404 response');

/** A durable client that gives that status, and refuses each start; with what it was asked. */
function clientWith(getStatus: () => Promise<unknown>) {
  const asked: unknown[] = [];
  const client = {
    getStatus(...args: unknown[]) {
      asked.push(args);
      return getStatus();
    },
    startNew: () => Promise.reject(new Error('already running')),
  } as unknown as DurableClient;
  return { client, asked };
}

describe('an orchestration instance', () => {
  test('is shown as the client shows it, with its input only where that is asked for', async () => {
    const status = { runtimeStatus: 'Running', customStatus: { phase: 'loading' }, output: null };
    const { client, asked } = clientWith(async () => status);
    expect(await instanceOf(client, 'run-1')).toBe(status);
    expect(await instanceOf(client, 'run-1', { showInput: true })).toBe(status);
    expect(asked).toEqual([
      ['run-1', { showInput: false }],
      ['run-1', { showInput: true }],
    ]);
  });

  test('that is not there is null', async () => {
    expect(await instanceOf(clientWith(() => Promise.reject(MISSING)).client, 'run-1')).toBeNull();
  });

  test('that cannot be had is an error', async () => {
    const broken = new Error('HTTP 500');
    await expect(instanceOf(clientWith(() => Promise.reject(broken)).client, 'run-1')).rejects.toBe(broken);
  });
});

describe('the orchestrations of an attempt', () => {
  const root = (attempt: number): InstanceView => ({ runtimeStatus: 'Running', input: { attempt } });

  test('are its root, by its input, and its streams, by their ids', async () => {
    const { client } = clientWith(async () => root(2));
    expect(await rootOf(client, { runId: 'run-1', attempt: 2 })).toEqual(root(2));
    expect(await rootOf(client, { runId: 'run-1', attempt: 3 })).toBeNull();
    expect(streamIdsOf({ runId: 'run-1', attempt: 2 }, 2)).toEqual(['run-1:2:0', 'run-1:2:1']);
  });

  test('of a run with its report are not looked for', async () => {
    const { client, asked } = clientWith(() => Promise.reject(new Error('not to be asked')));
    expect(await statusOf(runRow({ summary: summary() }), client)).toMatchObject({ status: 'completed' });
    expect(asked).toEqual([]);
  });

  test('are started once: a refusal is none if the attempt is there', async () => {
    const input = runRow({ attempt: 2 });
    await expect(startOnce(clientWith(async () => root(2)).client, input)).resolves.toBeUndefined();
    for (const getStatus of [async () => root(1), () => Promise.reject(MISSING)]) {
      await expect(startOnce(clientWith(getStatus).client, input)).rejects.toThrow('already running');
    }
  });
});
