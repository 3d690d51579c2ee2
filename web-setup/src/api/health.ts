import { get, type Params } from './request';

export interface Finding {
  level: 'good' | 'attention' | 'bad';
  code: string;
  message: string;
  help: string;
  params: Params;
}

export interface Homeserver {
  server_name: string;
  version: string;
  users: number;
  rooms: number;
  uptime_s: number;
  registration: string;
  mail: boolean;
  newest_event_ts: number | null;
  database_bytes: number;
}

export interface Health {
  status: 'good' | 'attention' | 'bad';
  findings: Finding[];
  memory: { total: number; used: number };
  load: number[];
  temperature_c: number | null;
  uptime_s: number;
  homeserver: Homeserver | null;
}

export interface StorageDay {
  /** `2026-11-24` */
  day: string;
  used: number;
  written: number;
}

/** All sizes in bytes. */
export interface Storage {
  total: number;
  used: number;
  database: number;
  media: number;
  written_today: number;
  written_total: number;
  wear_percent: number | null;
  history: StorageDay[];
}

export const readHealth = () => get<Health>('/api/health');
export const readStorage = () => get<Storage>('/api/storage');
