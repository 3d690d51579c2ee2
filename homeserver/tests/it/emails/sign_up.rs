//! Signing up by mail, and the page that letters lead to.

use super::{CONFIRM, Post, REGISTER, V3, email, link, login_by, query, sign_up, stage};
use crate::{harness::password, smtp::Relay};
use hearth_store::{
    Read as _,
    tables::{EMAIL_SESSIONS, MAIL_QUEUE},
};
use http::{Method, StatusCode, header};
use serde_json::json;

const DAY: u64 = 24 * 60 * 60 * 1_000;

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
    let token = "/_matrix/client/v1/login/get_token";
    let asked = ann.post(token, json!({})).await.status(StatusCode::UNAUTHORIZED);
    let mut auth = login_by(email("ann@example.org"), &password("ann"));
    auth["session"] = asked["session"].clone();
    ann.post(token, json!({ "auth": auth })).await.ok();
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
