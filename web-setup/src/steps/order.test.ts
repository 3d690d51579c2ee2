import { describe, expect, it } from 'vitest';

import type { Setup } from '../api/setup';
import { after, before, goOn, missing, order } from './order';

const draft = (...done: string[]) =>
  ({
    steps: Object.fromEntries(
      ['locale', 'network', 'name', 'administrator', 'registration', 'mail', 'certificate', 'backup', 'apply'].map((step) => [step, { done: done.includes(step) }]),
    ),
    time_zones: [],
  }) as unknown as Setup;

describe('order of the steps', () => {
  it('leads there and back', () => {
    for (const step of order.slice(1)) expect(after(before(step))).toBe(step);
    expect(after('summary')).toBe('summary');
    expect(before('welcome')).toBe('welcome');
  });

  it('begins with the welcome and goes on at the first gap', () => {
    expect(goOn(draft())).toBe('welcome');
    expect(goOn(draft('locale', 'network', 'administrator'))).toBe('name');
    expect(goOn(draft('locale', 'network', 'name', 'administrator', 'registration', 'mail', 'certificate', 'backup'))).toBe('summary');
    expect(missing(draft('locale'))).not.toContain('locale');
  });
});
