import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../../local/simulators/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...args: string[]) => spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
const ended = (child: ReturnType<typeof run>) => new Promise<number | null>(resolve => child.once('exit', resolve));

describe('node local/simulators/main.ts', () => {
  it('says when it is ready and what it is, serves, and ends on a signal', async () => {
    const faults = join(folder, 'faults.json');
    writeFileSync(faults, JSON.stringify([{ reply: 'forbidden' }]));
    const child = run('--seed', '7', '--latency-ms', '0', '--deployments', 'a,b', '--faults', faults);
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const ready = String((await lines.next()).value);
    expect(ready).toMatch(
      /^Azure OpenAI simulator ready: http:\/\/127\.0\.0\.1:\d+ \(seed 7, latency 0 ms, answers are invented\)$/,
    );
    const url = /http:\S+/.exec(ready)?.[0];
    const response = await fetch(`${url}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { 'api-key': 'k' },
      body: JSON.stringify({ model: 'b', messages: [{ role: 'user', content: 'hello' }] }),
    });
    expect(response.status).toBe(403);
    child.kill('SIGTERM');
    expect(await ended(child)).toBe(0);
  });

  it.each([
    [['--latency-ms', '-5'], 'error: latencyMs must be a number from 0 to 600000, got -5'],
    [['--port', '99999'], 'error: port must be an integer from 0 to 65535, got 99999'],
    [['--seed', 'x'], 'error: seed must be an integer from 0 to 2147483647, got "x"'],
    [['--nonsense'], "error: unknown option '--nonsense'"],
    [['--tls-key', main], 'error: --tls-key and --tls-cert go together, got one of them'],
    [['--faults', '/no/such/file'], 'error: --faults must name a file that can be read, got /no/such/file'],
    [['--faults', main], `error: --faults must name a file with JSON, got ${main}`],
  ])('%j ends with code 2 and one line', async (args, message) => {
    const child = run(...args);
    const [code, errors] = await Promise.all([ended(child), text(child.stderr)]);
    expect(code).toBe(2);
    expect(errors.trim().split('\n')).toHaveLength(1);
    expect(errors).toContain(message);
  });
});
