/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object, such as a node of a JSON Schema. */
export type JsonObject = { readonly [key: string]: Json };

/** Narrows to a JSON object (no array, no null). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The nodes in a member that maps names to schemas (`properties`, `$defs`). */
export function schemasIn(node: JsonObject, member: string): readonly (readonly [string, JsonObject])[] {
  const map = node[member];
  if (!isObject(map)) return [];
  return Object.entries(map).filter((entry): entry is [string, JsonObject] => isObject(entry[1]));
}

/** The types that a node allows, as a list. */
export function typesOf(node: JsonObject): readonly string[] {
  const types = Array.isArray(node['type']) ? node['type'] : [node['type']];
  return types.filter(type => typeof type === 'string');
}

/** The branches of `anyOf` (or `oneOf`, which non-strict schemas may use); none = []. */
export function branchesOf(node: JsonObject): readonly JsonObject[] {
  const branches = node['anyOf'] ?? node['oneOf'];
  return Array.isArray(branches) ? branches.filter(isObject) : [];
}

/** Finds the node that a `$ref` within the same document ("#", "#/$defs/name") points to. */
export function resolveRef(root: JsonObject, ref: string): JsonObject | undefined {
  if (ref !== '#' && !ref.startsWith('#/')) return undefined;
  let node: Json | undefined = root;
  for (const part of ref.split('/').slice(1)) {
    if (typeof node !== 'object' || node === null) return undefined;
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    node = Object.hasOwn(node, name) ? (node as JsonObject)[name] : undefined;
  }
  return isObject(node) ? node : undefined;
}

/** Every node that can be reached from the root, by properties, items, branches and references. */
export function reachableNodes(root: JsonObject): ReadonlySet<JsonObject> {
  const seen = new Set<JsonObject>();
  const queue: JsonObject[] = [root];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    queue.push(...schemasIn(node, 'properties').map(([, child]) => child), ...branchesOf(node));
    if (isObject(node['items'])) queue.push(node['items']);
    const target = typeof node['$ref'] === 'string' ? resolveRef(root, node['$ref']) : undefined;
    if (target) queue.push(target);
  }
  return seen;
}

/**
 * The least nesting that a value of each node needs; Infinity where a node always contains itself, so that no finite
 * value fits. A walker that runs deep takes the branch of least height and so comes to an end.
 */
export function leastHeights(root: JsonObject): ReadonlyMap<JsonObject, number> {
  const nodes = reachableNodes(root);
  const heights = new Map<JsonObject, number>();
  const heightOf = (node: JsonObject) => heights.get(node) ?? Number.POSITIVE_INFINITY;
  const compute = (node: JsonObject): number => {
    if (typeof node['$ref'] === 'string') {
      const target = resolveRef(root, node['$ref']);
      return target ? heightOf(target) : Number.POSITIVE_INFINITY;
    }
    if (node['const'] !== undefined || node['enum'] !== undefined) return 0;
    const branches = branchesOf(node);
    if (branches.length > 0) return Math.min(...branches.map(heightOf));
    if (typesOf(node).some(type => type !== 'object')) return 0;
    return 1 + Math.max(0, ...schemasIn(node, 'properties').map(([, child]) => heightOf(child)));
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of nodes) {
      const height = compute(node);
      if (height < heightOf(node)) {
        heights.set(node, height);
        changed = true;
      }
    }
  }
  return heights;
}
