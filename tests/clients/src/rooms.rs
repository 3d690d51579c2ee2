//! Rooms with people in them.

use matrix_sdk::{
    Room, RoomState,
    room::MessagesOptions,
    ruma::{
        OwnedRoomId, RoomId,
        api::client::room::create_room::v3::{Request, RoomPreset},
        assign,
        events::{
            InitialStateEvent,
            room::{encryption::RoomEncryptionEventContent, message::RoomMessageEventContent},
        },
        uint,
    },
};

use crate::device::Device;

/// A plain text message.
pub fn text(body: &str) -> RoomMessageEventContent {
    RoomMessageEventContent::text_plain(body)
}

/// `host` creates a private room in the clear and invites the guests, who join. Answers when all know all.
pub async fn room_of(host: &Device, guests: &[&Device]) -> OwnedRoomId {
    gather(host, guests, Request::new()).await
}

/// As [`room_of`], encrypted from the first event on.
pub async fn encrypted_room_of(host: &Device, guests: &[&Device]) -> OwnedRoomId {
    let encryption = InitialStateEvent::with_empty_state_key(RoomEncryptionEventContent::with_recommended_defaults());
    let request = assign!(Request::new(), { initial_state: vec![encryption.to_raw_any()] });
    let room_id = gather(host, guests, request).await;
    for device in guests.iter().chain([&host]) {
        device
            .until_true("the room to be known as encrypted", async |_| {
                device.room(&room_id).latest_encryption_state().await.is_ok_and(|state| state.is_encrypted())
            })
            .await;
    }
    room_id
}

async fn gather(host: &Device, guests: &[&Device], request: Request) -> OwnedRoomId {
    let invite = guests.iter().map(|guest| guest.user_id().to_owned()).collect();
    let request = assign!(request, { preset: Some(RoomPreset::PrivateChat), invite });
    let room = host.client().create_room(request).await.expect("the host may create a room");
    for guest in guests {
        join_invited(guest, room.room_id()).await;
    }
    let everybody = guests.len() as u64 + 1;
    for device in guests.iter().chain([&host]) {
        device
            .until_true(&format!("{everybody} joined members in the room"), async |client| {
                client.get_room(room.room_id()).is_some_and(|room| room.joined_members_count() == everybody)
            })
            .await;
    }
    room.room_id().to_owned()
}

/// Waits for the invitation to the room and accepts it.
pub async fn join_invited(guest: &Device, room_id: &RoomId) -> Room {
    let room = guest
        .until("the invitation", async |client| {
            client.get_room(room_id).filter(|room| room.state() == RoomState::Invited)
        })
        .await;
    room.join().await.expect("an invited user may join");
    room
}

/// Every text of the room that the app can decrypt, oldest first, as the server gives them out; the newest hundred events.
pub async fn history(device: &Device, room: &RoomId) -> Vec<String> {
    let mut options = MessagesOptions::backward();
    options.limit = uint!(100);
    let messages = device.room(room).messages(options).await.expect("a member may read the room");
    let mut texts: Vec<String> = messages
        .chunk
        .iter()
        .filter(|event| event.encryption_info().is_some())
        .filter_map(|event| event.raw().get_field::<serde_json::Value>("content").ok().flatten())
        .filter_map(|content| content["body"].as_str().map(str::to_owned))
        .collect();
    texts.reverse();
    texts
}
