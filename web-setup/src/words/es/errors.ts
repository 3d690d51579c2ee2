import type { Words } from '../languages';
import { number, text, wait } from '../types';

const until = (seconds: number) => wait(seconds, 'segundo', 'segundos', 'minuto', 'minutos');

const email: Words['errors']['invalid_email'] = ['No es una dirección de correo.', 'Escríbala como anna@example.org.'];
const key: Words['errors']['wrong_key'] = ['La clave de recuperación no encaja.', 'Compárela con su nota, grupo por grupo. Cada disco tiene la suya.'];
const username: Words['errors']['invalid_username'] = ['Este nombre no vale.', 'Use solo minúsculas, cifras y . _ -'];
const zone: Words['errors']['unknown_time_zone'] = ['Esa zona horaria no existe.', 'Elija una de la lista.'];

export const errors: Words['errors'] = {
  unknown: ['Algo ha salido mal.', 'Inténtelo otra vez. Si sigue igual, reinicie la caja y mire los registros.'],
  unreachable: ['La caja no responde.', 'Compruebe que está encendida y que este dispositivo está en la misma red, e inténtelo otra vez.'],
  internal: ['Algo ha salido mal dentro de la caja.', 'Inténtelo otra vez. Si sigue igual, reinicie la caja y mire los registros.'],
  bad_request: ['La caja no ha entendido la página.', 'Cargue la página de nuevo e inténtelo otra vez.'],
  not_logged_in: ['Se ha cerrado su sesión.', 'Entre otra vez; lo que escribió se conserva.'],
  wrong_phase: ['La caja está en otro punto que esta página.', 'Cargue la página de nuevo; mostrará lo que se puede hacer.'],
  busy: ['La caja está ocupada con otra cosa.', 'Espere a que acabe e inténtelo otra vez.'],
  cancelled: ['Se detuvo antes de acabar.', 'Vuelva a empezar cuando le venga bien.'],
  homeserver_unavailable: ['El servidor no responde.', 'Espere un minuto. Si sigue igual, reinícielo.'],
  service_failed: ['El servidor no arrancó o no paró como debía.', 'Reinicie la caja. Si sigue igual, mire los registros.'],

  wrong_setup_code: ['Ese no es el código de instalación.', 'Compárelo signo por signo con la pantalla o el archivo de la tarjeta.'],
  too_many_attempts: (p) => ['Demasiados intentos.', `Por seguridad, la caja espera ${until(number(p, 'retry_after_s'))} hasta el siguiente.`],
  wrong_login: ['El nombre o la contraseña no son correctos.', 'Escríbalos como en Element. Otra persona que administra puede poner una contraseña nueva.'],
  not_an_administrator: ['Esta cuenta no puede administrar la caja.', 'Entre con una que sí pueda.'],
  wrong_server_name: ['Ese no es el nombre de esta caja.', 'Escríbalo exactamente como se muestra.'],

  invalid_server_name: ['No es un nombre de dominio.', 'Escríbalo como example.org, sin https:// ni barra.'],
  invalid_host: ['No es el nombre de un ordenador.', 'Escríbalo como matrix.example.org, sin https:// ni barra.'],
  invalid_email: email,
  invalid_from: email,
  invalid_to: email,
  invalid_port: ['No es un puerto.', 'Lo habitual es 465 para TLS y 587 para STARTTLS.'],
  invalid_gateway: ['No es una dirección.', 'Escríbala como 192.168.1.1.'],
  invalid_dns: ['No es una dirección.', 'Escriba direcciones como 192.168.1.1, separadas por un espacio.'],
  invalid_time_zone: zone,
  unknown_time_zone: zone,
  network_address: ['Esta dirección no puede funcionar.', 'Debe tener la forma 192.168.1.9/24 y ser de su red de casa.'],
  network_gateway: ['Esta dirección de router no puede funcionar.', 'Debe estar en la misma red que la caja y no ser la suya.'],
  network_dns: ['Estos servidores DNS no pueden funcionar.', 'Ponga de uno a cuatro; suele valer la dirección del router.'],
  network_failed: ['No se pudo cambiar la red.', 'La caja sigue con la dirección que tiene.'],
  no_network_trial: ['Se acabó el tiempo para conservarla.', 'La caja volvió a su dirección anterior. Inténtelo otra vez.'],

  invalid_username: username,
  weak_password: (p) => [`La contraseña necesita al menos ${text(p, 'shortest')} signos.`, 'Van bien varias palabras que no tengan que ver entre sí.'],
  M_USER_IN_USE: ['Este nombre está ocupado.', 'Elija otro.'],
  M_INVALID_USERNAME: username,
  M_WEAK_PASSWORD: ['Esta contraseña es demasiado débil.', 'Use una más larga, de varias palabras.'],
  M_FORBIDDEN: ['Eso no está permitido.', 'Alguien debe administrar: dé antes ese permiso a otra persona.'],
  M_LIMIT_EXCEEDED: ['Demasiados intentos.', 'Espere un minuto e inténtelo otra vez.'],
  last_administrator: ['Es la última persona que administra.', 'Dé antes ese permiso a otra.'],

  name_missing: ['La caja aún no tiene nombre público.', 'Elija primero el nombre.'],
  setup_incomplete: ['Faltan pasos por acabar.', 'Vuelva a ellos, o salte los que se puedan saltar.'],
  mail_needed: ['Para entrar por correo hace falta una cuenta de correo.', 'Rellene el paso «Correo», o elija otra manera.'],
  already_applied: ['El servidor ya existe y conserva su nombre y su primera cuenta.', 'Acabe la instalación. Para empezar de cero, restablezca la caja después.'],
  other_server_name: ['La caja ya contiene un servidor con otro nombre.', 'Use ese nombre, o restablezca la caja.'],

  terms_not_agreed: ['La entidad de certificados necesita que acepte sus condiciones.', 'Acéptelas, o use el certificado de la caja.'],
  acme_unreachable: ['No se llega a la entidad de certificados.', 'Compruebe que la caja está conectada a Internet. Lo intenta otra vez sola.'],
  acme_trouble: ['La entidad de certificados tiene sus propios problemas.', 'No es culpa suya. Inténtelo dentro de una hora.'],
  acme_answer: ['La entidad de certificados respondió algo extraño.', 'No es culpa suya. Inténtelo dentro de una hora.'],
  acme_refused: ['La entidad de certificados no pudo comprobar que el nombre es suyo.', 'Compruebe que el nombre lleva a esta caja y que las puertas 80 y 443 están abiertas, e inténtelo otra vez.'],
  acme_rate_limited: ['Se ha preguntado demasiado a la entidad de certificados.', 'Espere una hora. Si este nombre ha tenido muchos certificados últimamente, espere una semana.'],
  acme_order_expired: ['Ha tardado demasiado.', 'Inténtelo otra vez; la caja pide de nuevo.'],
  acme_bad_nonce: ['La entidad de certificados se negó una y otra vez.', 'No es culpa suya. Inténtelo dentro de unos minutos.'],
  acme_terms: ['Han cambiado las condiciones de la entidad de certificados.', 'Léalas, acéptelas e inténtelo otra vez.'],
  acme_name: ['No puede haber un certificado público para este nombre.', 'Use un nombre que sea suyo en Internet, como matrix.example.org.'],
  acme_email: ['La entidad de certificados no acepta la dirección de correo.', 'Ponga una que exista.'],
  acme_no_method: ['La caja no puede demostrar que el nombre es suyo.', 'Abra las puertas 80 y 443 en su router e inténtelo otra vez.'],
  acme_timed_out: ['La entidad de certificados no acabó a tiempo.', 'No es culpa suya. Inténtelo dentro de unos minutos.'],
  acme_account: ['La entidad de certificados no acepta la cuenta de la caja.', 'Inténtelo otra vez; la caja abre una nueva.'],
  clock_untrusted: ['La caja no está segura de la hora.', 'Los certificados necesitan la hora correcta, que viene de Internet. Compruebe la conexión y espere un minuto.'],
  certificate_not_served: ['El certificado nuevo aún no está en uso.', 'Se queda el anterior. Reinicie el servidor e inténtelo otra vez.'],

  no_mail: ['No hay ninguna cuenta de correo guardada.', 'Rellene primero el formulario.'],
  mail_failed: (p) => ['No se pudo enviar el mensaje.', `Compare servidor, puerto, cifrado, nombre y contraseña con lo que dice su proveedor. ${text(p, 'detail')}`],

  disk_gone: ['El disco ya no está enchufado.', 'Enchúfelo y mire otra vez.'],
  system_disk: ['La caja misma funciona desde este disco.', 'Elija otro.'],
  disk_has_data: ['El disco contiene datos.', 'Mire qué contiene y acepte borrarlo.'],
  disk_too_small: ['Este disco es demasiado pequeño.', 'Use uno más grande.'],
  disk_read_only: ['No se puede escribir en este disco.', 'Algunos tienen un pequeño interruptor. Si no, está gastado: use otro.'],
  disk_busy: ['Este disco está en uso.', 'Espere un minuto e inténtelo otra vez.'],
  make_failed: ['No se pudo preparar el disco.', 'Desenchúfelo, enchúfelo e inténtelo otra vez. Si vuelve a fallar, use otro.'],
  volume_absent: ['El disco de copias no está enchufado.', 'Enchúfelo e inténtelo otra vez.'],
  wrong_disk: ['Es un disco de copias de Hearth, pero no el de esta caja.', 'Enchufe el correcto, o prepare este.'],
  volume_damaged: ['El disco de copias está dañado.', 'Déjelo como está y prepare otro.'],
  volume_busy: ['El disco de copias sigue en uso.', 'Espere un minuto e inténtelo otra vez.'],
  too_little_memory: ['Falta memoria libre para abrir el disco.', 'Reinicie la caja e inténtelo otra vez.'],
  wrong_recovery_key: key,
  wrong_key: key,
  nothing_to_confirm: ['Ningún disco espera su clave.', 'Quizá se reinició la caja. Prepare el disco otra vez; recibe una clave nueva.'],
  no_volume: ['No hay ningún disco de copias preparado.', 'Enchufe uno y prepárelo.'],
  no_volume_key: ['La caja no tiene clave para este disco.', 'Prepárelo otra vez, o recupere lo que contiene con su clave.'],
  nothing_open: ['No hay ningún disco de copias abierto.', 'Elija primero el disco y escriba su clave.'],
  no_room: ['Hay muy poco sitio en la tarjeta de la caja.', 'Use una tarjeta más grande.'],
  not_a_volume: ['Este no es un disco de copias de Hearth.', 'Elija otro.'],
  not_a_backup: ['No hay copias de Hearth en este disco.', 'Compruebe que es el correcto.'],
  no_replica: ['Aún no hay ninguna copia en el disco.', 'Haga una primero.'],
  backup_damaged: ['La copia está dañada.', 'Deje el disco como está y prepare otro ahora. Puede que algo siga entero.'],
  backup_newer: ['Esta copia es de un Hearth más nuevo.', 'Use en esta caja una imagen de esa versión.'],
  backup_full: ['El disco de copias está lleno.', 'Use uno más grande. Las copias que contiene siguen siendo buenas.'],
  backup_vanished: ['El disco de copias ya no responde.', 'Compruebe el cable y enchúfelo otra vez. Las copias completas están a salvo.'],
  backup_read_only: ['El disco de copias se puede leer, pero no escribir.', 'Algunos tienen un pequeño interruptor. Si no, use otro.'],
  backup_busy: ['La copia está en uso.', 'Espere a que acabe e inténtelo otra vez.'],
  backup_source: ['No se pudo leer algo de la caja para la copia.', 'Se intenta otra vez solo. Si vuelve a fallar, reinicie la caja.'],
  backup_disk_error: ['El disco de copias da un error.', 'Si se repite, está gastado: use otro.'],
  replica_refused: ['Esta copia no está entera.', 'Elija otra.'],
  replica_unknown: ['Esta copia ya no existe.', 'Elija otra.'],
  replica_unusable: ['Esta copia no se puede usar.', 'Elija otra.'],
  restore_target: ['La caja no pudo escribir lo leído.', 'Compruebe que su tarjeta es lo bastante grande.'],
  storage_full: ['La tarjeta de la caja está llena.', 'Use una más grande y recupere todo en ella.'],
  storage_read_only: ['Ya no se puede escribir en la tarjeta de la caja.', 'Está gastada. Ponga una nueva y recupere todo del disco de copias.'],
};

