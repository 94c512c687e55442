import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createFaultTable, faultSchema } from '../../../local/simulators/faults.ts';

const tableOf = (faults: z.input<typeof faultSchema>[], seed = 1) =>
  createFaultTable(z.array(faultSchema).parse(faults), seed);
const replies = (table: ReturnType<typeof tableOf>, id: string, text: string, calls: number) =>
  Array.from({ length: calls }, () => table.next(id, text)?.reply);

describe('createFaultTable', () => {
  it('hits issues by their text, as often as told', () => {
    const table = tableOf([{ when: { textIncludes: 'boom' }, attempts: 2, reply: 'reset' }]);
    expect(replies(table, 'a', 'it goes boom', 3)).toEqual(['reset', 'reset', undefined]);
    expect(replies(table, 'b', 'boom as well', 1)).toEqual(['reset']);
    expect(replies(table, 'c', 'quiet', 1)).toEqual([undefined]);
  });

  it('takes the next line when one is used up', () => {
    const table = tableOf([
      { attempts: 1, reply: 'rate_limited' },
      { attempts: 1, reply: 'server_error_json' },
    ]);
    expect(replies(table, 'a', '', 3)).toEqual(['rate_limited', 'server_error_json', undefined]);
  });

  it('hits every call without a number of attempts', () => {
    expect(replies(tableOf([{ reply: 'refusal' }]), 'a', '', 5)).toEqual(Array(5).fill('refusal'));
  });

  it('hits about the share of the issues, and the same ones in each run of a seed', () => {
    const hit = (seed: number) => {
      const table = tableOf([{ when: { share: 0.1 }, reply: 'timeout' }], seed);
      return Array.from({ length: 2000 }, (_, index) => index).filter(index => table.next(`issue-${index}`, ''));
    };
    const first = hit(7);
    expect(first.length).toBeGreaterThan(150);
    expect(first.length).toBeLessThan(250);
    expect(hit(7)).toEqual(first);
    expect(hit(8)).not.toEqual(first);
  });

  it('asks for every condition of a line', () => {
    const table = tableOf([{ when: { textIncludes: 'x', share: 0 }, reply: 'timeout' }]);
    expect(table.next('a', 'x')).toBeUndefined();
  });
});
