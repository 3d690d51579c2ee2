//! The kept network plan, a TOML file.

use crate::{Error, Interface, Plan, Result, atomic};
use std::path::Path;

/// The fields beside the plan's own.
const NAME: &str = "interface";
const MAC: &str = "interface_mac";

/// A plan, and the interface that its fixed address is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub plan: Plan,
    pub interface: Option<Wired>,
}

/// An interface that can be found again: by its hardware address where that lasts, else by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wired {
    pub name: String,
    pub mac: Option<String>,
}

impl Wired {
    pub fn of(interface: &Interface) -> Self {
        Self { name: interface.name.clone(), mac: interface.mac.clone() }
    }

    /// What it is called now. One that is not there (yet) keeps the name that it had: what is set for that takes force when it comes.
    pub fn name_now(&self, interfaces: &[Interface]) -> String {
        let same = interfaces.iter().find(|each| self.mac.is_some() && each.mac == self.mac);
        same.map_or_else(|| self.name.clone(), |same| same.name.clone())
    }
}

/// The plan that was kept, or an automatic one where the file is damaged: that must leave the box neither without any address nor without the
/// pages that show it.
pub(crate) fn kept(path: &Path) -> Kept {
    read(path).unwrap_or_else(|error| {
        tracing::warn!(%error, "the kept network setting is unusable, the network is set automatically");
        Kept::default()
    })
}

/// No file: the network is set automatically. `Error::Unreadable` for a damaged one.
fn read(path: &Path) -> Result<Kept> {
    let Some(text) = atomic::read(path)? else { return Ok(Kept::default()) };
    let unreadable = |detail: String| Error::Unreadable { program: path.display().to_string(), detail };
    let mut table: toml::Table = toml::from_str(&text).map_err(|error| unreadable(error.message().to_owned()))?;
    let mut text = |key: &str| table.remove(key).and_then(|value| value.as_str().map(str::to_owned));
    let (name, mac) = (text(NAME), text(MAC));
    // It goes into networkd's file: only what the kernel gives for a name.
    let name = name.filter(|name| (1..=15).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic()));
    let plan: Plan = table.try_into().map_err(|error: toml::de::Error| unreadable(error.message().to_owned()))?;
    plan.check().map_err(|error| unreadable(error.to_string()))?;
    Ok(Kept { plan, interface: name.map(|name| Wired { name, mac }) })
}

/// Makes its folder where that is missing.
pub(crate) fn write(path: &Path, kept: &Kept) -> Result<()> {
    if let Some(folder) = path.parent() {
        atomic::folder(folder, 0o755, None)?;
    }
    let failed = |error: toml::ser::Error| Error::NetworkFailed { detail: error.to_string() };
    let mut table = toml::Table::try_from(&kept.plan).map_err(failed)?;
    if let Some(Wired { name, mac }) = &kept.interface {
        table.insert(NAME.to_owned(), name.as_str().into());
        if let Some(mac) = mac {
            table.insert(MAC.to_owned(), mac.as_str().into());
        }
    }
    atomic::write(path, toml::to_string(&table).map_err(failed)?.as_bytes(), 0o644, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_its_file_and_a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network/plan.toml");
        assert_eq!(read(&path).unwrap(), Kept::default());
        let plan = Plan::Static {
            address: "192.168.1.9/24".to_owned(),
            gateway: "192.168.1.1".parse().unwrap(),
            dns: vec!["9.9.9.9".parse().unwrap()],
        };
        let end0 = Wired { name: "end0".to_owned(), mac: Some("dc:a6:32:01:02:03".to_owned()) };
        let nameless = Wired { mac: None, ..end0.clone() };
        for (plan, interface) in
            [(plan.clone(), Some(end0)), (plan.clone(), Some(nameless)), (plan, None), (Plan::Auto, None)]
        {
            let kept = Kept { plan, interface };
            write(&path, &kept).unwrap();
            assert_eq!(read(&path).unwrap(), kept);
        }
        std::fs::write(&path, "mode = \"auto\"\ninterface = \"end0 end1\"\n").unwrap();
        assert_eq!(read(&path).unwrap(), Kept::default());
        for damaged in [
            "",
            "mode = \"magic\"",
            "\0\0\0",
            "mode = \"static\"\naddress = \"1.2.3.4/33\"\ngateway = \"1.2.3.5\"\ndns = []",
        ] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(read(&path).unwrap_err().code(), "program_unreadable", "{damaged:?}");
            assert_eq!(kept(&path), Kept::default(), "{damaged:?}");
        }
    }
    #[test]
    fn a_card_is_found_again_and_waited_for() {
        let interface = |name: &str, mac: Option<&str>| Interface {
            name: name.to_owned(),
            mac: mac.map(str::to_owned),
            carrier: false,
            addresses: Vec::new(),
            gateway: None,
        };
        let kept = Wired::of(&interface("end0", Some("dc:a6:32:01:02:03")));
        let other = interface("enu1", Some("00:11:22:33:44:55"));
        assert_eq!(kept.name_now(&[]), "end0");
        assert_eq!(kept.name_now(std::slice::from_ref(&other)), "end0", "another card does not get its address");
        let renamed = interface("end1", Some("dc:a6:32:01:02:03"));
        assert_eq!(kept.name_now(&[other, renamed]), "end1");
        let without = Wired::of(&interface("end0", None));
        assert_eq!(without.name_now(&[interface("tun0", None)]), "end0");
    }
}
