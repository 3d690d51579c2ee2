//! Room creation and upgrade.

use crate::{
    http::{App, Caller, Error, Routes as _},
    rooms::create::{NewRoom, Preset},
};
use axum::Router;
use ruma::{
    RoomAliasId,
    api::client::room::{
        Visibility,
        create_room::{self, v3::RoomPreset},
    },
    events::TimelineEventType,
    serde::Raw,
};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use std::sync::Arc;

/// Invitations in one request at most; a larger circle is invited step by step.
const MAX_INVITES: usize = 100;
/// State events in one request at most.
const MAX_INITIAL_STATE: usize = 100;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(create_room)
}

#[derive(Deserialize)]
struct InitialState {
    #[serde(rename = "type")]
    kind: TimelineEventType,
    #[serde(default)]
    state_key: String,
    content: Box<RawValue>,
}

/// `POST /_matrix/client/v3/createRoom`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom>
pub async fn create_room(
    app: Arc<App>,
    caller: Caller,
    request: create_room::v3::Request,
) -> Result<create_room::v3::Response, Error> {
    if !request.invite_3pid.is_empty() {
        return Err(Error::invalid("This server can't invite by e-mail address or telephone number."));
    }
    if request.invite.len() > MAX_INVITES || request.initial_state.len() > MAX_INITIAL_STATE {
        return Err(Error::invalid("That is too much for one request; invite and set state afterwards."));
    }
    let listed = request.visibility == Visibility::Public;
    let preset = match request.preset {
        Some(RoomPreset::PublicChat) => Preset::PublicChat,
        Some(RoomPreset::TrustedPrivateChat) => Preset::TrustedPrivateChat,
        Some(RoomPreset::PrivateChat) => Preset::PrivateChat,
        None if listed => Preset::PublicChat,
        None => Preset::PrivateChat,
        Some(_) => return Err(Error::invalid("There is no such preset.")),
    };
    let alias = request
        .room_alias_name
        .map(|name| RoomAliasId::parse(format!("#{name}:{}", app.config.server_name)))
        .transpose()
        .map_err(|_| Error::invalid("That can't be part of a room alias."))?;
    let initial_state = request
        .initial_state
        .iter()
        .map(|event| {
            let event: InitialState = parse(event)?;
            Ok((event.kind, event.state_key, event.content))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let mut invite = request.invite;
    invite.retain(|user| *user != caller.user);
    invite.sort();
    invite.dedup();
    let new = NewRoom {
        creator: caller.user,
        version: request.room_version,
        preset,
        creation_content: request.creation_content.as_ref().map(parse).transpose()?.unwrap_or_default(),
        initial_state,
        power_levels: request
            .power_level_content_override
            .as_ref()
            .map(parse::<_, Map<String, Value>>)
            .transpose()?
            .unwrap_or_default(),
        alias,
        name: request.name,
        topic: request.topic,
        invite,
        is_direct: request.is_direct,
        listed,
        now: app.clock.now(),
    };
    let (rooms, random) = (app.rooms.clone(), app.random.clone());
    let room_id = app.store.change(move |change| rooms.create(change, new, &random)).await?;
    Ok(create_room::v3::Response::new(room_id))
}

fn parse<T, U: serde::de::DeserializeOwned>(raw: &Raw<T>) -> Result<U, Error> {
    serde_json::from_str(raw.json().get())
        .map_err(|error| Error::bad_json(format!("The body is not what this endpoint takes: {error}")))
}
