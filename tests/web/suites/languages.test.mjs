import { after, before, test } from 'node:test';

import { empty, foreign, startAgent } from '../support/agent.mjs';
import { fits, launch, shot, small, visit } from '../support/browser.mjs';
import * as wizard from '../support/wizard.mjs';

const steps = ['welcome', 'locale', 'network', 'name', 'administrator', 'registration', 'mail', 'certificate', 'backup', 'summary', 'restore'];
let browser;
let agent;
before(async () => {
  browser = await launch();
  agent = await startAgent({ disks: [empty, foreign] });
});
after(async () => {
  await browser.close();
  await agent.stop();
});

/** Every page at the width of the smallest phone. */
async function narrow(page, language, routes) {
  for (const route of routes) {
    await page.evaluate((name) => (location.hash = `/${name}`), route);
    await page.waitForFunction((name) => location.hash === `#/${name}` && document.querySelector('h1'), route);
    await page.waitForLoadState('networkidle');
    for (const radio of await page.locator('main input[type=radio]:enabled').all()) {
      await radio.check();
      await fits(page, `${language} ${route}`);
    }
    await fits(page, `${language} ${route}`);
    await shot(page, `narrow-${language}-${route}`);
  }
}

for (const [locale, code] of Object.entries({ 'en-GB': 'en', 'de-DE': 'de', 'fr-FR': 'fr', 'es-ES': 'es' })) {
  test(`the wizard in ${code} at 320 pixels`, async () => {
    const { page, close } = await visit(browser, agent.url, { viewport: small, locale });
    await page.locator(`html[lang=${code}]`).waitFor({ state: 'attached' });
    await page.locator('h1').waitFor();
    await shot(page, `narrow-${code}-code`);
    await page.locator('main input').first().fill(agent.code);
    await page.locator('main button[type=submit]').click();
    await page.locator('nav').first().waitFor({ state: 'attached' });
    await narrow(page, code, steps);
    await close();
  });
}

test('the dashboard in four languages at 320 pixels', async () => {
  const first = await visit(browser, agent.url);
  await wizard.setUp(first.page, agent.code);
  await first.close();
  for (const locale of ['en-GB', 'de-DE', 'fr-FR', 'es-ES']) {
    const { page, close } = await visit(browser, agent.url, { viewport: small, locale });
    await page.locator('main input').first().fill('anna');
    await page.locator('main input').nth(1).fill(wizard.PASSWORD);
    await page.locator('main button[type=submit]').click();
    await page.locator('nav').first().waitFor({ state: 'attached' });
    await narrow(page, locale.slice(0, 2), Object.keys(wizard.pages));
    await close();
  }
});
