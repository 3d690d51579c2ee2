import { after, before, test } from 'node:test';

import { empty, startAgent } from '../support/agent.mjs';
import { judge, launch, visit } from '../support/browser.mjs';
import * as wizard from '../support/wizard.mjs';

let browser;
let agent;
before(async () => {
  browser = await launch();
  agent = await startAgent({ disks: [empty] });
});
after(async () => {
  await browser.close();
  await agent.stop();
});

async function at(step) {
  agent.faults();
  const visitor = await visit(browser, agent.url);
  await wizard.claim(visitor.page, agent.code);
  await visitor.page.locator('nav').first().waitFor({ state: 'attached' });
  await visitor.page.evaluate((name) => (location.hash = `/${name}`), step);
  return visitor;
}

const told = (page, words) => page.getByText(words).first().waitFor({ timeout: 60_000 });

test('a name that is none', async () => {
  const { page, close } = await at('name');
  await wizard.name(page, 'https://family', 'https://family', { check: false });
  await told(page, 'This is not a domain name.');
  await judge(page, 'fault-name');
  // Of the ends that a certificate office would sign for; nobody is asked outside.
  await wizard.name(page, 'family.example.org', 'family.example.org');
  await judge(page, 'fault-name-not-reached');
  await close();
});

test('a password that is too short', async () => {
  const { page, close } = await at('administrator');
  await wizard.administrator(page, 'anna', 'short');
  await told(page, /The password needs at least \d+ characters\./);
  await wizard.administrator(page, 'Anna B', wizard.PASSWORD);
  await told(page, 'This name can’t be used.');
  await judge(page, 'fault-account');
  await close();
});

test('a mail server that does not answer', async () => {
  const { page, close } = await at('mail');
  await page.getByRole('radio', { name: /Use a mail account/ }).check();
  await wizard.next(page);
  await told(page, 'Please fill this in.');
  await page.getByLabel('Outgoing mail server').fill('127.0.0.1');
  await page.getByLabel('Port', { exact: true }).fill('1');
  await page.getByLabel('Sender address').fill('box@family.example');
  await page.getByLabel(/Send it to/).fill('anna@family.example');
  await wizard.button(page, 'Send a test message').click();
  await told(page, 'The message could not be sent.');
  await judge(page, 'fault-mail');
  await close();
});

test('a certificate office that is out of reach', async () => {
  // The name is there since the first test.
  const { page, close } = await at('certificate');
  await wizard.heading(page, 'Certificate');
  await wizard.button(page, 'Get the certificate').click();
  await told(page, 'Without agreement there is no certificate.');
  await page.getByLabel('Your e-mail address').fill('anna@family.example');
  await page.getByLabel(/I agree/).check();
  await wizard.button(page, 'Get the certificate').click();
  await told(page, 'The certificate office can’t be reached.');
  await judge(page, 'fault-certificate');
  await close();
});

test('a disk that is pulled out, breaks, or is not there', async () => {
  const { page, close } = await at('backup');
  await page.getByRole('radio', { name: /Samsung/ }).check();
  agent.faults({ make_fails: 'encrypt' });
  await wizard.button(page, 'Prepare this disk').click();
  await told(page, 'The disk could not be prepared.');
  await judge(page, 'fault-disk-broken');
  agent.faults({ pulled: [empty.id] });
  await wizard.button(page, 'Prepare this disk').click();
  await told(page, 'The disk is not plugged in any more.');
  await wizard.button(page, 'Look again').click();
  await told(page, 'No disk found. Plug one in, then look again.');
  await judge(page, 'fault-disk-none');
  await close();
});

test('a network that can’t be', async () => {
  const { page, close } = await at('network');
  await page.getByRole('radio', { name: /Fixed address/ }).check();
  await page.getByLabel('Address with prefix').fill('192.168.1.9/24');
  await page.getByLabel('Router (gateway)').fill('10.0.0.1');
  await page.getByLabel('DNS servers').fill('192.168.1.1');
  await wizard.next(page);
  await told(page, 'This router’s address can’t work.');
  await judge(page, 'fault-network');
  await close();
});

test('a summary with gaps says what is missing', async () => {
  const { page, close } = await at('summary');
  await told(page, 'Still to do');
  await judge(page, 'fault-summary-gaps');
  await close();
});

// Last: afterwards nobody is let in for a while.
test('guessing the setup code is slowed down', async () => {
  const { page, close } = await visit(browser, agent.url);
  for (let guess = 0; guess < 8; guess += 1) {
    await wizard.claim(page, `AAAA-AAA${guess}`);
    await page.locator('[aria-invalid=true]').waitFor();
    if (await page.getByText('Too many attempts.').isVisible()) break;
  }
  await told(page, /For safety the box waits \d+ seconds/);
  await judge(page, 'fault-too-many');
  await close();
});
