import { get } from './request';

export interface Disk {
  id: string;
  model: string;
  serial: string;
  /** Bytes. */
  size: number;
  removable: boolean;
  read_only: boolean;
  state: 'empty' | 'foreign' | 'volume' | 'ours' | 'system';
  /** What is on it, each in the agent's words. */
  contents: string[];
  volume: string | null;
}

export const readDisks = () => get<{ disks: Disk[] }>('/api/disks');
