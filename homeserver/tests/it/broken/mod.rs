//! Broken requests at every route that the router has: each is answered by a Matrix error with a fitting status, or is
//! not broken after all; none by a 5xx, none by a panic, and the server goes on.

mod request;
mod routes;
mod values;
mod world;

use crate::harness::Server;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use request::{Payload, Plan, Sender, Shape, plans};
use serde_json::{Value, json};
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::ServiceExt as _;
use world::World;

/// Requests to each method of each path. `HEARTH_BROKEN_CASES` asks for more.
const CASES: u32 = 16;
/// Requests that any test may make to learn what an endpoint asks for.
const LESSONS: usize = 16;

/// An answer as it came.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Sends a request. None where HTTP has no such request, or where a sync does what it is for and waits.
async fn exchange(world: &World, plan: &Plan) -> Option<Answer> {
    let request = plan.request(world)?;
    let waits = plan.path.ends_with("/sync");
    let time = if waits { Duration::from_millis(500) } else { Duration::from_secs(20) };
    let answer = async {
        let response = world.server.router().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status, headers: head.headers, body }
    };
    match tokio::time::timeout(time, answer).await {
        Ok(answer) => Some(answer),
        Err(_) if waits => None,
        Err(_) => panic!("no answer within {time:?} to {plan:?}"),
    }
}

/// What is wrong with an answer, if anything is.
fn fault(plan: &Plan, answer: &Answer) -> Option<String> {
    let Answer { status, headers, body } = answer;
    let shown = String::from_utf8_lossy(body);
    if status.is_server_error() {
        return Some(format!("{status}: {shown}"));
    }
    if !plan.path.starts_with("/_matrix/") || status.is_redirection() {
        return None;
    }
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes());
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        return Some(format!("{status} with a body that is no JSON: {shown:?}"));
    };
    if kind != Some(b"application/json") {
        return Some(format!("{status} with JSON that is said to be {kind:?}"));
    }
    if status.is_success() {
        return None;
    }
    let sensible = [400, 401, 403, 404, 405, 408, 409, 413, 415, 429];
    if !sensible.contains(&status.as_u16()) {
        return Some(format!("{status} is an odd status: {shown}"));
    }
    // The flows of user-interactive authentication.
    if *status == StatusCode::UNAUTHORIZED && json["flows"].is_array() && json["session"].is_string() {
        return None;
    }
    let code = json["errcode"].as_str().unwrap_or_default();
    let words = json["error"].as_str().unwrap_or_default();
    if !code.contains('_') || words.is_empty() {
        return Some(format!("{status} without a Matrix error: {shown}"));
    }
    // Unknown paths and methods have statuses of their own.
    if code == "M_UNRECOGNIZED" && *status != StatusCode::NOT_FOUND && *status != StatusCode::METHOD_NOT_ALLOWED {
        return Some(format!("{status} for something that is not known: {shown}"));
    }
    None
}

