import { describe, expect, it } from 'vitest';

import { judge } from './password';

describe('judge', () => {
  it('knows what everybody tries first', () => {
    expect(judge('password').advice).toBe('common');
    expect(judge('Passwort123!').advice).toBe('common');
  });

  it('sees through rows and repetitions', () => {
    expect(judge('aaaaaaaaaaaaaaaa').score).toBeLessThan(2);
    expect(judge('qwertyuiop1234').advice).toBe('repeated');
  });

  it('does not like the name', () => {
    expect(judge('johanna42', 'johanna').advice).toBe('name');
  });

  it('is content with a few words', () => {
    expect(judge('lantern walnut ferry moss')).toEqual({ score: 4, advice: 'good' });
  });

  it('asks for more of a short one', () => {
    expect(judge('xK9!').advice).toBe('short');
    expect(judge('').score).toBe(0);
  });
});
