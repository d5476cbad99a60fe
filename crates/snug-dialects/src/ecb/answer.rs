//! Refusals: one form on REST and in a socket's ack. The vendor documents none.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};
use snug_core::error::Error;
use snug_core::limits;

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
    field: Option<String>,
    retry_after_ms: Option<u64>,
}

impl Failure {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), field: None, retry_after_ms: None }
    }

    /// A field that is absent, or holds what it may not hold.
    pub(super) fn body(field: &str, expected: &str) -> Self {
        let message = format!("{field}: expected {expected}");
        let field = (!field.is_empty()).then(|| field.to_owned());
        Self { field, ..Self::new(StatusCode::BAD_REQUEST, "invalid_body", message) }
    }

    /// No bridged app stands behind this host name.
    pub(super) fn no_app() -> Self {
        let message = "no application is bridged under this host name; see dialect_app";
        Self::new(StatusCode::NOT_FOUND, "not_set_up", message)
    }

    pub(super) fn no_operation(name: &str) -> Self {
        let message = format!("there is no operation {name:.64}");
        Self::new(StatusCode::NOT_FOUND, "unknown_operation", message)
    }

    /// A thread token's trouble is not the user token's.
    pub(super) fn of_thread_token(error: Error) -> Self {
        let code = match error {
            Error::TokenMissing => "thread_token_missing",
            Error::TokenInvalid => "thread_token_invalid",
            Error::TokenExpired => "thread_token_expired",
            other => return other.into(),
        };
        let message = "the threadToken is missing, expired, or not signed by the backend's key";
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    pub(super) fn to_value(&self) -> Value {
        let mut error = json!({
            "code": self.code, "message": self.message, "status": self.status.as_u16(),
        });
        if let Some(field) = &self.field {
            error["field"] = json!(field);
        }
        if let Some(wait) = self.retry_after_ms {
            error["retryAfterMs"] = json!(wait);
        }
        json!({ "error": error })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Some(cause) = error.cause() {
            tracing::error!(cause, "an ECB request failed");
        }
        let (status, code) = match &error {
            Error::TokenMissing => (StatusCode::UNAUTHORIZED, "user_token_missing"),
            Error::TokenInvalid | Error::SessionClosed | Error::UserDeactivated => {
                (StatusCode::UNAUTHORIZED, "user_token_invalid")
            }
            Error::TokenExpired => (StatusCode::UNAUTHORIZED, "user_token_expired"),
            Error::VerifyFailed => (StatusCode::UNAUTHORIZED, "access_token_refused"),
            Error::NotAMember | Error::RoomFrozen | Error::RoomArchived => {
                (StatusCode::FORBIDDEN, "not_a_member")
            }
            Error::OriginRefused { .. } => (StatusCode::FORBIDDEN, "origin_refused"),
            Error::BridgeRefused { .. } => (StatusCode::FORBIDDEN, "backend_refused"),
            Error::BridgeUnreachable { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "backend_unreachable")
            }
            Error::BridgeBroken { .. } => (StatusCode::BAD_GATEWAY, "backend_broken"),
            Error::NotSetUp { .. } | Error::AppNotFound(_) => return Self::no_app(),
            Error::RoomNotFound(_) => (StatusCode::NOT_FOUND, "thread_not_found"),
            Error::MissingField { field } | Error::InvalidField { field, .. } => {
                let failure = Self::body(field, "");
                return Self { message: error.to_string(), ..failure };
            }
            Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Error::MessageIdConflict => (StatusCode::CONFLICT, "message_id_conflict"),
            Error::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Error::Overloaded { .. } | Error::StoreUnavailable { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "overloaded")
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        let retry_after_ms = match &error {
            Error::RateLimited { retry_after_ms } | Error::Overloaded { retry_after_ms } => {
                Some(*retry_after_ms)
            }
            Error::BridgeUnreachable { .. } | Error::StoreUnavailable { .. } => {
                Some(limits::OVERLOADED_RETRY_MS)
            }
            _ => None,
        };
        Self { retry_after_ms, ..Self::new(status, code, error.to_string()) }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut answer = (self.status, Json(self.to_value())).into_response();
        if let Some(wait) = self.retry_after_ms {
            let seconds = wait.div_ceil(1_000).max(1);
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        answer
    }
}
