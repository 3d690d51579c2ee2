import { get, post } from './request';

export type Unit = 'agent' | 'homeserver' | 'system';

export interface LogLine {
  time_ms: number;
  unit: string;
  level: string;
  text: string;
}

export const readLogs = (unit: Unit, lines: number) => get<{ lines: LogLine[] }>(`/api/logs?unit=${unit}&lines=${String(lines)}`);
export const restart = (what: 'homeserver' | 'box') => post('/api/restart', { what });
export const factoryReset = (server_name: string, password: string) => post('/api/factory-reset', { server_name, password });
