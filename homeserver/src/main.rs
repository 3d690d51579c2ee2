//! The `hearth-homeserver` command.

use clap::{Args, Parser, Subcommand};
use hearth_homeserver::{
    admin_api::Socket,
    clock::{Clock, Random},
    config::{Config, ConfigError, ConfigFile, Registration},
    http::{App, serve, tls::Certificates},
    mail::{Address, letter, relay},
    notify::Manager,
    server,
    settings::MailChange,
};
use std::{
    fmt::Display,
    io::{BufReader, Read, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
    sync::Arc,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// A lean Matrix homeserver on an embedded, crash-safe store.
#[derive(Parser)]
#[command(name = "hearth-homeserver", version)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start the homeserver.
    Run(Run),
    /// Go through a stopped server's database and say what it holds.
    Check {
        /// Folder of the database.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Make a database out of a snapshot that comes on standard input, and say what it holds.
    Restore(Restore),
    /// Go through a snapshot that comes on standard input and say what it holds.
    VerifySnapshot,
    /// Send one letter by the mail account that comes as JSON on standard input.
    SendTestMail {
        /// Where to.
        #[arg(long, value_name = "ADDRESS")]
        to: String,
    },
}

/// Where a snapshot is restored to.
#[derive(Args)]
struct Restore {
    /// Folder for the database; it must hold none yet.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Keep the keys that are good for one message: right only where nothing has happened since the snapshot was taken.
    #[arg(long)]
    keep_one_time_keys: bool,
}

#[derive(Args)]
struct Run {
    /// A configuration file; the other options go before what it says.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for everything that must be kept.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The part after the colon of every user id. Can't be changed later.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// Where to serve; may be given several times.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<SocketAddr>,
    /// HTTP instead of HTTPS: behind a proxy, or for a measurement.
    #[arg(long)]
    plain: bool,
    /// Registration token; made and kept where none is given.
    #[arg(long, value_name = "TOKEN", env = "HEARTH_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Let clients ask as often as they like.
    #[arg(long)]
    no_rate_limits: bool,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("HEARTH_LOG")
                // ruma tells of every step of a resolution; that is for who looks for a fault in it.
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,ruma_state_res=warn")),
        )
        .init();
    let result = match Command::parse().verb {
        Verb::Run(options) => run(options),
        Verb::Check { data } => check(&data),
        Verb::Restore(options) => restore(&options),
        Verb::VerifySnapshot => verify_snapshot(),
        Verb::SendTestMail { to } => send_test_mail(&to),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(words)) => {
            eprintln!("{words}");
            ExitCode::FAILURE
        }
    }
}

/// Words for whoever started the command.
struct Failure(String);

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl Run {
    fn into_config(self) -> Result<Config, ConfigError> {
        let file = self.config.as_deref().map(ConfigFile::read).transpose()?.unwrap_or_default();
        let server_name = match self.server_name {
            Some(name) => name.parse().map_err(|_| {
                ConfigError(format!(
                    "--server-name: {name:?} is not a server name; give a host name as in example.org, without https:// or a path."
                ))
            })?,
            None => match file.server_name {
                Some(name) => name,
                None => "localhost".parse().map_err(|_| ConfigError("localhost is no server name".into()))?,
            },
        };
        let data = self.data.or(file.data).ok_or_else(|| {
            ConfigError(
                "Where shall the data be kept? Say so by --data DIR, or by `data` in the configuration file.".into(),
            )
        })?;
        let listen = Some(self.listen).filter(|addresses| !addresses.is_empty()).or(file.listen);
        Ok(Config {
            server_name,
            data,
            listen: listen.unwrap_or_else(|| vec![SocketAddr::from(([127, 0, 0, 1], 8448))]),
            plain: self.plain || file.plain.unwrap_or(false),
            base_url: file.base_url,
            dashboard_url: file.dashboard_url,
            admin_socket: file.admin_socket,
            registration: file.registration.unwrap_or(Registration::Token),
            registration_token: self.token,
            rate_limits: !self.no_rate_limits && file.rate_limits.unwrap_or(true),
            cache_bytes: file.cache_mib.unwrap_or(8) << 20,
            default_room_version: file.default_room_version.unwrap_or(ruma::RoomVersionId::V12),
        })
    }
}

fn run(options: Run) -> Result<(), Failure> {
    let config = options.into_config()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve_until_told(config));
    // Everything is stored. The name of a mail server that is still being looked up is not worth waiting for.
    runtime.shutdown_background();
    served
}

