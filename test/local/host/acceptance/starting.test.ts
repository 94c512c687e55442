import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { MANAGEMENT, newId, useAcceptanceHost } from '../../../helpers/acceptance.ts';
import { pollUntil } from '../../../helpers/host-fixture.ts';

const host = useAcceptanceHost();
const linksSchema = z.record(z.string(), z.string());

/** The links of an instance, as the host writes them at its public address. */
function linksOf(origin: string, id: string) {
  const instance = `${origin}${MANAGEMENT}/instances/${id}`;
  const query = 'taskHub=AcceptanceHub&connection=Storage&code=local';
  return {
    id,
    statusQueryGetUri: `${instance}?${query}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?${query}`,
    terminatePostUri: `${instance}/terminate?reason={text}&${query}`,
    purgeHistoryDeleteUri: `${instance}?${query}`,
    restartPostUri: `${instance}/restart?${query}`,
    suspendPostUri: `${instance}/suspend?reason={text}&${query}`,
    resumePostUri: `${instance}/resume?reason={text}&${query}`,
  };
}

describe('a start that is accepted', () => {
  test('1: over HTTP it answers 202 with links; polling ends Completed, with all greetings in order', async () => {
    const { ask, post } = host();
    const id = newId();
    const started = await post(`/api/start/greetings/${id}`, ['Tokyo', 'Seattle', 'London']);
    expect(started.status).toBe(202);
    const links = linksSchema.parse(started.body);
    const { origin } = new URL(links['statusQueryGetUri'] ?? '');
    const { rewindPostUri, ...others } = links;
    expect(others).toEqual(linksOf(origin, id));
    expect(rewindPostUri).toBe(others['terminatePostUri']?.replace('/terminate?', '/rewind?'));
    expect(started.headers.get('location')).toBe(others['statusQueryGetUri']);
    expect(started.headers.get('retry-after')).toBe('10');
    const done = await pollUntil(
      () => ask(started.headers.get('location') ?? ''),
      ({ status }) => status !== 202,
    );
    expect(done).toMatchObject({
      status: 200,
      body: { runtimeStatus: 'Completed', output: ['Hello, Tokyo!', 'Hello, Seattle!', 'Hello, London!'] },
    });
  });

  test('1: by the management API the links lack rewindPostUri', async () => {
    const { manage } = host();
    const id = newId();
    const { status, headers, body } = await manage('POST', `orchestrators/greetings/${id}`, ['Tokyo']);
    const links = linksSchema.parse(body);
    const { origin } = new URL(links['statusQueryGetUri'] ?? '');
    expect([status, links]).toEqual([202, linksOf(origin, id)]);
    expect(headers.get('location')).toBe(links['statusQueryGetUri']);
    expect(headers.get('retry-after')).toBe('10');
  });

  test('1: with a timeout the management API waits for the output, or gives links when time is up', async () => {
    const { manage } = host();
    const done = await manage('POST', 'orchestrators/greetings?timeout=20&pollingInterval=0.02', ['Tokyo']);
    expect([done.status, done.body]).toEqual([200, ['Hello, Tokyo!']]);
    const waiting = await manage('POST', 'orchestrators/events?timeout=0.1&pollingInterval=0.02', { names: ['go'] });
    expect(waiting).toMatchObject({ status: 202, body: { statusQueryGetUri: expect.any(String) } });
  });

  test('1: the client waits for completion: 200 with the output, the status or 500, or 202 when time is up', async () => {
    const { client, ended, post, start } = host();
    const wait = (id: string, timeoutMs = 20_000) => post(`/api/wait/${id}?timeoutMs=${timeoutMs}`);
    const good = await wait(await start('greetings', ['Tokyo']));
    expect([good.status, good.body]).toEqual([200, ['Hello, Tokyo!']]);
    const key = newId();
    expect(await wait(await start('steps', { key, works: [{ name: 'bad', failures: 1 }] }))).toMatchObject({
      status: 500,
      body: { runtimeStatus: 'Failed' },
    });
    const id = await start('events', { names: ['go'] });
    expect(await wait(id, 50)).toMatchObject({ status: 202, body: { id } });
    await client('terminate', { id, reason: 'enough' });
    await ended(id);
    expect(await wait(id)).toMatchObject({ status: 200, body: { runtimeStatus: 'Terminated', output: 'enough' } });
  });

  test.each([65 * 1024, 5 * 1024 * 1024])('13: an output of %d characters is readable', async size => {
    const { client, ended, start } = host();
    const id = await start('call', { activity: 'text', input: { size } });
    const { runtimeStatus, output } = await ended(id);
    expect([runtimeStatus, String(output).length]).toEqual(['Completed', size]);
    const { resolved } = z
      .object({ resolved: z.object({ output: z.string() }) })
      .parse(await client('getStatus', { id }));
    expect(resolved.output).toBe('x'.repeat(size));
  });

  test('24: startNew without an input gives the empty text, an empty body by the API gives null', async () => {
    const { ended, manage, start } = host();
    expect(await ended(await start('whoAmI'))).toMatchObject({ input: '', output: { input: '' } });
    const id = newId();
    await manage('POST', `orchestrators/whoAmI/${id}`);
    expect(await ended(id)).toMatchObject({ input: null, output: { input: null } });
  });

  test('24: without an id an instance gets one of 32 hex digits', async () => {
    const { client } = host();
    expect(await client('startNew', { name: 'whoAmI' })).toEqual({ resolved: expect.stringMatching(/^[0-9a-f]{32}$/) });
  });

  test('24: a version reaches the orchestrator', async () => {
    const { client, ended } = host();
    const id = newId();
    expect(await client('startNew', { name: 'whoAmI', options: { instanceId: id, version: '1.2' } })).toEqual({
      resolved: id,
    });
    expect(await ended(id)).toMatchObject({ output: { version: '1.2' } });
  });

  test('24: the id of a finished instance is accepted, and overwrites it', async () => {
    const { client, ended, start, status } = host();
    const id = await start('greetings', ['Tokyo']);
    await ended(id);
    await start('whoAmI', 'again', id);
    expect(await ended(id)).toMatchObject({ name: 'whoAmI', input: 'again', output: { instanceId: id } });
    await start('events', { names: ['never'] }, id);
    await client('terminate', { id, reason: 'stop' });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Terminated' });
    await start('greetings', ['Oslo'], id);
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: ['Hello, Oslo!'] });
    expect((await status(id, 'showHistory=true')).historyEvents).toHaveLength(3);
  });
});

