//! The restore itself.

use super::{
    preview::chosen,
    switch::{self, Journal, Places, rename},
};
use crate::{
    app::{App, blocking},
    certificates, homeserver,
    jobs::{Kind, Progress},
    ports,
    problem::Problem,
    replicas::{Found, Kept, Opened, VolumeKeys, check, into_command, mount_name, path, progress, room},
    state::{Phase, Restoring},
};
use hearth_replication::{Destination, Key, Preview, Repository};
use hearth_system::{Access, Secret, VolumeId, VolumeKey, VolumeLabel, atomic};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const RESTORE: Kind = Kind {
    name: "restore",
    group: "volume",
    steps: &["open", "read", "check", "switch", "start"],
    joins: true,
    once: false,
};

/// How long an interrupted restore waits for its disk.
const PATIENCE: Duration = Duration::from_secs(2 * 60);
/// How often it looks.
const LOOK: Duration = Duration::from_secs(2);

/// Starts the restore of a replica that was listed.
///
/// # Errors
/// `nothing_open`, `replica_unknown`, `busy`
pub fn start(app: &Arc<App>, replica: &str) -> Result<String, Problem> {
    let (found, listed) = chosen(app, replica)?;
    let worker = Arc::clone(app);
    app.jobs.start(RESTORE, |job| async move {
        job.begin("open");
        let (adopter, volume) = (Arc::clone(&worker), found.volume.clone());
        {
            let _turn = worker.volumes.turn.lock().await;
            let (found, id) = (Arc::clone(&found), listed.id.clone());
            blocking(move || {
                may_begin(&adopter, &found, &id)?;
                adopt(&adopter, &found.volume, &found.recovery)
            })
            .await?;
        }
        let restoring = Restoring { volume: volume.0, disk: found.disk.clone(), replica: listed.id };
        worker.store.change(|state| {
            state.phase = Phase::Restoring;
            state.restoring = Some(restoring.clone());
        })?;
        run(&worker, &restoring, &job).await
    })
}

/// At start: a restore that a power cut interrupted begins again. Its volume opens by the box's own key by now.
///
/// # Errors
/// `busy`
pub fn go_on(app: &Arc<App>) -> Result<(), Problem> {
    let Some(restoring) = app.store.read(|state| state.restoring.clone()) else {
        app.store.change(|state| state.phase = Phase::Setup)?;
        return Ok(());
    };
    let worker = Arc::clone(app);
    let work = |job: Progress| async move {
        job.begin("open");
        wait_for_disk(&worker, &restoring.volume).await;
        run(&worker, &restoring, &job).await
    };
    app.jobs.start(RESTORE, work).map(drop)
}

