import * as df from 'durable-functions';
import { counterId } from './counter.js';

/** @param {string} error */
const badRequest = error => ({ status: 400, jsonBody: { error } });

// A signal does not wait: 202 says that the operation is on its way. Nobody hears of its failure, so look at it before.
df.app.client.http('add', {
  route: 'counters/{name}/add',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request, client) => {
    const amount = Number(await request.text());
    if (!Number.isSafeInteger(amount)) return badRequest('The body is the amount: a whole number');
    await client.signalEntity(counterId(request.params.name), 'add', amount);
    return { status: 202 };
  },
});

df.app.client.http('reset', {
  route: 'counters/{name}/reset',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request, client) => {
    await client.signalEntity(counterId(request.params.name), 'reset');
    return { status: 202 };
  },
});

// Reads what is stored; an operation that is on its way does not count yet.
df.app.client.http('read', {
  route: 'counters/{name}',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: async (request, client) => {
    const { entityExists, entityState } = await client.readEntityState(counterId(request.params.name));
    return entityExists ? { jsonBody: { value: entityState } } : { status: 404 };
  },
});

df.app.client.http('startAddUp', {
  route: 'counters/{name}/add-up',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request, client) => {
    const amounts = await request.json().catch(() => undefined);
    if (!Array.isArray(amounts) || !amounts.every(Number.isSafeInteger)) {
      return badRequest('The body is a list of whole numbers, for example [1, 2, 3]');
    }
    const instanceId = await client.startNew('addUp', { input: { name: request.params.name, amounts } });
    return client.waitForCompletionOrCreateCheckStatusResponse(request, instanceId);
  },
});
