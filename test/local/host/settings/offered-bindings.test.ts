import { expect, test } from 'vitest';
import type { FunctionInfo } from '../../../../local/engine/protocol/worker.ts';
import { bindingsNotOffered } from '../../../../local/host/settings/offered-bindings.ts';

const info = (name: string, kind: FunctionInfo['kind'], ...bindings: object[]): FunctionInfo => ({
  name,
  kind,
  bindings: Object.fromEntries(bindings.map((binding, i) => [`b${i}`, { ...binding }])),
});
const trigger = (type: string) => ({ type, direction: 'in' });

test('all that this host runs is passed in silence', () => {
  const reply = { type: 'http', direction: 'out' };
  const client = { type: 'durableClient', direction: 'in' };
  expect(
    bindingsNotOffered([
      info('web', 'http', trigger('httpTrigger'), client, reply),
      info('old', 'http', trigger('httpTrigger'), { ...client, type: 'orchestrationClient' }, reply),
      info('tick', 'timer', trigger('timerTrigger'), client),
      info('flow', 'orchestrator', trigger('orchestrationTrigger')),
      info('work', 'activity', trigger('activityTrigger')),
      info('count', 'entity', trigger('entityTrigger')),
    ]),
  ).toEqual([]);
});

test('triggers, inputs and outputs that it does not offer are named with their function', () => {
  expect(
    bindingsNotOffered([
      info('orders', 'other', trigger('queueTrigger')),
      info(
        'web',
        'http',
        trigger('httpTrigger'),
        { type: 'table', direction: 'in' },
        { type: 'http', direction: 'out' },
      ),
      info('work', 'activity', trigger('activityTrigger'), { type: 'queue', direction: 'out' }),
      info('tick', 'timer', trigger('timerTrigger'), { type: 'http', direction: 'out' }),
    ]),
  ).toEqual([
    { name: 'orders', message: 'this local host does not offer queueTrigger: the function never runs' },
    { name: 'web', message: 'this local host does not offer the input "table": each call fails' },
    { name: 'work', message: 'this local host does not offer the output "queue": what is written to it is lost' },
    { name: 'tick', message: 'this local host does not offer the output "http": what is written to it is lost' },
  ]);
});
