import { randomBytes, randomUUID } from 'node:crypto';
import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { analysisNamed } from '../core/analyses.ts';
import { estimatedPromptTokens, messagesFor, questionOf } from '../core/analysis.ts';
import { CONTRACTS, type RunInput, type Source } from '../core/contracts.ts';
import { isEmptyIssue } from '../core/issues.ts';
import { RunIdSchema, runBlobs, uploadBlobs } from '../core/names.ts';
import { invalid, parseInput } from '../core/problems.ts';
import { planOf, type RunPlan, type RunRequest, RunRequestSchema } from '../core/run-request.ts';
import type { Settings } from '../core/settings.ts';
import { costUsd } from '../core/usage.ts';
import type { ModelClient } from '../services/azure-openai.ts';
import type { BlobStore } from '../services/blobs.ts';
import type { countIssues, placeIssues, readIssues, sha256 } from '../services/issue-source.ts';
import type { RunRow, RunStore } from '../services/run-store.ts';
import { readJson } from './request-body.ts';
import { fieldProblem, route } from './responses.ts';
import { runLinks, signedLink } from './run-links.ts';
import type { UploadDescription } from './uploads-post.ts';

interface Services {
  readonly settings: Settings;
  readonly blobs: Pick<BlobStore, 'read' | 'write'>;
  readonly runs: Pick<RunStore, 'insert'>;
  readonly model: Pick<ModelClient, 'describe'>;
  readonly source: {
    readonly readIssues: typeof readIssues;
    readonly placeIssues: typeof placeIssues;
    readonly countIssues: typeof countIssues;
    readonly sha256: typeof sha256;
  };
}

const RETRY_AFTER_SECONDS = '5';

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
    const content = await readSource(services, runRequest);
    if (request.query.get('plan') === 'true') return { jsonBody: await planned(services, runRequest, plan, content) };
    if (runRequest.source.issues) await services.source.countIssues(placed(services, runRequest, plan, content));
    return start({ services, request, context }, runRequest, plan, content);
  });
}

interface Content {
  readonly format: Source['format'];
  readonly bytes: Uint8Array;
}

async function readSource({ blobs }: Services, { source }: RunRequest): Promise<Content> {
  if (source.issues) return { format: 'json', bytes: Buffer.from(JSON.stringify(source.issues)) };
  const uploadId = source.uploadId ?? '';
  const isName = /^[\w.-]{1,64}$/.test(uploadId);
  const description = isName && (await blobs.read(uploadBlobs.description(uploadId)));
  const bytes = description && (await blobs.read(uploadBlobs.content(uploadId)));
  if (!bytes) throw invalid('source.uploadId', uploadId, 'an id answered by POST /api/uploads');
  return { format: (JSON.parse(description.toString('utf8')) as UploadDescription).format, bytes };
}

function placed({ source }: Services, request: RunRequest, plan: RunPlan, { format, bytes }: Content) {
  async function* chunks() {
    yield bytes;
  }
  const analysis = analysisNamed(plan.analysis);
  const issues = source.readIssues(format, chunks());
  return source.placeIssues(issues, issue => questionOf(analysis, plan.deployment, issue), request.limit ?? null);
}

async function planned(services: Services, request: RunRequest, plan: RunPlan, content: Content) {
  const analysis = analysisNamed(plan.analysis);
  let [calls, promptTokens] = [0, 0];
  const counts = await services.source.countIssues(placed(services, request, plan, content), ({ issue, sameAs }) => {
    if (sameAs !== null || isEmptyIssue(issue)) return;
    calls += 1;
    promptTokens += estimatedPromptTokens(messagesFor(analysis, issue));
  });
  const usage = { promptTokens, completionTokens: calls * analysis.typicalCompletionTokens, cachedTokens: 0 };
  const { endpoint, simulator } = await services.model.describe();
  return {
    analysis: plan.analysis,
    deployment: plan.deployment,
    issues: counts.total,
    distinct: counts.units,
    calls,
    estimatedPromptTokens: usage.promptTokens,
    estimatedCompletionTokens: usage.completionTokens,
    estimatedCostUsd: costUsd(usage, plan.deployment),
    concurrency: plan.concurrency,
    batchSize: plan.batchSize,
    streams: plan.streams,
    service: { endpoint, deployment: plan.deployment, simulator },
  };
}

async function start(
  { services, request, context }: { services: Services; request: HttpRequest; context: InvocationContext },
  runRequest: RunRequest,
  plan: RunPlan,
  content: Content,
): Promise<HttpResponseInit> {
  const { source, limit = null } = runRequest;
  const runId = runIdOf(services, request, runRequest);
  const blob = source.issues ? runBlobs.source(runId) : uploadBlobs.content(source.uploadId ?? '');
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
    throw fieldProblem(422, 'Another request has this id', { field: idFieldOf(runRequest), value: runId, allowed });
  }
  const client = df.getClient(context);
  if (!existing?.summary && !(await isStarted(client, runId))) {
    if (source.issues) await services.blobs.write(blob, content.bytes);
    const { requestHash: _, createdAtMs: __, linkSecret: ___, summary: ____, ...firstInput } = existing ?? row;
    await startOnce(client, firstInput);
  }
  const { linkSecret } = existing ?? row;
  const management = client.createHttpManagementPayload(runId);
  return {
    status: 202,
    headers: { Location: signedLink(request, runId, linkSecret, Date.now()), 'Retry-After': RETRY_AFTER_SECONDS },
    jsonBody: { runId, replayed: existing !== null, links: runLinks(request, runId), management },
  };
}

function idFieldOf({ runId }: RunRequest): string {
  return runId === undefined ? 'Idempotency-Key' : 'runId';
}

function runIdOf({ source }: Services, request: HttpRequest, { runId }: RunRequest): string {
  const key = request.headers.get('idempotency-key');
  if (runId !== undefined) return parseInput(RunIdSchema, runId, 'runId');
  return key ? source.sha256(key).slice(0, 32) : randomUUID();
}

/** Starts the orchestration; a request that lost the race against its own repetition finds it started. */
async function startOnce(client: df.DurableClient, input: RunInput): Promise<void> {
  try {
    await client.startNew(CONTRACTS.processIssues.name, { instanceId: input.runId, input });
  } catch (error) {
    if (!(await isStarted(client, input.runId))) throw error;
  }
}

async function isStarted(client: df.DurableClient, instanceId: string): Promise<boolean> {
  try {
    await client.getStatus(instanceId);
    return true;
  } catch (error) {
    if (/HTTP 404/.test(String(error))) return false;
    throw error;
  }
}
