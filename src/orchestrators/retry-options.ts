import { RetryOptions, type Task } from 'durable-functions';
import { RETRY } from '../core/contracts.ts';

/** The durable retry policy of every activity: 5 attempts, 2, 4, 8 and 16 s apart. */
export function activityRetry(): RetryOptions {
  const options = new RetryOptions(RETRY.firstDelayMs, RETRY.maxAttempts);
  options.backoffCoefficient = RETRY.backoff;
  return options;
}

/**
 * How often a task that has ended was retried. An activity that threw told nothing of itself, and may have changed nothing;
 * the library counts, though it does not document its `attemptNumber`.
 */
export function retriesOf(task: Task): number {
  const { attemptNumber = 1 } = task as Task & { readonly attemptNumber?: number };
  return Math.min(attemptNumber, RETRY.maxAttempts) - 1;
}
