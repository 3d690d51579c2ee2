import type { Words } from '../languages';
import { number, text, wait } from '../types';

const until = (seconds: number) => wait(seconds, 'seconde', 'secondes', 'minute', 'minutes');

const email: Words['errors']['invalid_email'] = ['Ce n’est pas une adresse de courriel.', 'Écrivez-la comme anna@example.org.'];
const key: Words['errors']['wrong_key'] = ['La clé de secours ne va pas.', 'Comparez-la avec votre note, groupe par groupe. Chaque disque a la sienne.'];
const username: Words['errors']['invalid_username'] = ['Ce nom ne va pas.', 'N’utilisez que des minuscules, des chiffres et . _ -'];
const zone: Words['errors']['unknown_time_zone'] = ['Ce fuseau horaire n’existe pas.', 'Choisissez-en un dans la liste.'];

export const errors: Words['errors'] = {
  unknown: ['Quelque chose n’a pas marché.', 'Réessayez. Si rien ne change, redémarrez le boîtier et regardez les journaux.'],
  unreachable: ['Le boîtier ne répond pas.', 'Vérifiez qu’il est allumé et que cet appareil est sur le même réseau, puis réessayez.'],
  internal: ['Quelque chose n’a pas marché dans le boîtier.', 'Réessayez. Si rien ne change, redémarrez le boîtier et regardez les journaux.'],
  bad_request: ['Le boîtier n’a pas compris la page.', 'Rechargez la page et réessayez.'],
  not_logged_in: ['Vous êtes déconnecté.', 'Reconnectez-vous ; ce que vous avez saisi reste.'],
  wrong_phase: ['Le boîtier en est à un autre point que cette page.', 'Rechargez la page ; elle montrera ce qu’on peut faire.'],
  busy: ['Le boîtier est occupé à autre chose.', 'Attendez que ce soit fini, puis réessayez.'],
  cancelled: ['Arrêté avant la fin.', 'Relancez quand cela vous convient.'],
  homeserver_unavailable: ['Le serveur ne répond pas.', 'Attendez une minute. Si rien ne change, redémarrez-le.'],
  service_failed: ['Le serveur n’a pas démarré ou ne s’est pas arrêté comme il faut.', 'Redémarrez le boîtier. Si rien ne change, regardez les journaux.'],

  wrong_setup_code: ['Ce n’est pas le code d’installation.', 'Comparez-le signe par signe avec l’écran ou le fichier de la carte.'],
  too_many_attempts: (p) => ['Trop d’essais.', `Par sécurité, le boîtier attend ${until(number(p, 'retry_after_s'))} avant le suivant.`],
  wrong_login: ['Le nom ou le mot de passe est faux.', 'Tapez-les comme dans Element. Une autre personne qui administre peut fixer un nouveau mot de passe.'],
  not_an_administrator: ['Ce compte ne peut pas administrer le boîtier.', 'Connectez-vous avec un compte qui le peut.'],
  wrong_server_name: ['Ce n’est pas le nom de ce boîtier.', 'Tapez-le exactement comme il est affiché.'],

  invalid_server_name: ['Ce n’est pas un nom de domaine.', 'Écrivez-le comme example.org, sans https:// ni barre oblique.'],
  invalid_host: ['Ce n’est pas le nom d’un ordinateur.', 'Écrivez-le comme matrix.example.org, sans https:// ni barre oblique.'],
  invalid_email: email,
  invalid_from: email,
  invalid_to: email,
  invalid_port: ['Ce n’est pas un port.', 'D’habitude 465 pour TLS et 587 pour STARTTLS.'],
  invalid_gateway: ['Ce n’est pas une adresse.', 'Écrivez-la comme 192.168.1.1.'],
  invalid_dns: ['Ce n’est pas une adresse.', 'Écrivez des adresses comme 192.168.1.1, séparées par une espace.'],
  invalid_time_zone: zone,
  unknown_time_zone: zone,
  network_address: ['Cette adresse ne peut pas marcher.', 'Elle doit avoir la forme 192.168.1.9/24 et faire partie de votre réseau.'],
  network_gateway: ['Cette adresse de routeur ne peut pas marcher.', 'Elle doit être dans le même réseau que le boîtier, sans être la sienne.'],
  network_dns: ['Ces serveurs DNS ne peuvent pas marcher.', 'Donnez-en un à quatre ; l’adresse de la box Internet convient en général.'],
  network_failed: ['Le réseau n’a pas pu être changé.', 'Le boîtier garde son adresse.'],
  no_network_trial: ['Le temps pour garder est passé.', 'Le boîtier est revenu à son adresse précédente. Réessayez.'],

  invalid_username: username,
  weak_password: (p) => [`Il faut au moins ${text(p, 'shortest')} caractères.`, 'Plusieurs mots sans rapport entre eux, c’est bien.'],
  M_USER_IN_USE: ['Ce nom est pris.', 'Choisissez-en un autre.'],
  M_INVALID_USERNAME: username,
  M_WEAK_PASSWORD: ['Ce mot de passe est trop faible.', 'Prenez-en un plus long, de plusieurs mots.'],
  M_FORBIDDEN: ['Ce n’est pas permis.', 'Il faut que quelqu’un administre : donnez d’abord ce droit à une autre personne.'],
  M_LIMIT_EXCEEDED: ['Trop d’essais.', 'Attendez une minute, puis réessayez.'],
  last_administrator: ['C’est la dernière personne qui administre.', 'Donnez d’abord ce droit à une autre.'],

  name_missing: ['Le boîtier n’a pas encore de nom public.', 'Choisissez d’abord le nom.'],
  setup_incomplete: ['Certaines étapes ne sont pas finies.', 'Retournez-y, ou passez celles qui peuvent l’être.'],
  mail_needed: ['Pour venir par courriel, il faut un compte de courriel.', 'Remplissez l’étape « Courriel », ou choisissez une autre façon.'],
  already_applied: ['Le serveur existe déjà et garde son nom et son premier compte.', 'Finissez l’installation. Pour recommencer, réinitialisez ensuite le boîtier.'],
  other_server_name: ['Le boîtier contient déjà un serveur d’un autre nom.', 'Prenez ce nom, ou réinitialisez le boîtier.'],

  terms_not_agreed: ['L’autorité de certification a besoin de votre accord.', 'Acceptez, ou prenez le certificat du boîtier.'],
  acme_unreachable: ['L’autorité de certification est injoignable.', 'Vérifiez que le boîtier est relié à Internet. Il réessaie de lui-même.'],
  acme_trouble: ['L’autorité de certification a elle-même des soucis.', 'Ce n’est pas votre faute. Réessayez dans une heure.'],
  acme_answer: ['L’autorité de certification a répondu bizarrement.', 'Ce n’est pas votre faute. Réessayez dans une heure.'],
  acme_refused: ['L’autorité de certification n’a pas pu s’assurer que le nom est à vous.', 'Vérifiez que le nom mène à ce boîtier et que les portes 80 et 443 sont ouvertes, puis réessayez.'],
  acme_rate_limited: ['On a trop souvent demandé à l’autorité de certification.', 'Attendez une heure. Si ce nom a eu beaucoup de certificats récemment, attendez une semaine.'],
  acme_order_expired: ['Cela a pris trop de temps.', 'Réessayez ; le boîtier redemande.'],
  acme_bad_nonce: ['L’autorité de certification a refusé à répétition.', 'Ce n’est pas votre faute. Réessayez dans quelques minutes.'],
  acme_terms: ['Les conditions de l’autorité de certification ont changé.', 'Lisez-les, acceptez-les, puis réessayez.'],
  acme_name: ['Il ne peut y avoir de certificat public pour ce nom.', 'Prenez un nom qui est à vous sur Internet, comme matrix.example.org.'],
  acme_email: ['L’autorité de certification n’accepte pas l’adresse de courriel.', 'Donnez-en une qui existe.'],
  acme_no_method: ['Le boîtier ne peut pas prouver que le nom est à lui.', 'Ouvrez les portes 80 et 443 dans votre box Internet, puis réessayez.'],
  acme_timed_out: ['L’autorité de certification n’a pas fini à temps.', 'Ce n’est pas votre faute. Réessayez dans quelques minutes.'],
  acme_account: ['L’autorité de certification n’accepte pas le compte du boîtier.', 'Réessayez ; le boîtier en ouvre un nouveau.'],
  clock_untrusted: ['Le boîtier n’est pas sûr de l’heure.', 'Les certificats ont besoin de la bonne heure, qui vient d’Internet. Vérifiez la connexion et attendez une minute.'],
  certificate_not_served: ['Le nouveau certificat n’est pas encore utilisé.', 'L’ancien reste. Redémarrez le serveur, puis réessayez.'],

  no_mail: ['Aucun compte de courriel n’est enregistré.', 'Remplissez d’abord le formulaire.'],
  mail_failed: (p) => ['Le message n’a pas pu être envoyé.', `Comparez serveur, port, chiffrement, nom et mot de passe avec ce que dit votre fournisseur. ${text(p, 'detail')}`],

  disk_gone: ['Le disque n’est plus branché.', 'Rebranchez-le et regardez encore.'],
  system_disk: ['Le boîtier lui-même fonctionne sur ce disque.', 'Choisissez-en un autre.'],
  disk_has_data: ['Le disque contient des données.', 'Regardez ce qu’il contient, et acceptez de l’effacer.'],
  disk_too_small: ['Ce disque est trop petit.', 'Prenez-en un plus grand.'],
  disk_read_only: ['On ne peut pas écrire sur ce disque.', 'Certains ont un petit bouton contre l’écriture. Sinon, il est usé : prenez-en un autre.'],
  disk_busy: ['Ce disque est occupé.', 'Attendez une minute et réessayez.'],
  make_failed: ['Le disque n’a pas pu être préparé.', 'Débranchez-le, rebranchez-le et réessayez. Si cela échoue encore, prenez-en un autre.'],
  volume_absent: ['Le disque de sauvegarde n’est pas branché.', 'Branchez-le et réessayez.'],
  wrong_disk: ['C’est une sauvegarde Hearth, mais pas celle de ce boîtier.', 'Branchez la bonne, ou préparez celle-ci.'],
  volume_damaged: ['Le disque de sauvegarde est abîmé.', 'Laissez-le tel quel et préparez-en un autre.'],
  volume_busy: ['Le disque de sauvegarde est encore occupé.', 'Attendez une minute et réessayez.'],
  too_little_memory: ['Il manque de la mémoire pour ouvrir le disque.', 'Redémarrez le boîtier et réessayez.'],
  wrong_recovery_key: key,
  wrong_key: key,
  nothing_to_confirm: ['Aucun disque n’attend sa clé de secours.', 'Le boîtier a peut-être redémarré. Préparez encore le disque ; il reçoit une nouvelle clé.'],
  no_volume: ['Aucun disque de sauvegarde n’est préparé.', 'Branchez-en un et préparez-le.'],
  no_volume_key: ['Le boîtier n’a pas de clé pour ce disque.', 'Préparez-le encore, ou restaurez-le avec sa clé de secours.'],
  nothing_open: ['Aucun disque de sauvegarde n’est ouvert.', 'Choisissez d’abord le disque et tapez sa clé.'],
  no_room: ['Il y a trop peu de place sur la carte du boîtier.', 'Prenez une carte plus grande.'],
  not_a_volume: ['Ce n’est pas un disque de sauvegarde Hearth.', 'Choisissez-en un autre.'],
  not_a_backup: ['Il n’y a pas de sauvegarde Hearth sur ce disque.', 'Vérifiez que c’est le bon.'],
  no_replica: ['Il n’y a pas encore de sauvegarde sur le disque.', 'Faites-en d’abord une.'],
  backup_damaged: ['La sauvegarde est abîmée.', 'Laissez le disque tel quel et préparez-en un autre. Une partie peut encore être intacte.'],
  backup_newer: ['Cette sauvegarde vient d’un Hearth plus récent.', 'Utilisez une image de cette version pour ce boîtier.'],
  backup_full: ['Le disque de sauvegarde est plein.', 'Prenez-en un plus grand. Les sauvegardes qu’il contient restent bonnes.'],
  backup_vanished: ['Le disque de sauvegarde ne répond plus.', 'Vérifiez le câble et rebranchez-le. Les sauvegardes complètes sont intactes.'],
  backup_read_only: ['On peut lire le disque de sauvegarde, mais pas y écrire.', 'Certains ont un petit bouton contre l’écriture. Sinon, prenez-en un autre.'],
  backup_busy: ['La sauvegarde est occupée.', 'Attendez que ce soit fini, puis réessayez.'],
  backup_source: ['Quelque chose sur le boîtier n’a pas pu être lu pour la sauvegarde.', 'Un nouvel essai se fait seul. S’il échoue encore, redémarrez le boîtier.'],
  backup_disk_error: ['Le disque de sauvegarde signale une erreur.', 'Si cela se répète, il est usé : prenez-en un autre.'],
  replica_refused: ['Cette sauvegarde n’est pas intacte.', 'Choisissez-en une autre.'],
  replica_unknown: ['Cette sauvegarde n’existe plus.', 'Choisissez-en une autre.'],
  replica_unusable: ['Cette sauvegarde est inutilisable.', 'Choisissez-en une autre.'],
  restore_target: ['Le boîtier n’a pas pu écrire ce qui a été lu.', 'Vérifiez que sa carte est assez grande.'],
  storage_full: ['La carte du boîtier est pleine.', 'Prenez une carte plus grande et restaurez dessus.'],
  storage_read_only: ['On ne peut plus écrire sur la carte du boîtier.', 'Elle est usée. Mettez-en une neuve et restaurez depuis le disque.'],
};

