//! Backends' requests that are signed in place of carrying the key: within a window of time, and
//! each once, on whatever node and also after a restart.

use super::{Backend, Engine};
use crate::error::{Error, Result};
use crate::ids::{AppId, KeyId};
use crate::limits;
use crate::model::Time;
use crate::ports::{PutRecord, PutRecordOutcome, RecordPlace};

/// A signed request as it came.
#[derive(Debug, Clone)]
pub struct SignedRequest {
    /// `<app>.<key id>`.
    pub key: String,
    /// Seconds since 1970.
    pub timestamp: i64,
    pub nonce: String,
    /// The canonical string that was signed.
    pub text: String,
    /// HMAC-SHA-256 under the whole server key.
    pub signature: Vec<u8>,
}

impl Engine {
    /// Checks a signed request and takes its nonce.
    ///
    /// # Errors
    /// [`Error::ServerKeyInvalid`], [`Error::SignatureExpired`], [`Error::SignatureInvalid`],
    /// [`Error::SignatureReplayed`]; the store's.
    pub async fn authenticate_signed(&self, request: SignedRequest) -> Result<Backend> {
        let (app, id) = request.key.split_once('.').ok_or(Error::ServerKeyInvalid)?;
        let app = AppId::new(app).map_err(|_| Error::ServerKeyInvalid)?;
        let id = KeyId::new(id).map_err(|_| Error::ServerKeyInvalid)?;
        let now = self.now();
        let window = limits::SIGNATURE_WINDOW_SECONDS;
        if now.seconds().abs_diff(request.timestamp) > window {
            return Err(Error::SignatureExpired);
        }
        let known = self.app_with_keys(&app).await?.ok_or(Error::ServerKeyInvalid)?;
        let alive = |end: Option<Time>| end.is_none_or(|end| now < end);
        let key = known.keys.iter().find(|key| key.id == id && alive(key.expires_at));
        let secret = self.open_key(key.ok_or(Error::ServerKeyInvalid)?)?;
        if !self.minted.signed(&secret, request.text.as_bytes(), &request.signature) {
            return Err(Error::SignatureInvalid);
        }
        self.take_nonce(&app, &id, &request, now).await?;
        Ok(Backend { app: known.app.clone(), key: id })
    }

    /// A nonce is taken once; it is kept until no clock of a node could let the request in.
    async fn take_nonce(
        &self,
        app: &AppId,
        key: &KeyId,
        request: &SignedRequest,
        now: Time,
    ) -> Result<()> {
        let window = i64::try_from(limits::SIGNATURE_WINDOW_SECONDS).unwrap_or(i64::MAX);
        let end = request.timestamp.saturating_add(window.saturating_mul(2));
        let put = PutRecord {
            place: RecordPlace { app: app.clone(), dialect: "native", kind: "nonce" },
            key: format!("{key}/{}", request.nonce),
            value: "1".to_owned(),
            expected: Some(0),
            lookup: None,
            expires_at: Some(Time::from_seconds(end)),
            now,
        };
        match self.store.put_record(put).await? {
            PutRecordOutcome::Put(_) => Ok(()),
            _ => Err(Error::SignatureReplayed),
        }
    }
}
