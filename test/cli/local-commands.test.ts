import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LocalError } from '../../local/errors.ts';
import type { LocalEnvironment, LocalOptions } from '../../local/start.ts';
import { InvalidInputError } from '../../src/core/problems.ts';
import { createCliHarness, type HarnessOptions, temporaryFolder } from '../helpers/cli-harness.ts';
import { type FakeApp, type FakeAppOptions, startFakeApp } from '../helpers/fake-app.ts';

const startLocalEnvironment = vi.hoisted(() => vi.fn<(options: LocalOptions) => Promise<LocalEnvironment>>());
vi.mock('../../local/start.ts', () => ({ startLocalEnvironment }));

/** A local environment whose app is a fake one, with what became of it. */
interface FakeEnvironment {
  readonly app: FakeApp;
  readonly options: LocalOptions[];
  readonly stops: string[];
  /** Ends the host. */
  breakDown(): void;
}

async function fakeEnvironment(options: FakeAppOptions = {}, simulator = true): Promise<FakeEnvironment> {
  const app = await startFakeApp(options);
  const broken = Promise.withResolvers<LocalError>();
  const [seen, stops]: [LocalOptions[], string[]] = [[], []];
  startLocalEnvironment.mockImplementation(async given => {
    seen.push(given);
    given.log('Starting things ...');
    return {
      url: app.url,
      connectionString: 'BlobEndpoint=http://127.0.0.1:10000/',
      stateFile: '/somewhere/state.db',
      service: { simulator, endpoint: 'http://127.0.0.1:5000', deployment: 'gpt-4o-mini' },
      hostPid: 1,
      broken: broken.promise,
      async stop() {
        stops.push('stop');
        await app.close();
      },
    };
  });
  return {
    app,
    options: seen,
    stops,
    breakDown: () => broken.resolve(new LocalError('the host was ended by SIGKILL')),
  };
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let formerFolder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  formerFolder = process.cwd();
  process.chdir(folder.path);
});
afterEach(async () => {
  process.chdir(formerFolder);
  await folder[Symbol.asyncDispose]();
  startLocalEnvironment.mockReset();
});

async function fanfold(args: readonly string[], options: HarnessOptions = {}) {
  const cli = createCliHarness(options);
  return { exitCode: await cli.run(...args), out: cli.out, err: cli.err, text: cli.out.join('\n') };
}

describe('demo', () => {
  it('runs the sample issues to the report, stops everything, and keeps only the results', async () => {
    const { app, options, stops } = await fakeEnvironment();
    const { exitCode, text, err } = await fanfold(['demo']);
    expect(exitCode).toBe(0);
    expect(options[0]).toMatchObject({ port: 0, simulator: { latencyMs: 400 } });
    expect(app.seen('POST', '/api/uploads')[0]?.body).toMatch(/^key,title,description/);
    expect(JSON.parse(app.seen('POST', '/api/runs')[0]?.body ?? '')).toMatchObject({ batchSize: 5 });
    expect(text).toMatch(/Run run-1 is started.*All 3 issues succeeded.*Results: results\/run-1\/report\.json/s);
    expect(err).toContain('Starting things ...');
    expect(err.at(-1)).toBe('Stopping the app, the simulator and the storage ...');
    expect(stops).toEqual(['stop']);
    expect(await readdir('.fanfold')).toEqual([]);
    expect(existsSync('results/run-1/results.csv')).toBe(true);
  });

  it('writes one JSON object with --json', async () => {
    await fakeEnvironment();
    const { out } = await fanfold(['demo', '--json']);
    expect(out).toHaveLength(1);
    expect(JSON.parse(out[0] ?? '')).toMatchObject({ runId: 'run-1', succeeded: 3, folder: 'results/run-1' });
  });

  it('asks before it calls a real service', async () => {
    const service = { endpoint: 'https://mine', deployment: 'd', simulator: false };
    const { stops } = await fakeEnvironment({ plan: { service } }, false);
    const { exitCode, err } = await fanfold(['demo']);
    expect(exitCode).toBe(2);
    expect(err.at(-1)).toMatch(/^error: This calls the real service https:\/\/mine/);
    expect(stops).toEqual(['stop']);
    await fakeEnvironment({ plan: { service } }, false);
    const agreed = await fanfold(['demo', '--yes']);
    expect(agreed.exitCode).toBe(0);
    expect(agreed.err.join('\n')).toMatch(
      /This calls the real service https:\/\/mine.*Stopping the app and the storage/s,
    );
    expect(agreed.text + agreed.err.join()).not.toContain('simulat');
  });

  it('stops everything on Ctrl-C', async () => {
    const { stops } = await fakeEnvironment({ polls: 1_000 });
    const cli = createCliHarness({ onWait: () => cli.interrupt() });
    expect(await cli.run('demo')).toBe(130);
    expect(stops).toEqual(['stop']);
    expect(cli.err.join('\n')).not.toContain('goes on');
  });

  it('ends at once, with what happened, when the host dies', async () => {
    const { breakDown, stops } = await fakeEnvironment({ polls: 1_000 });
    const { exitCode, err } = await fanfold(['demo'], { onWait: breakDown });
    expect(exitCode).toBe(1);
    expect(err.at(-1)).toBe('error: the host was ended by SIGKILL\nThe app has ended unexpectedly.');
    expect(stops).toEqual(['stop']);
  });
});

