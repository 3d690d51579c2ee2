import type { Started } from './jobs';
import { get, post, put } from './request';
import type { MailChoice, Registration, Security } from './setup';

export interface Settings {
  registration: Registration;
  mail: { host: string; port: number; security: Security; user: string; from: string } | null;
}

export const readSettings = () => get<Settings>('/api/settings');
export const putSettings = (change: { registration?: Registration; mail?: MailChoice | null }) => put<Settings>('/api/settings', change);
export const testMail = (to: string) => post<Started>('/api/mail/test', { to });
