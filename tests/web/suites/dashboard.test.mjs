import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { empty, second, startAgent } from '../support/agent.mjs';
import { accessible, desktop, judge, launch, phone, visit } from '../support/browser.mjs';
import * as wizard from '../support/wizard.mjs';

let browser;
let agent;
before(async () => {
  browser = await launch();
  agent = await startAgent({ disks: [empty, second] });
  const { page, close } = await visit(browser, agent.url);
  await wizard.setUp(page, agent.code, { server: 'family.example', disk: 'Samsung' });
  await close();
});
after(async () => {
  await browser.close();
  await agent.stop();
});

async function inside(options) {
  const visitor = await visit(browser, agent.url, options);
  await wizard.login(visitor.page);
  await wizard.heading(visitor.page, 'Overview');
  return visitor;
}

test('a wrong password is told', async () => {
  const { page, close } = await visit(browser, agent.url);
  await wizard.login(page, 'anna', 'not this one');
  await page.getByText('The name or the password is wrong.').waitFor();
  await judge(page, 'dashboard-login-wrong');
  await close();
});

for (const [name, options] of Object.entries({ phone: { viewport: phone }, desktop: { viewport: desktop }, 'desktop-dark': { viewport: desktop, scheme: 'dark' } })) {
  test(`every page of the dashboard: ${name}`, async () => {
    const { page, close } = await inside(options);
    for (const route of Object.keys(wizard.pages)) {
      await wizard.open(page, route);
      await page.waitForLoadState('networkidle');
      await judge(page, `dashboard-${name}-${route}`);
    }
    await close();
  });
}

test('accounts are made, given a new password, and deactivated', async () => {
  const { page, close } = await inside({ viewport: phone });
  await wizard.open(page, 'people');
  await wizard.button(page, 'Create an account').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('User name').fill('anna');
  await dialog.getByLabel('Password', { exact: true }).fill(wizard.PASSWORD);
  await dialog.getByRole('button', { name: 'Create' }).click();
  await dialog.getByText('This name is taken.').waitFor();
  await dialog.getByLabel('User name').fill('ben');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await dialog.getByText('@ben:family.example can sign in now.').waitFor();
  await accessible(page, 'account made');
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  const manage = page.getByRole('button', { name: 'Change: @ben:family.example' });
  await manage.click();
  await dialog.getByRole('button', { name: 'New password' }).click();
  await dialog.getByLabel('New password', { exact: true }).fill('moss ferry walnut lantern');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('The new password is in force.').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await manage.click();
  await dialog.getByRole('button', { name: 'Deactivate' }).click();
  await judge(page, 'dashboard-deactivate');
  await dialog.getByRole('button', { name: 'Deactivate for good' }).click();
  await manage.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Change: @anna:family.example' }).click();
  await dialog.getByRole('button', { name: 'No longer administrator' }).click();
  await dialog.getByRole('alert').waitFor();
  await close();
});

test('an invitation is made, shown as a code, and revoked', async () => {
  const { page, close } = await inside({ viewport: phone });
  await wizard.open(page, 'people');
  await wizard.button(page, 'New invitation').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('img', { name: /^QR code/ }).waitFor();
  const token = (await dialog.locator('code').textContent())?.trim() ?? '';
  await judge(page, 'dashboard-invitation');
  await dialog.getByRole('button', { name: 'Copy the link' }).click();
  assert.ok((await page.evaluate(() => navigator.clipboard.readText())).includes(token));
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: `Revoke: ${token}` }).click();
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('button', { name: `Revoke: ${token}` }).waitFor({ state: 'detached' });
  await close();
});

test('a replica is made, tested, and copied to a second disk', async () => {
  const { page, close } = await inside({ viewport: phone });
  await wizard.open(page, 'replicas');
  await wizard.button(page, 'Back up now').click();
  // One job at a time has the disk.
  await page.locator('li.done', { hasText: 'Tidying up old replicas' }).waitFor({ timeout: 60_000 });
  await wizard.button(page, 'Test a restore').click();
  await page.getByText('The newest replica can be restored.').waitFor({ timeout: 90_000 });
  await wizard.button(page, 'Copy to a second disk').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: /WD Elements/ }).check();
  await dialog.getByRole('button', { name: 'Copy', exact: true }).click();
  const key = await wizard.recoveryKey(page);
  assert.equal(key.length, 7, 'the copy has a key of its own');
  await wizard.typeBack(page, key);
  await page.getByText('The copy is complete.').waitFor();
  await judge(page, 'dashboard-replicas-after');
  await close();
});

