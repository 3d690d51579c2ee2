//! Mail addresses, with a real mail server: signing up, adding, new passwords, and what is not to be had by them.

use crate::{
    harness::{Client, Server, login_body, password},
    smtp::Relay,
};
use hearth_homeserver::{config::Registration, server};
use hearth_store::{
    Read as _,
    dump::{self, LoadError},
    tables::{EMAIL_SESSIONS, EMAILS, MAIL_QUEUE, USER_EMAILS},
};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinHandle;

const V3: &str = "/_matrix/client/v3";
const REGISTER: &str = "/_matrix/client/v3/register";
const CONFIRM: &str = "/_hearth/email/confirm";
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// A server that sends letters by a relay, for as long as this lives.
struct Post {
    server: Server,
    sender: JoinHandle<()>,
}

impl Post {
    async fn new(relay: &Relay, registration: &str) -> Self {
        Self::on(Server::with(|config| config.registration = Registration::Open), relay, registration).await
    }

    async fn on(server: Server, relay: &Relay, registration: &str) -> Self {
        let wanted = json!({ "registration": registration, "mail": relay.settings() });
        let (settings, wanted) = (server.app.settings.clone(), serde_json::from_value(wanted).unwrap());
        server.app.store.change(move |change| settings.set(change, wanted)).await.unwrap();
        let app = Arc::clone(&server.app);
        let sender = tokio::spawn(async move { server::send_mail(&app).await });
        Self { server, sender }
    }

    /// Stops sending; the server stays.
    async fn end(self) -> Server {
        self.sender.abort();
        let _ = self.sender.await;
        self.server
    }

    fn anyone(&self) -> Client<'_> {
        self.server.anyone()
    }

    /// Asks for a letter; returns the session.
    async fn ask(&self, what: &str, email: &str, secret: &str, attempt: u64) -> String {
        let body = json!({ "email": email, "client_secret": secret, "send_attempt": attempt });
        let answer = self.anyone().post(&format!("{V3}/{what}/email/requestToken"), body).await.ok();
        answer["sid"].as_str().unwrap().to_owned()
    }

    /// Presses the button of the page that a letter leads to.
    async fn follow(&self, letter: &Value) {
        let page = self.anyone().send(Method::POST, CONFIRM, query(letter)).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    }

    /// Gives an account an address.
    async fn add(&self, relay: &mut Relay, client: &Client<'_>, name: &str, email: &str) {
        let sid = self.ask("account/3pid", email, "adding", 1).await;
        let letter = relay.letter().await;
        self.follow(&letter).await;
        let body = json!({ "sid": sid, "client_secret": "adding" });
        client.prove(Method::POST, &format!("{V3}/account/3pid/add"), body, name).await.ok();
    }
}

/// The link in a letter.
fn link(letter: &Value) -> &str {
    let text = letter["text"].as_str().unwrap();
    let line = text.lines().find(|line| line.starts_with("https://")).unwrap_or_else(|| panic!("no link in {text}"));
    line.strip_prefix("https://matrix.example.org").unwrap()
}

/// What the link's page sends on.
fn query(letter: &Value) -> String {
    link(letter).split_once('?').unwrap().1.to_owned()
}

fn stage(sid: &str, secret: &str) -> Value {
    json!({ "type": "m.login.email.identity", "threepid_creds": { "sid": sid, "client_secret": secret } })
}

fn sign_up(name: &str, sid: &str, secret: &str) -> Value {
    json!({ "username": name, "password": password(name), "auth": stage(sid, secret) })
}

fn login_by(identifier: Value, password: &str) -> Value {
    json!({ "type": "m.login.password", "identifier": identifier, "password": password })
}

fn email(address: &str) -> Value {
    json!({ "type": "m.id.thirdparty", "medium": "email", "address": address })
}