/// Finds out from an endpoint's own errors what it asks for.
async fn learn(world: &World, path: &str, method: &Method) -> Shape {
    let mut shape = Shape::default();
    let mut last = String::new();
    for _ in 0..LESSONS {
        let mut plan = Plan::plain(path, method.clone());
        plan.payload = Payload::Object(shape.body.clone());
        plan.query = shape.query.iter().map(|name| (name.clone(), request::Part::Fitting)).collect();
        let Some(answer) = exchange(world, &plan).await else { break };
        renew_if_logged_out(world, &plan, &answer).await;
        let error: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let words = error["error"].as_str().unwrap_or_default();
        if answer.status.is_success() || words.is_empty() {
            break;
        }
        if let Some(name) = between(words, "missing field `", "`") {
            if words.contains("query") {
                shape.query.push(name.to_owned());
            } else if shape.body.contains_key(name) {
                break;
            } else {
                shape.body.insert(name.to_owned(), Value::String(world.fitting(name)));
                last = name.to_owned();
            }
        } else if let Some(expected) = between(words, "expected ", " at line") {
            let fitting = match expected {
                text if text.contains("map") || text.contains("struct") => json!({}),
                text if text.contains("sequence") => json!([]),
                text if text.contains("bool") => json!(true),
                text if text.contains('u') || text.contains("integer") => json!(1),
                _ => break,
            };
            match shape.body.get_mut(&last) {
                Some(value) if *value != fitting => *value = fitting,
                _ => break,
            }
        } else {
            break;
        }
    }
    shape
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

/// A request that a good token was not good enough for has been preceded by one that ended the login.
async fn renew_if_logged_out(world: &World, plan: &Plan, answer: &Answer) {
    let by_user = matches!(plan.sender, Sender::User | Sender::UserByQuery);
    let error: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if by_user && answer.status == StatusCode::UNAUTHORIZED && error["errcode"] == "M_UNKNOWN_TOKEN" {
        world.renew().await;
    }
}

/// Log lines of this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn every_route_answers_broken_requests_with_matrix_errors() {
    let log = Log::default();
    let writer = log.clone();
    let _logging = tracing::subscriber::set_default(
        tracing_subscriber::fmt().with_writer(move || writer.clone()).with_max_level(tracing::Level::ERROR).finish(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let routes = runtime.block_on(routes::all(&world));
    let cases = std::env::var("HEARTH_BROKEN_CASES").ok().map_or(CASES, |cases| cases.parse().unwrap());
    let mut faults = Vec::new();
    for route in &routes {
        for method in &route.methods {
            let shape = runtime.block_on(learn(&world, &route.path, method));
            let config = Config { cases, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
            let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
            let result = runner.run(&plans(&route.path, method, &shape, world.known_values()), |plan| {
                let Some(answer) = runtime.block_on(exchange(&world, &plan)) else { return Ok(()) };
                runtime.block_on(renew_if_logged_out(&world, &plan, &answer));
                fault(&plan, &answer).map_or(Ok(()), |fault| Err(TestCaseError::fail(fault)))
            });
            if let Err(error) = result {
                faults.push(format!("{method} {}: {error}", route.path));
            }
        }
    }
    assert!(faults.is_empty(), "{} routes:\n{}", faults.len(), faults.join("\n"));
    let alive = Plan { sender: Sender::Stranger, ..Plan::plain("/_matrix/client/versions", Method::GET) };
    assert_eq!(runtime.block_on(exchange(&world, &alive)).unwrap().status, StatusCode::OK);
    let log = log.0.lock().unwrap();
    assert!(log.is_empty(), "{}", String::from_utf8_lossy(&log));
}

/// Bodies beyond the limits: each route refuses them, and says so.
#[test]
fn every_route_refuses_a_body_that_is_too_large() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    // Pages for people look at no body, where they are only looked at.
    let is_page = |path: &str, method: &Method| {
        !path.starts_with("/_matrix/") && !path.starts_with("/.well-known/") && method == Method::GET
    };
    for route in runtime.block_on(routes::all(&world)) {
        for method in route.methods.iter().filter(|method| !is_page(&route.path, method)) {
            for (sender, length) in [(Sender::User, (8 << 20) + 1), (Sender::Stranger, (64 << 10) + 1)] {
                let mut plan = Plan::plain(&route.path, method.clone());
                (plan.sender, plan.payload) = (sender, Payload::Large(length));
                let answer = runtime.block_on(exchange(&world, &plan)).unwrap();
                assert_eq!(fault(&plan, &answer), None, "{method} {}", route.path);
                // A stranger may have been sent away before the body was looked at.
                let refused = [StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNAUTHORIZED];
                assert!(refused.contains(&answer.status), "{method} {}: {}", route.path, answer.status);
            }
        }
    }
}

#[tokio::test]
async fn routes_are_found_in_the_router() {
    let paths = routes::paths(&Server::new().router());
    for known in ["/_matrix/client/versions", "/_matrix/client/v3/sync", "/_matrix/client/v3/rooms/{room_id}/join"] {
        assert!(paths.iter().any(|path| path == known), "{known} is not among {paths:#?}");
    }
    assert!(paths.len() > 100, "{} paths", paths.len());
}

/// Half a surrogate pair in the content of a message from device to device was handed on as it came, and the other client
/// could read nothing of the sync that held it.
#[tokio::test]
async fn half_a_surrogate_pair_does_not_reach_another_client() {
    let server = Server::new();
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let body = r#"{"messages":{"@bob:example.org":{"*":{"a":"\ud800"}}}}"#;
    let path = "/_matrix/client/v3/sendToDevice/m.test/1";
    ann.send(Method::PUT, path, body).await.error(400, "M_BAD_JSON");
    ann.send(Method::PUT, path, body.replace("\"\\ud800\"", "1e999")).await.error(400, "M_BAD_JSON");
    assert!(bob.get("/_matrix/client/v3/sync?timeout=0").await.ok()["to_device"].is_null());
}

/// The router itself answered in plain text.
#[tokio::test]
async fn a_path_that_is_not_utf_8_is_answered_by_a_matrix_error() {
    let server = Server::new();
    let path = "/_matrix/client/v3/profile/%FF";
    server.anyone().get(path).await.error(400, "M_INVALID_PARAM");
}