/// A disk may spin up later than the agent does. What comes without it in this time is the restore's to tell.
async fn wait_for_disk(app: &App, volume: &str) {
    // What is left of a switch that has begun needs no disk.
    if Places::of(app).has_begun() {
        return;
    }
    let there = async {
        let mut waits = false;
        loop {
            match app.machine(|system| system.disks(&[])).await {
                Ok(disks) if disks.iter().any(|disk| disk.volume.as_ref().is_some_and(|id| id.0 == volume)) => return,
                Ok(_) => {}
                Err(problem) => tracing::warn!(%problem, "the disks can't be listed"),
            }
            if !waits {
                tracing::info!("an interrupted restore waits for its disk");
                waits = true;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(PATIENCE, there).await.is_err() {
        tracing::warn!("the disk of an interrupted restore did not come");
    }
}

/// Whether the replica can be restored here, by a look that changes nothing: until then the former box can go on with its disk. Blocks.
fn may_begin(app: &App, found: &Found, id: &str) -> Result<(), Problem> {
    let key = VolumeKey::Recovery(Secret::new(found.recovery.reveal().to_string())?);
    let opened = Opened::open(app, &found.volume, &key, Access::ReadOnly, mount_name(true), |folder| {
        Repository::open(folder, Key::Recovery(&found.recovery))
    })?;
    fits(app, &opened.repository.preview(&id.parse()?)?)
}

/// Whether there is room for a replica. The stream of its database has no indexes; the database has.
fn fits(app: &App, preview: &Preview) -> Result<(), Problem> {
    let files: u64 = preview.folders.iter().map(|folder| folder.bytes).sum();
    room(app, files.saturating_add(preview.database_bytes.saturating_mul(2)))
}

/// The volume gets a key of this box in place of the former box's, and so does the repository. Blocks.
fn adopt(app: &App, volume: &VolumeId, recovery: &hearth_replication::RecoveryKey) -> Result<(), Problem> {
    let keys = VolumeKeys::from_random(app.random.bytes(), app.random.bytes());
    let secret = Secret::new(recovery.reveal().to_string())?;
    app.system.take_over_volume(volume, &secret, &keys.luks()?)?;
    let box_key = keys.repository().ok_or_else(|| Problem::internal(&"a fresh key can't be read"))?;
    let key = VolumeKey::Own(keys.luks()?);
    let opened = Opened::open(app, volume, &key, Access::ReadWrite, mount_name(false), |folder| {
        let repository = Repository::open(folder, Key::Recovery(recovery))?;
        repository.take_over(&box_key)?;
        Ok(repository)
    })?;
    drop(opened);
    app.volumes.keys.put(volume, keys)?;
    Ok(())
}

/// Restores and switches. What fails before the switch leaves the box in the wizard, as it was.
async fn run(app: &Arc<App>, restoring: &Restoring, job: &Progress) -> Result<Value, Problem> {
    let _turn = app.volumes.turn.lock().await;
    if let Err(problem) = until_switched(app, restoring, job).await {
        if Places::of(app).has_begun() {
            // What was restored is the one that counts by now; the switch is finished at the next start.
            return Err(problem);
        }
        let worker = Arc::clone(app);
        blocking(move || Ok(Places::of(&worker).clear()?)).await?;
        app.store.change(|state| {
            state.phase = Phase::Setup;
            state.restoring = None;
        })?;
        return Err(problem);
    }
    app.volumes.find(None);
    job.begin("start");
    into_service(app).await?;
    let server_name = app.store.read(|state| state.setup.server_name.clone());
    Ok(json!({ "server_name": server_name, "base_url": app.base_url() }))
}

/// Starts the restored homeserver; what keeps it from starting is shown on the dashboard and tried again.
async fn into_service(app: &Arc<App>) -> Result<(), Problem> {
    let worker = Arc::clone(app);
    blocking(move || {
        certificates::place_local_if_chosen(&worker)?;
        certificates::look_at_local(&worker)
    })
    .await?;
    ports::release_https(app).await;
    app.machine(|system| system.start_homeserver()).await?;
    if let Err(problem) = app.machine(|system| system.withdraw()).await {
        tracing::warn!(%problem, "the setup code can't be taken from the boot partition");
    }
    app.volumes.wake.notify_one();
    Ok(())
}

async fn until_switched(app: &Arc<App>, restoring: &Restoring, job: &Progress) -> Result<(), Problem> {
    job.begin("open");
    app.machine(|system| system.stop_homeserver()).await?;
    let (worker, restoring, job) = (Arc::clone(app), restoring.clone(), job.clone());
    blocking(move || {
        if switch::finish(&worker)? {
            return Ok(());
        }
        let places = Places::of(&worker);
        places.clear()?;
        let kept = read(&worker, &restoring, &places, &job)?;
        job.begin("switch");
        let journal = Journal { kept, volume: restoring.volume, disk: restoring.disk };
        switch::begin(&worker, &journal)
    })
    .await
}

/// Fills the new folders and has them checked. Blocks.
fn read(app: &App, restoring: &Restoring, places: &Places, job: &Progress) -> Result<Kept, Problem> {
    let opened = Opened::own(app, &VolumeId(restoring.volume.clone()), VolumeLabel::BACKUP)?;
    let id = restoring.replica.parse()?;
    fits(app, &opened.repository.preview(&id)?)?;
    job.begin("read");
    let owner = app.system.homeserver_owner();
    atomic::folder(&places.new, 0o700, Some(owner))?;
    let place = path(&places.new)?;
    let folders = [("media", &places.media), ("agent", &places.agent)];
    let folders = BTreeMap::from_iter(folders.map(|(name, path)| (name.to_owned(), path.clone())));
    into_command(app, &["restore", "--data", &place], |database| {
        let mut to = Destination { database, folders };
        Ok(opened.repository.restore(&id, &mut to, &progress(job, "read"))?)
    })?;
    drop(opened);
    job.begin("check");
    check(app, &place)?;
    let kept = kept(places)?;
    complete(app, places, &kept)?;
    Ok(kept)
}

/// What the former box's agent knew.
fn kept(places: &Places) -> Result<Kept, Problem> {
    let unusable = |detail: String| {
        Problem::new(
            http::StatusCode::UNPROCESSABLE_ENTITY,
            "replica_unusable",
            "The replica lacks what the former box knew of itself.",
            "Choose another replica.",
        )
        .with("detail", detail)
    };
    let text = atomic::read(&places.agent.join("settings.json"))?.ok_or_else(|| unusable("settings.json".into()))?;
    let kept: Kept = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
    if kept.setup.server_name.is_none() || kept.setup.host.is_none() {
        return Err(unusable("the server's name".into()));
    }
    Ok(kept)
}

/// Media, configuration and certificate go where the homeserver looks for them.
fn complete(app: &App, places: &Places, kept: &Kept) -> Result<(), Problem> {
    let owner = app.system.homeserver_owner();
    if places.media.is_dir() {
        let media = places.new.join("media");
        rename(&places.media, &media)?;
        // Where the former box never had any, the replica says nothing of the folder, and it was made as root's.
        atomic::folder(&media, 0o700, Some(owner))?;
    }
    let tls = places.new.join("tls");
    atomic::folder(&tls, 0o700, Some(owner))?;
    for (name, mode) in [("key.pem", 0o600), ("certificate.pem", 0o644)] {
        if let Some(pem) = atomic::read(&places.agent.join(name))? {
            atomic::write(&tls.join(name), pem.as_bytes(), mode, Some(owner))?;
        }
    }
    homeserver::write(app, &places.new, kept.setup.server_name.as_deref(), kept.setup.host.as_deref())
}
