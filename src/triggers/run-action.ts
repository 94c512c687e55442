import type { HttpHandler } from '@azure/functions';
import { RunIdSchema } from '../core/names.ts';
import { RUN_ACTIONS } from '../core/run-control.ts';
import type { RunStore } from '../services/run-store.ts';
import { HttpProblem, noSuchRun, route } from './responses.ts';
import { controlRun } from './run-control.ts';
import { retryRun } from './run-retry.ts';
import type { Sleep } from './run-termination.ts';

interface Services {
  readonly runs: Pick<RunStore, 'entry' | 'setControl' | 'control' | 'restart'>;
  readonly sleep: Sleep;
}

/** `POST /api/runs/{runId}/cancel`, `…/pause`, `…/resume` and `…/retry`. */
export function createRunAction(services: Services): HttpHandler {
  return route(async (request, context) => {
    const { runId = '', action: name = '' } = request.params;
    const action = RUN_ACTIONS.find(word => word === name);
    if (!action && name !== 'retry') {
      const allowed = [...RUN_ACTIONS, 'retry'].map(word => `"${word}"`).join(', ');
      throw new HttpProblem(404, 'No such action', `A run can be told ${allowed}, but not "${name}".`);
    }
    if (!RunIdSchema.safeParse(runId).success) throw noSuchRun(runId);
    const asked = { request, context, runId };
    return action ? controlRun(services, action, asked) : retryRun(services, asked);
  });
}
