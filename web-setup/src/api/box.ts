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
/** Without a password for who came in by the setup code. */
export const factoryReset = (server_name: string, password: string | null) =>
  post('/api/factory-reset', password === null ? { server_name } : { server_name, password });
