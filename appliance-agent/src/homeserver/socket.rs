//! Requests over the admin socket.

use super::Health;
use crate::problem::Problem;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{path::PathBuf, time::Duration};
use tokio::net::UnixStream;

/// The longest that an answer may take; hashing a password on a small board takes seconds.
const TIME: Duration = Duration::from_secs(30);
/// The largest answer in bytes.
const LARGEST: usize = 8 << 20;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Nobody answers.
    #[error("{0}")]
    Unavailable(String),
    /// The homeserver refuses.
    #[error("{error} ({errcode})")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// A code as in the client-server API.
        errcode: String,
        /// Words.
        error: String,
        /// How long to wait, where it says so.
        retry_after_ms: Option<u64>,
    },
}

impl SocketError {
    /// Whether this is the homeserver's code.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        matches!(self, Self::Refused { errcode, .. } if errcode == code)
    }
}

impl From<SocketError> for Problem {
    fn from(error: SocketError) -> Self {
        let (status, errcode, error, retry) = match error {
            SocketError::Unavailable(detail) => return Self::homeserver_unavailable(&detail),
            SocketError::Refused { status, errcode, error, retry_after_ms } => (status, errcode, error, retry_after_ms),
        };
        let (code, help) = match errcode.as_str() {
            "M_USER_IN_USE" => ("user_in_use", "Choose another name."),
            "M_INVALID_USERNAME" => ("invalid_username", "Use small letters, digits and . _ = - only."),
            "M_WEAK_PASSWORD" => {
                ("weak_password", "Choose a longer password; three or four words that do not belong together are good.")
            }
            "M_NOT_FOUND" => ("not_found", "Reload the page: it may have changed meanwhile."),
            "M_LIMIT_EXCEEDED" => ("too_many_attempts", "Wait a little and try again."),
            "M_FORBIDDEN" => ("forbidden", "The homeserver does not allow this."),
            _ if status.is_server_error() => return Self::homeserver_unavailable(&error),
            _ => ("refused", "Change what the message says and try again."),
        };
        let problem = Self::new(status, code, error, help);
        match retry {
            Some(wait) => problem.with("retry_after_s", wait.div_ceil(1000)),
            None => problem,
        }
    }
}

/// The homeserver's admin socket.
#[derive(Debug, Clone)]
pub struct Homeserver {
    socket: PathBuf,
}

impl Homeserver {
    /// Speaks to the socket at this path, each time anew: it is a local one, and the homeserver may be restarted at any time.
    #[must_use]
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// `GET`
    ///
    /// # Errors
    /// [`SocketError`]
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, SocketError> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// `POST`, `PUT` or `DELETE` with a body.
    ///
    /// # Errors
    /// [`SocketError`]
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, SocketError> {
        let body = serde_json::to_vec(body).map_err(|error| SocketError::Unavailable(error.to_string()))?;
        self.call(method, path, body.into()).await
    }

    /// `GET /v1/health`
    ///
    /// # Errors
    /// [`SocketError`]
    pub async fn health(&self) -> Result<Health, SocketError> {
        self.get("/v1/health").await
    }

    /// Whether it answers.
    pub async fn answers(&self) -> bool {
        self.get::<Value>("/v1/health").await.is_ok()
    }

    /// `GET /v1/snapshot`: a stream that may take long, so without a limit of time.
    ///
    /// # Errors
    /// [`SocketError`]
    pub async fn snapshot(&self) -> Result<Incoming, SocketError> {
        let response = self.request(Method::GET, "/v1/snapshot", Bytes::new()).await?;
        if response.status().is_success() { Ok(response.into_body()) } else { Err(refusal(response).await) }
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<T, SocketError> {
        let work = async {
            let response = self.request(method, path, body).await?;
            if !response.status().is_success() {
                return Err(refusal(response).await);
            }
            let bytes = whole(response).await?;
            serde_json::from_slice(&bytes)
                .map_err(|error| SocketError::Unavailable(format!("its answer to {path} can't be read: {error}")))
        };
        match tokio::time::timeout(TIME, work).await {
            Ok(result) => result,
            Err(_) => Err(SocketError::Unavailable("it did not answer in time".into())),
        }
    }

    async fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, SocketError> {
        let failed = |error: &dyn std::fmt::Display| SocketError::Unavailable(error.to_string());
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| failed(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the homeserver's socket ended in an error");
            }
        });
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "homeserver")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| failed(&error))?;
        sender.send_request(request).await.map_err(|error| failed(&error))
    }
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, SocketError> {
    let collected = Limited::new(response.into_body(), LARGEST).collect().await;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| SocketError::Unavailable(error.to_string()))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    errcode: String,
    error: String,
    retry_after_ms: Option<u64>,
}

async fn refusal(response: Response<Incoming>) -> SocketError {
    let status = response.status();
    let bytes = match whole(response).await {
        Ok(bytes) => bytes,
        Err(error) => return error,
    };
    let ErrorBody { errcode, error, retry_after_ms } = serde_json::from_slice(&bytes).unwrap_or_default();
    SocketError::Refused { status, errcode, error, retry_after_ms }
}

/// A part of a path, so that nothing that was typed leads elsewhere.
#[must_use]
pub fn part(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // A string takes all that is written to it.
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}
