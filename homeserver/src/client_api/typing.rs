//! Typing notifications.

use super::rooms::room;
use crate::{
    http::{App, Caller, Error, Routes as _},
    rooms::membership,
};
use axum::Router;
use hearth_store::records::Membership;
use ruma::api::client::typing::create_typing_event::{self, v3::Typing};
use std::{sync::Arc, time::Duration};

/// The longest that one notice holds; clients renew theirs every few seconds.
const LONGEST: Duration = Duration::from_secs(120);

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(create_typing_event)
}

/// `PUT /_matrix/client/v3/rooms/{roomId}/typing/{userId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidtypinguserid>
pub async fn create_typing_event(
    app: Arc<App>,
    caller: Caller,
    request: create_typing_event::v3::Request,
) -> Result<create_typing_event::v3::Response, Error> {
    if request.user_id != caller.user {
        return Err(Error::forbidden("You can't type for another user."));
    }
    let snapshot = app.store.snapshot()?;
    let number = room(&snapshot, &request.room_id)?.number;
    if membership::membership(&snapshot, number, &caller.user)? != Membership::Join {
        return Err(Error::forbidden("You are not in this room."));
    }
    drop(snapshot);
    let changed = match request.state {
        Typing::No => app.typing.stop(number, &caller.user),
        Typing::Yes(info) => {
            let notice = app.typing.start(number, &caller.user);
            let (typing, wakers) = (app.typing.clone(), Arc::clone(app.syncs.wakers()));
            let timeout = info.timeout.min(LONGEST);
            tokio::spawn(async move {
                tokio::time::sleep(timeout).await;
                if typing.expire(number, &caller.user, notice) {
                    wakers.wake_room(number);
                }
            });
            notice.changed
        }
    };
    if changed {
        app.syncs.wakers().wake_room(number);
    }
    Ok(create_typing_event::v3::Response::new())
}
