//! An app's client key and API key, its settings, and the tokens that are issued here.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use snug_core::engine::{Engine, KeepRecord};
use snug_core::error::{Error, Result};
use snug_core::ids::AppId;
use snug_core::model::TokenHash;
use snug_core::ports::{PutRecordOutcome, RecordPlace};

use super::DIALECT;

const CLIENT_KEY: &str = "client-key";
const API_KEY: &str = "api-key";
const SETTINGS: &str = "settings";
/// One document of each kind.
const ONLY: &str = "only";

/// The keys of an app in clear.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Public: it stands in pages.
    pub client_key: String,
    /// The backend's secret.
    pub api_key: String,
}

/// How an app's IMKit door behaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Pages may sign in as any user with the client key alone (`auths/sign/v2`); a development
    /// app allows it anyway.
    pub page_sign_in: bool,
}

/// Makes the app's keys, or shows those it has.
///
/// # Errors
/// [`Error::AppNotFound`]; the store's; [`Error::Internal`] when the master key is another.
pub async fn enable(engine: &Engine, app: &AppId) -> Result<Keys> {
    engine.app(app).await?;
    let client_key = key(engine, app, CLIENT_KEY, new_client_key(engine)).await?;
    let secret = URL_SAFE_NO_PAD.decode(engine.secret()).unwrap_or_default();
    let api_key = key(engine, app, API_KEY, STANDARD.encode(secret)).await?;
    Ok(Keys { client_key, api_key })
}

/// Changes the settings of the app.
///
/// # Errors
/// The store's.
pub async fn set(engine: &Engine, app: &AppId, settings: &Settings) -> Result<()> {
    let Settings { page_sign_in } = settings;
    let value = json!({ "pageSignIn": page_sign_in }).to_string();
    let place = place(app, SETTINGS);
    engine.keep_record(&place, keep(ONLY, value, None)).await.map(drop)
}

/// The settings of the app, or the usual ones.
///
/// # Errors
/// The store's.
pub async fn settings(engine: &Engine, app: &AppId) -> Result<Settings> {
    let Some(record) = engine.record(&place(app, SETTINGS), ONLY).await? else {
        return Ok(Settings::default());
    };
    let value: Value = serde_json::from_str(&record.value).map_err(|_| Error::Internal)?;
    Ok(Settings { page_sign_in: value["pageSignIn"].as_bool().unwrap_or(false) })
}

pub(super) fn place(app: &AppId, kind: &'static str) -> RecordPlace {
    RecordPlace { app: app.clone(), dialect: DIALECT, kind }
}

pub(super) fn keep(key: &str, value: String, expected: Option<u64>) -> KeepRecord {
    KeepRecord { key: key.to_owned(), value, expected, secret: None, ttl_seconds: None }
}

pub(super) async fn app_of_client_key(engine: &Engine, key: &str) -> Result<Option<AppId>> {
    let found = engine.record_by_secret(DIALECT, CLIENT_KEY, key).await?;
    Ok(found.map(|(app, _)| app))
}

pub(super) async fn app_of_api_key(engine: &Engine, key: &str) -> Result<Option<AppId>> {
    let found = engine.record_by_secret(DIALECT, API_KEY, key).await?;
    Ok(found.map(|(app, _)| app))
}

/// A token for a user: a JWT, since the vendor's page reads its own id from the claim `id`. It is
/// known by its hash like every session's token; its last part is what cannot be guessed.
pub(super) fn new_token(engine: &Engine, user: &str, ttl_seconds: u64) -> String {
    let now = engine.now().seconds();
    let end = now.saturating_add(i64::try_from(ttl_seconds).unwrap_or(i64::MAX));
    jwt(engine, &json!({ "id": user, "iat": now, "exp": end }))
}

/// The device of a token that has none: its own.
pub(super) fn device_of(token: &str) -> String {
    let hash = TokenHash::of(token).0;
    let digits: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("imkit-{digits}")
}

fn new_client_key(engine: &Engine) -> String {
    let client: String = engine.secret().chars().take(22).collect();
    jwt(engine, &json!({ "clientId": client, "createAt": engine.now().millis() }))
}

fn jwt(engine: &Engine, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    format!("{}.{}.{}", part(&header), part(claims), engine.secret())
}

/// The key that is kept, else the new one; of two callers at once one wins for both.
async fn key(engine: &Engine, app: &AppId, kind: &'static str, new: String) -> Result<String> {
    let place = place(app, kind);
    let sealed = STANDARD.encode(engine.seal(&place, ONLY, &new));
    let value = json!({ "sealed": sealed }).to_string();
    let keep = KeepRecord { secret: Some(new.clone()), ..keep(ONLY, value, Some(0)) };
    let found = match engine.keep_record(&place, keep).await? {
        PutRecordOutcome::Put(_) => return Ok(new),
        PutRecordOutcome::Conflict(Some(found)) => found,
        PutRecordOutcome::Conflict(None) | PutRecordOutcome::LookupTaken => {
            return Err(Error::Internal);
        }
    };
    let value: Value = serde_json::from_str(&found.value).map_err(|_| Error::Internal)?;
    let sealed = STANDARD.decode(value["sealed"].as_str().unwrap_or(""));
    engine.unseal(&place, ONLY, &sealed.map_err(|_| Error::Internal)?)
}
