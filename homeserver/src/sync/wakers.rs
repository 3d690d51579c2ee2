//! Wakes the syncs that wait for something to happen.

/// The waiting syncs by what they wait for.
#[derive(Debug, Default)]
pub struct Wakers {}
