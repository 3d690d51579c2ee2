//! `machine.toml`: what the faked machine is. Written with everything at its default where there is none.

use crate::{Error, Result, atomic};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Machine {
    pub board: String,
    pub model: String,
    pub version: String,
    /// When its image was built.
    pub built_ms: u64,
    /// By how much its clock lags when it starts, as one without a chip does.
    pub clock_behind_ms: u64,
    pub memory_total: u64,
    pub interface: String,
    pub mac: String,
    /// What DHCP gives.
    pub address: String,
    pub gateway: IpAddr,
    pub dns: Vec<IpAddr>,
    #[serde(rename = "disk")]
    pub disks: Vec<DiskSpec>,
}

/// A disk that could be plugged in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiskSpec {
    pub id: String,
    #[serde(default)]
    pub model: String,
    #[serde(default)]
    pub serial: String,
    pub size: u64,
    #[serde(default)]
    pub system: bool,
    #[serde(default)]
    pub read_only: bool,
    /// What is on it before it becomes a volume.
    #[serde(default)]
    pub contents: Vec<String>,
    /// The folder that holds what is on it, where it is carried from one faked machine to another; `disks/ID` otherwise.
    #[serde(default)]
    pub folder: Option<PathBuf>,
}

impl Default for Machine {
    fn default() -> Self {
        let disk = |id: &str, model: &str, size| DiskSpec {
            id: id.to_owned(),
            model: model.to_owned(),
            serial: id.rsplit('_').next().unwrap_or_default().to_owned(),
            size,
            system: false,
            read_only: false,
            contents: Vec::new(),
            folder: None,
        };
        let card = DiskSpec { system: true, ..disk("mmc-SD64G_0x1a2b3c4d", "SD64G", 63_864_569_856) };
        let holidays = DiskSpec {
            contents: vec!["Windows files, label HOLIDAYS, 120 GB".to_owned()],
            ..disk("usb-WD_Elements_575833314131", "WD Elements", 120_034_123_776)
        };
        let locked = DiskSpec { read_only: true, ..disk("usb-Generic_Card_Reader_058F", "Card Reader", 7_948_206_080) };
        Self {
            board: "rpi4".to_owned(),
            model: "Raspberry Pi 4 Model B Rev 1.4 (faked)".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            built_ms: 1_760_000_000_000,
            clock_behind_ms: 0,
            memory_total: 4 << 30,
            interface: "end0".to_owned(),
            mac: "dc:a6:32:01:02:03".to_owned(),
            address: "192.168.1.23/24".to_owned(),
            gateway: IpAddr::from([192, 168, 1, 1]),
            dns: vec![IpAddr::from([192, 168, 1, 1])],
            disks: vec![
                card,
                disk("usb-Samsung_PSSD_T7_S5T2", "Samsung PSSD T7", 1_000_204_886_016),
                disk("usb-SanDisk_Extreme_4C53", "SanDisk Extreme", 128_035_676_160),
                holidays,
                locked,
            ],
        }
    }
}

impl Machine {
    pub fn read(path: &Path) -> Result<Self> {
        let unreadable = |detail: String| Error::Unreadable { program: path.display().to_string(), detail };
        let Some(text) = atomic::read(path)? else {
            let machine = Self::default();
            let text = toml::to_string(&machine).map_err(|error| unreadable(error.to_string()))?;
            atomic::write(path, text.as_bytes(), 0o644, None)?;
            return Ok(machine);
        };
        let machine: Self = toml::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        let ids: BTreeSet<&str> = machine.disks.iter().map(|disk| disk.id.as_str()).collect();
        let plain = |id: &&str| !id.is_empty() && !id.contains('/') && !id.starts_with('.');
        if ids.len() != machine.disks.len() || !ids.iter().all(plain) {
            return Err(unreadable("the disks' ids must differ and be names of files".to_owned()));
        }
        Ok(machine)
    }
}
