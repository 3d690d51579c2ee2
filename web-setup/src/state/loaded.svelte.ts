// What a page shows, asked for when it opens and again as often as it says.

import { onMount } from 'svelte';
import { ApiError, toFault, type Fault } from '../api/request';
import { refresh } from './session.svelte';

export interface Loaded<T> {
  readonly value: T | null;
  /** What the box said in place of a newer value. */
  readonly fault: Fault | null;
  /** When the value came. */
  readonly at: number | null;
  readonly again: () => Promise<void>;
}

export function loaded<T>(read: () => Promise<T>, everyMs?: number): Loaded<T> {
  let value = $state<T | null>(null);
  let fault = $state<Fault | null>(null);
  let at = $state<number | null>(null);

  async function again(): Promise<void> {
    try {
      value = await read();
      fault = null;
      at = Date.now();
    } catch (error) {
      const silent = error instanceof ApiError && error.status === 0;
      // A box that is silent for a moment does not blank the page; that it is silent is told for all pages at once.
      if (silent) void refresh();
      if (!silent || value === null) fault = toFault(error);
    }
  }

  onMount(() => {
    void again();
    if (everyMs === undefined) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) void again();
    }, everyMs);
    return () => clearInterval(timer);
  });

  return {
    get value() {
      return value;
    },
    get fault() {
      return fault;
    },
    get at() {
      return at;
    },
    again,
  };
}
