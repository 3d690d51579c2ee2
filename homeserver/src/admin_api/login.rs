//! Whether somebody is who they say, for the dashboard: no device, no token.

use super::{Answer, given::Given, ok};
use crate::{
    accounts::{AccountError, users},
    http::{App, uia},
};
use axum::{Router, extract::State, routing::post};
use serde::Deserialize;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

/// Routes of this chapter.
pub(super) fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.route("/v1/login", post(login))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    name: String,
    password: String,
}

/// `POST /v1/login`
async fn login(State(app): State<Arc<App>>, Given(login): Given<Login>) -> Answer {
    let user = users::by_identifier(&app.store.snapshot()?, &login.name, &app.config.server_name)?;
    let name = user.as_ref().map_or_else(|| login.name.to_ascii_lowercase(), ToString::to_string);
    // Who is behind the dashboard's guesses is for the dashboard to know; here they count as those of one address.
    let from = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let right = uia::check_password(&app, user.as_ref(), &name, login.password, from).await?;
    let (Some(user), Some(_)) = (user, right) else { return Err(uia::wrong_password()) };
    let record = users::get(&app.store.snapshot()?, &user)?.ok_or(AccountError::NoSuchUser)?;
    ok(&serde_json::json!({ "user_id": user, "admin": record.admin }))
}