#[tokio::test]
async fn somebody_signs_up_by_mail() {
    let mut relay = Relay::open().await;
    let post = Post::new(&relay, "email").await;
    let anyone = post.anyone();
    let asked = anyone.post(REGISTER, json!({})).await.status(StatusCode::UNAUTHORIZED);
    assert_eq!(asked["flows"], json!([{ "stages": ["m.login.email.identity"] }]));
    let body = json!({
        "email": "Ann@Example.org", "client_secret": "se.cr=et_-1", "send_attempt": 1,
        "next_link": "https://app.example.org/#/register?session_id=x&hs_url=y",
    });
    let answer = anyone.post(&format!("{REGISTER}/email/requestToken"), body).await.ok();
    assert_eq!(answer.get("submit_url"), None);
    let sid = answer["sid"].as_str().unwrap();

    let letter = relay.letter().await;
    assert_eq!((&letter["from"], &letter["to"]), (&json!("hearth@example.org"), &json!(["Ann@example.org"])));
    assert_eq!(letter["subject"], "Confirm your mail address for example.org");
    let headers = &letter["headers"];
    assert_eq!(headers["From"], "Hearth at home <hearth@example.org>");
    assert_eq!((&headers["To"], &headers["Auto-Submitted"]), (&json!("Ann@example.org"), &json!("auto-generated")));
    assert_eq!(headers["Date"], "Tue, 14 Nov 2023 22:13:20 +0000");
    assert!(headers["Message-ID"].as_str().unwrap().ends_with("@example.org>"), "{headers}");

    let mut wanted = sign_up("ann", sid, "se.cr=et_-1");
    wanted["auth"]["session"] = asked["session"].clone();
    let not_yet = anyone.post(REGISTER, wanted.clone()).await.error(401, "M_UNAUTHORIZED");
    assert_eq!((&not_yet["flows"], &not_yet["session"]), (&asked["flows"], &asked["session"]));
    // Looking at the page does nothing: mail scanners do so too.
    let page = anyone.get(link(&letter)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("Ann@example.org") && page.text.contains("<button>"), "{}", page.text);
    let kept_from = |name| page.headers.get(name).unwrap().to_str().unwrap().to_owned();
    assert!(kept_from(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'; style-src 'sha256-"));
    assert_eq!(
        (kept_from(header::REFERRER_POLICY), kept_from(header::CACHE_CONTROL)),
        ("no-referrer".into(), "no-store".into())
    );
    anyone.post(REGISTER, wanted.clone()).await.error(401, "M_UNAUTHORIZED");

    let pressed = anyone.send(Method::POST, CONFIRM, query(&letter)).await;
    assert_eq!(pressed.status, StatusCode::OK);
    let onwards = "href=\"https://app.example.org/#/register?session_id=x&amp;hs_url=y\"";
    assert!(pressed.text.contains(onwards) && pressed.text.contains("Go on to app.example.org"), "{}", pressed.text);
    assert_eq!(anyone.send(Method::POST, CONFIRM, query(&letter)).await.status, StatusCode::OK, "twice does no harm");
    let ann = post.server.client(&anyone.post(REGISTER, wanted).await.ok());
    let listed = ann.get(&format!("{V3}/account/3pid")).await.ok();
    let start = crate::harness::START;
    let entry = json!({ "medium": "email", "address": "ann@example.org", "validated_at": start, "added_at": start });
    assert_eq!(listed, json!({ "threepids": [entry] }));

    // What was proved was proved once.
    anyone.post(REGISTER, sign_up("bob", sid, "se.cr=et_-1")).await.error(401, "M_UNAUTHORIZED");
    assert_eq!(anyone.get(link(&letter)).await.status, StatusCode::GONE);
    assert_eq!(anyone.send(Method::POST, CONFIRM, query(&letter)).await.status, StatusCode::GONE);

    let login = format!("{V3}/login");
    for identifier in [email("ann@example.org"), email("ANN@EXAMPLE.ORG")] {
        let answer = anyone.post(&login, login_by(identifier, &password("ann"))).await.ok();
        assert_eq!(answer["user_id"], "@ann:example.org");
    }
    let old = json!({
        "type": "m.login.password", "medium": "email", "address": "ann@example.org", "password": password("ann"),
    });
    assert_eq!(anyone.post(&login, old).await.ok()["user_id"], "@ann:example.org");
    anyone.post(&login, login_by(email("ann@example.org"), "wrong")).await.error(403, "M_FORBIDDEN");
    anyone.post(&login, login_by(email("bob@example.org"), "wrong")).await.error(403, "M_FORBIDDEN");
    // Where she has to prove who she is, her address names her too.
    let token = format!("{V3}/login/get_token");
    let asked = ann.post(&token, json!({})).await.status(StatusCode::UNAUTHORIZED);
    let mut auth = login_by(email("ann@example.org"), &password("ann"));
    auth["session"] = asked["session"].clone();
    ann.post(&token, json!({ "auth": auth })).await.ok();
}

#[tokio::test]
async fn a_link_or_a_session_that_is_not_the_right_one_proves_nothing() {
    let mut relay = Relay::open().await;
    let post = Post::new(&relay, "email").await;
    let anyone = post.anyone();
    let sid = post.ask("register", "ann@example.org", "secret", 1).await;
    let letter = relay.letter().await;
    let right = query(&letter);
    let (of_session, token) = right.split_once("&token=").unwrap();
    for wrong in [
        String::new(),
        format!("{of_session}&token={}x", token),
        format!("{of_session}&token=hre_"),
        format!("sid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&token={token}"),
        format!("{right}&token={token}"),
    ] {
        assert_eq!(anyone.get(&format!("{CONFIRM}?{wrong}")).await.status, StatusCode::GONE, "{wrong}");
        assert_eq!(anyone.send(Method::POST, CONFIRM, wrong.clone()).await.status, StatusCode::GONE, "{wrong}");
    }
    anyone.post(REGISTER, sign_up("ann", &sid, "secret")).await.error(401, "M_UNAUTHORIZED");
    post.follow(&letter).await;
    for (sid, secret) in [(sid.as_str(), "another"), ("another", "secret"), ("AAAA", "secret")] {
        anyone.post(REGISTER, sign_up("ann", sid, secret)).await.error(401, "M_UNAUTHORIZED");
    }
    // Confirmed for signing up, and not for a password or for another account.
    let new = json!({ "new_password": "a new password", "auth": stage(&sid, "secret") });
    anyone.post(&format!("{V3}/account/password"), new).await.error(401, "M_UNAUTHORIZED");
    post.server.pass(DAY);
    anyone.post(REGISTER, sign_up("ann", &sid, "secret")).await.error(401, "M_UNAUTHORIZED");
    assert_eq!(anyone.get(link(&letter)).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn a_letter_is_written_for_a_higher_attempt_only() {
    let mut relay = Relay::open().await;
    let post = Post::new(&relay, "email").await;
    let sid = post.ask("register", "ann@example.org", "secret", 5).await;
    let first = relay.letter().await;
    for attempt in [5, 4, 0] {
        assert_eq!(post.ask("register", "ann@example.org", "secret", attempt).await, sid);
    }
    relay.stays_empty().await;
    assert_eq!(post.ask("register", "ann@example.org", "secret", 6).await, sid);
    let second = relay.letter().await;
    assert_ne!(link(&first), link(&second));
    assert_ne!(post.ask("register", "ann@example.org", "other", 1).await, sid);
    relay.letter().await;
    // People open the letter that they see first.
    post.follow(&first).await;
    assert_eq!(post.anyone().get(link(&second)).await.status, StatusCode::OK);
    assert_eq!(post.ask("register", "ann@example.org", "secret", 7).await, sid);
    relay.stays_empty().await;
    post.anyone().post(REGISTER, sign_up("ann", &sid, "secret")).await.ok();
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_by_mail() {
    let mut relay = Relay::open().await;
    let post = Post::new(&relay, "open").await;
    let (one, anyone) = (post.server.user("ann").await, post.anyone());
    post.add(&mut relay, &one, "ann", "ann@example.org").await;
    let two = post.server.login("ann").await;
    let path = format!("{V3}/account/password");
    let asked = anyone.post(&path, json!({ "new_password": "a new password" })).await.status(StatusCode::UNAUTHORIZED);
    assert_eq!(asked["flows"], json!([{ "stages": ["m.login.email.identity"] }]));

    let sid = post.ask("account/password", "ANN@example.org", "secret", 1).await;
    let letter = relay.letter().await;
    assert_eq!(letter["subject"], "A new password at example.org");
    let wanted = |password: &str, logout: bool, sid: &str| json!({ "new_password": password, "logout_devices": logout, "auth": stage(sid, "secret") });
    anyone.post(&path, wanted("a new password", false, &sid)).await.error(401, "M_UNAUTHORIZED");
    post.follow(&letter).await;
    anyone.post(&path, wanted("short", false, &sid)).await.error(400, "M_WEAK_PASSWORD");
    anyone.post(&path, wanted("a new password", false, &sid)).await.ok();
    anyone.post(&path, wanted("another password", false, &sid)).await.error(401, "M_UNAUTHORIZED");
    one.get(&format!("{V3}/account/whoami")).await.ok();
    let login = format!("{V3}/login");
    anyone.post(&login, login_body("ann")).await.error(403, "M_FORBIDDEN");
    anyone.post(&login, login_by(email("ann@example.org"), "a new password")).await.ok();

    let sid = post.ask("account/password", "ann@example.org", "secret", 1).await;
    let letter = relay.letter().await;
    post.follow(&letter).await;
    anyone.post(&path, wanted("a third password", true, &sid)).await.ok();
    for client in [&one, &two] {
        client.get(&format!("{V3}/account/whoami")).await.error(401, "M_UNKNOWN_TOKEN");
    }
    anyone.post(&login, login_by(email("ann@example.org"), "a third password")).await.ok();

    // Whoever has no account gets the same answer and no letter.
    let sid = post.ask("account/password", "nobody@example.org", "secret", 1).await;
    relay.stays_empty().await;
    anyone.post(&path, wanted("a new password", true, &sid)).await.error(401, "M_UNAUTHORIZED");
}

#[tokio::test]
async fn an_address_is_one_accounts_and_only_its_owner_hears_of_it() {
    let mut relay = Relay::open().await;
    let post = Post::new(&relay, "open").await;
    let (ann, bob) = (post.server.user("ann").await, post.server.user("bob").await);
    post.add(&mut relay, &ann, "ann", "ann@example.org").await;
    // The answer is that of any other address; the letter says what there is to say.
    let sid = post.ask("account/3pid", "Ann@example.org", "bobs", 1).await;
    let letter = relay.letter().await;
    assert_eq!(letter["subject"], "You have an account at example.org");
    assert!(!letter["text"].as_str().unwrap().contains(CONFIRM), "{letter}");
    let add = format!("{V3}/account/3pid/add");
    let of_bob = json!({ "sid": sid, "client_secret": "bobs" });
    bob.post(&add, of_bob).await.error(400, "M_THREEPID_AUTH_FAILED");

    // Two who both confirm an address that is still free.
    let mut sessions = Vec::new();
    for secret in ["anns", "bobs"] {
        let sid = post.ask("account/3pid", "both@example.org", secret, 1).await;
        let letter = relay.letter().await;
        post.follow(&letter).await;
        sessions.push(json!({ "sid": sid, "client_secret": secret }));
    }
    bob.prove(Method::POST, &add, sessions[1].clone(), "bob").await.ok();
    ann.post(&add, sessions[0].clone()).await.error(400, "M_THREEPID_IN_USE");

    // Nobody takes away what is another's.
    let delete = format!("{V3}/account/3pid/delete");
    let both = json!({ "medium": "email", "address": "BOTH@example.org" });
    let removed = ann.post(&delete, both.clone()).await.ok();
    assert_eq!(removed, json!({ "id_server_unbind_result": "no-support" }));
    assert_eq!(bob.get(&format!("{V3}/account/3pid")).await.ok()["threepids"][0]["address"], "both@example.org");
    bob.post(&delete, both).await.ok();
    assert_eq!(bob.get(&format!("{V3}/account/3pid")).await.ok(), json!({ "threepids": [] }));
    ann.prove(Method::POST, &add, sessions[0].clone(), "ann").await.ok();
    assert_eq!(ann.get(&format!("{V3}/account/3pid")).await.ok()["threepids"].as_array().unwrap().len(), 2);

    // An account that ends leaves its addresses free.
    ann.prove(Method::POST, &format!("{V3}/account/deactivate"), json!({}), "ann").await.ok();
    let read = post.server.app.store.snapshot().unwrap();
    assert!(read.first(EMAILS, ()).unwrap().is_none() && read.first(USER_EMAILS, ()).unwrap().is_none());
    post.add(&mut relay, &bob, "bob", "ann@example.org").await;
}

/// The address went over to somebody else, in another way of writing it, after the link was followed.
#[tokio::test]
async fn a_new_password_is_for_whose_letter_box_it_was() {
    let mut relay = Relay::start(&["--utf8"]).await;
    let post = Post::new(&relay, "open").await;
    let (ann, bob) = (post.server.user("ann").await, post.server.user("bob").await);
    post.add(&mut relay, &ann, "ann", "strauss@example.org").await;
    let sid = post.ask("account/password", "strauss@example.org", "secret", 1).await;
    let letter = relay.letter().await;
    post.follow(&letter).await;
    let gone = json!({ "medium": "email", "address": "strauss@example.org" });
    ann.post(&format!("{V3}/account/3pid/delete"), gone).await.ok();
    let (path, new) =
        (format!("{V3}/account/password"), json!({ "new_password": "a new password", "auth": stage(&sid, "secret") }));
    post.anyone().post(&path, new.clone()).await.error(400, "M_THREEPID_AUTH_FAILED");
    post.add(&mut relay, &bob, "bob", "Strauß@example.org").await;
    post.anyone().post(&path, new).await.error(400, "M_THREEPID_AUTH_FAILED");
    post.server.login("ann").await;
    post.server.login("bob").await;
}

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
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
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
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }

    // What the relay refuses for good is not tried again.
    relay.answer("rcpt", "550 5.1.1 No such user", Some(1)).await;
    post.ask("register", "nobody@example.org", "secret", 1).await;
    while post.server.app.store.snapshot().unwrap().first(MAIL_QUEUE, ()).unwrap().is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    relay.stays_empty().await;
}

#[tokio::test]
async fn what_is_no_address_gets_no_letter() {
    let relay = Relay::open().await;
    let post = Post::new(&relay, "email").await;
    for wrong in [
        "",
        "ann",
        "ann@example.org\r\nBcc: bob@example.org",
        "ann@example.org\nSubject: x",
        "ann@example.org,bob@example.org",
        "Ann <ann@example.org>",
        "\"ann\r\n\"@example.org",
        "ann@[127.0.0.1]",
        "ann\u{202e}@example.org",
    ] {
        for what in ["register", "account/3pid", "account/password"] {
            let body = json!({ "email": wrong, "client_secret": "secret", "send_attempt": 1 });
            let path = format!("{V3}/{what}/email/requestToken");
            post.anyone().post(&path, body).await.error(400, "M_INVALID_PARAM");
        }
    }
    for next_link in ["javascript:alert(1)", "data:text/html,x", "https://a/\r\nX: y"] {
        let body = json!({ "email": "a@b.c", "client_secret": "x", "send_attempt": 1, "next_link": next_link });
        post.anyone().post(&format!("{REGISTER}/email/requestToken"), body).await.error(400, "M_INVALID_PARAM");
    }
    let read = post.server.app.store.snapshot().unwrap();
    assert!(read.first(MAIL_QUEUE, ()).unwrap().is_none() && read.first(EMAIL_SESSIONS, ()).unwrap().is_none());
}

#[tokio::test]
async fn addresses_with_letters_of_every_script_work() {
    let mut relay = Relay::start(&["--utf8"]).await;
    let post = Post::new(&relay, "open").await;
    let ann = post.server.user("ann").await;
    post.add(&mut relay, &ann, "ann", "Strauß@Bücher.example").await;
    let listed = ann.get(&format!("{V3}/account/3pid")).await.ok();
    assert_eq!(listed["threepids"][0]["address"], "strauss@xn--bcher-kva.example");
    let login = format!("{V3}/login");
    for written in ["STRAUSS@BÜCHER.example", "strauß@xn--bcher-kva.example"] {
        post.anyone().post(&login, login_by(email(written), &password("ann"))).await.ok();
    }
    // The letter goes to the box that was confirmed, not to one that is only spelt alike.
    post.ask("account/password", "strauss@bücher.example", "secret", 1).await;
    assert_eq!(relay.letter().await["to"], json!(["Strauß@xn--bcher-kva.example"]));
}

#[tokio::test]
async fn the_page_says_nothing_in_html_that_it_was_not_meant_to() {
    let mut relay = Relay::open().await;
    let post = Post::new(&relay, "email").await;
    let body = json!({
        "email": "o'neil&co`{}@example.org", "client_secret": "secret", "send_attempt": 1,
        "next_link": "https://app.example.org/#\"><script>alert('1')</script>",
    });
    post.anyone().post(&format!("{REGISTER}/email/requestToken"), body).await.ok();
    let letter = relay.letter().await;
    let page = post.anyone().get(link(&letter)).await.text;
    assert!(page.contains("o&#39;neil&amp;co`{}@example.org"), "{page}");
    let done = post.anyone().send(Method::POST, CONFIRM, query(&letter)).await.text;
    let onwards = "href=\"https://app.example.org/#&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;\"";
    assert!(done.contains(onwards) && !done.contains("<script"), "{done}");
}

#[tokio::test]
async fn a_server_without_mail_says_so() {
    let server = Server::with(|config| config.registration = Registration::Email);
    let anyone = server.anyone();
    anyone.post(REGISTER, json!({})).await.error(403, "M_FORBIDDEN");
    let body = json!({ "email": "ann@example.org", "client_secret": "secret", "send_attempt": 1 });
    for what in ["register", "account/3pid", "account/password"] {
        let path = format!("{V3}/{what}/email/requestToken");
        anyone.post(&path, body.clone()).await.error(403, "M_THREEPID_DENIED");
    }
    let number =
        json!({ "country": "GB", "phone_number": "07700900001", "client_secret": "secret", "send_attempt": 1 });
    for (what, status, code) in [
        ("register", 403, "M_THREEPID_DENIED"),
        ("account/3pid", 403, "M_THREEPID_DENIED"),
        ("account/password", 400, "M_THREEPID_NOT_FOUND"),
    ] {
        anyone.post(&format!("{V3}/{what}/msisdn/requestToken"), number.clone()).await.error(status, code);
    }
    let new = json!({ "new_password": "a new password" });
    anyone.post(&format!("{V3}/account/password"), new).await.error(401, "M_MISSING_TOKEN");

    let relay = Relay::open().await;
    let post = Post::on(Server::new(), &relay, "open").await;
    let ann = post.server.user("ann").await;
    let capabilities = ann.get(&format!("{V3}/capabilities")).await.ok()["capabilities"].clone();
    assert_eq!(capabilities["m.3pid_changes"], json!({ "enabled": true }));
    // Where signing up takes no address, no stranger is written to for that.
    post.anyone().post(&format!("{REGISTER}/email/requestToken"), body).await.error(403, "M_THREEPID_DENIED");
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
    let nothing = |_: &hearth_store::Store, _: &dump::Loaded| Ok::<_, LoadError>(());
    dump::load(bytes.as_slice(), &path, |_| Ok(()), |contents| contents.position, nothing).unwrap();
    let again = hearth_store::Store::open(&path, hearth_store::Options::default()).unwrap();
    let again = again.snapshot().unwrap();
    assert_eq!(again.get(EMAILS, "ann@example.org").unwrap(), read.get(EMAILS, "ann@example.org").unwrap());
    assert!(again.contains(USER_EMAILS, ("@ann:example.org", "ann@example.org")).unwrap());
    assert!(again.first(MAIL_QUEUE, ()).unwrap().is_none() && again.first(EMAIL_SESSIONS, ()).unwrap().is_none());
}
