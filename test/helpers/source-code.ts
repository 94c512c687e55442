import { globSync, readFileSync } from 'node:fs';
import { join, posix, resolve, sep } from 'node:path';
import { parseSync } from 'oxc-parser';

/** The project's folder. */
export const ROOT = resolve(import.meta.dirname, '../..');

/** One source file, by its path from the project's folder. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A node of the syntax tree (ESTree with TypeScript's nodes). */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [member: string]: unknown;
}

/** One import, re-export or `import()` of a file. */
export interface ImportUse {
  /** Path from the project's folder, package name, `node:` module, or `(computed)`. */
  readonly target: string;
  /** `type`: gone at run time; `lazy`: loaded when the line runs. */
  readonly kind: 'value' | 'type' | 'lazy';
  readonly line: number;
}

/** Every TypeScript file below these folders. */
export function readSources(...folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap(folder => globSync(`${folder}/**/*.ts`, { cwd: ROOT }))
    .map(path => ({ path: path.split(sep).join('/'), text: readFileSync(join(ROOT, path), 'utf8') }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * The syntax tree of a file.
 *
 * @throws when it does not parse: a rule that cannot read a file must not pass it
 */
export function parse(file: SourceFile): Node {
  const known = parsed.get(file);
  if (known) return known;
  const { program, errors } = parseSync(file.path, file.text, { preserveParens: false });
  if (errors.length > 0) throw new Error(`${file.path} does not parse: ${errors[0]?.message}`);
  const tree = program as unknown as Node;
  parsed.set(file, tree);
  return tree;
}

const parsed = new WeakMap<SourceFile, Node>();

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** A node's children, each with the name of the member that holds it. */
export function childrenOf(node: Node): [member: string, child: Node][] {
  return Object.entries(node).flatMap(([member, value]) =>
    [value].flat().flatMap((child): [string, Node][] => (isNode(child) ? [[member, child]] : [])),
  );
}

/** Every node of a file, outermost first. */
export function nodesIn(file: SourceFile): Node[] {
  const found: Node[] = [];
  const pending = [parse(file)];
  for (let node = pending.pop(); node; node = pending.pop()) {
    found.push(node);
    pending.push(
      ...childrenOf(node)
        .map(([, child]) => child)
        .reverse(),
    );
  }
  return found;
}

/** 1-based line of a place in a file. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** A member that is a node. */
export function nodeAt(node: Node, member: string): Node | undefined {
  const value = node[member];
  return isNode(value) ? value : undefined;
}

/** Every import of a file: declarations, re-exports, `import()`, `import('x').Type`, `require('x')`. */
export function importsOf(file: SourceFile): ImportUse[] {
  return nodesIn(file).flatMap(node => {
    const found = importIn(node);
    if (!found) return [];
    const [kind, source] = found;
    return [{ kind, target: targetOf(file.path, source?.['value']), line: lineAt(file.text, node.start) }];
  });
}

function importIn(node: Node): [ImportUse['kind'], Node | undefined] | undefined {
  const source = nodeAt(node, 'source');
  switch (node.type) {
    case 'ImportDeclaration':
      return [node['importKind'] === 'type' ? 'type' : 'value', source];
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
      return source && [node['exportKind'] === 'type' ? 'type' : 'value', source];
    case 'TSImportType':
      return ['type', source];
    case 'ImportExpression':
      return ['lazy', source];
    case 'CallExpression':
      return nodeAt(node, 'callee')?.['name'] === 'require'
        ? ['value', [node['arguments']].flat().find(isNode)]
        : undefined;
    default:
      return undefined;
  }
}

function targetOf(fromPath: string, specifier: unknown): string {
  if (typeof specifier !== 'string') return '(computed)';
  if (specifier.startsWith('.')) return posix.join(posix.dirname(fromPath), specifier);
  if (specifier.startsWith('node:')) return specifier;
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** The function nodes of a file, each with its first line and its number of lines. */
export function functionsIn(file: SourceFile): { line: number; lines: number }[] {
  const functions = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'];
  return nodesIn(file)
    .filter(({ type }) => functions.includes(type))
    .map(({ start, end }) => {
      const line = lineAt(file.text, start);
      return { line, lines: lineAt(file.text, end) - line + 1 };
    });
}
