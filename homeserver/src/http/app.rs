//! What every handler has at hand.

use super::{limits::Limits, tls::Certificates};
use crate::{
    accounts::{last_seen::LastSeen, passwords::Passwords, uia::UiaSessions},
    clock::{Clock, Random},
    config::Config,
    mail::Queue,
    rooms::{Rooms, typing::Typing},
    settings::Settings,
    sync::Syncs,
};
use hearth_store::Store;
use std::{sync::Arc, time::Instant};
use tokio::sync::Semaphore;

/// The parts of a running server.
#[derive(Debug)]
pub struct App {
    /// What the server was told at its start.
    pub config: Config,
    /// What the owner sets while it runs.
    pub settings: Settings,
    /// The certificates that clients are shown; none where the server speaks HTTP alone.
    pub certificates: Option<Arc<Certificates>>,
    /// Letters to be sent.
    pub mail: Queue,
    /// When the server started.
    pub started: Instant,
    /// Time.
    pub clock: Clock,
    /// Chance.
    pub random: Random,
    /// The database.
    pub store: Store,
    /// Hashes passwords, a few at a time.
    pub passwords: Passwords,
    /// Unfinished user-interactive authentications.
    pub uia: UiaSessions,
    /// When devices were last heard of.
    pub last_seen: LastSeen,
    /// Makes, checks and stores events.
    pub rooms: Rooms,
    /// Who is typing where.
    pub typing: Typing,
    /// Answers syncs, and wakes those that wait.
    pub syncs: Syncs,
    /// Turns for taking a snapshot of the database; there is one at a time.
    pub snapshots: Arc<Semaphore>,
    /// Rate limits.
    pub limits: Limits,
}
