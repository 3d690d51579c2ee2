//! Pagination: `/messages` from the newest event of a long room backwards, page by page, as a client does when somebody
//! scrolls up. What is measured is one page.

use super::Phase;
use crate::{
    client::{Client, encode, excerpt},
    report::Figures,
    room::{self, Sender},
    usage::Stopwatch,
    world::World,
};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hyper::Method;
use serde::{Deserialize, de::IgnoredAny};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Events on a page.
const PAGE: usize = 100;
/// How often the history is walked.
const WALKS: usize = 3;
/// Clients that write what history is missing.
const WRITERS: usize = 8;

pub async fn measure(world: &mut World) -> Result<Figures> {
    let wanted = world.scale.history;
    ensure!(wanted >= PAGE, "a history of {wanted} messages does not fill a page of {PAGE}");
    let room_id = long_room(world, wanted).await?;
    let mut client = world.client(0)?;

    let mut times = Vec::new();
    let stopwatch = Stopwatch::start(world)?;
    for _ in 0..WALKS {
        walk(&mut client, &room_id, wanted, &mut times).await?;
    }
    stopwatch.stop(world, Phase::Pagination.name(), times.len(), times)
}

/// Walks back through so many events. Every page must be full: the room has that many messages.
async fn walk(client: &mut Client, room_id: &str, events: usize, times: &mut Vec<Duration>) -> Result<()> {
    #[derive(Deserialize)]
    struct Page {
        chunk: Vec<IgnoredAny>,
        end: Option<String>,
    }
    let first = format!("/_matrix/client/v3/rooms/{}/messages?dir=b&limit={PAGE}", encode(room_id));
    let mut path = first.clone();
    for _ in 0..events / PAGE {
        let started = Instant::now();
        let answer = client.call(Method::GET, &path, Bytes::new()).await?;
        times.push(started.elapsed());
        let page: Page = serde_json::from_slice(&answer)
            .with_context(|| format!("GET {path} answered no page: {}", excerpt(&answer)))?;
        let found = page.chunk.len();
        ensure!(found == PAGE, "GET {path} answered a page of {found} events where {PAGE} were to come");
        let end = page.end.with_context(|| format!("GET {path} answered no end, but the room goes on"))?;
        path = format!("{first}&from={}", encode(&end));
    }
    Ok(())
}

/// A room with at least so many messages: the one that sending alone left, filled up, or a new one.
async fn long_room(world: &mut World, wanted: usize) -> Result<String> {
    world.need_accounts(1).await?;
    let (room_id, there) = match world.history.clone() {
        Some(history) => history,
        None => (room::create(&mut world.client(0)?, "Long ago").await?, 0),
    };
    let missing = wanted.saturating_sub(there);
    let mut writers = JoinSet::new();
    for index in 0..WRITERS {
        let mut sender = Sender::new(world.client(0)?, &room_id, &world.fresh_name());
        let share = missing / WRITERS + usize::from(index < missing % WRITERS);
        writers.spawn(async move {
            for _ in 0..share {
                sender.send().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(finished) = writers.join_next().await {
        finished??;
    }
    world.history = Some((room_id.clone(), there + missing));
    Ok(room_id)
}
