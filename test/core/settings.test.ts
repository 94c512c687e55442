import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/core/problems.ts';
import { CHOSEN } from '../../src/core/run-request.ts';
import {
  BOUNDS,
  CEILING_VARIABLE,
  parseSettings,
  SETTINGS,
  type Settings,
  settingsWarnings,
} from '../../src/core/settings.ts';
import { settings } from '../helpers/factories.ts';

const LEAST = {
  AZURE_OPENAI_ENDPOINT: 'https://example.openai.azure.com',
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
};

function violationsOf(env: Record<string, string>) {
  try {
    parseSettings({ ...LEAST, ...env });
  } catch (error) {
    if (error instanceof InvalidInputError) return error.violations;
    throw error;
  }
  return [];
}

describe('parseSettings', () => {
  test('fills up with defaults', () => {
    expect(parseSettings(LEAST)).toEqual(settings({ deployment: null }));
  });

  test('reads every setting from its variable', () => {
    const env = {
      AZURE_OPENAI_ENDPOINT: 'http://127.0.0.1:8080/openai',
      AZURE_OPENAI_DEPLOYMENT: 'my-4.1_mini',
      AZURE_OPENAI_API_KEY: 'k',
      MAX_CONCURRENT_AI_CALLS: '1',
      [CEILING_VARIABLE]: '2',
      AI_BATCH_SIZE: '3',
      AI_BATCH_STREAMS: '4',
      AI_BATCH_DELAY_MS: '0',
      AZURE_OPENAI_REQUEST_TIMEOUT: '6',
      AI_TOKENS_PER_MINUTE: '10',
      AI_REQUESTS_PER_MINUTE: '11',
      RATE_LIMIT_BUFFER: '12',
      AI_TOKEN_SLICE_SECONDS: '13',
      CACHE_TTL_SECONDS: '14',
      CACHE_MEMORY_TTL_SECONDS: '15',
      CACHE_MAX_SIZE: '16KB',
      FUNCTIONS_WORKER_PROCESS_COUNT: '5',
      AZURE_OPENAI_MAX_CONNECTIONS: '7',
      AZURE_OPENAI_MAX_CONNECTIONS_PER_HOST: '8',
      STORAGE_TABLE_SHARDS: '9',
      AzureWebJobsStorage: 'c',
      AzureWebJobsStorage__accountName: 'account9',
      AZURE_CLIENT_ID: 'i',
    };
    expect(parseSettings(env)).toEqual({
      endpoint: 'http://127.0.0.1:8080/openai',
      deployment: 'my-4.1_mini',
      apiKey: 'k',
      concurrency: 1,
      ceiling: 2,
      batchSize: 3,
      streams: 4,
      batchDelayMs: 0,
      requestTimeoutSeconds: 6,
      tokensPerMinute: 10,
      requestsPerMinute: 11,
      bufferPercent: 12,
      tokenSliceSeconds: 13,
      cacheTtlSeconds: 14,
      cacheMemoryTtlSeconds: 15,
      cacheMaxSize: 16_000,
      workerProcesses: 5,
      maxConnections: 7,
      maxConnectionsPerHost: 8,
      tableShards: 9,
      storage: 'c',
      storageAccount: 'account9',
      identityClientId: 'i',
    });
  });

  test.each([
    [{}, 60, 60],
    [{ AZURE_OPENAI_MAX_CONNECTIONS: '', AZURE_OPENAI_MAX_CONNECTIONS_PER_HOST: '' }, 60, 60],
    [{ AZURE_OPENAI_MAX_CONNECTIONS: '5' }, 5, 60],
    [{ AZURE_OPENAI_MAX_CONNECTIONS_PER_HOST: '5' }, 60, 5],
    [{ [CEILING_VARIABLE]: '15' }, 20, 15],
    [{ [CEILING_VARIABLE]: '1' }, 20, 10],
  ])('connections are at least the ceiling (60) unless set: with %j, %i and %i a host', (env, inAll, perHost) => {
    expect(parseSettings({ ...LEAST, [CEILING_VARIABLE]: '60', ...env })).toMatchObject({
      maxConnections: inAll,
      maxConnectionsPerHost: perHost,
    });
  });

  test('takes an empty text as not set, for every setting', () => {
    const empty = Object.fromEntries(Object.values(SETTINGS).map(({ env }) => [env, '']));
    expect(parseSettings({ ...empty, ...LEAST })).toEqual(parseSettings(LEAST));
  });

  test.each([
    ['MAX_CONCURRENT_AI_CALLS', 1, 200],
    [CEILING_VARIABLE, 1, 200],
    ['AI_BATCH_SIZE', 1, 100],
    ['AI_BATCH_STREAMS', 1, 16],
    ['AI_BATCH_DELAY_MS', 0, 3_600_000],
    ['AZURE_OPENAI_REQUEST_TIMEOUT', 1, 600],
    ['AZURE_OPENAI_MAX_CONNECTIONS', 1, 1_000],
    ['AZURE_OPENAI_MAX_CONNECTIONS_PER_HOST', 1, 1_000],
    ['STORAGE_TABLE_SHARDS', 1, 64],
    ['AI_TOKENS_PER_MINUTE', 1, 999_999_999],
    ['AI_REQUESTS_PER_MINUTE', 1, 9_999_999],
    ['RATE_LIMIT_BUFFER', 0, 90],
    ['AI_TOKEN_SLICE_SECONDS', 1, 60],
    ['CACHE_TTL_SECONDS', 0, 315_360_000],
    ['CACHE_MEMORY_TTL_SECONDS', 0, 86_400],
    ['FUNCTIONS_WORKER_PROCESS_COUNT', 1, 10],
  ])('%s lies from %i to %i; an error names setting, value and range', (variable, min, max) => {
    expect(violationsOf({ [variable]: String(min) })).toEqual([]);
    expect(violationsOf({ [variable]: String(max) })).toEqual([]);
    for (const value of [String(min - 1), String(max + 1), '1.5', ' 5', '5s', '1e1', '9'.repeat(20)]) {
      const allowed = `an integer from ${min} to ${max}`;
      expect(violationsOf({ [variable]: value })).toEqual([{ field: variable, value: `"${value}"`, allowed }]);
    }
  });

  test.each([
    ['1KB', 1_000],
    ['100MB', 100_000_000],
    ['4GB', 4_000_000_000],
    ['4000MB', 4_000_000_000],
  ])('CACHE_MAX_SIZE of %s is %i bytes', (size, bytes) => {
    expect(parseSettings({ ...LEAST, CACHE_MAX_SIZE: size }).cacheMaxSize).toBe(bytes);
  });

  test.each(['0KB', '5GB', '100', '100 MB', '100mb', '1.5GB', 'MB'])('CACHE_MAX_SIZE cannot be "%s"', size => {
    const allowed = 'a size from 1KB to 4GB, such as 100MB';
    expect(violationsOf({ CACHE_MAX_SIZE: size })).toEqual([{ field: 'CACHE_MAX_SIZE', value: `"${size}"`, allowed }]);
  });

  test.each([
    ['AZURE_OPENAI_ENDPOINT', 'example.com', 'an http(s) URL'],
    ['AZURE_OPENAI_ENDPOINT', 'ftp://example.com', 'an http(s) URL'],
    ['AZURE_OPENAI_ENDPOINT', 'https://', 'an http(s) URL'],
    ['AZURE_OPENAI_DEPLOYMENT', 'a b', 'the name of a deployment'],
    ['AZURE_OPENAI_DEPLOYMENT', 'a'.repeat(65), 'the name of a deployment'],
    ['AzureWebJobsStorage__accountName', 'Account', 'the name of a storage account'],
    ['AzureWebJobsStorage__accountName', 'ab', 'the name of a storage account'],
  ])('%s cannot be "%s"', (variable, value, allowed) => {
    expect(violationsOf({ [variable]: value })).toEqual([{ field: variable, value: `"${value}"`, allowed }]);
  });

  test('names every setting that is out of range', () => {
    const fields = violationsOf({ AI_BATCH_SIZE: '0', AI_BATCH_STREAMS: '17' }).map(({ field }) => field);
    expect(fields.toSorted()).toEqual(['AI_BATCH_SIZE', 'AI_BATCH_STREAMS']);
  });

  test('needs an endpoint, and storage by connection string or by account', () => {
    expect(() => parseSettings({})).toThrow(
      'AZURE_OPENAI_ENDPOINT is missing; allowed: an http(s) URL. ' +
        'AzureWebJobsStorage is missing; allowed: a connection string, or AzureWebJobsStorage__accountName',
    );
    const { AZURE_OPENAI_ENDPOINT } = LEAST;
    const byAccount = parseSettings({ AZURE_OPENAI_ENDPOINT, AzureWebJobsStorage__accountName: 'account' });
    expect(byAccount).toMatchObject({ storage: null, storageAccount: 'account' });
    expect(() => parseSettings({ AzureWebJobsStorage: 'c' })).toThrow(
      'AZURE_OPENAI_ENDPOINT is missing; allowed: an http(s) URL',
    );
  });

  test('never shows a secret in an error, whatever else is wrong', () => {
    const secret = 'S3CR3T-S3CR3T';
    const secrets = { AZURE_OPENAI_API_KEY: secret, AzureWebJobsStorage: `AccountKey=${secret}` };
    const variables = Object.values(SETTINGS).map(({ env }) => env);
    const environments = fc.dictionary(fc.constantFrom(...variables), fc.string());
    fc.assert(
      fc.property(environments, env => {
        const message = violationsOf({ ...env, ...secrets, AI_BATCH_SIZE: '0' }).map(violation =>
          JSON.stringify(violation),
        );
        expect(message.length).toBeGreaterThan(0);
        expect(message.join()).not.toContain(secret);
      }),
    );
  });

  test('any environment gives settings within bounds, or an error that names its settings', () => {
    const values = fc.oneof(fc.string(), fc.integer({ min: -10, max: 4_000_000 }).map(String));
    const known = Object.values(SETTINGS).map(({ env }) => env);
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...known, 'PATH'), values), env => {
        const violations = violationsOf(env);
        if (violations.length > 0) {
          expect(known).toEqual(expect.arrayContaining(violations.map(({ field }) => field)));
          return;
        }
        const parsed = parseSettings({ ...LEAST, ...env });
        for (const name of CHOSEN) {
          const value = parsed[name] ?? BOUNDS[name].min;
          expect(value).toBeGreaterThanOrEqual(BOUNDS[name].min);
          expect(value).toBeLessThanOrEqual(BOUNDS[name].max);
        }
      }),
    );
  });
});

