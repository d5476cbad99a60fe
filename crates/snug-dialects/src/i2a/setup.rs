//! Switching the dialect on for an app, and its secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use snug_core::engine::{Backend, Engine, KeepRecord};
use snug_core::error::{Error, Result};
use snug_core::ids::AppId;
use snug_core::model::{AppPatch, AppPolicy};
use snug_core::ports::{PutRecordOutcome, RecordPlace};

use super::DIALECT;

const KIND: &str = "secret";
const KEY: &str = "current";

#[derive(Serialize, Deserialize)]
struct Kept {
    sealed: String,
}

fn place(app: &AppId) -> RecordPlace {
    RecordPlace { app: app.clone(), dialect: DIALECT, kind: KIND }
}

/// Switches it on: the app leaves its rooms to its backend, as the vendor's users expect, and has
/// a secret. Doing it again gives the same secret.
///
/// # Errors
/// `AppNotFound`; the store's.
pub async fn enable(engine: &Engine, app: &AppId) -> Result<String> {
    if let Some(known) = secret(engine, app).await? {
        return Ok(known);
    }
    let patch = AppPatch { policy: Some(AppPolicy::BackendOnly), ..AppPatch::default() };
    engine.update_app(app, patch).await?;
    keep(engine, app).await
}

/// Makes a new secret; the old one is refused from the return on.
///
/// # Errors
/// `AppNotFound`; the store's.
pub async fn rotate(engine: &Engine, app: &AppId) -> Result<String> {
    engine.app(app).await?;
    keep(engine, app).await
}

/// The secret, for the list of applications; `None` where the dialect is off.
///
/// # Errors
/// `Internal` under another master key; the store's.
pub async fn secret(engine: &Engine, app: &AppId) -> Result<Option<String>> {
    let Some(record) = engine.record(&place(app), KEY).await? else {
        return Ok(None);
    };
    let kept: Kept = serde_json::from_str(&record.value).map_err(|_| Error::Internal)?;
    let sealed = STANDARD.decode(kept.sealed).map_err(|_| Error::Internal)?;
    engine.unseal(&place(app), KEY, &sealed).map(Some)
}

async fn keep(engine: &Engine, app: &AppId) -> Result<String> {
    let secret = guid(engine.random_bytes());
    let sealed = STANDARD.encode(engine.seal(&place(app), KEY, &secret));
    let value = serde_json::to_string(&Kept { sealed }).map_err(|_| Error::Internal)?;
    let keep = KeepRecord {
        key: KEY.to_owned(),
        value,
        expected: None,
        secret: Some(secret.clone()),
        ttl_seconds: None,
    };
    match engine.keep_record(&place(app), keep).await? {
        PutRecordOutcome::Put(_) => Ok(secret),
        _ => Err(Error::Internal),
    }
}

/// Whose secret this is. The look-up is by its hash: no comparison's time tells anything of it.
pub(super) async fn backend(engine: &Engine, secret: &str) -> Result<Backend> {
    let found = engine.record_by_secret(DIALECT, KIND, secret).await?;
    let (app, _) = found.ok_or(Error::ServerKeyInvalid)?;
    engine.backend_by_dialect(&app, DIALECT).await
}

/// A random GUID as RFC 9562 writes version 4.
fn guid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_has_its_version_and_variant() {
        let guid = guid([0xff; 16]);
        assert_eq!(guid, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
