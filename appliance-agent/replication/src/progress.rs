//! How far an operation is, and a way to stop it.

use std::{fmt, ops::ControlFlow, sync::Arc};

/// How far an operation is. All in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Read so far: of the sources while writing, of the replica while checking and restoring.
    pub read: u64,
    /// Written so far: to the repository while writing and tidying up (compressed and encrypted), to the box while restoring.
    pub written: u64,
    /// What `read` will be at the end, where that is known: not while writing, for the length of the database's stream is not known.
    pub total: Option<u64>,
}

/// Called with the counts every now and then, from several threads; [`ControlFlow::Break`] stops the operation with [`crate::Error::Cancelled`].
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Counts) -> ControlFlow<()> + Send + Sync>);

impl Progress {
    /// Calls `report` about every megabyte. It must return quickly.
    pub fn new(report: impl Fn(Counts) -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    /// For nobody who looks.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|_| ControlFlow::Continue(()))
    }

    /// Whether to go on.
    pub(crate) fn report(&self, counts: Counts) -> ControlFlow<()> {
        (self.0)(counts)
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Progress(…)")
    }
}
