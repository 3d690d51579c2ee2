//! Taking up a new certificate.

use super::{Answer, done};
use crate::http::{App, Error};
use axum::{Router, extract::State, routing::post};
use std::sync::Arc;

/// Routes of this chapter.
pub(super) fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.route("/v1/certificate/reload", post(reload))
}

/// `POST /v1/certificate/reload`
async fn reload(State(app): State<Arc<App>>) -> Answer {
    let Some(certificates) = &app.certificates else {
        return Err(Error::invalid("This server speaks HTTP alone, so it has no certificate."));
    };
    certificates.reload().map_err(|error| Error::invalid(error.to_string()))?;
    tracing::info!("the certificates were read again");
    done()
}
