//! User-interactive authentication: which stages a session has completed.

/// Unfinished authentications.
#[derive(Debug, Default)]
pub struct UiaSessions {}
