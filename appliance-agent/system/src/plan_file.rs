//! The kept network plan, a TOML file.

use crate::{Error, Plan, Result, atomic};
use std::path::Path;

/// The plan that was kept, or an automatic one where the file is damaged: that must leave the box neither without any address nor without the
/// pages that show it.
pub(crate) fn kept(path: &Path) -> Plan {
    read(path).unwrap_or_else(|error| {
        tracing::warn!(%error, "the kept network setting is unusable, the network is set automatically");
        Plan::Auto
    })
}

/// No file: the network is set automatically. `Error::Unreadable` for a damaged one.
fn read(path: &Path) -> Result<Plan> {
    let Some(text) = atomic::read(path)? else { return Ok(Plan::Auto) };
    let unreadable = |detail: String| Error::Unreadable { program: path.display().to_string(), detail };
    let plan: Plan = toml::from_str(&text).map_err(|error| unreadable(error.message().to_owned()))?;
    plan.check().map_err(|error| unreadable(error.to_string()))?;
    Ok(plan)
}

/// Makes its folder where that is missing.
pub(crate) fn write(path: &Path, plan: &Plan) -> Result<()> {
    if let Some(folder) = path.parent() {
        atomic::folder(folder, 0o755, None)?;
    }
    let text = toml::to_string(plan).map_err(|error| Error::NetworkFailed { detail: error.to_string() })?;
    atomic::write(path, text.as_bytes(), 0o644, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_its_file_and_a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network/plan.toml");
        assert_eq!(read(&path).unwrap(), Plan::Auto);
        let plan = Plan::Static {
            address: "192.168.1.9/24".to_owned(),
            gateway: "192.168.1.1".parse().unwrap(),
            dns: vec!["9.9.9.9".parse().unwrap()],
        };
        for plan in [plan, Plan::Auto] {
            write(&path, &plan).unwrap();
            assert_eq!(read(&path).unwrap(), plan);
        }
        for damaged in [
            "",
            "mode = \"magic\"",
            "\0\0\0",
            "mode = \"static\"\naddress = \"1.2.3.4/33\"\ngateway = \"1.2.3.5\"\ndns = []",
        ] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(read(&path).unwrap_err().code(), "program_unreadable", "{damaged:?}");
            assert_eq!(kept(&path), Plan::Auto, "{damaged:?}");
        }
    }
}
