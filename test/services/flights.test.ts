import { describe, expect, test } from 'vitest';
import { createFlights } from '../../src/services/flights.ts';

const itself = (came: unknown) => came;

describe('a question under way', () => {
  test('can be joined until it has its answer', async () => {
    const flights = createFlights();
    expect(flights.joined('q')).toBeNull();
    const answer = Promise.withResolvers<string>();
    const led = flights.lead('q', () => answer.promise, itself);
    const joined = flights.joined('q');
    expect(flights.joined('other')).toBeNull();
    answer.resolve('42');
    expect(await joined).toBe('42');
    expect(await led).toBe('42');
    expect(flights.joined('q')).toBeNull();
  });

  test('comes to the answer in what came, which may be none', async () => {
    const flights = createFlights();
    const led = flights.lead(
      'q',
      async () => ({ refused: true }),
      () => null,
    );
    expect(await flights.joined('q')).toBeNull();
    expect(await led).toEqual({ refused: true });
  });

  test('comes to none where asking throws, which only the first one sees', async () => {
    const flights = createFlights();
    const led = flights.lead('q', () => Promise.reject(new Error('broken')), itself);
    const joined = flights.joined('q');
    await expect(led).rejects.toThrow('broken');
    expect(await joined).toBeNull();
    expect(flights.joined('q')).toBeNull();
  });

  test('stays the one to join when another one goes its own way', async () => {
    const flights = createFlights();
    const [first, second] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    const both = [first, second].map(({ promise }) => flights.lead('q', () => promise, itself));
    second.resolve('second');
    await both[1];
    const joined = flights.joined('q');
    first.resolve('first');
    expect(await joined).toBe('first');
    await both[0];
    expect(flights.joined('q')).toBeNull();
  });
});
