import type { HttpHandler } from '@azure/functions';
import { type Settings, settingsWarnings } from '../core/settings.ts';
import type { ModelClient } from '../services/azure-openai.ts';
import type { RunStore } from '../services/run-store.ts';
import { route } from './responses.ts';

interface Services {
  readonly settings: Settings;
  readonly version: string;
  readonly model: Pick<ModelClient, 'describe'>;
  readonly runs: Pick<RunStore, 'read'>;
}

/**
 * `GET /api/health`: 200 when storage answers, else 503; says which service answers, and what in the settings does not
 * fit together. It needs no key and tells no secret.
 */
export function createHealthGet({ settings, version, model, runs }: Services): HttpHandler {
  return route(async (_request, context) => {
    const storageAnswers = runs.read('-').then(
      () => true,
      error => {
        context.error('storage does not answer', error);
        return false;
      },
    );
    const [service, storage] = await Promise.all([model.describe(), storageAnswers]);
    const { deployment, concurrency, ceiling } = settings;
    const warnings = settingsWarnings(settings);
    if (!service.reachable) warnings.push(`${service.endpoint} does not answer: runs would fail`);
    const body = {
      status: storage ? (service.reachable ? 'ok' : 'model_unreachable') : 'storage_unreachable',
      version,
      service: { ...service, deployment },
      concurrency,
      ceiling,
      warnings,
    };
    return { status: storage ? 200 : 503, jsonBody: body };
  });
}
