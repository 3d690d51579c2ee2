import { after, before, test } from 'node:test';

import { startAgent } from '../support/agent.mjs';
import { judge, launch, visit } from '../support/browser.mjs';
import * as wizard from '../support/wizard.mjs';

let browser;
let agent;
before(async () => {
  browser = await launch();
  agent = await startAgent();
});
after(async () => {
  await browser.close();
  await agent.stop();
});

test('a box that began with its own certificate asks for a public one on the dashboard', async () => {
  const { page, close } = await visit(browser, agent.url);
  // Of the ends that a certificate office would sign for; nobody is asked outside.
  await wizard.setUp(page, agent.code, { server: 'family.example.org' });
  await wizard.button(page, 'Go to the dashboard').click();
  await wizard.open(page, 'certificates');
  await page.getByRole('heading', { name: 'Free certificate from Let’s Encrypt' }).waitFor();
  await judge(page, 'dashboard-certificate-own');
  await wizard.button(page, 'Get the certificate').click();
  await page.getByText('Without agreement there is no certificate.').waitFor();
  await page.getByLabel('Your e-mail address').fill('anna@family.example.org');
  await page.getByLabel(/I agree/).check();
  await wizard.button(page, 'Get the certificate').click();
  // That it comes, where the office is within reach, is the agent's to show.
  await page.getByText('The certificate office can’t be reached.').first().waitFor();
  await judge(page, 'dashboard-certificate-office-away');
  // What went wrong is still there after a reload, and the box's own goes on and can be made anew.
  await page.reload();
  await page.getByText('The certificate office can’t be reached.').first().waitFor();
  await wizard.button(page, 'Renew now').click();
  await page.getByText('The new certificate is in place.').waitFor();
  await page.getByRole('heading', { name: 'Free certificate from Let’s Encrypt' }).waitFor();
  await close();
});
