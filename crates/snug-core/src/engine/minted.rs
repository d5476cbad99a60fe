//! Which key a customer's JWT is checked with. HS256 goes with server keys alone and the others
//! with public keys alone, so that no public key can be taken for a secret.

use super::Engine;
use super::apps::KnownApp;
use crate::error::{Error, Result};
use crate::model::{PublicKey, TokenAlgorithm};
use crate::ports::{MintedClaims, UnverifiedToken};

impl Engine {
    /// The claims of a JWT whose signature is right.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`]; [`Error::VerifyUnreachable`] when the app's key set cannot be
    /// read and none was read before.
    pub(super) async fn check_minted(
        &self,
        known: &KnownApp,
        token: &str,
        peeked: &UnverifiedToken,
    ) -> Result<MintedClaims> {
        if peeked.algorithm == TokenAlgorithm::Hs256 {
            return self.by_server_key(known, token, peeked);
        }
        let registered = &known.settings.public_keys;
        if let Some(claims) = self.by_public_key(registered, token, peeked) {
            return Ok(claims);
        }
        let Some(url) = &known.settings.jwks_url else {
            return Err(Error::TokenInvalid);
        };
        let named = peeked.key.as_deref();
        let published = self.key_sets.keys(&known.app.id, url, named, self.now()).await;
        let published = published
            .map_err(|error| Error::VerifyUnreachable { cause: format!("key set: {error}") })?;
        self.by_public_key(&published, token, peeked).ok_or(Error::TokenInvalid)
    }

    fn by_server_key(
        &self,
        known: &KnownApp,
        token: &str,
        peeked: &UnverifiedToken,
    ) -> Result<MintedClaims> {
        for key in &known.keys {
            let named = peeked.key.as_ref().is_none_or(|id| *id == key.id.as_str());
            let alive = key.expires_at.is_none_or(|end| self.now() < end);
            if !named || !alive {
                continue;
            }
            if let Some(claims) = self.minted.verify(token, &self.open_key(key)?) {
                return Ok(claims);
            }
        }
        Err(Error::TokenInvalid)
    }

    fn by_public_key(
        &self,
        keys: &[PublicKey],
        token: &str,
        peeked: &UnverifiedToken,
    ) -> Option<MintedClaims> {
        let fits = |key: &&PublicKey| {
            let named = match (&peeked.key, &key.id) {
                (Some(named), Some(id)) => named == id,
                _ => true,
            };
            named && key.algorithm == peeked.algorithm
        };
        keys.iter().filter(fits).find_map(|key| self.minted.verify_public(token, key))
    }
}