describe('settingsWarnings', () => {
  test('has nothing to say where everything fits', () => {
    expect(settingsWarnings(settings())).toEqual([]);
  });

  test('warns of a number above the ceiling', () => {
    expect(settingsWarnings(settings({ concurrency: 12 }))).toEqual([
      'MAX_CONCURRENT_AI_CALLS is 12, but the host runs at most 10 activities at one time ' +
        `(${CEILING_VARIABLE}): runs use 10`,
    ]);
  });

  test.each([
    [{ concurrency: 10 }, 'is 10'],
    [{}, 'is not set and gives at most 10'],
    [{ concurrency: 5, workerProcesses: 2 }, 'is 5 in each of 2 processes'],
  ])('warns of a ceiling of more than twice the number, with %o', (changes, number) => {
    const wide = { ceiling: 21, maxConnections: 21, maxConnectionsPerHost: 21, requestTimeoutSeconds: 60 };
    expect(settingsWarnings(settings({ ...wide, ...changes }))).toEqual([
      `the host may run 21 activities at one time (${CEILING_VARIABLE}), but MAX_CONCURRENT_AI_CALLS ${number}: ` +
        'activities beyond it wait for a permit',
    ]);
    expect(settingsWarnings(settings({ ...wide, ...changes, workerProcesses: 3 }))).toEqual([]);
  });
  test('finds nothing wrong with some activities beside those that call', () => {
    const wide = { ceiling: 15, maxConnections: 15, maxConnectionsPerHost: 15, requestTimeoutSeconds: 60 };
    expect(settingsWarnings(settings({ ...wide, concurrency: 10 }))).toEqual([]);
  });

  const fewConnections = (connections: number) =>
    `only ${connections} connections to the service (AZURE_OPENAI_MAX_CONNECTIONS, ` +
    'AZURE_OPENAI_MAX_CONNECTIONS_PER_HOST): calls beyond them wait, and their wait counts as part of their timeout';

  test.each([
    { maxConnections: 20, maxConnectionsPerHost: 10, ceiling: 11, connections: 10 },
    { maxConnections: 8, maxConnectionsPerHost: 10, ceiling: 9, connections: 8 },
  ])('warns of a ceiling of $ceiling above $connections connections', ({ ceiling, connections, ...limits }) => {
    const fitting = settings({ ...limits, concurrency: connections, ceiling: connections });
    expect(settingsWarnings(fitting)).toEqual([]);
    const all = { ...limits, concurrency: ceiling, ceiling };
    expect(settingsWarnings(settings(all))).toEqual([fewConnections(connections)]);
  });

  test('warns of a ceiling above the connections even if the number is not: a request may ask for the ceiling', () => {
    expect(settingsWarnings(settings({ concurrency: 5, ceiling: 11 }))).toContain(fewConnections(10));
    expect(settingsWarnings(settings({ concurrency: 11, ceiling: 10 }))).not.toContain(fewConnections(10));
  });

  test('warns of permits and calls that take longer than the host lets an activity run', () => {
    const wide = { ceiling: 60, maxConnections: 60, maxConnectionsPerHost: 60 };
    const timeoutWarnings = (changes: Partial<Settings>) =>
      settingsWarnings(settings({ ...wide, ...changes })).filter(text => text.includes('functionTimeout'));
    expect(timeoutWarnings({ concurrency: 10, requestTimeoutSeconds: 67 })).toEqual([
      'an activity may wait 5 times for a permit and make 3 calls of 67 s ' +
        '(AZURE_OPENAI_REQUEST_TIMEOUT), but functionTimeout ends it after 1200 s',
    ]);
    expect(timeoutWarnings({ concurrency: 10, requestTimeoutSeconds: 66 })).toEqual([]);
    expect(timeoutWarnings({ concurrency: 12, requestTimeoutSeconds: 67 })).toEqual([]);
    expect(timeoutWarnings({ concurrency: 11, requestTimeoutSeconds: 67 })).toHaveLength(1);
    expect(timeoutWarnings({ concurrency: 200, requestTimeoutSeconds: 400 })).toEqual([]);
    expect(timeoutWarnings({ concurrency: 200, requestTimeoutSeconds: 401 })).toHaveLength(1);
  });

  test('knows the functionTimeout of host.json', () => {
    const host = JSON.parse(readFileSync(new URL('../../host.json', import.meta.url), 'utf8'));
    expect(host.functionTimeout).toBe('00:20:00');
  });

  test('warns where requests must name a deployment', () => {
    expect(settingsWarnings(settings({ deployment: null }))).toEqual([
      'AZURE_OPENAI_DEPLOYMENT is not set: each request must name a deployment',
    ]);
  });
});
