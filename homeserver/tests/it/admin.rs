//! The owner's socket: its routes, and who is let in.

use crate::{
    harness::{Server, login_body, password},
    local::{Owner, exchange},
};
use argon2::{Argon2, password_hash::PasswordHasher as _};
use hearth_homeserver::{admin_api::Socket, config::Registration, server};
use hearth_store::{Read as _, schema, tables::KEY_BACKUPS};
use http::StatusCode;
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::UnixListener,
        process::CommandExt as _,
    },
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};
use tokio::{sync::watch, task::JoinHandle};

/// A socket that is served until this is dropped.
pub struct Served {
    pub owner: Owner,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Served {
    pub async fn of(server: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("homeserver.socket");
        let socket = Socket::open(&path).await.unwrap();
        let (stop, stopping) = watch::channel(false);
        let task = tokio::spawn(socket.serve(server::admin_router(Arc::clone(&server.app)), stopping));
        Self { owner: Owner(path), stop, task, _folder: folder }
    }

    /// Asks from a thread that may wait.
    pub async fn ask<T: Send + 'static>(&self, ask: impl FnOnce(&Owner) -> T + Send + 'static) -> T {
        let owner = self.owner.clone();
        tokio::task::spawn_blocking(move || ask(&owner)).await.unwrap()
    }

    pub async fn end(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }
}

