//! The time, on a board that may not know it.

use super::{Answer, done, given::Given};
use crate::http::{App, Error};
use axum::{Router, extract::State, routing::post};
use serde::Deserialize;
use std::sync::Arc;

/// The first moment of the year 2200. A floor behind it is a mistake, and one that could not be taken back.
const LATEST: u64 = 7_258_118_400_000;

/// Routes of this chapter.
pub(super) fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.route("/v1/clock", post(raise))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Floor {
    /// Milliseconds since the Unix epoch.
    floor_ms: u64,
}

/// `POST /v1/clock`
async fn raise(State(app): State<Arc<App>>, Given(floor): Given<Floor>) -> Answer {
    if floor.floor_ms >= LATEST {
        return Err(Error::invalid("The time is given in milliseconds since 1970, and this is behind the year 2200."));
    }
    app.clock.raise_floor(floor.floor_ms);
    done()
}
