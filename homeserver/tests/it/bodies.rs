//! Bodies that are declared and never come: whoever sends them keeps nobody else waiting.

use crate::harness::{Answer, Client, Server, login_body};
use axum::body::Body;
use bytes::Bytes;
use http::Method;
use hyper::body::Frame;
use serde_json::json;
use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Longest time for an answer that needn't wait for anybody; a body has 30 s to arrive.
const TIME: Duration = Duration::from_secs(15);
const LOGIN: &str = "/_matrix/client/v3/login";

/// A body of unknown length whose sender says nothing more.
struct Silent;

impl hyper::body::Body for Silent {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// Requests under way.
type Waiting<'a> = Vec<Pin<Box<dyn Future<Output = Answer> + 'a>>>;

/// Begins requests that say nothing more, and has each go as far as it gets.
fn begin<'a>(client: &'a Client<'_>, method: &Method, path: &'a str, count: usize) -> Waiting<'a> {
    let mut all: Waiting<'a> = Vec::new();
    for _ in 0..count {
        let mut request = Box::pin(client.send(method.clone(), path, Body::new(Silent)));
        assert!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        all.push(request);
    }
    all
}

async fn in_time(answer: impl Future<Output = Answer>) -> Answer {
    tokio::time::timeout(TIME, answer).await.expect("it waits for somebody else's body")
}

#[tokio::test]
async fn where_no_body_is_looked_for_none_is_waited_for() {
    let server = Server::new();
    let alice = server.user("alice").await;
    in_time(server.anyone().send(Method::GET, "/_matrix/client/versions", Body::new(Silent))).await.ok();
    in_time(alice.send(Method::GET, "/_matrix/client/v3/account/whoami", Body::new(Silent))).await.ok();
}

/// Some hundred requests of a stranger, without a byte of their bodies, took all the memory there was for half a minute.
#[tokio::test]
async fn strangers_keep_neither_users_nor_other_strangers_waiting() {
    let server = Server::new();
    let alice = server.user("alice").await;
    let stranger = server.anyone();
    let waiting = begin(&stranger, &Method::POST, LOGIN, 600);
    let data = format!("/_matrix/client/v3/user/{}/account_data/org.example.a", alice.user);
    in_time(alice.put(&data, json!({ "n": 1 }))).await.ok();
    let elsewhere = Client { ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), ..server.anyone() };
    in_time(elsewhere.post(LOGIN, login_body("alice"))).await.ok();
    drop(waiting);
    in_time(stranger.post(LOGIN, login_body("alice"))).await.ok();
}

#[tokio::test]
async fn a_user_keeps_no_other_waiting() {
    let server = Server::new();
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let data = |client: &Client<'_>| format!("/_matrix/client/v3/user/{}/account_data/org.example.a", client.user);
    let of_bob = data(&bob);
    let waiting = begin(&bob, &Method::PUT, &of_bob, 8);
    in_time(alice.put(&data(&alice), json!({ "n": 1 }))).await.ok();
    drop(waiting);
    in_time(bob.put(&of_bob, json!({ "n": 1 }))).await.ok();
}
