//! Who serves the public name: the agent until the homeserver does.

use crate::{app::App, homeserver::Homeserver};
use hearth_certificates::acme::Server;
use http::Method;
use serde_json::{Value, json};
use std::{
    future::Future,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

/// The agent's own listener.
pub(super) struct Agent(pub(super) Arc<App>);

impl Server for Agent {
    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(async {
            let app = Arc::clone(&self.0);
            let looked = tokio::task::spawn_blocking(move || app.certificates.look_at_public()).await;
            looked.map_err(|error| error.to_string())
        })
    }

    fn address(&self) -> SocketAddr {
        near(self.0.config.https)
    }
}

/// The homeserver.
pub(super) struct Behind {
    pub(super) homeserver: Homeserver,
    pub(super) https: SocketAddr,
}

impl Server for Behind {
    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(async {
            let done = self.homeserver.send::<Value>(Method::POST, "/v1/certificate/reload", &json!({})).await;
            done.map(drop).map_err(|error| error.to_string())
        })
    }

    fn address(&self) -> SocketAddr {
        near(self.https)
    }
}

/// A listener's address as this machine itself reaches it.
fn near(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        other => other,
    }
}
