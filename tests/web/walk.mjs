// One walk in Chromium through the wizard of a box that is running elsewhere, for tests that are no Node programs:
//
//   walk.mjs setup URL CODE SERVER DISK   sets the box up with that disk for backups
//   walk.mjs replicate URL                signs in and makes a replica
//   walk.mjs restore URL CODE KEY DISK    brings back what that disk holds
//
// Prints one line of JSON. Pictures go where `HEARTH_WEB_SHOTS` says.

import { judge, launch, phone, visit } from './support/browser.mjs';
import * as wizard from './support/wizard.mjs';

// An emulated board takes its time.
const PATIENCE = 300_000;

/** Asks the agent as the page does, and waits for the job if one was begun. */
function ask(page, method, path, body) {
  return page.evaluate(
    async ([method, path, body]) => {
      const request = { method, headers: { 'Content-Type': 'application/json', 'X-Hearth': '1' } };
      if (body) request.body = JSON.stringify(body);
      const answer = await (await fetch(path, request)).json();
      if (!answer.job) return answer;
      for (let revision = 0; ; ) {
        const job = await (await fetch(`/api/jobs/${answer.job}?after=${revision}`)).json();
        if (job.state !== 'running') return job;
        revision = job.revision;
      }
    },
    [method, path, body],
  );
}

const verbs = {
  async setup(page, code, server, disk) {
    // Until the box has answered there is nothing to be judged.
    await page.getByLabel('Setup code').waitFor();
    await judge(page, 'box-1-setup-code');
    const key = await wizard.setUp(page, code, { server, disk });
    await judge(page, 'box-2-welcome');
    const { invitations } = await ask(page, 'GET', '/api/invitations');
    return { key: key.join('-'), invitation: invitations[0].token };
  },

  async replicate(page) {
    await wizard.login(page);
    await wizard.heading(page, 'Overview');
    const job = await ask(page, 'POST', '/api/replicas/run', {});
    await wizard.open(page, 'replicas');
    await judge(page, 'box-3-replicas');
    return job;
  },

  async restore(page, code, key, disk) {
    await wizard.claim(page, code);
    await page.getByRole('button', { name: /I have a backup disk/ }).click();
    await page.getByRole('radio', { name: new RegExp(disk) }).check();
    await wizard.next(page);
    await page.getByRole('textbox', { name: 'Recovery key' }).fill(key);
    await wizard.button(page, 'Unlock').click();
    await wizard.heading(page, 'Which replica?');
    await wizard.next(page);
    await wizard.heading(page, 'This will be on the box');
    await judge(page, 'box-4-restore-preview');
    await wizard.button(page, 'Restore now').click();
    await page.getByRole('heading', { name: 'Everything is back' }).waitFor();
    await judge(page, 'box-5-restored');
    return {};
  },
};

const [verb, url, ...given] = process.argv.slice(2);
const browser = await launch();
try {
  const { page, close } = await visit(browser, url.replace(/\/$/, ''), { viewport: phone });
  page.setDefaultTimeout(PATIENCE);
  const said = await verbs[verb](page, ...given);
  await close();
  console.log(JSON.stringify(said));
} finally {
  await browser.close();
}
