// What the agent says of itself: the phase decides which part of the app is shown.

import { ApiError, whenUnauthenticated } from '../api/request';
import { readState, type State } from '../api/state';

let state = $state<State | null>(null);
let silent = $state(false);
let ahead = $state(0);
let gone = $state(false);

export const session = {
  get state() {
    return state;
  },
  /** Milliseconds by which the box's clock is ahead of this device's. */
  get ahead() {
    return ahead;
  },
  /** The box has not answered the last time it was asked. */
  get silent() {
    return silent && !gone;
  },
  /** The box is being erased: it comes back as another one, whose certificate this browser has not seen yet. */
  get gone() {
    return gone;
  },
};

/** From here on nobody who answers is the box that was asked: no use to keep asking. */
export function takeLeave(): void {
  gone = true;
}

export async function refresh(): Promise<State | null> {
  if (gone) return state;
  try {
    state = await readState();
    ahead = state.time_ms - Date.now();
    silent = false;
  } catch (error) {
    silent = error instanceof ApiError && error.status === 0;
  }
  return state;
}

whenUnauthenticated(() => {
  if (state) state = { ...state, authenticated: false, session: null };
  // How to come in again may be another way than before.
  void refresh();
});
