import { app, type HttpHandler, type HttpMethod } from '@azure/functions';
import * as df from 'durable-functions';
import manifest from '../package.json' with { type: 'json' };
import { createAnalyzeIssue } from './activities/analyze-issue.ts';
import { createBuildReport } from './activities/build-report.ts';
import { createLoadIssues } from './activities/load-issues.ts';
import { createAppServices } from './app-services.ts';
import { CONTRACTS } from './core/contracts.ts';
import { CAPACITY_ENTITY } from './core/names.ts';
import { parseSettings } from './core/settings.ts';
import { capacity } from './entities/capacity.ts';
import { processIssues } from './orchestrators/process-issues.ts';
import { processStream } from './orchestrators/process-stream.ts';
import { createCacheDelete, createCacheGet } from './triggers/cache.ts';
import { createHealthGet } from './triggers/health-get.ts';
import { createRunAction } from './triggers/run-action.ts';
import { createRunDelete } from './triggers/run-delete.ts';
import { createRunViews } from './triggers/run-views.ts';
import { createLinkGet, createRunGet, createRunsGet } from './triggers/runs-get.ts';
import { createRunsPost } from './triggers/runs-post.ts';
import { createUploadsPost } from './triggers/uploads-post.ts';

const services = createAppServices(parseSettings(process.env), process.env['WEBSITE_INSTANCE_ID'] ?? null);
app.hook.appTerminate(() => services.shutdown.begin());

df.app.orchestration(CONTRACTS.processIssues.name, processIssues);
df.app.orchestration(CONTRACTS.processStream.name, processStream);
df.app.entity(CAPACITY_ENTITY, capacity);
df.app.activity(CONTRACTS.loadIssues.name, { handler: createLoadIssues(services) });
df.app.activity(CONTRACTS.analyzeIssue.name, { handler: createAnalyzeIssue(services) });
df.app.activity(CONTRACTS.buildReport.name, { handler: createBuildReport(services) });

function route(authLevel: 'function' | 'anonymous') {
  return (name: string, method: HttpMethod, path: string, handler: HttpHandler) =>
    app.http(name, {
      methods: [method],
      route: path,
      authLevel,
      extraInputs: [df.input.durableClient()],
      handler,
    });
}
const keyed = route('function');
const open = route('anonymous');

const views = createRunViews(services);
keyed('uploads-post', 'POST', 'uploads', createUploadsPost(services));
keyed('runs-post', 'POST', 'runs', createRunsPost(services));
keyed('runs-get', 'GET', 'runs', createRunsGet(views));
keyed('run-get', 'GET', 'runs/{runId}/{view?}', createRunGet(views));
keyed('run-action', 'POST', 'runs/{runId}/{action}', createRunAction(services));
keyed('run-delete', 'DELETE', 'runs/{runId}', createRunDelete(services));
keyed('cache-get', 'GET', 'cache', createCacheGet(services));
keyed('cache-delete', 'DELETE', 'cache', createCacheDelete(services));
open('link-get', 'GET', 'links/{token}/{view?}', createLinkGet(views));
open('health-get', 'GET', 'health', createHealthGet({ ...services, version: manifest.version }));
