//! A folder from which a server reads its certificate.
//!
//! ```text
//! certificate.pem, key.pem   what is served
//! next/                      the new pair while it takes the old one's place
//! previous/                  the old pair until the new one has served
//! ```

use crate::{
    CertificateError, Pair,
    files::{self, Owner},
    pair::{CERTIFICATE, KEY},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

const NEXT: &str = "next";
const PREVIOUS: &str = "previous";

/// The folder of one certificate.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    owner: Option<Owner>,
}

impl Folder {
    /// Names the folder; nothing is made yet. What is written becomes `owner`'s.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, owner: Option<Owner>) -> Self {
        Self { path: path.into(), owner }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends what a power cut interrupted, so that `certificate.pem` and `key.pem` belong together again. To be called
    /// at start, before a server reads the folder.
    ///
    /// # Errors
    /// [`CertificateError::File`].
    pub fn recover(&self) -> Result<(), CertificateError> {
        let next = self.path.join(NEXT);
        if !next.is_dir() {
            return Ok(());
        }
        if self.current().ok().flatten().is_none() {
            // The new key may have taken its place already, and the certificate not yet.
            let certificate = files::read(&next.join(CERTIFICATE))?;
            let key = match files::read(&next.join(KEY))? {
                Some(key) => Some(key),
                None => files::read(&self.path.join(KEY))?,
            };
            let pair = certificate.zip(key).and_then(|(certificate, key)| Pair::from_pem(&certificate, &key).ok());
            match (pair, self.previous()) {
                (Some(pair), _) | (None, Ok(Some(pair))) => pair.write(&self.path, self.owner)?,
                (None, _) => {}
            }
        }
        files::remove_folder(&next)
    }

    /// What is served now.
    ///
    /// # Errors
    /// As [`Pair::read`].
    pub fn current(&self) -> Result<Option<Pair>, CertificateError> {
        Pair::read(&self.path)
    }

    /// What was served before, while it is kept.
    ///
    /// # Errors
    /// As [`Pair::read`].
    pub fn previous(&self) -> Result<Option<Pair>, CertificateError> {
        Pair::read(&self.path.join(PREVIOUS))
    }

    /// Puts a new pair in place and keeps the old one in `previous/`. An older one that is there stays, as long as the
    /// one after it has not served either.
    ///
    /// # Errors
    /// [`CertificateError::File`].
    pub fn install(&self, pair: &Pair) -> Result<(), CertificateError> {
        if let (Ok(Some(old)), Ok(None) | Err(_)) = (self.current(), self.previous()) {
            old.write(&self.path.join(PREVIOUS), self.owner)?;
        }
        self.replace(pair)
    }

    /// Puts a new pair in place and keeps nothing of the old one.
    ///
    /// # Errors
    /// [`CertificateError::File`].
    pub fn replace(&self, pair: &Pair) -> Result<(), CertificateError> {
        files::folder(&self.path, self.owner)?;
        let next = self.path.join(NEXT);
        files::remove_folder(&next)?;
        pair.write(&next, self.owner)?;
        for name in [KEY, CERTIFICATE] {
            let place = self.path.join(name);
            fs::rename(next.join(name), &place).map_err(files::at(&place))?;
        }
        files::sync(&self.path)?;
        files::remove_folder(&next)
    }

    /// The new pair has served: the old one goes.
    ///
    /// # Errors
    /// [`CertificateError::File`].
    pub fn confirm(&self) -> Result<(), CertificateError> {
        files::remove_folder(&self.path.join(PREVIOUS))
    }

    /// The new pair does not serve: the old one comes back. Whether there was one.
    ///
    /// # Errors
    /// [`CertificateError::File`].
    pub fn roll_back(&self) -> Result<bool, CertificateError> {
        let Ok(Some(old)) = self.previous() else { return Ok(false) };
        self.replace(&old)?;
        files::remove_folder(&self.path.join(PREVIOUS))?;
        Ok(true)
    }
}
