//! Sending alone: one client in a room with one other member sends message after message, each when the one before is
//! answered. It shows what a message costs when nothing can be shared with another.

use super::Phase;
use crate::{
    report::Figures,
    room::{self, Sender},
    usage::Stopwatch,
    world::World,
};
use anyhow::Result;
use std::time::{Duration, Instant};

/// Sent first and not counted: the first messages of a room fill caches that all later ones use.
const WARM_UP: usize = 20;

pub async fn measure(world: &mut World) -> Result<Figures> {
    world.need_accounts(2).await?;
    let mut client = world.client(0)?;
    let room_id = room::create(&mut client, "One at a time").await?;
    room::join(&mut world.client(1)?, &room_id).await?;
    let mut sender = Sender::new(client, &room_id, &world.fresh_name());
    for _ in 0..WARM_UP {
        sender.send().await?;
    }

    let mut times = Vec::new();
    let stopwatch = Stopwatch::start(world)?;
    let end = Instant::now() + Duration::from_secs(world.scale.seconds);
    while times.len() < world.scale.messages && Instant::now() < end {
        times.push(sender.send().await?);
    }
    world.history = Some((room_id, WARM_UP + times.len()));
    stopwatch.stop(world, Phase::SendAlone.name(), times.len(), times)
}
