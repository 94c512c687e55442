import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseService, hostEnvironment } from '../../local/environment.ts';
import { CEILING_VARIABLE } from '../../src/core/settings.ts';

const REAL = { AZURE_OPENAI_ENDPOINT: 'https://mine.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'mini' };

function hostOf(env: Record<string, string>, simulatorUrl: string | null = 'http://127.0.0.1:5000') {
  return hostEnvironment(env, { connectionString: 'storage', service: chooseService(env), simulatorUrl });
}

describe('chooseService', () => {
  it('takes the simulator without an endpoint, also with an empty one', () => {
    expect(chooseService({})).toEqual({ simulator: true, endpoint: null, deployment: 'gpt-4o-mini' });
    expect(chooseService({ AZURE_OPENAI_ENDPOINT: '' }).simulator).toBe(true);
  });

  it('gives the simulator the deployment that is named', () => {
    expect(chooseService({ AZURE_OPENAI_DEPLOYMENT: 'mine' })).toMatchObject({ simulator: true, deployment: 'mine' });
  });

  it('takes the real service with an endpoint', () => {
    expect(chooseService(REAL)).toEqual({ simulator: false, endpoint: REAL.AZURE_OPENAI_ENDPOINT, deployment: 'mini' });
  });

  it('refuses an endpoint without a deployment, naming both settings', () => {
    const choose = () => chooseService({ AZURE_OPENAI_ENDPOINT: REAL.AZURE_OPENAI_ENDPOINT });
    expect(choose).toThrow(/AZURE_OPENAI_ENDPOINT is set but AZURE_OPENAI_DEPLOYMENT is not/);
  });
});

describe('hostEnvironment', () => {
  it('points the app at the simulator, never with a real key', () => {
    expect(hostOf({ AZURE_OPENAI_API_KEY: 'secret' })).toMatchObject({
      AZURE_OPENAI_ENDPOINT: 'http://127.0.0.1:5000',
      AZURE_OPENAI_DEPLOYMENT: 'gpt-4o-mini',
      AZURE_OPENAI_API_KEY: 'simulator',
    });
  });

  it('leaves endpoint, deployment and key of the real service alone', () => {
    const env = { ...REAL, AZURE_OPENAI_API_KEY: 'secret' };
    expect(hostOf(env, null)).toMatchObject(env);
  });

  it('gives no key where the real service is used by identity', () => {
    expect(hostOf(REAL, null)).not.toHaveProperty('AZURE_OPENAI_API_KEY');
  });

  it('sets the local storage, whatever the environment says', () => {
    expect(hostOf({ AzureWebJobsStorage: 'production' })['AzureWebJobsStorage']).toBe('storage');
  });

  it('spreads the ledger over 16 tables unless told otherwise', () => {
    expect(hostOf({})['STORAGE_TABLE_SHARDS']).toBe('16');
    expect(hostOf({ STORAGE_TABLE_SHARDS: '2' })['STORAGE_TABLE_SHARDS']).toBe('2');
  });

  it('gives worker processes the heap of a small instance unless told otherwise, also by an empty text', () => {
    const name = 'languageWorkers__node__arguments';
    expect(hostOf({})[name]).toBe('--max-old-space-size=1024');
    for (const text of ['--max-old-space-size=4096', '']) expect(hostOf({ [name]: text })[name]).toBe(text);
  });

  it.each(['MAX_CONCURRENT_AI_CALLS', CEILING_VARIABLE])('makes one number of both where only %s is set', name => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), number => {
        const text = String(number);
        expect(hostOf({ [name]: text })).toMatchObject({ MAX_CONCURRENT_AI_CALLS: text, [CEILING_VARIABLE]: text });
      }),
    );
  });

  it('keeps both numbers where both are set, and sets none where none is', () => {
    const both = { MAX_CONCURRENT_AI_CALLS: '4', [CEILING_VARIABLE]: '9' };
    expect(hostOf(both)).toMatchObject(both);
    expect(hostOf({})).not.toHaveProperty('MAX_CONCURRENT_AI_CALLS');
    expect(hostOf({})).not.toHaveProperty([CEILING_VARIABLE]);
  });

  it('refuses a setting out of range by name, value and range', () => {
    expect(() => hostOf({ AI_BATCH_SIZE: '101' })).toThrow('AI_BATCH_SIZE is "101"; allowed: an integer from 1 to 100');
  });
});
