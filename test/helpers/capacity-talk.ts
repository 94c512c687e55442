import { control, leave, reserve } from '../../src/core/capacity/capacity.ts';
import type { CapacityView, Control, Grant, Leave, Reserve } from '../../src/core/capacity/messages.ts';
import { type CapacityState, FRESH_CAPACITY } from '../../src/core/capacity/state.ts';
import { terms } from './capacity-world.ts';

/** When conversations begin, in milliseconds since 1970. */
export const START_MS = 1_000_000;

/** A conversation with the capacity of a deployment. */
export interface Talk {
  readonly state: CapacityState;
  /** Reserves: stream 0 of run `a`, 20 new units at {@link START_MS}, unless changed. */
  ask(changes?: Partial<Reserve>): Grant;
  tell(wish: Control, atMs?: number, runId?: string): void;
  leave(changes?: Partial<Leave>): CapacityView;
}

/** Begins a conversation; of the state that each message leads to the next one starts. */
export function talk(first: CapacityState = FRESH_CAPACITY): Talk {
  let state = first;
  const defaults = { runId: 'a', nowMs: START_MS, terms: terms() };
  return {
    get state() {
      return state;
    },
    ask(changes = {}) {
      const answered = reserve(state, { ...defaults, stream: 0, want: 20, fresh: true, used: null, ...changes });
      state = answered.state;
      return answered.answer;
    },
    tell(wish, atMs = START_MS, runId = 'a') {
      state = control(state, { runId, control: wish, nowMs: atMs });
    },
    leave(changes = {}) {
      const answered = leave(state, { ...defaults, uses: [], ...changes });
      state = answered.state;
      return answered.answer;
    },
  };
}