describe('a start that is refused', () => {
  test('24: the id of an instance that runs or is suspended', async () => {
    const { client, manage, start, statusWhen } = host();
    const id = await start('events', { names: ['go'] });
    const again = () => manage('POST', `orchestrators/greetings/${id}`, []);
    expect(await again()).toMatchObject({ status: 409, body: { Message: expect.stringContaining(id) } });
    expect(await client('startNew', { name: 'greetings', options: { instanceId: id, input: [] } })).toEqual({
      rejected: expect.stringContaining(
        'The operation failed with an unexpected status code: 409. Details: {"Message"',
      ),
    });
    await client('suspend', { id, reason: 'hold' });
    await statusWhen(id, ({ runtimeStatus }) => runtimeStatus === 'Suspended');
    expect(await again()).toMatchObject({ status: 409 });
  });

  test.each([
    ['starts with @', '@x@y'],
    ['has a slash', 'a/b'],
    ['has a backslash', 'a\\b'],
    ['has a number sign', 'a#b'],
    ['has a question mark', 'a?b'],
    ['has a control character', 'a\u0007b'],
    ['has over 256 characters', 'x'.repeat(257)],
  ])('24: an id that %s', async (_, id) => {
    const { manage } = host();
    const refused = await manage('POST', `orchestrators/whoAmI/${encodeURIComponent(id)}`);
    expect(refused).toMatchObject({ status: 400, body: { Message: expect.stringMatching(/./) } });
  });

  test('24: an id of 256 characters is allowed', async () => {
    const { ended, manage } = host();
    const id = newId().padEnd(256, 'x');
    expect(await manage('POST', `orchestrators/whoAmI/${id}`)).toMatchObject({ status: 202, body: { id } });
    expect(await ended(id)).toMatchObject({ output: { instanceId: id } });
  });

  test('24: an orchestrator that the app does not have, also where the name is an activity', async () => {
    const { client, manage } = host();
    for (const name of ['nobody', 'greet']) {
      expect(await manage('POST', `orchestrators/${name}`)).toMatchObject({
        status: 400,
        body: { Message: expect.stringContaining(name) },
      });
    }
    expect(await client('startNew', { name: 'nobody' })).toEqual({
      rejected: expect.stringMatching(/^The operation failed with an unexpected status code: 400\. .*nobody/),
    });
  });

  test('24: an input that is not JSON', async () => {
    const { ask } = host();
    const init = { method: 'POST', body: '{"half":', headers: { 'content-type': 'application/json' } };
    expect(await ask(`${MANAGEMENT}/orchestrators/whoAmI`, init)).toMatchObject({
      status: 400,
      body: { Message: 'Invalid JSON content' },
    });
  });
});

describe('24: a restart', () => {
  test('gives a new id, or the same one when asked to', async () => {
    const { ended, manage, start } = host();
    const id = await start('greetings', ['Tokyo']);
    await ended(id);
    const anew = await manage('POST', `instances/${id}/restart`);
    expect(anew).toMatchObject({ status: 202, body: { id: expect.not.stringMatching(id) } });
    const { id: newInstance = '' } = linksSchema.parse(anew.body);
    expect(await ended(newInstance)).toMatchObject({ name: 'greetings', input: ['Tokyo'], output: ['Hello, Tokyo!'] });
    const same = await manage('POST', `instances/${id}/restart?restartWithNewInstanceId=false`);
    expect(same).toMatchObject({ status: 202, body: { id } });
    expect(await ended(id)).toMatchObject({ output: ['Hello, Tokyo!'] });
  });

  test('of an unknown instance is refused with 400', async () => {
    expect(await host().manage('POST', `instances/${newId()}/restart`)).toMatchObject({ status: 400 });
  });
});
