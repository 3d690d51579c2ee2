//! What goes into a replica.

use crate::{Error, Result};
use std::{
    fmt,
    io::Read,
    path::{Path, PathBuf},
};

/// The manifest's name in a replica.
pub const MANIFEST: &str = "manifest.json";
/// The database stream's name in a replica.
pub const DATABASE: &str = "database.snapshot";

/// What goes into a replica: the manifest, the database's stream, and folders of the box.
pub struct Source {
    pub(crate) manifest: Vec<u8>,
    pub(crate) database: Box<dyn Read + Send>,
    pub(crate) folders: Vec<(String, PathBuf)>,
    pub(crate) left_out: Vec<PathBuf>,
}

impl Source {
    /// `manifest` is a JSON object with `"format": 1`. `database` is read once to its end, which may lie anywhere; an error from it (a
    /// connection that breaks off, a checksum that is wrong) makes the whole replica fail, so its reader must not take a broken stream
    /// for a finished one. The homeserver must have taken its snapshot before this is written, for the folders are listed afterwards,
    /// so that every file that the database speaks of is in the replica.
    pub fn new(manifest: Vec<u8>, database: impl Read + Send + 'static) -> Self {
        Self { manifest, database: Box::new(database), folders: Vec::new(), left_out: Vec::new() }
    }

    /// Takes the folder `path` of the box in as `name`, with all files and folders below it. Links and special files are left out. A
    /// file that is deleted meanwhile is left out; a folder that doesn't exist is empty.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`] for a name with a slash, of a dot only, or that is taken already.
    pub fn folder(mut self, name: &str, path: impl AsRef<Path>) -> Result<Self> {
        let taken = name == MANIFEST || name == DATABASE || self.folders.iter().any(|(other, _)| other == name);
        if taken || !is_plain_name(name) {
            return Err(Error::Unusable(format!("“{name}” can't be the name of a folder in it")));
        }
        self.folders.push((name.to_owned(), path.as_ref().to_owned()));
        Ok(self)
    }

    /// Leaves a file or folder out, named by its path in the replica: `agent/volumes.json`.
    #[must_use]
    pub fn leave_out(mut self, path: impl AsRef<Path>) -> Self {
        self.left_out.push(path.as_ref().to_owned());
        self
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Source").field("folders", &self.folders).finish_non_exhaustive()
    }
}

/// Whether a name stays in its folder.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_names_of_their_own() {
        let source = || Source::new(Vec::new(), std::io::empty());
        assert!(source().folder("media", "/x").unwrap().folder("agent", "/y").is_ok());
        assert!(source().folder("media", "/x").unwrap().folder("media", "/y").is_err());
        for name in ["", ".", "..", "a/b", "/", DATABASE, MANIFEST] {
            assert!(source().folder(name, "/x").is_err(), "{name}");
        }
    }
}
