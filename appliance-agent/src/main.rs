//! The `hearth-agent` command.

use clap::{Args, Parser, Subcommand};
use hearth_agent::{config::Config, random::Random, start};
use hearth_system::System;
use std::{fmt::Display, io::Write as _, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// Sets a box up and looks after it.
#[derive(Parser)]
#[command(name = "hearth-agent", version)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Look after the box, or after a faked one.
    Run(Run),
}

#[derive(Args)]
struct Run {
    /// A configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A faked machine in this folder instead of the real one.
    #[arg(long, value_name = "DIR")]
    fake: Option<PathBuf>,
    /// Where to serve the page.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The homeserver's program, for a faked machine.
    #[arg(long, value_name = "FILE", default_value = "hearth-homeserver", requires = "fake")]
    homeserver: PathBuf,
}

/// Words for whoever started the command.
struct Failure(String);

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("HEARTH_LOG");
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,mdns_sd=warn")))
        .init();
    let Verb::Run(options) = Command::parse().verb;
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(words)) => {
            eprintln!("{words}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Run) -> Result<(), Failure> {
    let mut config = options.config.as_deref().map(Config::read).transpose()?.unwrap_or_default();
    if let Some(listen) = options.listen {
        config.listen = listen;
    }
    if options.fake.is_some() {
        config.checks.map_ports = false;
    }
    let system: Arc<dyn System> = match &options.fake {
        Some(folder) => Arc::new(hearth_system::Fake::open(folder, &options.homeserver)?),
        None => Arc::new(hearth_system::Real::new()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let app = start::open(config, system, Random::system())?;
    let result = runtime.block_on(async {
        let running = start::run(app).await?;
        announce(&running)?;
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        running.until(stop).await;
        Ok(())
    });
    // A replica that is being written is cut off; the earlier ones are whole.
    runtime.shutdown_timeout(Duration::from_secs(5));
    result
}

/// Tells on standard output how to begin; the last line is for programs.
fn announce(running: &start::Running) -> std::io::Result<()> {
    let url = if running.address.ip().is_unspecified() {
        running.app.dashboard_url()
    } else {
        format!("https://{}/", running.address)
    };
    let mut out = std::io::stdout().lock();
    if running.app.store.phase() != hearth_agent::state::Phase::Ready {
        writeln!(out, "wizard {url} with the setup code {}", running.app.setup_code_shown)?;
    }
    writeln!(out, "ready {url}")?;
    out.flush()
}
