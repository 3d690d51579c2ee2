// The agent may find nothing that the page has no words for.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

import { sayFinding } from './faults';
import { de } from './de';
import { en } from './en';
import { es } from './es';
import { fr } from './fr';

const agent = join(dirname(fileURLToPath(import.meta.url)), '../../../appliance-agent');
const found = readFileSync(join(agent, 'src/health/findings.rs'), 'utf8');
const checks = readdirSync(join(agent, 'reachability/src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.rs'))
  .map((file) => readFileSync(join(agent, 'reachability/src', file), 'utf8'));

/** Codes as the agent's source names them: behind their level. What is good needs no words. */
const codesIn = (source: string) => [...new Set([...source.matchAll(/(?:Level::(?:Attention|Bad|Warning|Unknown)|\b(?:v6_)?level),\s*"([a-z0-9_]+)"/g)].map(([, code]) => code ?? ''))];

describe.each(Object.entries({ en, de, fr, es }))('in %s', (_language, words) => {
  it('every finding of the overview has words', () => {
    const codes = codesIn(found);
    expect(codes.length).toBeGreaterThanOrEqual(18);
    expect(codes.filter((code) => !(code in words.findings))).toEqual([]);
  });

  it('every cause of not being reached has words', () => {
    const codes = checks.flatMap(codesIn);
    expect(codes.length).toBeGreaterThanOrEqual(28);
    expect(codes.filter((code) => !(code in words.errors))).toEqual([]);
  });
});

describe('people who can’t reach the box', () => {
  const unreachable = (params: Record<string, unknown>) =>
    sayFinding({ level: 'attention', code: 'unreachable', message: 'Port 443 is closed.', help: 'Forward it.', params });

  it('are told of as that, with the cause and what to do', () => {
    expect(unreachable({ check: 'port_443', cause: 'port_closed_outside' })).toEqual([
      'The box can’t be reached from outside.',
      `From outside this door is closed. ${en.wizard.name.advice['port_443'] ?? ''}`,
    ]);
    expect(unreachable({ check: 'public_address', cause: 'double_nat' })[1]).toBe(en.errors.double_nat.join(' '));
  });

  it('are told what the signpost has to say, which no form shows here', () => {
    const params = { check: 'delegation', cause: 'delegation_missing', server_name: 'example.org', host: 'matrix.example.org' };
    expect(unreachable(params)[1]).toContain('/.well-known/matrix/server has to name matrix.example.org');
  });

  it('are told in the agent’s words where the cause is new', () => {
    expect(unreachable({ check: 'port_443', cause: 'something_new' })[1]).toBe('Port 443 is closed. Forward it.');
  });
});
