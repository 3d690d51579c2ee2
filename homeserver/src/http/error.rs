//! The one place where errors become Matrix errors.
//!
//! Each domain has its own small enum that knows no HTTP; the `From` below says which status and
//! `errcode` it gets. What went wrong inside is logged here once and never sent.

use crate::{
    accounts::AccountError,
    e2ee::E2eeError,
    mail::MailError,
    push::rules::PushRuleError,
    rooms::{RoomError, receipts::ReceiptError},
    settings::SettingsError,
    sync::SyncError,
};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::BytesMut;
use hearth_store::StoreError;
use http::StatusCode;
use ruma::api::{
    OutgoingResponseExt as _,
    client::uiaa::{UiaaInfo, UiaaResponse},
    error::{
        Error as MatrixError, ErrorBody, ErrorKind, FromHttpRequestError, LimitExceededErrorData, RetryAfter,
        StandardErrorBody, UnknownTokenErrorData,
    },
};
use std::time::Duration;

/// What a handler fails with.
#[derive(Debug)]
pub enum Error {
    /// A Matrix error: status, `errcode` and words for whoever reads the client's screen.
    Matrix(StatusCode, Box<ErrorKind>, String),
    /// User-interactive authentication goes on: status 401 with the flows.
    Uiaa(Box<UiaaInfo>),
}

impl Error {
    /// Any Matrix error.
    pub fn new(status: StatusCode, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::Matrix(status, Box::new(kind), message.into())
    }

    /// 403 `M_FORBIDDEN`
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorKind::Forbidden, message)
    }

    /// 404 `M_NOT_FOUND`
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorKind::NotFound, message)
    }

    /// 400 `M_INVALID_PARAM`
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorKind::InvalidParam, message)
    }

    /// 400 `M_MISSING_PARAM`
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorKind::MissingParam, message)
    }

    /// 400 `M_BAD_JSON`
    pub fn bad_json(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorKind::BadJson, message)
    }

    /// 401 `M_MISSING_TOKEN`
    #[must_use]
    pub fn missing_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorKind::MissingToken, "This needs an access token.")
    }

    /// 401 `M_UNKNOWN_TOKEN`
    #[must_use]
    pub fn unknown_token(soft_logout: bool) -> Self {
        let mut data = UnknownTokenErrorData::new();
        data.soft_logout = soft_logout;
        Self::new(
            StatusCode::UNAUTHORIZED,
            ErrorKind::UnknownToken(data),
            "The access token is not (or no longer) good.",
        )
    }

    /// 404 or 405 `M_UNRECOGNIZED`
    #[must_use]
    pub fn unrecognized(status: StatusCode) -> Self {
        Self::new(status, ErrorKind::Unrecognized, "This server has no such endpoint.")
    }

    /// 413 `M_TOO_LARGE`
    #[must_use]
    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorKind::TooLarge, "The request is too large.")
    }

    /// 408: the body took too long to arrive.
    #[must_use]
    pub fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, ErrorKind::Unknown, "The request took too long to arrive.")
    }

    /// 400: the body ended early.
    #[must_use]
    pub fn cut_off() -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorKind::NotJson, "The request was cut off.")
    }

    /// 429 `M_LIMIT_EXCEEDED`
    #[must_use]
    pub fn limit_exceeded(wait: Duration) -> Self {
        let mut data = LimitExceededErrorData::new();
        data.retry_after = Some(RetryAfter::Delay(wait));
        Self::new(StatusCode::TOO_MANY_REQUESTS, ErrorKind::LimitExceeded(data), "Too many requests; wait a little.")
    }

    /// 500 `M_UNKNOWN`; the detail goes to the log and no further.
    pub fn internal(detail: &dyn std::fmt::Display) -> Self {
        tracing::error!(%detail, "a request failed inside the server");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorKind::Unknown,
            "Something went wrong inside the server; its log says what.",
        )
    }

    /// What ruma says of a request that it can't read.
    #[must_use]
    pub fn bad_request(error: &FromHttpRequestError) -> Self {
        use ruma::api::error::DeserializationError as Inner;
        match error {
            FromHttpRequestError::Deserialization(Inner::Json(json)) => {
                if json.is_syntax() || json.is_eof() {
                    Self::new(StatusCode::BAD_REQUEST, ErrorKind::NotJson, format!("The body is not JSON: {json}"))
                } else {
                    Self::bad_json(format!("The body is not what this endpoint takes: {json}"))
                }
            }
            FromHttpRequestError::Deserialization(Inner::Query(query))
                if query.to_string().contains("missing field") =>
            {
                Self::missing(format!("The query lacks something: {query}"))
            }
            FromHttpRequestError::MethodMismatch { .. } => Self::unrecognized(StatusCode::METHOD_NOT_ALLOWED),
            other => Self::invalid(format!("The request can't be read: {other}")),
        }
    }

    /// The HTTP response.
    #[must_use]
    pub fn into_http(self) -> Response {
        let response = match self {
            Self::Matrix(status, kind, message) => {
                MatrixError::new(status, ErrorBody::Standard(StandardErrorBody::new(*kind, message)))
                    .try_into_http_response::<BytesMut>()
            }
            Self::Uiaa(info) => UiaaResponse::AuthResponse(*info).try_into_http_response::<BytesMut>(),
        };
        response.map_or_else(
            |error| {
                tracing::error!(%error, "an error could not be written as a response");
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            },
            |response| response.map(|body| Body::from(body.freeze())),
        )
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.into_http()
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

impl From<SettingsError> for Error {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Invalid(message) => Self::invalid(message),
            SettingsError::Corrupt(error) => Self::internal(&error),
            SettingsError::Store(error) => error.into(),
        }
    }
}

