//! The one place that maps refusals to problem+json (RFC 9457) and error frames.

use serde::{Deserialize, Serialize};
use snug_core::error::Error;

use crate::codes::{CloseCode, ErrorCode};

/// An error as REST answers it and as error frames carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// Where the code is described, relative to the server.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub code: ErrorCode,
    /// One sentence with the mend.
    pub detail: String,
    /// The path of the field, such as `members[2]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    pub retryable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Problem {
    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/docs/errors#{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: detail.into(),
            field: None,
            expected: None,
            retryable: code.retryable(),
            retry_after_ms: None,
        }
    }

    /// Names the field and what it must be.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>, expected: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self.expected = Some(expected.into());
        self
    }

    #[must_use]
    pub fn retry_after(mut self, millis: u64) -> Self {
        self.retry_after_ms = Some(millis);
        self
    }

    /// The close code for a connection that was refused with this problem.
    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        match self.code {
            ErrorCode::TokenExpired => CloseCode::TokenExpired,
            ErrorCode::TokenMissing => CloseCode::AuthTimeout,
            ErrorCode::SessionClosed => CloseCode::SessionClosed,
            ErrorCode::UserDeactivated => CloseCode::UserDeactivated,
            ErrorCode::OriginRefused => CloseCode::OriginRefused,
            ErrorCode::RateLimited => CloseCode::Flooding,
            ErrorCode::TooLarge => CloseCode::FrameTooLarge,
            code if code.retryable() => CloseCode::Overloaded,
            _ => CloseCode::TokenInvalid,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        let new = |code| Self::new(code, detail.clone());
        match error {
            Error::InvalidField { field, expected } => {
                new(ErrorCode::InvalidField).at(field, expected)
            }
            Error::MissingField { field } => new(ErrorCode::MissingField).at(field, "a value"),
            Error::TooLarge { field, expected } => new(ErrorCode::TooLarge).at(field, expected),
            Error::TokenMissing => new(ErrorCode::TokenMissing),
            Error::TokenInvalid => new(ErrorCode::TokenInvalid),
            Error::TokenExpired => new(ErrorCode::TokenExpired),
            Error::SessionClosed => new(ErrorCode::SessionClosed),
            Error::ServerKeyInvalid => new(ErrorCode::ServerKeyInvalid),
            Error::SignatureInvalid => new(ErrorCode::SignatureInvalid),
            Error::SignatureExpired => new(ErrorCode::SignatureExpired),
            Error::SignatureReplayed => new(ErrorCode::SignatureReplayed),
            Error::VerifyFailed => new(ErrorCode::VerifyFailed),
            Error::VerifyUnreachable { .. } => new(ErrorCode::VerifyUnreachable).retry_after(2_000),
            Error::BridgeRefused { .. } => new(ErrorCode::BridgeRefused),
            Error::BridgeUnreachable { .. } => new(ErrorCode::BridgeUnreachable).retry_after(2_000),
            Error::BridgeBroken { .. } => new(ErrorCode::BridgeBroken).retry_after(5_000),
            Error::BridgeUnsupported { .. } => new(ErrorCode::BridgeUnsupported),
            Error::MessageRefused { .. } => new(ErrorCode::MessageRefused),
            Error::HookFailed => new(ErrorCode::HookFailed).retry_after(2_000),
            Error::NotSetUp { .. } => new(ErrorCode::NotSetUp),
            Error::EventsGone { oldest, newest, .. } => {
                let expected = format!("0, or {} to {newest}", oldest - 1);
                new(ErrorCode::EventsGone).at("after", expected)
            }
            Error::ServerKeyInBrowser => new(ErrorCode::ServerKeyInBrowser),
            Error::OriginRefused { .. } => new(ErrorCode::OriginRefused),
            Error::UserDeactivated => new(ErrorCode::UserDeactivated),
            Error::BackendOnly => new(ErrorCode::BackendOnly),
            Error::NotAMember => new(ErrorCode::NotAMember),
            Error::NotInvited => new(ErrorCode::NotInvited),
            Error::RoleTooLow => new(ErrorCode::RoleTooLow),
            Error::RoomFrozen => new(ErrorCode::RoomFrozen),
            Error::RoomArchived => new(ErrorCode::RoomArchived),
            Error::RevConflict { room_rev } => {
                new(ErrorCode::RevConflict).at("if_rev", format!("{room_rev}, the room_rev of now"))
            }
            Error::RoomNotFound(_) => new(ErrorCode::RoomNotFound),
            Error::UserNotFound(_) => new(ErrorCode::UserNotFound),
            Error::MessageNotFound(_) => new(ErrorCode::MessageNotFound),
            Error::SessionNotFound(_) => new(ErrorCode::SessionNotFound),
            Error::AppNotFound(_) => new(ErrorCode::AppNotFound),
            Error::RoomExists => new(ErrorCode::RoomExists),
            Error::MessageIdConflict => new(ErrorCode::MessageIdConflict),
            Error::RateLimited { retry_after_ms } => {
                new(ErrorCode::RateLimited).retry_after(retry_after_ms)
            }
            Error::Overloaded { retry_after_ms } => {
                new(ErrorCode::Overloaded).retry_after(retry_after_ms)
            }
            Error::StoreUnavailable { .. } => new(ErrorCode::StoreUnavailable).retry_after(1_000),
            Error::StoreBroken { .. } | Error::Internal => new(ErrorCode::Internal),
        }
    }
}
