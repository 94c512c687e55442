import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EntityFilter, InstanceFilter } from '../../../../local/engine/api.ts';
import { createMemoryStore } from '../../../../local/engine/store/memory-store.ts';
import { openSqliteStore } from '../../../../local/engine/store/sqlite-store.ts';
import {
  type Address,
  COMMIT_POINTS,
  type CommitPoint,
  type Delivery,
  type NewInstance,
  type Store,
} from '../../../../local/engine/store/store.ts';
import {
  batchOf,
  call,
  completed,
  episodeOf,
  message,
  newInstance,
  raised,
  readAll,
  start,
  unwritable,
} from './store-samples.ts';

const RUNS = 400;
/** Few ids and instants, so that steps meet. */
const instanceIds = ['a', 'ab', 'b', '\uffee', '😀'] as const;
const entityIds = ['@e@k', '@e@l', '@f@k'] as const;

const instanceId = fc.constantFrom(...instanceIds);
const instantMs = fc.integer({ min: 0, max: 5 }).map(n => n * 100);
const runtimeStatus = fc.constantFrom('Pending', 'Running', 'Suspended', 'Completed', 'Failed', 'Terminated');
const name = fc.constantFrom('x', 'y', 'z');

const created: fc.Arbitrary<NewInstance> = fc
  .record({ id: instanceId, generation: fc.nat(2), createdAtMs: instantMs, runtimeStatus })
  .map(({ id, generation, ...members }) => newInstance(id, { executionId: `${id}-${generation}`, ...members }));

const address: fc.Arbitrary<Address> = fc.oneof(
  fc.record({ instanceId: fc.constantFrom(...instanceIds, ...entityIds, 'none'), executionId: fc.constant(null) }),
  fc
    .record({ id: instanceId, generation: fc.nat(2) })
    .map(({ id, generation }) => ({ instanceId: id, executionId: `${id}-${generation}` })),
);

const dueAtMs = fc.option(instantMs, { nil: undefined });
const delivery: fc.Arbitrary<Delivery> = fc.oneof(
  fc.tuple(address, name, dueAtMs).map(each => message(...each)),
  fc.tuple(created, fc.nat(5), dueAtMs).map(each => call(...each)),
  fc.tuple(created, created, dueAtMs).map(each => start(...each)),
);
const deliveries = fc.array(delivery, { maxLength: 4 });
const events = fc.array(name.map(raised), { maxLength: 3 });

/** One call of a store; it may look into the store for what a caller would know. */
interface Step {
  readonly write: CommitPoint;
  readonly label: string;
  run(store: Store): unknown;
}

const step = <Input>(write: CommitPoint, input: fc.Arbitrary<Input>, run: (store: Store, input: Input) => unknown) =>
  input.map((given): Step => ({ write, label: `${write} ${fc.stringify(given)}`, run: store => run(store, given) }));

/** The number of one of the waiting messages. */
const seqAt = (store: Store, id: string, index: number) => store.readMessages(id)[index]?.seq ?? 0;

const episode = fc.record({
  created,
  isLoadedOne: fc.boolean(),
  taken: fc.nat(4),
  past: fc.constantFrom('none', 'all', 'all', 'other'),
  appended: events,
  deliveries,
  isUnwritable: fc.integer({ min: 0, max: 9 }).map(n => n === 0),
});