impl From<AccountError> for Error {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::UnknownToken { soft_logout } => Self::unknown_token(soft_logout),
            AccountError::UserInUse => {
                Self::new(StatusCode::BAD_REQUEST, ErrorKind::UserInUse, "This user name is taken.")
            }
            AccountError::BadRegistrationToken => {
                Self::forbidden("This registration token is not (or no longer) good.")
            }
            AccountError::BadPassword(message) => Self::new(StatusCode::BAD_REQUEST, ErrorKind::WeakPassword, message),
            AccountError::PasswordTooLong => {
                Self::invalid(format!("A password has at most {} bytes.", crate::accounts::passwords::LONGEST))
            }
            AccountError::NoSuchToken => Self::not_found("There is no such registration token."),
            AccountError::LastAdministrator => {
                Self::forbidden("This is the last administrator. Make somebody else one first.")
            }
            AccountError::EmailInUse => {
                let message = "Another account has this mail address.";
                Self::new(StatusCode::BAD_REQUEST, ErrorKind::ThreepidInUse, message)
            }
            AccountError::TooManyEmails => {
                let message = format!("An account has at most {} mail addresses.", crate::accounts::emails::MOST);
                Self::new(StatusCode::FORBIDDEN, ErrorKind::ThreepidDenied, message)
            }
            AccountError::EmailNotConfirmed => {
                let message = "The mail address is not (or no longer) confirmed.";
                Self::new(StatusCode::BAD_REQUEST, ErrorKind::ThreepidAuthFailed, message)
            }
            AccountError::BadEmailLink => Self::not_found("This link is not (or no longer) good."),
            AccountError::Mail(error) => error.into(),
            AccountError::NoSuchUser => Self::not_found("There is no such user here."),
            AccountError::NoSuchDevice => Self::not_found("You have no such device."),
            AccountError::ProfileTooLarge => {
                Self::new(StatusCode::BAD_REQUEST, ErrorKind::ProfileTooLarge, "A profile holds 64 KiB at most.")
            }
            AccountError::AccountDataTooLarge => Self::too_large(),
            AccountError::Json(error) => Self::internal(&error),
            AccountError::Store(error) => error.into(),
        }
    }
}

