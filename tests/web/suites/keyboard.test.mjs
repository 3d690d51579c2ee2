import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { empty, startAgent } from '../support/agent.mjs';
import { desktop, launch, visit } from '../support/browser.mjs';
import * as wizard from '../support/wizard.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** Tab until the focus is on what bears this name, as somebody without a mouse does. */
async function tabTo(page, wanted) {
  for (let presses = 0; presses < 60; presses += 1) {
    const name = await page.evaluate(() => {
      const at = document.activeElement;
      const label = at?.labels?.[0]?.textContent ?? at?.getAttribute('aria-label') ?? at?.textContent ?? '';
      return label.replace(/\s+/g, ' ').trim();
    });
    if (wanted.test(name)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`the keyboard does not come to ${wanted}`);
}

test('the wizard without a mouse', async () => {
  const agent = await startAgent({ disks: [empty] });
  const { page, close } = await visit(browser, agent.url, { viewport: desktop });
  const type = async (field, text) => {
    await tabTo(page, field);
    await page.keyboard.press('Control+A');
    await page.keyboard.type(text);
  };
  const arrive = async (title) => {
    await wizard.heading(page, title);
    // The new page's heading has the focus, so that reading begins there.
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'H1', title);
  };
  const press = async (name, key = 'Enter') => {
    await tabTo(page, name);
    await page.keyboard.press(key);
  };
  try {
    await arrive('Hello! Let’s make this box yours.');
    await type(/^Setup code/, agent.code);
    await page.keyboard.press('Enter');
    await arrive('What would you like to do?');
    await press(/^Set up a new box/);
    await arrive('Language and time zone');
    await press(/^Continue$/);
    await arrive('Network');
    await press(/^Continue$/);
    await arrive('Public name');
    await type(/^Name$/, 'family.example');
    await page.keyboard.press('Enter');
    await wizard.button(page, 'Check again').waitFor({ timeout: 90_000 });
    await press(/^Continue/);
    await arrive('Your account');
    await type(/^User name/, 'anna');
    await type(/^Password$/, wizard.PASSWORD);
    await type(/^The password again/, wizard.PASSWORD);
    await page.keyboard.press('Enter');
    await arrive('Who may join?');
    await press(/^People with an invitation/, 'ArrowDown');
    assert.ok(await page.getByRole('radio', { name: /Nobody by themselves/ }).isChecked());
    await press(/^Continue$/);
    await arrive('E-mail');
    await press(/^Continue$/);
    await arrive('Certificate');
    await press(/^Free certificate/, 'ArrowDown');
    await press(/^Use the box’s own$/);
    await arrive('Backup disk');
    await press(/^Continue without a backup$/);
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    assert.ok(await page.evaluate(() => document.querySelector('dialog')?.contains(document.activeElement)));
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    // Back to what opened it, and not to the top of the page.
    assert.equal(await page.evaluate(() => document.activeElement?.textContent?.trim()), 'Continue without a backup');
    await press(/^Continue without a backup$/);
    await dialog.waitFor();
    await press(/^Continue without a backup$/);
    await arrive('Ready?');
    await press(/^Set up the box$/);
    await arrive('Welcome home!');
  } finally {
    await close();
    await agent.stop();
  }
});
