import { afterEach, describe, expect, it } from 'vitest';
import type { RunStatus } from '../../src/core/run-status.ts';
import { createCliHarness, type HarnessOptions } from '../helpers/cli-harness.ts';
import {
  type Answer,
  type FakeApp,
  problem,
  type SeenRequest,
  startFakeApp,
  statusOf,
  THREE_LINES,
} from '../helpers/fake-app.ts';

let app: FakeApp;
afterEach(() => app.close());

/** A command against an app that answers each request by a function. */
async function fanfold(
  args: readonly string[],
  answer: (request: SeenRequest, earlier: readonly SeenRequest[]) => Answer,
  options: HarnessOptions = {},
) {
  app = await startFakeApp({ before: answer });
  const cli = createCliHarness(options);
  const exitCode = await cli.run(...args, '--url', app.url);
  return { exitCode, out: cli.out, err: cli.err, requests: app.requests, url: app.url };
}

const running = statusOf('run-1', THREE_LINES, 1);
const statusAnswer = (status: RunStatus['status']): Answer => ({
  status: 202,
  body: { ...running, status, links: {} },
});
const unknown = problem(404, 'No such run', { field: 'runId', value: '"run-1"', allowed: 'the id of a run' });
const NOT_TOLD = problem(503, 'Not told');

describe('cancel, pause and resume', () => {
  it.each<[string, RunStatus['status'], string]>([
    [
      'cancel',
      'cancelling',
      'Run run-1 is cancelling: calls in flight end, the rest is not started. ' +
        'Watch it with: npm run fanfold -- status run-1 --watch',
    ],
    [
      'pause',
      'paused',
      'Run run-1 is paused: calls in flight end, nothing new is started. Go on with: npm run fanfold -- resume run-1',
    ],
    ['resume', 'running', 'Run run-1 is running. Watch it with: npm run fanfold -- status run-1 --watch'],
    ['cancel', 'completed', 'Run run-1 has ended before: it is completed, and stays so.'],
    [
      'cancel',
      'terminated',
      'Run run-1 is terminated, without a report; what was answered is kept. ' +
        'Do the rest with: npm run fanfold -- retry run-1',
    ],
  ])('%s says in one line that the run is %s', async (action, status, line) => {
    const { exitCode, out, requests, url } = await fanfold([action, 'run-1'], () => statusAnswer(status));
    expect([exitCode, out.map(text => text.replace(` --url ${url}`, ''))]).toEqual([0, [line]]);
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([`POST /api/runs/run-1/${action}`]);
  });

  it('ends a run at once with --force', async () => {
    const { requests } = await fanfold(['cancel', 'a b', '--force'], () => statusAnswer('terminated'));
    expect(requests.map(({ path }) => path)).toEqual(['/api/runs/a%20b/cancel?force=true']);
  });

  it('writes the status as JSON with --json', async () => {
    const { out } = await fanfold(['pause', 'run-1', '--json'], () => statusAnswer('paused'));
    expect(out.map(line => JSON.parse(line))).toEqual([expect.objectContaining({ runId: 'run-1', status: 'paused' })]);
  });

  it('says it again while the app does not answer', async () => {
    const { exitCode, requests } = await fanfold(['resume', 'run-1'], (_, earlier) =>
      earlier.length === 0 ? NOT_TOLD : statusAnswer('running'),
    );
    expect([exitCode, requests.length]).toEqual([0, 2]);
  });

  it('says in the words of the app why it cannot do so, once that has been said often enough', async () => {
    const { exitCode, out, err, requests } = await fanfold(['resume', 'run-1'], () => NOT_TOLD);
    expect([exitCode, out, err, requests.length]).toEqual([1, [], ['error: Not told'], 7]);
  });

  it.each([
    ['503 that is no problem document', { ...NOT_TOLD, contentType: 'application/json' }],
    ['gateway', { ...NOT_TOLD, status: 502 }],
  ])('takes the answer of a %s for that of no app', async (_, answer) => {
    const { exitCode, err } = await fanfold(['resume', 'run-1'], () => answer);
    expect([exitCode, err]).toEqual([
      1,
      [expect.stringMatching(/^error: no app answers at .* \(HTTP 50[23]\); start/)],
    ]);
  });

  it.each(['cancel', 'pause', 'resume'])('%s refuses an unknown run by its id', async action => {
    const { exitCode, out, err } = await fanfold([action, 'run-1'], () => unknown);
    expect([exitCode, out, err]).toEqual([2, [], ['error: runId is "run-1"; allowed: the id of a run']]);
  });

  it('says why a cancelled run cannot be resumed', async () => {
    const { exitCode, err } = await fanfold(['resume', 'run-1'], () => problem(409, 'Cancelled, which is final'));
    expect([exitCode, err]).toEqual([1, ['error: Cancelled, which is final']]);
  });

  it('needs to be told which run', async () => {
    const { exitCode, err } = await fanfold(['cancel'], () => unknown);
    expect(exitCode).toBe(2);
    expect(err.join('\n')).toContain("missing required argument 'run'");
  });
});

