import type { MailChoice, Security } from '../api/setup';

/** The mail settings as they are typed. */
export interface MailForm {
  host: string;
  port: string;
  security: Security;
  user: string;
  password: string;
  from: string;
  to: string;
}

/** The usual port of each kind. */
export const usualPort: Record<Security, string> = { tls: '465', starttls: '587', none: '25' };

interface Saved {
  host: string | null;
  port: number | null;
  security: Security | null;
  user: string | null;
  from: string | null;
}

export function mailForm(saved: Saved | null): MailForm {
  const security = saved?.security ?? 'starttls';
  return {
    host: saved?.host ?? '',
    port: saved?.port ? String(saved.port) : usualPort[security],
    security,
    user: saved?.user ?? '',
    password: '',
    from: saved?.from ?? '',
    to: '',
  };
}

/** As it is sent; an empty password is left out, so that the one that is kept stays. */
export function mailChoice(form: MailForm): MailChoice {
  const choice: MailChoice = {
    host: form.host.trim(),
    port: Number(form.port),
    security: form.security,
    user: form.user.trim(),
    from: form.from.trim(),
  };
  if (form.password !== '') choice.password = form.password;
  return choice;
}

export const portFits = (port: string): boolean => /^\d{1,5}$/.test(port.trim()) && Number(port) >= 1 && Number(port) <= 65535;
