import type { FunctionInfo, FunctionKind, Worker } from '../../engine/protocol/worker.ts';
import type { Log } from '../log.ts';
import { isDurableClient, isTrigger } from '../settings/binding-types.ts';
import type { BindingInfo, RegisteredFunction } from './core-api.ts';
import { runInvocation } from './invocation.ts';
import type { LoadedApp } from './load-app.ts';

const KIND_BY_TRIGGER: Readonly<Record<string, FunctionKind>> = {
  orchestrationtrigger: 'orchestrator',
  activitytrigger: 'activity',
  entitytrigger: 'entity',
  httptrigger: 'http',
  timertrigger: 'timer',
};

/** The registered name and JSON of the function's trigger. */
function triggerOf({ metadata }: RegisteredFunction): [name: string, binding: BindingInfo] {
  const trigger = Object.entries(metadata.bindings).find(([, binding]) => isTrigger(binding.type));
  if (!trigger) throw new Error(`Function "${metadata.name}" has no trigger`);
  return trigger;
}

function infoOf(target: RegisteredFunction): FunctionInfo {
  const [, trigger] = triggerOf(target);
  const { name, bindings } = target.metadata;
  return { name, kind: KIND_BY_TRIGGER[trigger.type.toLowerCase()] ?? 'other', bindings };
}

/** The bindings that the function reads beside its trigger. */
function extraInputsOf({ metadata }: RegisteredFunction): [name: string, binding: BindingInfo][] {
  const { bindings } = metadata;
  return Object.entries(bindings).filter(([, { type, direction }]) => direction === 'in' && !isTrigger(type));
}

/**
 * Runs a loaded app in this process, behind the interface that the engine and the HTTP server use.
 *
 * All it takes beside the app is text, and all it answers is data: both cross to and from the process of the host.
 *
 * @param options.app - the app, loaded and locked
 * @param options.durableClientJson - payload of every `durableClient` input
 * @param options.isDisabled - true for functions that are to be left out
 * @param options.log - gets one debug line per invocation
 */
export function createInProcessWorker(options: {
  readonly app: Pick<LoadedApp, 'registry'>;
  readonly durableClientJson: string;
  readonly isDisabled: (name: string) => boolean;
  readonly log: Log;
}): Worker {
  const { app, durableClientJson, isDisabled, log } = options;
  const enabled = [...app.registry.functions.values()].filter(target => !isDisabled(target.metadata.name));
  const byName = new Map(enabled.map(target => [target.metadata.name.toLowerCase(), target]));
  return {
    functions: enabled.map(infoOf),
    async invoke(name, trigger, metadata = {}) {
      const target = byName.get(name.toLowerCase());
      if (!target) throw new Error(`No function "${name}" is registered`);
      const [triggerName] = triggerOf(target);
      const { name: registeredName } = target.metadata;
      const extraInputs = extraInputsOf(target);
      const unknownInput = extraInputs.find(([, binding]) => !isDurableClient(binding.type));
      if (unknownInput) {
        const message = `Function "${registeredName}" reads a "${unknownInput[1].type}" input, which this local host does not offer`;
        return { kind: 'threw', message, stack: '' };
      }
      const inputData = [
        { name: triggerName, data: trigger },
        ...extraInputs.map(([bindingName]) => ({ name: bindingName, data: { string: durableClientJson } })),
      ];
      const startedMs = performance.now();
      const outcome = await runInvocation(app.registry, target, { inputData, triggerMetadata: metadata });
      log('debug', registeredName, `${outcome.kind} after ${Math.round(performance.now() - startedMs)} ms`);
      return outcome;
    },
  };
}
