import { entityIdOf } from '../protocol/entities.ts';
import { createMemoryTables } from './memory-tables.ts';
import { DEFAULT_PAGE_SIZE, type Store } from './store.ts';
import { createWrites, type MakeWrite } from './writes.ts';

/** A copy of JSON data that nobody can change. */
function frozenCopy<Value>(value: Value): Value {
  // Plain values need no copy, and JSON has no Infinity.
  if (typeof value !== 'object') return value;
  return JSON.parse(JSON.stringify(value), (_key, member) => Object.freeze(member));
}

function readPage<Item>(
  candidates: Iterable<Item>,
  admits: (item: Item) => boolean,
  pageSize = DEFAULT_PAGE_SIZE,
): { readonly items: readonly Item[]; readonly isLast: boolean } {
  const items: Item[] = [];
  for (const item of candidates) {
    if (!admits(item)) continue;
    if (items.length === pageSize) return { items, isLast: false };
    items.push(item);
  }
  return { items, isLast: true };
}

const isWithin = (instantMs: number, fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY) =>
  instantMs >= fromMs && instantMs <= toMs;

function createLists({
  instances,
  entities,
}: ReturnType<typeof createMemoryTables>): Pick<Store, 'listInstances' | 'listEntities'> {
  return {
    listInstances({ instanceIdPrefix = '', createdFromMs, createdToMs, runtimeStatus, top, continuationToken }) {
      const page = readPage(
        instances.list(instanceIdPrefix, continuationToken),
        instance =>
          isWithin(instance.createdAtMs, createdFromMs, createdToMs) &&
          (runtimeStatus?.includes(instance.runtimeStatus) ?? true),
        top,
      );
      const last = page.items.at(-1);
      return { instances: page.items, ...(!page.isLast && last && { continuationToken: last.instanceId }) };
    },
    listEntities({ name, lastOperationFromMs, lastOperationToMs, top, continuationToken }) {
      const page = readPage(
        entities.list(name === undefined ? '' : entityIdOf({ name, key: '' }), continuationToken),
        ({ lastOperationAtMs }) => isWithin(lastOperationAtMs, lastOperationFromMs, lastOperationToMs),
        top,
      );
      const last = page.items.at(-1);
      return { entities: page.items, ...(!page.isLast && last && { continuationToken: last.entityId }) };
    },
  };
}

/** Input that cannot be copied fails here, before anything is written: so a write is whole or not at all. */
const makeWrite: MakeWrite =
  work =>
  (...input) =>
    work(...(input.map(frozenCopy) as unknown as typeof input));

/** A store in memory. What it returns is frozen, and it keeps nothing of what it is given but copies. */
export function createMemoryStore(): Store {
  const tables = createMemoryTables();
  return {
    getMeta: tables.getMeta,
    getInstance: tables.instances.get,
    getEntity: tables.entities.get,
    readHistory: tables.readHistory,
    readMessages: tables.readMessages,
    instancesWithMessages: tables.instancesWithMessages,
    readActivities: tables.readActivities,
    nextDueAtMs: tables.nextDueAtMs,
    ...createLists(tables),
    ...createWrites(tables, makeWrite),
    close() {},
  };
}
