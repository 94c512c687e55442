import { chooseValue, effortOf, supportedValues } from './choices.ts';
import { type Asked, askedBy } from './meanings.ts';
import { phraseFor, phrasesFor } from './phrases.ts';
import type { IssueReading } from './reading/reading.ts';
import { branchesOf, type Json, type JsonObject, leastHeights, resolveRef, schemasIn, typesOf } from './schema-tree.ts';
import type { Draw } from './seeded.ts';

/** Below this depth the walker takes the way that ends soonest, so that recursive schemas come to an end. */
const EASY_DEPTH = 6;
const MAX_ITEMS = 5;
/** One item in lists of objects while the walk is shallow. */
const OBJECT_ITEMS = 1;

interface Walk {
  readonly root: JsonObject;
  readonly heights: ReadonlyMap<JsonObject, number>;
  readonly reading: IssueReading;
  readonly draw: Draw;
}

/** Composes a value that fits the schema and says what the issue says. The schema must have a finite value. */
export function writeAnswer(schema: JsonObject, reading: IssueReading, draw: Draw): Json {
  const walk = { root: schema, heights: leastHeights(schema), reading, draw };
  return answerTo(walk, schema, askedBy(''), 0);
}

/** The answer where no structure was asked for. */
export function writeText(reading: IssueReading): string {
  return reading.summary;
}

function answerTo(walk: Walk, node: JsonObject, asked: Asked, depth: number): Json {
  if (typeof node['$ref'] === 'string') {
    const target = resolveRef(walk.root, node['$ref']);
    return target ? answerTo(walk, target, asked, depth) : null;
  }
  if (node['const'] !== undefined) return node['const'];
  const { enum: values } = node;
  if (Array.isArray(values)) return enumValue(walk, values, asked);
  const branches = branchesOf(node);
  if (branches.length > 0) return branchValue(walk, branches, asked, depth);
  const types = typesOf(node);
  const isVoid = types.includes('null') && types.length > 1 && saysNothing(walk, types, asked, depth);
  const type = isVoid ? 'null' : (types.find(candidate => candidate !== 'null') ?? 'null');
  return typedValue(walk, node, type, asked, depth);
}

function typedValue(walk: Walk, node: JsonObject, type: string, asked: Asked, depth: number): Json {
  switch (type) {
    case 'object':
      return Object.fromEntries(
        schemasIn(node, 'properties').map(([name, child]) => [
          name,
          answerTo({ ...walk, draw: walk.draw.under(name) }, child, askedBy(name, descriptionOf(child)), depth + 1),
        ]),
      );
    case 'array':
      return listValue(walk, node['items'], asked, depth);
    case 'string':
      return phraseFor(asked, walk.reading) ?? 'not stated';
    case 'number':
      return numberFor(walk, asked, false);
    case 'integer':
      return numberFor(walk, asked, true);
    case 'boolean':
      return booleanFor(walk, asked);
    default:
      return null;
  }
}

function descriptionOf(node: JsonObject): string {
  return typeof node['description'] === 'string' ? node['description'] : '';
}

function enumValue({ reading, draw }: Walk, values: readonly Json[], asked: Asked): Json {
  const [first, ...others] = values.filter(value => value !== null);
  return first === undefined ? null : chooseValue([first, ...others], asked, reading, draw);
}

/** A nullable value is null when the issue gives nothing for it, or when the walk has to end. */
function saysNothing({ reading }: Walk, types: readonly string[], asked: Asked, depth: number): boolean {
  if (depth > EASY_DEPTH) return true;
  if (types.includes('string')) return asked.meaning === 'unknown' ? false : phraseFor(asked, reading) === undefined;
  return false;
}

function branchValue(walk: Walk, branches: readonly JsonObject[], asked: Asked, depth: number): Json {
  const heightOf = (branch: JsonObject) => walk.heights.get(branch) ?? Number.POSITIVE_INFINITY;
  const possible = branches.filter(branch => Number.isFinite(heightOf(branch)));
  const isNull = (branch: JsonObject) => typesOf(branch).join() === 'null';
  const valued = possible.filter(branch => !isNull(branch));
  const types = valued.flatMap(typesOf);
  const nullable = possible.find(isNull);
  if (nullable && saysNothing(walk, types, asked, depth)) return null;
  const candidates = valued.length > 0 ? valued : possible;
  const [first, ...others] =
    depth > EASY_DEPTH ? [...candidates].sort((a, b) => heightOf(a) - heightOf(b)) : candidates;
  if (first === undefined) return null;
  const branch = depth > EASY_DEPTH ? first : chosenBranch(walk, [first, ...others], asked);
  return answerTo(walk, branch, asked, depth);
}

