import * as df from 'durable-functions';
import type { Log } from '../host/log.ts';
import { type CoreRegistry, createCoreRegistry, offerCoreModule } from '../host/worker/core-api.ts';

/** Takes what modules register by themselves, which no app of a test sees; and keeps the library's side of invocations. */
const outside = createCoreRegistry(() => {});
let current: CoreRegistry = outside;

// The library asks for the Functions worker's module at its first registration, once, and keeps it. So every app of this
// process is given one and the same, which passes registrations on to the app that is being made.
offerCoreModule(
  new Proxy(outside.coreModule, {
    get: (own, member) =>
      Reflect.get(String(member).endsWith('ProgrammingModel') ? own : current.coreModule, member) as unknown,
  }),
);

/**
 * Makes an app of what `register` registers through the real `durable-functions`, in this process.
 *
 * @param register - called at once
 * @param log - gets what the app's functions log
 * @returns the registrations; none where the library was used before this module was loaded
 * @throws what `register` throws
 */
export function registerApp(register: (app: typeof df.app) => void, log: Log = () => {}): CoreRegistry {
  const registry = createCoreRegistry(log);
  current = registry;
  try {
    register(df.app);
  } finally {
    current = outside;
  }
  registry.lock();
  return { ...registry, programmingModel: outside.programmingModel };
}
