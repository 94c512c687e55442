import { analysisNamed } from '../core/analyses.ts';
import { questionOf } from '../core/analysis.ts';
import { CONTRACTS } from '../core/contracts.ts';
import type { BlobStore } from '../services/blobs.ts';
import type { IssuePages } from '../services/issue-pages.ts';
import type { IssueSource } from '../services/issue-source.ts';
import { defineActivity } from './define-activity.ts';

interface Services {
  readonly blobs: Pick<BlobStore, 'chunks'>;
  readonly pages: Pick<IssuePages, 'write'>;
  readonly source: Pick<IssueSource, 'readIssues' | 'placeIssues'>;
}

/** Reads a run's source, finds equal issues, and stores all of it page by page. */
export function createLoadIssues({ blobs, pages, source: { readIssues, placeIssues } }: Services) {
  return defineActivity(CONTRACTS.loadIssues, ({ runId, source, plan }) => {
    const analysis = analysisNamed(plan.analysis);
    const issues = readIssues(source.format, blobs.chunks(source.blob));
    return pages.write(
      runId,
      placeIssues(issues, issue => questionOf(analysis, plan.deployment, issue), source.limit),
    );
  });
}
