//! `hearth-homeserver send-test-mail`: a letter that arrives, and words for every way in which it doesn't.

use crate::{
    process::{command, fed},
    smtp::Relay,
};
use hearth_homeserver::{
    mail::{Address, Refusal, letter, relay},
    settings::{Mail, MailSecurity},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery";

/// An authority, and a certificate of its for one name.
struct Authority {
    folder: TempDir,
}

impl Authority {
    fn for_name(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        for (file, text) in
            [("root.pem", root.pem()), ("certificate.pem", certificate.pem()), ("key.pem", key.serialize_pem())]
        {
            fs::write(folder.path().join(file), text).unwrap();
        }
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn relay(&self, options: &[&str]) -> Relay {
        let (certificate, key) = (self.file("certificate.pem"), self.file("key.pem"));
        let mut all = vec!["--certificate", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
        all.extend(options);
        Relay::start(&all).await
    }
}

/// Runs the command, with the authority that the machine trusts. The words of a failure.
fn send(account: &Value, trusted: &Path) -> Result<(), String> {
    let mut command = command();
    command
        .args(["send-test-mail", "--to", "ann@example.org"])
        .env("SSL_CERT_FILE", trusted)
        .env_remove("SSL_CERT_DIR");
    let output = fed(command, account.to_string().into_bytes());
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(!words.contains(PASSWORD), "{words}");
    if output.status.success() {
        assert_eq!(words, "");
        return Ok(());
    }
    assert_eq!(output.status.code(), Some(1), "{words}");
    Err(words.trim().to_owned())
}

#[track_caller]
fn refused(account: &Value, trusted: &Path, expected: &str) {
    let words = send(account, trusted).unwrap_err();
    assert!(words.contains(expected), "{words}\ninstead of: {expected}");
}

fn with(account: &Value, changes: Value) -> Value {
    let mut account = account.clone();
    for (name, value) in changes.as_object().unwrap() {
        account[name] = value.clone();
    }
    account
}

fn login(relay: &Relay) -> Value {
    with(&relay.settings(), json!({ "host": "localhost", "user": "ann", "password": PASSWORD }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_arrives_in_the_clear_by_tls_and_by_starttls() {
    let authority = Authority::for_name("localhost");
    let root = authority.file("root.pem");
    let mut relay = Relay::open().await;
    send(&relay.settings(), &root).unwrap();
    let letter = relay.letter().await;
    assert_eq!((&letter["to"], &letter["subject"]), (&json!(["ann@example.org"]), &json!("Your Hearth can send mail")));
    assert_eq!(letter["headers"]["Auto-Submitted"], "auto-generated");
    for (option, security) in [("--tls", "tls"), ("--starttls", "starttls")] {
        let mut relay = authority.relay(&[option, "--user", "ann", "--password", PASSWORD]).await;
        send(&with(&login(&relay), json!({ "security": security })), &root).unwrap();
        let letter = relay.letter().await;
        assert_eq!((&letter["tls"], &letter["user"]), (&json!(true), &json!("ann")), "{option}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_told_why_no_connection_comes_about() {
    let (authority, other) = (Authority::for_name("localhost"), Authority::for_name("mail.example.org"));
    let (root, other_root) = (authority.file("root.pem"), other.file("root.pem"));
    let relay = Relay::open().await;
    let account = with(&relay.settings(), json!({ "host": "localhost" }));
    refused(
        &with(&account, json!({ "host": "mail.invalid" })),
        &root,
        "There is no mail server by the name mail.invalid",
    );
    // Nothing listens on a port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    refused(&with(&account, json!({ "port": free })), &root, "takes no connections on port");
    refused(&with(&account, json!({ "security": "tls" })), &root, "what answers there speaks none");
    refused(&with(&account, json!({ "security": "starttls" })), &root, "offers no STARTTLS");
    let of_tls = authority.relay(&["--tls"]).await;
    let tls = with(&of_tls.settings(), json!({ "host": "localhost", "security": "tls" }));
    refused(&tls, &other_root, "no authority that this machine trusts has signed it");
    let of_other = other.relay(&["--starttls"]).await;
    let starttls = with(&of_other.settings(), json!({ "host": "localhost", "security": "starttls" }));
    refused(&starttls, &other_root, "it is for another name");
    // A web server, say.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    refused(&with(&account, json!({ "host": "127.0.0.1", "port": port })), &root, "is no mail server");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_is_told_what_the_relay_does_not_take() {
    let authority = Authority::for_name("localhost");
    let root = authority.file("root.pem");
    let mut relay = Relay::start(&["--user", "ann", "--password", PASSWORD]).await;
    let account = login(&relay);
    send(&account, &root).unwrap();
    relay.letter().await;
    let wrong = with(&account, json!({ "password": "wrong" }));
    refused(&wrong, &root, "localhost does not take this name and password: 535 5.7.8");
    let nobody = with(&account, json!({ "user": "", "password": null }));
    refused(&nobody, &root, "localhost wants a name and a password: 530");
    for (stage, reply, expected) in [
        (
            "connect",
            "554 5.7.1 Your address is on a list\r\n",
            "localhost turns this machine away: 554 5.7.1 Your address",
        ),
        ("auth", &*format!("535 5.7.8 {PASSWORD} is wrong"), "password: 535 5.7.8 … is wrong"),
        ("mail", "553 5.7.1 Not your address", "sends nothing for this sender: 553 5.7.1 Not your address"),
        ("rcpt", "550 5.1.1 No such user", "localhost does not take this address: 550 5.1.1 No such user"),
        ("data", "554 5.6.0 Spam", "localhost does not take the letter: 554 5.6.0 Spam"),
        ("rcpt", "451 4.7.1 Greylisted", "just now: 451 4.7.1 Greylisted"),
    ] {
        relay.answer(stage, reply, Some(1)).await;
        refused(&account, &root, expected);
    }
    relay.stays_empty().await;
    let open = Relay::open().await;
    refused(&login(&open), &root, "offers no login on port");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_account_or_no_address_is_told_so() {
    let nothing = Path::new("/dev/null");
    let account =
        json!({ "host": "localhost", "port": 25, "security": "none", "user": "", "from": "hearth@example.org" });
    refused(&with(&account, json!({ "from": "nobody" })), nothing, "The sender must be a mail address");
    refused(&with(&account, json!({ "port": 0 })), nothing, "port is a number from 1 to 65535");
    refused(
        &with(&account, json!({ "password": 12_345_678 })),
        nothing,
        "The mail account can't be read: line 1, column",
    );
    refused(&json!("x"), nothing, "The mail account can't be read");
    let mut to_nobody = command();
    to_nobody.args(["send-test-mail", "--to", "ann@example.org\r\nRCPT TO:<bob@example.org>"]);
    let output = fed(to_nobody, account.to_string().into_bytes());
    assert!(String::from_utf8(output.stderr).unwrap().contains("--to wants a mail address"));
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_relay_that_says_nothing_is_not_waited_for_for_ever() {
    // It takes connections, as whatever waits for TLS does, and never greets.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mail = Mail {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        security: MailSecurity::None,
        user: String::new(),
        password: None,
        from: "hearth@example.org".to_owned(),
    };
    let limit = Duration::from_millis(300);
    let letter = letter::test(Address::parse("ann@example.org").unwrap());
    let sent = relay::send(&mail, &letter, 0, "name", limit).await;
    assert_eq!(sent, Err(Refusal::Silent(limit)));
    // Letters beyond ASCII in a name need a relay that knows them.
    let relay = Relay::open().await;
    let mail = Mail { port: relay.port, ..mail };
    let letter = letter::test(Address::parse("änne@example.org").unwrap());
    assert_eq!(relay::send(&mail, &letter, 0, "name", Duration::from_secs(20)).await, Err(Refusal::AsciiOnly));
}
