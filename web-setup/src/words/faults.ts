// From codes to words. What no catalogue knows is shown as the agent said it, in English.

import type { Fault } from '../api/request';
import type { Finding } from '../api/health';
import { language, t } from './index.svelte';
import type { Advice, Say } from './types';

function say(known: Say | undefined, fault: Fault | Finding): Advice {
  if (known === undefined) return [fault.message || t().errors.unknown[0], fault.help || (fault.message ? '' : t().errors.unknown[1])];
  return typeof known === 'function' ? known(fault.params ?? {}) : known;
}

export function sayFault(fault: Fault): Advice {
  const field = fault.params?.['field'];
  const all = t().errors as Record<string, Say>;
  // These say what is wrong by the field alone.
  const prefix = { invalid_value: 'invalid', invalid_network: 'network' }[fault.code];
  return say(prefix && typeof field === 'string' ? all[`${prefix}_${field}`] : all[fault.code], fault);
}

export const sayFinding = (finding: Finding): Advice => say((t().findings as Record<string, Say>)[finding.code] ?? (t().errors as Record<string, Say>)[finding.code], finding);

/** Details are names, addresses and figures, or sentences of the agent's, which only those who read English are shown. */
export const sayDetail = (detail: string): string =>
  (t().details as Record<string, string>)[detail] ?? (language() === 'en' || !detail.includes(' ') ? detail : '');

/** The fault in one paragraph, for below a field. */
export const sentence = (fault: Fault): string => sayFault(fault).filter(Boolean).join(' ');

/** The field that a fault is about, where it is about one. */
export const fieldOf = (fault: Fault | null): string | null => {
  const field = fault?.params?.['field'];
  return typeof field === 'string' ? field : null;
};
