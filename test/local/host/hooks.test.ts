import { afterAll, beforeAll, expect, test } from 'vitest';
import { pollUntil, serveFixture } from '../../helpers/host-fixture.ts';

let host: Awaited<ReturnType<typeof serveFixture>>;
beforeAll(async () => {
  host = await serveFixture('hooks');
});
afterAll(() => host[Symbol.asyncDispose]());

const text = async (name: string) => (await fetch(`${host.url}/api/${name}`)).text();

test('a preInvocation hook may replace inputs and handler', async () => {
  expect(JSON.parse(await text('replaced'))).toEqual({ wrapped: 'given by the hook' });
});

test('a postInvocation hook may turn an error into a result, and shares data with the hook before', async () => {
  expect(await text('repaired')).toBe('repaired after broken; pre');
});

test('a postInvocation hook may turn a result into an error', async () => {
  const response = await fetch(`${host.url}/api/spoiled`);
  expect([response.status, await response.text()]).toEqual([500, '']);
  expect(host.lines).toContainEqual({
    level: 'error',
    source: 'spoiled',
    message: expect.stringContaining('spoiled by the hook'),
  });
});

test('log hooks may change message and level, and cannot lose a line', async () => {
  host.lines.length = 0;
  const seen = JSON.parse(await text('logs'));
  expect(host.lines.slice(0, 3)).toEqual([
    { level: 'information', source: 'logs', message: 'the ***' },
    { level: 'error', source: 'logs', message: 'loud' },
    { level: 'information', source: 'logs', message: 'throw' },
  ]);
  expect(seen[0]).toBe('appStart');
  expect(seen).toContain('pre logs');
});

test('a line that comes after the handler has ended is warned about, unless a hook wrote it', async () => {
  host.lines.length = 0;
  await fetch(`${host.url}/api/leaks`);
  const lines = await pollUntil(
    async () => host.lines.filter(({ level }) => level !== 'debug'),
    found => found.length === 3,
  );
  const warning = { level: 'warning', source: 'leaks', message: expect.stringContaining('Unexpected call to') };
  expect(lines.filter(({ message }) => message !== 'from the hook')).toEqual([
    warning,
    { level: 'information', source: 'leaks', message: 'too late' },
  ]);
});

test('a function that is registered after the start is refused', async () => {
  const response = await fetch(`${host.url}/api/late`);
  expect(response.status).toBe(500);
  expect(host.lines.at(-1)?.message).toContain('Function "another" was registered after the app had started');
});
