// The present moment, counting on while a page looks at it.

import { onMount } from 'svelte';

export function ticking(everyMs: number): { readonly now: number } {
  let now = $state(Date.now());
  onMount(() => {
    const timer = setInterval(() => (now = Date.now()), everyMs);
    return () => clearInterval(timer);
  });
  return {
    get now() {
      return now;
    },
  };
}
