// What the agent says of itself: the phase decides which part of the app is shown.

import { ApiError, whenUnauthenticated } from '../api/request';
import { readState, type State } from '../api/state';

let state = $state<State | null>(null);
let silent = $state(false);
let ahead = $state(0);

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
    return silent;
  },
};

export async function refresh(): Promise<State | null> {
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
  if (state) state = { ...state, authenticated: false };
});
