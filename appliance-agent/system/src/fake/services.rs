//! The homeserver's process, and switches that are only recorded.

use super::{Fake, faults};
use crate::command::feed;
use crate::{Error, Output, Result, ServiceState, ServiceStatus, Services, atomic};
use std::io::Read;
use std::path::PathBuf;
use std::process::Command;

impl Services for Fake {
    fn start_homeserver(&self) -> Result<()> {
        if let Some(last_words) = self.faults()?.homeserver_start_fails {
            return Err(Error::ServiceFailed { verb: "start", last_words });
        }
        self.homeserver.start()
    }

    fn stop_homeserver(&self) -> Result<()> {
        if self.faults()?.homeserver_stop_fails {
            return Err(Error::ServiceFailed { verb: "stop", last_words: "faults.toml says so".to_owned() });
        }
        self.homeserver.stop()
    }

    fn restart_homeserver(&self) -> Result<()> {
        self.stop_homeserver()?;
        self.start_homeserver()
    }

    fn homeserver_status(&self) -> Result<ServiceStatus> {
        let status = self.homeserver.status();
        Ok(match self.faults()?.homeserver_failed {
            Some(words) => ServiceStatus { state: ServiceState::Failed, pid: None, last_words: Some(words), ..status },
            None => status,
        })
    }

    fn admin_socket(&self) -> PathBuf {
        self.paths.run.join("homeserver.socket")
    }

    fn run_homeserver(&self, arguments: &[&str], input: &mut (dyn Read + Send)) -> Result<Output> {
        if let Some(stderr) = self.faults()?.homeserver_command_fails {
            return Ok(Output { success: false, stdout: Vec::new(), stderr });
        }
        let mut command = Command::new(self.homeserver.program());
        command.args(arguments);
        feed(command, input)
    }

    fn reboot(&self) -> Result<()> {
        self.switch("reboot")
    }

    fn power_off(&self) -> Result<()> {
        self.switch("power off")
    }

    fn factory_reset(&self) -> Result<()> {
        let flag = self.paths.data.join("FACTORY-RESET");
        self.faults()?.may_write(&flag)?;
        self.switch("factory reset")?;
        atomic::write(&flag, b"", 0o600, None)
    }
}

impl Fake {
    fn switch(&self, what: &str) -> Result<()> {
        if self.faults()?.switch_fails {
            return Err(faults::failed("systemctl"));
        }
        self.record(what)
    }
}
