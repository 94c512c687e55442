// Measures parts of the project.
// usage: npm run bench -- NAME [--quick] [--case NAME]... [--contender NAME]... [--seeds N] [--parallel N]
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { benchHost, formatHostBench } from './host.ts';
import { readMachine } from './machine.ts';
import { benchRuns, CASE_NAMES, CONTENDER_NAMES, formatRunsBench, withCasesBefore } from './runs.ts';
import { benchScale, formatScaleBench } from './scale.ts';

const RESULTS = join(import.meta.dirname, 'results');

interface Report {
  /** Settings and figures, as they are written. */
  readonly figures: object;
  readonly text: string;
}

const named = (names: readonly string[]) => z.array(z.enum(names, `one of: ${names.join(', ')}`)).default([]);
const numberSchema = (max: number) => z.coerce.number('a number').int().min(1).max(max);

const optionsSchema = z.strictObject({
  quick: z.boolean().default(false),
  /** Of the bench of runs, as the rest. */
  case: named(CASE_NAMES),
  contender: named(CONTENDER_NAMES),
  seeds: numberSchema(100).optional(),
  parallel: numberSchema(100).default(6),
});
type Options = z.infer<typeof optionsSchema>;

const resultsFile = (name: string) => join(RESULTS, `${name}.json`);

const BENCHES: Readonly<Record<string, (options: Options) => Promise<Report>>> = {
  async host({ quick }) {
    const figures = await benchHost({ quick, log: console.error });
    return { figures, text: formatHostBench(figures) };
  },
  async runs({ quick, case: cases, contender: contenders, seeds = quick ? 1 : 5, parallel }) {
    const figures = await benchRuns({ quick, cases, contenders, seeds, parallel, log: console.error });
    return { figures: await withCasesBefore(figures, resultsFile('runs')), text: formatRunsBench(figures) };
  },
  async scale({ quick }) {
    const figures = await benchScale({ quick, log: console.error });
    return { figures, text: formatScaleBench(figures) };
  },
};

function fail(reason: string): never {
  const options = '[--quick] [--case NAME]... [--contender NAME]... [--seeds N] [--parallel N]';
  console.error(`${reason}usage: npm run bench -- NAME ${options}; names: ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean' },
      case: { type: 'string', multiple: true },
      contender: { type: 'string', multiple: true },
      seeds: { type: 'string' },
      parallel: { type: 'string' },
    },
  });
  const parsed = optionsSchema.safeParse(values);
  return parsed.success ? { options: parsed.data, positionals } : fail(`${z.prettifyError(parsed.error)}\n`);
}

const { options, positionals } = readOptions();
const [name = ''] = positionals;
const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
if (!bench || positionals.length > 1) fail('');
const machine = readMachine();
const takenAt = new Date().toISOString();
const { figures, text } = await bench(options);
const { cores, processor, memoryGiB, node, os, load } = machine;
console.log(`${name}: ${cores} cores (${processor}), ${memoryGiB} GiB, Node ${node}, ${os}; load before: ${load}\n`);
console.log(text);
// Part of a case must not take the place of the whole.
if (!options.quick && options.contender.length === 0) {
  await mkdir(RESULTS, { recursive: true });
  const file = resultsFile(name);
  await writeFile(file, `${JSON.stringify({ name, takenAt, machine, ...figures }, null, 2)}\n`);
  console.log(`\nwritten: ${relative('', file)}`);
}
