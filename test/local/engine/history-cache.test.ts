import { expect, test } from 'vitest';
import { createHistoryCache } from '../../../local/engine/history-cache.ts';
import { EventType, eventBase, type HistoryEvent } from '../../../local/engine/protocol/history.ts';
import { appendToHistory } from '../../../local/engine/step/loaded-history.ts';
import { newInstance } from './store/store-samples.ts';

const event: HistoryEvent = { ...eventBase(0), EventType: EventType.OrchestratorStarted };
const history = appendToHistory({ events: [], json: '' }, [event]);

function createCounted(maxCharacters: number) {
  const reads: string[] = [];
  const readHistory = (instanceId: string) => {
    reads.push(instanceId);
    return [event, event];
  };
  return { reads, cache: createHistoryCache({ readHistory }, maxCharacters) };
}

test('what was put is not read again, for the same generation', () => {
  const { reads, cache } = createCounted(10_000);
  const { instance } = newInstance('one');
  expect(cache.load(instance)).toEqual(appendToHistory(history, [event]));
  cache.put(instance, history);
  expect(cache.load(instance)).toBe(history);
  expect(reads).toEqual(['one']);
  cache.load({ ...instance, executionId: 'one-2' });
  cache.drop('one');
  cache.load(instance);
  expect(reads).toEqual(['one', 'one', 'one']);
});

test('the longest unused leave when it is full', () => {
  const { reads, cache } = createCounted(2 * history.json.length);
  const instances = ['a', 'b', 'c'].map(id => newInstance(id).instance);
  for (const instance of instances) cache.put(instance, history);
  for (const instance of instances) cache.load(instance);
  expect(reads).toEqual(['a']);
});

test('the JSON is that of the events', () => {
  const { events, json } = appendToHistory(history, [event, event]);
  expect(JSON.parse(`[${json}]`)).toEqual(events);
});
