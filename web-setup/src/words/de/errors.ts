import { number, text, wait, type Say } from '../types';

const until = (seconds: number) => wait(seconds, 'second', 'seconds', 'minute', 'minutes');

export const errors = {
  unknown: ['Something went wrong.', 'Try again. If it stays so, restart the box and look at the logs.'],
  unreachable: ['The box does not answer.', 'Check that it is switched on and that this device is in the same network, then try again.'],
  internal: ['Something went wrong inside the box.', 'Try again. If it stays so, restart the box and look at the logs.'],
  bad_request: ['The box did not understand the page.', 'Load the page anew and try again.'],
  not_found: ['That is not there any more.', 'Load the page anew: it may have changed meanwhile.'],
  not_logged_in: ['You have been signed out.', 'Sign in again; what you entered is kept.'],
  wrong_phase: ['The box is at another point than this page.', 'Load the page anew; it then shows what can be done.'],
  busy: ['The box is busy with something else.', 'Wait until it has finished, then try again.'],
  wrong_setup_code: ['That is not the setup code.', 'Compare it letter by letter with the screen or the file on the card.'],
  too_many_attempts: (p) => ['Too many attempts.', `For safety the box waits ${until(number(p, 'retry_after_s'))} before the next one.`],
  wrong_login: ['The name or the password is wrong.', 'Check for capital letters and try again.'],
  not_an_administrator: ['This account may not manage the box.', 'Sign in with an administrator’s account, or ask an administrator.'],
  disk_has_data: ['The disk holds data.', 'Look at what is on it, and agree to erase it.'],
  disk_gone: ['The disk is not there any more.', 'Plug it in again and look once more.'],
  no_such_disk: ['The disk is not there any more.', 'Plug it in again and look once more.'],
  wrong_recovery_key: ['The recovery key does not fit.', 'Compare it group by group with your note.'],
  not_a_volume: ['This disk is not a Hearth backup disk.', 'Choose another disk.'],
  homeserver_unavailable: ['The homeserver does not answer.', 'Wait a minute and try again. If it stays so, restart it.'],
  M_USER_IN_USE: ['This name is taken.', 'Choose another one.'],
  M_INVALID_USERNAME: ['This name can’t be used.', 'Use small letters, digits, and . _ - only.'],
  M_WEAK_PASSWORD: ['This password is too weak.', 'Use a longer one, of several words.'],
  M_FORBIDDEN: ['That is not allowed.', 'The last administrator stays one: make somebody else administrator first.'],
  M_LIMIT_EXCEEDED: ['Too many attempts.', 'Wait a minute, then try again.'],
} satisfies Record<string, Say>;

export const findings = {} satisfies Record<string, Say>;

export const details = {
  unknown: 'could not be found out',
};
