//! Switching the dialect on, its administrators, and what is kept of those who log in with a
//! password: an argon2id hash and, for a log-in by e-mail, the hash of the address.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use snug_core::engine::{Engine, IssuedToken, KeepRecord, OpenSession};
use snug_core::error::{Error, Result};
use snug_core::ids::{AppId, DeviceId, UserId};
use snug_core::model::{Patch, UserPatch};
use snug_core::ports::{PutRecordOutcome, RecordPlace};

use super::DIALECT;
use crate::Host;

const SETTINGS: &str = "settings";
const ONLY: &str = "only";
const DEFAULT: &str = "default";
const ACCOUNT: &str = "account";
const EMAIL: &str = "email";

/// How long a log-in holds; the vendor's default.
const LOGIN_SECONDS: u64 = 90 * 24 * 3_600;

/// How an app's Rocket.Chat door behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Users may log in by password; else no password is kept.
    pub password_login: bool,
}

/// What is known of a user beyond the profile.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) admin: bool,
    /// argon2id of the lower-case hexadecimal SHA-256 of the password: DDP sends only that.
    pub(super) password: Option<String>,
}

/// A new administrator, this once in clear.
#[derive(Debug, Clone)]
pub struct NewAdmin {
    pub user_id: String,
    pub auth_token: String,
    pub password: String,
}

fn place(app: &AppId, kind: &'static str) -> RecordPlace {
    RecordPlace { app: app.clone(), dialect: DIALECT, kind }
}

/// Switches the dialect on for an app, or changes how it behaves. The first app of a server is
/// the one that log-ins mean where no host name says another.
///
/// # Errors
/// [`Error::AppNotFound`]; the store's.
pub async fn enable(engine: &Engine, app: &AppId, settings: &Settings) -> Result<()> {
    engine.app(app).await?;
    let value = serde_json::to_string(settings).map_err(|_| Error::Internal)?;
    engine.keep_record(&place(app, SETTINGS), plain(ONLY, value)).await?;
    let first = KeepRecord { secret: Some(DEFAULT.to_owned()), ..plain(ONLY, "{}".to_owned()) };
    engine.keep_record(&place(app, DEFAULT), first).await.map(drop)
}

/// The app of a log-in that names none.
pub(super) async fn default_app(engine: &Engine) -> Result<Option<AppId>> {
    let found = engine.record_by_secret(DIALECT, DEFAULT, DEFAULT).await?;
    Ok(found.map(|(app, _)| app))
}

/// The settings; `None` where the dialect is off.
///
/// # Errors
/// The store's.
pub async fn settings(engine: &Engine, app: &AppId) -> Result<Option<Settings>> {
    let found = engine.record(&place(app, SETTINGS), ONLY).await?;
    found.map(|found| serde_json::from_str(&found.value).map_err(|_| Error::Internal)).transpose()
}

/// Makes an administrator, or gives one a new password and a further token.
///
/// # Errors
/// An invalid name; the store's.
pub async fn create_admin(host: &dyn Host, app: &AppId, username: &str) -> Result<NewAdmin> {
    let engine = host.engine();
    if settings(engine, app).await?.is_none() {
        enable(engine, app, &Settings { password_login: true }).await?;
    }
    let user = UserId::new(username).map_err(|wrong| Error::invalid("username", wrong.expected))?;
    let password = engine.secret();
    let hash = host.hash_password(digest(&password)).await?;
    let account = Account { admin: true, password: Some(hash) };
    keep(engine, app, &user, &account, None).await?;
    let issued = open(engine, app, &user, Some(username)).await?;
    Ok(NewAdmin { user_id: username.to_owned(), auth_token: issued.token, password })
}

/// The form in which every door hands a password on.
pub(super) fn digest(password: &str) -> String {
    Sha256::digest(password.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) async fn account(engine: &Engine, app: &AppId, user: &UserId) -> Result<Account> {
    match engine.record(&place(app, ACCOUNT), user.as_str()).await? {
        Some(found) => serde_json::from_str(&found.value).map_err(|_| Error::Internal),
        None => Ok(Account::default()),
    }
}

/// Keeps an account; with `expected` of 0 only if there is none, and says whether it was kept.
pub(super) async fn keep(
    engine: &Engine,
    app: &AppId,
    user: &UserId,
    account: &Account,
    expected: Option<u64>,
) -> Result<bool> {
    let value = serde_json::to_string(account).map_err(|_| Error::Internal)?;
    let keep = KeepRecord { expected, ..plain(user.as_str(), value) };
    let kept = engine.keep_record(&place(app, ACCOUNT), keep).await?;
    Ok(matches!(kept, PutRecordOutcome::Put(_)))
}

/// Lets a user log in by e-mail. Only the address's hash is kept. Says whether it was free.
pub(super) async fn keep_email(
    engine: &Engine,
    app: &AppId,
    user: &UserId,
    email: &str,
) -> Result<bool> {
    let secret = Some(lookup(app, email));
    let keep = KeepRecord { secret, ..plain(user.as_str(), json!({ "user": user }).to_string()) };
    let kept = engine.keep_record(&place(app, EMAIL), keep).await?;
    Ok(matches!(kept, PutRecordOutcome::Put(_)))
}

/// Whose e-mail address this is.
pub(super) async fn by_email(engine: &Engine, app: &AppId, email: &str) -> Result<Option<UserId>> {
    let found = engine.record_by_secret(DIALECT, EMAIL, &lookup(app, email)).await?;
    Ok(found.filter(|(of, _)| of == app).and_then(|(_, found)| UserId::new(&found.key).ok()))
}

fn lookup(app: &AppId, email: &str) -> String {
    format!("{app}/{}", email.trim().to_lowercase())
}

fn plain(key: &str, value: String) -> KeepRecord {
    KeepRecord { key: key.to_owned(), value, expected: None, secret: None, ttl_seconds: None }
}

/// A log-in: each is a device of its own, so that one does not end another.
pub(super) async fn open(
    engine: &Engine,
    app: &AppId,
    user: &UserId,
    name: Option<&str>,
) -> Result<IssuedToken> {
    let backend = engine.backend_by_dialect(app, DIALECT).await?;
    let random: [u8; 10] = engine.random_bytes();
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let profile = UserPatch {
        name: name.map_or(Patch::Keep, |name| Patch::Set(name.to_owned())),
        ..UserPatch::default()
    };
    let open = OpenSession {
        user: user.clone(),
        device: DeviceId::from_stored(&format!("{DIALECT}-{hex}")),
        profile,
        custom: None,
        push_token: None,
        ttl_seconds: Some(LOGIN_SECONDS),
        token: None,
    };
    engine.open_session(&backend, open).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_what_ddp_clients_send() {
        let known = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
        assert_eq!(digest("password"), known);
    }
}
