import { describe, expect, test } from 'vitest';
import type { DivergenceCode } from '../../local/engine/replay/shim-divergence.ts';
import type { df } from './durable-app.ts';
import { createHarness, type Harness, type Status } from './engine-harness.ts';

/** Activities that end when the test says so. */
export interface Gates {
  /** Names in the order in which the activity was called with them. */
  readonly begun: string[];
  /** The handler of an activity that is called with a name. */
  handler(name: string): Promise<string>;
  /** Ends the oldest call of the name that is under way, if there is one. */
  end(name: string, result: string | Error): boolean;
}

/** Gates at which nobody waits. */
export function createGates(): Gates {
  const gates = new Map<string, PromiseWithResolvers<string>[]>();
  const begun: string[] = [];
  return {
    begun,
    handler(name) {
      begun.push(name);
      const gate = Promise.withResolvers<string>();
      gates.set(name, [...(gates.get(name) ?? []), gate]);
      return gate.promise;
    },
    end(name, result) {
      const gate = gates.get(name)?.shift();
      if (result instanceof Error) gate?.reject(result);
      else gate?.resolve(result);
      return gate !== undefined;
    },
  };
}

/** One run of an orchestrator named `trap`, under the id `one`. When the instance has failed, every step does nothing. */
export interface TrapRun {
  readonly harness: Harness;
  readonly begun: readonly string[];
  /** Ends the oldest call of the gated activity with that name, once it is under way. */
  end(name: string, result: string | Error): Promise<void>;
  /** Waits for history to show the event, as in {@link Harness.trace}. */
  seen(event: string): Promise<void>;
  /** Lets time pass; no gate may be waited at. */
  pass(lengthMs: number): Promise<void>;
  /** Raises the event and runs what follows. */
  raise(name: string, value: unknown): Promise<void>;
}

/** A way of writing an orchestrator that goes wrong on the real host. */
export interface Trap {
  /** What is reported, in order. */
  readonly codes: readonly DivergenceCode[];
  /** What the first report says. */
  readonly says: RegExp;
  /** Of the harness, for each run anew. */
  options?(): NonNullable<Parameters<typeof createHarness>[1]>;
  register(app: typeof df.app, gates: Gates): void;
  drive(run: TrapRun): Promise<void>;
  /** What becomes of it on the real host. */
  readonly outcome: Partial<Status>;
  /** What else is to be seen, after the drive. */
  check?(run: TrapRun): void;
}

const CODE = /^trap: one: ([a-z-]+): /;

function startTrap(trap: Trap, strict: boolean): TrapRun {
  const gates = createGates();
  const options = trap.options?.();
  const harness = createHarness(app => trap.register(app, gates), {
    ...options,
    settings: { ...options?.settings, strict },
  });
  harness.engine.startInstance({ name: 'trap', instanceId: 'one', inputJson: 'null' });
  const hasFailed = () => harness.status('one').runtimeStatus === 'Failed';
  async function until(isSo: () => boolean): Promise<void> {
    while (!hasFailed() && !isSo()) await new Promise(resolve => setImmediate(resolve));
  }
  return {
    harness,
    begun: gates.begun,
    end: (name, result) => until(() => gates.end(name, result)),
    seen: event => until(() => harness.trace('one').includes(event)),
    async pass(lengthMs) {
      if (!hasFailed()) await harness.pass(lengthMs);
    },
    async raise(name, value) {
      await harness.engine.idle();
      if (hasFailed()) return;
      harness.engine.raiseEvent('one', name, JSON.stringify(value));
      await harness.engine.idle();
    },
  };
}

/** Tests that the trap has the outcome of the real host and is reported; and that in strict mode the instance fails by the report. */
export function describeTrap(name: string, trap: Trap): void {
  describe(name, () => {
    test('as on the real host, and reported', async () => {
      const run = startTrap(trap, false);
      await trap.drive(run);
      const reports = run.harness.errors.filter(line => CODE.test(line));
      expect(reports.map(line => CODE.exec(line)?.[1])).toEqual(trap.codes);
      expect(reports[0]).toMatch(trap.says);
      expect(run.harness.status('one')).toMatchObject(trap.outcome);
      trap.check?.(run);
    });

    test('fails the instance in strict mode', async () => {
      const run = startTrap(trap, true);
      await trap.drive(run);
      const { runtimeStatus, output } = run.harness.status('one');
      expect(runtimeStatus).toBe('Failed');
      expect(output).toMatch(new RegExp(`^Orchestrator function 'trap' failed: ${trap.codes[0]}: .* \\(strict\\)$`));
      expect(output).toMatch(trap.says);
    });
  });
}
