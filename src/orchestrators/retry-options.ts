import { RetryOptions } from 'durable-functions';
import { RETRY } from '../core/contracts.ts';

/** The durable retry policy of every activity: 5 attempts, 2, 4, 8 and 16 s apart. */
export function activityRetry(): RetryOptions {
  const options = new RetryOptions(RETRY.firstDelayMs, RETRY.maxAttempts);
  options.backoffCoefficient = RETRY.backoff;
  return options;
}