describe('retry', () => {
  const ended = statusAnswer('completed');
  const started: Answer = { status: 202, body: { runId: 'run-1', attempt: 2, replayed: false, links: {} } };
  /** The run has ended, or stands as given, and the retry is answered so. */
  const answers =
    (retried: Answer, status = ended) =>
    ({ method }: SeenRequest): Answer =>
      method === 'GET' ? status : retried;

  it('starts the next attempt, and says how to watch it', async () => {
    const { exitCode, out, requests, url } = await fanfold(['retry', 'run-1'], answers(started));
    expect([exitCode, out]).toEqual([
      0,
      [
        'Run run-1 is started again, attempt 2. ' +
          `Watch it with: npm run fanfold -- status run-1 --watch --url ${url}`,
      ],
    ]);
    expect(requests).toMatchObject([
      { method: 'GET', path: '/api/runs/run-1' },
      { method: 'POST', path: '/api/runs/run-1/retry', body: '{"attempt":2}' },
    ]);
  });

  it('takes higher caps along', async () => {
    const flags = ['--max-cost-usd', '2.5', '--max-tokens', '90000', '--deadline-seconds', '60'];
    const { out, requests } = await fanfold(['retry', 'run-1', ...flags, '--json'], answers(started));
    expect(JSON.parse(requests[1]?.body ?? '')).toEqual({
      ...{ attempt: 2, maxCostUsd: 2.5, maxTokens: 90_000, deadlineSeconds: 60 },
    });
    expect(JSON.parse(out[0] ?? '')).toEqual({ runId: 'run-1', attempt: 2, isStarted: true, isReplayed: false });
  });

  it('says that nothing was left undone', async () => {
    const { exitCode, out } = await fanfold(['retry', 'run-1'], answers({ status: 200, body: running }));
    expect([exitCode, out]).toEqual([0, ['Run run-1 left nothing undone: nothing was started.']]);
  });

  it.each([
    ['--max-cost-usd', 'much', 'a number from 0.001 to 1000000'],
    ['--max-cost-usd', '-1', 'a number from 0.001 to 1000000'],
    ['--max-cost-usd', '0', 'a number from 0.001 to 1000000'],
    ['--max-tokens', '1.5', 'an integer from 1 to 1000000000000'],
    ['--deadline-seconds', '0', 'an integer from 1 to 2592000'],
  ])('refuses %s %s', async (flag, text, allowed) => {
    const { exitCode, err, requests } = await fanfold(['retry', 'run-1', flag, text], () => started);
    expect([exitCode, err, requests]).toEqual([2, [`error: ${flag} is "${text}"; allowed: ${allowed}`], []]);
  });

  it('is repeated by the number of the attempt where the app does not answer', async () => {
    const { exitCode, out, requests } = await fanfold(['retry', 'run-1'], ({ method }, earlier) =>
      method === 'GET' ? ended : earlier.length === 1 ? 'cut' : started,
    );
    expect([exitCode, requests.map(({ body }) => body)]).toEqual([0, ['', '{"attempt":2}', '{"attempt":2}']]);
    expect(out[0]).toContain('is started again, attempt 2');
  });

  it('says where the attempt was there already', async () => {
    const there: Answer = { status: 202, body: { runId: 'run-1', attempt: 2, replayed: true, links: {} } };
    const { exitCode, out, url } = await fanfold(['retry', 'run-1'], answers(there, statusAnswer('running')));
    const watch = `Watch it with: npm run fanfold -- status run-1 --watch --url ${url}`;
    const said = `Attempt 2 of run run-1 was started already, and is not started twice. ${watch}`;
    expect([exitCode, out]).toEqual([0, [said]]);
    await app.close();
    const json = await fanfold(['retry', 'run-1', '--json'], answers(there, statusAnswer('running')));
    expect(JSON.parse(json.out[0] ?? '')).toMatchObject({ attempt: 2, isReplayed: true });
  });

  it('of a run under way leaves it to the app which attempt is meant, and is sent once', async () => {
    const { exitCode, requests } = await fanfold(['retry', 'run-1'], answers('cut', statusAnswer('running')));
    expect([exitCode, requests.map(({ body }) => body)]).toEqual([1, ['', '{}']]);
  });
});

