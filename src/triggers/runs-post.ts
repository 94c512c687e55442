import { randomBytes, randomUUID } from 'node:crypto';
import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { type RunInput, RunInputSchema } from '../core/contracts.ts';
import { invalid, parseInput } from '../core/problems.ts';
import { planOf, type RunPlan, type RunRequest, requestSchemaFor } from '../core/run-request.ts';
import type { RunRow, RunStore } from '../services/run-store.ts';
import { instanceOf, startOnce } from './instances.ts';
import { allowQuery, readJson, switchQuery } from './request-body.ts';
import { fieldProblem, route } from './responses.ts';
import { acceptedReply } from './run-links.ts';
import { type PlanServices, planRun } from './run-plan.ts';
import { type Content, contentOf, placed } from './run-source.ts';

interface Services extends PlanServices {
  readonly runs: Pick<RunStore, 'insert' | 'read'>;
}

/**
 * `POST /api/runs`: starts a run, or with `?plan=true` says what it would take and starts nothing.
 *
 * The run's row is inserted before anything starts. A repeated request finds the row, and gets the same run, also after
 * its end; the same id with another request is refused with 422.
 */
export function createRunsPost(services: Services): HttpHandler {
  return route(async (request, context) => {
    allowQuery(request, ['plan']);
    const runRequest = parseInput(requestSchemaFor(services.settings), await readJson(request));
    const isPlan = switchQuery(request, 'plan');
    const content = await contentOf(services, runRequest);
    const chosen = planOf(runRequest, services.settings, content.issues);
    const givenRunId = givenRunIdOf(services, request, runRequest);
    if (isPlan) {
      const named =
        givenRunId === null
          ? null
          : { runId: givenRunId, requestHash: requestHashOf(services, runRequest, givenRunId) };
      const options = { request: runRequest, chosen, content, named };
      return { jsonBody: await planRun(services, df.getClient(context), options) };
    }
    const { plan } = chosen;
    if (runRequest.source.issues) await services.source.countIssues(placed(services, runRequest, plan, content));
    const runId = givenRunId ?? randomUUID();
    return start({ services, request, context }, { runRequest, runId, plan, content });
  });
}

async function start(
  { services, request, context }: { services: Services; request: HttpRequest; context: InvocationContext },
  { runRequest, runId, plan, content }: { runRequest: RunRequest; runId: string; plan: RunPlan; content: Content },
): Promise<HttpResponseInit> {
  const { limit = null } = runRequest;
  const blob = content.blob(runId);
  const input: RunInput = { runId, attempt: 1, source: { blob, format: content.format, limit }, plan };
  const requestHash = requestHashOf(services, runRequest, runId);
  const createdAtMs = Date.now();
  const row: RunRow = {
    ...input,
    requestHash,
    createdAtMs,
    linkSecret: randomBytes(24).toString('base64url'),
    control: null,
    attempts: [{ attempt: 1, startedAtMs: createdAtMs, summary: null }],
    summary: null,
  };
  const existing = await services.runs.insert(row);
  if (existing && existing.requestHash !== requestHash) {
    const allowed = 'an id not used yet, or the same request as before';
    throw fieldProblem(422, 'Another request has this id', { ...givenId(request, runRequest), allowed });
  }
  const client = df.getClient(context);
  if (!existing?.summary && (await instanceOf(client, runId)) === null) {
    if (content.bytes) await services.blobs.write(blob, content.bytes);
    await startOnce(client, RunInputSchema.parse(existing ?? row));
    context.log(
      `run ${runId} is started: "${plan.analysis}" on ${plan.deployment}, ${plan.concurrency} calls at a time`,
    );
  }
  return acceptedReply(request, client, existing ?? row, { replayed: existing !== null });
}

function givenId(request: HttpRequest, { runId }: RunRequest): { field: string; value: unknown } {
  if (runId !== undefined) return { field: 'runId', value: runId };
  return { field: 'Idempotency-Key', value: request.headers.get('idempotency-key') };
}

/** The id in the body, or that of the idempotency key; null without either. */
function givenRunIdOf({ source }: Services, request: HttpRequest, { runId }: RunRequest): string | null {
  const key = request.headers.get('idempotency-key');
  if (key !== null && runId !== undefined) throw invalid('Idempotency-Key', key, 'none beside a runId in the body');
  if (key !== null && key.trim() === '') throw invalid('Idempotency-Key', key, 'a text, or no such header');
  return runId ?? (key === null ? null : source.sha256(key).slice(0, 32));
}

function requestHashOf({ source }: Services, request: RunRequest, runId: string): string {
  return source.sha256(JSON.stringify({ ...request, runId }));
}
