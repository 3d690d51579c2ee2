import { after, before, test } from 'node:test';

import { empty, startAgent } from '../support/agent.mjs';
import { judge, launch, phone, visit } from '../support/browser.mjs';
import * as wizard from '../support/wizard.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** What only the draft knew, which nobody can ask for once the box is in use. */
async function isWhole(page) {
  await wizard.heading(page, 'Welcome home!');
  await page.getByText('Sign in as @anna:example.org with the password you chose.').waitFor();
  await page.getByText('The box uses its own certificate.').waitFor();
  await page.getByRole('link', { name: 'Download the authority' }).waitFor();
  await page.getByRole('img', { name: /^QR code/ }).waitFor();
}

test('the welcome is whole after a reload, until its button is pressed', async () => {
  const agent = await startAgent();
  const { page, close } = await visit(browser, agent.url, { viewport: phone });
  try {
    await wizard.setUp(page, agent.code);
    await isWhole(page);
    await page.reload();
    await isWhole(page);
    await judge(page, 'welcome-after-reload');
    // Wherever one comes from: the page's own address names no step.
    await page.goto(agent.url);
    await isWhole(page);
    await wizard.button(page, 'Go to the dashboard').click();
    await wizard.heading(page, 'Overview');
    await page.reload();
    await wizard.heading(page, 'Overview');
  } finally {
    await close();
    await agent.stop();
  }
});

test('the welcome comes also to who reloads while the first replica is written', async () => {
  const agent = await startAgent({ disks: [empty] });
  const { page, close } = await visit(browser, agent.url, { viewport: phone });
  try {
    await wizard.setUp(page, agent.code, { disk: 'Samsung', applied: false });
    await wizard.heading(page, 'Ready?');
    agent.faults({ slow_ms: 6000 });
    await wizard.button(page, 'Set up the box').click();
    while ((await page.evaluate(async () => (await fetch('/api/state')).json())).phase !== 'ready') await page.waitForTimeout(200);
    await page.reload();
    await wizard.heading(page, 'Set up the box');
    await page.locator('li.running', { hasText: 'Making the first replica' }).waitFor();
    await judge(page, 'welcome-not-yet');
    await isWhole(page);
  } finally {
    await close();
    await agent.stop();
  }
});
