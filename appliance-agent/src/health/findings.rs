//! What is wrong, what it means, and what to do about it.

use crate::{
    app::App,
    homeserver::Health,
    problem::Problem,
    replicas,
    state::{Backup, Phase},
};
use hearth_system::{Disk, Measurements, Memory, Usage, VolumeId};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::time::Instant;

const HOUR_MS: u64 = 60 * 60 * 1000;
/// Looks at the homeserver that may stay without an answer: it may be starting.
const SILENT: u32 = 2;
/// Degrees at which a board slows down.
const HOT: f64 = 75.0;
const VERY_HOT: f64 = 82.0;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// To know.
    Good,
    /// To be seen to.
    Attention,
    /// Something does not work, or data are at risk.
    Bad,
}

/// Something to know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// How grave.
    pub level: Level,
    /// A name that stays the same.
    pub code: &'static str,
    /// What it is.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// For the translation.
    pub params: Map<String, Value>,
}

/// What `GET /api/health` shows.
#[derive(Debug, Serialize)]
pub struct Report {
    status: &'static str,
    findings: Vec<Finding>,
    memory: Memory,
    load: [f64; 3],
    temperature_c: Option<f64>,
    uptime_s: u64,
    homeserver: Option<Health>,
}

fn finding(level: Level, code: &'static str, message: impl Into<String>, help: &str) -> Finding {
    Finding { level, code, message: message.into(), help: help.to_owned(), params: Map::new() }
}

impl Finding {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }
}

/// Looks at everything.
///
/// # Errors
/// The machine's.
pub async fn report(app: &Arc<App>) -> Result<Report, Problem> {
    let ours = app.volumes.keys.volumes();
    let (measured, usage, wear, disks) = app
        .machine(move |system| {
            Ok((system.measurements()?, system.data_usage()?, system.wear_percent(), system.disks(&ours)?))
        })
        .await?;
    // The dashboard wants the present, not the last look.
    let answer = app.homeserver.health().await;
    let health = answer.as_ref().ok().cloned();
    app.watch.see(answer.map_err(|error| error.to_string()), Instant::now());
    let mut findings = Vec::new();
    findings.extend(homeserver(app));
    findings.extend(storage(&usage, wear));
    findings.extend(backup(app, &disks));
    findings.extend(certificate(app));
    findings.extend(unreachable(app));
    findings.extend(machine(app, &measured));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    let status = match findings.first().map(|finding| finding.level) {
        None | Some(Level::Good) => "good",
        Some(Level::Attention) => "attention",
        Some(Level::Bad) => "bad",
    };
    let Measurements { memory, load, temperature_c, uptime_s, .. } = measured;
    Ok(Report { status, findings, memory, load, temperature_c, uptime_s, homeserver: health })
}

fn homeserver(app: &App) -> Option<Finding> {
    let seen = app.watch.seen();
    (app.store.phase() == Phase::Ready && seen.silent > SILENT).then(|| {
        finding(
            Level::Bad,
            "homeserver_silent",
            "The homeserver does not answer.",
            "Wait a minute: it is started again by itself. If it stays so, restart the box and look at the logs.",
        )
        .with("detail", seen.error.unwrap_or_default())
    })
}

fn storage(usage: &Usage, wear: Option<u8>) -> Vec<Finding> {
    let mut findings = Vec::new();
    #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
    let percent = if usage.total == 0 { 0.0 } else { 100.0 - usage.free as f64 * 100.0 / usage.total as f64 };
    let full = |level, code, message: &str| {
        finding(level, code, message, "Move to a larger card or disk: make a replica, and restore it there.")
            .with("free", usage.free)
            .with("total", usage.total)
    };
    if percent >= 95.0 {
        findings.push(full(Level::Bad, "storage_full", "The box's storage is full."));
    } else if percent >= 85.0 {
        findings.push(full(Level::Attention, "storage_nearly_full", "The box's storage is nearly full."));
    }
    if let Some(wear) = wear.filter(|wear| *wear >= 80) {
        let level = if wear >= 95 { Level::Bad } else { Level::Attention };
        findings.push(
            finding(
                level,
                "card_worn",
                format!("The box's card or disk has used up {wear} % of its life."),
                "Get a new one soon: make a replica, and restore it there.",
            )
            .with("percent", wear),
        );
    }
    findings
}