export const findings: Words['findings'] = {
  homeserver_silent: ['El servidor no responde.', 'Arranca otra vez solo. Si sigue igual, reinicie la caja y mire los registros.'],
  storage_full: ['La tarjeta está llena.', 'Haga una copia y recupérela en una tarjeta más grande.'],
  storage_nearly_full: ['La tarjeta está casi llena.', 'Piense en una más grande: copiar y recuperar en ella.'],
  card_worn: (p) => [`Se ha gastado el ${text(p, 'percent')} % de la vida de la tarjeta.`, 'Consiga pronto una nueva: copiar y recuperar en ella.'],
  no_backup: ['No hay ninguna copia.', 'Enchufe un disco USB y prepárelo en «Copias». Si falla la tarjeta, se perdería todo.'],
  volume_absent: ['El disco de copias no está enchufado.', 'Enchúfelo; lo demás va solo.'],
  backup_full: ['El disco de copias está lleno.', 'Prepare uno más grande. Las copias que contiene siguen siendo buenas.'],
  wrong_disk: ['Está enchufado otro disco de copias que el de esta caja.', 'Enchufe el correcto, o prepare este.'],
  replica_failed: ['La última copia falló.', 'Se intenta otra vez sola. Si sigue fallando, pruebe otro cable u otro disco.'],
  no_recent_replica: (p) =>
    number(p, 'hours') > 0
      ? [`La última copia tiene ${String(Math.floor(number(p, 'hours') / 24))} días.`, 'Mire en «Copias» qué lo impide.']
      : ['Aún no se ha hecho ninguna copia.', 'Mire en «Copias» qué lo impide.'],
  restore_test_failed: ['La última prueba de recuperación falló.', 'Haga otra en «Copias». Si vuelve a fallar, prepare otro disco.'],
  no_certificate: ['No hay certificado para el nombre público.', 'Pídalo en «Certificados».'],
  certificate_expired: ['El certificado ha caducado; las apps no se conectan.', 'Renuévelo en «Certificados».'],
  certificate_ends_soon: ['El certificado caduca pronto y no se pudo renovar.', 'Mire en «Certificados»: allí está el motivo.'],
  time_not_trusted: ['La caja no está segura de la hora.', 'La pregunta en Internet; compruebe que está conectada.'],
  hot: (p) => [`La placa está caliente: ${String(Math.round(number(p, 'temperature_c')))} °C.`, 'Dele aire, o una caja que la enfríe.'],
  memory_short: ['Falta memoria.', 'Reinicie la caja. Si pasa a menudo, use una placa con más memoria.'],
};

export const warnings: Words['warnings'] = {
  old_replica: 'Esta copia tiene más de una semana. Lo que se escribió después no está en ella.',
};

export const details: Words['details'] = {
  unknown: 'no se pudo averiguar',
};
