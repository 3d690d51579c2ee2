//! Waiting for what comes about by itself.

use crate::client::Client;
use std::time::{Duration, Instant};

/// Looks until something holds, and panics where it does not within that time.
pub async fn until(what: &str, within: Duration, holds: impl AsyncFn() -> bool) {
    let end = Instant::now() + within;
    while !holds().await {
        assert!(Instant::now() < end, "it did not come about: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Until the box is in that phase.
pub async fn until_phase(visitor: &Client, phase: &str, within: Duration) {
    until(phase, within, async || visitor.clone().get("/api/state").await.ok()["phase"] == phase).await;
}
