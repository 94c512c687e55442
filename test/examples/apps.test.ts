import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import manifest from '../../package.json' with { type: 'json' };
import { pollUntil } from '../helpers/host-fixture.ts';
import { type HostProcess, spawnHost } from '../helpers/host-process.ts';
import { ROOT } from '../helpers/source-code.ts';

const APPS = join(ROOT, 'examples/apps');
const ENDED = ['Completed', 'Failed', 'Terminated'];

const linksSchema = z.looseObject({ id: z.string(), statusQueryGetUri: z.url() });
const statusSchema = z.looseObject({ runtimeStatus: z.string(), customStatus: z.unknown(), output: z.unknown() });
type Links = z.infer<typeof linksSchema>;

/** What the log says that no example should make it say. */
const complaintsIn = ({ stderr }: { readonly stderr: string }) =>
  stderr.split('\n').filter(line => / (WARN|ERROR|CRIT) /.test(line));

/**
 * Runs an example for the tests of a group, as its user would. In strict mode, so that a pattern which the durable library
 * gets wrong fails.
 */
function useExample(name: string, environment: Readonly<Record<string, string>> = {}) {
  let folder: string;
  let host: HostProcess;
  let url: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'example-'));
    const args = [join(APPS, name), '--port', '0', '--state', join(folder, 'state.db'), '--strict'];
    host = spawnHost(args, { FUNCTIONS_WORKER_LOG_LEVEL: 'INFO', ...environment });
    url = await host.ready();
  });
  afterAll(async () => {
    host.child.kill('SIGTERM');
    const code = await host.ended();
    await rm(folder, { recursive: true, force: true });
    expect({ code, complaints: complaintsIn(host.output()) }).toEqual({ code: 0, complaints: [] });
  });

  const post = (path: string, body = '') => fetch(new URL(path, url), { method: 'POST', body });
  const status = async ({ statusQueryGetUri }: Links) =>
    statusSchema.parse(await (await fetch(statusQueryGetUri)).json());
  return {
    get: (path: string) => fetch(new URL(path, url)),
    post,
    status,
    log: () => host.output().stderr,
    /** Starts an orchestration by HTTP; answers its links. */
    async start(path: string, body?: string): Promise<Links> {
      const response = await post(path, body);
      expect(response.status).toBe(202);
      return linksSchema.parse(await response.json());
    },
    /** What the instance has come to once it has ended. */
    result: (links: Links) =>
      pollUntil(
        () => status(links),
        ({ runtimeStatus }) => ENDED.includes(runtimeStatus),
      ),
  };
}

describe('every example', async () => {
  test.each(await readdir(APPS))('%s can be taken as it is', async app => {
    const read = (file: string) => readFile(join(APPS, app, file), 'utf8');
    const { main, dependencies } = JSON.parse(await read('package.json'));
    expect(main).toBe('src/*.js');
    expect(dependencies).toEqual({
      '@azure/functions': manifest.dependencies['@azure/functions'],
      'durable-functions': manifest.dependencies['durable-functions'],
    });
    expect(JSON.parse(await read('host.json')).version).toBe('2.0');
    expect(await read('README.md')).toContain(`npm run host -- examples/apps/${app}\n`);
  });
});

describe('chaining', () => {
  const app = useExample('chaining');

  test('counts the words of each paragraph and sums up', async () => {
    const links = await app.start('/api/reports', 'To be or not to be\n\n \n\nthat is the question\n');
    expect(await app.result(links)).toMatchObject({
      runtimeStatus: 'Completed',
      customStatus: { paragraphs: 2 },
      output: { counts: [6, 4], summary: '10 words in 2 paragraphs, the longest of 6' },
    });
  });

  test('takes a text that looks like JSON, and many paragraphs at once', async () => {
    const [number, long] = [
      await app.start('/api/reports', '42'),
      await app.start('/api/reports', 'a b\n\n'.repeat(60)),
    ];
    expect((await app.result(number)).output).toMatchObject({ counts: [1] });
    expect((await app.result(long)).output).toMatchObject({
      summary: '120 words in 60 paragraphs, the longest of 2',
    });
  });

  test('refuses an empty text', async () => {
    expect((await app.post('/api/reports', ' \n')).status).toBe(400);
  });
});

