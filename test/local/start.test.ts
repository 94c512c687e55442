import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type LocalOptions, startLocalEnvironment } from '../../local/start.ts';
import { temporaryFolder } from '../helpers/cli-harness.ts';

const CLEAN_ENV = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AZURE_')));

function start(folder: string, changes: Partial<LocalOptions> = {}) {
  return startLocalEnvironment({ folder, port: 0, env: CLEAN_ENV, log: () => {}, ...changes });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const answers = (url: string) =>
  fetch(url).then(
    () => true,
    () => false,
  );

describe('startLocalEnvironment', { timeout: 60_000 }, () => {
  it('serves the app with a simulator and storage, refuses a second one on the folder, and leaves nothing behind', async () => {
    await using folder = await temporaryFolder();
    const lines: string[] = [];
    const environment = await start(folder.path, { log: line => lines.push(line), simulator: { latencyMs: 0 } });
    const { url, service, connectionString, hostPid } = environment;
    const [, blobEndpoint = ''] = /BlobEndpoint=([^;]+)/.exec(connectionString) ?? [];
    expect(service).toMatchObject({ simulator: true, deployment: 'gpt-4o-mini' });
    expect(lines.at(-1)).toMatch(/with a simulator of Azure OpenAI/);
    const health = (await (await fetch(`${url}/api/health`)).json()) as { status: string; service: unknown };
    expect(health).toMatchObject({ status: 'ok', service: { endpoint: service.endpoint, simulator: true } });
    await expect(start(folder.path)).rejects.toThrow(/state\.db cannot be used: another process uses it/);

    await environment.stop();
    expect(isAlive(hostPid)).toBe(false);
    expect(await Promise.all([url, service.endpoint, blobEndpoint].map(answers))).toEqual([false, false, false]);
  });

  it('starts again on a folder with its storage, and refuses it without', async () => {
    await using folder = await temporaryFolder();
    const first = await start(folder.path);
    await first.stop();
    const second = await start(folder.path);
    await second.stop();
    await expect(start(folder.path, { inMemory: true })).rejects.toThrow(/belongs to another storage/);
  });

  it('says when the host dies, and still stops the rest', async () => {
    await using folder = await temporaryFolder();
    const environment = await start(folder.path, { inMemory: true });
    process.kill(environment.hostPid, 'SIGKILL');
    expect((await environment.broken).message).toMatch(
      /^the host was ended by SIGKILL; its last output:\n(.*\n)*Functions host ready/,
    );
    await environment.stop();
    expect(await answers(environment.service.endpoint)).toBe(false);
  });

  it('uses the real service where its endpoint is set', async () => {
    await using folder = await temporaryFolder();
    const real = { AZURE_OPENAI_ENDPOINT: 'http://127.0.0.1:9', AZURE_OPENAI_DEPLOYMENT: 'mine' };
    const lines: string[] = [];
    const environment = await start(folder.path, {
      inMemory: true,
      env: { ...CLEAN_ENV, ...real },
      log: line => lines.push(line),
    });
    expect(environment.service).toEqual({ simulator: false, endpoint: 'http://127.0.0.1:9', deployment: 'mine' });
    expect(lines.at(-1)).toContain('the real service http://127.0.0.1:9');
    await environment.stop();
  });

  it('refuses a taken port before it starts anything', async () => {
    await using folder = await temporaryFolder();
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const lines: string[] = [];
    await expect(start(folder.path, { port, log: line => lines.push(line) })).rejects.toThrow(
      `port ${port} is taken by another program`,
    );
    expect(lines).toEqual([]);
    taken.close();
  });

  it('refuses a setting out of range before it starts anything', async () => {
    await using folder = await temporaryFolder();
    const env = { ...CLEAN_ENV, AI_BATCH_STREAMS: '17' };
    await expect(start(folder.path, { env })).rejects.toThrow(
      'AI_BATCH_STREAMS is "17"; allowed: an integer from 1 to 16',
    );
  });

  it('ends what it has started when it is aborted half way', async () => {
    await using folder = await temporaryFolder();
    const abort = new AbortController();
    const starting = start(folder.path, {
      signal: abort.signal,
      log: line => void (line.startsWith('Starting the app') && abort.abort()),
    });
    await expect(starting).rejects.toThrow('aborted');
    const again = await start(folder.path);
    await again.stop();
  });
});
