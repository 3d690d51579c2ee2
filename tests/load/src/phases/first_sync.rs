//! First sync: an account that is in many rooms signs in on a new device, and the device asks for everything with
//! Element's filter. Each measured sync is of a device of its own, for a server may keep the answer that it gave to one.

use super::Phase;
use crate::{
    account::{self, Account, sync_path},
    client::{Client, Endpoint, excerpt},
    options::Scale,
    report::Figures,
    room::{self, Sender},
    usage::Stopwatch,
    world::World,
};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hyper::Method;
use serde::{Deserialize, de::IgnoredAny};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Members of each room, the measured account among them.
const MEMBERS: usize = 3;
/// Messages in each room.
const MESSAGES: usize = 6;

pub async fn measure(world: &mut World) -> Result<Figures> {
    world.need_accounts(MEMBERS - 1).await?;
    let account = world.sign_up().await?;
    furnish(world, &account).await?;
    let mut client = Client::new(&world.endpoint, Some(&account.access_token))?;
    let filter_id = account::element_filter(&mut client, &account.user_id).await?;
    let mut devices = Vec::with_capacity(world.scale.first_syncs);
    for _ in 0..world.scale.first_syncs {
        let device = account::log_in(&world.endpoint, &account.user_id).await?;
        devices.push(Client::new(&world.endpoint, Some(&device.access_token))?);
    }

    let mut times = Vec::with_capacity(devices.len());
    let stopwatch = Stopwatch::start(world)?;
    for device in &mut devices {
        times.push(first_sync(device, &filter_id, &world.scale).await?);
    }
    stopwatch.stop(world, Phase::FirstSync.name(), times.len(), times)
}

async fn first_sync(device: &mut Client, filter_id: &str, scale: &Scale) -> Result<Duration> {
    #[derive(Deserialize)]
    struct Sync {
        rooms: Rooms,
    }
    #[derive(Deserialize)]
    struct Rooms {
        join: HashMap<String, IgnoredAny>,
    }
    let started = Instant::now();
    let answer = device.call(Method::GET, &sync_path(filter_id, None, 0), Bytes::new()).await?;
    let took = started.elapsed();
    let sync: Sync =
        serde_json::from_slice(&answer).with_context(|| format!("a first sync without rooms: {}", excerpt(&answer)))?;
    let rooms = sync.rooms.join.len();
    ensure!(rooms == scale.rooms, "a first sync gave {rooms} of {} rooms", scale.rooms);
    Ok(took)
}

/// Makes the rooms. The other members make them at the same time, each a part.
async fn furnish(world: &mut World, account: &Account) -> Result<()> {
    let mut builders = JoinSet::new();
    let others: Vec<Account> = world.accounts.iter().take(MEMBERS - 1).cloned().collect();
    for index in 0..others.len() {
        let rooms = (index..world.scale.rooms).step_by(others.len()).collect();
        let mut members = others.clone();
        members.rotate_left(index);
        members.push(account.clone());
        builders.spawn(build(world.endpoint.clone(), members, rooms, world.fresh_name()));
    }
    while let Some(finished) = builders.join_next().await {
        finished??;
    }
    Ok(())
}

/// The first member makes each room, the others join it, and they talk in turn.
async fn build(endpoint: Arc<Endpoint>, members: Vec<Account>, rooms: Vec<usize>, name: String) -> Result<()> {
    for room in rooms {
        let mut talkers = Vec::with_capacity(members.len());
        let mut room_id: Option<String> = None;
        for member in &members {
            let mut client = Client::new(&endpoint, Some(&member.access_token))?;
            let id = match room_id.take() {
                None => room::create(&mut client, &format!("Room {room}")).await?,
                Some(id) => {
                    room::join(&mut client, &id).await?;
                    id
                }
            };
            talkers.push(Sender::new(client, &id, &format!("{name}-{room}")));
            room_id = Some(id);
        }
        let mut said = 0;
        while said < MESSAGES {
            for talker in &mut talkers {
                talker.send().await?;
                said += 1;
            }
        }
    }
    Ok(())
}
