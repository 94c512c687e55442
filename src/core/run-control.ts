import { z } from 'zod';

/** What a run was told: to wait, to stop, or nothing. */
export const WishSchema = z.enum(['paused', 'cancelled']).nullable();
export type Wish = z.infer<typeof WishSchema>;

/** What a run that is under way can be told. */
export const RUN_ACTIONS = ['cancel', 'pause', 'resume'] as const;
export type RunAction = (typeof RUN_ACTIONS)[number];

/**
 * What a run is told after an action. Being cancelled is final: pausing does not take it back, and resuming is refused.
 *
 * @returns `refused` where the action cannot be had
 */
export function wishAfter(action: RunAction, wish: Wish): Wish | 'refused' {
  switch (action) {
    case 'cancel':
      return 'cancelled';
    case 'pause':
      return wish ?? 'paused';
    case 'resume':
      return wish === 'cancelled' ? 'refused' : null;
  }
}
