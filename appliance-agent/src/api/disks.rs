//! `GET /api/disks`

use crate::{app::App, problem::Problem, replicas};
use axum::{Json, extract::State};
use hearth_system::DiskState;
use serde::Serialize;
use std::sync::Arc;

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    disks: Vec<Disk>,
}

#[derive(Debug, Serialize)]
struct Disk {
    id: String,
    model: String,
    serial: String,
    size: u64,
    removable: bool,
    read_only: bool,
    state: DiskState,
    contents: Vec<String>,
    volume: Option<String>,
}

pub(super) async fn get(State(app): State<Arc<App>>) -> Result<Json<Answer>, Problem> {
    // One that was prepared and never confirmed is nobody's: it may be chosen again.
    let ours = replicas::in_use(&app);
    let disks = app.machine(move |system| system.disks(&ours)).await?;
    let disk = |disk: hearth_system::Disk| Disk {
        id: disk.id.0,
        model: disk.model,
        serial: disk.serial,
        size: disk.size,
        removable: disk.removable,
        read_only: disk.read_only,
        state: disk.state,
        contents: disk.contents,
        volume: disk.volume_label.filter(|_| disk.volume.is_some()),
    };
    Ok(Json(Answer { disks: disks.into_iter().map(disk).collect() }))
}
