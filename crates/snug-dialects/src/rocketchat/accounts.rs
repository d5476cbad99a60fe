//! Switching the dialect on, its administrators, and what is kept of those who log in with a
//! password: an argon2id hash and, for a log-in by e-mail, the hash of the address.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use snug_core::engine::{Engine, IssuedToken, KeepRecord, OpenSession};
use snug_core::error::{Error, Result};
use snug_core::ids::{AppId, DeviceId, UserId};
use snug_core::limits;
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

/// Switches the dialect on for an app, or changes how it behaves: `password_login` stays as it is
/// where it is not said, and is true at first. Switching it off forgets the users' passwords. The
/// first app of a server is the one that log-ins mean where no host name says another.
///
/// # Errors
/// [`Error::AppNotFound`]; the store's.
pub async fn enable(
    engine: &Engine,
    app: &AppId,
    password_login: Option<bool>,
) -> Result<Settings> {
    engine.app(app).await?;
    let before = settings(engine, app).await?;
    let known = before.as_ref().is_none_or(|before| before.password_login);
    let settings = Settings { password_login: password_login.unwrap_or(known) };
    let value = serde_json::to_string(&settings).map_err(|_| Error::Internal)?;
    engine.keep_record(&place(app, SETTINGS), plain(ONLY, value)).await?;
    if before.is_some() && !settings.password_login {
        forget_passwords(engine, app).await?;
    }
    let first = KeepRecord { secret: Some(DEFAULT.to_owned()), ..plain(ONLY, "{}".to_owned()) };
    engine.keep_record(&place(app, DEFAULT), first).await?;
    Ok(settings)
}

/// Administrators keep theirs: they log in by it whatever is set.
async fn forget_passwords(engine: &Engine, app: &AppId) -> Result<()> {
    let place_of_all = place(app, ACCOUNT);
    let mut after: Option<String> = None;
    loop {
        let some = engine.records(&place_of_all, after.as_deref(), None).await?;
        let Some(last) = some.last() else { return Ok(()) };
        after = Some(last.key.clone());
        for found in some {
            let known: Account = serde_json::from_str(&found.value).map_err(|_| Error::Internal)?;
            if known.admin {
                continue;
            }
            engine.forget_record(&place(app, EMAIL), &found.key).await?;
            let value = serde_json::to_string(&Account::default()).map_err(|_| Error::Internal)?;
            let keep = KeepRecord { expected: Some(found.rev), ..plain(&found.key, value) };
            engine.keep_record(&place_of_all, keep).await?;
        }
    }
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
        enable(engine, app, None).await?;
    }
    let user = UserId::new(username).map_err(|wrong| Error::invalid("username", wrong.expected))?;
    let password = engine.secret();
    let hash = host.hash_password(digest(&password)).await?;
    let account = Account { admin: true, password: Some(hash) };
    keep(engine, app, &user, &account).await?;
    let backend = engine.backend_by_dialect(app, DIALECT).await?;
    let named = match engine.user(&backend, &user).await {
        Ok(known) => known.name.is_some(),
        Err(Error::UserNotFound(_)) => false,
        Err(error) => return Err(error),
    };
    let issued = open(engine, app, &user, (!named).then_some(username)).await?;
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

/// Keeps an account in place of what was known.
pub(super) async fn keep(
    engine: &Engine,
    app: &AppId,
    user: &UserId,
    account: &Account,
) -> Result<()> {
    let value = serde_json::to_string(account).map_err(|_| Error::Internal)?;
    engine.keep_record(&place(app, ACCOUNT), plain(user.as_str(), value)).await.map(drop)
}

/// Takes a name for a user who is being made; `false` when it is taken. Left without
/// [`keep`] it is free again after a while.
pub(super) async fn claim(engine: &Engine, app: &AppId, user: &UserId) -> Result<bool> {
    let value = serde_json::to_string(&Account::default()).map_err(|_| Error::Internal)?;
    let keep = KeepRecord {
        expected: Some(0),
        ttl_seconds: Some(limits::ROCKETCHAT_MAKING_SECONDS),
        ..plain(user.as_str(), value)
    };
    let kept = engine.keep_record(&place(app, ACCOUNT), keep).await?;
    Ok(matches!(kept, PutRecordOutcome::Put(_)))
}

/// Forgets what was kept of a user who was not made after all.
pub(super) async fn forget(engine: &Engine, app: &AppId, user: &UserId) -> Result<()> {
    engine.forget_record(&place(app, EMAIL), user.as_str()).await?;
    engine.forget_record(&place(app, ACCOUNT), user.as_str()).await.map(drop)
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
