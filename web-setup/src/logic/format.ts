// Dates, sizes and numbers, as the language of the page writes them.

import { locale } from '../words/index.svelte';

const cache = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>();

function made<T extends Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>(key: string, make: (locale: string) => T): T {
  const full = `${locale()} ${key}`;
  const known = cache.get(full);
  if (known) return known as T;
  const fresh = make(locale());
  cache.set(full, fresh);
  return fresh;
}

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** Decimal units, as they stand on disks. */
export function bytes(value: number): string {
  let size = value;
  let unit = 0;
  while (Math.abs(size) >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && Math.abs(size) < 10 ? 1 : 0;
  return made(
    `bytes ${String(unit)} ${String(digits)}`,
    (l) => new Intl.NumberFormat(l, { style: 'unit', unit: units[unit] ?? 'byte', unitDisplay: unit === 0 ? 'long' : 'short', maximumFractionDigits: digits }),
  ).format(size);
}

export const whole = (value: number): string => made('whole', (l) => new Intl.NumberFormat(l, { maximumFractionDigits: 0 })).format(value);

export const decimal = (value: number): string => made('decimal', (l) => new Intl.NumberFormat(l, { maximumFractionDigits: 1 })).format(value);

export const percent = (fraction: number): string =>
  made('percent', (l) => new Intl.NumberFormat(l, { style: 'percent', maximumFractionDigits: 0 })).format(fraction);

export const celsius = (value: number): string =>
  made('celsius', (l) => new Intl.NumberFormat(l, { style: 'unit', unit: 'celsius', maximumFractionDigits: 0 })).format(value);

export const date = (ms: number): string => made('date', (l) => new Intl.DateTimeFormat(l, { dateStyle: 'long' })).format(ms);

export const dateTime = (ms: number): string =>
  made('dateTime', (l) => new Intl.DateTimeFormat(l, { dateStyle: 'medium', timeStyle: 'short' })).format(ms);

export const time = (ms: number): string => made('time', (l) => new Intl.DateTimeFormat(l, { timeStyle: 'short' })).format(ms);

export const clock = (ms: number): string =>
  made('clock', (l) => new Intl.DateTimeFormat(l, { day: '2-digit', month: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' })).format(ms);

export const timeIn = (ms: number, zone: string): string =>
  new Intl.DateTimeFormat(locale(), { dateStyle: 'full', timeStyle: 'short', timeZone: zone }).format(ms);

/** A day such as `2026-11-24`, which has no zone. */
export const day = (iso: string): string =>
  made('day', (l) => new Intl.DateTimeFormat(l, { day: 'numeric', month: 'short', timeZone: 'UTC' })).format(Date.parse(`${iso}T12:00:00Z`));

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/** `3 hours ago`, `tomorrow`. */
export function ago(ms: number, now = Date.now()): string {
  const seconds = (ms - now) / 1000;
  const format = made('ago', (l) => new Intl.RelativeTimeFormat(l, { numeric: 'auto' }));
  for (const [unit, size] of steps) if (Math.abs(seconds) >= size) return format.format(Math.round(seconds / size), unit);
  return format.format(0, 'minute');
}

const lasts = ['day', 'hour', 'minute', 'second'] as const;
const lengths = { day: 86_400, hour: 3600, minute: 60, second: 1 };

/** The two largest units: `3 days 4 hours`, `2 minutes`. */
export function duration(seconds: number): string {
  let left = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const unit of lasts) {
    const count = Math.floor(left / lengths[unit]);
    left -= count * lengths[unit];
    if (count > 0 || (unit === 'second' && parts.length === 0))
      parts.push(made(`duration ${unit}`, (l) => new Intl.NumberFormat(l, { style: 'unit', unit, unitDisplay: 'long' })).format(count));
  }
  return parts.slice(0, 2).join(' ');
}
