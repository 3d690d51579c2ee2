//! Who may sign up, and how mail is sent.

use super::{Answer, given::Given, ok};
use crate::{
    http::{App, Error},
    settings::SettingsChange,
};
use axum::{Router, extract::State, routing::get};
use std::sync::Arc;

/// Routes of this chapter.
pub(super) fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.route("/v1/settings", get(get_settings).put(put_settings))
}

/// `GET /v1/settings`
async fn get_settings(State(app): State<Arc<App>>) -> Answer {
    ok(&app.settings.now().shown())
}

/// `PUT /v1/settings`
async fn put_settings(State(app): State<Arc<App>>, Given(wanted): Given<SettingsChange>) -> Answer {
    let (settings, queue) = (app.settings.clone(), app.mail.clone());
    let now = app
        .store
        .change(move |change| {
            let mail_changes = wanted.mail.is_some();
            let now = settings.set(change, wanted)?;
            if mail_changes {
                queue.try_all_again(change)?;
            }
            Ok::<_, Error>(now)
        })
        .await?;
    tracing::info!(registration = ?now.registration, mail = now.mail.is_some(), "the owner changed the settings");
    ok(&now.shown())
}
