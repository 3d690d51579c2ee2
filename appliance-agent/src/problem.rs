//! What a request or a job failed by, in words for the owner.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A failure as the page gets it: a code that it translates, and English words where it doesn't know the code.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// The answer's status.
    #[serde(skip)]
    pub status: StatusCode,
    /// A name that stays the same.
    pub code: &'static str,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// What the page puts into its translation.
    pub params: Map<String, Value>,
}

impl Problem {
    /// A problem of any kind.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), help: help.into(), params: Map::new() }
    }

    /// Adds something for the translation.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    /// 400: the request is not what the page would send.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message, "Reload the page and try again.")
    }

    /// 422: a field of a form can't be taken; `field` is its name.
    #[must_use]
    pub fn invalid(field: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_value", message, help).with("field", field)
    }

    /// 401: nobody is logged in.
    #[must_use]
    pub fn not_logged_in() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not_logged_in", "You are not logged in.", "Log in and try again.")
    }

    /// 409: not in this phase of the box's life.
    #[must_use]
    pub fn wrong_phase(phase: impl Serialize) -> Self {
        let phase = serde_json::to_value(phase).unwrap_or_default();
        Self::new(
            StatusCode::CONFLICT,
            "wrong_phase",
            "The box is not in the state that this needs.",
            "Reload the page: it shows what can be done now.",
        )
        .with("phase", phase)
    }

    /// 409: something else is using what this needs.
    #[must_use]
    pub fn busy(what: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "busy",
            format!("The box is busy: {what} is still running."),
            "Wait until it has ended and try again.",
        )
        .with("running", what)
    }

    /// 404: nothing of this name.
    #[must_use]
    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message, "Reload the page: it may have changed meanwhile.")
    }

    /// 500: a fault of the box's own; `detail` goes to the log and not to the page.
    #[must_use]
    pub fn internal(detail: &dyn std::fmt::Display) -> Self {
        tracing::error!(%detail, "a request failed by the box's own fault");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong inside the box.",
            "Try again. If it stays so, restart the box and look at the logs.",
        )
    }

    /// 503: the homeserver doesn't answer on its socket.
    #[must_use]
    pub fn homeserver_unavailable(detail: &dyn std::fmt::Display) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "homeserver_unavailable",
            format!("The homeserver does not answer: {detail}."),
            "Wait a minute and try again. If it stays so, restart the homeserver and look at the logs.",
        )
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({})", self.message, self.code)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self }))).into_response()
    }
}

impl From<hearth_system::Error> for Problem {
    fn from(error: hearth_system::Error) -> Self {
        use hearth_system::Error as Machine;
        let status = match &error {
            Machine::WrongKey | Machine::SystemDisk => StatusCode::FORBIDDEN,
            Machine::DiskGone | Machine::VolumeAbsent => StatusCode::NOT_FOUND,
            Machine::DiskHasData { .. }
            | Machine::DiskBusy
            | Machine::VolumeBusy
            | Machine::NameTaken
            | Machine::WrongDisk { .. } => StatusCode::CONFLICT,
            Machine::DiskTooSmall { .. }
            | Machine::DiskReadOnly
            | Machine::UnusableKey
            | Machine::InvalidName
            | Machine::InvalidNetwork { .. }
            | Machine::UnknownTimeZone
            | Machine::InvalidHostname
            | Machine::VolumeDamaged { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Machine::StorageFull { .. } | Machine::StorageReadOnly { .. } => StatusCode::INSUFFICIENT_STORAGE,
            _ => {
                tracing::error!(error = &error as &dyn std::error::Error, params = %error.params(), "the machine failed");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        let message = error.to_string();
        let mut letters = message.chars();
        let message = letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect());
        let mut problem = Self::new(status, error.code(), format!("{message}."), error.help());
        if let Value::Object(params) = error.params() {
            problem.params = params;
        }
        problem
    }
}
