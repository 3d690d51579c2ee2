import { tick } from 'svelte';

/** To the first field that is wrong, so that the reason is read out and seen. */
export async function focusFirstError(within: ParentNode = document): Promise<void> {
  await tick();
  within.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}

/** Back to where the focus was before; where that is gone or takes none, to the page's heading. */
export function focusAgain(before: Element | null): void {
  if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  if (document.activeElement === null || document.activeElement === document.body) document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
}

/** An attachment: what appears in place of the button that was pressed takes the focus, and so is read out. */
export function focusWhenShown(node: HTMLElement): () => void {
  node.focus({ preventScroll: true });
  return () => focusAgain(document.activeElement);
}
