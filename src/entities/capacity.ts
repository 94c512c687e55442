import type { EntityHandler } from 'durable-functions';
import { control, leave, reserve } from '../core/capacity/capacity.ts';
import type { CapacityView, Grant, Leave, Reserve, RunControlMessage } from '../core/capacity/messages.ts';
import { type CapacityState, storedCapacity } from '../core/capacity/state.ts';

/**
 * The capacity of a deployment, for all runs and instances: who may start how many calls, and when.
 *
 * Operations: `reserve` answers a `Grant`, `leave` a `CapacityView`, `control` nothing. It reads no clock: every message
 * brings the caller's time. A state of a version with another shape is begun anew: runs under
 * way draw from their first unit again and find what is answered; what they were told and took in this attempt is forgotten.
 */
export const capacity: EntityHandler<CapacityState> = context => {
  const state = storedCapacity(context.df.getState());
  const input = context.df.getInput<unknown>();
  switch (context.df.operationName) {
    case 'reserve': {
      const { state: next, answer } = reserve(state, input as Reserve);
      context.df.setState(next);
      return context.df.return(answer satisfies Grant);
    }
    case 'leave': {
      const { state: next, answer } = leave(state, input as Leave);
      context.df.setState(next);
      return context.df.return(answer satisfies CapacityView);
    }
    case 'control':
      return context.df.setState(control(state, input as RunControlMessage));
    default:
      throw new Error(`The capacity entity has no operation "${context.df.operationName}"`);
  }
};
