import type { OpenAiSimulatorOptions } from '../local/simulators/openai-options.ts';
import type { LocalEnvironment } from '../local/start.ts';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';

/**
 * Starts the local environment for a command.
 *
 * Its code is loaded here and not before, so that the commands that only talk HTTP start at once.
 *
 * @param options.isUsualStorage - storage on the ports where tools look for it, if they are free
 * @param options.simulator - options of the simulator, default its own
 * @returns the environment; a part that ends by itself is answered as a {@link CliError}
 * @throws {CliError} when it cannot start
 */
export async function startLocally(
  context: Context,
  options: {
    folder: string;
    port: number;
    isUsualStorage?: boolean;
    simulator?: Pick<OpenAiSimulatorOptions, 'latencyMs' | 'seed' | 'tokensPerMinute' | 'requestsPerMinute'>;
    onHostLine?: (line: string) => void;
  },
): Promise<LocalEnvironment & { readonly broken: Promise<CliError> }> {
  const { folder, port, isUsualStorage = false, simulator = {}, onHostLine } = options;
  const { startLocalEnvironment } = await import('../local/start.ts');
  const { LocalError } = await import('../local/errors.ts');
  const { USUAL_AZURITE_PORTS } = await import('../local/azurite.ts');
  try {
    const environment = await startLocalEnvironment({
      folder,
      port,
      env: context.env,
      log: line => context.terminal.err(line),
      signal: context.signal,
      ...(isUsualStorage ? { azuritePorts: USUAL_AZURITE_PORTS } : {}),
      simulator,
      ...(onHostLine ? { onHostLine } : {}),
    });
    const broken = environment.broken.then(
      ({ message }) => new CliError(`${message}\nThe app has ended unexpectedly.`),
    );
    return { ...environment, broken };
  } catch (error) {
    throw error instanceof LocalError ? new CliError(error.message, 1, { cause: error }) : error;
  }
}
