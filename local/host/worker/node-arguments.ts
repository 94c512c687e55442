import { type Environment, settingOf } from '../settings/app-settings.ts';

/** As an environment variable and as a key of the configuration: the host takes both. */
const NAMES = ['languageWorkers__node__arguments', 'languageWorkers:node:arguments'];

/**
 * Arguments that Node is started with in each worker process, before its program: the setting
 * `languageWorkers__node__arguments`, parted at blanks. Default none.
 */
export function readNodeArguments(environment: Environment): string[] {
  const text = NAMES.map(name => settingOf(environment, name)).find(value => value !== undefined) ?? '';
  return text.split(/\s+/).filter(Boolean);
}
