import { expect, test } from 'vitest';
import { durableClientPayload } from '../../../../local/host/durable/durable-client.ts';

const base = 'http://localhost:7072/runtime/webhooks/durabletask';

test('the payload has every member that the client library reads', () => {
  const payload = JSON.parse(durableClientPayload({ port: 7072, hubName: 'HubA', hasRpcEndpoint: true }));
  expect(payload).toMatchObject({
    taskHubName: 'HubA',
    connectionName: null,
    creationUrls: {
      createNewInstancePostUri: `${base}/orchestrators/{functionName}[/{instanceId}]?code=local`,
      createAndWaitOnNewInstancePostUri: `${base}/orchestrators/{functionName}[/{instanceId}]?timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&code=local`,
    },
    baseUrl: base,
    requiredQueryStringParameters: 'code=local',
    rpcBaseUrl: 'http://127.0.0.1:7072/durabletask/',
    httpBaseUrl: null,
  });
  expect(payload.managementUrls.id).toBe('INSTANCEID');
  expect(Object.values(payload.managementUrls).every(value => typeof value === 'string')).toBe(true);
});

test('without the rpc endpoint the client is sent to the public links', () => {
  expect(JSON.parse(durableClientPayload({ port: 1, hubName: 'HubA', hasRpcEndpoint: false })).rpcBaseUrl).toBeNull();
});
