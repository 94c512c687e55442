import { z } from 'zod';
import type { Clock } from '../../engine/clock.ts';
import type { FunctionInfo, Worker } from '../../engine/protocol/worker.ts';
import { deliver } from '../../engine/run-step.ts';
import type { Store } from '../../engine/store/store.ts';
import { describeError, type Log, traceText } from '../log.ts';
import { type Environment, resolveSettings, settingOf } from '../settings/app-settings.ts';
import { ALLOWED_SCHEDULES, parseSchedule, type Schedule } from './schedule.ts';
import { newStatus, readStatus, timerTrigger, writeStatus } from './timer-status.ts';

/** What timers work with. */
export interface TimerServices {
  readonly worker: Worker;
  /** Keeps when each timer is due next, so that an occurrence missed while the host was down is noticed. */
  readonly store: Pick<Store, 'getMeta' | 'setMeta'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted when the host breaks work off. */
  readonly closing: AbortSignal;
}

interface Timer {
  readonly name: string;
  readonly schedule: Schedule;
  readonly runOnStartup: boolean;
  /** Its status is stored. */
  readonly isMonitored: boolean;
}

type Reason = 'due' | 'pastDue' | 'startup';

const bindingSchema = z.looseObject({
  type: z.string(),
  schedule: z.string(),
  runOnStartup: z.boolean().default(false),
  useMonitor: z.boolean().default(true),
});

/** `WEBSITE_TIME_ZONE`, or UTC. */
function readTimeZone(environment: Environment): string {
  const timeZone = settingOf(environment, 'WEBSITE_TIME_ZONE') || 'UTC';
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return timeZone;
  } catch (error) {
    const message = `WEBSITE_TIME_ZONE is "${timeZone}"; allowed: IANA names such as Europe/Berlin`;
    throw new Error(message, { cause: error });
  }
}

function readTimer({ name, bindings }: FunctionInfo, environment: Environment): Timer {
  const binding = Object.values(bindings).find(({ type }) => /^timerTrigger$/i.test(String(type)));
  const parsed = bindingSchema.safeParse(binding);
  if (!parsed.success) throw new Error(`Function "${name}": timerTrigger: ${z.prettifyError(parsed.error)}`);
  const { schedule: given, runOnStartup, useMonitor } = parsed.data;
  const text = resolveSettings(`Function "${name}": schedule`, given, environment);
  const schedule = parseSchedule(text, readTimeZone(environment));
  if (!schedule) throw new Error(`Function "${name}": schedule is "${text}"; allowed: ${ALLOWED_SCHEDULES}`);
  return { name, schedule, runOnStartup, isMonitored: useMonitor && !schedule.isFrequent };
}

const toIso = (instantMs: number) => new Date(instantMs).toISOString();

/**
 * Runs one timer by its schedule, never twice at a time.
 *
 * @returns ends it, after the run in flight
 */
function runTimer({ name, schedule, runOnStartup, isMonitored }: Timer, services: TimerServices): () => Promise<void> {
  const { store, clock, log } = services;
  const startedAtMs = clock.nowMs();
  const stored = isMonitored ? readStatus(store, name, schedule) : undefined;
  let status = stored ?? newStatus(schedule, startedAtMs);
  let withdraw = () => {};
  let run = Promise.resolve();
  let isStopped = false;

  const save = () => isMonitored && writeStatus(store, name, status);

  function arm(instantMs: number, reason: Reason): void {
    if (isStopped) return;
    withdraw = clock.callAt(instantMs, () => {
      run = runOnce(reason);
    });
  }

  async function runOnce(reason: Reason): Promise<void> {
    // A timeout may end a moment before its time by the clock; without this the same occurrence would come twice.
    const earliestMs = reason === 'due' ? status.nextMs : 0;
    const lastMs = Math.max(clock.nowMs(), earliestMs);
    const trigger = timerTrigger(schedule, isMonitored ? status : undefined, reason === 'pastDue');
    const outcome = await deliver(services, name, trigger);
    // The host closes before the run has ended: it stays due, and the next host makes up for it.
    if (!outcome) return;
    if (outcome.kind === 'timedOut') log('error', name, outcome.message);
    if (outcome.kind === 'threw') log('error', name, `failed: ${traceText(outcome)}`);
    const endedMs = Math.max(clock.nowMs(), earliestMs);
    status = { schedule: schedule.text, lastMs, nextMs: schedule.nextAfterMs(lastMs), lastUpdatedMs: endedMs };
    try {
      save();
    } catch (error) {
      log('error', name, `its next run, ${toIso(status.nextMs)}, could not be stored: ${describeError(error)}`);
    }
    arm(status.nextMs, 'due');
  }

  if (!stored) save();
  const isPastDue = status.nextMs < startedAtMs;
  const dueText = toIso(status.nextMs);
  log('information', name, isPastDue ? `was due at ${dueText} and runs now` : `next run at ${dueText}`);
  if (isPastDue) arm(startedAtMs, 'pastDue');
  else if (runOnStartup) arm(startedAtMs, 'startup');
  else arm(status.nextMs, 'due');
  return async () => {
    isStopped = true;
    withdraw();
    await run;
  };
}

/**
 * Runs the app's timer functions by their schedules, in UTC or in the zone that `WEBSITE_TIME_ZONE` names.
 *
 * A timer runs once at a time: what comes due while it runs comes once, after it. What came due while no host ran is made up for by
 * one run with `isPastDue`, unless `useMonitor` is false or the timer comes more often than once a minute. An error ends
 * the run, not the schedule; nor does one of the store, which is logged.
 *
 * @param environment - the app's settings, for `%NAME%` in schedules
 * @returns `stop` lets the runs in flight end
 * @throws when a schedule or the time zone cannot be read; no timer is started then
 */
export function startTimers(services: TimerServices, environment: Environment): { stop(): Promise<void> } {
  const timers = services.worker.functions
    .filter(({ kind }) => kind === 'timer')
    .map(info => readTimer(info, environment));
  const stops = timers.map(timer => runTimer(timer, services));
  return {
    stop: async () => {
      await Promise.all(stops.map(stop => stop()));
    },
  };
}
