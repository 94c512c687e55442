// Preloaded (`--import`) into child processes, so that none outlives the process that started it: the parent holds the other
// end of standard input, which closes with the parent, however that ends.

/** Longer than an ordinary end takes; after it the process ends whatever it is waiting for. */
const GRACE_MS = 10_000;

process.stdin.on('close', () => {
  // Nobody reads the output any more; a write to it must not end the process before it has saved its data.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  setTimeout(() => process.exit(1), GRACE_MS).unref();
  process.kill(process.pid, 'SIGTERM');
});
process.stdin.resume();
// A pipe, so it has `unref`: waiting for its end alone keeps no process alive.
if ('unref' in process.stdin) process.stdin.unref();
