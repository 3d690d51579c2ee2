import type { Started } from './jobs';
import { post } from './request';

export interface Replica {
  id: string;
  time_ms: number;
  server_name: string;
  users: number;
  rooms: number;
  bytes: number;
}

export interface Preview {
  replica: Replica;
  /** What stands on the box already and would go. */
  replaces: Record<string, unknown> | null;
  warnings: { code: string; message: string }[];
}

export const openVolume = (disk: string, recovery_key: string) => post<Started>('/api/restore/open', { disk, recovery_key });
export const previewRestore = (replica: string) => post<Preview>('/api/restore/preview', { replica });
export const startRestore = (replica: string) => post<Started>('/api/restore/start', { replica });
