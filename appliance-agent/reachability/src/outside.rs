//! Somebody outside who looks whether the server can be reached: the one of [`crate::Config::outside_checker_url`].

use crate::fetch::{FetchError, Fetcher};
use serde::Deserialize;
use std::{collections::BTreeMap, net::SocketAddr};

/// What was seen from outside, by address and port.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outside {
    reached: Vec<SocketAddr>,
    failed: Vec<SocketAddr>,
}

impl Outside {
    /// Whether the port was reached at every address that was tried; `None` where it was not tried.
    pub(crate) fn port(&self, port: u16) -> Option<bool> {
        let tried = |list: &[SocketAddr]| list.iter().any(|address| address.port() == port);
        match (tried(&self.reached), tried(&self.failed)) {
            (_, true) => Some(false),
            (true, false) => Some(true),
            (false, false) => None,
        }
    }
}

/// Asks; the address holds `{server_name}`.
pub(crate) async fn ask(fetcher: &Fetcher<'_>, url: &str, server_name: &str) -> Result<Outside, FetchError> {
    /// As the Matrix federation tester reports.
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Report {
        #[serde(default)]
        connection_reports: BTreeMap<String, serde::de::IgnoredAny>,
        #[serde(default)]
        connection_errors: BTreeMap<String, serde::de::IgnoredAny>,
    }
    let body = fetcher.get(&url.replace("{server_name}", server_name)).await?;
    let report: Report = serde_json::from_slice(&body).map_err(|error| FetchError::Nonsense(error.to_string()))?;
    let addresses = |map: BTreeMap<String, _>| map.into_keys().filter_map(|address| address.parse().ok()).collect();
    Ok(Outside { reached: addresses(report.connection_reports), failed: addresses(report.connection_errors) })
}
