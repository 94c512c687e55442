import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ChildOptions, startChild } from '../../local/child-process.ts';
import { LocalError } from '../../local/errors.ts';
import { temporaryFolder } from '../helpers/cli-harness.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

async function script(name: string, source: string): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, source);
  return path;
}

async function start(source: string, changes: Partial<ChildOptions<number>> = {}) {
  const command = [await script('child.mjs', source)];
  return startChild({
    name: 'the child',
    command,
    env: process.env,
    readyFrom: line => (line.startsWith('port ') ? Number(line.slice(5)) : undefined),
    ...changes,
  });
}

const FOREVER = 'setInterval(() => {}, 1e6);';

describe('startChild', () => {
  it('waits for the line that says ready, and hands on every line of both outputs', async () => {
    const lines: string[] = [];
    const child = await start(`console.error('warm up'); setTimeout(() => console.log('port 123'), 10); ${FOREVER}`, {
      onLine: line => lines.push(line),
    });
    expect(child.ready).toBe(123);
    expect(lines).toEqual(['warm up', 'port 123']);
    await child.stop();
  });

  it('ends a child by SIGTERM, which it may use to tidy up', async () => {
    const tidy = `process.on('SIGTERM', () => { console.log('tidied'); process.exit(0); });`;
    const child = await start(`${tidy} console.log('port 1'); ${FOREVER}`);
    await child.stop();
    expect(await child.ended).toBe('the child ended with exit code 0; its last output:\nport 1\ntidied');
    await child.stop();
  });

  it('kills a child that does not listen to SIGTERM', async () => {
    const child = await start(`process.on('SIGTERM', () => {}); console.log('port 1'); ${FOREVER}`, { graceMs: 20 });
    await child.stop();
    expect(await child.ended).toMatch(/^the child was ended by SIGKILL/);
  });

  it('tells the last lines of a child that ends before it is ready', async () => {
    const starting = start(
      `for (let i = 0; i < 20; i += 1) console.log('line', i); console.error('no disk'); process.exitCode = 3;`,
    );
    await expect(starting).rejects.toThrow(LocalError);
    await expect(starting).rejects.toThrow(/^the child ended with exit code 3; its last output:\n(?!line 0).*no disk/s);
  });

  it('ends the child when starting is aborted', async () => {
    const abort = new AbortController();
    const ends: string[] = [];
    const source = `process.on('SIGTERM', () => { console.log('told'); process.exit(0); }); console.log('up'); ${FOREVER}`;
    const starting = start(source, {
      signal: abort.signal,
      onLine(line) {
        ends.push(line);
        if (line === 'up') abort.abort();
      },
    });
    await expect(starting).rejects.toThrow('aborted');
    await expect.poll(() => ends).toEqual(['up', 'told']);
  });

  it('starts nothing for a signal that is aborted already', async () => {
    await expect(start(FOREVER, { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
  });
});

describe('a child whose parent is killed', () => {
  /** Starts a parent that starts a child that connects to us; then kills the parent. Answers what the child said until it was gone. */
  async function lastWordsAfterKill(childSource: string): Promise<string> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const child = await script(
      'child.mjs',
      `import { connect } from 'node:net'; const socket = connect(${port}, '127.0.0.1'); ${childSource}
       socket.on('connect', () => console.log('port 1'));`,
    );
    const module = JSON.stringify(join(import.meta.dirname, '../../local/child-process.ts'));
    const parent = spawn(process.execPath, [
      await script(
        'parent.mjs',
        `const { startChild } = await import(${module});
         await startChild({ name: 'c', command: [${JSON.stringify(child)}], env: process.env, readyFrom: line => line });
         console.log('started'); ${FOREVER}`,
      ),
    ]);
    const [socket] = (await once(server, 'connection')) as [Socket];
    await once(parent.stdout, 'data');
    let words = '';
    socket.on('data', data => {
      words += data;
    });
    const gone = once(socket, 'close');
    parent.kill('SIGKILL');
    await gone;
    server.close();
    return words;
  }

  it('ends too, in good order', async () => {
    const tidy = `process.on('SIGTERM', () => socket.end('saved', () => process.exit(0)));`;
    expect(await lastWordsAfterKill(tidy)).toBe('saved');
  });

  it('ends too, though it is writing to the broken output', async () => {
    const chatter = `process.on('SIGTERM', () => { console.log('bye'); console.error('bye'); setImmediate(() => socket.end('saved', () => process.exit(0))); });`;
    expect(await lastWordsAfterKill(chatter)).toBe('saved');
  });

  it('ends too, though it handles no signal', async () => {
    expect(await lastWordsAfterKill('')).toBe('');
  });
});
