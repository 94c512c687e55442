/** How a task ended. The shim needs no more: values and errors reach the orchestrator through its history. */
export type Settlement = 'succeeded' | 'failed';

/** The host's side of something that an orchestrator waits for. */
export interface HostTask {
  /** Undefined while the task is open. */
  readonly settlement: Settlement | undefined;
  /** Runs the callback when the task settles, within `settle` itself; callbacks run in the order of registration. */
  onSettled(callback: (settlement: Settlement) => void): void;
}

/** A task that the engine settles. */
export interface OpenTask extends HostTask {
  /** Settles the task and runs what waits for it. A second call does nothing. */
  settle(settlement: Settlement): void;
}

/** Steps that wait for tasks, as a generator: it yields a task and goes on with the task's settlement. */
export type Routine = Generator<HostTask, Settlement, Settlement>;

/** Makes a task that is open. */
export function createTask(): OpenTask {
  const callbacks: ((settlement: Settlement) => void)[] = [];
  let state: Settlement | undefined;
  return {
    get settlement() {
      return state;
    },
    onSettled: callback => callbacks.push(callback),
    settle(settlement) {
      if (state !== undefined) return;
      state = settlement;
      for (const callback of callbacks) callback(settlement);
    },
  };
}

/** A task that has ended already. */
export function settledTask(settlement: Settlement): HostTask {
  const task = createTask();
  task.settle(settlement);
  return task;
}

/**
 * Runs a routine up to its first open task, and on from there whenever that task settles.
 *
 * No promise and no event loop is involved: what follows a task runs before the event that settled it is done with.
 * That order is what makes the host and the orchestrator give the same ids to the same calls.
 *
 * @returns the task of the whole routine
 */
export function spawn(routine: Routine): HostTask {
  const whole = createTask();
  function advance(settlement?: Settlement): void {
    // The first call of `next` ignores its argument.
    let step = routine.next(settlement ?? 'succeeded');
    while (!step.done) {
      const awaited = step.value.settlement;
      if (awaited === undefined) {
        step.value.onSettled(advance);
        return;
      }
      step = routine.next(awaited);
    }
    whole.settle(step.value);
  }
  advance();
  return whole;
}

/** Settles when all tasks have settled, also after a failure; failed if one of them failed. */
export function whenAll(tasks: readonly HostTask[]): HostTask {
  const whole = createTask();
  let openCount = tasks.length;
  const check = () => {
    if (openCount === 0) whole.settle(tasks.some(task => task.settlement === 'failed') ? 'failed' : 'succeeded');
  };
  for (const task of tasks) {
    if (task.settlement !== undefined) openCount -= 1;
    else {
      task.onSettled(() => {
        openCount -= 1;
        check();
      });
    }
  }
  check();
  return whole;
}

/** Settles with the first task that settles, however it ends. */
export function whenAny(tasks: readonly HostTask[]): HostTask {
  const whole = createTask();
  for (const task of tasks) {
    if (task.settlement !== undefined) whole.settle('succeeded');
    else task.onSettled(() => whole.settle('succeeded'));
  }
  return whole;
}