const REGISTER: &str = "/_matrix/client/v3/register";

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_makes_accounts_and_looks_after_them() {
    let server = Server::with(|config| config.registration = Registration::Closed);
    let socket = Served::of(&server).await;
    socket
        .ask(|owner| {
            let new = |name: &str, admin: bool| json!({ "name": name, "password": password(&name.to_lowercase()), "admin": admin });
            assert_eq!(owner.post("/v1/users", new("Ann", false)).status(201)["user_id"], "@ann:example.org");
            assert_eq!(owner.post("/v1/users", new("bob", false)).status(201)["user_id"], "@bob:example.org");
            owner.post("/v1/users", new("ANN", false)).error(400, "M_USER_IN_USE");
            owner.post("/v1/users", new("a b", false)).error(400, "M_INVALID_USERNAME");
            for weak in ["", "1234567"] {
                owner.post("/v1/users", json!({ "name": "x", "password": weak })).error(400, "M_WEAK_PASSWORD");
            }
            owner.put("/v1/users/ann/password", json!({ "password": "1234567" })).error(400, "M_WEAK_PASSWORD");
            owner.post("/v1/users", json!({ "name": "x" })).error(400, "M_MISSING_PARAM");
            owner.post("/v1/users", json!({ "name": "x", "password": "y", "rights": 1 })).error(400, "M_BAD_JSON");
            // The first is the administrator, and stays one until there is another.
            let admin = |admin: bool| json!({ "admin": admin });
            owner.put("/v1/users/ann/admin", admin(false)).error(403, "M_FORBIDDEN");
            owner.post("/v1/users/ann/deactivate", json!({})).error(403, "M_FORBIDDEN");
            owner.put("/v1/users/@bob:example.org/admin", admin(true)).ok();
            owner.put("/v1/users/ann/admin", admin(false)).ok();
            owner.put("/v1/users/nobody/admin", admin(true)).error(404, "M_NOT_FOUND");

            let who = |name: &str, password: &str| json!({ "name": name, "password": password });
            let logged = owner.post("/v1/login", who("bob", &password("bob"))).ok();
            assert_eq!(logged, json!({ "user_id": "@bob:example.org", "admin": true }));
            let logged = owner.post("/v1/login", who("@ann:example.org", &password("ann"))).ok();
            assert_eq!(logged["admin"], false);
            owner.post("/v1/login", who("bob", "wrong")).error(403, "M_FORBIDDEN");
            owner.post("/v1/login", who("nobody", "wrong")).error(403, "M_FORBIDDEN");
        })
        .await;

    let ann = server.login("ann").await;
    let backup = json!({ "algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": { "public_key": "a" } });
    ann.post("/_matrix/client/v3/room_keys/version", backup).await.ok();
    assert_eq!(
        server.anyone().get("/_matrix/client/v3/profile/@ann:example.org").await.ok(),
        json!({ "displayname": "Ann" })
    );
    let listed = socket.ask(|owner| owner.get("/v1/users").ok()).await;
    assert_eq!(
        listed["users"][0],
        json!({
            "user_id": "@ann:example.org", "admin": false, "deactivated": false, "created_at": crate::harness::START,
            "last_seen_at": crate::harness::START, "devices": 1,
        })
    );
    assert_eq!(listed["users"][1]["last_seen_at"], Value::Null);

    let new = |logout: bool| json!({ "password": "another one", "logout": logout });
    socket.ask(move |owner| owner.put("/v1/users/ann/password", new(false)).ok()).await;
    ann.get("/_matrix/client/v3/account/whoami").await.ok();
    socket.ask(move |owner| owner.put("/v1/users/ann/password", new(true)).ok()).await;
    ann.get("/_matrix/client/v3/account/whoami").await.error(401, "M_UNKNOWN_TOKEN");
    server.anyone().post("/_matrix/client/v3/login", login_body("ann")).await.error(403, "M_FORBIDDEN");
    socket.ask(|owner| owner.post("/v1/users/ann/deactivate", json!({ "erase": true })).ok()).await;
    assert!(server.app.store.snapshot().unwrap().first(KEY_BACKUPS, ()).unwrap().is_none());
    let listed = socket.ask(|owner| owner.get("/v1/users").ok()).await;
    assert_eq!((&listed["users"][0]["deactivated"], &listed["users"][0]["devices"]), (&json!(true), &json!(0)));
    socket
        .ask(|owner| owner.put("/v1/users/ann/password", json!({ "password": "8 letters" })).error(404, "M_NOT_FOUND"))
        .await;
    socket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_hashed_elsewhere_is_taken_within_bounds() {
    let server = Server::new();
    let socket = Served::of(&server).await;
    let params = argon2::Params::new(19 * 1024, 2, 1, None).unwrap();
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let hash = argon2.hash_password_with_salt(password("ann").as_bytes(), b"sixteen bytes ..").unwrap().to_string();
    let body = json!({ "name": "ann", "password_hash": hash, "admin": true });
    socket.ask(move |owner| owner.post("/v1/users", body).status(201)).await;
    server.login("ann").await;
    let huge = hash.replace("m=19456", "m=4194304");
    socket
        .ask(move |owner| {
            owner.post("/v1/users", json!({ "name": "b", "password_hash": huge })).error(400, "M_WEAK_PASSWORD");
            let both = json!({ "name": "b", "password_hash": hash, "password": "x" });
            owner.post("/v1/users", both).error(400, "M_INVALID_PARAM");
        })
        .await;
    socket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_invitations_are_in_force_at_once_and_stay() {
    let server = Server::with(|config| config.registration = Registration::Closed);
    let socket = Served::of(&server).await;
    server.anyone().post(REGISTER, json!({})).await.error(403, "M_FORBIDDEN");
    let settings = socket.ask(|owner| owner.put("/v1/settings", json!({ "registration": "token" })).ok()).await;
    assert_eq!(settings, json!({ "registration": "token", "mail": null }));
    let flows = server.anyone().post(REGISTER, json!({})).await.status(StatusCode::UNAUTHORIZED);
    assert_eq!(flows["flows"], json!([{ "stages": ["m.login.registration_token"] }]));

    let invitation = socket
        .ask(|owner| {
            owner.post("/v1/invitations", json!({ "uses_allowed": 0 })).error(400, "M_INVALID_PARAM");
            owner.post("/v1/invitations", json!({ "expires_at": 5 })).error(400, "M_INVALID_PARAM");
            owner.post("/v1/invitations", json!({})).status(201);
            owner.post("/v1/invitations", json!({ "uses_allowed": 1, "expires_at": null })).status(201)
        })
        .await;
    let token = invitation["token"].as_str().unwrap().to_owned();
    let sign_up = |name: &str| {
        json!({
            "username": name, "password": "8 letters",
            "auth": { "type": "m.login.registration_token", "token": token },
        })
    };
    server.anyone().post(REGISTER, sign_up("ann")).await.ok();
    server.anyone().post(REGISTER, sign_up("bob")).await.status(StatusCode::UNAUTHORIZED);
    let listed = socket.ask(|owner| owner.get("/v1/invitations").ok()).await;
    let listed = listed["invitations"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 2);
    let used = json!({ "token": token, "uses_allowed": 1, "completed": 1, "expires_at": null });
    assert!(listed.contains(&used), "{listed:?}");
    let path = format!("/v1/invitations/{token}");
    socket
        .ask(move |owner| {
            owner.delete(&path).ok();
            owner.delete(&path).error(404, "M_NOT_FOUND");
            let mail = json!({
                "host": "mail.example.org", "port": 465, "security": "tls", "user": "u", "password": "secret",
                "from": "hearth@example.org",
            });
            owner.put("/v1/settings", json!({ "mail": mail })).ok();
            owner.put("/v1/settings", json!({ "registration": "email" })).ok();
            owner.put("/v1/settings", json!({ "mail": null })).error(400, "M_INVALID_PARAM");
            owner.put("/v1/settings", json!({ "registration": "sometimes" })).error(400, "M_BAD_JSON");
        })
        .await;
    socket.end().await;

    let server = server.restart();
    let socket = Served::of(&server).await;
    let settings = socket.ask(|owner| owner.get("/v1/settings")).await;
    assert!(!String::from_utf8_lossy(&settings.body).contains("secret"));
    let settings = settings.ok();
    assert_eq!((&settings["registration"], &settings["mail"]["port"]), (&json!("email"), &json!(465)));
    let health = socket.ask(|owner| owner.get("/v1/health").ok()).await;
    assert_eq!((&health["registration"], &health["mail"]), (&json!("email"), &json!(true)));
    socket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_counts_and_time_has_a_floor() {
    let server = Server::new();
    let socket = Served::of(&server).await;
    let health = socket.ask(|owner| owner.get("/v1/health").ok()).await;
    assert_eq!((&health["users"], &health["rooms"], &health["newest_event_ts"]), (&json!(0), &json!(0), &Value::Null));
    let ann = server.user("ann").await;
    ann.post("/_matrix/client/v3/createRoom", json!({})).await.ok();
    let later = crate::harness::START + 86_400_000;
    socket
        .ask(move |owner| {
            let health = owner.get("/v1/health").ok();
            assert_eq!((&health["users"], &health["rooms"]), (&json!(1), &json!(1)));
            assert_eq!(health["newest_event_ts"], crate::harness::START);
            assert_eq!((&health["server_name"], &health["schema"]), (&json!("example.org"), &json!(schema::VERSION)));
            assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
            assert!(health["database_bytes"].as_u64().unwrap() > 10_000 && health["position"].as_u64().unwrap() > 5);
            assert!(health["uptime_s"].is_u64());
            owner.post("/v1/clock", json!({ "floor_ms": later })).ok();
            owner.post("/v1/clock", json!({ "floor_ms": 5 })).ok();
            owner.post("/v1/clock", json!({ "floor_ms": u64::MAX })).error(400, "M_INVALID_PARAM");
        })
        .await;
    ann.post("/_matrix/client/v3/createRoom", json!({})).await.ok();
    let health = socket.ask(|owner| owner.get("/v1/health").ok()).await;
    assert_eq!(health["newest_event_ts"], later);
    socket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_of_the_socket_is_told_so() {
    let server = Server::new();
    let socket = Served::of(&server).await;
    socket
        .ask(|owner| {
            owner.get("/_matrix/client/versions").error(404, "M_UNRECOGNIZED");
            owner.delete("/v1/health").error(405, "M_UNRECOGNIZED");
            owner.send("POST", "/v1/users", "{").error(400, "M_BAD_JSON");
            owner.send("POST", "/v1/users", &"[".repeat(1000)).error(400, "M_BAD_JSON");
            owner.send("POST", "/v1/users", &" ".repeat(70_000)).error(413, "M_TOO_LARGE");
            // This server speaks HTTP alone.
            owner.post("/v1/certificate/reload", json!({})).error(400, "M_INVALID_PARAM");
        })
        .await;
    // Nothing of it is to be had where everybody comes.
    server.anyone().get("/v1/health").await.error(404, "M_UNRECOGNIZED");
    socket.end().await;
}

#[tokio::test]
async fn the_socket_is_the_owners_alone_and_takes_the_place_of_a_dead_one_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    // A server that was killed leaves its file behind.
    drop(UnixListener::bind(&path).unwrap());
    let stale = fs::symlink_metadata(&path).unwrap().ino();
    let socket = Socket::open(&path).await.unwrap();
    let file = fs::symlink_metadata(&path).unwrap();
    assert!(file.ino() != stale && file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    // Another server is refused, and the first goes on.
    let error = Socket::open(&path).await.unwrap_err().to_string();
    assert!(error.contains("another server"), "{error}");
    assert_eq!(fs::symlink_metadata(&path).unwrap().ino(), file.ino());
    drop(socket);
    assert!(!path.exists());
    // Whatever else lies there is nobody's to remove; nor is another's socket on the way out.
    fs::write(&path, "a letter").unwrap();
    Socket::open(&path).await.unwrap_err();
    assert_eq!(fs::read_to_string(&path).unwrap(), "a letter");
    fs::remove_file(&path).unwrap();
    let socket = Socket::open(&path).await.unwrap();
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    drop(socket);
    assert!(path.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Names the socket to the process that [`a_process_of_another_user_is_refused`] starts.
const STRANGER: &str = "HEARTH_TEST_STRANGER";

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_another_user_is_refused() {
    if let Some(path) = std::env::var_os(STRANGER) {
        // This is the other process: it says what it got.
        match exchange(&PathBuf::from(path), "GET", "/v1/health", "") {
            Ok(bytes) => println!("got {} bytes", bytes.len()),
            Err(error) => println!("got an error: {error}"),
        }
        return;
    }
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("only root can become another user");
        return;
    }
    let server = Server::new();
    let socket = Served::of(&server).await;
    // Somebody has opened the way to all: what keeps others out now is who they are.
    let path = socket.owner.0.clone();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    let this = std::env::current_exe().unwrap();
    // The build's folder may be closed to strangers.
    let copy = path.with_file_name("client");
    fs::copy(&this, &copy).unwrap();
    let as_user = |uid: u32| {
        let mut command = Command::new(&copy);
        command.args(["--exact", "admin::a_process_of_another_user_is_refused", "--nocapture"]);
        command.env(STRANGER, &path).current_dir("/").stdin(Stdio::null());
        if uid != 0 {
            command.uid(uid).gid(uid);
        }
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        String::from_utf8(output.stdout).unwrap()
    };
    let root = as_user(0);
    assert!(root.contains("got ") && !root.contains("got 0") && !root.contains("error"), "{root}");
    let stranger = as_user(65_534);
    // It got as far as the door: the file would have let it in.
    assert!(!stranger.contains("Permission denied"), "{stranger}");
    assert!(stranger.contains("got 0 bytes") || stranger.contains("got an error: "), "{stranger}");
    socket.end().await;
}
