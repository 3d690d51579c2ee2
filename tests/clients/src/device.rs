//! One signed-in app: it syncs in the background, remembers what it heard, and can be asked to wait for something.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use matrix_sdk::{
    Client, Room,
    config::{SyncSettings, SyncToken},
    deserialized_responses::{EncryptionInfo, VerificationState},
    ruma::{
        OwnedEventId, OwnedRoomId, RoomId, UserId,
        api::{
            client::{filter::FilterDefinition, sync::sync_events::v3::Filter},
            error::ErrorKind,
        },
        events::{AnyMessageLikeEventContent, AnySyncTimelineEvent},
    },
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// How long a test waits for one thing. Long enough for a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A background task of the SDK may change something without a sync; so conditions are also looked at this often.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The long poll of the background sync.
const POLL: Duration = Duration::from_secs(20);

/// An event of a room's timeline as a sync brought it, decrypted if it could be.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The room.
    pub room_id: OwnedRoomId,
    /// The event; `m.room.encrypted` if it could not be decrypted.
    pub event: AnySyncTimelineEvent,
    /// How it was encrypted, and whether its sender is trusted; `None` for an event in the clear.
    pub encryption: Option<EncryptionInfo>,
}

impl Heard {
    /// The event's id.
    pub fn event_id(&self) -> OwnedEventId {
        self.event.event_id().to_owned()
    }

    /// What it says; `None` for a state event, and for one that was taken back.
    pub fn content(&self) -> Option<AnyMessageLikeEventContent> {
        match &self.event {
            AnySyncTimelineEvent::MessageLike(event) => event.original_content(),
            AnySyncTimelineEvent::State(_) => None,
        }
    }

    /// The text, if it is a message with one.
    pub fn body(&self) -> Option<String> {
        match self.content()? {
            AnyMessageLikeEventContent::RoomMessage(message) => Some(message.body().to_owned()),
            _ => None,
        }
    }

    /// Whether it was encrypted by a device that its owner has signed, of a user that was verified.
    pub fn is_from_trusted_device(&self) -> bool {
        self.encryption.as_ref().is_some_and(|info| info.verification_state == VerificationState::Verified)
    }

    /// The Megolm session it was encrypted with.
    pub fn session_id(&self) -> Option<&str> {
        self.encryption.as_ref().and_then(EncryptionInfo::session_id)
    }
}

/// A signed-in app of somebody.
pub struct Device {
    client: Client,
    name: String,
    password: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    /// How the last syncs went; every change is a finished sync.
    beat: watch::Receiver<Beat>,
    sync: JoinHandle<()>,
}

#[derive(Clone, Debug, Default)]
struct Beat {
    syncs: u64,
    last_error: Option<String>,
}

impl Device {
    /// Takes a signed-in client, lets it sync, and waits for the first answer as apps do: a first sync tells of no changed
    /// keys, so keys that were published while it was under way would not be seen to have changed.
    pub(crate) async fn new(name: &str, client: Client, password: String) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = heard.clone();
        client.add_event_handler(move |event: AnySyncTimelineEvent, room: Room, encryption: Option<EncryptionInfo>| {
            keep.lock().unwrap().push(Heard { room_id: room.room_id().to_owned(), event, encryption });
            async {}
        });
        let (sender, beat) = watch::channel(Beat::default());
        let sync = tokio::spawn(keep_syncing(client.clone(), sender));
        let device = Self { client, name: name.to_owned(), password, heard, beat, sync };
        device.until_true("its first sync", async |_| device.beat.borrow().syncs > 0).await;
        device
    }

    /// The SDK's client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Who this is in a failure's sentence.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The full user id.
    pub fn user_id(&self) -> &UserId {
        self.client.user_id().expect("a device is signed in")
    }

    /// The account's password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The SDK's room, which this device must know already.
    pub fn room(&self, room_id: &RoomId) -> Room {
        self.client.get_room(room_id).unwrap_or_else(|| panic!("{} doesn't know the room {room_id}", self.name))
    }

    /// Waits until `look` finds something, looking again after every sync.
    ///
    /// # Panics
    ///
    /// When it takes longer than a minute, with `what` in the sentence.
    pub async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut(&Client) -> Option<T>) -> T {
        let mut beat = self.beat.clone();
        let found = timeout(PATIENCE, async {
            loop {
                beat.mark_unchanged();
                if let Some(found) = look(&self.client).await {
                    return found;
                }
                // The error means that the sync has ended (a logout); then only the clock is left to wait for.
                if let Ok(Err(_)) = timeout(LOOK_AGAIN, beat.changed()).await {
                    sleep(LOOK_AGAIN).await;
                }
            }
        });
        found.await.unwrap_or_else(|_| {
            let beat = self.beat.borrow().clone();
            panic!(
                "{} waited {PATIENCE:?} in vain for {what} ({} syncs; last sync error: {})",
                self.name,
                beat.syncs,
                beat.last_error.as_deref().unwrap_or("none"),
            )
        })
    }

    /// Waits until `holds` is true.
    pub async fn until_true(&self, what: &str, mut holds: impl AsyncFnMut(&Client) -> bool) {
        self.until(what, async |client| holds(client).await.then_some(())).await;
    }

    /// Waits for an event in the room that `wanted` accepts.
    pub async fn see(&self, room_id: &RoomId, what: &str, wanted: impl Fn(&Heard) -> bool) -> Heard {
        self.until(what, async |_| {
            self.heard.lock().unwrap().iter().find(|heard| heard.room_id == room_id && wanted(heard)).cloned()
        })
        .await
    }

    /// Waits for the text message `body` in the room, decrypted if the room is encrypted.
    pub async fn hear(&self, room_id: &RoomId, body: &str) -> Heard {
        self.see(room_id, &format!("the message \"{body}\""), |heard| heard.body().as_deref() == Some(body)).await
    }

    /// Everything heard so far in the room, oldest first.
    pub fn heard(&self, room_id: &RoomId) -> Vec<Heard> {
        self.heard.lock().unwrap().iter().filter(|heard| heard.room_id == room_id).cloned().collect()
    }

    /// Ends the background sync, for a test that syncs by itself. What was synced stays.
    pub async fn stop_syncing(&mut self) {
        self.sync.abort();
        // Waited for, or a last sync could still be on its way into the store.
        let _ = (&mut self.sync).await;
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.sync.abort();
    }
}

/// Sync settings as apps use them: going on from the last token, with members lazily loaded. (Room summaries, which the
/// SDK counts members by, come with lazy loading only on some servers.)
pub fn as_apps_sync() -> SyncSettings {
    let filter = Filter::FilterDefinition(FilterDefinition::with_lazy_loading());
    SyncSettings::new().token(SyncToken::ReusePrevious).filter(filter)
}

/// Syncs until the client is signed out. The SDK's own loop waits a second between quick syncs; a test can't afford to.
async fn keep_syncing(client: Client, beat: watch::Sender<Beat>) {
    loop {
        match client.sync_once(as_apps_sync().timeout(POLL)).await {
            Ok(_) => beat.send_modify(|beat| beat.syncs += 1),
            Err(error) => {
                let unknown_token = matches!(error.client_api_error_kind(), Some(ErrorKind::UnknownToken(_)));
                beat.send_modify(|beat| beat.last_error = Some(error.to_string()));
                if unknown_token {
                    break;
                }
                sleep(LOOK_AGAIN).await;
            }
        }
    }
}
