//! The user directory.

use crate::{
    accounts::users,
    http::{App, Caller, Error, Routes as _},
};
use axum::Router;
use ruma::api::client::user_directory::search_users::{self, v3::User};
use std::sync::Arc;

/// Most results of one search.
const MOST: usize = 50;

/// Routes of this chapter.
pub fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.endpoint(search_users)
}

/// `POST /_matrix/client/v3/user_directory/search`
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3user_directorysearch>
pub async fn search_users(
    app: Arc<App>,
    _caller: Caller,
    request: search_users::v3::Request,
) -> Result<search_users::v3::Response, Error> {
    let limit = usize::try_from(request.limit).unwrap_or(MOST).min(MOST);
    // A server of this kind is one household: everybody on it may find everybody.
    let (found, limited) = users::search(&app.store.snapshot()?, request.search_term.trim(), limit)?;
    let results = found.into_iter().map(|found| {
        let mut user = User::new(found.user);
        user.display_name = found.display_name;
        user.avatar_url = found.avatar_url.map(Into::into);
        user
    });
    Ok(search_users::v3::Response::new(results.collect(), limited))
}
