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
mod memo;
pub mod presence;
mod restores;
mod scene;
mod state;
mod summary;
mod timeline;
mod token;
mod wakers;

pub use presence::Presence;
pub use token::Token;
pub use wakers::Wakers;

use crate::{
    accounts::{AccountError, users},
    clock::Clock,
    e2ee::E2eeError,
    push::unread::Unread,
    rooms::{RoomError, Rooms, membership, typing::Typing},
};
use hearth_store::{Read as _, RoomNo, Store, StoreError, tables};
use lazy::Lazy;
use memo::Memo;
use presence::{Faded, Life};
use restores::Restores;
use ruma::{OwnedDeviceId, OwnedUserId, UserId, api::client::sync::sync_events::v3, presence::PresenceState};
use scene::Question;
use std::{sync::Arc, time::Duration};
use token::Moment;
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
    memo: Arc<Memo>,
    presence: Presence,
    restores: Arc<Restores>,
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
    ///
    /// # Errors
    /// Those of the store.
    ///
    /// # Panics
    /// As [`Wakers::of`].
    pub fn new(parts: Parts) -> Result<Self, StoreError> {
        let restores = Restores::read(&parts.store.snapshot()?)?;
        let wakers = Wakers::of(&parts.store);
        let presence = Presence::new(parts.clock.now(), Instant::now());
        let (unread, lazy, memo) = (Arc::default(), Arc::default(), Arc::default());
        Ok(Self { parts: Arc::new(parts), wakers, unread, lazy, memo, presence, restores: Arc::new(restores) })
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

    /// Who is there.
    #[must_use]
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// A user gives a sign of life.
    ///
    /// # Errors
    /// Those of the store.
    pub fn alive(&self, life: Life<'_>) -> Result<(), SyncError> {
        let user = life.user;
        let sign = self.presence.alive(life, Instant::now(), self.parts.clock.now());
        if sign.changed {
            self.presence_changed(user)?;
        }
        if sign.unwatched {
            let (syncs, user) = (self.clone(), user.to_owned());
            tokio::spawn(async move {
                loop {
                    let Faded { changed, next } = syncs.presence.fade(&user, Instant::now());
                    // A store that is closing has nobody left to tell.
                    let _ = if changed { syncs.presence_changed(&user) } else { Ok(()) };
                    match next {
                        Some(at) => tokio::time::sleep_until(at).await,
                        None => return,
                    }
                }
            });
        }
        Ok(())
    }

    /// Has those offline who were shown to be there before this server started, and have not come back. Whoever waits for
    /// something else hears of it with that.
    fn settle(&self, now: Instant) -> Result<(), SyncError> {
        if self.presence.is_to_settle(now) {
            let everybody = users::all(&self.parts.store.snapshot()?)?;
            self.presence.settle(everybody.into_iter().map(|(user, _)| user));
        }
        Ok(())
    }

    fn presence_changed(&self, user: &UserId) -> Result<(), SyncError> {
        for room in membership::joined_rooms(&self.parts.store.snapshot()?, user)? {
            self.wakers.wake_room(room);
        }
        Ok(())
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
        // A position that was not given out yet: the token of another server.
        let since = since.filter(|since| since.position <= snapshot.pos());
        let (since, astray) = match since {
            Some(since) => self.restores.place(since),
            None => (None, false),
        };
        let filter = filter::of_request(&snapshot, &user, request.filter)?;
        let question = Question {
            user,
            device,
            since,
            filter,
            full_state: request.full_state || astray,
            astray,
            state_after: request.use_state_after,
        };
        let patience = request.timeout.unwrap_or_default().min(LONGEST);
        if request.set_presence != PresenceState::Offline {
            let (user, device) = (&*question.user, &*question.device);
            self.alive(Life { user, device, state: request.set_presence, status: None, patience })?;
        }
        self.settle(Instant::now())?;
        device::acknowledge(self, &question, &snapshot).await?;
        drop(snapshot);
        // What comes without a token, or asks for everything, has an answer now.
        if question.since.is_none() || question.full_state {
            if question.since.is_none() || question.astray {
                self.lazy.begins(&question);
            }
            let syncs = self.clone();
            // Long enough to keep others from a thread of the runtime.
            let response =
                tokio::task::spawn_blocking(move || answer::answer(&syncs, &syncs.parts.store.snapshot()?, &question));
            return response.await?;
        }
        self.wait(&question, Instant::now() + patience).await
    }

    async fn wait(&self, question: &Question, deadline: Instant) -> Result<v3::Response, SyncError> {
        let mut moment = self.moment();
        // Most come back at once with the token that they were just given: nothing has happened since.
        let mut response = match question.since.is_some_and(|since| since.is_of(moment)) {
            true => None,
            false => Some(self.answer(question)?),
        };
        while !response.as_ref().is_some_and(answer::tells) && Instant::now() < deadline {
            let rooms = membership::joined_rooms(&self.parts.store.snapshot()?, &question.user)?;
            let wait = self.wakers.register(question.user.as_str(), question.device.as_str(), rooms);
            // What happens from here on wakes; what happened before shows in the moment. So nothing is missed.
            loop {
                let now = self.moment();
                if now != moment {
                    moment = now;
                    let made = response.insert(self.answer(question)?);
                    if answer::tells(made) || self.moved(question, wait.rooms())? {
                        break;
                    }
                }
                if timeout_at(deadline, wait.woken()).await.is_err() {
                    break;
                }
            }
        }
        match response {
            Some(response) => Ok(response),
            None => self.answer(question),
        }
    }

    fn answer(&self, question: &Question) -> Result<v3::Response, SyncError> {
        let snapshot = self.parts.store.snapshot()?;
        // The token was good when the request came, which may be long ago.
        if !snapshot.contains(tables::DEVICES, (question.user.as_str(), question.device.as_str()))? {
            return Err(AccountError::UnknownToken { soft_logout: false }.into());
        }
        answer::answer(self, &snapshot, question)
    }

    /// Everything that an answer depends on.
    fn moment(&self) -> Moment {
        (self.parts.store.durable_pos(), self.parts.typing.serial(), self.presence.serial())
    }

    /// Whether the user is in other rooms than those that a sync waits for.
    fn moved(&self, question: &Question, rooms: &[RoomNo]) -> Result<bool, SyncError> {
        Ok(membership::joined_rooms(&self.parts.store.snapshot()?, &question.user)? != rooms)
    }
}

#[cfg(test)]
mod tests;
