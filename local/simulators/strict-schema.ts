import {
  branchesOf,
  isObject,
  type Json,
  type JsonObject,
  leastHeights,
  resolveRef,
  schemasIn,
  typesOf,
} from './schema-tree.ts';

const PERMITTED_KEYWORDS = new Set([
  ...['type', 'properties', 'required', 'additionalProperties', 'items', 'enum', 'const', 'anyOf', '$ref', '$defs'],
  ...['definitions', 'title', 'description', 'examples', '$schema', '$id', '$comment', 'deprecated'],
]);
const KNOWN_TYPES = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);
const MAX_PROPERTIES = 100;
const MAX_LEVELS = 5;

/** What is wrong with a schema and where, in the service's words. */
export interface SchemaFault {
  /** Path of the node, such as ["properties", "labels", "items"]. */
  readonly context: readonly string[];
  readonly problem: string;
}

/**
 * Finds the first reason why a schema cannot be used with `strict: true`: a root that is not an object, an object that
 * is not closed or has optional members, a keyword that is not supported (lengths, ranges, patterns, formats, …), a
 * reference to nothing, more than 100 properties or 5 levels, or a type that contains itself without end.
 *
 * @returns undefined when the schema can be used
 */
export function findStrictFault(root: JsonObject): SchemaFault | undefined {
  if (root['type'] !== 'object') return { context: [], problem: 'schema must be a JSON Schema of \'type: "object"\'' };
  if (root['anyOf'] !== undefined) return { context: [], problem: "'anyOf' is not permitted at the root" };
  const checked = checkNode(root, root, [], 1);
  if (checked.fault) return checked.fault;
  if (checked.properties > MAX_PROPERTIES) {
    return { context: [], problem: `schema has ${checked.properties} properties, the maximum is ${MAX_PROPERTIES}` };
  }
  if (checked.levels > MAX_LEVELS) {
    return { context: [], problem: `schema nests ${checked.levels} levels deep, the maximum is ${MAX_LEVELS}` };
  }
  const height = leastHeights(root).get(root) ?? Number.POSITIVE_INFINITY;
  return Number.isFinite(height) ? undefined : { context: [], problem: 'schema contains itself without an end' };
}

interface Checked {
  readonly fault?: SchemaFault;
  readonly properties: number;
  readonly levels: number;
}

function checkNode(root: JsonObject, node: JsonObject, context: readonly string[], level: number): Checked {
  const problem = nodeProblem(root, node);
  if (problem !== undefined) return { fault: { context, problem }, properties: 0, levels: level };
  let properties = schemasIn(node, 'properties').length;
  let levels = typesOf(node).includes('object') ? level : level - 1;
  for (const [path, child] of childrenOf(node)) {
    if (!isObject(child))
      return { fault: { context: [...context, ...path], problem: 'schema must be an object' }, properties, levels };
    const checked = checkNode(root, child, [...context, ...path], path[0] === 'properties' ? level + 1 : level);
    if (checked.fault) return checked;
    properties += checked.properties;
    levels = Math.max(levels, checked.levels);
  }
  return { properties, levels };
}

/** Children with their paths, also those which are no objects and so no schemas. */
function childrenOf(node: JsonObject): readonly (readonly [readonly string[], Json | undefined])[] {
  const inMaps = ['properties', '$defs', 'definitions'].flatMap(member => {
    const map = node[member];
    return isObject(map) ? Object.entries(map).map(([name, child]) => [[member, name], child] as const) : [];
  });
  const branches = Array.isArray(node['anyOf']) ? node['anyOf'] : [];
  return [
    ...inMaps,
    ...branches.map((child, index) => [['anyOf', String(index)], child] as const),
    ...(node['items'] === undefined ? [] : [[['items'], node['items']] as const]),
  ];
}

function nodeProblem(root: JsonObject, node: JsonObject): string | undefined {
  const keyword = Object.keys(node).find(key => !PERMITTED_KEYWORDS.has(key));
  if (keyword !== undefined) return `'${keyword}' is not permitted`;
  if (node['$ref'] !== undefined) {
    const found = typeof node['$ref'] === 'string' && resolveRef(root, node['$ref']);
    return found ? undefined : `reference ${JSON.stringify(node['$ref'])} can't be resolved`;
  }
  if (node['anyOf'] !== undefined) {
    return branchesOf(node).length > 0 ? undefined : "'anyOf' must be a non-empty array of schemas";
  }
  if (node['enum'] !== undefined && (!Array.isArray(node['enum']) || node['enum'].length === 0)) {
    return "'enum' must be a non-empty array";
  }
  const types = typesOf(node);
  if (types.length === 0) {
    return node['enum'] !== undefined || node['const'] !== undefined ? undefined : "schema must have a 'type' key";
  }
  const unknown = types.find(type => !KNOWN_TYPES.has(type));
  if (unknown !== undefined) return `'${unknown}' is not a valid type`;
  if (types.includes('array') && node['items'] === undefined) return 'array schema missing items';
  return types.includes('object') ? objectProblem(node) : undefined;
}

function objectProblem(node: JsonObject): string | undefined {
  if (node['additionalProperties'] !== false)
    return "'additionalProperties' is required to be supplied and to be false";
  const properties = isObject(node['properties']) ? Object.keys(node['properties']) : [];
  const required = Array.isArray(node['required']) ? node['required'] : [];
  const missing = properties.find(name => !required.includes(name));
  if (missing !== undefined) {
    return `'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'`;
  }
  const extra = required.find(name => typeof name !== 'string' || !properties.includes(name));
  return extra === undefined ? undefined : `Extra required key ${JSON.stringify(extra)} supplied`;
}
