//! Addresses of accounts, and new passwords by them.

use super::{CONFIRM, Post, REGISTER, V3, email, login_by, stage};
use crate::{
    harness::{Server, login_body, password},
    smtp::Relay,
};
use hearth_homeserver::config::Registration;
use hearth_store::{
    Read as _,
    tables::{EMAILS, USER_EMAILS},
};
use http::{Method, StatusCode};
use serde_json::json;

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
    post.server.user("owner").await;
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
    // It is what clients assume where nothing is said.
    assert_eq!(capabilities.get("m.3pid_changes"), None);
    // Where signing up takes no address, no stranger is written to for that.
    post.anyone().post(&format!("{REGISTER}/email/requestToken"), body).await.error(403, "M_THREEPID_DENIED");
}
