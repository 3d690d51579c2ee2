//! Syncing.

use super::presence;
use crate::http::{App, Caller, Error, Routes as _};
use axum::Router;
use ruma::api::client::sync::sync_events;
use std::sync::Arc;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(sync)
}

/// `GET /_matrix/client/v3/sync`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync>
pub async fn sync(
    app: Arc<App>,
    caller: Caller,
    request: sync_events::v3::Request,
) -> Result<sync_events::v3::Response, Error> {
    presence::check(&request.set_presence)?;
    Ok(app.syncs.sync(caller.user, caller.device, request).await?)
}
