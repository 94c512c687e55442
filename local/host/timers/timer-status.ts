import { z } from 'zod';
import type { RpcTypedData } from '../../engine/protocol/worker.ts';
import type { Store } from '../../engine/store/store.ts';
import type { Schedule } from './schedule.ts';

const statusSchema = z.object({
  schedule: z.string(),
  lastMs: z.number().nullable(),
  nextMs: z.number(),
  lastUpdatedMs: z.number(),
});

/** Where a timer stands. */
export interface TimerStatus {
  /** {@link Schedule.text} that `nextMs` was reckoned by. */
  readonly schedule: string;
  /** Start of the last run, in milliseconds since 1970; null = it has never run. */
  readonly lastMs: number | null;
  readonly nextMs: number;
  readonly lastUpdatedMs: number;
}

const keyOf = (functionName: string) => `timer ${functionName.toLowerCase()}`;

/** The status of a timer that starts anew. */
export function newStatus(schedule: Schedule, nowMs: number): TimerStatus {
  return { schedule: schedule.text, lastMs: null, nextMs: schedule.nextAfterMs(nowMs), lastUpdatedMs: nowMs };
}

/** The stored status of a timer; undefined when there is none, or when it went by another schedule. */
export function readStatus(
  store: Pick<Store, 'getMeta'>,
  functionName: string,
  schedule: Schedule,
): TimerStatus | undefined {
  const text = store.getMeta(keyOf(functionName));
  if (text === undefined) return undefined;
  const status = statusSchema.parse(JSON.parse(text));
  return status.schedule === schedule.text ? status : undefined;
}

/** Stores the status of a timer in the place of the former one. */
export function writeStatus(store: Pick<Store, 'setMeta'>, functionName: string, status: TimerStatus): void {
  store.setMeta(keyOf(functionName), JSON.stringify(status));
}

/** An instant as .NET writes it; its year 1 stands for never. */
function dotNetTime(instantMs: number | null): string {
  return instantMs === null ? '0001-01-01T00:00:00+00:00' : new Date(instantMs).toISOString().replace('Z', '+00:00');
}

/**
 * What the handler of a timer gets, in the names of the Functions host; the library turns them into camel case.
 *
 * @param status - from before this run; undefined when the timer is not monitored
 */
export function timerTrigger(schedule: Schedule, status: TimerStatus | undefined, isPastDue: boolean): RpcTypedData {
  return {
    json: JSON.stringify({
      Schedule: { AdjustForDST: schedule.adjustsForDst },
      ScheduleStatus: status
        ? {
            Last: dotNetTime(status.lastMs),
            LastUpdated: dotNetTime(status.lastUpdatedMs),
            Next: dotNetTime(status.nextMs),
          }
        : null,
      IsPastDue: isPastDue,
    }),
  };
}
