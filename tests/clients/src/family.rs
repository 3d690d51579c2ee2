//! Two apps that are closed and opened again: they keep their keys and sessions in folders, as apps on phones do. For tests
//! in which the homeserver moves to another box in between.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use matrix_sdk::{
    Client,
    authentication::matrix::MatrixSession,
    config::RequestConfig,
    ruma::{OwnedRoomId, RoomId, api::client::account::register, api::client::uiaa},
};
use serde_json::{Value, json};

use crate::{device::Device, rooms};

/// Who lives here.
const PEOPLE: [&str; 2] = ["mila", "otto"];

/// How the family reaches its homeserver.
#[derive(Clone, Debug)]
pub struct Way {
    /// The public address, such as `https://family.example:4443`.
    pub url: String,
    /// Where that name leads, for no name server knows it.
    pub address: SocketAddr,
    /// The box's own authority, PEM: nothing else is trusted to vouch for it.
    pub authority: Vec<u8>,
    /// Where the apps keep what they keep.
    pub folder: PathBuf,
}

/// Two people sign up by invitation, meet in an encrypted room and talk. Returns what was said.
///
/// # Panics
/// With a sentence, where something of this doesn't work.
pub async fn begin(way: &Way, invitation: &str) -> Vec<String> {
    let mut devices = Vec::new();
    for name in PEOPLE {
        devices.push(sign_up(way, name, invitation).await);
    }
    let [mila, otto] = devices.as_slice() else { unreachable!("as many devices as people") };
    let room = rooms::encrypted_room_of(mila, &[otto]).await;
    for said in ["The box stands in the hall", "And the disk is in the drawer"] {
        say(mila, otto, &room, said).await;
        say(otto, mila, &room, &format!("Heard: {said}")).await;
    }
    fs::write(way.folder.join("room"), room.as_str()).expect("the room can be kept");
    rooms::history(mila, &room).await
}

/// The same apps are opened again, without signing in: they read what was said before, and go on talking. Returns
/// everything that both can read.
///
/// # Panics
/// With a sentence, where something of this doesn't work.
pub async fn go_on(way: &Way, words: &str) -> Vec<String> {
    let room = fs::read_to_string(way.folder.join("room")).expect("the family began before");
    let room = OwnedRoomId::try_from(room).expect("a room's id was kept");
    let mila = open(way, PEOPLE[0]).await;
    let otto = open(way, PEOPLE[1]).await;
    say(&mila, &otto, &room, words).await;
    say(&otto, &mila, &room, &format!("Heard: {words}")).await;
    let (hers, his) = (rooms::history(&mila, &room).await, rooms::history(&otto, &room).await);
    assert_eq!(hers, his, "both read the same history");
    hers
}

/// One says something, and the other hears it, encrypted.
async fn say(from: &Device, to: &Device, room: &RoomId, words: &str) {
    from.room(room).send(rooms::text(words)).await.expect("a member may speak");
    let heard = to.hear(room, words).await;
    assert!(heard.encryption.is_some(), "{words:?} came in the clear");
}

async fn sign_up(way: &Way, name: &str, invitation: &str) -> Device {
    let client = client(way, name).await;
    let password = format!("password of {name}");
    let mut request = register::v3::Request::new();
    request.username = Some(name.to_owned());
    request.password = Some(password.clone());
    let asked = client.matrix_auth().register(request.clone()).await.expect_err("signing up takes an invitation");
    let asked = asked.as_uiaa_response().unwrap_or_else(|| panic!("{name} can't sign up: {asked}"));
    let mut stage = uiaa::RegistrationToken::new(invitation.to_owned());
    stage.session = asked.session.clone();
    request.auth = Some(uiaa::AuthData::RegistrationToken(stage));
    client.matrix_auth().register(request).await.unwrap_or_else(|error| panic!("{name} can't sign up: {error}"));
    let session = client.matrix_auth().session().expect("whoever has signed up is signed in");
    let kept = json!({ "session": session, "password": password });
    fs::write(kept_at(way, name), kept.to_string()).expect("the session can be kept");
    Device::new(name, client, password).await
}

async fn open(way: &Way, name: &str) -> Device {
    let kept = fs::read(kept_at(way, name)).expect("the app was open before");
    let mut kept: Value = serde_json::from_slice(&kept).expect("the app kept its session");
    let session: MatrixSession = serde_json::from_value(kept["session"].take()).expect("the app kept its session");
    let client = client(way, name).await;
    client.restore_session(session).await.expect("the app knows its session");
    Device::new(name, client, kept["password"].as_str().unwrap_or_default().to_owned()).await
}

fn kept_at(way: &Way, name: &str) -> PathBuf {
    way.folder.join(format!("{name}.json"))
}

async fn client(way: &Way, name: &str) -> Client {
    let host = host(&way.url);
    let authority = reqwest::Certificate::from_pem(&way.authority).expect("the authority is a PEM file");
    // The name leads to the box whatever the port: the address has the one that is forwarded.
    let http = reqwest::Client::builder()
        .no_proxy()
        .resolve(host, way.address)
        .tls_certs_only([authority])
        .build()
        .expect("an HTTP client can be made");
    let store: &Path = &way.folder.join(name);
    Client::builder()
        .homeserver_url(&way.url)
        .http_client(http)
        .sqlite_store(store, None)
        .request_config(RequestConfig::new().disable_retry())
        .build()
        .await
        .expect("the SDK opens its store")
}

fn host(url: &str) -> &str {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    rest.split([':', '/']).next().unwrap_or(rest)
}
