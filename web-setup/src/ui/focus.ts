import { tick } from 'svelte';

/** To the first field that is wrong, so that the reason is read out and seen. */
export async function focusFirstError(within: ParentNode = document): Promise<void> {
  await tick();
  within.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}