export const findings: Words['findings'] = {
  homeserver_silent: ['Le serveur ne répond pas.', 'Il redémarre de lui-même. Si rien ne change, redémarrez le boîtier et regardez les journaux.'],
  storage_full: ['La carte est pleine.', 'Faites une sauvegarde, puis restaurez-la sur une carte plus grande.'],
  storage_nearly_full: ['La carte est presque pleine.', 'Prévoyez-en une plus grande : sauvegarder, puis restaurer dessus.'],
  card_worn: (p) => [`${text(p, 'percent')} % de la vie de la carte est consommé.`, 'Procurez-vous bientôt une neuve : sauvegarder, puis restaurer dessus.'],
  no_backup: ['Il n’y a pas de sauvegarde.', 'Branchez un disque USB et préparez-le dans « Sauvegardes ». Sinon, si la carte lâche, tout est perdu.'],
  volume_absent: ['Le disque de sauvegarde n’est pas branché.', 'Branchez-le ; la suite se fait seule.'],
  backup_full: ['Le disque de sauvegarde est plein.', 'Préparez-en un plus grand. Les sauvegardes qu’il contient restent bonnes.'],
  wrong_disk: ['Un autre disque de sauvegarde que celui de ce boîtier est branché.', 'Branchez le bon, ou préparez celui-ci.'],
  replica_failed: ['La dernière sauvegarde a échoué.', 'Un nouvel essai se fait seul. Si cela se répète, essayez un autre câble ou un autre disque.'],
  no_recent_replica: (p) =>
    number(p, 'hours') > 0
      ? [`La dernière sauvegarde a ${String(Math.floor(number(p, 'hours') / 24))} jours.`, 'Regardez dans « Sauvegardes » ce qui l’empêche.']
      : ['Aucune sauvegarde n’a encore été faite.', 'Regardez dans « Sauvegardes » ce qui l’empêche.'],
  restore_test_failed: ['Le dernier essai de restauration a échoué.', 'Relancez-en un dans « Sauvegardes ». S’il échoue encore, préparez un autre disque.'],
  no_certificate: ['Il n’y a pas de certificat pour le nom public.', 'Demandez-en un dans « Certificats ».'],
  certificate_expired: ['Le certificat a expiré ; les applis ne se connectent plus.', 'Renouvelez-le dans « Certificats ».'],
  certificate_ends_soon: ['Le certificat va expirer et n’a pas pu être renouvelé.', 'Regardez dans « Certificats » : la raison y est.'],
  time_not_trusted: ['Le boîtier n’est pas sûr de l’heure.', 'Il la demande sur Internet ; vérifiez qu’il est relié.'],
  hot: (p) => [`La carte est chaude : ${String(Math.round(number(p, 'temperature_c')))} °C.`, 'Donnez-lui de l’air, ou un boîtier qui refroidit.'],
  memory_short: ['La mémoire manque.', 'Redémarrez le boîtier. Si cela arrive souvent, prenez une carte avec plus de mémoire.'],
};

export const warnings: Words['warnings'] = {
  old_replica: 'Cette sauvegarde a plus d’une semaine. Ce qui a été écrit ensuite n’y est pas.',
};

export const details: Words['details'] = {
  unknown: 'n’a pas pu être trouvé',
};
