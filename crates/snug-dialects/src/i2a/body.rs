//! Bodies: form-encoded with repeated keys, as the vendor's client sends them, or JSON. Answers
//! in the form of Django REST framework, which the vendor's clients read.

use std::collections::HashMap;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use snug_core::error::Error;
use snug_core::limits;

/// Why a request was refused.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    body: Value,
    retry_after_ms: Option<u64>,
}

impl Refused {
    pub(super) fn detail(status: StatusCode, said: &str) -> Self {
        Self { status, body: json!({ "detail": said }), retry_after_ms: None }
    }

    pub(super) fn field(name: &str, said: &str) -> Self {
        let body = json!({ name: [said] });
        Self { status: StatusCode::BAD_REQUEST, body, retry_after_ms: None }
    }

    pub(super) fn not_found() -> Self {
        Self::detail(StatusCode::NOT_FOUND, "Not found.")
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut answer = (self.status, Json(self.body)).into_response();
        if let Some(wait) = self.retry_after_ms {
            let seconds = HeaderValue::from(wait.div_ceil(1_000).max(1));
            answer.headers_mut().insert(RETRY_AFTER, seconds);
        }
        answer
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let said = error.to_string();
        match &error {
            Error::MissingField { field } => {
                Self::field(wire_name(field), "This field is required.")
            }
            Error::InvalidField { field, expected } | Error::TooLarge { field, expected } => {
                Self::field(wire_name(field), &format!("Expected {expected}."))
            }
            Error::ServerKeyInvalid | Error::TokenMissing | Error::AppNotFound(_) => {
                Self::detail(StatusCode::UNAUTHORIZED, "Invalid application secret.")
            }
            Error::RoomNotFound(_)
            | Error::MessageNotFound(_)
            | Error::SessionNotFound(_)
            | Error::UserNotFound(_)
            | Error::TokenInvalid
            | Error::TokenExpired
            | Error::SessionClosed => Self::not_found(),
            Error::RateLimited { retry_after_ms } | Error::Overloaded { retry_after_ms } => {
                let status = if matches!(error, Error::RateLimited { .. }) {
                    StatusCode::TOO_MANY_REQUESTS
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                };
                let wait = Some(*retry_after_ms);
                Self { retry_after_ms: wait, ..Self::detail(status, &said) }
            }
            Error::StoreUnavailable { .. }
            | Error::BridgeUnreachable { .. }
            | Error::BridgeBroken { .. } => Self {
                retry_after_ms: Some(limits::OVERLOADED_RETRY_MS),
                ..Self::detail(StatusCode::SERVICE_UNAVAILABLE, &said)
            },
            Error::StoreBroken { .. } | Error::Internal => {
                tracing::error!(cause = error.cause(), "an I2A request failed");
                Self::detail(StatusCode::INTERNAL_SERVER_ERROR, &said)
            }
            Error::RoomExists => Self::field("chat_room_identifier", "It is taken."),
            _ => Self::detail(StatusCode::BAD_REQUEST, &said),
        }
    }
}

/// The engine's fields by the names that this wire has for them.
fn wire_name(field: &str) -> &str {
    match field {
        "users" | "members" => "application_users_identifiers",
        "text" => "message",
        "push_token" => "fcm_token",
        "device" => "device_identifier",
        "user" => "application_user_identifier",
        other => other,
    }
}

/// A body's fields.
#[derive(Debug)]
pub(super) enum Fields {
    Form(HashMap<String, Vec<String>>),
    Json(serde_json::Map<String, Value>),
}

impl Fields {
    /// Reads a body within its bound; an empty one has no fields.
    pub(super) async fn read(request: Request) -> Result<Self, Refused> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        let bytes = read(body).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::Json(serde_json::Map::new()));
        }
        match kind.as_str() {
            "application/json" => Self::json(&bytes),
            "application/x-www-form-urlencoded" | "" => Ok(Self::form(&bytes)),
            other => Err(Refused::detail(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                &format!("Unsupported media type \"{other}\" in request."),
            )),
        }
    }

    fn json(bytes: &[u8]) -> Result<Self, Refused> {
        let wrong = |said: &str| {
            Refused::detail(StatusCode::BAD_REQUEST, &format!("JSON parse error - {said}"))
        };
        if snug_core::model::json_depth(bytes) > limits::JSON_DEPTH_MAX {
            return Err(wrong("nested too deep"));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self::Json(fields)),
            Ok(_) => Err(wrong("expected an object")),
            Err(error) => Err(wrong(&error.to_string())),
        }
    }

    fn form(bytes: &[u8]) -> Self {
        let mut fields: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            fields.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        Self::Form(fields)
    }

    /// A text, or a number as its digits. `None` when absent, null or empty.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Refused> {
        let found = match self {
            Self::Form(fields) => fields.get(name).and_then(|all| all.last()).cloned(),
            Self::Json(fields) => match fields.get(name) {
                None | Some(Value::Null) => None,
                Some(value) => {
                    Some(plain(value).ok_or_else(|| Refused::field(name, "Not a valid string."))?)
                }
            },
        };
        Ok(found.filter(|text| !text.is_empty()))
    }

    pub(super) fn required(&self, name: &str) -> Result<String, Refused> {
        self.text(name)?.ok_or_else(|| Refused::field(name, "This field is required."))
    }

    /// Repeated keys, or a JSON array; one value alone counts, too.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, Refused> {
        match self {
            Self::Form(fields) => Ok(fields.get(name).cloned().unwrap_or_default()),
            Self::Json(fields) => match fields.get(name) {
                None | Some(Value::Null) => Ok(Vec::new()),
                Some(Value::Array(items)) => items
                    .iter()
                    .map(|item| {
                        plain(item)
                            .ok_or_else(|| Refused::field(name, "Expected a list of strings."))
                    })
                    .collect(),
                Some(one) => match plain(one) {
                    Some(one) => Ok(vec![one]),
                    None => Err(Refused::field(name, "Expected a list of strings.")),
                },
            },
        }
    }
}

/// Custom data may come as JSON instead of as the text of JSON.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Object(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) => None,
    }
}

async fn read(body: Body) -> Result<axum::body::Bytes, Refused> {
    let time = std::time::Duration::from_millis(limits::BODY_MS_MAX);
    match tokio::time::timeout(time, to_bytes(body, limits::BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Refused::detail(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.")),
        Err(_) => Err(Refused::detail(StatusCode::REQUEST_TIMEOUT, "The body did not come.")),
    }
}
