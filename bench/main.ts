// Measures parts of the project.
// usage: npm run bench -- NAME [--quick]
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { benchHost, formatHostBench } from './host.ts';
import { readMachine } from './machine.ts';

const RESULTS = join(import.meta.dirname, 'results');

interface Report {
  /** Settings and figures, as they are written. */
  readonly figures: object;
  readonly text: string;
}

const BENCHES: Readonly<Record<string, (quick: boolean) => Promise<Report>>> = {
  async host(quick) {
    const figures = await benchHost({ quick, log: console.error });
    return { figures, text: formatHostBench(figures) };
  },
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean' } } });
const [name = ''] = positionals;
const { quick = false } = values;
const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
if (!bench || positionals.length > 1) {
  console.error(`usage: npm run bench -- NAME [--quick]; names: ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}
const machine = readMachine();
const takenAt = new Date().toISOString();
const { figures, text } = await bench(quick);
const { cores, processor, memoryGiB, node, os, load } = machine;
console.log(`${name}: ${cores} cores (${processor}), ${memoryGiB} GiB, Node ${node}, ${os}; load before: ${load}\n`);
console.log(text);
if (!quick) {
  await mkdir(RESULTS, { recursive: true });
  const file = join(RESULTS, `${name}.json`);
  await writeFile(file, `${JSON.stringify({ name, takenAt, machine, ...figures }, null, 2)}\n`);
  console.log(`\nwritten: ${relative('', file)}`);
}
