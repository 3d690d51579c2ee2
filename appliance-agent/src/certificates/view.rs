//! What `GET /api/certificates` shows.

use super::order::due_ms;
use crate::app::App;
use hearth_certificates::{Details, Kind};
use serde::Serialize;

/// The answer.
#[derive(Debug, Serialize)]
pub struct View {
    public: Option<Public>,
    local: Local,
}

#[derive(Debug, Serialize)]
struct Public {
    #[serde(flatten)]
    details: Details,
    kind: Kind,
    renew_at_ms: Option<u64>,
    last_error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Local {
    fingerprint: String,
    not_after_ms: u64,
}

/// What is in use.
#[must_use]
pub fn view(app: &App) -> View {
    let last_error = app.store.read(|state| state.certificate.last_error.clone());
    let renew_at_ms = due_ms(app, None);
    app.certificates.with_authority(|authority| View {
        public: app.certificates.public().map(|details| Public {
            kind: details.kind(authority),
            details,
            renew_at_ms,
            last_error,
        }),
        local: Local { fingerprint: authority.fingerprint_text(), not_after_ms: authority.not_after_ms() },
    })
}
