//! What a phase cost: wall time, and the counters of the server's process and of this one.

use crate::{
    process::{Counters, Probe, machine_busy_seconds},
    report::Figures,
    stats::Latency,
    world::World,
};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// Begun when a phase's preparation is over, ended after its last answer.
pub struct Stopwatch {
    server: Option<Counters>,
    generator: Counters,
    machine_busy_seconds: f64,
    started: Instant,
}

impl Stopwatch {
    pub fn start(world: &World) -> Result<Stopwatch> {
        let server = world.probe.as_ref().map(Probe::counters).transpose()?;
        let generator = Probe::new(std::process::id())?.counters()?;
        Ok(Stopwatch { server, generator, machine_busy_seconds: machine_busy_seconds()?, started: Instant::now() })
    }

    /// Takes the time of each operation. `operations` differs from their number where one operation is measured in
    /// several places, as a message is by each of its readers.
    pub fn stop(self, world: &World, name: &str, operations: usize, mut times: Vec<Duration>) -> Result<Figures> {
        let seconds = self.started.elapsed().as_secs_f64();
        let server = world.probe.as_ref().map(Probe::counters).transpose()?;
        let generator = Probe::new(std::process::id())?.counters()?;
        let used = self.server.zip(server);
        let server_cpu_seconds = used.map(|(before, after)| after.cpu_seconds - before.cpu_seconds);
        let generator_cpu_seconds = generator.cpu_seconds - self.generator.cpu_seconds;
        let busy = machine_busy_seconds()? - self.machine_busy_seconds;
        Ok(Figures {
            phase: name.to_owned(),
            operations,
            seconds,
            per_second: operations as f64 / seconds,
            latency: Latency::of(&mut times).with_context(|| format!("the phase '{name}' measured nothing"))?,
            server_cpu_seconds,
            server_written_bytes: used.map(|(before, after)| after.written_bytes.saturating_sub(before.written_bytes)),
            generator_cpu_seconds,
            // The clocks tick in steps, so a difference of them may come out below nothing.
            others_cpu_seconds: server_cpu_seconds.map(|server| (busy - server - generator_cpu_seconds).max(0.0)),
        })
    }
}