describe('start', () => {
  it('says what is where, stays until Ctrl-C, and stops everything', async () => {
    const { app, options, stops } = await fakeEnvironment();
    const cli = createCliHarness({
      onOut: line => void (line.startsWith('Ctrl-C') && setImmediate(() => cli.interrupt())),
    });
    expect(await cli.run('start', '--port', '0', '--folder', 'mine')).toBe(0);
    expect(options[0]).toMatchObject({
      folder: 'mine',
      port: 0,
      azuritePorts: { blob: 10_000, queue: 10_001, table: 10_002 },
    });
    const text = cli.out.join('\n');
    expect(text).toContain(`The app runs at ${app.url}`);
    expect(text).toMatch(/a simulator \(nothing is billed\): http:\/\/127\.0\.0\.1:5000, deployment gpt-4o-mini/);
    expect(text).toContain('/somewhere/state.db');
    expect(text).toMatch(
      /GET {2}\/api\/cache .*\n {2}DELETE \/api\/cache .*olderThanSeconds=\n {2}GET {2}\/api\/health/,
    );
    expect(text).toContain(`npm run fanfold -- run --file examples/sample-issues.csv --url ${app.url}`);
    expect(stops).toEqual(['stop']);
  });

  it('takes port 7071 and .fanfold by default', async () => {
    const { options } = await fakeEnvironment();
    const cli = createCliHarness({ onOut: () => cli.interrupt() });
    await cli.run('start');
    expect(options[0]).toMatchObject({ folder: '.fanfold', port: 7_071 });
  });

  it('hands what limits the simulator on, and only that', async () => {
    const { options } = await fakeEnvironment();
    const cli = createCliHarness({ onOut: () => cli.interrupt() });
    await cli.run('start', '--tokens-per-minute', '60000', '--requests-per-minute', '300', '--seed', '7');
    expect(options[0]?.simulator).toEqual({ tokensPerMinute: 60_000, requestsPerMinute: 300, seed: 7 });
    await fakeEnvironment();
    expect(await fanfold(['start', '--requests-per-minute', '1000001'])).toMatchObject({
      exitCode: 2,
      err: ['error: --requests-per-minute is "1000001"; allowed: an integer from 1 to 1000000'],
    });
  });

  it('ends with an error when the host dies, and stops the rest', async () => {
    const { breakDown, stops } = await fakeEnvironment();
    const { exitCode, err } = await fanfold(['start'], { onOut: breakDown });
    expect([exitCode, err.at(-1)]).toEqual([
      1,
      'error: the host was ended by SIGKILL\nThe app has ended unexpectedly.',
    ]);
    expect(stops).toEqual(['stop']);
  });

  it('says in one line what it cannot start with', async () => {
    startLocalEnvironment.mockRejectedValueOnce(new LocalError('port 7071 is taken by another program'));
    expect(await fanfold(['start'])).toMatchObject({
      exitCode: 1,
      err: ['error: port 7071 is taken by another program'],
    });
    const violation = { field: 'AI_BATCH_SIZE', value: '"0"', allowed: 'an integer from 1 to 100' };
    startLocalEnvironment.mockRejectedValueOnce(new InvalidInputError([violation]));
    const expected = 'error: AI_BATCH_SIZE is "0"; allowed: an integer from 1 to 100';
    expect(await fanfold(['start'])).toMatchObject({ exitCode: 2, err: [expected] });
  });

  it('shows the stack of what nobody expected', async () => {
    startLocalEnvironment.mockRejectedValueOnce(new TypeError('a defect'));
    const { exitCode, err } = await fanfold(['start']);
    expect(exitCode).toBe(1);
    expect(err[0]).toMatch(/^TypeError: a defect\n +at /);
  });

  it('refuses a port out of range', async () => {
    const expected = ['error: --port is "65536"; allowed: an integer from 0 to 65535'];
    expect(await fanfold(['start', '--port', '65536'])).toMatchObject({ exitCode: 2, err: expected });
    expect(startLocalEnvironment).not.toHaveBeenCalled();
  });
});
