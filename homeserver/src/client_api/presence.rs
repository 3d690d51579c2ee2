//! Presence.

use crate::{
    e2ee::device_lists::share_room,
    http::{App, Caller, Error, Routes as _},
    sync::presence::{Life, is_known},
};
use axum::Router;
use ruma::{
    api::client::presence::{get_presence, set_presence},
    presence::PresenceState,
};
use std::{sync::Arc, time::Duration};

/// Longest status message, in bytes: a line or two. It is sent to everybody who shares a room.
const LONGEST: usize = 1024;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(set_presence).endpoint(get_presence)
}

/// `PUT /_matrix/client/v3/presence/{userId}/status`
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3presenceuseridstatus>
pub async fn set_presence(
    app: Arc<App>,
    caller: Caller,
    request: set_presence::v3::Request,
) -> Result<set_presence::v3::Response, Error> {
    if request.user_id != caller.user {
        return Err(Error::forbidden("You can't set the presence of another user."));
    }
    check(&request.presence)?;
    if request.status_msg.as_ref().is_some_and(|status| status.len() > LONGEST) {
        return Err(Error::invalid(format!("A status message has {LONGEST} bytes at most.")));
    }
    let (state, status) = (request.presence, Some(request.status_msg));
    app.syncs.alive(Life { user: &caller.user, device: &caller.device, state, status, patience: Duration::ZERO })?;
    Ok(set_presence::v3::Response::new())
}

/// `GET /_matrix/client/v3/presence/{userId}/status`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3presenceuseridstatus>
pub async fn get_presence(
    app: Arc<App>,
    caller: Caller,
    request: get_presence::v3::Request,
) -> Result<get_presence::v3::Response, Error> {
    let (user, other) = (&caller.user, &request.user_id);
    if user != other && !share_room(&app.store.snapshot()?, user.as_str(), other.as_str())? {
        return Err(Error::forbidden("You share no room with that user."));
    }
    let shown = app.syncs.presence().of(other, app.clock.now());
    let mut response = get_presence::v3::Response::new(shown.state);
    response.status_msg = shown.status;
    response.last_active_ago = shown.last_active_ago.map(Duration::from_millis);
    response.currently_active = Some(shown.currently_active);
    Ok(response)
}

/// Refuses a state that nobody else would know.
///
/// # Errors
/// 400 `M_INVALID_PARAM`
pub(super) fn check(state: &PresenceState) -> Result<(), Error> {
    if is_known(state) { Ok(()) } else { Err(Error::invalid("Presence is online, unavailable or offline.")) }
}