/** Among variants that tell themselves apart by a constant ("kind": "bug"), the one whose constant fits the issue. */
function chosenBranch(
  { reading, draw }: Walk,
  branches: readonly [JsonObject, ...JsonObject[]],
  asked: Asked,
): JsonObject {
  const tagged = branches.flatMap(branch => {
    const tag = schemasIn(branch, 'properties').find(([, child]) => constantOf(child) !== undefined);
    return tag ? [{ branch, tag: tag[0], value: String(constantOf(tag[1])) }] : [];
  });
  const [first, ...others] = tagged;
  if (first === undefined || tagged.length < branches.length) return draw.pick(branches, asked.name, 'branch');
  const value = chooseValue([first.value, ...others.map(other => other.value)], askedBy(first.tag), reading, draw);
  return tagged.find(entry => entry.value === value)?.branch ?? first.branch;
}

function constantOf(node: JsonObject): Json | undefined {
  if (node['const'] !== undefined) return node['const'];
  return Array.isArray(node['enum']) && node['enum'].length === 1 ? node['enum'][0] : undefined;
}

function listValue(walk: Walk, items: Json | undefined, asked: Asked, depth: number): Json {
  if (typeof items !== 'object' || items === null || Array.isArray(items) || depth > EASY_DEPTH) return [];
  const node = items as JsonObject;
  const target = typeof node['$ref'] === 'string' ? resolveRef(walk.root, node['$ref']) : node;
  if (!target || !Number.isFinite(walk.heights.get(target) ?? 0)) return [];
  if (Array.isArray(target['enum'])) {
    const chosen = supportedValues(target['enum'], asked, walk.reading).slice(0, MAX_ITEMS);
    return chosen.length > 0 ? chosen : [enumValue(walk, target['enum'], asked)];
  }
  const types = typesOf(target);
  if (types.includes('string') && branchesOf(target).length === 0 && target['const'] === undefined) {
    return phrasesFor(asked, walk.reading).slice(0, MAX_ITEMS);
  }
  return Array.from({ length: OBJECT_ITEMS }, (_, index) =>
    answerTo({ ...walk, draw: walk.draw.under(index) }, target, asked, depth + 1),
  );
}

function numberFor({ reading, draw }: Walk, asked: Asked, whole: boolean): number {
  const rounded = (value: number) => (whole ? Math.round(value) : Math.round(value * 100) / 100);
  switch (asked.meaning) {
    case 'confidence':
      // As a whole number a confidence is a percentage.
      return whole ? Math.round(reading.confidence * 100) : reading.confidence;
    case 'urgency':
      return rounded(5 - reading.urgency);
    case 'effort':
      return [1, 2, 3, 5, 8][Math.round(effortOf(reading))] ?? 3;
    default:
      return rounded(
        /score|ratio|rate|fraction/i.test(asked.name) ? reading.confidence : 1 + draw.uniform(asked.name, 'number') * 4,
      );
  }
}

const BOOLEANS: readonly (readonly [RegExp, (reading: IssueReading) => boolean])[] = [
  [/missing|needs?(more)?info|incomplete/i, reading => reading.missing.length > 0],
  [/trace|stack/i, reading => reading.details.trace !== undefined],
  [/repro|steps/i, reading => reading.details.hasSteps],
  [/secur|vulnerab/i, reading => (reading.kindScores.get('security') ?? 0) >= 3],
  [/regress/i, reading => (reading.kindScores.get('regression') ?? 0) >= 2],
  [/crash/i, reading => (reading.kindScores.get('crash') ?? 0) >= 2],
  [/dataloss|data_loss/i, reading => (reading.kindScores.get('data_loss') ?? 0) >= 2],
  [/urgent|critical|escalat|block/i, reading => reading.urgency >= 3.5],
  [/bug|defect/i, reading => reading.kind === 'bug' || reading.kind === 'crash'],
  [/feature/i, reading => reading.kind === 'feature'],
  [/question/i, reading => reading.kind === 'question'],
  [/inject|spam|abuse/i, reading => reading.text.instructions.length > 0],
  [/actionable|clear|valid/i, reading => reading.kind !== 'other' && reading.kind !== 'feedback'],
  [/duplicate/i, reading => /duplicate of|same as #?\w+-?\d+/i.test(reading.text.sentences.join(' '))],
];

function booleanFor({ reading, draw }: Walk, asked: Asked): boolean {
  const rule = BOOLEANS.find(([name]) => name.test(asked.name));
  return rule ? rule[1](reading) : draw.uniform(asked.name, 'boolean') < 0.5;
}
