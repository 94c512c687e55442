import { childrenOf, importsOf, lineAt, type Node, nodeAt, parse, type SourceFile } from './source-code.ts';

/** One thing that code must not do, found in a syntax tree. */
interface Ban {
  readonly what: string;
  /** @param parents - from the innermost outwards, with the member that leads to the node */
  matches(node: Node, parents: readonly Place[]): boolean;
}

interface Place {
  readonly node: Node;
  readonly member: string;
}

/** A plain name in a value position: not a member's name, not a key. */
function isName(node: Node, [parent]: readonly Place[], ...names: readonly string[]): boolean {
  if (node.type !== 'Identifier' || !names.includes(String(node['name']))) return false;
  const isKey = parent?.member === 'key' && parent.node['shorthand'] !== true;
  const isMember = parent?.node.type === 'MemberExpression' && parent.member === 'property';
  return parent?.node['computed'] === true || !(isKey || isMember);
}

/** The member that is read of a name, for example `now` in `Date.now`; null if the name is used in another way. */
function memberRead([parent]: readonly Place[]): string | null {
  if (parent?.node.type !== 'MemberExpression' || parent.member !== 'object' || parent.node['computed']) return null;
  return String(nodeAt(parent.node, 'property')?.['name']);
}

function hasArguments([parent]: readonly Place[]): boolean {
  if (parent?.node.type !== 'NewExpression' || parent.member !== 'callee') return false;
  const given = parent.node['arguments'];
  return Array.isArray(given) && given.length > 0;
}

/** The clock: `Date` in any form but `new Date(value)`, `Date.UTC` and `Date.parse`. */
const clock: Ban = {
  what: 'the clock',
  matches: (node, parents) =>
    (isName(node, parents, 'Date') &&
      !hasArguments(parents) &&
      !['UTC', 'parse'].includes(memberRead(parents) ?? '')) ||
    isName(node, parents, 'performance'),
};

/** Chance: `Math.random` in any form, and `crypto`. */
const chance: Ban = {
  what: 'chance',
  matches: (node, parents) =>
    (isName(node, parents, 'Math') && [null, 'random'].includes(memberRead(parents))) ||
    isName(node, parents, 'crypto'),
};

const process: Ban = {
  what: 'the process',
  matches: (node, parents) => isName(node, parents, 'process', 'globalThis', 'require', 'console'),
};

const nodeOnly: Ban = { what: 'what only Node has', matches: (node, parents) => isName(node, parents, 'Buffer') };

const environment: Ban = {
  what: 'the environment',
  matches: (node, parents) => isName(node, parents, 'process') && [null, 'env'].includes(memberRead(parents)),
};

const io: Ban = { what: 'I/O', matches: (node, parents) => isName(node, parents, 'fetch', 'WebSocket') };

const timers: Ban = {
  what: 'timers',
  matches: (node, parents) => isName(node, parents, 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'),
};

const promises: Ban = {
  what: 'promises',
  matches: (node, parents) =>
    node.type === 'AwaitExpression' ||
    node['async'] === true ||
    node['await'] === true ||
    isName(node, parents, 'Promise'),
};

/** `Task` itself: whoever reads it can call `any` and `all`. */
const compounds: Ban = {
  what: 'Task.any or Task.all',
  matches: node => node.type === 'Identifier' && node['name'] === 'Task',
};

const PURE = [clock, chance, process, io, timers];

/** What code may not do that has to give the same answer for the same input, wherever it runs. */
export function impuritiesOf(file: SourceFile): string[] {
  return found(file, [...PURE, nodeOnly]);
}

/** What a step of the engine may not do: anything impure, and wait for anything. */
export function stepHazardsOf(file: SourceFile): string[] {
  return found(file, [...PURE, promises]);
}

/**
 * What an orchestrator or entity may not do because it is replayed: everything impure, promises, imports that reach the
 * outside, and compound tasks outside `all-settled.ts` (a pending task in a second compound is scheduled again).
 */
export function replayHazardsOf(file: SourceFile): string[] {
  const own = file.path.slice(0, file.path.lastIndexOf('/') + 1);
  const imports = importsOf(file)
    .filter(({ kind }) => kind !== 'type')
    .filter(
      ({ target }) => target !== 'durable-functions' && !target.startsWith('src/core/') && !target.startsWith(own),
    )
    .map(({ line, target }) => `${file.path}:${line} loads ${target}`);
  const mayCompound = file.path.endsWith('/all-settled.ts');
  const bans = [...PURE, nodeOnly, promises];
  return [...found(file, mayCompound ? bans : [...bans, compounds]), ...imports];
}

/** Reads of the environment: `process.env`, and any use of `process` that may hide one. */
export function environmentReadsOf(file: SourceFile): string[] {
  return found(file, [environment]);
}

function found(file: SourceFile, bans: readonly Ban[]): string[] {
  const hits: string[] = [];
  const visit = (node: Node, parents: readonly Place[]) => {
    if (isTypeOnly(node)) return;
    for (const ban of bans) {
      if (ban.matches(node, parents)) hits.push(`${file.path}:${lineAt(file.text, node.start)} uses ${ban.what}`);
    }
    for (const [member, child] of childrenOf(node)) visit(child, [{ node, member }, ...parents]);
  };
  visit(parse(file), []);
  return hits;
}

const EXPRESSIONS = [
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSTypeAssertion',
  'TSInstantiationExpression',
];

/** Types run nowhere; imports are judged by their target. */
function isTypeOnly({ type }: Node): boolean {
  return (type.startsWith('TS') && !EXPRESSIONS.includes(type)) || type === 'ImportDeclaration';
}
