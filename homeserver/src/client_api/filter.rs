//! Stored filters.

use super::account_data::check_own;
use crate::{
    accounts::filters,
    http::{App, Caller, Error, Routes as _},
};
use axum::Router;
use ruma::api::client::filter::{create_filter, get_filter};
use std::sync::Arc;

/// Greatest size of a stored filter, in bytes.
const LARGEST: usize = 64 * 1024;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(create_filter).endpoint(get_filter)
}

/// `POST /_matrix/client/v3/user/{userId}/filter`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridfilter>
pub async fn create_filter(
    app: Arc<App>,
    caller: Caller,
    request: create_filter::v3::Request,
) -> Result<create_filter::v3::Response, Error> {
    check_own(&caller, &request.user_id)?;
    let filter = serde_json::to_string(&request.filter).map_err(|error| Error::internal(&error))?;
    if filter.len() > LARGEST {
        return Err(Error::too_large());
    }
    let number = app.store.change(move |change| filters::add(change, &caller.user, &filter)).await?;
    Ok(create_filter::v3::Response::new(number.to_string()))
}

/// `GET /_matrix/client/v3/user/{userId}/filter/{filterId}`
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridfilterfilterid>
pub async fn get_filter(
    app: Arc<App>,
    caller: Caller,
    request: get_filter::v3::Request,
) -> Result<get_filter::v3::Response, Error> {
    check_own(&caller, &request.user_id)?;
    let filter = filters::get(&app.store.snapshot()?, &caller.user, &request.filter_id)?
        .ok_or_else(|| Error::not_found("You have no such filter."))?;
    let filter = serde_json::from_str(&filter).map_err(|error| Error::internal(&error))?;
    Ok(get_filter::v3::Response::new(filter))
}
