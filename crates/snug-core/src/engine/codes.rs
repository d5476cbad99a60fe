//! Codes: a token handed on through an address, in place of itself. A code lives a minute and is
//! taken once; whoever shows it gets the token that it was made from, so the session stays one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Client, Engine, IssuedToken};
use crate::error::{Error, Result};
use crate::ids::AppId;
use crate::limits;
use crate::model::Time;
use crate::ports::{PutRecord, PutRecordOutcome, RecordPlace};

const DIALECT: &str = "native";
const KIND: &str = "codes";

/// A code in clear, this once.
#[derive(Debug, Clone)]
pub struct IssuedCode {
    pub code: String,
    pub expires_at: Time,
}

fn place(app: &AppId) -> RecordPlace {
    RecordPlace { app: app.clone(), dialect: DIALECT, kind: KIND }
}

impl Engine {
    /// Makes a code for the caller's token; one made before for this session is worth nothing
    /// from then on.
    ///
    /// # Errors
    /// The store's.
    pub async fn make_code(&self, client: &Client, token: &str) -> Result<IssuedCode> {
        let (place, now) = (place(&client.app.id), self.now());
        let key = client.session_id().to_string();
        let code = self.secret();
        let sealed = URL_SAFE_NO_PAD.encode(self.seal(&place, &key, token));
        let expires_at = now.plus_millis(limits::CODE_MS);
        let put = PutRecord {
            place,
            key,
            value: serde_json::json!({ "token": sealed }).to_string(),
            expected: None,
            lookup: Some(crate::model::TokenHash::of(&code).0),
            expires_at: Some(expires_at),
            now,
        };
        match self.store.put_record(put).await? {
            PutRecordOutcome::Put(_) => Ok(IssuedCode { code, expires_at }),
            PutRecordOutcome::Conflict(_) | PutRecordOutcome::LookupTaken => Err(Error::Internal),
        }
    }

    /// The app of a code that nobody has taken yet.
    ///
    /// # Errors
    /// The store's.
    pub async fn app_of_code(&self, code: &str) -> Result<Option<AppId>> {
        Ok(self.record_by_secret(DIALECT, KIND, code).await?.map(|(app, _)| app))
    }

    /// Takes a code: the token that it stands for, and its session.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] when it is unknown, old or was taken before; as
    /// [`Engine::authenticate`].
    pub async fn take_code(&self, code: &str) -> Result<(Client, IssuedToken)> {
        let found = self.record_by_secret(DIALECT, KIND, code).await?;
        let (app, record) = found.ok_or(Error::TokenInvalid)?;
        let place = place(&app);
        // Of two who show it at the same time, the one whose change counts goes in; nor does the
        // other spend a code that was made meanwhile. The sealed token goes with it.
        let spend = PutRecord {
            place: place.clone(),
            key: record.key.clone(),
            value: "{}".to_owned(),
            expected: Some(record.rev),
            lookup: None,
            expires_at: record.expires_at,
            now: self.now(),
        };
        if !matches!(self.store.put_record(spend).await?, PutRecordOutcome::Put(_)) {
            return Err(Error::TokenInvalid);
        }
        let value: serde_json::Value =
            serde_json::from_str(&record.value).map_err(|_| Error::Internal)?;
        let sealed = value["token"].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let token = self.unseal(&place, &record.key, &sealed.ok_or(Error::Internal)?)?;
        let client = self.authenticate(&token).await?;
        let session = client.session.as_ref().clone();
        Ok((client, IssuedToken { token, session }))
    }
}
