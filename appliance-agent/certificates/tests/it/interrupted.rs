//! Orders that a power cut, or an authority without memory, leaves behind.

use crate::{
    pebble::{Options, Pebble},
    peer::{NAME, now_ms, request},
};
use hearth_certificates::{
    CertificateError, Pair,
    acme::{ChallengeHost, Challenges, Method, Progress, Step, StepState},
};
use std::{
    fs,
    future::Future,
    pin::pin,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Notify;

/// Says when the first challenge is put, so that a test can cut the power there.
struct Told<'a> {
    inner: &'a Challenges,
    put: Notify,
    was_put: AtomicBool,
}

impl ChallengeHost for Told<'_> {
    fn methods(&self) -> Vec<Method> {
        self.inner.methods()
    }

    fn put_http(&self, token: &str, answer: &str) -> Result<(), CertificateError> {
        self.was_put.store(true, Ordering::SeqCst);
        self.put.notify_one();
        self.inner.put_http(token, answer)
    }

    fn remove_http(&self, token: &str) {
        self.inner.remove_http(token);
    }

    fn put_tls(&self, name: &str, pair: &Pair) -> Result<(), CertificateError> {
        self.inner.put_tls(name, pair)
    }

    fn remove_tls(&self, name: &str) {
        self.inner.remove_tls(name);
    }
}

/// Runs until the first challenge is in place, and no further.
async fn cut(run: impl Future, told: &Told<'_>) {
    let mut run = pin!(run);
    tokio::select! {
        biased;
        () = told.put.notified() => {}
        _ = &mut run => panic!("it ended before it could be cut"),
    }
    assert!(told.was_put.load(Ordering::SeqCst));
}

#[tokio::test]
async fn an_order_that_was_cut_is_taken_up_again() {
    let pebble = Pebble::start(Options::default()).await;
    let house = pebble.house().await;
    let challenges = house.challenges();
    let acme = pebble.acme();
    let plan = acme.plan(request(&[NAME]), now_ms(), true).unwrap();
    let told = Told { inner: &challenges, put: Notify::new(), was_put: AtomicBool::new(false) };
    cut(acme.execute(&plan, &told, &|_| {}), &told).await;
    let order = pebble.folder.path().join("acme/order.json");
    let url = fs::read_to_string(&order).unwrap();
    // A new process, the same folder. The authority may have looked meanwhile: the question was on its way.
    let orders = Mutex::new(Vec::new());
    let look = |progress: Progress| {
        if progress.step == Step::Order && progress.state == StepState::Done {
            orders.lock().unwrap().push(fs::read_to_string(&order).unwrap());
        }
    };
    let pair = pebble.acme().execute(&plan, &challenges, &look).await.unwrap();
    pair.check(NAME, now_ms()).unwrap();
    assert_eq!(orders.into_inner().unwrap(), [url], "the same order, and no other");
    assert!(!order.exists());
}

#[tokio::test]
async fn an_order_that_is_gone_and_an_account_that_is_forgotten_are_made_anew() {
    let mut pebble = Pebble::start(Options::default()).await;
    let house = pebble.house().await;
    let challenges = house.challenges();
    let acme = pebble.acme();
    let plan = acme.plan(request(&[NAME]), now_ms(), true).unwrap();
    let told = Told { inner: &challenges, put: Notify::new(), was_put: AtomicBool::new(false) };
    cut(acme.execute(&plan, &told, &|_| {}), &told).await;
    let account = fs::read_to_string(pebble.folder.path().join("acme/account.json")).unwrap();
    // Pebble keeps everything in memory: afterwards it knows neither.
    pebble.down().await;
    pebble.up().await;
    let acme = pebble.acme();
    let pair = acme.execute(&plan, &challenges, &|_| {}).await.unwrap();
    pair.check(NAME, now_ms()).unwrap();
    assert_ne!(fs::read_to_string(pebble.folder.path().join("acme/account.json")).unwrap(), account);
}

#[tokio::test]
async fn an_order_for_another_name_or_a_damaged_one_does_not_count() {
    let pebble = Pebble::start(Options::default()).await;
    let house = pebble.house().await;
    let acme = pebble.acme();
    let folder = pebble.folder.path().join("acme");
    fs::create_dir_all(&folder).unwrap();
    let directory = pebble.settings(&folder).directory;
    let base = directory.trim_end_matches("/dir").to_owned();
    for order in [
        "{".to_owned(),
        format!(r#"{{"directory":"{directory}","url":"{base}/my-order/1","names":["other.org"]}}"#),
        format!(r#"{{"directory":"{directory}","url":"{base}/my-order/none","names":["{NAME}"]}}"#),
    ] {
        fs::write(folder.join("order.json"), order).unwrap();
        fs::write(folder.join("order-key.pem"), "no key").unwrap();
        let plan = acme.plan(request(&[NAME]), now_ms(), true).unwrap();
        acme.execute(&plan, &house.challenges(), &|_| {}).await.unwrap();
    }
}
