//! The command line.

use crate::phases::Phase;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

#[derive(Parser)]
#[command(version, about = "Drives any Matrix homeserver on loopback and measures it")]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Measure a homeserver that is running.
    Run(RunOptions),
    /// Start Hearth and Synapse, measure both in one run and compare.
    Bench(BenchOptions),
}

#[derive(Args)]
pub struct RunOptions {
    /// Where the server is: http or https, on loopback only.
    #[arg(long)]
    pub url: String,
    /// Registration token; without one, accounts are made by m.login.dummy.
    #[arg(long)]
    pub token: Option<String>,
    /// The server's process: adds processor time, memory and bytes written to the figures.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Accept any certificate.
    #[arg(long)]
    pub insecure: bool,
    /// Accept certificates of this authority (PEM).
    #[arg(long, conflicts_with = "insecure")]
    pub ca: Option<PathBuf>,
    /// Write the figures here as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Which phases, in which order.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Phase::ALL)]
    pub phases: Vec<Phase>,
    #[command(flatten)]
    pub scale: Scale,
}

#[derive(Args)]
pub struct BenchOptions {
    /// Hearth's binary (a release build, or the comparison says nothing).
    #[arg(long, required_unless_present = "synapse_only")]
    pub hearth: Option<PathBuf>,
    /// The script that installs and starts Synapse (tests/peers/synapse); without it Hearth is measured alone.
    #[arg(long, required_if_eq("synapse_only", "true"))]
    pub synapse: Option<PathBuf>,
    /// Measure Synapse alone.
    #[arg(long, conflicts_with = "hearth")]
    pub synapse_only: bool,
    /// Write the comparison here as a Markdown page.
    #[arg(long)]
    pub markdown: Option<PathBuf>,
    /// Write all figures of both servers here as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// End with status 1 if a target is missed.
    #[arg(long)]
    pub strict: bool,
    /// Folder for the servers' data; on a real disk, or bytes written say nothing. [default: the user's cache folder]
    #[arg(long)]
    pub scratch: Option<PathBuf>,
    /// Which phases, in which order.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Phase::ALL)]
    pub phases: Vec<Phase>,
    #[command(flatten)]
    pub scale: Scale,
}

/// How much is done. A phase is bounded by count as well as by time, so no server makes a run endless.
#[derive(Args, Clone, Debug)]
pub struct Scale {
    /// Seconds that each of the two sending phases lasts at most.
    #[arg(long, default_value_t = 6)]
    pub seconds: u64,
    /// Messages that each of the two sending phases sends at most.
    #[arg(long, default_value_t = 30_000)]
    pub messages: usize,
    /// Accounts whose making is measured.
    #[arg(long, default_value_t = 8)]
    pub sign_ups: usize,
    /// Clients that send in parallel.
    #[arg(long, default_value_t = 32)]
    pub clients: usize,
    /// Rooms that they share out between them.
    #[arg(long, default_value_t = 8)]
    pub parallel_rooms: usize,
    /// Long-polling readers of one room.
    #[arg(long, default_value_t = 19)]
    pub readers: usize,
    /// Messages sent to these readers.
    #[arg(long, default_value_t = 24)]
    pub fan_out_messages: usize,
    /// Rooms of the account whose first sync is measured.
    #[arg(long, default_value_t = 60)]
    pub rooms: usize,
    /// First syncs measured, each of a new device.
    #[arg(long, default_value_t = 5)]
    pub first_syncs: usize,
    /// Messages that are paged back through, 100 a page.
    #[arg(long, default_value_t = 1_000)]
    pub history: usize,
}
