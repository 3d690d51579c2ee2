//! Requests through the whole router: the head's lines, an empty line, and the body, each line ended by a line feed alone.
//!
//! `{room}` and `{event}` in the first line stand for what exists; a line `user` sends the request as a logged-in user.

use crate::house::House;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use serde_json::Value;
use std::cell::RefCell;

thread_local! {
    static HOUSE: RefCell<Option<(House, u64)>> = const { RefCell::new(None) };
}

/// Tries one input.
pub fn run(data: &[u8]) {
    HOUSE.with_borrow_mut(|kept| {
        let (house, accounts) = kept.get_or_insert_with(|| (House::new(), 0));
        let Some((request, by_user)) = parse(house, data) else { return };
        let path = request.uri().path().to_owned();
        let quiet = request.method() == Method::HEAD || request.method() == Method::OPTIONS;
        let Some(answer) = house.ask(request) else { return };
        let shown = String::from_utf8_lossy(&answer.body);
        assert!(!answer.status.is_server_error(), "{path}: {} {shown}", answer.status);
        if !path.starts_with("/_matrix/") || quiet || answer.status.is_redirection() {
            return;
        }
        let json: Value = serde_json::from_slice(&answer.body)
            .unwrap_or_else(|error| panic!("{path}: {} {error} {shown}", answer.status));
        assert_eq!(answer.kind.as_deref(), Some(&b"application/json"[..]), "{path}: {} {shown}", answer.status);
        let flows = answer.status == StatusCode::UNAUTHORIZED && json["flows"].is_array();
        if answer.status.is_client_error() && !flows {
            assert!(json["errcode"].is_string() && json["error"].is_string(), "{path}: {} {shown}", answer.status);
        }
        // Some requests end the login that they come by.
        if by_user && json["errcode"] == "M_UNKNOWN_TOKEN" {
            *accounts += 1;
            house.sign_up(&format!("ann{accounts}"));
        }
    });
}

/// The request and whether it is by the user. None where HTTP has no such request.
fn parse(house: &House, data: &[u8]) -> Option<(Request<Body>, bool)> {
    let border = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let (head, body) = data.split_at(border);
    let mut lines = head.split(|byte| *byte == b'\n');
    let (method, target) = str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
    let target = target.replace("{room}", &house.room).replace("{event}", &house.event);
    let mut request = Request::new(Body::from(body.get(2..).unwrap_or_default().to_vec()));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = Uri::try_from(target).ok()?;
    let mut by_user = false;
    for line in lines {
        if line == b"user" {
            by_user = true;
            request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {}", house.token).parse().ok()?);
        } else if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            let (name, value) = line.split_at(colon);
            request
                .headers_mut()
                .append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(&value[1..]).ok()?);
        }
    }
    Some((request, by_user))
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "GET /_matrix/client/versions\n\n",
        "OPTIONS /_matrix/client/v3/sync\norigin: https://a\naccess-control-request-method: GET\n\n",
        "GET /_matrix/client/v3/sync?timeout=0&full_state=true&filter=%7B%22room%22:%7B%22timeline%22:%7B%22limit%22:1%7D%7D%7D\nuser\n\n",
        "GET /_matrix/client/v3/sync?timeout=0&since=s1_0_0\nuser\n\n",
        "GET /_matrix/client/v3/rooms/{room}/messages?dir=b&limit=5&from=t3&filter={\nuser\n\n",
        "GET /_matrix/client/v3/rooms/{room}/context/{event}?limit=2\nuser\n\n",
        "GET /_matrix/client/v3/rooms/{room}/state/m.room.name/\nuser\n\n",
        "PUT /_matrix/client/v3/rooms/{room}/send/m.room.message/x\nuser\ncontent-type:application/json\n\n{\"body\":\"a\"}",
        "PUT /_matrix/client/v3/rooms/{room}/state/m.room.power_levels/\nuser\n\n{\"users\":{\"@ann:hearth.example\":100}}",
        "PUT /_matrix/client/v3/rooms/{room}/redact/{event}/y\nuser\n\n{\"reason\":\"a\"}",
        "POST /_matrix/client/v3/rooms/{room}/invite\nuser\n\n{\"user_id\":\"@bob:elsewhere.example\"}",
        "POST /_matrix/client/v3/rooms/{room}/receipt/m.read/{event}\nuser\n\n{\"thread_id\":\"main\"}",
        "POST /_matrix/client/v3/createRoom\nuser\n\n{\"preset\":\"private_chat\",\"initial_state\":[{\"type\":\"m.room.name\",\"content\":{}}],\"room_version\":\"10\"}",
        "POST /_matrix/client/v3/register\n\n{\"username\":\"x\",\"password\":\"8 letters\",\"auth\":{\"type\":\"m.login.dummy\",\"session\":\"z\"}}",
        "POST /_matrix/client/v3/login\n\n{\"type\":\"m.login.password\",\"identifier\":{\"type\":\"m.id.user\",\"user\":\"ann\"},\"password\":\"8 letters\"}",
        "POST /_matrix/client/v3/login\n\n{\"type\":\"m.login.token\",\"token\":\"x\"}",
        "POST /_matrix/client/v3/keys/upload\nuser\n\n{\"one_time_keys\":{\"signed_curve25519:A\":{\"key\":\"a\",\"signatures\":{}}}}",
        "POST /_matrix/client/v3/keys/query\nuser\n\n{\"device_keys\":{\"@ann:hearth.example\":[]},\"timeout\":1}",
        "POST /_matrix/client/v3/keys/claim\nuser\n\n{\"one_time_keys\":{\"@ann:hearth.example\":{\"A\":\"signed_curve25519\"}}}",
        "PUT /_matrix/client/v3/sendToDevice/m.x/1\nuser\n\n{\"messages\":{\"@ann:hearth.example\":{\"*\":{}}}}",
        "PUT /_matrix/client/v3/pushrules/global/override/a?before=b\nuser\n\n{\"actions\":[\"notify\"],\"conditions\":[{\"kind\":\"event_match\",\"key\":\"type\",\"pattern\":\"*\"}]}",
        "PUT /_matrix/client/v3/user/@ann:hearth.example/account_data/m.x\nuser\n\n{\"a\":1}",
        "POST /_matrix/client/v3/room_keys/version\nuser\n\n{\"algorithm\":\"a\",\"auth_data\":{}}",
        "PUT /_matrix/client/v3/room_keys/keys?version=1\nuser\n\n{\"rooms\":{}}",
        "POST /_matrix/client/v3/user_directory/search\nuser\n\n{\"search_term\":\"a\",\"limit\":1}",
        "GET /_matrix/client/v3/publicRooms?limit=1&since=a&server=b\n\n",
        "POST /_matrix/client/v3/account/password/email/requestToken\n\n{\"email\":\"a@b\",\"client_secret\":\"x\",\"send_attempt\":1,\"next_link\":\"https://a/\"}",
        "POST /_matrix/client/v3/account/3pid/add\nuser\n\n{\"sid\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"client_secret\":\"x\"}",
        "POST /_matrix/client/v3/account/password\n\n{\"new_password\":\"8 letters\",\"auth\":{\"type\":\"m.login.email.identity\",\"threepid_creds\":{\"sid\":\"a\",\"client_secret\":\"x\"}}}",
        "POST /_hearth/email/confirm\n\nsid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&token=hre_a",
        "GET /_hearth/email/confirm?sid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&token=hre_a\n\n",
        "GET /.well-known/matrix/client\n\n",
        "GET /%FF/%00\n\n",
    ])
}
