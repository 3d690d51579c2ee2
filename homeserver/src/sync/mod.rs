//! `/sync`: what a device has not seen yet.
//! <https://spec.matrix.org/v1.19/client-server-api/#syncing>
//!
//! An answer is made from one snapshot, and its token is the snapshot's position: everything stored at or before it is
//! in this answer or an earlier one, everything behind it in a later one. [`answer`] makes one; [`Syncs::sync`] waits
//! until there is something to answer.

mod account_data;
mod answer;
mod device;
mod ephemeral;
mod event;
mod filter;
mod invited;
mod joined;
mod lazy;
mod left;
mod scene;
mod state;
mod summary;
mod timeline;
mod token;
mod wakers;

pub use token::Token;
pub use wakers::Wakers;

use crate::{
    accounts::AccountError,
    clock::Clock,
    e2ee::E2eeError,
    push::unread::Unread,
    rooms::{RoomError, Rooms, membership, typing::Typing},
};
use hearth_store::{Snapshot, Store, StoreError};
use lazy::Lazy;
use ruma::{OwnedDeviceId, OwnedUserId, api::client::sync::sync_events::v3};
use scene::Question;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

/// The longest that a sync waits, whatever the client says: longer than clients ask for, shorter than
/// proxies keep a silent connection.
const LONGEST: Duration = Duration::from_secs(120);

/// Why a sync can't be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The token is not one of this server.
    #[error("That token is not of this server.")]
    BadToken,
    /// The user has stored no such filter.
    #[error("You have no such filter.")]
    UnknownFilter,
    /// The filter is not one.
    #[error("The filter can't be read: {0}")]
    BadFilter(String),
    /// Something of the account can't be read.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Keys can't be read.
    #[error(transparent)]
    E2ee(#[from] E2eeError),
    /// A room can't be read.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// The work on the answer did not end.
    #[error("the work on a sync was broken off: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

impl From<StoreError> for SyncError {
    fn from(error: StoreError) -> Self {
        Self::Room(error.into())
    }
}

/// Answers syncs. Clones are the same.
#[derive(Debug, Clone)]
pub struct Syncs {
    parts: Arc<Parts>,
    wakers: Arc<Wakers>,
    unread: Arc<Unread>,
    lazy: Arc<Lazy>,
}

/// What syncs read.
#[derive(Debug)]
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Reads rooms.
    pub rooms: Rooms,
    /// Who is typing.
    pub typing: Typing,
    /// Time.
    pub clock: Clock,
}

impl Syncs {
    /// Listens to what the store announces from now on.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let wakers = Wakers::of(&parts.store);
        Self { parts: Arc::new(parts), wakers, unread: Arc::default(), lazy: Arc::default() }
    }

    /// Wakes the syncs that wait.
    #[must_use]
    pub fn wakers(&self) -> &Arc<Wakers> {
        &self.wakers
    }

    /// Unread counts, for push.
    #[must_use]
    pub fn unread(&self) -> &Unread {
        &self.unread
    }

    /// Answers a sync, at once if there is something to show, or once there is, or when its time is over.
    ///
    /// # Errors
    /// [`SyncError`]
    pub async fn sync(
        &self,
        user: OwnedUserId,
        device: OwnedDeviceId,
        request: v3::Request,
    ) -> Result<v3::Response, SyncError> {
        let since = request.since.as_deref().map(|since| Token::parse(since).ok_or(SyncError::BadToken)).transpose()?;
        let snapshot = self.parts.store.snapshot()?;
        // A position that was not given out yet: the token of another server, or of this one before it was restored.
        let since = since.filter(|since| since.position <= snapshot.pos());
        let filter = filter::of_request(&snapshot, &user, request.filter)?;
        let question = Question {
            user,
            device,
            since,
            filter,
            full_state: request.full_state,
            state_after: request.use_state_after,
        };
        device::acknowledge(self, &question, &snapshot).await?;
        drop(snapshot);
        let patience = request.timeout.unwrap_or_default().min(LONGEST);
        // What comes without a token, or asks for everything, has an answer now.
        if question.since.is_none() || question.full_state {
            let syncs = self.clone();
            // Long enough to keep others from a thread of the runtime.
            let response =
                tokio::task::spawn_blocking(move || answer::answer(&syncs, &syncs.parts.store.snapshot()?, &question));
            return response.await?;
        }
        self.wait(&question, Instant::now() + patience).await
    }

    async fn wait(&self, question: &Question, deadline: Instant) -> Result<v3::Response, SyncError> {
        let response = answer::answer(self, &self.parts.store.snapshot()?, question)?;
        if answer::tells(&response) || deadline <= Instant::now() {
            return Ok(response);
        }
        loop {
            let rooms = membership::joined_rooms(&self.parts.store.snapshot()?, &question.user)?;
            let wait = self.wakers.register(question.user.as_str(), question.device.as_str(), rooms);
            loop {
                // Looked at after registering, hence nothing is missed in between.
                let snapshot = self.parts.store.snapshot()?;
                let response = answer::answer(self, &snapshot, question)?;
                if answer::tells(&response) {
                    return Ok(response);
                }
                if moved(&snapshot, question, wait.rooms())? {
                    break;
                }
                drop(snapshot);
                if timeout_at(deadline, wait.woken()).await.is_err() {
                    return Ok(response);
                }
            }
        }
    }
}

/// Whether the user is in other rooms than those that a sync waits for.
fn moved(snapshot: &Snapshot, question: &Question, rooms: &[hearth_store::RoomNo]) -> Result<bool, SyncError> {
    Ok(membership::joined_rooms(snapshot, &question.user)? != rooms)
}

#[cfg(test)]
mod tests;
