//! Room tags: the account data `m.tag` of a room, one tag at a time.

use super::account_data::check_own;
use crate::{
    accounts::{AccountError, account_data},
    http::{App, Caller, Error, Routes as _},
};
use axum::Router;
use hearth_store::{Change, Read};
use ruma::{
    RoomId, UserId,
    api::client::tag::{create_tag, delete_tag, get_tags},
    events::tag::{TagEventContent, Tags},
};
use std::sync::Arc;

/// The type of the account data.
const KIND: &str = "m.tag";
/// Longest tag, in bytes: <https://spec.matrix.org/v1.19/client-server-api/#room-tagging>
const LONGEST: usize = 255;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(get_tags).endpoint(create_tag).endpoint(delete_tag)
}

/// `GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridroomsroomidtags>
pub async fn get_tags(
    app: Arc<App>,
    caller: Caller,
    request: get_tags::v3::Request,
) -> Result<get_tags::v3::Response, Error> {
    check_own(&caller, &request.user_id)?;
    Ok(get_tags::v3::Response::new(tags(&app.store.snapshot()?, &caller.user, &request.room_id)?))
}

/// `PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridroomsroomidtagstag>
pub async fn create_tag(
    app: Arc<App>,
    caller: Caller,
    request: create_tag::v3::Request,
) -> Result<create_tag::v3::Response, Error> {
    check_own(&caller, &request.user_id)?;
    if request.tag.len() > LONGEST {
        return Err(Error::invalid(format!("A tag has at most {LONGEST} bytes.")));
    }
    if request.tag_info.order.is_some_and(|order| !(0.0..=1.0).contains(&order)) {
        return Err(Error::invalid("The order of a tag lies between 0 and 1."));
    }
    app.store
        .change(move |change| {
            let mut tags = tags(change, &caller.user, &request.room_id)?;
            tags.insert(request.tag.as_str().into(), request.tag_info);
            store(change, &caller.user, &request.room_id, tags)
        })
        .await?;
    Ok(create_tag::v3::Response::new())
}

/// `DELETE /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}`
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3useruseridroomsroomidtagstag>
pub async fn delete_tag(
    app: Arc<App>,
    caller: Caller,
    request: delete_tag::v3::Request,
) -> Result<delete_tag::v3::Response, Error> {
    check_own(&caller, &request.user_id)?;
    app.store
        .change(move |change| {
            let mut tags = tags(change, &caller.user, &request.room_id)?;
            match tags.remove(&request.tag.as_str().into()) {
                Some(_) => store(change, &caller.user, &request.room_id, tags),
                None => Ok(()),
            }
        })
        .await?;
    Ok(delete_tag::v3::Response::new())
}

fn tags(read: &impl Read, user: &UserId, room: &RoomId) -> Result<Tags, AccountError> {
    let content = account_data::get(read, user, room.as_str(), KIND)?;
    // A client may have set m.tag as plain account data, to anything; that counts as no tags.
    let content = content.and_then(|content| serde_json::from_str::<TagEventContent>(&content).ok());
    Ok(content.map(|content| content.tags).unwrap_or_default())
}

fn store(change: &mut Change<'_>, user: &UserId, room: &RoomId, tags: Tags) -> Result<(), AccountError> {
    let content = serde_json::to_string(&TagEventContent::new(tags))?;
    account_data::set(change, user, room.as_str(), KIND, content)
}
