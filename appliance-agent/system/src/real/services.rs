//! systemd's units, and the machine's switches.

use super::{HEARTH, Real};
use crate::command::{LONG, SHORT, ask, bare, call, feed};
use crate::{Error, Output, Result, ServiceState, ServiceStatus, Services, atomic};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

pub(super) const HOMESERVER: &str = "hearth-homeserver.service";
const PROGRAM: &str = "/usr/bin/hearth-homeserver";

impl Services for Real {
    fn start_homeserver(&self) -> Result<()> {
        // A unit that fell too often is not started again before this.
        call("systemctl", &["reset-failed", HOMESERVER], None, SHORT)?;
        switch("start")
    }

    fn stop_homeserver(&self) -> Result<()> {
        switch("stop")
    }

    fn restart_homeserver(&self) -> Result<()> {
        call("systemctl", &["reset-failed", HOMESERVER], None, SHORT)?;
        switch("restart")
    }

    fn homeserver_status(&self) -> Result<ServiceStatus> {
        let mut status = status()?;
        if status.state == ServiceState::Failed {
            status.last_words = Some(last_words()?);
        }
        Ok(status)
    }

    fn admin_socket(&self) -> PathBuf {
        self.paths.run.join("homeserver.socket")
    }

    fn run_homeserver(&self, arguments: &[&str], input: &mut (dyn Read + Send)) -> Result<Output> {
        let mut command = Command::new(PROGRAM);
        bare(&mut command);
        // Setting the user as root also drops root's other groups.
        command.args(arguments).uid(HEARTH.uid).gid(HEARTH.gid);
        feed(command, input)
    }

    fn reboot(&self) -> Result<()> {
        ask("systemctl", &["--no-block", "reboot"], None, SHORT).map(drop)
    }

    fn power_off(&self) -> Result<()> {
        ask("systemctl", &["--no-block", "poweroff"], None, SHORT).map(drop)
    }

    fn factory_reset(&self) -> Result<()> {
        atomic::write(&self.paths.data.join("FACTORY-RESET"), b"", 0o600, None)
    }
}

fn switch(verb: &'static str) -> Result<()> {
    let answer = call("systemctl", &[verb, HOMESERVER], None, LONG)?;
    // systemctl is content where a condition of the unit kept it from being started.
    let done = answer.status == Some(0) && (verb == "stop" || status()?.state == ServiceState::Running);
    if done {
        return Ok(());
    }
    let last_words = last_words().ok().filter(|words| !words.is_empty()).unwrap_or_else(|| answer.detail());
    Err(Error::ServiceFailed { verb, last_words })
}

fn status() -> Result<ServiceStatus> {
    let properties = "--property=ActiveState,NRestarts,MainPID";
    let text = ask("systemctl", &["show", properties, HOMESERVER], None, SHORT)?;
    parse_status(&text).ok_or_else(|| Error::Unreadable {
        program: "systemctl".to_owned(),
        detail: text.lines().next().unwrap_or_default().to_owned(),
    })
}

fn last_words() -> Result<String> {
    let text = ask("journalctl", &["--no-pager", "--output=cat", "--lines=5", "--unit", HOMESERVER], None, SHORT)?;
    Ok(text.lines().map(crate::logs::tidy).collect::<Vec<_>>().join("\n"))
}

/// What `systemctl show` prints of the three properties; `None` without the state.
fn parse_status(text: &str) -> Option<ServiceStatus> {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let state = match value("ActiveState")? {
        "active" | "reloading" | "refreshing" => ServiceState::Running,
        "activating" => ServiceState::Starting,
        "failed" => ServiceState::Failed,
        _ => ServiceState::Stopped,
    };
    let restarts = value("NRestarts").and_then(|count| count.parse().ok()).unwrap_or_default();
    let pid = value("MainPID").and_then(|pid| pid.parse().ok()).filter(|&pid| pid != 0);
    Some(ServiceStatus { state, restarts, pid, last_words: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        let status = parse_status("MainPID=412\nNRestarts=2\nActiveState=active\n").unwrap();
        assert_eq!((status.state, status.restarts, status.pid), (ServiceState::Running, 2, Some(412)));
        let status = parse_status("MainPID=0\nNRestarts=0\nActiveState=failed\n").unwrap();
        assert_eq!((status.state, status.pid), (ServiceState::Failed, None));
        assert_eq!(parse_status("ActiveState=activating").unwrap().state, ServiceState::Starting);
        assert_eq!(parse_status("ActiveState=deactivating").unwrap().state, ServiceState::Stopped);
        assert_eq!(parse_status(""), None);
    }
}
