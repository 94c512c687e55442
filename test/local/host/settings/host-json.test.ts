import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Environment } from '../../../../local/host/settings/app-settings.ts';
import { parseHostJson, readHostJson } from '../../../../local/host/settings/host-json.ts';
import { fixtureApp } from '../../../helpers/host-fixture.ts';

const parse = (json: object, environment: Environment = {}) =>
  parseHostJson(JSON.stringify({ version: '2.0', ...json }), environment, 2);
const durable = (durableTask: object) => ({ extensions: { durableTask } });

test('an almost empty host.json gives the defaults', () => {
  expect(parse({})).toEqual({
    routePrefix: 'api',
    hubName: 'TestHubName',
    maxConcurrentActivityFunctions: 20,
    maxConcurrentOrchestratorFunctions: 20,
    maxConcurrentEntityFunctions: 20,
    maxEntityOperationBatchSize: 5_000,
    localRpcEndpointEnabled: true,
    maxOrchestrationActions: 100_000,
    overridableExistingInstanceStates: 'NonRunningStates',
    storeInputsInOrchestrationHistory: false,
    useGracefulShutdown: false,
    httpPollingIntervalMs: 30_000,
    functionTimeoutMs: 1_800_000,
    notices: [],
  });
});

test("this project's own host.json is read", async () => {
  const settings = await readHostJson(process.cwd(), {}, 2);
  expect(settings).toMatchObject({ routePrefix: 'api', hubName: 'FanfoldHub', maxConcurrentActivityFunctions: 10 });
  expect(settings.functionTimeoutMs).toBe(20 * 60_000);
  expect(settings.notices.filter(({ level }) => level === 'warning')).toEqual([]);
});

test('unknown keys are accepted and names ignore case', () => {
  const json = {
    Extensions: { DurableTask: { HUBNAME: 'Mine', storageProvider: { type: 'x' } }, queues: {} },
    logging: {},
  };
  expect(parse(json).hubName).toBe('Mine');
});

test('the environment overrides values, makes levels that are missing, and ignores case', () => {
  const environment = {
    AzureFunctionsJobHost__extensions__durableTask__hubName: 'FromEnv',
    AZUREFUNCTIONSJOBHOST__EXTENSIONS__DURABLETASK__MAXCONCURRENTACTIVITYFUNCTIONS: '7',
    AzureFunctionsJobHost__extensions__http__routePrefix: '/v2/',
    AzureFunctionsJobHost__extensions__durableTask__localRpcEndpointEnabled: 'False',
    AzureFunctionsJobHost__functionTimeout: '1.02:03:04',
    AzureFunctionsJobHost__extensions__queues__list__0: 'x',
  };
  expect(parse(durable({ hubName: 'FromFile', maxConcurrentActivityFunctions: 3 }), environment)).toMatchObject({
    hubName: 'FromEnv',
    maxConcurrentActivityFunctions: 7,
    routePrefix: 'v2',
    localRpcEndpointEnabled: false,
    functionTimeoutMs: (((24 + 2) * 60 + 3) * 60 + 4) * 1000,
  });
});

test('an override is found under any spelling of its name', () => {
  const name = 'AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions';
  const spelling = fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length });
  fc.assert(
    fc.property(spelling, fc.integer({ min: 1, max: 10_000 }), fc.boolean(), (uppers, value, isInFile) => {
      const spelt = [...name].map((letter, i) => (uppers[i] ? letter.toUpperCase() : letter.toLowerCase())).join('');
      const json = isInFile ? durable({ maxConcurrentActivityFunctions: 1 }) : {};
      expect(parse(json, { [spelt]: String(value) }).maxConcurrentActivityFunctions).toBe(value);
    }),
  );
});

test('%SETTING% in hubName is replaced; WEBSITE_SITE_NAME is the default', () => {
  expect(parse(durable({ hubName: 'Hub%STAGE%1' }), { STAGE: 'Test' }).hubName).toBe('HubTest1');
  expect(parse({}, { WEBSITE_SITE_NAME: 'MySite' }).hubName).toBe('MySite');
  expect(() => parse(durable({ hubName: '%STAGE%' }))).toThrow(
    'host.json extensions.durableTask.hubName is "%STAGE%", but the setting STAGE is not set',
  );
});

test.each(['ab', '1abc', 'with-dash', 'a'.repeat(46)])('hub name %s is refused', hubName => {
  expect(() => parse(durable({ hubName }))).toThrow(
    `host.json extensions.durableTask.hubName is "${hubName}"; allowed: 3 to 45 letters and digits, the first a letter`,
  );
});