test('a pulled disk is told in plain words', async () => {
  const { page, close } = await inside({ viewport: phone });
  agent.faults({ pulled: [empty.id] });
  await wizard.open(page, 'replicas');
  await page.getByText('The backup disk is not plugged in').first().waitFor();
  await judge(page, 'dashboard-disk-pulled');
  await page.reload();
  await wizard.open(page, 'overview');
  await page.getByText('Plug it in; backups go on by themselves.').waitFor();
  await judge(page, 'dashboard-overview-attention');
  agent.faults();
  await close();
});

test('a fixed address goes back by itself unless it is kept', async () => {
  const { page, close } = await inside({ viewport: phone });
  await wizard.open(page, 'network');
  await page.getByRole('radio', { name: /Fixed address/ }).check();
  await page.getByLabel('Address with prefix').fill('192.168.1.9');
  await wizard.button(page, 'Save').click();
  await page.getByText('This address can’t work.').waitFor();
  await page.getByLabel('Address with prefix').fill('192.168.1.9/24');
  await wizard.button(page, 'Save').click();
  const question = page.getByRole('heading', { name: 'Does it work?' });
  await question.waitFor();
  assert.ok(await question.evaluate((heading) => heading === document.activeElement), 'the question is read out');
  await page.getByRole('link', { name: 'Open the page at 192.168.1.9' }).waitFor();
  await page.getByText('There you are asked for the setup code or your password again.').waitFor();
  await judge(page, 'dashboard-network-trial');
  await page.getByText('The box went back to the address it had before.').waitFor({ timeout: 40_000 });
  await wizard.button(page, 'Save').click();
  await page.getByRole('heading', { name: 'Does it work?' }).waitFor();
  // The trial begins a moment after the answer.
  await page.waitForTimeout(1500);
  await wizard.button(page, 'It works, keep it').click();
  await page.getByText('Saved.').waitFor();
  // And back: which address the router will give nobody knows, but it is not the one that is given up.
  await page.getByRole('radio', { name: /Automatic/ }).check();
  await wizard.button(page, 'Save').click();
  await question.waitFor();
  await page.getByRole('link', { name: 'Open the page at hearth.local' }).waitFor();
  assert.equal(await page.getByRole('link', { name: /192\.168/ }).count(), 0);
  await page.waitForTimeout(1500);
  await wizard.button(page, 'It works, keep it').click();
  await page.getByText('Saved.').waitFor();
  await close();
});

test('a factory reset wants the name and the password', async () => {
  const { page, close } = await inside({ viewport: phone });
  await wizard.open(page, 'box');
  await wizard.button(page, 'Erase this box …').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(/Type the public name/).fill('other.example');
  await dialog.getByLabel('Your password').fill('not this one');
  await dialog.getByRole('button', { name: 'Erase everything' }).click();
  await dialog.getByText('That is not the name of this box.').waitFor();
  await dialog.getByLabel(/Type the public name/).fill('family.example');
  await dialog.getByRole('button', { name: 'Erase everything' }).click();
  await dialog.getByText('The name or the password is wrong.').waitFor();
  await judge(page, 'dashboard-reset');
  await dialog.getByLabel('Your password').fill(wizard.PASSWORD);
  await dialog.getByRole('button', { name: 'Erase everything' }).click();
  // The box comes back as one that this browser does not know: waiting for it by itself would be in vain.
  await page.getByText('In a few minutes, load this page again').waitFor();
  assert.ok(await wizard.button(page, 'Erase this box …').isDisabled());
  await page.context().setOffline(true);
  await page.waitForTimeout(7000);
  assert.equal(await page.getByText('goes on by itself').count(), 0);
  await judge(page, 'dashboard-reset-done');
  await close();
});
