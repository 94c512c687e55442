import { hostname } from 'node:os';
import { app, type HttpHandler, type HttpMethod } from '@azure/functions';
import { DefaultAzureCredential } from '@azure/identity';
import * as df from 'durable-functions';
import manifest from '../package.json' with { type: 'json' };
import { createAnalyzeIssue } from './activities/analyze-issue.ts';
import { createBuildReport } from './activities/build-report.ts';
import { createLoadIssues } from './activities/load-issues.ts';
import { CONTRACTS } from './core/contracts.ts';
import { parseSettings } from './core/settings.ts';
import { processIssues } from './orchestrators/process-issues.ts';
import { processStream } from './orchestrators/process-stream.ts';
import { createAzureOpenAi } from './services/azure-openai.ts';
import { createBlobStore } from './services/blobs.ts';
import { createIssuePages } from './services/issue-pages.ts';
import * as source from './services/issue-source.ts';
import { createLedgerStores } from './services/ledger-store.ts';
import { createPermits } from './services/permits.ts';
import { createResultsStore, csvOf } from './services/results.ts';
import { createRunStore } from './services/run-store.ts';
import { connectStorage } from './services/storage.ts';
import { createWorkerIdentity } from './services/worker-identity.ts';
import { createHealthGet } from './triggers/health-get.ts';
import { createRunViews } from './triggers/run-views.ts';
import { createLinkGet, createRunGet, createRunsGet } from './triggers/runs-get.ts';
import { createRunsPost } from './triggers/runs-post.ts';
import { createUploadsPost } from './triggers/uploads-post.ts';

const settings = parseSettings(process.env);
const { identityClientId } = settings;
const credential = () =>
  new DefaultAzureCredential(identityClientId === null ? {} : { managedIdentityClientId: identityClientId });

const storage = connectStorage(settings, credential);
const blobs = createBlobStore(storage);
const pages = createIssuePages(blobs);
const results = createResultsStore(blobs);
const ledger = createLedgerStores(storage);
const runs = createRunStore(storage);
const model = createAzureOpenAi(settings, credential);
const permits = createPermits();
const worker = createWorkerIdentity(process.env['WEBSITE_INSTANCE_ID'] ?? hostname());
const waiting = {
  nowMs: Date.now,
  random: Math.random,
  sleep: (delayMs: number) => new Promise<void>(resolve => setTimeout(resolve, delayMs)),
};

df.app.orchestration(CONTRACTS.processIssues.name, processIssues);
df.app.orchestration(CONTRACTS.processStream.name, processStream);
df.app.activity(CONTRACTS.loadIssues.name, { handler: createLoadIssues({ blobs, pages, source }) });
df.app.activity(CONTRACTS.analyzeIssue.name, {
  handler: createAnalyzeIssue({ ledger, pages, model, permits, worker, waiting }),
});
df.app.activity(CONTRACTS.buildReport.name, { handler: createBuildReport({ pages, ledger, results, runs }) });

const runViews = createRunViews({ runs, results, csvOf });
const keyed = (name: string, method: HttpMethod, path: string, handler: HttpHandler) =>
  app.http(name, {
    methods: [method],
    route: path,
    authLevel: 'function',
    extraInputs: [df.input.durableClient()],
    handler,
  });
const open = (name: string, path: string, handler: HttpHandler) =>
  app.http(name, {
    methods: ['GET'],
    route: path,
    authLevel: 'anonymous',
    extraInputs: [df.input.durableClient()],
    handler,
  });

keyed('uploads-post', 'POST', 'uploads', createUploadsPost({ blobs, source }));
keyed('runs-post', 'POST', 'runs', createRunsPost({ settings, blobs, runs, model, source }));
keyed('runs-get', 'GET', 'runs', createRunsGet(runViews));
keyed('run-get', 'GET', 'runs/{runId}/{view?}', createRunGet(runViews));
open('link-get', 'links/{token}/{view?}', createLinkGet(runViews));
open('health-get', 'health', createHealthGet({ settings, version: manifest.version, model, runs }));
