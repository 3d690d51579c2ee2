//! Sign-up: the time from the first request on a new connection to having an access token, every stage of the
//! user-interactive authentication included. One after another, as friends arrive.

use super::Phase;
use crate::{report::Figures, usage::Stopwatch, world::World};
use anyhow::Result;
use std::time::Instant;

pub async fn measure(world: &mut World) -> Result<Figures> {
    let mut times = Vec::with_capacity(world.scale.sign_ups);
    let stopwatch = Stopwatch::start(world)?;
    for _ in 0..world.scale.sign_ups {
        let started = Instant::now();
        let account = world.sign_up().await?;
        times.push(started.elapsed());
        world.accounts.push(account);
    }
    stopwatch.stop(world, Phase::SignUp.name(), times.len(), times)
}
