//! Server keys and tokens: their text forms, minting and checking. Secrets are compared by
//! the SHA-256 of the whole string, so that no comparison's time tells anything of the secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, Result};
use crate::ids::{AppId, KeyId};
use crate::model::TokenHash;

use super::{Backend, Engine};

pub(super) const SERVER_KEY_PREFIX: &str = "snug_sk_";
pub(super) const SESSION_TOKEN_PREFIX: &str = "snug_st_";
const PLACED_TOKEN_PREFIX: &str = "snug_at_";
const SECRET_BYTES: usize = 32;
const SECRET_CHARS: usize = 43;
const APP_ID_CHARS: usize = 24;

/// `snug_sk_<app>_<key id>_<secret>`, taken apart.
pub(super) fn parse_server_key(text: &str) -> Option<(AppId, KeyId)> {
    let rest = text.strip_prefix(SERVER_KEY_PREFIX)?;
    let app = AppId::new(rest.get(..APP_ID_CHARS)?).ok()?;
    let rest = rest.get(APP_ID_CHARS..)?.strip_prefix('_')?;
    let (key, secret) = rest.split_once('_')?;
    (secret.len() == SECRET_CHARS).then_some(())?;
    Some((app, KeyId::new(key).ok()?))
}

/// The app of `snug_st_<secret>.<app>`.
pub(super) fn parse_session_token(text: &str) -> Option<AppId> {
    let rest = text.strip_prefix(SESSION_TOKEN_PREFIX)?;
    let (secret, app) = rest.split_once('.')?;
    (secret.len() == SECRET_CHARS).then_some(())?;
    AppId::new(app).ok()
}

/// The app and the token of `snug_at_<app>.<token>`: a token that names no app itself, such as
/// one that another system's wire made, brought to a door that asks nothing else.
pub(super) fn parse_placed_token(text: &str) -> Option<(AppId, &str)> {
    let (app, token) = text.strip_prefix(PLACED_TOKEN_PREFIX)?.split_once('.')?;
    Some((AppId::new(app).ok()?, token))
}

impl Engine {
    /// 32 random bytes as text, for whoever must make something that nobody guesses.
    #[must_use]
    pub fn secret(&self) -> String {
        let mut bytes = [0; SECRET_BYTES];
        self.entropy.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(super) fn mint_server_key(&self, app: &AppId) -> (KeyId, String) {
        let id = self.random_text(10);
        // Secrets may hold `_`; the key id may not, so the first `_` after it ends it.
        let text = format!("{SERVER_KEY_PREFIX}{app}_{id}_{}", self.secret());
        (KeyId::from_stored(&id), text)
    }

    pub(super) fn mint_session_token(&self, app: &AppId) -> String {
        format!("{SESSION_TOKEN_PREFIX}{}.{app}", self.secret())
    }

    /// Checks a server key.
    ///
    /// # Errors
    /// [`Error::ServerKeyInvalid`] when it is unknown, expired or malformed.
    pub async fn authenticate_backend(&self, key: &str) -> Result<Backend> {
        let (app, id) = parse_server_key(key).ok_or(Error::ServerKeyInvalid)?;
        let known = self.app_with_keys(&app).await?.ok_or(Error::ServerKeyInvalid)?;
        let hash = TokenHash::of(key).0;
        let now = self.now();
        let valid = known.keys.iter().any(|known| {
            known.id == id
                && same(&known.hash, &hash)
                && known.expires_at.is_none_or(|end| now < end)
        });
        if !valid {
            return Err(Error::ServerKeyInvalid);
        }
        Ok(Backend { app: known.app.clone(), key: id })
    }
}

/// Compares in a time that depends on nothing but the length.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_are_taken_apart() {
        let app = "app_0123456789abcdefghij";
        let secret = "s_".repeat(21) + "x";
        let key = format!("snug_sk_{app}_k1_{secret}");
        let (found, id) = parse_server_key(&key).unwrap();
        assert_eq!((found.as_str(), id.as_str()), (app, "k1"));
        assert!(parse_server_key("snug_sk_app_x").is_none());
        assert!(parse_server_key(&key[..key.len() - 1]).is_none());
        let token = format!("snug_st_{secret}.{app}");
        assert_eq!(parse_session_token(&token).unwrap().as_str(), app);
        assert!(parse_session_token("snug_st_.app").is_none());
        let placed = format!("snug_at_{app}.any.token");
        let (found, inner) = parse_placed_token(&placed).unwrap();
        assert_eq!((found.as_str(), inner), (app, "any.token"));
        assert!(parse_placed_token("snug_at_app_1.x").is_none());
        assert!(parse_placed_token(&token).is_none());
    }
}
