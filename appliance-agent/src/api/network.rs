//! `/api/network` and the wizard's step of the same form.

use super::Nothing;
use crate::{
    app::App,
    http::Body,
    network,
    problem::Problem,
    setup::{self, Network, View},
};
use axum::{Json, extract::State};
use hearth_system::Plan;
use serde::Deserialize;
use std::{net::IpAddr, sync::Arc};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Auto,
    Static,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    mode: Mode,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    gateway: Option<String>,
    #[serde(default)]
    dns: Vec<String>,
}

impl Wanted {
    fn plan(self) -> Result<Plan, Problem> {
        let parse = |field: &str, typed: &str| -> Result<IpAddr, Problem> {
            typed
                .trim()
                .parse()
                .map_err(|_| Problem::invalid(field, "This is not an address.", "Type it as in 192.168.1.1."))
        };
        let need = |field: &str| Problem::invalid(field, "This is needed for a static address.", "Fill it in.");
        Ok(match self.mode {
            Mode::Auto => Plan::Auto,
            Mode::Static => Plan::Static {
                address: self.address.ok_or_else(|| need("address"))?.trim().to_owned(),
                gateway: parse("gateway", &self.gateway.ok_or_else(|| need("gateway"))?)?,
                dns: self.dns.iter().map(|typed| parse("dns", typed)).collect::<Result<_, _>>()?,
            },
        })
    }
}

/// `PUT /api/setup/network`
pub(super) async fn put_in_setup(
    State(app): State<Arc<App>>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<View>, Problem> {
    network::begin(&app, wanted.plan()?).await?;
    setup::view(&app).await.map(Json)
}

/// `POST /api/setup/network/keep`
pub(super) async fn keep_in_setup(
    State(app): State<Arc<App>>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<View>, Problem> {
    network::keep(&app)?;
    setup::view(&app).await.map(Json)
}

/// `GET /api/network`
pub(super) async fn get(State(app): State<Arc<App>>) -> Result<Json<Network>, Problem> {
    setup::network(&app).await.map(Json)
}

/// `PUT /api/network`
pub(super) async fn put(State(app): State<Arc<App>>, Body(wanted): Body<Wanted>) -> Result<Json<Network>, Problem> {
    network::begin(&app, wanted.plan()?).await?;
    setup::network(&app).await.map(Json)
}

/// `POST /api/network/keep`
pub(super) async fn keep(
    State(app): State<Arc<App>>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<Network>, Problem> {
    network::keep(&app)?;
    setup::network(&app).await.map(Json)
}
