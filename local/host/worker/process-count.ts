import { type Environment, settingOf } from '../settings/app-settings.ts';

const NAME = 'FUNCTIONS_WORKER_PROCESS_COUNT';
const MAX_COUNT = 10;

/**
 * How many worker processes run the app: `FUNCTIONS_WORKER_PROCESS_COUNT`, 1 to 10. Default 1.
 *
 * @throws when it is anything else
 */
export function readProcessCount(environment: Environment): number {
  const text = settingOf(environment, NAME)?.trim() || '1';
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > MAX_COUNT)
    throw new Error(`${NAME} is "${text}"; allowed: whole numbers from 1 to ${MAX_COUNT}`);
  return count;
}
