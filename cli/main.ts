// The command line. usage: npm run fanfold -- COMMAND [OPTIONS]
import { systemContext } from './context.ts';
import { INTERRUPTED } from './errors.ts';
import { runCli } from './program.ts';

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // The first asks for an orderly end; whoever asks again does not want to wait for it.
    if (interruption.signal.aborted) process.exit(INTERRUPTED);
    interruption.abort();
  });
}
process.exitCode = await runCli(process.argv.slice(2), systemContext(interruption.signal));
