//! Letters on their way: retries, restarts, limits, snapshots.

use super::{Post, REGISTER, sign_up};
use crate::{harness::Server, local::Owner, process::Process, smtp::Relay, tls::ports};
use hearth_store::{
    Options, Read as _, Store,
    dump::{self, LoadError},
    tables::{EMAIL_SESSIONS, EMAILS, MAIL_QUEUE, USER_EMAILS},
};
use http::StatusCode;
use serde_json::json;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

#[tokio::test]
async fn letters_wait_for_the_relay_and_outlive_a_restart() {
    let mut relay = Relay::open().await;
    let post = Post::new(&relay, "email").await;
    relay.answer("rcpt", "451 4.7.1 Greylisted", None).await;
    let sid = post.ask("register", "ann@example.org", "secret", 1).await;
    let tries = |server: &Server| {
        let read = server.app.store.snapshot().unwrap();
        read.first(MAIL_QUEUE, ()).unwrap().map_or(0, |(_, letter)| letter.tries)
    };
    while tries(&post.server) < 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let server = post.end().await.restart();
    relay.answer("rcpt", "", Some(0)).await;
    relay.stays_empty().await;
    let post = Post::on(server, &relay, "email").await;
    relay.stays_empty().await;
    // The next try is due half a minute after the first.
    post.server.pass(30_000);
    post.server.app.mail.wake();
    let letter = relay.letter().await;
    post.follow(&letter).await;
    post.anyone().post(REGISTER, sign_up("ann", &sid, "secret")).await.ok();
    while post.server.app.store.snapshot().unwrap().first(MAIL_QUEUE, ()).unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // What the relay refuses for good is not tried again.
    relay.answer("rcpt", "550 5.1.1 No such user", Some(1)).await;
    post.ask("register", "nobody@example.org", "secret", 1).await;
    while post.server.app.store.snapshot().unwrap().first(MAIL_QUEUE, ()).unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    relay.stays_empty().await;
}

#[tokio::test]
async fn nobodys_letter_box_is_filled() {
    let mut relay = Relay::open().await;
    let server = Server::with(|config| config.rate_limits = true);
    let post = Post::on(server, &relay, "email").await;
    for attempt in 1..=5 {
        post.ask("register", "ann@example.org", "secret", attempt).await;
        relay.letter().await;
    }
    let ask = |email: &str, attempt: u64| json!({ "email": email, "client_secret": "secret", "send_attempt": attempt });
    let path = format!("{REGISTER}/email/requestToken");
    post.anyone().post(&path, ask("ann@example.org", 6)).await.error(429, "M_LIMIT_EXCEEDED");
    // Nor can everybody be written to from one place.
    let mut others = 0;
    while post.anyone().post(&path, ask(&format!("{others}@example.org"), 1)).await.status == StatusCode::OK {
        others += 1;
    }
    assert_eq!(others, 4);
}

#[tokio::test]
async fn a_snapshot_holds_addresses_and_no_letters() {
    let mut relay = Relay::open().await;
    let post = Post::new(&relay, "open").await;
    let ann = post.server.user("ann").await;
    post.add(&mut relay, &ann, "ann", "ann@example.org").await;
    relay.answer("mail", "451 Later", None).await;
    post.ask("account/3pid", "other@example.org", "secret", 1).await;
    let server = post.end().await;
    let read = server.app.store.snapshot().unwrap();
    assert!(read.first(MAIL_QUEUE, ()).unwrap().is_some() && read.first(EMAIL_SESSIONS, ()).unwrap().is_some());
    let (mut bytes, folder) = (Vec::new(), tempfile::tempdir().unwrap());
    read.dump(&mut bytes, |_, _| Ok(())).unwrap();
    let path = folder.path().join("db");
    let nothing = |_: &Store, _: &dump::Loaded| Ok::<_, LoadError>(());
    dump::load(bytes.as_slice(), &path, |_| Ok(()), |contents| contents.position, nothing).unwrap();
    let again = Store::open(&path, Options::default()).unwrap();
    let again = again.snapshot().unwrap();
    assert_eq!(again.get(EMAILS, "ann@example.org").unwrap(), read.get(EMAILS, "ann@example.org").unwrap());
    assert!(again.contains(USER_EMAILS, ("@ann:example.org", "ann@example.org")).unwrap());
    assert!(again.first(MAIL_QUEUE, ()).unwrap().is_none() && again.first(EMAIL_SESSIONS, ()).unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_outlives_kill_9_and_goes_out_when_the_mail_account_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let configuration = format!(
        "server_name = \"example.org\"\ndata = {:?}\nlisten = \"127.0.0.1:0\"\nplain = true\nadmin_socket = {socket:?}\n\
         registration = \"email\"\n",
        folder.path().join("data"),
    );
    fs::write(folder.path().join("homeserver.toml"), configuration).unwrap();
    let mut relay = Relay::open().await;
    relay.answer("connect", "421 4.3.2 Not now\r\n", None).await;
    let process = Process::start(folder.path(), |_| ());
    let owner = Owner(socket);
    owner.put("/v1/settings", json!({ "mail": relay.settings() })).ok();
    let body = json!({ "email": "ann@example.org", "client_secret": "secret", "send_attempt": 1 }).to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", ports(process.child.id())[0])).unwrap();
    let length = body.len();
    let head = format!("POST {REGISTER}/email/requestToken HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\n");
    stream.write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"sid\""), "{answer}");
    process.signal("KILL");
    drop(process);

    let _process = Process::start(folder.path(), |_| ());
    relay.stays_empty().await;
    relay.answer("connect", "", None).await;
    owner.put("/v1/settings", json!({ "mail": relay.settings() })).ok();
    let letter = relay.letter().await;
    assert_eq!(letter["to"], json!(["ann@example.org"]));
    assert!(letter["text"].as_str().unwrap().contains("\nhttp://example.org/_hearth/email/confirm?sid="), "{letter}");
    relay.stays_empty().await;
}
