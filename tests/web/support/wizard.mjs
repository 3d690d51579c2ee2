// The wizard's steps as a person takes them, by what is written on the page.

export const PASSWORD = 'lantern walnut ferry moss';

export const heading = (page, name) => page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
export const button = (page, name) => page.getByRole('main').getByRole('button', { name, exact: true });
export const next = (page) => button(page, 'Continue').click();

export async function claim(page, code) {
  await page.getByLabel('Setup code').fill(code);
  await button(page, 'Open').click();
}

export async function fresh(page) {
  await heading(page, 'What would you like to do?');
  await page.getByRole('button', { name: /Set up a new box/ }).click();
}

export async function locale(page) {
  await heading(page, 'Language and time zone');
  await next(page);
}

export async function network(page) {
  await heading(page, 'Network');
  await next(page);
}

export async function name(page, server, host, { check = true } = {}) {
  await heading(page, 'Public name');
  await page.getByLabel('Name', { exact: true }).fill(server);
  await page.getByLabel('The box is reached under another name').setChecked(host !== server);
  if (host !== server) await page.getByLabel('Name of the box').fill(host);
  await button(page, 'Check the name').click();
  if (check) await button(page, 'Check again').waitFor({ timeout: 90_000 });
}

export const afterName = (page) => page.getByRole('main').getByRole('button', { name: /^Continue/ }).click();

export async function administrator(page, user, password = PASSWORD, again = password) {
  await heading(page, 'Your account');
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByLabel('The password again').fill(again);
  await next(page);
}

export async function registration(page, title = 'People with an invitation') {
  await heading(page, 'Who may join?');
  await page.getByRole('radio', { name: new RegExp(title) }).check();
  await next(page);
}

export async function noMail(page) {
  await heading(page, 'E-mail');
  await page.getByRole('radio', { name: /No e-mail/ }).check();
  await next(page);
}

export async function ownCertificate(page) {
  await heading(page, 'Certificate');
  await page.getByRole('radio', { name: /own certificate/ }).check();
  await button(page, 'Use the box’s own').click();
}

/** Prepares the disk that is chosen, and returns the recovery key's groups. */
export async function recoveryKey(page) {
  await heading(page, 'Your recovery key');
  return page.locator('.sheet .group').allTextContents();
}

export async function typeBack(page, groups) {
  await page.getByLabel('I have written it down').check();
  await next(page);
  await heading(page, 'Let’s make sure');
  for (const field of await page.getByRole('textbox', { name: /^Group \d$/ }).all()) {
    const label = await field.evaluate((input) => input.labels?.[0]?.textContent ?? '');
    await field.fill(groups[Number(/\d/.exec(label)?.[0]) - 1].toLowerCase());
  }
  await button(page, 'Check').click();
}

export async function noBackup(page) {
  await heading(page, 'Backup disk');
  await button(page, 'Continue without a backup').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Continue without a backup' }).click();
}

export async function apply(page) {
  await heading(page, 'Ready?');
  await button(page, 'Set up the box').click();
  await heading(page, 'Welcome home!');
}

/** A box that is set up, quickly; `applied: false` ends before the last press. */
export async function setUp(page, code, { server = 'example.org', user = 'anna', disk = null, applied = true } = {}) {
  await claim(page, code);
  await fresh(page);
  await locale(page);
  await network(page);
  await name(page, server, server);
  await afterName(page);
  await administrator(page, user);
  await registration(page);
  await noMail(page);
  await ownCertificate(page);
  let key = null;
  if (disk) {
    await heading(page, 'Backup disk');
    await page.getByRole('radio', { name: new RegExp(disk) }).check();
    await button(page, 'Prepare this disk').click();
    key = await recoveryKey(page);
    await typeBack(page, key);
  } else await noBackup(page);
  if (applied) await apply(page);
  return key;
}

export async function login(page, user = 'anna', password = PASSWORD) {
  await heading(page, 'Good to see you');
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await button(page, 'Sign in').click();
}

/** The dashboard's pages and what stands above each. */
export const pages = {
  overview: 'Overview',
  people: 'People',
  storage: 'Storage',
  replicas: 'Backups',
  certificates: 'Certificates',
  network: 'Network',
  settings: 'Settings',
  logs: 'Logs',
  box: 'This box',
};

export async function open(page, route) {
  await page.evaluate((name) => (location.hash = `/${name}`), route);
  await heading(page, pages[route]);
}
