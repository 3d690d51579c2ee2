import type { en } from './en';

export type Words = typeof en;

/** Each in its own words. */
export const languages = { en: 'English', de: 'Deutsch', fr: 'Français', es: 'Español' } as const;
export type Language = keyof typeof languages;

export const isLanguage = (code: string): code is Language => code in languages;

/** The first of what the browser prefers that there is a catalogue for. */
export function fromPreferences(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const code = tag.toLowerCase().split('-')[0] ?? '';
    if (isLanguage(code)) return code;
  }
  return 'en';
}
