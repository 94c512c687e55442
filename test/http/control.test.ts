import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { RunStatus } from '../../src/core/run-status.ts';
import { type Reply, someIssues, startApp, type TestApp } from '../helpers/app.ts';
import { pollUntil } from '../helpers/host-fixture.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ simulator: { latencyMs: 100 } });
});
afterAll(() => app[Symbol.asyncDispose]());

/** Two calls at a time, so that a run of 60 issues takes about three seconds. */
const SLOWLY = { concurrency: 2, batchSize: 5, batchDelayMs: 0, useCache: false };
const slowRun = (more: object = {}) => app.startRun({ source: { issues: someIssues(60) }, ...SLOWLY, ...more });
const statusOf = async (runId: string): Promise<RunStatus> => (await app.call('GET', `/runs/${runId}`)).json;
const say = (runId: string, action: string, body: object | null = null): Promise<Reply> =>
  app.call('POST', `/runs/${runId}/${action}`, body);
const begun = (runId: string) =>
  pollUntil(
    () => statusOf(runId),
    ({ progress }) => progress.done > 0,
    30_000,
  );

/** Calls so far, once no more have come for as long as a worker goes by what it has read of a run. */
async function callsAtRest(): Promise<number> {
  const twice = async () => {
    const { calls } = app.simulator.stats();
    await new Promise(resolve => setTimeout(resolve, 2_500));
    return [calls, app.simulator.stats().calls] as const;
  };
  const [calls] = await pollUntil(twice, ([before, after]) => before === after, 30_000);
  return calls;
}

/** The runtime status of a run's root and of its streams, by the engine; null where it knows none. */
async function orchestrationsOf(runId: string, attempt = 1): Promise<(string | null)[]> {
  const ids = [runId, ...[0, 1, 2].map(stream => `${runId}:${attempt}:${stream}`)];
  const replies = await Promise.all(
    ids.map(id => fetch(`${app.url}/runtime/webhooks/durabletask/instances/${encodeURIComponent(id)}`)),
  );
  return Promise.all(
    replies.map(async reply =>
      reply.status === 404 ? null : ((await reply.json()) as { runtimeStatus: string }).runtimeStatus,
    ),
  );
}

async function blobsOf(runId: string): Promise<string[]> {
  const names: string[] = [];
  const container = BlobServiceClient.fromConnectionString(inject('storage')).getContainerClient('fanfold');
  for await (const { name } of container.listBlobsFlat({ prefix: `${runId}/` })) names.push(name);
  return names;
}

describe('cancelling', () => {
  it('starts nothing new, ends with a report, and says so', async () => {
    const runId = await slowRun();
    await begun(runId);
    const { status, json } = await say(runId, 'cancel');
    expect([status, json.status]).toEqual([202, 'cancelling']);
    const { summary, ...ended } = await app.finished(runId);
    const { succeeded = 0, failed, notStarted = 0, stopped } = summary ?? {};
    expect(ended).toMatchObject({ status: 'completed', control: null, progress: { total: 60, done: succeeded } });
    expect({ stopped, failed, all: succeeded + notStarted }).toEqual({
      stopped: { reason: 'cancelled', code: null },
      failed: 0,
      all: 60,
    });
    expect([succeeded > 0, notStarted > 0]).toEqual([true, true]);
    const callsAtEnd = app.simulator.stats().calls;
    const report = (await app.call('GET', `/runs/${runId}/report`)).json;
    expect(report.errors).toMatchObject([{ code: 'cancelled', outcome: 'not_started', count: notStarted }]);
    expect((await say(runId, 'cancel')).status).toBe(200);
    expect(app.simulator.stats().calls).toBe(callsAtEnd);
  });

  it('at any moment leaves a run whose issues add up', async () => {
    const runs = Array.from({ length: 6 }, async (_, looks) => {
      const runId = await app.startRun({ source: { issues: someIssues(4) }, ...SLOWLY });
      for (let left = looks * 3; left > 0; left -= 1) await statusOf(runId);
      const { status } = await say(runId, 'cancel');
      const { summary } = await app.finished(runId);
      return { status, summary };
    });
    for (const { status, summary } of await Promise.all(runs)) {
      expect([200, 202]).toContain(status);
      expect(summary).toMatchObject({ status: 'completed', total: 4, failed: 0 });
      const { succeeded = 0, notStarted = 0, stopped } = summary ?? {};
      expect(succeeded + notStarted).toBe(4);
      if (notStarted > 0) expect(stopped).toEqual({ reason: 'cancelled', code: null });
    }
  });
});

