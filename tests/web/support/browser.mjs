// Chromium, and what is asked of every page: no error, nothing refused by the policy, nothing from elsewhere.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { chromium } from 'playwright-core';

const axeSource = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = process.env.HEARTH_WEB_SHOTS ?? path.join(process.env.CARGO_TARGET_DIR ?? 'target', 'web-screenshots');

export const phone = { width: 390, height: 844 };
export const small = { width: 320, height: 640 };
export const desktop = { width: 1280, height: 860 };

export const launch = () =>
  chromium.launch({
    executablePath: process.env.HEARTH_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });

/** A window of its own, as of a person who has never been here. */
export async function visit(browser, url, { viewport = phone, locale = 'en-GB', scheme = 'light' } = {}) {
  const context = await browser.newContext({
    viewport,
    locale,
    colorScheme: scheme,
    reducedMotion: 'reduce',
    timezoneId: 'Europe/Berlin',
    ignoreHTTPSErrors: true,
    // The test adds a script of its own, axe; what the page itself breaks of its policy is heard below all the same.
    bypassCSP: false,
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // A refused request is part of a walk; that its answer is shown is asserted where it happens.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) complaints.push(`asked elsewhere: ${request.url()}`);
  });
  await page.goto(url);
  return {
    page,
    async close() {
      await context.close();
      assert.deepEqual(complaints, []);
    },
  };
}

/** Keeps a picture for people. */
export async function shot(page, name) {
  fs.mkdirSync(shots, { recursive: true });
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
}

export async function fits(page, what) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 0, `${what}: ${over} px too wide`);
}

/** WCAG 2.2 A and AA, as far as axe can tell. */
export async function accessible(page, what) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
  );
  const told = violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary}`).join('; ')}`);
  assert.deepEqual(told, [], what);
}

/** All of it at once. */
export async function judge(page, name) {
  await fits(page, name);
  await accessible(page, name);
  await shot(page, name);
}
