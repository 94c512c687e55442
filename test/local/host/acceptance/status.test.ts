import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { A_SECOND, AN_INSTANT, MANAGEMENT, newId, useAcceptanceHost } from '../../../helpers/acceptance.ts';

const host = useAcceptanceHost();
const pageSchema = z.array(z.looseObject({ instanceId: z.string(), runtimeStatus: z.string() }));
const TOKEN = 'x-ms-continuation-token';

describe('25: the status of one instance', () => {
  test('while it runs: 202, Location, Retry-After and every field', async () => {
    const { manage, start, statusWhen } = host();
    const id = await start('events', { names: ['go'] });
    await statusWhen(id, ({ runtimeStatus }) => runtimeStatus === 'Running');
    const path = `instances/${id}?taskHub=AcceptanceHub&code=local`;
    const { status, headers, body } = await manage('GET', path);
    expect(status).toBe(202);
    expect(headers.get('location')).toMatch(new RegExp(`^http://[^/]+${MANAGEMENT}/instances/${id}\\?taskHub=`));
    expect(new URL(headers.get('location') ?? '').search).toBe('?taskHub=AcceptanceHub&code=local');
    expect(headers.get('retry-after')).toBe('5');
    expect(body).toEqual({
      name: 'events',
      instanceId: id,
      runtimeStatus: 'Running',
      input: { names: ['go'] },
      customStatus: null,
      output: null,
      createdTime: A_SECOND,
      lastUpdatedTime: A_SECOND,
    });
  });

  test('suspended: 202 as well', async () => {
    const { client, manage, start, statusWhen } = host();
    const id = await start('events', { names: ['go'] });
    await client('suspend', { id, reason: 'hold' });
    await statusWhen(id, ({ runtimeStatus }) => runtimeStatus === 'Suspended');
    const { status, headers } = await manage('GET', `instances/${id}`);
    expect([status, headers.get('retry-after')]).toEqual([202, '5']);
  });

  test('completed: 200 without the headers of waiting, times to the second', async () => {
    const { ended, manage, start } = host();
    const beforeMs = Date.now();
    const id = await start('greetings', ['Tokyo']);
    await ended(id);
    const { status, headers, body } = await manage('GET', `instances/${id}`);
    expect([status, headers.get('location'), headers.get('retry-after')]).toEqual([200, null, null]);
    expect(body).toEqual({
      name: 'greetings',
      instanceId: id,
      runtimeStatus: 'Completed',
      input: ['Tokyo'],
      customStatus: null,
      output: ['Hello, Tokyo!'],
      createdTime: A_SECOND,
      lastUpdatedTime: A_SECOND,
    });
    const { createdTime, lastUpdatedTime } = z.record(z.string(), z.unknown()).parse(body);
    const createdMs = Date.parse(String(createdTime));
    // To the second: what comes after the whole seconds is cut off.
    expect(createdMs).toBeGreaterThan(beforeMs - 1_000);
    expect(Date.parse(String(lastUpdatedTime))).toBeGreaterThanOrEqual(createdMs);
    expect(Date.parse(String(lastUpdatedTime))).toBeLessThanOrEqual(Date.now());
  });

  test('failed: 200, and 500 where that is asked for', async () => {
    const { ended, manage, start } = host();
    const id = await start('steps', { key: newId(), works: [{ name: 'bad', failures: 1 }] });
    await ended(id);
    const body = { runtimeStatus: 'Failed', output: expect.stringMatching(/^Orchestrator function 'steps' failed: /) };
    expect(await manage('GET', `instances/${id}`)).toMatchObject({ status: 200, body });
    const path = `instances/${id}?returnInternalServerErrorOnFailure=true`;
    expect(await manage('GET', path)).toMatchObject({ status: 500, body });
  });

  test('unknown: 404 without a body', async () => {
    const { client, manage } = host();
    const id = newId();
    expect(await manage('GET', `instances/${id}`)).toMatchObject({ status: 404, body: '' });
    expect(await client('getStatus', { id })).toEqual({ rejected: expect.stringContaining('HTTP 404 response') });
  });

  test('without the input where it is not wanted', async () => {
    const { ended, start, status } = host();
    const id = await start('greetings', ['Tokyo']);
    await ended(id);
    expect(await status(id, 'showInput=false')).toMatchObject({ input: null, output: ['Hello, Tokyo!'] });
  });

  test('by the client, which does not pass on the history', async () => {
    const { client, ended, start } = host();
    const id = await start('greetings', ['Tokyo']);
    await ended(id);
    expect(await client('getStatus', { id, options: { showHistory: true } })).toEqual({
      resolved: {
        name: 'greetings',
        instanceId: id,
        createdTime: expect.any(String),
        lastUpdatedTime: expect.any(String),
        input: ['Tokyo'],
        output: ['Hello, Tokyo!'],
        runtimeStatus: 'Completed',
        customStatus: null,
      },
    });
  });

  test('a method that does not belong to the route: 404', async () => {
    const { manage } = host();
    expect(await manage('PUT', 'instances/x')).toMatchObject({ status: 404 });
    expect(await manage('GET', 'orchestrators/greetings')).toMatchObject({ status: 404 });
  });
});

