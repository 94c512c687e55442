import { randomBytes, randomUUID } from 'node:crypto';
import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { analysisNamed } from '../core/analyses.ts';
import { questionOf } from '../core/analysis.ts';
import { CONTRACTS, type RunInput, RunInputSchema, type Source } from '../core/contracts.ts';
import { createEstimator } from '../core/estimate.ts';
import { runBlobs, uploadBlobs } from '../core/names.ts';
import { invalid, parseInput } from '../core/problems.ts';
import { planOf, type RunPlan, type RunRequest, RunRequestSchema } from '../core/run-request.ts';
import type { Settings } from '../core/settings.ts';
import type { ModelClient } from '../services/azure-openai.ts';
import type { BlobStore } from '../services/blobs.ts';
import type { IssueSource } from '../services/issue-source.ts';
import type { RunRow, RunStore } from '../services/run-store.ts';
import { instanceOf } from './instances.ts';
import { readJson, wordQuery } from './request-body.ts';
import { fieldProblem, RETRY_AFTER_SECONDS, route } from './responses.ts';
import { runLinks, signedLink } from './run-links.ts';
import type { UploadDescription } from './uploads-post.ts';

interface Services {
  readonly settings: Settings;
  readonly blobs: Pick<BlobStore, 'read' | 'write' | 'chunks'>;
  readonly runs: Pick<RunStore, 'insert'>;
  readonly model: Pick<ModelClient, 'describe'>;
  readonly source: IssueSource;
}

/**
 * `POST /api/runs`: starts a run, or with `?plan=true` says what it would take and starts nothing.
 *
 * The run's row is inserted before anything starts. A repeated request finds the row, and gets the same run, also after
 * its end; the same id with another request is refused with 422.
 */
export function createRunsPost(services: Services): HttpHandler {
  return route(async (request, context) => {
    const runRequest = parseInput(RunRequestSchema, await readJson(request));
    const plan = planOf(runRequest, services.settings);
    const content = await contentOf(services, runRequest);
    if (wordQuery(request, 'plan', ['true', 'false']) === 'true') {
      return { jsonBody: await planned(services, runRequest, plan, content) };
    }
    if (runRequest.source.issues) await services.source.countIssues(placed(services, runRequest, plan, content));
    return start({ services, request, context }, runRequest, plan, content);
  });
}

/** The issues of a request: given in it, or uploaded before. */
interface Content {
  readonly format: Source['format'];
  readonly blob: (runId: string) => string;
  /** To be stored under that name; null where it lies there already. */
  readonly bytes: Uint8Array | null;
}

async function contentOf({ blobs }: Services, { source }: RunRequest): Promise<Content> {
  if (source.issues)
    return { format: 'json', blob: runBlobs.source, bytes: Buffer.from(JSON.stringify(source.issues)) };
  const uploadId = source.uploadId ?? '';
  const isName = /^[\w.-]{1,64}$/.test(uploadId);
  const description = isName && (await blobs.read(uploadBlobs.description(uploadId)));
  if (!description) throw invalid('source.uploadId', uploadId, 'an id answered by POST /api/uploads');
  const { format } = JSON.parse(description.toString('utf8')) as UploadDescription;
  return { format, blob: () => uploadBlobs.content(uploadId), bytes: null };
}

function placed({ source, blobs }: Services, request: RunRequest, plan: RunPlan, { format, bytes, blob }: Content) {
  const analysis = analysisNamed(plan.analysis);
  const issues = source.readIssues(format, bytes ? source.inPieces(bytes) : blobs.chunks(blob('')));
  return source.placeIssues(issues, issue => questionOf(analysis, plan.deployment, issue), request.limit ?? null);
}

async function planned(services: Services, request: RunRequest, plan: RunPlan, content: Content) {
  const { analysis, deployment, concurrency, batchSize, streams } = plan;
  const estimator = createEstimator(analysisNamed(analysis), deployment);
  const counts = await services.source.countIssues(placed(services, request, plan, content), ({ issue, sameAs }) => {
    if (sameAs === null) estimator.add(issue);
  });
  const { endpoint, simulator } = await services.model.describe();
  const numbers = {
    issues: counts.total,
    distinct: counts.units,
    ...estimator.estimate(),
    concurrency,
    batchSize,
    streams,
  };
  return { analysis, deployment, ...numbers, service: { endpoint, deployment, simulator } };
}

async function start(
  { services, request, context }: { services: Services; request: HttpRequest; context: InvocationContext },
  runRequest: RunRequest,
  plan: RunPlan,
  content: Content,
): Promise<HttpResponseInit> {
  const { limit = null } = runRequest;
  const runId = runIdOf(services, request, runRequest);
  const blob = content.blob(runId);
  const input: RunInput = { runId, attempt: 1, source: { blob, format: content.format, limit }, plan };
  const requestHash = services.source.sha256(JSON.stringify({ ...runRequest, runId }));
  const row: RunRow = {
    ...input,
    requestHash,
    createdAtMs: Date.now(),
    linkSecret: randomBytes(24).toString('base64url'),
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
  const { linkSecret } = existing ?? row;
  const management = client.createHttpManagementPayload(runId);
  return {
    status: 202,
    headers: { Location: signedLink(request, runId, linkSecret, Date.now()), 'Retry-After': RETRY_AFTER_SECONDS },
    jsonBody: { runId, replayed: existing !== null, links: runLinks(request, runId), management },
  };
}

function givenId(request: HttpRequest, { runId }: RunRequest): { field: string; value: unknown } {
  if (runId !== undefined) return { field: 'runId', value: runId };
  return { field: 'Idempotency-Key', value: request.headers.get('idempotency-key') };
}

function runIdOf({ source }: Services, request: HttpRequest, { runId }: RunRequest): string {
  const key = request.headers.get('idempotency-key');
  if (key !== null && runId !== undefined) throw invalid('Idempotency-Key', key, 'none beside a runId in the body');
  if (key !== null && key.trim() === '') throw invalid('Idempotency-Key', key, 'a text, or no such header');
  return runId ?? (key === null ? randomUUID() : source.sha256(key).slice(0, 32));
}

/** Starts the orchestration; a request that lost the race against its own repetition finds it started. */
async function startOnce(client: df.DurableClient, input: RunInput): Promise<void> {
  try {
    await client.startNew(CONTRACTS.processIssues.name, { instanceId: input.runId, input });
  } catch (error) {
    if ((await instanceOf(client, input.runId)) === null) throw error;
  }
}
