//! A disk may be pulled out.

use super::mount_name;
use crate::{app::App, jobs::Kind, problem::Problem};
use hearth_system::VolumeLabel;
use serde_json::json;
use std::sync::Arc;

const EJECT: Kind = Kind { name: "eject", group: "volume", steps: &["close"], joins: true, once: false };

/// Closes whatever is open. Volumes are open only while something is done with them, so this mostly says that nothing is.
///
/// # Errors
/// `busy`
pub fn eject(app: &Arc<App>) -> Result<String, Problem> {
    let worker = Arc::clone(app);
    app.jobs.start(EJECT, |job| async move {
        job.begin("close");
        let _turn = worker.volumes.turn.lock().await;
        worker
            .machine(|system| {
                [mount_name(false), mount_name(true), VolumeLabel::EXPORT]
                    .into_iter()
                    .try_for_each(|name| system.close_volume(name))
            })
            .await?;
        Ok(json!({}))
    })
}
