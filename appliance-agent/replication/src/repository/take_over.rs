//! A new box takes the place of the one that wrote the repository.

use super::Repository;
use crate::{BoxKey, Key, Result, keyfile, meter::Meter};
use std::sync::Arc;

/// Gives the new box its key first: interrupted before the former ones go, one opens too much, and none too little.
pub(super) fn take_over(repository: &Repository, box_key: &BoxKey) -> Result<()> {
    let session = repository.session(true, &Arc::new(Meter::silent()));
    let new = keyfile::add(&session.disk, &repository.master, Key::Box(box_key))?;
    keyfile::remove_boxes(&session.disk, &new)
}
