import { get, post } from './request';

export type Phase = 'unclaimed' | 'setup' | 'restoring' | 'ready';

export interface State {
  phase: Phase;
  authenticated: boolean;
  /** Whose session it is: `rescuer` where the setup code let somebody in for as long as the homeserver is silent. */
  session: 'owner' | 'rescuer' | 'administrator' | null;
  /** Nobody can log in just now, and the setup code lets in instead. */
  rescue: boolean;
  language: string;
  version: string;
  board: string;
  server_name: string | null;
  time_ms: number;
  time_trusted: boolean;
  hostname: string;
}

export const readState = () => get<State>('/api/state', { patience: 8000 });
export const claim = (code: string) => post('/api/claim', { code });
export const login = (name: string, password: string) => post('/api/login', { name, password });
export const logout = () => post('/api/logout');
