import { createAnalyzeIssue } from '../../src/activities/analyze-issue.ts';
import type { AnalyzeOutput } from '../../src/core/contracts.ts';
import type { LedgerRow } from '../../src/core/ledger.ts';
import type { Completion } from '../../src/services/azure-openai.ts';
import type { Unit } from '../../src/services/issue-pages.ts';
import { createPermits } from '../../src/services/permits.ts';
import { createWorkerIdentity } from '../../src/services/worker-identity.ts';
import { manualWaiting, runActivity, scriptedModel } from './activities.ts';
import { issue, plan } from './factories.ts';
import { createMemoryLedger } from './memory-stores.ts';

/** The place in the input of the one issue of the bench. */
export const PLACE = 4;

type Store = ReturnType<Parameters<typeof createAnalyzeIssue>[0]['ledger']>;
type Services = Parameters<typeof createAnalyzeIssue>[0];

/** `analyzeIssue` over a ledger in memory, in a process of its own, from noon on. */
export function createAnalyzeBench() {
  const ledger = createMemoryLedger();
  const waiting = manualWaiting();
  const worker = createWorkerIdentity('host', 1);

  /** An activity for the one issue, and what its model was asked. */
  function activity(
    script: readonly [Completion | Error, ...(Completion | Error)[]],
    changes: Partial<Omit<Services, 'ledger'>> & { unit?: Partial<Unit>; ledger?: Store } = {},
  ) {
    const model = scriptedModel(...script);
    const pages = { unit: async () => ({ index: PLACE, issue: issue(), copies: 0, ...changes.unit }) };
    const handler = createAnalyzeIssue({
      pages,
      model,
      permits: createPermits(),
      worker,
      waiting,
      ...changes,
      ledger: () => changes.ledger ?? ledger,
    });
    const input = { runId: 'run', unit: 3, plan: plan() };
    return { run: () => runActivity<AnalyzeOutput>(handler, input), requests: model.requests };
  }

  return {
    ledger,
    waiting,
    worker,
    activity,
    row: () => ledger.row('run', PLACE),
    put: (row: LedgerRow) => ledger.write('run', PLACE, row, null),
  };
}