test.each([0, -1, 1.5, 10_001, 'many', null, true])('concurrency %j is refused by setting, value and range', value => {
  const name = 'maxConcurrentOrchestratorFunctions';
  const message = `host.json extensions.durableTask.${name} is ${JSON.stringify(value)}; allowed: whole numbers from 1 to 10000`;
  expect(() => parse(durable({ [name]: value }))).toThrow(message);
});

test('limits of replay and of HTTP polling are read', () => {
  const json = durable({
    maxOrchestrationActions: 5,
    httpSettings: { defaultAsyncRequestSleepTimeMilliseconds: '200' },
  });
  expect(parse(json)).toMatchObject({ maxOrchestrationActions: 5, httpPollingIntervalMs: 200 });
});

test('settings of entities, starts, history and shutdown are read', () => {
  const json = durable({
    maxConcurrentEntityFunctions: 3,
    maxEntityOperationBatchSize: '50',
    overridableExistingInstanceStates: 'anyState',
    storeInputsInOrchestrationHistory: true,
    useGracefulShutdown: 'True',
  });
  expect(parse(json)).toMatchObject({
    maxConcurrentEntityFunctions: 3,
    maxEntityOperationBatchSize: 50,
    overridableExistingInstanceStates: 'AnyState',
    storeInputsInOrchestrationHistory: true,
    useGracefulShutdown: true,
    notices: [],
  });
});

test.each<[string, unknown, string]>([
  ['maxConcurrentEntityFunctions', 0, 'whole numbers from 1 to 10000'],
  ['maxEntityOperationBatchSize', 0, 'whole numbers from 1 to 1000000'],
  ['overridableExistingInstanceStates', 'Running', 'NonRunningStates, AnyState'],
  ['overridableExistingInstanceStates', 5, 'NonRunningStates, AnyState'],
  ['storeInputsInOrchestrationHistory', 'often', 'true, false'],
  ['useGracefulShutdown', 5, 'true, false'],
  ['extendedSessionsEnabled', 'maybe', 'true, false'],
])('%s: %j is refused by setting, value and range', (name, value, allowed) => {
  expect(() => parse(durable({ [name]: value }))).toThrow(
    `host.json extensions.durableTask.${name} is ${JSON.stringify(value)}; allowed: ${allowed}`,
  );
});

test('extended sessions are warned of when they are on', () => {
  expect(parse(durable({ extendedSessionsEnabled: false })).notices).toEqual([]);
  expect(parse(durable({ extendedSessionsEnabled: true })).notices).toEqual([
    { level: 'warning', message: expect.stringMatching(/extendedSessionsEnabled is true, but has no effect/) },
  ]);
});

test('settings without effect are told, and those that nobody knows are warned of', () => {
  const json = {
    logging: { logLevel: { default: 'Warning', 'Host.Results': 'Error' } },
    extensions: {
      http: { routePrefix: 'api', maxOutstandingRequests: 5 },
      durableTask: { storageProvider: { PartitionCount: 4 }, tracing: {}, maxConcurentActivityFunctions: 3 },
    },
    speed: 'high',
  };
  expect(parse(json).notices).toEqual([
    {
      level: 'information',
      message:
        'host.json settings without effect here: logging, extensions.http.maxOutstandingRequests, ' +
        'extensions.durableTask.storageProvider.PartitionCount',
    },
    {
      level: 'warning',
      message: 'host.json settings not known: extensions.durableTask.maxConcurentActivityFunctions, speed',
    },
  ]);
});

test.each([
  ['00:10:00', 600_000],
  ['1:02', 3_720_000],
  ['-1', Number.POSITIVE_INFINITY],
])('functionTimeout %s is %s ms', (functionTimeout, expected) => {
  expect(parse({ functionTimeout }).functionTimeoutMs).toBe(expected);
});

test.each(['soon', '25:00:00', '00:60:00', '00:00:00'])('functionTimeout %s is refused', functionTimeout => {
  expect(() => parse({ functionTimeout })).toThrow(
    `host.json functionTimeout is "${functionTimeout}"; allowed: [d.]hh:mm:ss from 00:00:01, or -1 for no limit`,
  );
});

test('a byte order mark in front is passed over', () => {
  expect(parseHostJson('\uFEFF{"version": "2.0"}', {}, 1).routePrefix).toBe('api');
});

test('what is no host.json is refused', async () => {
  expect(() => parseHostJson('{', {}, 1)).toThrow('host.json is not JSON');
  expect(() => parseHostJson('null', {}, 1)).toThrow('host.json is not a JSON object');
  expect(() => parseHostJson('[]', {}, 1)).toThrow('host.json is not a JSON object');
  expect(() => parseHostJson('{}', {}, 1)).toThrow('host.json version is undefined; allowed: "2.0"');
  await expect(readHostJson(fixtureApp('nowhere'), {}, 1)).rejects.toThrow(
    `No host.json in the app folder ${fixtureApp('nowhere')}`,
  );
});
