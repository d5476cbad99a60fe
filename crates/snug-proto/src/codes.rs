//! Error codes and close codes: two number spaces, one table each. `api/codes.json`, the SDK and
//! `docs/codes.md` are made from here.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($name:ident $text:literal $status:literal $retry:literal $title:literal;)*) => {
        /// Why a request was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $(#[serde(rename = $text)] $name,)*
        }

        // By hand: the derive does not see through a macro how the codes are written.
        impl utoipa::PartialSchema for ErrorCode {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some("Why a request was refused."))
                    .enum_values(Some(Self::ALL.iter().map(|code| code.as_str())))
                    .into()
            }
        }

        impl utoipa::ToSchema for ErrorCode {}

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status it is answered with.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// Whether the same request may succeed later.
            #[must_use]
            pub fn retryable(self) -> bool {
                match self { $(Self::$name => $retry,)* }
            }

            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    MalformedJson "malformed_json" 400 false "Not JSON, or nested too deep";
    InvalidField "invalid_field" 422 false "A field has the wrong type or value";
    MissingField "missing_field" 422 false "A required field is absent";
    UnknownOperation "unknown_operation" 404 false "No such operation";
    TokenMissing "token_missing" 401 false "No token was sent";
    TokenInvalid "token_invalid" 401 false "The token is not valid here";
    TokenExpired "token_expired" 401 false "The token has expired";
    SessionClosed "session_closed" 401 false "The session was closed";
    ServerKeyInvalid "server_key_invalid" 401 false "The server key is not valid";
    SignatureInvalid "signature_invalid" 401 false "The signature is not right";
    SignatureExpired "signature_expired" 401 false "The timestamp is out of the window";
    SignatureReplayed "signature_replayed" 401 false "The nonce was used before";
    VerifyFailed "verify_failed" 401 false "The site does not accept the token";
    VerifyUnreachable "verify_unreachable" 503 true "The site cannot be asked now";
    BridgeRefused "bridge_refused" 403 false "The site's backend refuses";
    BridgeUnreachable "bridge_unreachable" 503 true "The site's backend gave no answer";
    BridgeBroken "bridge_broken" 502 true "The site's backend breaks a promise";
    BridgeUnsupported "bridge_unsupported" 409 false "A bridged app has no such operation";
    MessageRefused "message_refused" 403 false "The application refuses the message";
    HookFailed "hook_failed" 503 true "The application could not be asked";
    NotSetUp "not_set_up" 409 false "The app has not set this up";
    EventsGone "events_gone" 410 false "Events behind this position are not there";
    ServerKeyInBrowser "server_key_in_browser" 403 false "Server keys are for backends";
    OriginRefused "origin_refused" 403 false "Pages of this origin may not call the app";
    UserDeactivated "user_deactivated" 403 false "The user is deactivated";
    BackendOnly "backend_only" 403 false "The app leaves this to its backend";
    NotAMember "not_a_member" 403 false "Not a member of this room";
    NotInvited "not_invited" 403 false "Nobody has invited the caller";
    RoleTooLow "role_too_low" 403 false "The role does not allow this";
    RoomFrozen "room_frozen" 403 false "The room is frozen";
    RoomArchived "room_archived" 403 false "The room is archived";
    RevConflict "rev_conflict" 409 false "The room was changed since";
    RoomNotFound "room_not_found" 404 false "No such room";
    UserNotFound "user_not_found" 404 false "No such user";
    MessageNotFound "message_not_found" 404 false "No such message";
    SessionNotFound "session_not_found" 404 false "No such session";
    AppNotFound "app_not_found" 404 false "No such app";
    RoomExists "room_exists" 409 false "The id belongs to another room";
    MessageIdConflict "message_id_conflict" 409 false "The message id was used for another message";
    TooLarge "too_large" 413 false "Too large";
    RateLimited "rate_limited" 429 true "Too many requests";
    Overloaded "overloaded" 503 true "Too much is waiting";
    StoreUnavailable "store_unavailable" 503 true "The store cannot be reached";
    Internal "internal" 500 true "Internal error";
    LoginFailed "login_failed" 401 false "E-mail or password is wrong";
    PasswordWrong "password_wrong" 403 false "The password is wrong";
    SignupClosed "signup_closed" 403 false "Sign-up is closed";
    CsrfRefused "csrf_refused" 403 false "The request did not come from the panel";
}

/// Why a connection was closed. The range tells the client what to do: 4000 to 4099 reconnect
/// and sync; 4100 to 4199 get a new token first; 4200 to 4299 stay away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    GoingAway = 4000,
    SlowReader = 4001,
    Liveness = 4002,
    Overloaded = 4003,
    TokenExpired = 4100,
    AuthTimeout = 4101,
    SessionClosed = 4200,
    SessionRevoked = 4201,
    SessionReplaced = 4202,
    UserDeactivated = 4203,
    TokenInvalid = 4204,
    OriginRefused = 4205,
    ProtocolError = 4206,
    FrameTooLarge = 4207,
    Flooding = 4208,
}

impl CloseCode {
    /// Every code.
    pub const ALL: [Self; 15] = [
        Self::GoingAway,
        Self::SlowReader,
        Self::Liveness,
        Self::Overloaded,
        Self::TokenExpired,
        Self::AuthTimeout,
        Self::SessionClosed,
        Self::SessionRevoked,
        Self::SessionReplaced,
        Self::UserDeactivated,
        Self::TokenInvalid,
        Self::OriginRefused,
        Self::ProtocolError,
        Self::FrameTooLarge,
        Self::Flooding,
    ];

    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GoingAway => "going_away",
            Self::SlowReader => "slow_reader",
            Self::Liveness => "liveness",
            Self::Overloaded => "overloaded",
            Self::TokenExpired => "token_expired",
            Self::AuthTimeout => "auth_timeout",
            Self::SessionClosed => "session_closed",
            Self::SessionRevoked => "session_revoked",
            Self::SessionReplaced => "session_replaced",
            Self::UserDeactivated => "user_deactivated",
            Self::TokenInvalid => "token_invalid",
            Self::OriginRefused => "origin_refused",
            Self::ProtocolError => "protocol_error",
            Self::FrameTooLarge => "frame_too_large",
            Self::Flooding => "flooding",
        }
    }

    /// What the client does: `reconnect`, `new_token` or `stop`.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self.number() {
            4000..=4099 => "reconnect",
            4100..=4199 => "new_token",
            _ => "stop",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/protocol.md");

    #[test]
    fn the_page_names_every_error_code_with_its_status() {
        for code in ErrorCode::ALL {
            let name = format!("`{}`", code.as_str());
            let row = PAGE.lines().find(|line| line.starts_with('|') && line.contains(&name));
            let row = row.unwrap_or_else(|| panic!("docs/protocol.md: no row for {name}"));
            let status = format!("| {} ", code.status());
            assert!(row.contains(&status), "docs/protocol.md: {name} is answered with {status}");
            let again = if code.retryable() { "| yes |" } else { "| no |" };
            assert!(row.contains(again), "docs/protocol.md: {name} says {again}");
        }
    }

    #[test]
    fn the_page_names_every_close_code() {
        for code in CloseCode::ALL {
            let row = format!("| {} | `{}` |", code.number(), code.name());
            assert!(PAGE.contains(&row), "docs/protocol.md: expected {row}");
        }
    }

    #[test]
    fn every_op_and_event_is_described() {
        for op in crate::frame::OPS.iter().chain(crate::event::EVENTS) {
            assert!(PAGE.contains(&format!("`{op}`")), "docs/protocol.md: {op} is missing");
        }
    }
}
