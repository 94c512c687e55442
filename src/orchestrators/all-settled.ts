import type { OrchestrationContext, Task } from 'durable-functions';

/** What a task came to. */
export type Settled<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Error };

/**
 * Waits for every task and answers what each came to, in order; no failure ends the wait.
 *
 * `Task.all` alone fails fast, and anything new that is yielded while siblings still retry gets a wrong id. So after it
 * each task is yielded again by itself, which is safe, because a task that was sent already is not sent again.
 *
 * @param tasks - not yielded before; none answers none (`Task.all` refuses an empty list)
 */
export function* allSettled<T>(
  context: OrchestrationContext,
  tasks: readonly Task[],
): Generator<Task, Settled<T>[], unknown> {
  if (tasks.length === 0) return [];
  try {
    yield context.df.Task.all([...tasks]);
  } catch {
    // Which task failed is found below.
  }
  const settled: Settled<T>[] = [];
  for (const task of tasks) {
    try {
      settled.push({ ok: true, value: (yield task) as T });
    } catch (error) {
      settled.push({ ok: false, error: error as Error });
    }
  }
  return settled;
}
