//! IMKit's envelope and its two forms of errors.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};
use snug_core::error::Error;

/// The vendor's one code of a 413.
const TOO_LARGE: &str = "RESULT_TOO_LARGE";

/// What a handler answers.
pub(super) type Answer = Result<Json<Value>, Failure>;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// Form B: the code stands in `error` itself.
    flat: bool,
    retry_after_seconds: Option<u64>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), flat: false, retry_after_seconds: None }
    }

    /// Form B, as the pages on keys and tokens show it.
    pub(super) fn flat(status: StatusCode, code: &'static str, message: &str) -> Self {
        Self { flat: true, ..Self::new(status, code, message) }
    }

    pub(super) fn missing(field: &str) -> Self {
        let message = format!("{field} is required");
        Self::new(StatusCode::BAD_REQUEST, "MISSING_PARAMETER", message)
    }

    pub(super) fn body(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_BODY", message)
    }

    pub(super) fn query(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_QUERY", message)
    }

    pub(super) fn denied(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
    }

    pub(super) fn no_message() -> Self {
        Self::new(StatusCode::NOT_FOUND, "MESSAGE_NOT_FOUND", "no such message")
    }

    pub(super) fn rate(retry_after_seconds: u64) -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let failure = Self::flat(status, "RATE_LIMIT_EXCEEDED", "too many requests");
        Self { retry_after_seconds: Some(retry_after_seconds), ..failure }
    }

    /// The body; also what a socket's ack carries.
    pub(super) fn to_value(&self) -> Value {
        let reason = self.status.canonical_reason().unwrap_or("Error");
        let mut value = json!({ "RC": self.status.as_u16(), "RM": reason });
        if self.flat {
            value["error"] = json!(self.code);
            value["message"] = json!(self.message);
        } else {
            value["error"] = json!({ "code": self.code, "message": self.message });
        }
        if let Some(seconds) = self.retry_after_seconds {
            value["retryAfter"] = json!(seconds);
        }
        value
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Some(cause) = error.cause() {
            tracing::error!(cause, "an imkit request failed");
        }
        let retry_ms = match &error {
            Error::RateLimited { retry_after_ms } | Error::Overloaded { retry_after_ms } => {
                Some(*retry_after_ms)
            }
            _ => None,
        };
        let (status, code) = match &error {
            Error::MissingField { .. } => (StatusCode::BAD_REQUEST, "MISSING_PARAMETER"),
            Error::InvalidField { .. } => (StatusCode::BAD_REQUEST, "INVALID_BODY"),
            Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE),
            Error::TokenMissing
            | Error::TokenInvalid
            | Error::TokenExpired
            | Error::VerifyFailed
            | Error::SessionClosed => (StatusCode::UNAUTHORIZED, "INVALID_TOKEN"),
            Error::ServerKeyInvalid => (StatusCode::UNAUTHORIZED, "INVALID_API_KEY"),
            Error::UserDeactivated => (StatusCode::UNAUTHORIZED, "INVALID_AUTH"),
            Error::ServerKeyInBrowser
            | Error::OriginRefused { .. }
            | Error::BackendOnly
            | Error::BridgeRefused { .. }
            | Error::BridgeUnsupported { .. }
            | Error::MessageRefused { .. }
            | Error::RoomArchived
            | Error::RoomFrozen => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
            Error::NotAMember | Error::NotInvited => (StatusCode::FORBIDDEN, "NOT_ROOM_MEMBER"),
            Error::RoleTooLow => (StatusCode::FORBIDDEN, "INSUFFICIENT_PERMISSIONS"),
            Error::RoomNotFound(_) => (StatusCode::NOT_FOUND, "ROOM_NOT_FOUND"),
            Error::UserNotFound(_) => (StatusCode::NOT_FOUND, "CLIENT_NOT_FOUND"),
            Error::MessageNotFound(_) => (StatusCode::NOT_FOUND, "MESSAGE_NOT_FOUND"),
            Error::SessionNotFound(_) => (StatusCode::NOT_FOUND, "TOKEN_NOT_FOUND"),
            Error::AppNotFound(_) => (StatusCode::FORBIDDEN, "INVALID_CLIENT_KEY"),
            Error::RoomExists => (StatusCode::CONFLICT, "ROOM_ALREADY_EXISTS"),
            Error::MessageIdConflict => (StatusCode::CONFLICT, "MESSAGE_ALREADY_EXISTS"),
            Error::RateLimited { retry_after_ms } => {
                return Self::rate(retry_after_ms.div_ceil(1_000));
            }
            Error::Overloaded { .. }
            | Error::StoreUnavailable { .. }
            | Error::VerifyUnreachable { .. }
            | Error::HookFailed
            | Error::BridgeUnreachable { .. }
            | Error::BridgeBroken { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE")
            }
            Error::NotSetUp { .. } => (StatusCode::NOT_FOUND, "CONFIG_NOT_FOUND"),
            Error::StoreBroken { .. } | Error::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR")
            }
            // Of doors that this wire does not have.
            _ => (StatusCode::BAD_REQUEST, "INVALID_BODY"),
        };
        let retry_after_seconds = retry_ms.map(|millis| millis.div_ceil(1_000));
        // A cause is for the operator's log; the texts of these errors do not hold it.
        Self { retry_after_seconds, ..Self::new(status, code, error.to_string()) }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut answer = (self.status, Json(self.to_value())).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        answer
    }
}

/// What was refused before a handler saw it (a body beyond its bound, a query that is none) in the
/// vendor's form.
pub(super) async fn in_form(answer: Response) -> Response {
    let failure = match answer.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ("the body is too large", TOO_LARGE),
        StatusCode::BAD_REQUEST => ("expected a query and a path of UTF-8 text", "INVALID_QUERY"),
        _ => return answer,
    };
    let json = answer.headers().get(header::CONTENT_TYPE);
    if json.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
        return answer;
    }
    Failure::new(answer.status(), failure.1, failure.0).into_response()
}

/// The envelope around a result.
pub(super) fn envelope(result: Value) -> Value {
    let mut value = json!({ "RC": 0, "RM": "OK" });
    value["result"] = result;
    value
}

pub(super) fn ok(result: Value) -> Answer {
    Ok(Json(envelope(result)))
}
