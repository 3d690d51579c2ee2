import { number, text, wait, type Say } from '../types';

const until = (seconds: number) => wait(seconds, 'second', 'seconds', 'minute', 'minutes');

/** By the agent's codes. `invalid_FIELD` is `invalid_value` about that field. */
export const errors = {
  unknown: ['Something went wrong.', 'Try again. If it stays so, restart the box and look at the logs.'],
  unreachable: ['The box does not answer.', 'Check that it is switched on and that this device is in the same network, then try again.'],
  internal: ['Something went wrong inside the box.', 'Try again. If it stays so, restart the box and look at the logs.'],
  bad_request: ['The box did not understand the page.', 'Load the page anew and try again.'],
  not_logged_in: ['You have been signed out.', 'Sign in again; what you entered is kept.'],
  wrong_phase: ['The box is at another point than this page.', 'Load the page anew; it then shows what can be done.'],
  busy: ['The box is busy with something else.', 'Wait until it has finished, then try again.'],
  cancelled: ['It was stopped before it was done.', 'Start it again when it suits.'],
  homeserver_unavailable: ['The homeserver does not answer.', 'Wait a minute and try again. If it stays so, restart it.'],
  service_failed: ['The homeserver did not start or stop as it should.', 'Restart the box. If it stays so, look at the logs.'],

  wrong_setup_code: ['That is not the setup code.', 'Compare it letter by letter with the screen or the file on the card.'],
  too_many_attempts: (p) => ['Too many attempts.', `For safety the box waits ${until(number(p, 'retry_after_s'))} before the next one.`],
  wrong_login: ['The name or the password is wrong.', 'Type them as in Element. Another administrator can set a new password.'],
  not_an_administrator: ['This account may not manage the box.', 'Sign in with an administrator’s account, or ask an administrator.'],
  wrong_server_name: ['That is not the name of this box.', 'Type it exactly as it is shown.'],

  invalid_server_name: ['This is not a domain name.', 'Type it like example.org, without https:// and without a slash.'],
  invalid_host: ['This is not the name of a computer.', 'Type it like matrix.example.org, without https:// and without a slash.'],
  invalid_email: ['This is not an e-mail address.', 'Type it like anna@example.org.'],
  invalid_from: ['This is not an e-mail address.', 'Type it like anna@example.org.'],
  invalid_to: ['This is not an e-mail address.', 'Type it like anna@example.org.'],
  invalid_port: ['This is not a port.', 'Usual are 465 for TLS and 587 for STARTTLS.'],
  invalid_gateway: ['This is not an address.', 'Type it like 192.168.1.1.'],
  invalid_dns: ['This is not an address.', 'Type addresses like 192.168.1.1, with a space between.'],
  invalid_time_zone: ['There is no such time zone.', 'Choose one from the list.'],
  unknown_time_zone: ['There is no such time zone.', 'Choose one from the list.'],
  network_address: ['This address can’t work.', 'It needs the form 192.168.1.9/24 and must belong to your home network.'],
  network_gateway: ['This router’s address can’t work.', 'It must be in the same network as the box, and not the box’s own address.'],
  network_dns: ['These DNS servers can’t work.', 'Give one to four; the router’s address is usually right.'],
  network_failed: ['The network could not be changed.', 'The box goes on with the address it has.'],
  no_network_trial: ['The time to keep it is over.', 'The box went back to its earlier address. Try once more.'],

  invalid_username: ['This name can’t be used.', 'Use small letters, digits, and . _ - only.'],
  weak_password: (p) => [`The password needs at least ${text(p, 'shortest')} characters.`, 'Several words that don’t belong together are good.'],
  M_USER_IN_USE: ['This name is taken.', 'Choose another one.'],
  M_INVALID_USERNAME: ['This name can’t be used.', 'Use small letters, digits, and . _ - only.'],
  M_WEAK_PASSWORD: ['This password is too weak.', 'Use a longer one, of several words.'],
  M_FORBIDDEN: ['That is not allowed.', 'The last administrator stays one: make somebody else administrator first.'],
  M_LIMIT_EXCEEDED: ['Too many attempts.', 'Wait a minute, then try again.'],

  last_administrator: ['This is the last administrator.', 'Make somebody else administrator first.'],

  name_missing: ['The box has no public name yet.', 'Choose the name first.'],
  setup_incomplete: ['Some steps are not done yet.', 'Go back to them, or skip those that can be skipped.'],
  mail_needed: ['Joining by e-mail needs a mail account.', 'Fill in the step “E-mail”, or choose another way to join.'],
  already_applied: ['The server exists already and keeps its name and first administrator.', 'Finish the setup. To begin anew, reset the box afterwards.'],
  other_server_name: ['The box already holds a server with another name.', 'Use that name, or reset the box to begin anew.'],

  terms_not_agreed: ['The certificate office needs your agreement to its terms.', 'Agree, or use the box’s own certificate.'],
  acme_unreachable: ['The certificate office can’t be reached.', 'Check that the box is connected to the internet. It tries again by itself.'],
  acme_trouble: ['The certificate office has trouble of its own.', 'This is not your fault. Try again in an hour.'],
  acme_answer: ['The certificate office gave a strange answer.', 'This is not your fault. Try again in an hour.'],
  acme_refused: ['The certificate office could not make sure that the name is yours.', 'Check that the name leads to this box and that the doors 80 and 443 are open, then try again.'],
  acme_rate_limited: ['The certificate office was asked too often.', 'Wait an hour. If this name had many certificates lately, wait a week.'],
  acme_order_expired: ['It took too long.', 'Try again; the box asks anew.'],
  acme_bad_nonce: ['The certificate office kept refusing.', 'This is not your fault. Try again in a few minutes.'],
  acme_terms: ['The terms of the certificate office have changed.', 'Read them and agree, then try again.'],
  acme_name: ['There can be no public certificate for this name.', 'Use a name that is yours on the internet, such as matrix.example.org.'],
  acme_email: ['The certificate office does not accept the e-mail address.', 'Give one that exists.'],
  acme_no_method: ['The box has no way to prove that the name is its own.', 'Open the doors 80 and 443 in your router, then try again.'],
  acme_timed_out: ['The certificate office did not finish in time.', 'This is not your fault. Try again in a few minutes.'],
  acme_account: ['The certificate office does not accept the box’s account.', 'Try again; the box opens a new one.'],
  clock_untrusted: ['The box is not sure what time it is.', 'Certificates need the right time, which comes from the internet. Check the connection and wait a minute.'],
  certificate_not_served: ['The new certificate is not in use yet.', 'The old one stays. Restart the homeserver, then try again.'],

  no_mail: ['No mail account has been saved.', 'Fill in the form first.'],
  mail_failed: (p) => ['The message could not be sent.', `Compare server, port, encryption, name and password with what your mail provider says. ${text(p, 'detail')}`],

  disk_gone: ['The disk is not plugged in any more.', 'Plug it in again and look once more.'],
  system_disk: ['The box itself runs from this disk.', 'Choose another one.'],
  disk_has_data: ['The disk holds data.', 'Look at what is on it, and agree to erase it.'],
  disk_too_small: ['This disk is too small.', 'Use a larger one.'],
  disk_read_only: ['This disk can’t be written to.', 'Some have a little switch against writing. If not, it is worn out: use another one.'],
  disk_busy: ['This disk is in use.', 'Wait a minute and try again.'],
  make_failed: ['The disk could not be prepared.', 'Unplug it, plug it in again and try once more. If it fails again, use another one.'],
  volume_absent: ['The backup disk is not plugged in.', 'Plug it in and try again.'],
  wrong_disk: ['This is a Hearth backup disk, but not the one of this box.', 'Plug in the right one, or prepare this one.'],
  volume_damaged: ['The backup disk is damaged.', 'Keep it as it is and prepare another one.'],
  volume_busy: ['The backup disk is still in use.', 'Wait a minute and try again.'],
  too_little_memory: ['There is too little free memory to open the disk.', 'Restart the box and try again.'],
  wrong_recovery_key: ['The recovery key does not fit.', 'Compare it with your note, group by group. Each disk has a key of its own.'],
  wrong_key: ['The recovery key does not fit.', 'Compare it with your note, group by group. Each disk has a key of its own.'],
  nothing_to_confirm: ['No disk is waiting for its recovery key.', 'The box may have been restarted. Prepare the disk again; it gets a new key.'],
  no_volume: ['No backup disk has been prepared.', 'Plug one in and prepare it.'],
  no_volume_key: ['The box has no key of its own for this disk.', 'Prepare the disk again, or restore from it with its recovery key.'],
  nothing_open: ['No backup disk is open.', 'Choose the disk and type its recovery key first.'],
  no_room: ['There is too little room on the box’s card.', 'Use a larger card.'],
  not_a_volume: ['This disk is not a Hearth backup disk.', 'Choose another disk.'],
  not_a_backup: ['There is no Hearth backup on this disk.', 'Check that it is the right one.'],
  no_replica: ['There is no replica on the disk yet.', 'Make one first.'],
  backup_damaged: ['The backup is damaged.', 'Keep the disk as it is and prepare another one now. Some replicas may still be whole.'],
  backup_newer: ['This backup was made by a newer version of Hearth.', 'Use an image of that version for this box.'],
  backup_full: ['The backup disk is full.', 'Use a larger one. The replicas that are on it stay good.'],
  backup_vanished: ['The backup disk does not answer any more.', 'Check the cable and plug it in again. Complete replicas are safe.'],
  backup_read_only: ['The backup disk can be read but not written.', 'Some have a little switch against writing. If not, use another disk.'],
  backup_busy: ['The backup is in use.', 'Wait until it is done, then try again.'],
  backup_source: ['Something on the box could not be read for the backup.', 'It is tried again by itself. If it fails again, restart the box.'],
  backup_disk_error: ['The backup disk reports an error.', 'If it happens again, the disk is worn out: use another one.'],
  replica_refused: ['This replica is not whole.', 'Choose another one.'],
  replica_unknown: ['This replica is not there any more.', 'Choose another one.'],
  replica_unusable: ['This replica can’t be used.', 'Choose another one.'],
  restore_target: ['The box could not write what was read.', 'Check that its card is large enough for the replica.'],
  storage_full: ['The box’s card is full.', 'Use a larger card and restore onto it.'],
  storage_read_only: ['The box’s card takes no more writes.', 'It is worn out. Put a new card in and restore from the backup disk.'],
} satisfies Record<string, Say>;

