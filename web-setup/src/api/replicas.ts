import type { Started } from './jobs';
import { get, post } from './request';

export type VolumeState = 'ready' | 'absent' | 'full' | 'wrong_disk' | 'failed';

export interface Replicas {
  volume: { name: string; state: VolumeState; disk: string | null; total: number; free: number } | null;
  every_hours: number;
  last_success_ms: number | null;
  next_ms: number | null;
  last_error: string | null;
  last_restore_test_ms: number | null;
  restore_test_error: string | null;
  replicas: { id: string; time_ms: number; bytes_added: number; duration_ms: number; verified: boolean }[];
  history: { time_ms: number; ok: boolean; bytes_added: number; duration_ms: number; error: string | null }[];
  exports: { disk: string; time_ms: number; taken_away: boolean; confirmed: boolean }[];
}

export const readReplicas = () => get<Replicas>('/api/replicas');
export const runReplica = () => post<Started>('/api/replicas/run');
export const testReplica = () => post<Started>('/api/replicas/test');
export const exportReplicas = (disk: string, erase: boolean) => post<Started>('/api/replicas/export', { disk, erase });
export const confirmExport = (groups: Record<string, string>) => post('/api/replicas/export/confirm', { groups });
export const ejectVolume = () => post<Started>('/api/replicas/eject');
export const prepareVolume = (disk: string, erase: boolean) => post<Started>('/api/replicas/prepare', { disk, erase });
export const confirmVolume = (groups: Record<string, string>) => post('/api/replicas/confirm', { groups });
