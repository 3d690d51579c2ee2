//! A new certificate in its place: kept only where it really serves.

use super::{Progress, Step, StepState};
use crate::{CertificateError, Folder, Pair, handshake};
use std::{future::Future, net::SocketAddr, pin::Pin, time::Duration};

/// How long a server may take to show a new certificate.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who serves the certificate: the homeserver by its admin socket, or the agent by its resolver.
pub trait Server: Send + Sync {
    /// Has the folder read again. The error is words for the log; the old certificate then stays in use.
    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>>;

    /// Where it can be reached from the box itself.
    fn address(&self) -> SocketAddr;
}

/// Puts the pair into the folder, has the server take it up, looks by a handshake for `name` whether it is shown, and
/// only then lets the old one go. Where it isn't, the old one comes back.
///
/// # Errors
/// [`CertificateError::OtherName`] and [`NotNow`](CertificateError::NotNow) before anything is touched,
/// [`NotServed`](CertificateError::NotServed) after everything is as it was.
pub async fn install(
    folder: &Folder,
    pair: &Pair,
    name: &str,
    now_ms: u64,
    server: &dyn Server,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<(), CertificateError> {
    progress(Progress::of(Step::Install, StepState::Running));
    pair.check(name, now_ms)?;
    settle(folder, name, server).await?;
    folder.install(pair)?;
    let served = match server.reload().await {
        Ok(()) => handshake::serves(server.address(), name, pair, PATIENCE).await,
        Err(detail) => Err(CertificateError::NotServed { address: server.address(), detail }),
    };
    match served {
        Ok(()) => {
            folder.confirm()?;
            progress(Progress::of(Step::Install, StepState::Done));
            Ok(())
        }
        Err(error) => {
            if folder.roll_back()?
                && let Err(detail) = server.reload().await
            {
                tracing::error!(detail, "the old certificate is back in its place, but the server does not take it up");
            }
            Err(error)
        }
    }
}

/// A power cut between a certificate's first serving and the old one's going leaves the old one in `previous/`, and what is installed next
/// would go back to that, however good the one in between is.
async fn settle(folder: &Folder, name: &str, server: &dyn Server) -> Result<(), CertificateError> {
    // A damaged one counts: it is nothing to go back to.
    if matches!(folder.previous(), Ok(None)) {
        return Ok(());
    }
    let Ok(Some(current)) = folder.current() else { return Ok(()) };
    match handshake::serves(server.address(), name, &current, PATIENCE).await {
        Ok(()) => folder.confirm(),
        Err(_) => Ok(()),
    }
}
