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

export function sayFinding(finding: Finding): Advice {
  const [what, todo] = say((t().findings as Record<string, Say>)[finding.code], finding);
  return [what, finding.code === 'unreachable' ? whyUnreachable(finding) : todo];
}

/** What the check found that keeps the world out, and what to do: the same words as beside the name in the wizard. */
function whyUnreachable(finding: Finding): string {
  const { cause, check, server_name: server, host } = finding.params;
  const [why, todo] = say((t().errors as Record<string, Say>)[String(cause)], finding);
  // The wizard shows the signpost's files below; here the advice has to say what is in them.
  const signpost = check === 'delegation' && typeof server === 'string' && typeof host === 'string' ? t().dashboard.overview.signpost(server, host) : undefined;
  return [why, todo || (signpost ?? t().wizard.name.advice[String(check)])].filter(Boolean).join(' ');
}

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
