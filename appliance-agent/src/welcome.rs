//! What whoever stands before the box is told, until it is set up and while its homeserver is silent.

use crate::{app::App, health, readable, state::Phase};
use std::path::Path;

/// The setup code: made once, kept in a file. A file that can't be read gives way to a new code.
///
/// # Errors
/// The file's.
pub fn setup_code(agent: &Path, random: &crate::random::Random) -> hearth_system::Result<String> {
    let file = agent.join("setup-code");
    let kept = hearth_system::atomic::read(&file).unwrap_or_else(|error| {
        tracing::warn!(%error, "the setup code can't be read; making a new one");
        None
    });
    if let Some(code) = kept {
        let code = code.trim();
        if readable::normal(code).len() >= 8 {
            return Ok(code.to_owned());
        }
    }
    let code = readable::random(2, random);
    hearth_system::atomic::write(&file, format!("{code}\n").as_bytes(), 0o600, None)?;
    Ok(code)
}

/// Shows address and code on the console and on the boot partition; takes them from there while the box is in use and does well. Blocks.
///
/// # Errors
/// The machine's.
pub fn show(app: &App) -> hearth_system::Result<()> {
    let (first, last) = match app.store.phase() {
        Phase::Ready if health::rescue_is_open(app) => (
            "The homeserver of this Hearth does not answer.",
            "The code lets you look at the logs, restart the box, and reset it.\n",
        ),
        Phase::Ready => return app.system.withdraw(),
        _ => ("Hearth is ready to be set up.", ""),
    };
    let addresses = app.system.network().map(|now| now.addresses).unwrap_or_default();
    app.system.announce(&(words(app, first, &addresses) + last))
}

fn words(app: &App, first: &str, addresses: &[String]) -> String {
    let mut text =
        format!("{first}\n\nOn a phone or computer in the same network, open\n\n    {}\n", app.dashboard_url());
    for address in addresses.iter().filter_map(|address| address.split('/').next()) {
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        text.push_str(&format!("    {}\n", app.page_url(&host)));
    }
    text.push_str(&format!(
        "\nThe browser will say that it does not know the box's certificate yet: go on all the same.\n\nSetup code: {}\n",
        app.setup_code_shown
    ));
    text
}
