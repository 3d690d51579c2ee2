import type { Words } from '../languages';
import { number, text, wait } from '../types';

const until = (seconds: number) => wait(seconds, 'Sekunde', 'Sekunden', 'Minute', 'Minuten');

const email: Words['errors']['invalid_email'] = ['Das ist keine E-Mail-Adresse.', 'Schreiben Sie sie wie anna@example.org.'];
const key: Words['errors']['wrong_key'] = ['Der Wiederherstellungsschlüssel passt nicht.', 'Vergleichen Sie ihn Gruppe für Gruppe mit Ihrem Zettel. Jede Festplatte hat ihren eigenen.'];
const username: Words['errors']['invalid_username'] = ['Dieser Name geht nicht.', 'Nehmen Sie nur kleine Buchstaben, Ziffern und . _ -'];
const zone: Words['errors']['unknown_time_zone'] = ['Diese Zeitzone gibt es nicht.', 'Wählen Sie eine aus der Liste.'];
const lastOne: Words['errors']['last_administrator'] = ['Das ist die letzte Person, die verwalten darf.', 'Erlauben Sie es zuerst jemand anderem.'];

export const errors: Words['errors'] = {
  unknown: ['Etwas ist schiefgegangen.', 'Versuchen Sie es noch einmal. Bleibt es so, starten Sie die Box neu und sehen Sie in die Protokolle.'],
  unreachable: ['Die Box antwortet nicht.', 'Prüfen Sie, ob sie eingeschaltet ist und dieses Gerät im selben Netz ist, und versuchen Sie es noch einmal.'],
  internal: ['In der Box ist etwas schiefgegangen.', 'Versuchen Sie es noch einmal. Bleibt es so, starten Sie die Box neu und sehen Sie in die Protokolle.'],
  bad_request: ['Die Box hat die Seite nicht verstanden.', 'Laden Sie die Seite neu und versuchen Sie es noch einmal.'],
  not_logged_in: ['Sie sind abgemeldet.', 'Melden Sie sich wieder an; was Sie eingegeben haben, bleibt.'],
  wrong_phase: ['Die Box ist an einer anderen Stelle als diese Seite.', 'Laden Sie die Seite neu; dann zeigt sie, was geht.'],
  busy: ['Die Box ist mit etwas anderem beschäftigt.', 'Warten Sie, bis es fertig ist, und versuchen Sie es noch einmal.'],
  cancelled: ['Es wurde vor dem Ende angehalten.', 'Starten Sie es wieder, wenn es passt.'],
  homeserver_unavailable: ['Der Heimserver antwortet nicht.', 'Warten Sie eine Minute. Bleibt es so, starten Sie ihn neu.'],
  service_failed: ['Der Heimserver ließ sich nicht richtig starten oder anhalten.', 'Starten Sie die Box neu. Bleibt es so, sehen Sie in die Protokolle.'],

  wrong_setup_code: ['Das ist nicht der Einrichtungscode.', 'Vergleichen Sie ihn Zeichen für Zeichen mit dem Bildschirm oder der Datei auf der Karte.'],
  too_many_attempts: (p) => ['Zu viele Versuche.', `Zur Sicherheit wartet die Box ${until(number(p, 'retry_after_s'))} bis zum nächsten.`],
  wrong_login: ['Name oder Passwort stimmt nicht.', 'Geben Sie beides wie in Element ein. Wer auch verwalten darf, kann ein neues Passwort setzen.'],
  not_an_administrator: ['Dieses Konto darf die Box nicht verwalten.', 'Melden Sie sich mit einem an, das es darf.'],
  wrong_server_name: ['So heißt diese Box nicht.', 'Tippen Sie den Namen genau so, wie er dasteht.'],

  invalid_server_name: ['Das ist kein Domainname.', 'Schreiben Sie ihn wie example.org, ohne https:// und ohne Schrägstrich.'],
  invalid_host: ['Das ist kein Name für einen Computer.', 'Schreiben Sie ihn wie matrix.example.org, ohne https:// und ohne Schrägstrich.'],
  invalid_email: email,
  invalid_from: email,
  invalid_to: email,
  invalid_port: ['Das ist kein Port.', 'Üblich sind 465 für TLS und 587 für STARTTLS.'],
  invalid_gateway: ['Das ist keine Adresse.', 'Schreiben Sie sie wie 192.168.1.1.'],
  invalid_dns: ['Das ist keine Adresse.', 'Schreiben Sie Adressen wie 192.168.1.1, mit Leerzeichen dazwischen.'],
  invalid_time_zone: zone,
  unknown_time_zone: zone,
  network_address: ['Diese Adresse kann nicht gehen.', 'Sie muss aussehen wie 192.168.1.9/24 und zu Ihrem Heimnetz gehören.'],
  network_gateway: ['Diese Adresse des Routers kann nicht gehen.', 'Sie muss im selben Netz liegen wie die Box und darf nicht die der Box sein.'],
  network_dns: ['Diese DNS-Server können nicht gehen.', 'Geben Sie einen bis vier an; meist stimmt die Adresse des Routers.'],
  network_failed: ['Das Netzwerk ließ sich nicht ändern.', 'Die Box behält ihre bisherige Adresse.'],
  no_network_trial: ['Die Zeit zum Behalten ist vorbei.', 'Die Box ist zur früheren Adresse zurückgekehrt. Versuchen Sie es noch einmal.'],

  invalid_username: username,
  weak_password: (p) => [`Das Passwort braucht mindestens ${text(p, 'shortest')} Zeichen.`, 'Gut sind mehrere Wörter, die nicht zusammengehören.'],
  M_USER_IN_USE: ['Dieser Name ist vergeben.', 'Wählen Sie einen anderen.'],
  M_INVALID_USERNAME: username,
  M_WEAK_PASSWORD: ['Dieses Passwort ist zu schwach.', 'Nehmen Sie ein längeres aus mehreren Wörtern.'],
  M_FORBIDDEN: ['Das ist nicht erlaubt.', 'Eine Person muss verwalten dürfen: Erlauben Sie es zuerst jemand anderem.'],
  M_LIMIT_EXCEEDED: ['Zu viele Versuche.', 'Warten Sie eine Minute und versuchen Sie es noch einmal.'],
  last_administrator: lastOne,

  name_missing: ['Die Box hat noch keinen öffentlichen Namen.', 'Wählen Sie zuerst den Namen.'],
  setup_incomplete: ['Einige Schritte sind noch nicht fertig.', 'Gehen Sie zu ihnen zurück, oder überspringen Sie, was sich überspringen lässt.'],
  mail_needed: ['Für das Mitmachen per E-Mail braucht es ein Mailkonto.', 'Füllen Sie den Schritt „E-Mail“ aus, oder wählen Sie einen anderen Weg.'],
  already_applied: ['Den Server gibt es schon; er behält Namen und erstes Konto.', 'Beenden Sie die Einrichtung. Um neu anzufangen, setzen Sie die Box danach zurück.'],
  other_server_name: ['Auf der Box ist schon ein Server mit anderem Namen.', 'Nehmen Sie diesen Namen, oder setzen Sie die Box zurück.'],

  terms_not_agreed: ['Die Zertifikatsstelle braucht Ihre Zustimmung zu ihren Bedingungen.', 'Stimmen Sie zu, oder nehmen Sie das eigene Zertifikat der Box.'],
  acme_unreachable: ['Die Zertifikatsstelle ist nicht zu erreichen.', 'Prüfen Sie, ob die Box mit dem Internet verbunden ist. Sie versucht es von selbst wieder.'],
  acme_trouble: ['Die Zertifikatsstelle hat selbst Schwierigkeiten.', 'Es liegt nicht an Ihnen. Versuchen Sie es in einer Stunde wieder.'],
  acme_answer: ['Die Zertifikatsstelle hat seltsam geantwortet.', 'Es liegt nicht an Ihnen. Versuchen Sie es in einer Stunde wieder.'],
  acme_refused: ['Die Zertifikatsstelle konnte nicht feststellen, dass der Name Ihnen gehört.', 'Prüfen Sie, ob der Name zu dieser Box führt und die Türen 80 und 443 offen sind, und versuchen Sie es noch einmal.'],
  acme_rate_limited: ['Die Zertifikatsstelle wurde zu oft gefragt.', 'Warten Sie eine Stunde. Hatte dieser Name zuletzt viele Zertifikate, warten Sie eine Woche.'],
  acme_order_expired: ['Es hat zu lange gedauert.', 'Versuchen Sie es noch einmal; die Box fragt neu.'],
  acme_bad_nonce: ['Die Zertifikatsstelle hat immer wieder abgelehnt.', 'Es liegt nicht an Ihnen. Versuchen Sie es in ein paar Minuten wieder.'],
  acme_terms: ['Die Bedingungen der Zertifikatsstelle haben sich geändert.', 'Lesen Sie sie, stimmen Sie zu und versuchen Sie es noch einmal.'],
  acme_name: ['Für diesen Namen kann es kein öffentliches Zertifikat geben.', 'Nehmen Sie einen Namen, der Ihnen im Internet gehört, etwa matrix.example.org.'],
  acme_email: ['Die Zertifikatsstelle nimmt die E-Mail-Adresse nicht an.', 'Geben Sie eine an, die es gibt.'],
  acme_no_method: ['Die Box kann nicht beweisen, dass der Name ihr gehört.', 'Öffnen Sie im Router die Türen 80 und 443 und versuchen Sie es noch einmal.'],
  acme_timed_out: ['Die Zertifikatsstelle wurde nicht rechtzeitig fertig.', 'Es liegt nicht an Ihnen. Versuchen Sie es in ein paar Minuten wieder.'],
  acme_account: ['Die Zertifikatsstelle nimmt das Konto der Box nicht an.', 'Versuchen Sie es noch einmal; die Box eröffnet ein neues.'],
  clock_untrusted: ['Die Box weiß nicht sicher, wie spät es ist.', 'Zertifikate brauchen die richtige Zeit, und die kommt aus dem Internet. Prüfen Sie die Verbindung und warten Sie eine Minute.'],
  certificate_not_served: ['Das neue Zertifikat ist noch nicht in Gebrauch.', 'Das alte bleibt. Starten Sie den Heimserver neu und versuchen Sie es noch einmal.'],

  no_mail: ['Es ist kein Mailkonto gespeichert.', 'Füllen Sie zuerst das Formular aus.'],
  mail_failed: (p) => ['Die Nachricht ließ sich nicht senden.', `Vergleichen Sie Server, Port, Verschlüsselung, Name und Passwort mit den Angaben Ihres Anbieters. ${text(p, 'detail')}`],

  disk_gone: ['Die Festplatte steckt nicht mehr.', 'Stecken Sie sie wieder ein und schauen Sie noch einmal.'],
  system_disk: ['Von dieser Festplatte läuft die Box selbst.', 'Wählen Sie eine andere.'],
  disk_has_data: ['Auf der Festplatte sind Daten.', 'Sehen Sie nach, was darauf ist, und stimmen Sie dem Löschen zu.'],
  disk_too_small: ['Diese Festplatte ist zu klein.', 'Nehmen Sie eine größere.'],
  disk_read_only: ['Auf diese Festplatte lässt sich nicht schreiben.', 'Manche haben einen kleinen Schalter dagegen. Sonst ist sie verschlissen: Nehmen Sie eine andere.'],
  disk_busy: ['Diese Festplatte ist in Gebrauch.', 'Warten Sie eine Minute und versuchen Sie es noch einmal.'],
  make_failed: ['Die Festplatte ließ sich nicht vorbereiten.', 'Ziehen Sie sie ab, stecken Sie sie wieder ein und versuchen Sie es noch einmal. Misslingt es wieder, nehmen Sie eine andere.'],
  volume_absent: ['Die Sicherungsplatte steckt nicht.', 'Stecken Sie sie ein und versuchen Sie es noch einmal.'],
  wrong_disk: ['Das ist eine Hearth-Sicherung, aber nicht die dieser Box.', 'Stecken Sie die richtige ein, oder bereiten Sie diese vor.'],
  volume_damaged: ['Die Sicherungsplatte ist beschädigt.', 'Lassen Sie sie, wie sie ist, und bereiten Sie eine andere vor.'],
  volume_busy: ['Die Sicherungsplatte ist noch in Gebrauch.', 'Warten Sie eine Minute und versuchen Sie es noch einmal.'],
  too_little_memory: ['Zum Öffnen fehlt freier Arbeitsspeicher.', 'Starten Sie die Box neu und versuchen Sie es noch einmal.'],
  wrong_recovery_key: key,
  wrong_key: key,
  nothing_to_confirm: ['Keine Festplatte wartet auf ihren Schlüssel.', 'Vielleicht wurde die Box neu gestartet. Bereiten Sie die Festplatte noch einmal vor; sie bekommt einen neuen.'],
  no_volume: ['Es ist keine Festplatte für Sicherungen vorbereitet.', 'Stecken Sie eine ein und bereiten Sie sie vor.'],
  no_volume_key: ['Die Box hat für diese Festplatte keinen Schlüssel.', 'Bereiten Sie sie noch einmal vor, oder holen Sie mit dem Wiederherstellungsschlüssel zurück, was darauf ist.'],
  nothing_open: ['Keine Sicherung ist geöffnet.', 'Wählen Sie zuerst die Festplatte und geben Sie ihren Schlüssel ein.'],
  no_room: ['Auf der Karte der Box ist zu wenig Platz.', 'Nehmen Sie eine größere Karte.'],
  not_a_volume: ['Das ist keine Hearth-Sicherung.', 'Wählen Sie eine andere Festplatte.'],
  not_a_backup: ['Auf dieser Festplatte ist keine Hearth-Sicherung.', 'Prüfen Sie, ob es die richtige ist.'],
  no_replica: ['Auf der Festplatte ist noch keine Sicherung.', 'Legen Sie zuerst eine an.'],
  backup_damaged: ['Die Sicherung ist beschädigt.', 'Lassen Sie die Festplatte, wie sie ist, und bereiten Sie jetzt eine andere vor. Manches darauf kann noch heil sein.'],
  backup_newer: ['Diese Sicherung stammt von einem neueren Hearth.', 'Nehmen Sie für diese Box ein Abbild jener Version.'],
  backup_full: ['Die Sicherungsplatte ist voll.', 'Nehmen Sie eine größere. Die Sicherungen darauf bleiben gut.'],
  backup_vanished: ['Die Sicherungsplatte antwortet nicht mehr.', 'Prüfen Sie das Kabel und stecken Sie sie wieder ein. Fertige Sicherungen sind heil.'],
  backup_read_only: ['Die Sicherungsplatte lässt sich lesen, aber nicht beschreiben.', 'Manche haben einen kleinen Schalter dagegen. Sonst nehmen Sie eine andere.'],
  backup_busy: ['Die Sicherung ist in Gebrauch.', 'Warten Sie, bis es fertig ist, und versuchen Sie es noch einmal.'],
  backup_source: ['Etwas auf der Box ließ sich für die Sicherung nicht lesen.', 'Es wird von selbst wieder versucht. Misslingt es erneut, starten Sie die Box neu.'],
  backup_disk_error: ['Die Sicherungsplatte meldet einen Fehler.', 'Kommt es wieder vor, ist sie verschlissen: Nehmen Sie eine andere.'],
  replica_refused: ['Diese Sicherung ist nicht heil.', 'Wählen Sie eine andere.'],
  replica_unknown: ['Diese Sicherung gibt es nicht mehr.', 'Wählen Sie eine andere.'],
  replica_unusable: ['Diese Sicherung lässt sich nicht verwenden.', 'Wählen Sie eine andere.'],
  restore_target: ['Die Box konnte nicht schreiben, was gelesen wurde.', 'Prüfen Sie, ob ihre Karte groß genug ist.'],
  storage_full: ['Die Karte der Box ist voll.', 'Nehmen Sie eine größere Karte und holen Sie alles darauf zurück.'],
  storage_read_only: ['Die Karte der Box lässt sich nicht mehr beschreiben.', 'Sie ist verschlissen. Setzen Sie eine neue ein und holen Sie alles von der Sicherung zurück.'],
};

