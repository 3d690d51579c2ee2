//! The order under way, kept so that it survives a power cut: authorities count orders.

use super::{AcmeError, Settings, keep};
use crate::files;
use serde::{Deserialize, Serialize};

const ORDER: &str = "order.json";
const KEY: &str = "order-key.pem";
const METHOD: &str = "method";

/// An order that was made and not ended.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) directory: String,
    pub(super) url: String,
    pub(super) names: Vec<String>,
}

/// The order for these names that is kept.
pub(super) fn read(settings: &Settings, names: &[String]) -> Option<Pending> {
    let text = files::read(&settings.folder.join(ORDER)).ok().flatten()?;
    let pending: Pending = serde_json::from_str(&text).ok()?;
    (pending.directory == settings.directory && pending.names == names).then_some(pending)
}

pub(super) fn write(settings: &Settings, names: &[String], url: &str) -> Result<(), AcmeError> {
    let pending = Pending { directory: settings.directory.clone(), url: url.to_owned(), names: names.to_vec() };
    let text = serde_json::to_vec(&pending).map_err(|error| AcmeError::Answer { detail: error.to_string() })?;
    // A key of an earlier order must not be taken for this one's.
    files::remove(&settings.folder.join(KEY))?;
    Ok(keep(&settings.folder, ORDER, &text)?)
}

/// The key that the order was ended with.
pub(super) fn read_key(settings: &Settings) -> Option<String> {
    files::read(&settings.folder.join(KEY)).ok().flatten()
}

pub(super) fn write_key(settings: &Settings, pem: &str) -> Result<(), AcmeError> {
    Ok(keep(&settings.folder, KEY, pem.as_bytes())?)
}

pub(super) fn clear(settings: &Settings) -> Result<(), AcmeError> {
    for name in [ORDER, KEY] {
        files::remove(&settings.folder.join(name))?;
    }
    Ok(())
}

/// The method that worked last.
pub(super) fn method(settings: &Settings) -> Option<String> {
    files::read(&settings.folder.join(METHOD)).ok().flatten().map(|name| name.trim().to_owned())
}

pub(super) fn worked(settings: &Settings, name: &str) -> Result<(), AcmeError> {
    Ok(keep(&settings.folder, METHOD, name.as_bytes())?)
}
