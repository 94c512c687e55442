// Runs a TypeScript file of this project under the project's own Node (the dev dependency `node`).
// Needs only the Node and npm that the machine has; installs the locked packages first when they are missing or differ.
// usage: node scripts/run.mjs FILE [ARGUMENTS]
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const projectNode = join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');

/** True when every package that the lock file requires lies in node_modules at its locked version. */
function isInstalled() {
  const installedLock = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installedLock) || !existsSync(projectNode)) return false;
  const packagesOf = file => JSON.parse(readFileSync(file, 'utf8')).packages;
  const installed = packagesOf(installedLock);
  return Object.entries(packagesOf(join(root, 'package-lock.json'))).every(
    ([path, wanted]) => path === '' || wanted.optional || installed[path]?.version === wanted.version,
  );
}

if (!isInstalled()) {
  console.error('Installing the locked packages (about a minute, once) ...');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status } = spawnSync(npm, ['ci', '--no-progress', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    console.error('Installing failed: npm ci said the above.');
    process.exit(status ?? 1);
  }
}

const [file, ...args] = process.argv.slice(2);
const child = spawn(projectNode, [join(root, file), ...args], { stdio: 'inherit' });
// A terminal sends Ctrl-C to the whole group; the child decides how to end, so this process only waits for it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => {
  if (signal) process.kill(process.pid, signal);
  process.exitCode = code ?? 1;
});