fn backup(app: &App, disks: &[Disk]) -> Vec<Finding> {
    let now = app.now_ms();
    let (volume, choice, last, error, test_error) = app.store.read(|state| {
        let history = &state.history;
        (
            state.volume.clone().map(VolumeId),
            state.setup.backup.clone(),
            history.last_success_ms,
            history.replicas.last().and_then(|run| run.error.clone()),
            history.restore_test_error.clone(),
        )
    });
    let Some(volume) = volume else {
        let message = match choice {
            Some(Backup::Skipped) => "There is no backup: you chose to go without one for now.",
            _ => "There is no backup.",
        };
        return vec![finding(
            Level::Attention,
            "no_backup",
            message,
            "Plug in a USB disk and prepare it on the page of replicas. If the card fails, everything is lost otherwise.",
        )];
    };
    let mut findings = Vec::new();
    if app.volumes.keys.get(&volume).is_none() {
        findings.push(finding(
            Level::Bad,
            "volume_key_lost",
            "The box has lost its key of the backup disk.",
            "Prepare a disk anew, this one or another. Until then the replicas on this one can be restored with its recovery key.",
        ));
    }
    let state = match replicas::state(app, &volume, disks) {
        replicas::State::Ready => None,
        replicas::State::Absent => Some((
            Level::Attention,
            "volume_absent",
            "The backup disk is not plugged in.",
            "Plug it in: replicas go on by themselves.",
        )),
        replicas::State::Full => Some((
            Level::Bad,
            "backup_full",
            "The backup disk is full.",
            "Prepare a larger disk. The replicas that are there stay good.",
        )),
        replicas::State::WrongDisk => Some((
            Level::Attention,
            "wrong_disk",
            "Another backup disk is plugged in than the one that belongs to this box.",
            "Plug in the right one, or prepare this one anew.",
        )),
        replicas::State::Failed => Some((
            Level::Bad,
            "replica_failed",
            "The last replica failed.",
            "It is tried again by itself. If it keeps failing, use another cable or another disk.",
        )),
    };
    if let Some((level, code, message, help)) = state {
        findings.push(finding(level, code, message, help).with("detail", error.unwrap_or_default()));
    }
    let hours = last.map(|last| now.saturating_sub(last) / HOUR_MS);
    if hours.is_none_or(|hours| hours >= 48) {
        findings.push(
            finding(
                Level::Bad,
                "no_recent_replica",
                match hours {
                    Some(hours) => format!("The last replica is {} days old.", hours / 24),
                    None => "There is no replica yet.".to_owned(),
                },
                "Look at the page of replicas: it says what is in the way.",
            )
            .with("hours", hours),
        );
    }
    if let Some(error) = test_error {
        findings.push(
            finding(
                Level::Bad,
                "restore_test_failed",
                "The last restore test failed.",
                "Start another test on the page of replicas. If it fails again, prepare another disk.",
            )
            .with("detail", error),
        );
    }
    findings
}

fn certificate(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(public) = app.certificates.public() else {
        return vec![finding(
            Level::Bad,
            "no_certificate",
            "The box has no certificate for its public name.",
            "Have one made on the page of certificates.",
        )];
    };
    let now = app.now_ms();
    let error = app.store.read(|state| state.certificate.last_error.clone());
    if public.not_after_ms <= now {
        findings.push(
            finding(
                Level::Bad,
                "certificate_expired",
                "The certificate has run out: clients refuse to connect.",
                "Renew it on the page of certificates.",
            )
            .with("not_after_ms", public.not_after_ms)
            .with("detail", error),
        );
    } else if hearth_certificates::renewal::is_urgent(public.not_before_ms, public.not_after_ms, now) {
        findings.push(
            finding(
                Level::Attention,
                "certificate_ends_soon",
                "The certificate is about to run out and could not be renewed.",
                "Look at the page of certificates: it says why.",
            )
            .with("not_after_ms", public.not_after_ms)
            .with("detail", error),
        );
    }
    findings
}

/// By the look of each day.
fn unreachable(app: &App) -> Option<Finding> {
    let found = app.watch.unreachable()?;
    let mut finding = finding(Level::Attention, "unreachable", found.message, &found.help);
    finding.params = found.params;
    Some(finding.with("check", found.check.name()).with("cause", found.code))
}

fn machine(app: &App, measured: &Measurements) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !app.system.time_trusted() {
        findings.push(finding(
            Level::Attention,
            "time_not_trusted",
            "The box does not know for certain what time it is.",
            "It asks the internet for the time: check that the box is connected.",
        ));
    }
    if let Some(degrees) = measured.temperature_c.filter(|degrees| *degrees >= HOT) {
        let level = if degrees >= VERY_HOT { Level::Bad } else { Level::Attention };
        findings.push(
            finding(level, "hot", format!("The board is hot: {degrees:.0} °C."), "Give it air, or a case that cools.")
                .with("temperature_c", degrees),
        );
    }
    let Memory { total, used } = measured.memory;
    if total > 0 && total.saturating_sub(used) < total / 20 {
        findings.push(
            finding(
                Level::Attention,
                "memory_short",
                "Memory is short.",
                "Restart the box. If it happens often, use a board with more memory.",
            )
            .with("total", total)
            .with("used", used),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_is_told_of_before_it_is_full() {
        let codes = |free, wear| -> Vec<_> {
            let usage = Usage { total: 100, used: 100 - free, free };
            storage(&usage, wear).into_iter().map(|finding| (finding.code, finding.level)).collect()
        };
        assert_eq!(codes(50, None), []);
        assert_eq!(codes(14, None), [("storage_nearly_full", Level::Attention)]);
        assert_eq!(codes(4, Some(96)), [("storage_full", Level::Bad), ("card_worn", Level::Bad)]);
        assert!(storage(&Usage::default(), None).is_empty());
    }
}