describe('pausing', () => {
  it('holds a run still, and resuming lets it do the rest, each issue once', async () => {
    const callsBefore = app.simulator.stats().calls;
    const runId = await slowRun();
    await begun(runId);
    expect((await say(runId, 'pause')).json).toMatchObject({ status: 'paused', control: 'paused' });
    expect((await callsAtRest()) - callsBefore).toBeLessThan(60);
    const paused = await statusOf(runId);
    expect(paused).toMatchObject({ status: 'paused', summary: null });
    expect(paused.progress.done).toBeLessThan(60);

    expect((await say(runId, 'resume')).json).toMatchObject({ status: 'running', control: null });
    const { summary } = await app.finished(runId, 90_000);
    expect(summary).toMatchObject({ succeeded: 60, notStarted: 0, calls: 60, stopped: null });
    expect(app.simulator.stats().calls - callsBefore).toBe(60);
  });

  it('a paused run can be cancelled, and a cancelled one not resumed', async () => {
    const runId = await slowRun();
    await begun(runId);
    await say(runId, 'pause');
    expect((await say(runId, 'cancel')).json.status).toBe('cancelling');
    expect((await say(runId, 'resume')).status).toBe(409);
    const { summary } = await app.finished(runId, 90_000);
    expect(summary?.stopped).toEqual({ reason: 'cancelled', code: null });
  });
});

describe('?force=true', () => {
  it('ends the root, and what its streams have not ended by themselves; a retry keeps what is answered and does the rest', async () => {
    const runId = await slowRun();
    await begun(runId);
    const forced = await app.call('POST', `/runs/${runId}/cancel?force=true`);
    expect([200, 202]).toContain(forced.status);
    await pollUntil(
      () => statusOf(runId),
      ({ status }) => status === 'terminated',
      30_000,
    );
    await pollUntil(
      () => orchestrationsOf(runId),
      found => found.every(status => status === 'Terminated' || status === 'Completed'),
      30_000,
    );
    expect((await app.call('GET', `/runs/${runId}/report`)).status).toBe(409);

    const { status, json } = await say(runId, 'retry');
    expect([status, json.attempt, json.replayed]).toEqual([202, 2, false]);
    const again = await say(runId, 'retry');
    expect([again.status, again.json.attempt, again.json.replayed]).toEqual([202, 2, true]);
    expect((await say(runId, 'retry', { maxTokens: 1_000_000 })).status).toBe(409);
    expect((await app.call('GET', `/runs/${runId}/report`)).status).toBe(409);
    const ended = await app.finished(runId);
    expect(ended.attempts.map(({ attempt, summary }) => [attempt, summary?.succeeded])).toEqual([
      [1, undefined],
      [2, 60],
    ]);
    // What was in flight may have been asked again.
    const { summary } = ended;
    expect(summary?.calls).toBeGreaterThanOrEqual(60);
    expect(summary?.calls).toBeLessThanOrEqual(62);
    const { json: results } = await app.call('GET', `/runs/${runId}/results?outcome=succeeded`);
    expect(results.total).toBe(60);
  });
});

