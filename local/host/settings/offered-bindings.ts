import type { FunctionInfo } from '../../engine/protocol/worker.ts';
import { isDurableClient, isTrigger } from './binding-types.ts';

/** A function's bindings that this host does not offer, one sentence each. */
function complaintsAbout({ kind, bindings }: FunctionInfo): string[] {
  return Object.values(bindings).flatMap(binding => {
    const type = String(binding['type']);
    if (isTrigger(type)) {
      return kind === 'other' ? [`this local host does not offer ${type}: the function never runs`] : [];
    }
    if (binding['direction'] === 'in') {
      return isDurableClient(type) ? [] : [`this local host does not offer the input "${type}": each call fails`];
    }
    const isHttpReply = kind === 'http' && /^http$/i.test(type);
    return isHttpReply ? [] : [`this local host does not offer the output "${type}": what is written to it is lost`];
  });
}

/**
 * What an app asks for and this host does not give: triggers other than HTTP, timer and the durable ones, inputs other
 * than the durable client, outputs other than the HTTP reply.
 *
 * @returns for each such binding the function's name and a sentence
 */
export function bindingsNotOffered(
  functions: readonly FunctionInfo[],
): { readonly name: string; readonly message: string }[] {
  return functions.flatMap(info => complaintsAbout(info).map(message => ({ name: info.name, message })));
}
