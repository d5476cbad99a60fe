//! What the promises are tried with: calls as the server makes them, and the tokens' checks.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Value, json};
use snug_core::ids::AppId;
use snug_core::limits;
use snug_core::model::PublicKey;
use snug_core::ports::{Clock, MintedTokens, Outbound, OutboundAnswer, OutboundRequest};

use crate::jwt::Jwts;
use crate::outbound::GuardedClient;
use crate::secrets::SystemClock;

/// Whether one promise is kept; why not, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Kept,
    Broken(String),
    NotTried(String),
}

/// One promise and what came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) promise: &'static str,
    pub(super) verdict: Verdict,
}

/// `Err` says how the promise is broken.
pub(super) type Tried<T = ()> = Result<T, String>;

pub(super) struct Kit {
    outbound: GuardedClient,
    app: AppId,
    key: PublicKey,
    base_url: String,
    secret: String,
    pub(super) user: String,
    pub(super) contact: String,
    slowest: Mutex<(Duration, &'static str)>,
}

impl Kit {
    pub(super) fn new(
        outbound: GuardedClient,
        key: PublicKey,
        url: &str,
        secret: String,
        (user, contact): (String, String),
    ) -> Self {
        Self {
            outbound,
            app: AppId::from_stored("bridge-check"),
            key,
            base_url: url.trim_end_matches('/').to_owned(),
            secret,
            user,
            contact,
            slowest: Mutex::default(),
        }
    }

    pub(super) fn slowest(&self) -> String {
        let (took, operation) = *self.slowest.lock();
        format!("the slowest answer took {} ms ({operation})", took.as_millis())
    }

    /// One call, whatever comes back.
    pub(super) async fn ask(
        &self,
        operation: &'static str,
        mut body: Value,
        key: Option<&str>,
        secret: Option<&str>,
    ) -> Tried<OutboundAnswer> {
        if let Some(key) = key {
            body["idempotencyKey"] = json!(key);
        }
        let url = format!("{}/{operation}", self.base_url);
        let mut request =
            OutboundRequest::post_json(&self.app, &url, body.to_string().into_bytes());
        request.headers.push(("X-Snug-App".to_owned(), self.app.to_string()));
        if let Some(secret) = secret {
            request.headers.push(("Authorization".to_owned(), format!("Bearer {secret}")));
        }
        if let Some(key) = key {
            request.headers.push(("Idempotency-Key".to_owned(), key.to_owned()));
        }
        request.timeout_ms = limits::BRIDGE_MS_MAX;
        request.answer_bytes_max = limits::BRIDGE_ANSWER_BYTES_MAX;
        let begun = Instant::now();
        let answer = self.outbound.call(request).await;
        let took = begun.elapsed();
        let mut slowest = self.slowest.lock();
        if took >= slowest.0 {
            *slowest = (took, operation);
        }
        answer.map_err(|error| format!("{operation}: {error}"))
    }

    /// One call that must be answered with 200 or 201 and JSON.
    pub(super) async fn call(
        &self,
        operation: &'static str,
        body: Value,
        key: Option<&str>,
    ) -> Tried<Value> {
        let answer = self.ask(operation, body, key, Some(&self.secret)).await?;
        if !matches!(answer.status, 200 | 201) {
            return Err(format!("{operation} answers {}", answer.status));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| format!("{operation} answers with something that is not JSON"))
    }

    /// One call that must be refused, and not by failing.
    pub(super) async fn refused(&self, operation: &'static str, body: Value) -> Tried {
        let answer = self.ask(operation, body, Some("refuse-me"), Some(&self.secret)).await?;
        match answer.status {
            408 | 425 | 429 => Err(format!("{operation} answers {}: try later", answer.status)),
            400..500 => Ok(()),
            status => Err(format!("{operation} answers {status}; a refusal is 400 to 499")),
        }
    }

    /// A call without the secret, or with another.
    pub(super) async fn as_stranger(&self, secret: Option<&str>) -> Tried {
        let body = json!({ "userId": self.user });
        let answer = self.ask("getThreads", body, None, secret).await?;
        match answer.status {
            401 | 403 => Ok(()),
            status => Err(format!("a call without the secret is answered {status}, not 401")),
        }
    }

    /// The payload of a token that its key signed and that has not ended.
    pub(super) fn payload(&self, token: &Value, what: &str) -> Tried<Value> {
        let token = token.as_str().ok_or_else(|| format!("{what} is missing"))?;
        let payload = Jwts.payload(token, &self.key).ok_or_else(|| {
            format!("{what} is not a JWT that the private key of this public key signed by RS256")
        })?;
        let payload: Value = serde_json::from_str(&payload).map_err(|_| format!("{what}: JSON"))?;
        #[expect(clippy::cast_precision_loss, reason = "seconds of this age are exact")]
        let now = SystemClock.now().seconds() as f64;
        match payload["exp"].as_f64() {
            Some(end) if end <= now => Err(format!("{what} has expired already")),
            Some(_) => Ok(payload),
            None => Err(format!("{what} never expires: it has no exp")),
        }
    }

    /// A thread of these members with its token.
    pub(super) fn thread(&self, thread: &Value, members: Option<[&str; 2]>) -> Tried<String> {
        let id = id_of(&thread["threadId"]).ok_or("a thread has no threadId")?;
        let listed = thread["members"].as_array().ok_or("a thread has no array of members")?;
        let mut ids = Vec::new();
        for member in listed {
            ids.push(user_of(member)?);
        }
        let payload = self.payload(&thread["threadToken"], "a threadToken")?;
        if id_of(&payload["threadId"]).as_deref() != Some(&id) {
            return Err("a threadToken names another thread than its own".to_owned());
        }
        let named = payload["memberIds"].as_array().ok_or("a threadToken has no memberIds")?;
        let mut named: Vec<String> = named.iter().filter_map(id_of).collect();
        named.sort();
        let mut sorted = ids.clone();
        sorted.sort();
        if named != sorted {
            return Err("the memberIds of a threadToken are not the thread's members".to_owned());
        }
        match members {
            Some(wanted) if wanted.iter().any(|user| !ids.iter().any(|id| id == user)) => {
                Err(format!("{} and {} are not both members", wanted[0], wanted[1]))
            }
            _ => Ok(id),
        }
    }
}

/// An id is a string, or an integer.
pub(super) fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() && text.len() <= limits::ID_BYTES_MAX => {
            Some(text.clone())
        }
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// A user has an id and a name.
pub(super) fn user_of(user: &Value) -> Tried<String> {
    let id = id_of(&user["userId"]).ok_or("a user has no userId of 1 to 128 bytes")?;
    match user["displayName"].as_str() {
        Some(_) => Ok(id),
        None => Err(format!("the user {id} has no displayName")),
    }
}
