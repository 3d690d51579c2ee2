//! One file a phase. Each prepares what it needs, measures, and leaves the server as a place where the next can work.

mod fan_out;
mod first_sync;
mod pagination;
mod send_alone;
mod send_parallel;
mod sign_up;

use crate::{report::Figures, world::World};
use anyhow::Result;
use clap::ValueEnum;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Phase {
    /// Making an account.
    SignUp,
    /// One client sends and waits for each answer.
    SendAlone,
    /// Many clients in several rooms send at once.
    SendParallel,
    /// A message on its way to many long-polling readers.
    FanOut,
    /// The first sync of an account in many rooms.
    FirstSync,
    /// Reading a long history back.
    Pagination,
}

impl Phase {
    /// In the order that makes a run short: each uses what those before it made.
    pub const ALL: [Phase; 6] =
        [Phase::SignUp, Phase::SendAlone, Phase::SendParallel, Phase::FanOut, Phase::FirstSync, Phase::Pagination];

    pub fn name(self) -> &'static str {
        match self {
            Phase::SignUp => "sign-up",
            Phase::SendAlone => "send-alone",
            Phase::SendParallel => "send-parallel",
            Phase::FanOut => "fan-out",
            Phase::FirstSync => "first-sync",
            Phase::Pagination => "pagination",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

pub async fn run(phase: Phase, world: &mut World) -> Result<Figures> {
    match phase {
        Phase::SignUp => sign_up::measure(world).await,
        Phase::SendAlone => send_alone::measure(world).await,
        Phase::SendParallel => send_parallel::measure(world).await,
        Phase::FanOut => fan_out::measure(world).await,
        Phase::FirstSync => first_sync::measure(world).await,
        Phase::Pagination => pagination::measure(world).await,
    }
}
