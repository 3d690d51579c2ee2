// A box whose homeserver does not start: whoever has the box at hand can still see to it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startAgent } from '../support/agent.mjs';
import { judge, launch, phone, visit } from '../support/browser.mjs';
import * as wizard from '../support/wizard.mjs';

let browser;
before(async () => (browser = await launch()));
after(async () => browser.close());

test('while the homeserver is silent the setup code lets in to health, logs, restart and reset', async () => {
  const first = await startAgent({ disks: [] });
  const begun = await visit(browser, first.url);
  await wizard.setUp(begun.page, first.code);
  await begun.close();
  first.faults({ homeserver_start_fails: 'the database is torn' });
  await first.stop({ keep: true });

  const agent = await startAgent({ folder: first.folder, rescueAfter: 3 });
  const { page, close } = await visit(browser, agent.url, { viewport: phone });
  try {
    // Whoever stands at the login sees it turn into the other door.
    await wizard.heading(page, 'The homeserver is silent');
    await judge(page, 'rescue-code');
    await wizard.claim(page, first.code);
    await wizard.heading(page, 'Overview');
    await page.getByText('The homeserver does not answer.').waitFor();
    await judge(page, 'rescue-overview');
    await wizard.button(page, 'Menu').or(page.getByRole('button', { name: 'Menu' })).first().click();
    const menu = page.getByRole('navigation').getByRole('link');
    assert.deepEqual((await menu.allTextContents()).map((name) => name.trim()), ['Overview', 'Logs', 'This box']);
    await wizard.open(page, 'logs');
    await wizard.open(page, 'box');
    await wizard.button(page, 'Erase this box …').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox').first().fill('example.org');
    assert.equal(await dialog.getByLabel('Your password').count(), 0);
    await judge(page, 'rescue-reset');
    await dialog.getByRole('button', { name: 'Cancel' }).click();

    // It is over when there is somebody again who knows the administrators.
    agent.faults();
    await wizard.button(page, 'Restart the homeserver').click();
    await wizard.login(page);
    await wizard.heading(page, wizard.pages.box);
  } finally {
    await close();
    await agent.stop();
  }
});
