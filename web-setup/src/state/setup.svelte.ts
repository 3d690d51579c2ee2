// The wizard's draft as the agent keeps it. Each step writes its part and gets the whole back.

import { readSetup, type Setup } from '../api/setup';

let draft = $state<Setup | null>(null);

export const setup = {
  get draft() {
    return draft;
  },
};

export function take(next: Setup): void {
  draft = next;
}

export async function load(): Promise<void> {
  draft = await readSetup();
}
