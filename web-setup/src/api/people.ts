import { get, post, put, remove } from './request';

export interface User {
  user_id: string;
  admin: boolean;
  deactivated: boolean;
  created_at: number;
  last_seen_at: number | null;
  devices: number;
}

export interface Invitation {
  token: string;
  /** Null: as often as one likes. */
  uses_allowed: number | null;
  completed: number;
  expires_at: number | null;
  link: string;
}

const at = (user: string) => `/api/users/${encodeURIComponent(user)}`;

export const readUsers = () => get<{ users: User[] }>('/api/users');
export const createUser = (name: string, password: string, admin: boolean) => post<{ user_id: string }>('/api/users', { name, password, admin });
export const setPassword = (user: string, password: string, logout: boolean) => put(`${at(user)}/password`, { password, logout });
export const setAdmin = (user: string, admin: boolean) => put(`${at(user)}/admin`, { admin });
export const deactivate = (user: string, erase: boolean) => post(`${at(user)}/deactivate`, { erase });

export const readInvitations = () => get<{ invitations: Invitation[] }>('/api/invitations');
export const createInvitation = (uses_allowed: number | null, expires_at: number | null) =>
  post<Invitation>('/api/invitations', { uses_allowed, expires_at });
export const revokeInvitation = (token: string) => remove(`/api/invitations/${encodeURIComponent(token)}`);