const steps: fc.Arbitrary<Step> = fc.oneof(
  step('createInstance', fc.tuple(created, dueAtMs), (store, given) => store.createInstance(...given)),
  step('sendMessage', fc.tuple(address, name, dueAtMs), (store, [to, text, atMs]) =>
    store.sendMessage(to, raised(text), atMs),
  ),
  step('purgeInstance', fc.constantFrom(...instanceIds, ...entityIds), (store, id) => store.purgeInstance(id)),
  step('dropMessages', fc.tuple(address, fc.nat(3)), (store, [to, index]) =>
    store.dropMessages(to.instanceId, seqAt(store, to.instanceId, index)),
  ),
  {
    weight: 4,
    arbitrary: step('commitEpisode', episode, (store, { created: { instance, startedEvent }, ...given }) => {
      const { instanceId: id } = instance;
      const stored = store.getInstance(id);
      const count = store.readHistory(id).length;
      const isLoadedOne = given.isLoadedOne && stored !== undefined;
      return store.commitEpisode(
        episodeOf(
          { instance, startedEvent },
          {
            instance,
            loadedExecutionId: isLoadedOne ? stored.executionId : instance.executionId,
            consumedThroughSeq: seqAt(store, id, given.taken),
            pastEventCount: { none: 0, all: count, other: count + 1 }[given.past],
            // What nobody would write need not be looked at.
            appended: given.isUnwritable && isLoadedOne ? [...given.appended, unwritable()] : given.appended,
            deliveries: given.deliveries,
          },
        ),
      );
    }),
  },
  {
    weight: 2,
    arbitrary: step(
      'commitBatch',
      fc.tuple(fc.constantFrom(...entityIds), fc.constantFrom(null, '', '1'), instantMs, fc.nat(3), deliveries),
      (store, [id, stateJson, atMs, taken, given]) =>
        store.commitBatch(
          batchOf(id, stateJson, { atMs, consumedThroughSeq: seqAt(store, id, taken), deliveries: given }),
        ),
    ),
  },
  step('completeActivity', fc.tuple(fc.nat(3), fc.boolean(), dueAtMs), (store, [index, isTwice, atMs]) => {
    const task = store.readActivities(0, 10)[index];
    if (!task) return 'none';
    const first = store.completeActivity(task, completed(task.taskId), atMs);
    return isTwice ? [first, store.completeActivity(task, completed(task.taskId))] : first;
  }),
  { weight: 2, arbitrary: step('deliverDue', instantMs, (store, nowMs) => store.deliverDue(nowMs)) },
  step('rewind', fc.array(fc.tuple(created, events, fc.boolean()), { maxLength: 2 }), (store, rewound) =>
    store.rewind(
      rewound.map(([{ instance }, history, isWoken]) => ({
        instance,
        history,
        deliveries: isWoken ? [{ kind: 'message', to: instance, event: raised('wake') }] : [],
      })),
    ),
  ),
  step('setMeta', fc.tuple(name, name), (store, given) => store.setMeta(...given)),
);

const bound = fc.option(instantMs, { nil: undefined });
const top = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined });
const filters = fc.record(
  {
    instanceIdPrefix: fc.constantFrom('', 'a', '😀'),
    createdFromMs: bound,
    createdToMs: bound,
    runtimeStatus: fc.option(fc.uniqueArray(runtimeStatus), { nil: undefined }),
    top,
    continuationToken: fc.option(fc.constantFrom(...instanceIds, 'aa'), { nil: undefined }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<InstanceFilter>;
const entityFilters = fc.record(
  {
    name: fc.constantFrom('e', 'E', 'f', 'none'),
    lastOperationFromMs: bound,
    lastOperationToMs: bound,
    top,
    continuationToken: fc.option(fc.constantFrom(...entityIds), { nil: undefined }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<EntityFilter>;

/** What a step comes to: its result, or that it failed. */
function outcomeOf({ run }: Step, store: Store): { readonly result: unknown } | 'failed' {
  try {
    return { result: run(store) };
  } catch {
    return 'failed';
  }
}

test('both stores come to the same, whatever is written', () => {
  const called = new Set<string>();
  const property = fc.property(
    fc.array(steps, { maxLength: 40 }),
    filters,
    entityFilters,
    (all, filter, entityFilter) => {
      const [memory, sqlite] = [createMemoryStore(), openSqliteStore(':memory:')];
      for (const each of all) {
        called.add(each.write);
        expect(outcomeOf(each, memory), each.label).toEqual(outcomeOf(each, sqlite));
        expect(readAll(memory), each.label).toEqual(readAll(sqlite));
      }
      expect(memory.listInstances(filter)).toEqual(sqlite.listInstances(filter));
      expect(memory.listEntities(entityFilter)).toEqual(sqlite.listEntities(entityFilter));
      for (const key of ['x', 'y', 'z']) expect(memory.getMeta(key)).toEqual(sqlite.getMeta(key));
      expect(memory.deliverDue(1_000)).toEqual(sqlite.deliverDue(1_000));
      expect(readAll(memory)).toEqual(readAll(sqlite));
      sqlite.close();
    },
  );
  fc.assert(property, { numRuns: RUNS });
  expect([...called].sort()).toEqual([...COMMIT_POINTS].sort());
});
