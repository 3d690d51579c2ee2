import type { Params } from '../api/request';

/** What happened, and what to do about it. */
export type Advice = [what: string, todo: string];
export type Say = Advice | ((params: Params) => Advice);

export const text = (params: Params, name: string): string => {
  const value = params[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
};
export const number = (params: Params, name: string): number => {
  const value = params[name];
  return typeof value === 'number' ? value : 0;
};

/** Seconds in the two words that people use: 40 seconds, 5 minutes. */
export function wait(seconds: number, second: string, seconds_: string, minute: string, minutes_: string): string {
  if (seconds < 100) return seconds === 1 ? `1 ${second}` : `${String(Math.ceil(seconds))} ${seconds_}`;
  const minutes = Math.ceil(seconds / 60);
  return minutes === 1 ? `1 ${minute}` : `${String(minutes)} ${minutes_}`;
}
