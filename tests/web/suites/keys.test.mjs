// A recovery key is shown once: what a reload does to it, and what can be done with the disks that it belongs to.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { empty, foreign, second, startAgent, third } from '../support/agent.mjs';
import { judge, launch, visit } from '../support/browser.mjs';
import * as wizard from '../support/wizard.mjs';

let browser;
let box;
const carried = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-disk-'));
const old = { ...empty, folder: carried };
before(async () => (browser = await launch()));
after(async () => {
  await browser.close();
  await box?.stop();
  fs.rmSync(carried, { recursive: true, force: true });
});

const LOST = 'its recovery key has not been confirmed';

/** Says yes to what is told, and has the disk made anew. */
async function eraseAndPrepare(page, disk) {
  await page.getByText('This disk is not empty').waitFor();
  await wizard.button(page, 'Erase and prepare').click();
  await page.getByText('Please fill this in.').waitFor();
  await page.getByLabel(`Yes, erase everything on ${disk}`).check();
  await wizard.button(page, 'Erase and prepare').click();
  return wizard.recoveryKey(page);
}

test('a disk whose key was lost in the wizard is prepared again', async () => {
  const agent = await startAgent({ disks: [old] });
  const { page, close } = await visit(browser, agent.url);
  try {
    await wizard.claim(page, agent.code);
    await wizard.heading(page, 'What would you like to do?');
    await page.evaluate(() => (location.hash = '/backup'));
    await wizard.button(page, 'Prepare this disk').click();
    const first = await wizard.recoveryKey(page);
    await page.reload();
    await page.getByText(LOST).waitFor();
    assert.ok(await page.getByRole('radio', { name: /Samsung/ }).isEnabled(), 'the disk may be chosen');
    await page.getByText('It holds replicas of a Hearth box.').waitFor();
    await judge(page, 'keys-lost-in-the-wizard');
    const again = await eraseAndPrepare(page, 'Samsung PSSD T7');
    assert.notDeepEqual(again, first);
    await wizard.typeBack(page, again);
    await wizard.heading(page, 'Ready?');
  } finally {
    await close();
    await agent.stop();
  }
});

test('a copy goes onto a disk of a former box', async () => {
  box = await startAgent({ disks: [old, second, foreign, third] });
  const { page, close } = await visit(browser, box.url);
  await wizard.setUp(page, box.code, { disk: 'WD' });
  await wizard.button(page, 'Go to the dashboard').click();
  await wizard.open(page, 'replicas');
  await wizard.button(page, 'Copy to a second disk').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: /Samsung/ }).check();
  const copy = dialog.getByRole('button', { name: 'Copy', exact: true });
  await dialog.getByText('It holds replicas of a Hearth box.').waitFor();
  assert.ok(await copy.isDisabled(), 'nothing is erased unasked');
  assert.equal(await dialog.getByRole('radio', { name: /WD/ }).count(), 0, 'the backup disk itself is no place for its copy');
  await dialog.getByLabel('Yes, erase everything on Samsung PSSD T7').check();
  await judge(page, 'keys-copy-onto-a-former-box');
  await copy.click();
  await wizard.typeBack(page, await wizard.recoveryKey(page));
  await page.getByText('The copy is complete.').waitFor();
  await close();
});

test('the key of a copy outlives a reload in the middle, and is shown no more once it is written down', async () => {
  const { page, close } = await visit(browser, box.url);
  await wizard.login(page);
  await wizard.open(page, 'replicas');
  await wizard.button(page, 'Copy to a second disk').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: /SanDisk/ }).check();
  box.faults({ slow_ms: 2500 });
  await dialog.getByRole('button', { name: 'Copy', exact: true }).click();
  await page.locator('li.running', { hasText: 'Locking it with your recovery key' }).waitFor();
  await page.reload();
  await page.locator('li.running').first().waitFor();
  const key = await wizard.recoveryKey(page);
  assert.equal(key.length, 7);
  box.faults();
  await wizard.typeBack(page, key);
  await page.getByText('The copy is complete.').waitFor();
  // Neither to who comes back to the page, nor after a reload.
  await wizard.open(page, 'storage');
  await wizard.open(page, 'replicas');
  await page.reload();
  await wizard.heading(page, 'Backups');
  await page.getByText('still plugged in').first().waitFor();
  assert.equal(await page.getByText('the page was left while its recovery key was shown').count(), 0);
  await close();
});

test('a disk that carries a copy is brought up to date and keeps its key', async () => {
  const { page, close } = await visit(browser, box.url);
  await wizard.login(page);
  await wizard.open(page, 'replicas');
  await wizard.button(page, 'Copy to a second disk').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: /Samsung/ }).check();
  await dialog.getByText('It is brought up to date').waitFor();
  assert.equal(await dialog.getByText('This disk is not empty').count(), 0);
  await judge(page, 'keys-copy-again');
  await dialog.getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByText('The copy is complete.').waitFor({ timeout: 60_000 });
  await page.reload();
  await wizard.heading(page, 'Backups');
  await page.getByText('still plugged in').first().waitFor();
  assert.equal(await page.getByText('the page was left while its recovery key was shown').count(), 0, 'there was no key to lose');
  await close();
});

test('a copy whose key nobody has seen to the end is not called complete', async () => {
  const { page, close } = await visit(browser, box.url);
  await wizard.login(page);
  await wizard.open(page, 'replicas');
  await wizard.button(page, 'Copy to a second disk').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: /Intenso/ }).check();
  await dialog.getByText('Windows files, label HOLIDAYS, 28 GB').waitFor();
  await dialog.getByLabel('Yes, erase everything on Intenso Rainbow Line').check();
  await dialog.getByRole('button', { name: 'Copy', exact: true }).click();
  await wizard.recoveryKey(page);
  await page.reload();
  await page.getByText('the page was left while its recovery key was shown').waitFor();
  assert.equal(await page.getByText('The copy is complete.').count(), 0);
  await judge(page, 'keys-copy-lost');
  await close();
});

test('a disk whose key was lost on the dashboard is prepared again', async () => {
  const { page, close } = await visit(browser, box.url);
  await wizard.login(page);
  await wizard.open(page, 'replicas');
  await wizard.button(page, 'Use another disk').click();
  await page.getByRole('radio', { name: /Intenso/ }).check();
  await eraseAndPrepare(page, 'Intenso Rainbow Line');
  await page.reload();
  await page.getByText(LOST).waitFor();
  await judge(page, 'keys-lost-on-the-dashboard');
  // It is told on the page itself too, where one comes by going back.
  await wizard.button(page, 'Back').click();
  await wizard.heading(page, 'Backups');
  await page.getByText(LOST).waitFor();
  await wizard.button(page, 'Prepare a backup disk').click();
  await page.getByRole('radio', { name: /Intenso/ }).check();
  await wizard.typeBack(page, await eraseAndPrepare(page, 'Intenso Rainbow Line'));
  await wizard.heading(page, 'Backups');
  await page.getByText('Ready', { exact: true }).waitFor();
  assert.equal(await page.getByText(LOST).count(), 0);
  await close();
});
