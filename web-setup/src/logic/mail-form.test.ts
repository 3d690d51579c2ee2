import { expect, it } from 'vitest';

import { mailChoice, mailForm, portFits } from './mail-form';

it('leaves an empty password out', () => {
  const form = mailForm({ host: 'smtp.example.org', port: 465, security: 'tls', user: 'box', from: 'box@example.org' });
  expect(mailChoice(form)).toEqual({ host: 'smtp.example.org', port: 465, security: 'tls', user: 'box', from: 'box@example.org' });
  form.password = 'x';
  expect(mailChoice(form).password).toBe('x');
});

it('knows a port', () => {
  expect(['1', '587', '65535'].every(portFits)).toBe(true);
  expect(['', '0', '65536', '-1', '5e2', 'smtp'].some(portFits)).toBe(false);
});