export const findings: Words['findings'] = {
  homeserver_silent: ['Der Heimserver antwortet nicht.', 'Er wird von selbst wieder gestartet. Bleibt es so, starten Sie die Box neu und sehen Sie in die Protokolle.'],
  storage_full: ['Die Karte ist voll.', 'Sichern Sie, und holen Sie alles auf einer größeren Karte zurück.'],
  storage_nearly_full: ['Die Karte ist fast voll.', 'Planen Sie eine größere ein: sichern, dann dort zurückholen.'],
  card_worn: (p) => [`${text(p, 'percent')} % vom Leben der Karte sind verbraucht.`, 'Besorgen Sie bald eine neue: sichern, dann dort zurückholen.'],
  no_backup: ['Es gibt keine Sicherung.', 'Stecken Sie eine USB-Festplatte ein und bereiten Sie sie unter „Sicherungen“ vor. Versagt die Karte, wäre sonst alles verloren.'],
  volume_absent: ['Die Sicherungsplatte steckt nicht.', 'Stecken Sie sie ein; es geht von selbst weiter.'],
  backup_full: ['Die Sicherungsplatte ist voll.', 'Bereiten Sie eine größere vor. Die Sicherungen darauf bleiben gut.'],
  wrong_disk: ['Es steckt eine andere Sicherungsplatte als die dieser Box.', 'Stecken Sie die richtige ein, oder bereiten Sie diese vor.'],
  replica_failed: ['Die letzte Sicherung ist misslungen.', 'Sie wird von selbst wieder versucht. Misslingt sie öfter, nehmen Sie ein anderes Kabel oder eine andere Festplatte.'],
  no_recent_replica: (p) =>
    number(p, 'hours') > 0
      ? [`Die letzte Sicherung ist ${String(Math.floor(number(p, 'hours') / 24))} Tage alt.`, 'Sehen Sie unter „Sicherungen“ nach, was im Weg ist.']
      : ['Es gibt noch keine Sicherung.', 'Sehen Sie unter „Sicherungen“ nach, was im Weg ist.'],
  restore_test_failed: ['Die letzte Probe ist misslungen.', 'Starten Sie unter „Sicherungen“ noch eine. Misslingt sie wieder, bereiten Sie eine andere Festplatte vor.'],
  no_certificate: ['Für den öffentlichen Namen gibt es kein Zertifikat.', 'Holen Sie eines unter „Zertifikate“.'],
  certificate_expired: ['Das Zertifikat ist abgelaufen; Apps verbinden sich nicht mehr.', 'Erneuern Sie es unter „Zertifikate“.'],
  certificate_ends_soon: ['Das Zertifikat läuft bald ab und ließ sich nicht erneuern.', 'Unter „Zertifikate“ steht, warum.'],
  time_not_trusted: ['Die Box weiß nicht sicher, wie spät es ist.', 'Sie fragt im Internet; prüfen Sie, ob sie verbunden ist.'],
  hot: (p) => [`Das Gerät ist heiß: ${String(Math.round(number(p, 'temperature_c')))} °C.`, 'Geben Sie ihm Luft oder ein Gehäuse, das kühlt.'],
  memory_short: ['Der Arbeitsspeicher ist knapp.', 'Starten Sie die Box neu. Kommt es oft vor, nehmen Sie ein Gerät mit mehr Speicher.'],
};

export const warnings: Words['warnings'] = {
  old_replica: 'Diese Sicherung ist älter als eine Woche. Was danach geschrieben wurde, ist nicht darin.',
};

export const details: Words['details'] = {
  unknown: 'ließ sich nicht herausfinden',
};