describe('counter', () => {
  const app = useExample('counter');

  test('adds, is read, and is reset', async () => {
    const value = async () => {
      const response = await app.get('/api/counters/visits');
      return response.status === 200
        ? z.object({ value: z.int() }).parse(await response.json()).value
        : response.status;
    };
    const valueIs = (wanted: number) => pollUntil(value, found => found === wanted);
    expect(await value()).toBe(404);
    const added = await Promise.all([1, 2, 3, 4].map(amount => app.post('/api/counters/visits/add', String(amount))));
    expect(added.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    await valueIs(10);
    expect((await app.post('/api/counters/visits/reset')).status).toBe(202);
    await valueIs(404);
    await app.post('/api/counters/visits/add', '-7');
    await valueIs(-7);
  });

  test('is called by an orchestration, which gets each new value', async () => {
    const response = await app.post('/api/counters/sums/add-up', '[1, 2, 3]');
    expect([response.status, await response.json()]).toEqual([200, [1, 3, 6]]);
    expect(await (await app.get('/api/counters/sums')).json()).toEqual({ value: 6 });
    expect((await app.get('/api/counters/other')).status).toBe(404);
  });

  test.each([
    ['add', 'many'],
    ['add', '1.5'],
    ['add-up', '[1, "2"]'],
    ['add-up', '{'],
  ])('refuses %s of %s', async (operation, body) => {
    expect((await app.post(`/api/counters/refused/${operation}`, body)).status).toBe(400);
    expect((await app.get('/api/counters/refused')).status).toBe(404);
  });
});

describe('monitor', () => {
  const app = useExample('monitor', { REMINDER_SCHEDULE: '* * * * * *' });

  test('watches a job until it is done', async () => {
    const { runtimeStatus, output } = await app.result(await app.start('/api/jobs?takes=1&every=0.2&within=20'));
    expect({ runtimeStatus, output }).toEqual({
      runtimeStatus: 'Completed',
      output: { result: 'done', looks: expect.any(Number) },
    });
    expect(output).not.toMatchObject({ looks: 1 });
  });

  test('gives a job up when its time is over', async () => {
    const { output } = await app.result(await app.start('/api/jobs?takes=100&every=0.2&within=0.5'));
    expect(output).toEqual({ result: 'expired', looks: expect.any(Number) });
  });

  test.each(['/api/jobs?takes=1&every=1', '/api/jobs?takes=1&every=0&within=5', '/api/approvals?subject=x&wait=soon'])(
    'refuses %s',
    async path => {
      expect((await app.post(path)).status).toBe(400);
    },
  );

  test('takes the answer of the team, and ends without waiting for the timer', async () => {
    const links = await app.start('/api/approvals?subject=Release&wait=3600');
    expect((await app.post(`/api/approvals/${links.id}/team/yes`)).status).toBe(202);
    expect(await app.result(links)).toMatchObject({
      runtimeStatus: 'Completed',
      output: { isApproved: true, by: 'team' },
    });
  });

  test('asks the manager when the team does not answer, and no longer takes an answer of the team', async () => {
    const links = await app.start('/api/approvals?subject=Release&wait=1.5');
    await pollUntil(
      () => app.status(links),
      ({ customStatus }) => JSON.stringify(customStatus).includes('manager'),
    );
    expect((await app.post(`/api/approvals/${links.id}/team/yes`)).status).toBe(202);
    expect((await app.post(`/api/approvals/${links.id}/manager/no`)).status).toBe(202);
    expect((await app.result(links)).output).toEqual({ isApproved: false, by: 'manager' });
  });

  test('counts silence as refusal', async () => {
    const links = await app.start('/api/approvals?subject=Release&wait=0.2');
    expect((await app.result(links)).output).toEqual({ isApproved: false, by: null });
  });

  test.each(['none/team/yes', 'none/nobody/yes', 'none/team/maybe'])('knows no approval %s', async path => {
    expect((await app.post(`/api/approvals/${path}`)).status).toBe(404);
  });

  test('reminds of what waits on the schedule of a setting', async () => {
    const { id } = await app.start('/api/approvals?subject=Release+5&wait=3600');
    await pollUntil(
      async () => app.log(),
      text => text.includes(`INFO  reminder: "Release 5" waits for the team: ${id}`),
    );
  });
});