describe('a retry', () => {
  it('with a higher cap goes on where the budget ended, and buys nothing twice', async () => {
    const callsBefore = app.simulator.stats().calls;
    const runId = await slowRun({ maxTokens: 12_000 });
    const first = (await app.finished(runId)).summary;
    expect(first?.stopped).toEqual({ reason: 'budget', code: null });
    expect(first?.tokens.totalTokens).toBeLessThanOrEqual(12_000);
    expect(first?.notStarted).toBeGreaterThan(0);
    const used = first?.tokens.totalTokens ?? 0;
    for (const body of [null, { maxTokens: used }, { maxTokens: 12_000 }]) {
      const refused = await say(runId, 'retry', body);
      expect([refused.status, refused.json.violations]).toMatchObject([400, [{ field: 'maxTokens' }]]);
    }

    expect((await say(runId, 'retry', { attempt: 2, maxTokens: 1_000_000 })).status).toBe(202);
    const { summary, attempts, caps } = await app.finished(runId);
    expect(summary).toMatchObject({ attempt: 2, succeeded: 60, notStarted: 0, stopped: null, calls: 60 });
    expect(caps.maxTokens).toBe(1_000_000);
    expect(attempts.map(each => each.summary?.succeeded)).toEqual([first?.succeeded, 60]);
    const again = await say(runId, 'retry', { attempt: 2, maxTokens: 1_000_000 });
    expect([again.status, again.json.replayed]).toEqual([202, true]);
    expect(app.simulator.stats().calls - callsBefore).toBe(60);
  });

  it('at once after a cancel goes on, though the workers have just read that it is cancelled', async () => {
    const runId = await slowRun();
    await begun(runId);
    await say(runId, 'cancel');
    await app.finished(runId);
    expect((await say(runId, 'retry')).status).toBe(202);
    const { summary } = await app.finished(runId, 90_000);
    expect(summary).toMatchObject({ attempt: 2, succeeded: 60, notStarted: 0, stopped: null });
  });

  it('of a run that left nothing undone starts nothing', async () => {
    const runId = await app.startRun({ source: { issues: someIssues(3) } });
    await app.finished(runId);
    const { status, json } = await say(runId, 'retry');
    expect([status, json.status, json.attempt]).toEqual([200, 'completed', 1]);
  });

  it('several at one moment make one attempt', async () => {
    const runId = await slowRun();
    await begun(runId);
    await say(runId, 'cancel');
    await app.finished(runId);
    const replies = await Promise.all(Array.from({ length: 4 }, () => say(runId, 'retry')));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([202]));
    expect((await app.finished(runId)).attempts).toHaveLength(2);
  });
});

describe('deleting', () => {
  it('removes a run that has ended, and all that is kept of it', async () => {
    const runId = await app.startRun({ source: { issues: someIssues(5) } });
    await app.finished(runId);
    expect(await blobsOf(runId)).toContain(`${runId}/report.json`);
    const replies = [await app.call('DELETE', `/runs/${runId}`), await app.call('DELETE', `/runs/${runId}`)];
    expect(replies.map(({ status }) => status)).toEqual([204, 204]);
    expect((await app.call('GET', `/runs/${runId}`)).status).toBe(404);
    expect((await say(runId, 'cancel')).status).toBe(404);
    expect(await blobsOf(runId)).toEqual([]);
    expect(await orchestrationsOf(runId)).toEqual([null, null, null, null]);
    const { json: listed } = await app.call('GET', '/runs?limit=1000');
    expect(listed.runs.map((run: RunStatus) => run.runId)).not.toContain(runId);
  });

  it('leaves an id that is not used again, since processes may remember the issues of its run', async () => {
    const runId = await app.startRun({ source: { issues: someIssues(2) } });
    await app.finished(runId);
    await app.call('DELETE', `/runs/${runId}`);
    const { status, json } = await app.call('POST', '/runs', { runId, source: { issues: someIssues(3) } });
    expect([status, json.violations[0]]).toEqual([
      400,
      {
        field: 'runId',
        value: JSON.stringify(runId),
        allowed: 'an id, or an Idempotency-Key, that no deleted run has had',
      },
    ]);
  });

  it('refuses a run under way, unless forced', async () => {
    const runId = await slowRun();
    await begun(runId);
    const refused = await app.call('DELETE', `/runs/${runId}`);
    expect([refused.status, refused.json.title]).toEqual([409, 'Under way']);
    const forced = await pollUntil(
      () => app.call('DELETE', `/runs/${runId}?force=true`),
      ({ status }) => status === 204,
      60_000,
    );
    expect(forced.status).toBe(204);
    expect((await app.call('GET', `/runs/${runId}`)).status).toBe(404);
    expect(await blobsOf(runId)).toEqual([]);
    expect(await orchestrationsOf(runId)).toEqual([null, null, null, null]);
  });
});

it('a run or an action that there is not is a 404', async () => {
  expect((await say('nobody', 'pause')).json.violations).toMatchObject([{ field: 'runId', value: '"nobody"' }]);
  const runId = await app.startRun({ source: { issues: someIssues(1) } });
  expect((await say(runId, 'stop')).json).toMatchObject({ status: 404, title: 'No such action' });
});
