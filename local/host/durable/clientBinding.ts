/** Where the management API can be reached, and what it takes to get in. */
export interface ManagementEndpoints {
  taskHubName: string;
  connectionName: string;
  /** Base of the API for clients from outside, without a trailing slash. */
  baseUrl: string;
  /** The key of the outside API. */
  code: string;
  /** Base of the API for the app's own client binding, with a trailing slash. */
  rpcBaseUrl: string;
}

const INSTANCE_ID = 'INSTANCEID';

/** The URLs under which one instance is managed from outside. */
export function managementUrls(to: ManagementEndpoints, instanceId: string): Record<string, string> {
  const query = `taskHub=${to.taskHubName}&connection=${to.connectionName}&code=${to.code}`;
  const instance = `${to.baseUrl}/instances/${encodeURIComponent(instanceId)}`;
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

/** What a `durableClient` input binding receives, as JSON text. */
export function clientBinding(to: ManagementEndpoints): string {
  const create = `${to.baseUrl}/orchestrators/{functionName}[/{instanceId}]?`;
  return JSON.stringify({
    taskHubName: to.taskHubName,
    connectionName: to.connectionName,
    creationUrls: {
      createNewInstancePostUri: `${create}code=${to.code}`,
      createAndWaitOnNewInstancePostUri: `${create}timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&code=${to.code}`,
    },
    managementUrls: managementUrls(to, INSTANCE_ID),
    baseUrl: to.baseUrl,
    requiredQueryStringParameters: `code=${to.code}`,
    rpcBaseUrl: to.rpcBaseUrl,
  });
}
