import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineActivity } from '../../src/activities/define-activity.ts';
import { ModelCallError } from '../../src/core/failures.ts';
import { InvalidInputError, invalid } from '../../src/core/problems.ts';
import { runActivity, thrownBy } from '../helpers/activities.ts';

const contract = { name: 'double', input: z.object({ n: z.int() }), output: z.int() };

describe('an activity', () => {
  test('answers its work, with input and output by its contract', async () => {
    expect(
      await runActivity(
        defineActivity(contract, async ({ n }) => n * 2),
        { n: 21, more: 'ignored' },
      ),
    ).toBe(42);
  });

  test('refuses an input or output that is not by its contract, without quoting it', async () => {
    const logged: unknown[] = [];
    const identity = defineActivity(contract, async () => 'secret' as unknown as number);
    expect((await thrownBy(runActivity(identity, { n: 'secret' }, logged))).message).toBe('double failed: ZodError');
    expect((await thrownBy(runActivity(identity, { n: 1 }, logged))).message).toBe('double failed: ZodError');
    expect(logged).toEqual(['double failed', expect.any(z.ZodError), 'double failed', expect.any(z.ZodError)]);
  });

  test('throws a failed model call as it is, since its text is fixed', async () => {
    const failure = new ModelCallError('timeout', { requestId: 'req-1' });
    const logged: unknown[] = [];
    expect(
      await thrownBy(
        runActivity(
          defineActivity(contract, () => Promise.reject(failure)),
          { n: 1 },
          logged,
        ),
      ),
    ).toBe(failure);
    expect(logged).toEqual([]);
  });

  test.each([
    ['an error', new Error('secret'), 'double failed: Error'],
    [
      'a storage error',
      Object.assign(new Error('secret'), { name: 'RestError', code: 'EntityTooLarge', statusCode: 413 }),
      'double failed: RestError EntityTooLarge 413',
    ],
    ['a system error', Object.assign(new Error('secret'), { code: 'ECONNRESET' }), 'double failed: Error ECONNRESET'],
    [
      'facts that are no facts',
      Object.assign(new Error('secret'), { code: { text: 'secret' }, statusCode: ['secret'] }),
      'double failed: Error',
    ],
    ['an invalid input', invalid('line 3', 'secret', 'valid JSON'), 'double failed: line 3 must be valid JSON'],
    [
      'several invalid inputs',
      new InvalidInputError([
        { field: 'a', value: 'secret', allowed: 'one' },
        { field: 'b', value: 'secret', allowed: 'two' },
      ]),
      'double failed: a must be one; b must be two',
    ],
  ])('that fails with %s throws its kind and leaves the rest to the log', async (_, error, message) => {
    const logged: unknown[] = [];
    const thrown = await thrownBy(
      runActivity(
        defineActivity(contract, () => Promise.reject(error)),
        { n: 1 },
        logged,
      ),
    );
    expect(thrown.message).toBe(message);
    expect(thrown.cause).toBeUndefined();
    expect(`${thrown.stack}${JSON.stringify(thrown)}`).not.toContain('secret');
    expect(logged).toEqual(['double failed', error]);
  });
});
