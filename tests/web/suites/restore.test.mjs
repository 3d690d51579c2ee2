import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { empty, startAgent } from '../support/agent.mjs';
import { judge, launch, visit } from '../support/browser.mjs';
import * as wizard from '../support/wizard.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test('a fresh box is restored from the backup disk of another', async () => {
  const carried = fs.mkdtempSync(path.join(os.tmpdir(), 'hearth-disk-'));
  const disk = { ...empty, folder: carried };
  const old = await startAgent({ disks: [disk] });
  const first = await visit(browser, old.url);
  const key = await wizard.setUp(first.page, old.code, { server: 'family.example', disk: 'Samsung' });
  await first.close();
  await old.stop();

  const box = await startAgent({ disks: [disk] });
  const { page, close } = await visit(browser, box.url);
  try {
    await wizard.claim(page, box.code);
    await page.getByRole('button', { name: /I have a backup disk/ }).click();
    await wizard.heading(page, 'Bring back a box');
    await judge(page, 'restore-1-disk');
    await page.getByRole('radio', { name: /Samsung/ }).check();
    await wizard.next(page);
    await wizard.heading(page, 'Recovery key');
    const field = page.getByRole('textbox', { name: 'Recovery key' });
    await field.fill(key.slice(1).join(' '));
    await wizard.button(page, 'Unlock').click();
    await page.getByText('The key has 28 letters and digits.').waitFor();
    await field.fill([...key.slice(1), '0000'].join('-'));
    await wizard.button(page, 'Unlock').click();
    await page.getByText('The recovery key does not fit.').first().waitFor({ timeout: 60_000 });
    await judge(page, 'restore-2-key-wrong');
    // Small letters and spaces are forgiven.
    await field.fill(key.join(' ').toLowerCase());
    await wizard.button(page, 'Unlock').click();
    await wizard.heading(page, 'Which replica?');
    await judge(page, 'restore-3-replica');
    await wizard.next(page);
    await wizard.heading(page, 'This will be on the box');
    assert.ok(await page.getByText('family.example').first().isVisible());
    await judge(page, 'restore-4-preview');

    // What fails is told, with what it failed by, and can be tried again.
    const failed = page.getByText('The restore did not finish.');
    box.faults({ homeserver_command_fails: 'out of luck' });
    await wizard.button(page, 'Restore now').click();
    await failed.waitFor({ timeout: 60_000 });
    await page.locator('li.failed .said').first().waitFor();
    await wizard.heading(page, 'Which replica?');
    await judge(page, 'restore-4-failed');
    // Also to who loads the page anew meanwhile.
    box.faults({ homeserver_command_fails: 'out of luck', slow_ms: 3000 });
    await wizard.next(page);
    await wizard.button(page, 'Restore now').click();
    await wizard.heading(page, 'Restoring');
    await page.reload();
    await wizard.heading(page, 'Restoring');
    await failed.waitFor({ timeout: 60_000 });
    await page.locator('li.failed .said').first().waitFor();
    await page.reload();
    await failed.waitFor();
    box.faults();
    await wizard.heading(page, 'Which replica?');
    await wizard.next(page);
    await wizard.heading(page, 'This will be on the box');
    await wizard.button(page, 'Restore now').click();
    await page.getByRole('heading', { name: 'Everything is back' }).waitFor({ timeout: 120_000 });
    await judge(page, 'restore-5-done');
    await wizard.button(page, 'Go to the dashboard').click();
    // The accounts are those of the old box.
    const title = page.getByRole('heading', { level: 1, name: /Overview|Good to see you/ });
    await title.waitFor();
    if ((await title.textContent()) !== 'Overview') await wizard.login(page);
    await wizard.heading(page, 'Overview');
    await wizard.open(page, 'people');
    await page.getByText('@anna:family.example').waitFor();
  } finally {
    await close();
    await box.stop();
    fs.rmSync(carried, { recursive: true, force: true });
  }
});
