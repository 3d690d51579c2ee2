// The language of the page. English is the measure: a language that lacks a key of it does not pass the type check.

import { en } from './en';
import { fromPreferences, type Language, type Words } from './languages';

/** English is always there; the others are fetched when they are chosen. */
const others: Record<Exclude<Language, 'en'>, () => Promise<Words>> = {
  de: async () => (await import('./de')).de,
  fr: async () => (await import('./fr')).fr,
  es: async () => (await import('./es')).es,
};

const KEPT = 'language';
let current = $state<Language>('en');
let words = $state.raw<Words>(en);

/** The words in the language of the moment. */
export const t = (): Words => words;

export const language = (): Language => current;

/** The language with its region, where the browser names one: dates are written otherwise in Boston than in York. */
export const locale = (): string => navigator.languages.find((tag) => tag.toLowerCase().split('-')[0] === current) ?? current;

async function change(next: Language): Promise<void> {
  words = next === 'en' ? en : await others[next]();
  current = next;
  document.documentElement.lang = next;
}

/** Changes the language, for this browser from now on. Where its words can't be fetched just now, all stays as it is. */
export function speak(next: Language): void {
  change(next).then(
    () => localStorage.setItem(KEPT, next),
    () => undefined,
  );
}

/** The language that was chosen here before, or else the browser's. */
export const begin = (): Promise<void> => change(fromPreferences([localStorage.getItem(KEPT) ?? '', ...navigator.languages])).catch(() => undefined);