describe('25: the history', () => {
  const started = { EventType: 'ExecutionStarted', Timestamp: AN_INSTANT, FunctionName: 'retrying' };
  const ended = { EventType: 'ExecutionCompleted', Timestamp: AN_INSTANT, OrchestrationStatus: 'Completed' };
  const scheduled = { Timestamp: AN_INSTANT, ScheduledTime: AN_INSTANT };

  test('scheduled rows are folded into the rows that end them; results stand only where they are wanted', async () => {
    const { ended: endOf, start, status } = host();
    const work = { key: newId(), name: 'flaky', failures: 1 };
    const input = { work, intervalMs: 50, attempts: 3 };
    const id = await start('retrying', input);
    await endOf(id);
    const failed = {
      ...scheduled,
      EventType: 'TaskFailed',
      FunctionName: 'work',
      Reason: "Activity function 'work' failed:  flaky failed at attempt 1",
      Details: expect.any(String),
    };
    const rows = [
      { ...started, Input: JSON.stringify(input) },
      { ...failed, Input: null },
      { EventType: 'TimerCreated', Timestamp: AN_INSTANT, FireAt: AN_INSTANT },
      { EventType: 'TimerFired', Timestamp: AN_INSTANT, FireAt: AN_INSTANT },
      { ...scheduled, EventType: 'TaskCompleted', FunctionName: 'work', Input: null },
      { ...scheduled, EventType: 'SubOrchestrationInstanceCompleted', FunctionName: 'whoAmI', Input: null },
      ended,
    ];
    const results = [undefined, undefined, undefined, undefined, 'flaky-2', expect.anything(), expect.anything()];
    const full = await status(id, 'showHistory=true&showHistoryOutput=true');
    expect(full.historyEvents).toMatchObject(
      rows.map((row, i) => ({ ...row, ...(results[i] && { Result: results[i] }) })),
    );
    expect(full.historyEvents?.at(-1)).toMatchObject({ Result: { result: 'flaky-2', nextId: 3 } });
    for (const row of full.historyEvents ?? []) {
      for (const name of [
        'EventId',
        'IsPlayed',
        'TaskScheduledId',
        'TimerId',
        'OrchestrationInstance',
        'ParentInstance',
      ]) {
        expect(row).not.toHaveProperty(name);
      }
    }
    const bare = await status(id, 'showHistory=true&showInput=false');
    expect(bare.historyEvents?.map(row => row.EventType)).toEqual(rows.map(row => row.EventType));
    for (const row of bare.historyEvents ?? []) {
      expect(row).not.toHaveProperty('Result');
      expect(row).not.toHaveProperty('Input');
    }
    expect(full.historyEvents?.[1]).toEqual({ ...failed, Input: null });
    expect(full.historyEvents?.[0]).toEqual({ ...started, Input: JSON.stringify(input) });
  });

  test('a scheduled row without an end stays, and loses its version', async () => {
    const { history, journalOf, open, start } = host();
    const key = newId();
    const id = await start('steps', { key, works: [{ name: 'slow', gated: true }] });
    await journalOf(key, 1);
    expect((await history(id))[1]).toEqual({
      EventType: 'TaskScheduled',
      Timestamp: AN_INSTANT,
      Name: 'work',
      Input: null,
    });
    await open(key, 'slow-1');
  });

  test('an event that was raised shows its name and data', async () => {
    const { client, ended: endOf, history, start } = host();
    const id = await start('events', { names: ['go'] });
    await client('raiseEvent', { id, name: 'go', data: { by: 'test' } });
    await endOf(id);
    expect((await history(id)).find(row => row.EventType === 'EventRaised')).toEqual({
      EventType: 'EventRaised',
      Timestamp: AN_INSTANT,
      Name: 'go',
      Input: '{"by":"test"}',
    });
  });
});