impl From<MailError> for Error {
    fn from(error: MailError) -> Self {
        match error {
            // The queue gets shorter as fast as the mail server takes letters.
            MailError::QueueFull => Self::limit_exceeded(Duration::from_secs(60)),
            MailError::Store(error) => error.into(),
        }
    }
}

impl From<RoomError> for Error {
    fn from(error: RoomError) -> Self {
        let message = error.to_string();
        let bad_request = |kind| Self::new(StatusCode::BAD_REQUEST, kind, message.clone());
        match error {
            RoomError::UnknownRoom | RoomError::UnknownEvent | RoomError::UnknownAlias => Self::not_found(message),
            RoomError::Forbidden(_) => Self::forbidden(message),
            RoomError::BadContent(_) => Self::bad_json(message),
            RoomError::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorKind::TooLarge, message),
            RoomError::BadState(_) => bad_request(ErrorKind::InvalidRoomState),
            RoomError::UnsupportedVersion(_) => bad_request(ErrorKind::UnsupportedRoomVersion),
            RoomError::DuplicateAnnotation => bad_request(ErrorKind::DuplicateAnnotation),
            RoomError::InviteBlocked => Self::new(StatusCode::FORBIDDEN, ErrorKind::InviteBlocked, message),
            RoomError::AliasInUse => bad_request(ErrorKind::RoomInUse),
            RoomError::Corrupt(..) | RoomError::State(_) => Self::internal(&message),
            RoomError::Store(error) => error.into(),
        }
    }
}

impl From<E2eeError> for Error {
    fn from(error: E2eeError) -> Self {
        use ruma::api::error::WrongRoomKeysVersionErrorData;
        let message = error.to_string();
        match error {
            E2eeError::Invalid(_) => Self::invalid(message),
            E2eeError::InvalidSignature(_) => {
                // ruma has no name for this code, but takes any.
                let kind = serde_json::from_value(serde_json::json!({ "errcode": "M_INVALID_SIGNATURE" }));
                Self::new(StatusCode::BAD_REQUEST, kind.unwrap_or(ErrorKind::InvalidParam), message)
            }
            E2eeError::TooLarge(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorKind::TooLarge, message),
            E2eeError::NoMasterKey => Self::missing(message),
            E2eeError::KeyIdInUse | E2eeError::NeedsAuthentication => Self::forbidden(message),
            E2eeError::NoSuchBackup | E2eeError::NoSuchSession => Self::not_found(message),
            E2eeError::WrongBackupVersion { current } => {
                let kind = ErrorKind::WrongRoomKeysVersion(WrongRoomKeysVersionErrorData::new(current));
                Self::new(StatusCode::FORBIDDEN, kind, message)
            }
            E2eeError::Corrupt(_) => Self::internal(&message),
            E2eeError::Room(error) => error.into(),
            E2eeError::Store(error) => error.into(),
        }
    }
}

impl From<ReceiptError> for Error {
    fn from(error: ReceiptError) -> Self {
        match error {
            ReceiptError::NotInThread(_) => Self::invalid(error.to_string()),
            ReceiptError::Room(error) => error.into(),
        }
    }
}

impl From<SyncError> for Error {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::BadToken | SyncError::UnknownFilter | SyncError::BadFilter(_) => {
                Self::invalid(error.to_string())
            }
            SyncError::Account(error) => error.into(),
            SyncError::E2ee(error) => error.into(),
            SyncError::Room(error) => error.into(),
            SyncError::Broken(error) => Self::internal(&error),
        }
    }
}

impl From<PushRuleError> for Error {
    fn from(error: PushRuleError) -> Self {
        let message = error.to_string();
        match error {
            PushRuleError::NotFound => Self::not_found(message),
            PushRuleError::ServerDefault | PushRuleError::InvalidId | PushRuleError::TooMuch(_) => {
                Self::invalid(message)
            }
            PushRuleError::BadPlace(_) => Self::new(StatusCode::BAD_REQUEST, ErrorKind::Unknown, message),
            PushRuleError::Account(error) => error.into(),
        }
    }
}
