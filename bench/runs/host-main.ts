// The local Functions host as a process, with an eye on its histories.
// usage: node bench/runs/host-main.ts APP_FOLDER [options of the host]
import type { EpisodeCommit, Store } from '../../local/engine/store/store.ts';
import { readArguments } from '../../local/host/arguments.ts';
import { startHost } from '../../local/host/host.ts';
import { createLineLog } from '../../local/host/log.ts';

const given = readArguments(process.argv.slice(2));
if (given === 'help') throw new Error('See npm run host -- --help');

let largestHistory = 0;

/** Looks at how long each history is once an episode has been added to it. */
function metered(store: Store): Store {
  const commitEpisode = (commit: EpisodeCommit) => {
    largestHistory = Math.max(largestHistory, commit.pastEventCount + commit.appended.length);
    return store.commitEpisode(commit);
  };
  return { ...store, commitEpisode };
}

const log = createLineLog({ minLevel: 'warning', write: line => process.stderr.write(line) });
const host = await startHost({ ...given, log, decorate: parts => ({ ...parts, store: metered(parts.store) }) });
process.once('SIGTERM', async () => {
  await host.close();
  console.log(`largest history: ${largestHistory}`);
  process.exit(0);
});
console.log(`Functions host ready: ${host.url}`);
