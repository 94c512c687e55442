// Preloaded (`--import`, by NODE_OPTIONS also into child processes) into the processes of a bench: makes their time pass
// faster, so that minutes of limits, pauses and latencies take seconds. Nothing else in a process knows of it.
//
// Scaled: `Date`, timers (global, `node:timers`, `node:timers/promises`), `AbortSignal.timeout`.
// Real: `performance.now`, `process.hrtime`, and what Node times inside (idle sockets).
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import { promisify } from 'node:util';

/** How many times as fast time passes. Not set: the module changes nothing. */
const SCALE_VARIABLE = 'BENCH_TIME_SCALE';
/** The instant, in milliseconds since 1970, at which virtual and real time are the same: one for all processes. */
const ORIGIN_VARIABLE = 'BENCH_TIME_ORIGIN_MS';

/** Real milliseconds of a virtual delay: whole ones, and never too few, as a timer must not be early. */
function realDelayMs(delayMs: unknown, scale: number): unknown {
  return typeof delayMs === 'number' && delayMs > 0 ? Math.ceil(delayMs / scale) : delayMs;
}

function scaleDate(scale: number, originMs: number): void {
  const RealDate = Date;
  const realNowMs = Date.now;
  const virtualNowMs = () => Math.floor(originMs + (realNowMs() - originMs) * scale);
  RealDate.now = virtualNowMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given, newTarget) =>
      Reflect.construct(target, given.length === 0 ? [virtualNowMs()] : given, newTarget),
    apply: () => new RealDate(virtualNowMs()).toString(),
  });
  RealDate.prototype.constructor = globalThis.Date;
}

function scaleTimers(scale: number): void {
  const { setTimeout: waitOnce, setInterval: everyTime, scheduler } = timersPromises;
  const wait = scheduler.wait.bind(scheduler);
  const options = { writable: true, configurable: true, enumerable: true };
  const real = (delayMs: unknown) => realDelayMs(delayMs, scale) as number | undefined;
  Object.assign(timersPromises, {
    setTimeout: (delayMs?: number, ...rest: unknown[]) => Reflect.apply(waitOnce, undefined, [real(delayMs), ...rest]),
    setInterval: (delayMs?: number, ...rest: unknown[]) =>
      Reflect.apply(everyTime, undefined, [real(delayMs), ...rest]),
  });
  const scaledWait = (delayMs: number, given?: { signal?: AbortSignal }) => wait(real(delayMs) ?? 0, given);
  Object.defineProperty(scheduler, 'wait', { ...options, value: scaledWait });
  for (const name of ['setTimeout', 'setInterval'] as const) {
    const start = timers[name];
    const scaled = (callback: unknown, delayMs?: unknown, ...rest: unknown[]) =>
      Reflect.apply(start, undefined, [callback, real(delayMs), ...rest]);
    const custom = name === 'setTimeout' ? { [promisify.custom]: timersPromises.setTimeout } : {};
    Object.assign(scaled, custom);
    Object.assign(timers, { [name]: scaled });
    Object.assign(globalThis, { [name]: scaled });
  }
  const timeoutSignal = AbortSignal.timeout;
  AbortSignal.timeout = delayMs => Reflect.apply(timeoutSignal, AbortSignal, [real(delayMs)]);
  syncBuiltinESMExports();
}

const scale = Number(process.env[SCALE_VARIABLE] ?? 1);
const originMs = Number(process.env[ORIGIN_VARIABLE]);
if (scale !== 1) {
  if (!(scale > 0) || !Number.isFinite(originMs)) {
    throw new Error(`${SCALE_VARIABLE} must be above 0 and ${ORIGIN_VARIABLE} an instant in milliseconds`);
  }
  scaleDate(scale, originMs);
  scaleTimers(scale);
}
