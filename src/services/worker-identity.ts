import { randomUUID } from 'node:crypto';

/** Who this process is, among all that may claim an issue. */
export interface WorkerIdentity {
  readonly id: string;
  /** True when the claimer is known to have ended: it ran on this machine, and its process is no more. */
  isGone(workerId: string): boolean;
}

/**
 * Names this process by machine, process id and a random part for its life.
 *
 * @param machine - the instance id on Azure, else the host name; letters, digits, `.`, `-` and `_` count
 */
export function createWorkerIdentity(machine: string, pid = process.pid, isAlive = isProcessAlive): WorkerIdentity {
  const place = machine.replace(/[^\w.-]/g, '_');
  const id = `${place}:${pid}:${randomUUID()}`;
  return {
    id,
    isGone(workerId) {
      const [otherPlace, otherPid] = workerId.split(':');
      if (workerId === id || otherPlace !== place) return false;
      return Number(otherPid) === pid || !isAlive(Number(otherPid));
    },
  };
}

function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
