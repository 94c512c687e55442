import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { createWorkerIdentity } from '../../src/services/worker-identity.ts';

const nobodyLives = () => false;
const everybodyLives = () => true;

describe('a worker identity', () => {
  test('is a new one in each life of a process', () => {
    const [one, other] = [createWorkerIdentity('host', 5), createWorkerIdentity('host', 5)];
    expect(one.id).toMatch(/^host:5:[\da-f-]{36}$/);
    expect(other.id).not.toBe(one.id);
  });

  test('has three parts, whatever the machine is called', () => {
    expect(createWorkerIdentity('fe80::1/a b', 5).id).toMatch(/^fe80__1_a_b:5:/);
  });

  test('does not take itself for gone', () => {
    const worker = createWorkerIdentity('host', 5, nobodyLives);
    expect(worker.isGone(worker.id)).toBe(false);
  });

  test('knows that an earlier owner of its own process id is gone', () => {
    const earlier = createWorkerIdentity('host', 5);
    expect(createWorkerIdentity('host', 5, everybodyLives).isGone(earlier.id)).toBe(true);
  });

  test('asks for the process of a worker on the same machine', () => {
    const asked: number[] = [];
    const other = createWorkerIdentity('host', 6);
    const worker = createWorkerIdentity('host', 5, pid => asked.push(pid) > 1);
    expect(worker.isGone(other.id)).toBe(true);
    expect(worker.isGone(other.id)).toBe(false);
    expect(asked).toEqual([6, 6]);
  });

  test('cannot know about other machines', () => {
    const worker = createWorkerIdentity('host', 5, nobodyLives);
    expect(worker.isGone(createWorkerIdentity('host-2', 6).id)).toBe(false);
    expect(worker.isGone(createWorkerIdentity('host-2', 5).id)).toBe(false);
  });

  test('tells a real process that ended from one that lives', async () => {
    const worker = createWorkerIdentity(hostname());
    const child = spawn(process.execPath, ['--eval', 'process.stdin.resume()']);
    await once(child, 'spawn');
    const childId = createWorkerIdentity(hostname(), child.pid).id;
    expect(worker.isGone(childId)).toBe(false);
    child.stdin.end();
    await once(child, 'exit');
    expect(worker.isGone(childId)).toBe(true);
  });

  test('takes a process of another user for alive', () => {
    // Nobody but its owner may signal process 1; its owner may, so it lives either way.
    expect(createWorkerIdentity('host').isGone(createWorkerIdentity('host', 1).id)).toBe(false);
  });
});
