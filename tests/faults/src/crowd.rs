//! The people who keep a server busy, and the word that ends it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use hearth_test_support::{Account, Target};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    account_data::{Settings, keep_settings},
    key_claimer::{Claims, Owner, claim_keys},
    key_owner::{Stock, keep_keys_in_stock, upload_device_keys},
    sender::{Messages, send_messages},
    state_setter::{StateChanges, change_state},
    watcher::{Seen, watch},
};

/// Tells workers to finish what they are at and stop.
#[derive(Clone, Default)]
pub struct Enough(Arc<AtomicBool>);

impl Enough {
    fn say(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the word was given.
    pub fn is_reached(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everybody at work.
pub struct Crowd {
    enough: Enough,
    /// The watcher's own word, given when everybody else is done: it has to see their last acts too.
    all_done: Enough,
    host: Account,
    claimer: Account,
    rooms: Vec<String>,
    messages: Vec<JoinHandle<Messages>>,
    state: JoinHandle<StateChanges>,
    settings: JoinHandle<Settings>,
    stocks: Vec<JoinHandle<Stock>>,
    claims: Vec<JoinHandle<Claims>>,
    watcher: JoinHandle<Seen>,
}

/// Everything that the server has acknowledged to anybody.
pub struct Promises {
    /// Who made the rooms, a member of each.
    pub host: Account,
    /// Somebody who may claim what is left.
    pub claimer: Account,
    /// By sender.
    pub messages: Vec<Messages>,
    /// State events.
    pub state: StateChanges,
    /// Account data.
    pub settings: Settings,
    /// One-time keys that were uploaded, by device.
    pub stocks: Vec<Stock>,
    /// One-time keys that were given out, by claimer.
    pub claims: Vec<Claims>,
    /// What the watcher saw by `/sync`, over all rooms.
    pub seen: Seen,
}

impl Crowd {
    /// Signs everybody up, lets them join their rooms and starts them all: four senders in two rooms, one who changes
    /// state, one with settings, two owners of keys, three claimers and a watcher.
    pub async fn gather(target: &Target) -> Self {
        let (enough, all_done) = (Enough::default(), Enough::default());
        let host = sign_up(target, "host").await;
        let mut rooms = Vec::new();
        for _ in 0..2 {
            let room = host.create_room(json!({ "preset": "public_chat" })).await.expect("a room can be made");
            rooms.push(room);
        }
        let watcher = member(target, "watcher", &rooms).await;

        let mut messages = Vec::new();
        for number in 0..4 {
            let room = rooms[number % rooms.len()].clone();
            let sender = member(target, "sender", std::slice::from_ref(&room)).await;
            messages.push(tokio::spawn(send_messages(sender, room, enough.clone())));
        }
        let keeper = member(target, "keeper", &rooms[..1]).await;
        let (mut stocks, mut owners) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let owner = sign_up(target, "owner").await;
            upload_device_keys(&owner).await.expect("device keys can be uploaded");
            owners.push(Owner { user_id: owner.user_id.clone(), device_id: owner.device_id.clone() });
            stocks.push(tokio::spawn(keep_keys_in_stock(owner, enough.clone())));
        }
        let mut claims = Vec::new();
        for _ in 0..3 {
            let claimer = sign_up(target, "claimer").await;
            claims.push(tokio::spawn(claim_keys(claimer, owners.clone(), enough.clone())));
        }
        Self {
            claimer: sign_up(target, "latecomer").await,
            messages,
            state: tokio::spawn(change_state(host.clone(), rooms[0].clone(), enough.clone())),
            settings: tokio::spawn(keep_settings(keeper, rooms[0].clone(), enough.clone())),
            stocks,
            claims,
            watcher: tokio::spawn(watch(watcher, all_done.clone())),
            rooms,
            host,
            enough,
            all_done,
        }
    }

    /// The rooms that are written to.
    pub fn rooms(&self) -> &[String] {
        &self.rooms
    }

    /// Whether somebody stopped before being told to, which nobody does but by failing.
    pub fn somebody_failed(&self) -> bool {
        self.messages.iter().any(JoinHandle::is_finished)
            || self.stocks.iter().any(JoinHandle::is_finished)
            || self.claims.iter().any(JoinHandle::is_finished)
            || self.state.is_finished()
            || self.settings.is_finished()
            || self.watcher.is_finished()
    }

    /// Tells everybody to finish and collects what they were promised. The server must be up: an act that is under way
    /// is repeated until it is answered, so that at the end no fate is unknown but that of claims.
    ///
    /// # Panics
    ///
    /// With the sentence of whoever failed.
    pub async fn dismiss(self) -> Promises {
        self.enough.say();
        let (messages, stocks, claims) = (all(self.messages).await, all(self.stocks).await, all(self.claims).await);
        let (state, settings) = (one(self.state).await, one(self.settings).await);
        self.all_done.say();
        let seen = one(self.watcher).await;
        Promises { host: self.host, claimer: self.claimer, messages, state, settings, stocks, claims, seen }
    }
}

async fn sign_up(target: &Target, name: &str) -> Account {
    Account::sign_up(target, name).await.unwrap_or_else(|error| panic!("{name} can't sign up: {error}"))
}

async fn member(target: &Target, name: &str, rooms: &[String]) -> Account {
    let account = sign_up(target, name).await;
    for room in rooms {
        account.join(room).await.unwrap_or_else(|error| panic!("{name} can't join {room}: {error}"));
    }
    account
}

async fn all<T>(workers: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::new();
    for worker in workers {
        results.push(one(worker).await);
    }
    results
}

async fn one<T>(worker: JoinHandle<T>) -> T {
    match worker.await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
