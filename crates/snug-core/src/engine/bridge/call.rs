//! Calls to the backend, and the tokens that it signs.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::Engine;
use super::wire::{BridgeThread, ThreadClaims, UserClaims};
use super::{Bridge, Key, broken, fault};
use crate::error::{Error, Result};
use crate::ids::RoomId;
use crate::limits;
use crate::model::json_depth;
use crate::ports::{OutboundAnswer, OutboundError, OutboundRequest};

impl Engine {
    /// One operation of the backend's.
    pub(super) async fn call_bridge<T: DeserializeOwned>(
        &self,
        bridge: &Bridge,
        operation: &'static str,
        body: Value,
        key: Option<Key<'_>>,
    ) -> Result<T> {
        self.call_bridge_within(bridge, operation, body, key, limits::BRIDGE_MS_MAX).await
    }

    /// The same, with less time for the answer.
    pub(super) async fn call_bridge_within<T: DeserializeOwned>(
        &self,
        bridge: &Bridge,
        operation: &'static str,
        mut body: Value,
        key: Option<Key<'_>>,
        timeout_ms: u64,
    ) -> Result<T> {
        let settings = bridge.settings();
        let secret = self.open_bridge_secret(bridge.app(), settings)?;
        if let Some(Key(key)) = &key {
            body["idempotencyKey"] = json!(key);
        }
        let url = format!("{}/{operation}", settings.base_url);
        let mut request =
            OutboundRequest::post_json(bridge.app(), &url, body.to_string().into_bytes());
        request.headers.push(("Authorization".to_owned(), format!("Bearer {secret}")));
        request.headers.push(("X-Snug-App".to_owned(), bridge.app().to_string()));
        if let Some(Key(key)) = key {
            // A header is ASCII; the body has the key whatever it is.
            if key.bytes().all(|byte| byte.is_ascii_graphic()) {
                request.headers.push(("Idempotency-Key".to_owned(), key.to_owned()));
            }
        }
        request.timeout_ms = timeout_ms;
        request.answer_bytes_max = limits::BRIDGE_ANSWER_BYTES_MAX;
        match self.outbound.call(request).await {
            Ok(answer) => read(operation, &answer),
            Err(OutboundError::Busy) => {
                Err(Error::Overloaded { retry_after_ms: limits::OVERLOADED_RETRY_MS })
            }
            Err(OutboundError::TooLarge(most)) => {
                Err(broken(format!("{operation} answers with more than {most} bytes")))
            }
            Err(error) => Err(unreachable(operation, &error.to_string())),
        }
    }

    /// Whose a user token is.
    pub(super) fn read_user_token(&self, bridge: &Bridge, token: &str) -> Result<UserClaims> {
        if token.is_empty() {
            return Err(Error::TokenMissing);
        }
        if token.len() > limits::TOKEN_BYTES_MAX {
            return Err(Error::TokenInvalid);
        }
        let claims: UserClaims = self.payload(bridge, token)?;
        self.check_end(claims.exp)?;
        Ok(claims)
    }

    /// Which thread a thread token is for.
    pub(super) fn read_thread_token(&self, bridge: &Bridge, token: &str) -> Result<ThreadClaims> {
        if token.is_empty() {
            return Err(Error::TokenMissing);
        }
        let claims: ThreadClaims = self.payload(bridge, token)?;
        self.check_end(claims.exp)?;
        Ok(claims)
    }

    /// Holds a thread's token and members against what was asked for.
    pub(super) fn check_thread(
        &self,
        bridge: &Bridge,
        thread: &BridgeThread,
        asked: Option<&RoomId>,
    ) -> Result<()> {
        if asked.is_some_and(|asked| *asked != thread.thread_id) {
            return Err(broken("another thread than the one that was asked for"));
        }
        let most = limits::BRIDGE_MEMBERS_MAX;
        if thread.members.len() > most {
            return Err(broken(format!("a thread has at most {most} members")));
        }
        let claims = self.read_thread_token(bridge, &thread.thread_token);
        let claims = claims.map_err(|error| match error {
            Error::TokenExpired => broken("a threadToken that has expired"),
            _ => broken("a threadToken that is signed by RS256 with the private key"),
        })?;
        if claims.thread_id != thread.thread_id {
            return Err(broken("a threadToken that names its own thread"));
        }
        Ok(())
    }

    fn payload<T: DeserializeOwned>(&self, bridge: &Bridge, token: &str) -> Result<T> {
        let payload = self.minted.payload(token, &bridge.settings().public_key);
        serde_json::from_str(&payload.ok_or(Error::TokenInvalid)?).map_err(|_| Error::TokenInvalid)
    }

    fn check_end(&self, end: Option<f64>) -> Result<()> {
        #[expect(clippy::cast_precision_loss, reason = "seconds of this age are exact")]
        let now = self.now().seconds() as f64;
        match end {
            Some(end) if now > end + limits::JWT_SKEW_SECONDS as f64 => Err(Error::TokenExpired),
            _ => Ok(()),
        }
    }
}

fn unreachable(operation: &str, cause: &str) -> Error {
    Error::BridgeUnreachable { cause: format!("{operation}: {cause}") }
}

fn read<T: DeserializeOwned>(operation: &str, answer: &OutboundAnswer) -> Result<T> {
    match answer.status {
        200 | 201 => {
            if json_depth(&answer.body) > limits::BRIDGE_DEPTH_MAX {
                return Err(broken(format!("{operation} answers with JSON nested too deep")));
            }
            serde_json::from_slice(&answer.body).map_err(|error| {
                broken(format!("{operation} answers with something else: {}", fault(&error)))
            })
        }
        408 | 425 | 429 => Err(unreachable(operation, &format!("it answers {}", answer.status))),
        400..500 => Err(Error::BridgeRefused { message: refusal(operation, answer) }),
        status => Err(unreachable(operation, &format!("it answers {status}"))),
    }
}

/// What the backend says of its refusal, without control characters and cut.
fn refusal(operation: &str, answer: &OutboundAnswer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = body["message"].as_str().or_else(|| body["error"].as_str());
    let said = said.or_else(|| body["error"]["message"].as_str());
    let Some(said) = said else {
        return format!("{operation} answers {}", answer.status);
    };
    let plain = said.chars().filter(|char| !char.is_control());
    plain.take(limits::BRIDGE_REFUSAL_CHARS_MAX).collect()
}