/** What the overview tells, by its codes. */
export const findings = {
  homeserver_silent: ['The homeserver does not answer.', 'It is started again by itself. If it stays so, restart the box and look at the logs.'],
  storage_full: ['The card is full.', 'Make a backup, then restore it onto a larger card.'],
  storage_nearly_full: ['The card is nearly full.', 'Plan for a larger one: make a backup, then restore it there.'],
  card_worn: (p) => [`${text(p, 'percent')} % of the card’s life is used up.`, 'Get a new one soon: make a backup, then restore it there.'],
  no_backup: ['There is no backup.', 'Plug in a USB disk and prepare it under “Backups”. If the card fails, everything would be lost.'],
  volume_absent: ['The backup disk is not plugged in.', 'Plug it in; backups go on by themselves.'],
  backup_full: ['The backup disk is full.', 'Prepare a larger one. The replicas that are on it stay good.'],
  wrong_disk: ['Another backup disk is plugged in than the one of this box.', 'Plug in the right one, or prepare this one.'],
  replica_failed: ['The last backup failed.', 'It is tried again by itself. If it keeps failing, try another cable or another disk.'],
  no_recent_replica: (p) =>
    number(p, 'hours') > 0
      ? [`The last backup is ${String(Math.floor(number(p, 'hours') / 24))} days old.`, 'Look under “Backups”: it says what is in the way.']
      : ['No backup has been made yet.', 'Look under “Backups”: it says what is in the way.'],
  restore_test_failed: ['The last restore test failed.', 'Start another one under “Backups”. If it fails again, prepare another disk.'],
  no_certificate: ['There is no certificate for the public name.', 'Have one made under “Certificates”.'],
  certificate_expired: ['The certificate has run out; apps refuse to connect.', 'Renew it under “Certificates”.'],
  certificate_ends_soon: ['The certificate is about to run out and could not be renewed.', 'Look under “Certificates”: it says why.'],
  time_not_trusted: ['The box is not sure what time it is.', 'It asks the internet; check that it is connected.'],
  hot: (p) => [`The board is hot: ${String(Math.round(number(p, 'temperature_c')))} °C.`, 'Give it air, or a case that cools.'],
  memory_short: ['Memory is short.', 'Restart the box. If it happens often, use a board with more memory.'],
} satisfies Record<string, Say>;

/** Before a restore, by the agent's codes. */
export const warnings = {
  old_replica: 'This replica is more than a week old. What was written after it is not in it.',
};

/** Details of a step that are words and not figures. */
export const details = {
  unknown: 'could not be found out',
};
