//! Sending in parallel: many clients, shared out over several rooms, each sending as soon as its last message was
//! answered. It shows what the server carries when its requests can share a commit.

use super::Phase;
use crate::{
    report::Figures,
    room::{self, Sender},
    usage::Stopwatch,
    world::World,
};
use anyhow::{Context, Result, ensure};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Sent by each client first and not counted.
const WARM_UP: usize = 2;

pub async fn measure(world: &mut World) -> Result<Figures> {
    let mut senders = senders(world).await?;
    for sender in &mut senders {
        for _ in 0..WARM_UP {
            sender.send().await?;
        }
    }

    // The messages that may still begin, whoever sends them.
    let left = Arc::new(AtomicUsize::new(world.scale.messages));
    let stopwatch = Stopwatch::start(world)?;
    let end = Instant::now() + Duration::from_secs(world.scale.seconds);
    let mut tasks = JoinSet::new();
    for sender in senders {
        tasks.spawn(send_until(sender, end, left.clone()));
    }
    let mut times = Vec::new();
    while let Some(finished) = tasks.join_next().await {
        times.append(&mut finished??);
    }
    stopwatch.stop(world, Phase::SendParallel.name(), times.len(), times)
}

/// Makes the rooms and has everybody join theirs.
async fn senders(world: &mut World) -> Result<Vec<Sender>> {
    let (clients, rooms) = (world.scale.clients, world.scale.parallel_rooms);
    ensure!((1..=clients).contains(&rooms), "{clients} clients can't share {rooms} rooms");
    world.need_accounts(clients).await?;
    let mut room_ids = Vec::with_capacity(rooms);
    for index in 0..rooms {
        room_ids.push(room::create(&mut world.client(index)?, &format!("Busy room {index}")).await?);
    }
    let mut senders = Vec::with_capacity(clients);
    for index in 0..clients {
        let mut client = world.client(index)?;
        let room_id = room_ids.get(index % rooms).context("a room is missing")?;
        if index >= rooms {
            room::join(&mut client, room_id).await?;
        }
        senders.push(Sender::new(client, room_id, &world.fresh_name()));
    }
    Ok(senders)
}

async fn send_until(mut sender: Sender, end: Instant, left: Arc<AtomicUsize>) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    let take_one = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1)).is_ok();
    while Instant::now() < end && take_one() {
        times.push(sender.send().await?);
    }
    Ok(times)
}
