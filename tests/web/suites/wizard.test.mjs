import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import jsQR from 'jsqr';
import { PNG } from 'pngjs';

import { empty, foreign, startAgent } from '../support/agent.mjs';
import { desktop, judge, launch, phone, shot, visit } from '../support/browser.mjs';
import * as wizard from '../support/wizard.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

async function walk(viewport, scheme, prefix) {
  const agent = await startAgent({ disks: [empty, foreign] });
  const { page, close } = await visit(browser, agent.url, { viewport, scheme });
  const judged = async (title, name) => {
    await wizard.heading(page, title);
    await judge(page, `${prefix}-${name}`);
  };
  try {
    await judged('Hello! Let’s make this box yours.', '01-code');
    await wizard.claim(page, 'ABCD-EFGH');
    await page.getByText('That is not the setup code.').waitFor();
    assert.ok(await page.getByLabel('Setup code').evaluate((input) => input === document.activeElement && input.matches('[aria-invalid=true]')));
    await judge(page, `${prefix}-02-code-wrong`);
    await wizard.claim(page, agent.code);
    await judged('What would you like to do?', '03-welcome');
    await wizard.fresh(page);
    await judged('Language and time zone', '04-locale');
    await wizard.locale(page);
    await judged('Network', '05-network');
    await page.getByRole('radio', { name: /Fixed address/ }).check();
    await judge(page, `${prefix}-06-network-fixed`);
    await page.getByRole('radio', { name: /Automatic/ }).check();
    await wizard.network(page);
    await judged('Public name', '07-name');
    await wizard.name(page, 'family.example', 'matrix.family.example');
    await judge(page, `${prefix}-08-name-checked`);
    await wizard.afterName(page);
    await judged('Your account', '09-account');
    await wizard.administrator(page, 'anna', wizard.PASSWORD, 'another');
    await page.getByText('The two passwords differ.').waitFor();
    await judge(page, `${prefix}-10-account-differ`);
    await wizard.administrator(page, 'anna');
    await judged('Who may join?', '11-registration');
    await wizard.registration(page);
    await judged('E-mail', '12-mail');
    await page.getByRole('radio', { name: /Use a mail account/ }).check();
    await judge(page, `${prefix}-13-mail-account`);
    await wizard.noMail(page);
    await judged('Certificate', '14-certificate');
    await wizard.ownCertificate(page);
    await judged('Backup disk', '15-backup');
    await page.getByRole('radio', { name: /Intenso/ }).check();
    await page.getByText('Windows files, label HOLIDAYS, 28 GB').waitFor();
    await judge(page, `${prefix}-16-backup-warning`);
    await wizard.button(page, 'Erase and prepare').click();
    await page.getByText('Please fill this in.').waitFor();
    await page.getByRole('radio', { name: /Samsung/ }).check();
    await wizard.button(page, 'Prepare this disk').click();
    const key = await wizard.recoveryKey(page);
    assert.equal(key.length, 7);
    assert.ok(key.every((group) => /^[0-9A-HJKMNP-TV-Z]{4}$/.test(group)), 'groups of Crockford’s base 32');
    await judge(page, `${prefix}-17-key`);
    await wizard.typeBack(page, key.map(() => '0000'));
    await page.getByText('The recovery key does not fit.').first().waitFor();
    await judge(page, `${prefix}-18-key-wrong`);
    await wizard.button(page, 'Show the key again').click();
    await wizard.typeBack(page, key);
    await judged('Ready?', '19-summary');

    // Left and come back to: what was saved is there, also after a reload.
    await page.getByRole('link', { name: /^Change.*Who may join$/ }).click();
    await wizard.heading(page, 'Who may join?');
    assert.ok(await page.getByRole('radio', { name: /People with an invitation/ }).isChecked());
    await page.reload();
    await wizard.heading(page, 'Who may join?');
    await page.evaluate(() => (location.hash = '/summary'));
    await wizard.apply(page);
    await judged('Welcome home!', '20-done');

    const picture = PNG.sync.read(await page.getByRole('img', { name: /^QR code/ }).screenshot());
    const read = jsQR(new Uint8ClampedArray(picture.data), picture.width, picture.height);
    // On a box the port is the usual one and is not named.
    assert.match(read?.data ?? '', /^https:\/\/mobile\.element\.io\/\?hs_url=https%3A%2F%2Fmatrix\.family\.example(%3A\d+)?$/);
    await wizard.button(page, 'Go to the dashboard').click();
    await page.getByRole('heading', { level: 1, name: /Overview|Good to see you/ }).waitFor();
    await shot(page, `${prefix}-21-after`);
    const logs = await agentSays(agent);
    for (const secret of [wizard.PASSWORD, key.join('-'), agent.code]) assert.ok(!logs.includes(secret), 'a secret is in the log');
  } finally {
    await close();
    await agent.stop();
  }
}

async function agentSays(agent) {
  const fs = await import('node:fs/promises');
  return fs.readFile(`${agent.folder}/agent.log`, 'utf8');
}

test('the whole wizard on a phone', () => walk(phone, 'light', 'phone'));
test('the whole wizard on a desktop in the dark', () => walk(desktop, 'dark', 'desktop-dark'));
