import { describe, expect, inject, test } from 'vitest';
import { connectStorage, nullOn, once, storageStatus } from '../../src/services/storage.ts';
import { settings } from '../helpers/factories.ts';
import { noCredential } from '../helpers/test-storage.ts';

describe('connectStorage', () => {
  test('reaches tables and blobs by connection string, without a credential', async () => {
    const storage = connectStorage(settings({ storage: inject('storage') }), noCredential);
    await storage.container.createIfNotExists();
    expect(await storage.container.exists()).toBe(true);
    await storage.table('Connected').createTable();
    expect(await Array.fromAsync(storage.table('Connected').listEntities())).toEqual([]);
  });

  test('goes to the account by https and credential where there is no connection string', () => {
    const credential = { getToken: async () => null };
    const { container, table } = connectStorage(
      settings({ storage: null, storageAccount: 'fanfolddata' }),
      () => credential,
    );
    expect(container.url).toBe('https://fanfolddata.blob.core.windows.net/fanfold');
    expect(table('Runs').url).toContain('https://fanfolddata.table.core.windows.net');
    expect(table('Runs').tableName).toBe('Runs');
  });
});

describe('nullOn', () => {
  const notFound = Object.assign(new Error('gone'), { statusCode: 404 });

  test('answers null for that status alone', async () => {
    expect(await nullOn(404, Promise.resolve('there'))).toBe('there');
    expect(await nullOn(404, Promise.reject(notFound))).toBeNull();
    await expect(nullOn(409, Promise.reject(notFound))).rejects.toBe(notFound);
    await expect(nullOn(404, Promise.reject(new Error('other')))).rejects.toThrow('other');
  });

  test.each([[null], [undefined], ['text'], [{ statusCode: '404' }], [{}]])('%j has no status', error => {
    expect(storageStatus(error)).toBeNull();
  });
});

describe('once', () => {
  test('runs its task a single time, however many ask at one time', async () => {
    let runs = 0;
    const ready = once(async () => ++runs);
    await Promise.all([ready(), ready()]);
    await ready();
    expect(runs).toBe(1);
  });

  test('runs it again after it failed', async () => {
    let runs = 0;
    const ready = once(async () => {
      if (++runs === 1) throw new Error('not yet');
    });
    await expect(Promise.all([ready(), ready()])).rejects.toThrow('not yet');
    await ready();
    await ready();
    expect(runs).toBe(2);
  });
});