async fn serve_until_told(config: Config) -> Result<(), Failure> {
    let manager = Manager::from_environment();
    let app = server::app(config, Clock::system(), Random::system())?;
    let tls = app.certificates.as_ref().map(Certificates::acceptor).transpose()?;
    let mut listeners = Vec::new();
    for listen in &app.config.listen {
        listeners.push(TcpListener::bind(listen).await.map_err(|error| {
            format!("{listen} can't be listened on: {error}. Is another server running there? --listen ADDRESS:PORT takes another.")
        })?);
    }
    let socket = match &app.config.admin_socket {
        Some(path) => Some(Socket::open(path).await?),
        None => None,
    };
    let first = listeners.first().ok_or("There is no address to listen on. Give one by --listen ADDRESS:PORT.")?;
    let url = url(&app.config, first.local_addr()?);
    announce(&app, &url)?;

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (stopped, stopping) = watch::channel(false);
    let socket = socket.map(|socket| tokio::spawn(socket.serve(server::admin_router(Arc::clone(&app)), stopping)));
    let mail = tokio::spawn({
        let app = Arc::clone(&app);
        async move { server::send_mail(&app).await }
    });
    manager.ready();
    let (told, certificates, store) = (&manager, app.certificates.clone(), app.store.clone());
    let mut failed = None;
    let stop = async {
        let mut watch = pin!(told.watch(&store));
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => reload(certificates.as_ref()),
                error = &mut watch => {
                    failed = Some(error);
                    break;
                }
            }
        }
        told.stopping();
        stopped.send_replace(true);
    };
    serve::serve(listeners, tls, server::router(Arc::clone(&app)), stop).await;
    if let Some(socket) = socket {
        socket.await?;
    }
    mail.abort();
    server::close(app);
    match failed {
        Some(error) => Err(Failure(format!(
            "The database failed: {error}. Look whether the disk is full or broken, and start the server again."
        ))),
        None => Ok(()),
    }
}

/// SIGHUP: takes up new certificates.
fn reload(certificates: Option<&Arc<Certificates>>) {
    if let Some(Err(error)) = certificates.map(|certificates| certificates.reload()) {
        tracing::error!(%error, "the certificates stay the old ones");
    }
}

fn url(config: &Config, listen: SocketAddr) -> String {
    if let Some(url) = &config.base_url {
        return url.clone();
    }
    let scheme = if config.plain { "http" } else { "https" };
    if listen.ip().is_unspecified() {
        format!("{scheme}://{}:{}", config.server_name.host(), listen.port())
    } else {
        format!("{scheme}://{listen}")
    }
}

/// Tells on standard output how to begin; the last line is for programs.
fn announce(app: &App, url: &str) -> std::io::Result<()> {
    let config = &app.config;
    let mut out = std::io::stdout().lock();
    writeln!(out, "Hearth serves {} at {url}", config.server_name)?;
    writeln!(out, "In Element: Sign in or Create account > Edit homeserver > {url}")?;
    match app.settings.now().registration {
        Registration::Token => {
            let token = config.registration_token.as_deref().unwrap_or_default();
            writeln!(out, "Registration token for new accounts: {token}")?;
        }
        Registration::Email => writeln!(out, "Whoever has a mail address may create an account.")?,
        Registration::Open => writeln!(out, "Everybody who reaches this address may create an account.")?,
        Registration::Closed => writeln!(out, "Nobody can create an account.")?,
    }
    if !config.plain {
        writeln!(out, "The certificate is this server's own; your browser or client will ask whether to trust it.")?;
    }
    writeln!(out, "ready {url}")?;
    out.flush()
}

fn check(data: &Path) -> Result<(), Failure> {
    let report = server::check(data)?;
    println!("{report}");
    Ok(())
}

/// Snapshots are large: read in large pieces.
fn snapshot_on_standard_input() -> impl Read {
    BufReader::with_capacity(256 << 10, std::io::stdin().lock())
}

fn restore(options: &Restore) -> Result<(), Failure> {
    let now = Clock::system().now();
    let input = snapshot_on_standard_input();
    let summary = server::restore::restore(input, &options.data, options.keep_one_time_keys, now)?;
    println!("{}", serde_json::to_string(&summary)?);
    Ok(())
}

fn verify_snapshot() -> Result<(), Failure> {
    let summary = server::restore::verify(snapshot_on_standard_input())?;
    println!("{}", serde_json::to_string(&summary)?);
    Ok(())
}

/// Longest description of a mail account, in bytes.
const MAIL_BYTES: u64 = 64 << 10;

/// The account is checked as the settings would be, and then tried.
fn send_test_mail(to: &str) -> Result<(), Failure> {
    let to = Address::parse(to).ok_or("--to wants a mail address as in ann@example.org.")?;
    let account: MailChange = serde_json::from_reader(std::io::stdin().lock().take(MAIL_BYTES)).map_err(|error| {
        // Not serde's words: they may repeat what stands there, and that may be the password.
        format!("The mail account can't be read: line {}, column {}.", error.line(), error.column())
    })?;
    let mail = account.over(None)?;
    let (now, name) = (Clock::system().now(), Random::system().word(24));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sent = runtime.block_on(relay::send(&mail, &letter::test(to), now, &name, relay::TIME));
    // A name that is still being looked up must not keep the command from ending.
    runtime.shutdown_background();
    sent.map_err(|refusal| Failure(refusal.words(&mail.host, mail.port)))?;
    println!("The letter is on its way.");
    Ok(())
}
