//! Answers and refusals, on REST and on DDP.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use snug_core::error::Error;
use snug_core::limits;

/// What a REST handler returns.
pub(super) type Answer = Result<Json<Value>, Failure>;

/// Why a request was refused.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    /// `error-room-not-found`; empty where the vendor has none.
    code: &'static str,
    text: String,
    retry_after_ms: Option<u64>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into(), retry_after_ms: None }
    }

    /// 400 with a code of the vendor's.
    pub(super) fn bad(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, text)
    }

    /// 400 for a field that is absent or holds what it may not hold.
    pub(super) fn param(text: impl Into<String>) -> Self {
        Self::bad("error-invalid-params", text)
    }

    /// Nobody is logged in.
    pub(super) fn logged_out() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "", "You must be logged in to do this.")
    }

    pub(super) fn not_allowed() -> Self {
        Self::bad("error-not-allowed", "Not allowed")
    }

    pub(super) fn unauthorized() -> Self {
        let text = "User does not have the permissions required for this action";
        Self::new(StatusCode::FORBIDDEN, "error-unauthorized", text)
    }

    pub(super) fn no_room() -> Self {
        let text = "The required \"roomId\" or \"roomName\" param provided does not match any room";
        Self::bad("error-room-not-found", text)
    }

    pub(super) fn no_user() -> Self {
        let text =
            "The required \"userId\" or \"username\" param provided does not match any users";
        Self::bad("error-invalid-user", text)
    }

    pub(super) fn not_carried(what: &str) -> Self {
        let text = format!("{what} is not carried yet; see the compatibility table");
        Self::new(StatusCode::NOT_IMPLEMENTED, "error-not-implemented", text)
    }

    pub(super) fn is_room_unknown(&self) -> bool {
        self.code == "error-room-not-found"
    }

    fn said(&self) -> String {
        if self.code.is_empty() {
            self.text.clone()
        } else {
            format!("{} [{}]", self.text, self.code)
        }
    }

    fn body(&self) -> Value {
        if self.status == StatusCode::UNAUTHORIZED {
            let mut body = json!({ "status": "error", "message": self.text });
            if !self.code.is_empty() {
                body["error"] = json!(self.code);
            }
            return body;
        }
        let mut body = json!({ "success": false, "error": self.said() });
        if !self.code.is_empty() {
            body["errorType"] = json!(self.code);
        }
        body
    }

    /// The error of a DDP `result` or `nosub`.
    pub(super) fn ddp(&self) -> Value {
        let error = match (self.status, self.code) {
            (StatusCode::UNAUTHORIZED, _) => json!(403),
            (StatusCode::NOT_FOUND, _) => json!(404),
            (status, "") => json!(status.as_u16()),
            (_, code) => json!(code),
        };
        let shown = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
        json!({
            "isClientSafe": true,
            "error": error,
            "reason": self.text,
            "message": format!("{} [{shown}]", self.text),
            "errorType": "Meteor.Error",
        })
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut answer = (self.status, Json(self.body())).into_response();
        if let Some(wait) = self.retry_after_ms {
            let seconds = HeaderValue::from(wait.div_ceil(1_000).max(1));
            answer.headers_mut().insert(RETRY_AFTER, seconds);
        }
        answer
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::TokenMissing
            | Error::TokenInvalid
            | Error::TokenExpired
            | Error::SessionClosed
            | Error::AppNotFound(_)
            | Error::UserDeactivated => Self::logged_out(),
            Error::NotAMember | Error::NotInvited => Self::not_allowed(),
            Error::RoleTooLow | Error::BackendOnly => Self::unauthorized(),
            Error::RoomFrozen => Self::bad("room_is_blocked", "This room is blocked"),
            Error::RoomArchived => Self::bad("room_is_archived", "This room is archived"),
            Error::RoomNotFound(_) => Self::no_room(),
            Error::UserNotFound(_) => Self::no_user(),
            Error::MessageNotFound(id) => no_message(id.as_str()),
            Error::MissingField { .. } | Error::InvalidField { .. } => Self::param(text),
            Error::TooLarge { field, .. } if field == "text" => {
                Self::bad("error-message-size-exceeded", "Message size exceeds the limit")
            }
            Error::TooLarge { .. } => Self::param(text),
            Error::MessageIdConflict => Self::bad("error-message-id-taken", text),
            Error::OriginRefused { .. } | Error::ServerKeyInBrowser => {
                Self::new(StatusCode::FORBIDDEN, "error-origin-refused", text)
            }
            Error::RateLimited { retry_after_ms } => {
                let seconds = retry_after_ms.div_ceil(1_000).max(1);
                let text = format!(
                    "Error, too many requests. Please slow down. You must wait {seconds} \
                     seconds before trying this endpoint again."
                );
                let status = StatusCode::TOO_MANY_REQUESTS;
                let wait = Some(retry_after_ms);
                Self { retry_after_ms: wait, ..Self::new(status, "error-too-many-requests", text) }
            }
            Error::BridgeRefused { .. } | Error::BridgeUnsupported { .. } => {
                Self::bad("error-not-allowed", text)
            }
            // As when an app of the vendor's stands before the message.
            Error::MessageRefused { .. } => Self::bad("error-app-prevented", text),
            Error::Overloaded { .. }
            | Error::StoreUnavailable { .. }
            | Error::HookFailed
            | Error::BridgeUnreachable { .. }
            | Error::BridgeBroken { .. } => {
                if let Some(cause) = error.cause() {
                    tracing::error!(cause, "a Rocket.Chat request failed");
                }
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let wait = Some(limits::OVERLOADED_RETRY_MS);
                Self { retry_after_ms: wait, ..Self::new(status, "error-unavailable", text) }
            }
            _ => {
                tracing::error!(cause = error.cause(), "a Rocket.Chat request failed");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Self::new(status, "error-internal", "Internal server error")
            }
        }
    }
}

/// As the vendor says it.
pub(super) fn no_message(id: &str) -> Failure {
    Failure::bad("", format!("No message found with the id of \"{id}\"."))
}

/// A result with the vendor's flag.
pub(super) fn ok(mut value: Value) -> Answer {
    value["success"] = json!(true);
    Ok(Json(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_code_on_both_wires() {
        let failure = Failure::bad("error-invalid-channel", "No such channel");
        assert_eq!(
            failure.body(),
            json!({
                "success": false,
                "error": "No such channel [error-invalid-channel]",
                "errorType": "error-invalid-channel",
            })
        );
        assert_eq!(failure.ddp()["error"], "error-invalid-channel");
        assert_eq!(failure.ddp()["message"], "No such channel [error-invalid-channel]");
        assert_eq!(Failure::logged_out().ddp()["error"], 403);
        assert_eq!(
            Failure::logged_out().body(),
            json!({ "status": "error", "message": "You must be logged in to do this." })
        );
    }
}
