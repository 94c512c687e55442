// Preloaded (`--import`, by NODE_OPTIONS also into child processes) into the processes of a bench: each writes what it has
// taken of the machine, time and again, into a file of its own, from where the bench adds them up.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

/** Where the files go, `PID.json` each. Not set: nothing is written. */
const FOLDER_VARIABLE = 'BENCH_USE_FOLDER';
const LOOK_EVERY_MS = 200;
const WRITE_EVERY_MS = 1_000;

const folder = process.env[FOLDER_VARIABLE];
// A preloaded module is loaded into further threads too, and they are the same process.
if (folder && isMainThread) {
  const file = join(folder, `${process.pid}.json`);
  const script = basename(process.argv[1] ?? '', '.ts');
  mkdirSync(folder, { recursive: true });
  let mostRssBytes = 0;
  const look = () => {
    const rssBytes = process.memoryUsage.rss();
    mostRssBytes = Math.max(mostRssBytes, rssBytes);
    return rssBytes;
  };
  const write = () => {
    const nowRssBytes = look();
    const { user, system } = process.cpuUsage();
    const use = { script, rssBytes: mostRssBytes, nowRssBytes, cpuMs: (user + system) / 1_000 };
    writeFileSync(`${file}.new`, JSON.stringify(use));
    // A reader must never see half of it.
    renameSync(`${file}.new`, file);
  };
  write();
  setInterval(look, LOOK_EVERY_MS).unref();
  setInterval(write, WRITE_EVERY_MS).unref();
  process.once('exit', write);
}
