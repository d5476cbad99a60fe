//! JWTs that customers mint, and what else they sign.

use std::sync::Arc;

use async_trait::async_trait;

use super::OutboundError;
use crate::ids::AppId;
use crate::model::{CustomJson, PublicKey, Time, TokenAlgorithm};

/// Read from a JWT before its signature is checked: only to find the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedToken {
    pub app: AppId,
    pub key: Option<String>,
    pub algorithm: TokenAlgorithm,
}

/// What a valid JWT says. Times are seconds since 1970; the engine checks them against its clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintedClaims {
    pub subject: String,
    pub device: Option<String>,
    pub expires_at: i64,
    pub issued_at: Option<i64>,
    pub not_before: Option<i64>,
    pub name: Option<String>,
    pub avatar: Option<String>,
    pub custom: Option<CustomJson>,
}

/// Checks form and signature; `none` and every algorithm that is not named in
/// [`TokenAlgorithm`] are refused.
pub trait MintedTokens: Send + Sync {
    fn peek(&self, token: &str) -> Option<UnverifiedToken>;

    /// HS256 only. `None` when signature, algorithm or claims are not right.
    fn verify(&self, token: &str, secret: &[u8]) -> Option<MintedClaims>;

    /// The key's own algorithm only, which is never HS256.
    fn verify_public(&self, token: &str, key: &PublicKey) -> Option<MintedClaims>;

    /// The payload, as JSON text, of a JWT that this RSA key signed by RS256; its dates are not
    /// looked at.
    fn payload(&self, token: &str, key: &PublicKey) -> Option<String>;

    /// The usable keys of a PEM, a JWK or a key set; others in a set are left out.
    ///
    /// # Errors
    /// What was expected, when there is none.
    fn read_keys(&self, text: &str) -> Result<Vec<PublicKey>, String>;

    /// Whether this is the HMAC-SHA-256 of a text under a secret; takes the same time either way.
    fn signed(&self, secret: &[u8], text: &[u8], signature: &[u8]) -> bool;
}

/// Public keys that customers publish by URL, cached.
#[async_trait]
pub trait KeySets: Send + Sync {
    /// The keys at this URL, with the named one if it is published: a name that is not known is
    /// looked for once a minute. Keys read before serve while the URL is down.
    ///
    /// # Errors
    /// Why there is no key at all.
    async fn keys(
        &self,
        app: &AppId,
        url: &str,
        key: Option<&str>,
        now: Time,
    ) -> Result<Arc<Vec<PublicKey>>, OutboundError>;
}

/// No published keys; for a server without customers' URLs.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeySets;

#[async_trait]
impl KeySets for NoKeySets {
    async fn keys(
        &self,
        _: &AppId,
        _: &str,
        _: Option<&str>,
        _: Time,
    ) -> Result<Arc<Vec<PublicKey>>, OutboundError> {
        Err(OutboundError::Refused("calls to customers' URLs are off".to_owned()))
    }
}
