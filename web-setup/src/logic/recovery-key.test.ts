import { describe, expect, it } from 'vitest';

import { dashed, normalise, pickGroups } from './recovery-key';

describe('recovery key', () => {
  it('forgives spaces, dashes, case and look-alikes', () => {
    expect(normalise(' ab1l-oO0 i\n')).toBe('AB110001');
  });

  it('is shown in groups', () => {
    expect(dashed('abcdefgh1')).toBe('ABCD-EFGH-1');
  });

  it('asks for two different groups', () => {
    for (let first = 0; first < 1; first += 0.05) {
      for (let second = 0; second < 1; second += 0.05) {
        const chance = [first, second];
        const [low, high] = pickGroups(() => chance.shift() ?? 0);
        expect(low).toBeGreaterThanOrEqual(1);
        expect(low).toBeLessThan(high);
        expect(high).toBeLessThanOrEqual(7);
      }
    }
  });
});