describe('12: the list of instances', () => {
  test('of all is an array that has each; that of the running ones has no other', async () => {
    const { client, ended, start } = host();
    const done = await start('greetings', ['Tokyo']);
    const running = await start('events', { names: ['go'] });
    await ended(done);
    const all = z.object({ resolved: pageSchema }).parse(await client('getStatusAll')).resolved;
    expect(all.map(({ instanceId }) => instanceId)).toEqual(expect.arrayContaining([done, running]));
    const filter = { runtimeStatus: ['Running'] };
    const some = z.object({ resolved: pageSchema }).parse(await client('getStatusBy', filter)).resolved;
    expect(some.map(({ instanceId }) => instanceId)).toContain(running);
    expect(new Set(some.map(({ runtimeStatus }) => runtimeStatus))).toEqual(new Set(['Running']));
  });

  test('is narrowed by the time of creation', async () => {
    const { client, ended, start } = host();
    const before = await start('whoAmI');
    await ended(before);
    const from = new Date();
    const id = await start('whoAmI');
    const ids = async (filter: object) =>
      z
        .object({ resolved: pageSchema })
        .parse(await client('getStatusBy', filter))
        .resolved.map(({ instanceId }) => instanceId);
    const later = await ids({ from });
    expect(later).toContain(id);
    expect(later).not.toContain(before);
    const earlier = await ids({ to: new Date(from.getTime() - 1) });
    expect(earlier).toContain(before);
    expect(earlier).not.toContain(id);
  });

  test('comes in pages of `top`, which yield each instance once', async () => {
    const { ask, start } = host();
    const prefix = `${newId()}-`;
    const ids = Array.from({ length: 7 }, (_, i) => `${prefix}${i}`);
    for (const id of ids) await start('whoAmI', null, id);
    const seen: string[] = [];
    let token = '';
    const sizes: number[] = [];
    do {
      const headers: Record<string, string> = token ? { [TOKEN]: token } : {};
      const page = await ask(`${MANAGEMENT}/instances?instanceIdPrefix=${prefix}&top=3`, { headers });
      const found = pageSchema.parse(page.body);
      sizes.push(found.length);
      seen.push(...found.map(({ instanceId }) => instanceId));
      token = page.headers.get(TOKEN) ?? '';
    } while (token !== '');
    expect(seen.toSorted()).toEqual(ids);
    expect(sizes.filter(size => size > 0)).toEqual([3, 3, 1]);
  });

  test('has bodies like that of one instance; unknown statuses in the filter are ignored', async () => {
    const { ended, manage, start, status } = host();
    const id = await start('greetings', ['Tokyo']);
    await ended(id);
    const list = (query: string) => manage('GET', `instances?instanceIdPrefix=${id}&${query}`);
    expect(await list('runtimeStatus=Completed,Sleeping')).toMatchObject({ status: 200, body: [await status(id)] });
    expect((await list('runtimeStatus=Failed&runtimeStatus=Completed')).body).toHaveLength(1);
    expect((await list('runtimeStatus=Failed')).body).toEqual([]);
    expect((await list('showInput=false')).body).toEqual([{ ...(await status(id)), input: null }]);
  });
});
