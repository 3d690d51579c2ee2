// The language of the page. English is the measure: a language that lacks a key of it does not pass the type check.

import { de } from './de';
import { en } from './en';
import { es } from './es';
import { fr } from './fr';
import { fromPreferences, type Language, type Words } from './languages';

const catalogues: Record<Language, Words> = { en, de, fr, es };

let current = $state<Language>(fromPreferences(navigator.languages));
document.documentElement.lang = current;

/** The words in the language of the moment. */
export const t = (): Words => catalogues[current];

export const language = (): Language => current;

export function speak(next: Language): void {
  current = next;
  document.documentElement.lang = next;
}
