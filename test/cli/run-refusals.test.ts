import { describe, expect, it } from 'vitest';
import { createCliHarness } from '../helpers/cli-harness.ts';
import { type FakeAppOptions, problem } from '../helpers/fake-app.ts';
import { useRunCommand } from '../helpers/run-harness.ts';

const { csv, fakeApp, run } = useRunCommand();

const KEY = '1 to 200 printable ASCII characters, no space at either end';

describe('refusals', () => {
  it.each([
    ['--limit', 'abc', 'an integer from 1 to 1000000'],
    ['--limit', '0', 'an integer from 1 to 1000000'],
    ['--concurrency', '201', 'an integer from 1 to 200'],
    ['--batch-size', '1.5', 'an integer from 1 to 100'],
    ['--batch-size', '-1', 'an integer from 1 to 100'],
    ['--analysis', 'poetry', 'triage'],
    ['--concurrency-scope', 'world', 'process, run'],
    ['--streams', '17', 'an integer from 1 to 16'],
    ['--max-cost-usd', '0', 'a number from 0.001 to 1000000'],
    ['--max-cost-usd', '1e3', 'a number from 0.001 to 1000000'],
    ['--max-tokens', '1.5', 'an integer from 1 to 1000000000000'],
    ['--deadline-seconds', '0', 'an integer from 1 to 2592000'],
    ['--idempotency-key', 'ключ', KEY],
    ['--idempotency-key', 'naïve', KEY],
    ['--idempotency-key', '', KEY],
    ['--idempotency-key', ' lead', KEY],
    ['--idempotency-key', 'k'.repeat(201), KEY],
    ['--url', 'somewhere', 'an http(s) URL such as http://127.0.0.1:7071'],
    ['--url', 'ftp://host', 'an http(s) URL such as http://127.0.0.1:7071'],
  ])('names flag, value and range for %s %s', async (flag, value, allowed) => {
    const cli = createCliHarness();
    expect(await cli.run('run', '--file', csv(), `${flag}=${value}`)).toBe(2);
    expect(cli.err).toEqual([`error: ${flag} is "${value}"; allowed: ${allowed}`]);
  });

  it('takes an idempotency key of 200 characters, spaces among them', async () => {
    const key = `a ${'~'.repeat(197)}!`;
    const app = await fakeApp();
    expect((await run(app, ['--idempotency-key', key])).exitCode).toBe(0);
    expect(app.seen('POST', '/api/runs').at(-1)?.headers['idempotency-key']).toBe(key);
  });

  it('shows an idempotency key of two lines in one', async () => {
    const { exitCode, err } = await run(await fakeApp(), ['--idempotency-key', 'a\nb']);
    expect([exitCode, err]).toEqual([2, [`error: --idempotency-key is "a\\nb"; allowed: ${KEY}`]]);
  });

  it('looks at the folder for results before anything is sent', async () => {
    const app = await fakeApp();
    const cli = createCliHarness();
    expect(await cli.run('run', '--file', csv(), '--url', app.url, '--out', csv())).toBe(2);
    expect(cli.err).toEqual([`error: --out is "${csv()}": that is a file; allowed: a folder`]);
    expect(await cli.run('run', '--file', csv(), '--url', app.url, '--out', `${csv()}/below`)).toBe(2);
    expect(app.requests).toEqual([]);
  });

  it('shows what the app refuses by field, value and range, in one line', async () => {
    const violation = { field: 'line 3', value: '"12 characters"', allowed: 'valid\nJSON' };
    const refuse: FakeAppOptions = { before: () => problem(400, 'Invalid input', violation) };
    const { exitCode, err } = await run(await fakeApp(refuse));
    expect([exitCode, err]).toEqual([2, ['error: line 3 is "12 characters"; allowed: valid JSON']]);
  });

  it.each([
    [401, '', 'the app refuses the key (HTTP 401); give a function key with --key or FANFOLD_KEY'],
    [500, 'oops', 'the app answered HTTP 500'],
    [500, { title: 'Internal error', detail: 'see invocation 7' }, 'see invocation 7'],
    [409, { title: 'Not there yet' }, 'Not there yet'],
  ])('shows HTTP %d with %j as one line', async (status, body, message) => {
    const { exitCode, err } = await run(await fakeApp({ before: () => ({ status, body }) }));
    expect([exitCode, err]).toEqual([1, [`error: ${message}`]]);
  });

  it('says so when something else answers there', async () => {
    const app = await fakeApp({ before: () => ({ status: 200, body: '<html>router login</html>' }) });
    const { exitCode, err } = await run(app);
    expect([exitCode, err]).toEqual([1, [`error: ${app.url} answers, but not as this app does; check --url`]]);
  });

  it('says how to start an app where none runs, without trying for long', async () => {
    const app = await fakeApp();
    await app.close();
    const { exitCode, err, waits } = await run(app);
    expect([exitCode, waits]).toEqual([1, []]);
    expect(err).toEqual([
      `error: no app answers at ${app.url} (ECONNREFUSED); start one with "npm start", or name another with --url`,
    ]);
  });
});
