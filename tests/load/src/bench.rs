//! Hearth and Synapse on the same machine at the same time of day: both run, and each phase is measured on one and
//! then at once on the other, so that whatever else the machine does falls on both.

use crate::{
    IDLE_AFTER,
    client::Endpoint,
    comparison::Comparison,
    machine,
    options::BenchOptions,
    phases::{self, Phase},
    process::Probe,
    report::{self, Report},
    server::{Server, free_port},
    tls::Trust,
    world::World,
};
use anyhow::{Context, Result, ensure};
use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{self, Command, ExitCode},
    sync::Arc,
    time::Instant,
};

/// Loopback and a folder that is deleted afterwards: nothing here is worth a secret.
const TOKEN: &str = "hearth-load-token";

/// The part of the processors that others may take before it is said.
const QUIET: f64 = 0.05;

/// One server of the comparison.
struct Contender {
    world: World,
    report: Report,
    server: Server,
}

pub async fn bench(options: BenchOptions) -> Result<ExitCode> {
    let began = Instant::now();
    let scratch = Scratch::make(options.scratch.as_deref())?;
    let mut contenders = Vec::new();
    if let Some(binary) = &options.hearth {
        contenders.push(Contender::hearth(binary, &scratch.0, &options).await?);
    }
    if let Some(script) = &options.synapse {
        contenders.push(Contender::synapse(script, &scratch.0, &options).await?);
    }
    tokio::time::sleep(IDLE_AFTER).await;
    for contender in &mut contenders {
        contender.report.resident_idle_kib = contender.resident_kib()?;
    }
    for phase in &options.phases {
        for contender in &mut contenders {
            contender.measure(*phase).await?;
        }
    }
    for contender in &mut contenders {
        contender.report.resident_after_kib = contender.resident_kib()?;
        println!("{}", report::table(&contender.report));
    }
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    // Ends the servers before anything is written that could fail.
    let reports: Vec<Report> = contenders.into_iter().map(|contender| contender.report).collect();
    conclude(&options, &reports, minutes)
}

/// Prints and writes the comparison.
fn conclude(options: &BenchOptions, reports: &[Report], minutes: f64) -> Result<ExitCode> {
    let mut reports_left = reports.iter();
    let hearth = options.hearth.as_ref().and_then(|_| reports_left.next());
    let comparison = Comparison::of(hearth, reports_left.next());
    let (met, judged) = comparison.score();
    let servers: Vec<&str> = reports.iter().map(|report| report.server.as_str()).collect();
    let heading =
        format!("{}; {}; {}; {minutes:.1} minutes", servers.join(" and "), machine::describe(), machine::today());
    println!("{heading}\n{}{met} of {judged} targets met", comparison.text());
    for report in reports {
        let disturbance = report.disturbance(machine::cores()).unwrap_or_default();
        if disturbance > QUIET {
            let percent = disturbance * 100.0;
            println!("others kept {percent:.0} % of the processors busy while {} was measured", report.server);
        }
    }
    if let Some(path) = &options.markdown {
        let page = format!("{heading}.\n\n{}\n{met} of {judged} targets met.\n", comparison.markdown());
        fs::write(path, page).with_context(|| format!("writing {}", path.display()))?;
    }
    if let Some(path) = &options.json {
        report::write_json(path, &reports)?;
    }
    Ok(if options.strict && met < judged { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

impl Contender {
    async fn hearth(binary: &Path, scratch: &Path, options: &BenchOptions) -> Result<Contender> {
        let address = format!("127.0.0.1:{}", free_port()?);
        let data = scratch.join("hearth").into_os_string();
        let fixed = ["--server-name", "localhost", "--plain", "--no-rate-limits", "--token", TOKEN];
        let mut arguments: Vec<OsString> = vec!["run".into(), "--data".into(), data];
        arguments.extend(["--listen".into(), address.into()]);
        arguments.extend(fixed.map(OsString::from));
        let server = Server::start(binary, &arguments, &scratch.join("hearth.log")).await.context("Hearth")?;
        Contender::new(&version(binary, "--version").unwrap_or_else(|_| "Hearth".to_owned()), server, options)
    }

    async fn synapse(script: &Path, scratch: &Path, options: &BenchOptions) -> Result<Contender> {
        // Asking for the version installs it, outside the time that a start may take.
        let name = version(script, "version").context("Synapse")?;
        let port = free_port()?.to_string();
        let data = scratch.join("synapse").into_os_string();
        let arguments = ["start".into(), data, port.into(), "localhost".into(), "--token".into(), TOKEN.into()];
        let server = Server::start(script, &arguments, &scratch.join("synapse.log")).await.context("Synapse")?;
        Contender::new(&name, server, options)
    }

    fn new(name: &str, server: Server, options: &BenchOptions) -> Result<Contender> {
        let endpoint = Arc::new(Endpoint::new(&server.url, &Trust::default())?);
        let probe = Probe::new(server.pid())?;
        let world = World::new(endpoint, options.scale.clone(), Some(TOKEN.to_owned()), Some(probe));
        Ok(Contender { world, report: Report::new(name), server })
    }

    async fn measure(&mut self, phase: Phase) -> Result<()> {
        // What the other server left to be written must not stand in the way of this one's commits.
        tokio::task::spawn_blocking(nix::unistd::sync).await?;
        let figures = phases::run(phase, &mut self.world).await.with_context(|| {
            let (name, log) = (&self.report.server, self.server.last_words());
            format!("{name}, in the phase '{phase}'; the end of its log:\n{log}\n")
        })?;
        eprintln!("{}{}", self.report.server, report::line(&figures));
        self.report.phases.push(figures);
        Ok(())
    }

    fn resident_kib(&self) -> Result<Option<u64>> {
        self.world.probe.as_ref().map(Probe::resident_kib).transpose()
    }
}

/// What a program says of its own version: its first line.
fn version(program: &Path, argument: &str) -> Result<String> {
    let output =
        Command::new(program).arg(argument).output().with_context(|| format!("running {}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} {argument} failed: {}", program.display(), said.trim());
    let line = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned();
    ensure!(!line.is_empty(), "{} {argument} printed nothing", program.display());
    Ok(line)
}

/// A folder of this run alone, deleted with what is in it at the end.
struct Scratch(PathBuf);

impl Scratch {
    /// Not in the folder for temporary files, which on many systems is memory: nothing would be written to a disk, and a
    /// commit would cost nothing.
    fn make(chosen: Option<&Path>) -> Result<Scratch> {
        let parent = match chosen {
            Some(folder) => folder.to_owned(),
            None => cache_folder()?.join("hearth"),
        };
        let folder = parent.join(format!("bench-{}", process::id()));
        let make = || format!("making {}", folder.display());
        fs::create_dir_all(&folder).with_context(make)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).with_context(make)?;
        Ok(Scratch(fs::canonicalize(&folder)?))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn cache_folder() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| Some(set("HOME")?.join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set; name a folder by --scratch")
}
