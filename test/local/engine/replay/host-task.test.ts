import { expect, test } from 'vitest';
import {
  createTask,
  type Routine,
  settledTask,
  spawn,
  whenAll,
  whenAny,
} from '../../../../local/engine/replay/host-task.ts';

test('a task settles once, and tells in order', () => {
  const task = createTask();
  const told: string[] = [];
  task.onSettled(settlement => told.push(`first ${settlement}`));
  task.onSettled(settlement => told.push(`second ${settlement}`));
  expect(task.settlement).toBeUndefined();
  task.settle('failed');
  task.settle('succeeded');
  expect(task.settlement).toBe('failed');
  expect(told).toEqual(['first failed', 'second failed']);
});

test('a routine goes on within settle itself', () => {
  const [one, two] = [createTask(), createTask()];
  const steps: string[] = [];
  function* routine(): Routine {
    steps.push(yield one);
    steps.push(yield settledTask('succeeded'));
    steps.push(yield two);
    return 'failed';
  }
  const whole = spawn(routine());
  expect(steps).toEqual([]);
  one.settle('failed');
  expect(steps).toEqual(['failed', 'succeeded']);
  expect(whole.settlement).toBeUndefined();
  two.settle('succeeded');
  expect(whole.settlement).toBe('failed');
});

test('all waits for every task, also after a failure', () => {
  const [one, two] = [createTask(), createTask()];
  const whole = whenAll([one, settledTask('succeeded'), two]);
  one.settle('failed');
  expect(whole.settlement).toBeUndefined();
  two.settle('succeeded');
  expect(whole.settlement).toBe('failed');
  expect(whenAll([]).settlement).toBe('succeeded');
});

test('any settles with the first, however that ends', () => {
  const [one, two] = [createTask(), createTask()];
  const whole = whenAny([one, two]);
  expect(whole.settlement).toBeUndefined();
  two.settle('failed');
  expect(whole.settlement).toBe('succeeded');
  expect(whenAny([settledTask('failed'), one]).settlement).toBe('succeeded');
});
