import { describe, expect, test } from 'vitest';
import type { Settings } from '../../src/core/settings.ts';
import { createHealthGet } from '../../src/triggers/health-get.ts';
import { settings } from '../helpers/factories.ts';
import { callHandler, httpRequest } from '../helpers/http.ts';

const SERVICE = { endpoint: 'https://example.openai.azure.com', reachable: true, simulator: false };

async function health(
  changes: { settings?: Partial<Settings>; service?: Partial<typeof SERVICE>; read?: () => Promise<null> } = {},
) {
  const logged: unknown[] = [];
  const handler = createHealthGet({
    settings: settings({ apiKey: 'secret-key', storage: 'secret-connection', ...changes.settings }),
    version: '1.2.3',
    model: { describe: async () => ({ ...SERVICE, ...changes.service }) },
    runs: { read: changes.read ?? (async () => null) },
  });
  return { ...(await callHandler(handler, httpRequest(), logged)), logged };
}

describe('GET /api/health', () => {
  test('is 200 and says which service answers', async () => {
    const { status, json } = await health();
    expect(status).toBe(200);
    expect(json).toEqual({
      status: 'ok',
      version: '1.2.3',
      service: { ...SERVICE, deployment: 'gpt-4o-mini' },
      concurrency: null,
      ceiling: 10,
      warnings: [],
    });
    expect((await health({ settings: { concurrency: 10 } })).json.concurrency).toBe(10);
  });

  test('is 503 when storage does not answer; the log has why', async () => {
    const error = new Error('secret-connection refused');
    const { status, json, text, logged } = await health({ read: () => Promise.reject(error) });
    expect([status, json.status]).toEqual([503, 'storage_unreachable']);
    expect(text).not.toContain('secret');
    expect(logged).toEqual(['storage does not answer', error]);
  });

  test('warns of a service that does not answer, and of settings that do not fit together', async () => {
    const { status, json } = await health({ settings: { concurrency: 20 }, service: { reachable: false } });
    expect(json.status).toBe('model_unreachable');
    expect(status).toBe(200);
    expect(json.warnings).toHaveLength(2);
    expect(json.warnings.join()).toContain('MAX_CONCURRENT_AI_CALLS is 20');
    expect(json.warnings.join()).toContain('https://example.openai.azure.com does not answer');
  });

  test('tells a simulator from the service, and no secret', async () => {
    const { json, text } = await health({ service: { simulator: true } });
    expect(json.service.simulator).toBe(true);
    expect(text).not.toContain('secret');
  });
});
