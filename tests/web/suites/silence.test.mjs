// What the dashboard shows when it learns nothing, or something that it has not seen before.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { empty, startAgent } from '../support/agent.mjs';
import { judge, launch, phone, visit } from '../support/browser.mjs';
import * as wizard from '../support/wizard.mjs';

/** The overview looks every quarter of a minute. */
const LOOK = { timeout: 40_000 };
let browser;
let agent;
before(async () => {
  browser = await launch();
  agent = await startAgent({ disks: [empty] });
  const { page, close } = await visit(browser, agent.url);
  await wizard.setUp(page, agent.code, { server: 'family.example', disk: 'Samsung' });
  await close();
});
after(async () => {
  await browser.close();
  await agent.stop();
});

async function inside() {
  agent.faults();
  const visitor = await visit(browser, agent.url, { viewport: phone });
  await wizard.login(visitor.page);
  await wizard.heading(visitor.page, 'Overview');
  return visitor;
}

test('a box that is silent is not called well', async () => {
  const { page, close } = await inside();
  const well = page.getByRole('heading', { name: 'Everything is fine' });
  const silent = page.getByText('The box does not answer just now.');
  await well.waitFor();
  await page.getByText(/^Checked at/).waitFor();
  assert.equal(await page.getByRole('status').filter({ hasText: /Checked at/ }).count(), 0, 'the time would be read out with every look');
  await page.context().setOffline(true);
  await silent.waitFor(LOOK);
  await page.getByRole('heading', { name: 'The box does not answer.' }).waitFor();
  await judge(page, 'silence-overview');
  await page.context().setOffline(false);
  await well.waitFor(LOOK);
  await silent.waitFor({ state: 'detached' });
  await close();
});

test('what the box can’t find out is told above what it said before', async () => {
  const { page, close } = await inside();
  await page.getByRole('heading', { name: 'Memory' }).waitFor();
  agent.faults({ measurements_fail: true });
  await page.getByRole('alert').waitFor(LOOK);
  assert.ok(await page.getByRole('heading', { name: 'Memory' }).isVisible(), 'the old figures stay');
  await judge(page, 'silence-overview-fault');
  agent.faults();
  await page.getByRole('alert').waitFor({ state: 'detached', ...LOOK });
  await close();
});

test('people who can’t reach the box are told of as that, with the reason', async () => {
  const { page, close } = await inside();
  // The agent looks once a day: the answer is the box's, with what the look would have found.
  await page.route('**/api/health', async (route) => {
    const response = await route.fetch();
    const health = await response.json();
    health.status = 'attention';
    health.findings.push({
      level: 'attention',
      code: 'unreachable',
      message: 'From outside, port 443 is closed.',
      help: 'Forward it.',
      params: { check: 'port_443', cause: 'port_closed_outside', port: 443 },
    });
    await route.fulfill({ response, json: health });
  });
  await page.reload();
  await page.getByText('The box can’t be reached from outside.').waitFor();
  await page.getByText('From outside this door is closed. In your router, pass port 443 on to the box.').waitFor();
  assert.equal(await page.getByText('The box does not answer.').count(), 0);
  await judge(page, 'overview-unreachable');
  await page.unroute('**/api/health');
  await close();
});

test('the logs are asked for once, and the choice made last is shown', async () => {
  const { page, close } = await inside();
  let asked = 0;
  page.on('request', (request) => (asked += request.url().includes('/api/logs') ? 1 : 0));
  await wizard.open(page, 'logs');
  await page.waitForTimeout(2500);
  assert.equal(asked, 1);

  // The slower answer was to the earlier question.
  await page.route('**/api/logs?unit=homeserver*', async (route) => {
    await new Promise((wake) => setTimeout(wake, 2000));
    await route.fulfill({ json: { lines: [{ time_ms: 0, unit: 'homeserver', level: 'INFO', text: 'of the homeserver' }] } }).catch(() => undefined);
  });
  await page.route('**/api/logs?unit=system*', (route) => route.fulfill({ json: { lines: [{ time_ms: 0, unit: 'system', level: 'INFO', text: 'of the system' }] } }));
  await page.getByLabel('Part').selectOption('homeserver');
  await page.getByLabel('Part').selectOption('system');
  await page.getByText('of the system').waitFor();
  await page.waitForTimeout(2500);
  assert.ok(await page.getByText('of the system').isVisible());
  assert.equal(asked, 3);
  await close();
});