describe('delete', () => {
  const deleted = ({ method }: SeenRequest): Answer =>
    method === 'GET' ? statusAnswer('completed') : { status: 204, body: '' };
  const asked: string[] = [];
  const answering = (isYes: boolean): HarnessOptions => ({
    async confirm(question) {
      asked.push(question);
      return isYes;
    },
  });
  afterEach(() => void asked.splice(0));

  it('asks first', async () => {
    const { exitCode, out, requests } = await fanfold(['delete', 'run-1'], deleted, answering(true));
    expect([exitCode, out, asked]).toEqual([0, ['Run run-1 is deleted.'], ['Delete run run-1 with its results?']]);
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /api/runs/run-1',
      'DELETE /api/runs/run-1',
    ]);
  });

  it('does nothing without a yes', async () => {
    const { exitCode, out, err, requests } = await fanfold(['delete', 'run-1'], deleted, answering(false));
    expect([exitCode, out, err]).toEqual([1, [], ['Nothing was deleted.']]);
    expect(requests.map(({ method }) => method)).toEqual(['GET']);
  });

  it('of a run that there is not says so, and asks nothing', async () => {
    const { exitCode, out, err, requests } = await fanfold(['delete', 'run-1'], () => unknown, answering(true));
    expect([exitCode, out, err]).toEqual([2, [], ['error: runId is "run-1"; allowed: the id of a run']]);
    expect([asked, requests.map(({ method }) => method)]).toEqual([[], ['GET']]);
  });

  it('where nobody can be asked needs --yes', async () => {
    const refused = await fanfold(['delete', 'run-1'], deleted);
    expect([refused.exitCode, refused.requests.map(({ method }) => method)]).toEqual([2, ['GET']]);
    expect(refused.err).toEqual(['error: nobody can be asked here whether to delete: repeat with --yes to agree']);
    await app.close();
    const { exitCode, requests } = await fanfold(['delete', 'run-1', '--yes', '--force'], deleted);
    expect([exitCode, asked, requests[1]?.path]).toEqual([0, [], '/api/runs/run-1?force=true']);
  });

  it('of a run under way is refused in one line', async () => {
    const { exitCode, err } = await fanfold(['delete', 'run-1', '--yes'], () => problem(409, 'Under way'));
    expect([exitCode, err]).toEqual([1, ['error: Under way']]);
  });
});
