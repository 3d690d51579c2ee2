import type { Started } from './jobs';
import { get, post, put } from './request';

export type NetworkMode = 'auto' | 'static';
export type Registration = 'closed' | 'token' | 'email' | 'open';
export type Security = 'tls' | 'starttls' | 'none';

export interface NetworkDraft {
  done: boolean;
  mode: NetworkMode;
  address: string | null;
  gateway: string | null;
  dns: string[];
  current: { addresses: string[]; gateway: string | null; dns: string[] };
  /** While a change is being tried: when it goes back by itself, by the box's clock. */
  trial_ends_ms: number | null;
}

export interface MailDraft {
  done: boolean;
  skipped: boolean;
  host: string | null;
  port: number | null;
  security: Security | null;
  user: string | null;
  from: string | null;
  has_password: boolean;
}

export interface Setup {
  steps: {
    locale: { done: boolean; language: string | null; time_zone: string | null };
    network: NetworkDraft;
    name: { done: boolean; server_name: string | null; host: string | null };
    administrator: { done: boolean; name: string | null };
    registration: { done: boolean; mode: Registration | null };
    mail: MailDraft;
    certificate: { done: boolean; kind: 'local' | 'acme' | null; email: string | null; expires_at: number | null };
    backup: { done: boolean; skipped: boolean; disk: string | null; confirmed: boolean };
    apply: { done: boolean };
  };
  time_zones: string[];
}

export interface NetworkChoice {
  mode: NetworkMode;
  address?: string;
  gateway?: string;
  dns?: string[];
}

export interface MailChoice {
  host: string;
  port: number;
  security: Security;
  user: string;
  /** Left out: the one that is kept stays. */
  password?: string;
  from: string;
}

export interface Applied {
  server_name: string;
  base_url: string;
  invitation: { token: string; link?: string } | string | null;
  /** The draft's, which nobody can read any more. */
  administrator: string | null;
  certificate: 'local' | 'acme' | null;
}

export const readSetup = () => get<Setup>('/api/setup');
export const putLocale = (language: string, time_zone: string) => put<Setup>('/api/setup/locale', { language, time_zone });
export const putNetwork = (choice: NetworkChoice) => put<Setup>('/api/setup/network', choice);
export const keepNetwork = () => post<Setup>('/api/setup/network/keep', {}, { patience: 6000 });
export const putName = (server_name: string, host: string) => put<Setup>('/api/setup/name', { server_name, host });
export const startChecks = (server_name: string, host: string) => post<Started>('/api/checks', { server_name, host });
export const putAdministrator = (name: string, password: string) => put<Setup>('/api/setup/administrator', { name, password });
export const putRegistration = (mode: Registration) => put<Setup>('/api/setup/registration', { mode });
export const putMail = (choice: MailChoice | { skip: true }) => put<Setup>('/api/setup/mail', choice);
export const testSetupMail = (to: string) => post<Started>('/api/setup/mail/test', { to });
export const localCertificate = () => post<Started>('/api/setup/certificate', { kind: 'local' });
export const acmeCertificate = (email: string) => post<Started>('/api/setup/certificate', { kind: 'acme', email, agree: true });
export const prepareBackup = (disk: string, erase: boolean) => post<Started>('/api/setup/backup/prepare', { disk, erase });
export const confirmBackup = (groups: Record<string, string>) => post<Setup>('/api/setup/backup/confirm', { groups });
export const skipBackup = () => post<Setup>('/api/setup/backup/skip');
export const apply = () => post<Started>('/api/setup/apply');
