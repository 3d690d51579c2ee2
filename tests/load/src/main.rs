//! `hearth-load` drives any Matrix homeserver on loopback through its client-server API and measures it.
//!
//! `hearth-load run --url URL` measures a server that runs already; `hearth-load bench` starts Hearth and Synapse
//! itself, measures both in one run and compares them.
//!
//! Everything here runs on one thread: the generator shares the machine with the server that it measures, and
//! whatever it burns is missing there.

mod account;
mod bench;
mod client;
mod comparison;
mod machine;
mod options;
mod phases;
mod process;
mod report;
mod room;
mod server;
mod stats;
mod tls;
mod usage;
mod world;

use anyhow::{Context, Result};
use clap::Parser;
use options::{Command, Options, RunOptions};
use std::{process::ExitCode, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// Idle memory is read this long after a server said that it serves: it may still be tidying up after its start.
const IDLE_AFTER: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Started servers end in `Drop`, so a signal must drop the work instead of ending the process at once.
    let outcome = tokio::select! {
        outcome = act(Options::parse()) => outcome,
        stopped = stop_signal() => stopped,
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hearth-load: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn act(options: Options) -> Result<ExitCode> {
    match options.command {
        Command::Run(options) => run(options).await,
        Command::Bench(options) => bench::bench(options).await,
    }
}

async fn stop_signal() -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => (),
    }
    Ok(ExitCode::from(130))
}

/// Measures one server that is already there.
async fn run(options: RunOptions) -> Result<ExitCode> {
    let trust = tls::Trust { any: options.insecure, authority: options.ca };
    let endpoint = Arc::new(client::Endpoint::new(&options.url, &trust)?);
    let probe = options.pid.map(process::Probe::new).transpose()?;
    let mut report = report::Report::new(&options.url);
    report.resident_idle_kib = probe.as_ref().map(process::Probe::resident_kib).transpose()?;
    let mut world = world::World::new(endpoint, options.scale, options.token, probe);
    for phase in options.phases {
        let figures = phases::run(phase, &mut world).await.with_context(|| format!("in the phase '{phase}'"))?;
        eprintln!("{}", report::line(&figures));
        report.phases.push(figures);
    }
    report.resident_after_kib = world.probe.as_ref().map(process::Probe::resident_kib).transpose()?;
    print!("{}", report::table(&report));
    if let Some(path) = options.json {
        report::write_json(&path, &report)?;
    }
    Ok(ExitCode::SUCCESS)
}
