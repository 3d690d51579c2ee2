import type { Setup } from '../api/setup';

/** The wizard's steps in their order. */
export const order = ['welcome', 'locale', 'network', 'name', 'administrator', 'registration', 'mail', 'certificate', 'backup', 'summary'] as const;
export type Step = (typeof order)[number];

export const isStep = (name: string): name is Step => (order as readonly string[]).includes(name);

export const after = (step: Step): Step => order[Math.min(order.indexOf(step) + 1, order.length - 1)] ?? 'summary';
export const before = (step: Step): Step => order[Math.max(order.indexOf(step) - 1, 0)] ?? 'welcome';

/** The steps that have an answer of their own. */
const asked = ['locale', 'network', 'name', 'administrator', 'registration', 'mail', 'certificate', 'backup'] as const;

export function isDone(draft: Setup, step: Step): boolean {
  if (step === 'welcome') return asked.some((other) => draft.steps[other].done);
  if (step === 'summary') return draft.steps.apply.done;
  return draft.steps[step].done;
}

export const missing = (draft: Setup): Step[] => asked.filter((step) => !draft.steps[step].done);

/** Where somebody who comes back goes on. */
export const goOn = (draft: Setup): Step => (asked.some((step) => draft.steps[step].done) ? (missing(draft)[0] ?? 'summary') : 'welcome');
