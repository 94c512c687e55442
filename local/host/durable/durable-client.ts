/** Where the public management API lies on the host. */
export const MANAGEMENT_PATH = '/runtime/webhooks/durabletask';

/** Where the same API lies for the client library of the app. */
export const RPC_PATH = '/durabletask';

/** The system key in links. Local tools do not check it. */
const SYSTEM_KEY = 'local';
const CONNECTION = 'Storage';

/** The management links of one instance. */
export interface ManagementLinks {
  readonly id: string;
  readonly statusQueryGetUri: string;
  readonly sendEventPostUri: string;
  readonly terminatePostUri: string;
  readonly rewindPostUri: string;
  readonly purgeHistoryDeleteUri: string;
  readonly restartPostUri: string;
  readonly suspendPostUri: string;
  readonly resumePostUri: string;
}

/**
 * The links by which an instance is watched and controlled.
 *
 * @param origin - scheme, host and port of the host, without a slash at the end
 * @param hubName - the task hub
 * @param instanceId - percent-encoded in the links
 */
export function managementLinks(origin: string, hubName: string, instanceId: string): ManagementLinks {
  const instance = `${origin}${MANAGEMENT_PATH}/instances/${encodeURIComponent(instanceId)}`;
  const query = `taskHub=${hubName}&connection=${CONNECTION}&code=${SYSTEM_KEY}`;
  return {
    id: instanceId,
    statusQueryGetUri: `${instance}?${query}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?${query}`,
    terminatePostUri: `${instance}/terminate?reason={text}&${query}`,
    rewindPostUri: `${instance}/rewind?reason={text}&${query}`,
    purgeHistoryDeleteUri: `${instance}?${query}`,
    restartPostUri: `${instance}/restart?${query}`,
    suspendPostUri: `${instance}/suspend?reason={text}&${query}`,
    resumePostUri: `${instance}/resume?reason={text}&${query}`,
  };
}

/**
 * The value of a `durableClient` input, as JSON text. `id` and the ids in links are the placeholder that the client replaces.
 *
 * @param options.port - where the host listens
 * @param options.hubName - the task hub
 * @param options.hasRpcEndpoint - false: the client makes its calls by the public links instead
 */
export function durableClientPayload(options: {
  readonly port: number;
  readonly hubName: string;
  readonly hasRpcEndpoint: boolean;
}): string {
  const { port, hubName, hasRpcEndpoint } = options;
  const origin = `http://localhost:${port}`;
  const baseUrl = `${origin}${MANAGEMENT_PATH}`;
  const create = `${baseUrl}/orchestrators/{functionName}[/{instanceId}]`;
  const key = `code=${SYSTEM_KEY}`;
  return JSON.stringify({
    taskHubName: hubName,
    connectionName: null,
    creationUrls: {
      createNewInstancePostUri: `${create}?${key}`,
      createAndWaitOnNewInstancePostUri: `${create}?timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&${key}`,
    },
    managementUrls: managementLinks(origin, hubName, 'INSTANCEID'),
    baseUrl,
    requiredQueryStringParameters: key,
    rpcBaseUrl: hasRpcEndpoint ? `http://127.0.0.1:${port}${RPC_PATH}/` : null,
    httpBaseUrl: null,
  });
}
