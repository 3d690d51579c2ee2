//! What the box is: the image's `/etc/os-release` (fields `IMAGE_VERSION`, `VARIANT_ID`, `HEARTH_BUILD_TIME`), the device tree, DMI.

use super::{HEARTH, Real, line};
use crate::{Board, Error, Identity, Image, Owner, Paths, Result, atomic, check_hostname};
use std::collections::BTreeMap;

impl Identity for Real {
    fn board(&self) -> Board {
        let name = release().remove("VARIANT_ID").unwrap_or_else(|| "unknown".to_owned());
        let model = line("/proc/device-tree/model").or_else(|| line("/sys/class/dmi/id/product_name"));
        Board { model: model.unwrap_or_else(|| name.clone()), name }
    }

    fn image(&self) -> Image {
        let release = release();
        let built_s: u64 =
            release.get("HEARTH_BUILD_TIME").and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
        Image {
            version: release.get("IMAGE_VERSION").cloned().unwrap_or_else(|| "unknown".to_owned()),
            built_ms: built_s.saturating_mul(1000),
        }
    }

    fn machine_id(&self) -> Result<String> {
        let id = line("/etc/machine-id").unwrap_or_default();
        if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(id);
        }
        Err(Error::Unreadable {
            program: "machine-id".to_owned(),
            detail: "it is not 32 hexadecimal digits".to_owned(),
        })
    }

    fn hostname(&self) -> Result<String> {
        Ok(rustix::system::uname().nodename().to_string_lossy().into_owned())
    }

    fn set_hostname(&self, name: &str) -> Result<()> {
        check_hostname(name)?;
        atomic::write(&self.paths.etc.join("hostname"), format!("{name}\n").as_bytes(), 0o644, None)?;
        apply_hostname(name)
    }

    fn restore_hostname(&self) -> Result<()> {
        let Some(kept) = atomic::read(&self.paths.etc.join("hostname"))? else { return Ok(()) };
        let kept = kept.trim();
        check_hostname(kept)?;
        if self.hostname()? == kept { Ok(()) } else { apply_hostname(kept) }
    }

    fn paths(&self) -> Paths {
        self.paths.clone()
    }

    fn homeserver_owner(&self) -> Owner {
        HEARTH
    }
}

/// systemd-resolved watches the kernel's name, so mDNS follows by itself.
fn apply_hostname(name: &str) -> Result<()> {
    rustix::system::sethostname(name.as_bytes())
        .map_err(|error| Error::file("write", "/proc/sys/kernel/hostname", error.into()))
}

fn release() -> BTreeMap<String, String> {
    parse_release(&line("/etc/os-release").unwrap_or_default())
}

/// The fields of an os-release file. Quotes are those of a shell; nothing else of a shell is meant to be in it.
fn parse_release(text: &str) -> BTreeMap<String, String> {
    let fields =
        text.lines().map(str::trim).filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    fields
        .map(|(key, value)| {
            let inner = ['"', '\''].iter().find_map(|&quote| value.strip_prefix(quote)?.strip_suffix(quote));
            (key.to_owned(), inner.unwrap_or(value).replace("\\", ""))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_os_release() {
        let fields = parse_release(
            "# made by the image\nPRETTY_NAME=\"Hearth 0.1.0\"\nID=hearth\nIMAGE_VERSION='0.1.0'\nVARIANT_ID=rpi4\n\nHEARTH_BUILD_TIME=1795547000\nBROKEN\nODD=\"\n",
        );
        assert_eq!(fields["PRETTY_NAME"], "Hearth 0.1.0");
        assert_eq!(fields["IMAGE_VERSION"], "0.1.0");
        assert_eq!(fields["VARIANT_ID"], "rpi4");
        assert_eq!(fields["HEARTH_BUILD_TIME"], "1795547000");
        assert_eq!(fields["ODD"], "\"");
        assert!(!fields.contains_key("BROKEN"));
    }
}
