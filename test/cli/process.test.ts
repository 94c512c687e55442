import { on } from 'node:events';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { spawnCli, temporaryFolder } from '../helpers/cli-harness.ts';
import { type FakeApp, type FakeAppOptions, startFakeApp } from '../helpers/fake-app.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let app: FakeApp;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await app.close();
  await folder[Symbol.asyncDispose]();
});

async function spawnRun(options: FakeAppOptions, ...args: readonly string[]) {
  app = await startFakeApp(options);
  return spawnCli(['run', '--file', 'issues.csv', '--url', app.url, ...args], { cwd: folder.path });
}

/** What a stream brings from now on, in whatever pieces, until it holds a pattern. */
async function textUntil(stream: Readable, pattern: RegExp): Promise<string> {
  let text = '';
  for await (const [chunk] of on(stream, 'data', { close: ['end'] })) {
    text += chunk;
    if (pattern.test(text)) break;
  }
  return text;
}

describe('the command line as a process', () => {
  it('writes results below the folder it is called in, and ends with 0', async () => {
    const { ended } = await spawnRun({});
    const { exitCode, stdout } = await ended;
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Results: results\/run-1\/report\.json, results\.ndjson, results\.csv\n$/);
  });

  it('keeps standard output for the JSON object', async () => {
    const { ended } = await spawnRun({}, '--json');
    const { exitCode, stdout, stderr } = await ended;
    expect([exitCode, JSON.parse(stdout).succeeded]).toEqual([0, 3]);
    expect(stderr).toContain('3/3');
  });

  it('has no styles without a terminal', async () => {
    const { ended } = await spawnRun({});
    const { stdout, stderr } = await ended;
    expect(stdout + stderr).not.toContain('\u001b');
  });

  it('refuses the real service where nobody can be asked', async () => {
    const service = { endpoint: 'https://real', deployment: 'd', simulator: false };
    const { ended } = await spawnRun({ plan: { service } });
    expect(await ended).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^error: This calls the real service.*\n$/),
    });
  });

  it('notes that the app went away, and ends on Ctrl-C without it', async () => {
    const watching = Promise.withResolvers<void>();
    const { child, ended } = await spawnRun({
      polls: 1_000,
      before({ path }, earlier) {
        if (path === '/api/runs/run-1' && earlier.some(request => request.path === path)) watching.resolve();
        return undefined;
      },
    });
    await watching.promise;
    const noted = textUntil(child.stderr, /does not answer.*\n/);
    await app.close();
    expect(await noted).toMatch(/^the app does not answer \((ECONNREFUSED|ECONNRESET|UND_ERR_SOCKET)\); trying on/m);
    child.kill('SIGINT');
    const { exitCode, stderr } = await ended;
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(/Run run-1 goes on without you\..*status run-1/);
  });

  it('says on Ctrl-C that the run goes on', async () => {
    const polled = Promise.withResolvers<void>();
    const { child, ended } = await spawnRun({
      polls: 1_000,
      before({ path }) {
        if (path === '/api/runs/run-1') polled.resolve();
        return undefined;
      },
    });
    await polled.promise;
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ exitCode: 130, stderr: expect.stringContaining('goes on without you') });
  });

  it('ends on Ctrl-C though the app never answers', async () => {
    const asked = Promise.withResolvers<void>();
    const { child, ended } = await spawnRun({
      before: () => {
        asked.resolve();
        return new Promise(() => {});
      },
    });
    await asked.promise;
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ exitCode: 130, stderr: 'Interrupted.\n' });
  });

  it('does not fall over a reader that has seen enough', async () => {
    app = await startFakeApp({ polls: 0 });
    await fetch(`${app.url}/api/runs`, { method: 'POST' });
    const { child, ended } = spawnCli(['results', 'run-1', '--url', app.url]);
    child.stdout.destroy();
    const { exitCode, stderr } = await ended;
    expect([exitCode, stderr]).toEqual([0, '']);
  });

  it('shows help with 0, and refuses what it does not know with 2', async () => {
    app = await startFakeApp();
    const endOf = (...args: string[]) => spawnCli(args).ended;
    expect(await endOf('--help')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('demo') });
    expect(await endOf('dance')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^error: unknown command 'dance'/),
    });
    expect(await endOf('runs', '--loud')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^error: unknown option '--loud'/),
    });
    expect(await endOf('runs', 'extra')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^error: too many arguments/),
    });
    expect(await endOf('run')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^error: required option '--file <file>'/),
    });
  });
});
