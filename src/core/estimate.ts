import { type Analysis, estimatedPromptTokens, messagesFor } from './analysis.ts';
import { type Issue, isEmptyIssue } from './issues.ts';
import { costUsd } from './usage.ts';

/** What a run would take, before it starts. */
export interface Estimate {
  /** One for each distinct issue that is not empty. */
  readonly calls: number;
  readonly estimatedPromptTokens: number;
  readonly estimatedCompletionTokens: number;
  /** US dollars, if the deployment is named like its model; null otherwise. */
  readonly estimatedCostUsd: number | null;
}

/** Adds up what an analysis takes, over distinct issues. */
export function createEstimator(analysis: Analysis, deployment: string) {
  let [calls, promptTokens] = [0, 0];
  return {
    add(issue: Issue): void {
      if (isEmptyIssue(issue)) return;
      calls += 1;
      promptTokens += estimatedPromptTokens(messagesFor(analysis, issue));
    },
    estimate(): Estimate {
      const completionTokens = calls * analysis.typicalCompletionTokens;
      return {
        calls,
        estimatedPromptTokens: promptTokens,
        estimatedCompletionTokens: completionTokens,
        estimatedCostUsd: costUsd({ promptTokens, completionTokens, cachedTokens: 0 }, deployment),
      };
    },
  };
}
