//! JWTs that customers mint.

use crate::ids::{AppId, KeyId};
use crate::model::CustomJson;

/// Read from a JWT before its signature is checked: only to find the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedToken {
    pub app: AppId,
    pub key: Option<KeyId>,
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

/// Checks form and signature, HS256 only; `none` and every other algorithm are refused.
pub trait MintedTokens: Send + Sync {
    fn peek(&self, token: &str) -> Option<UnverifiedToken>;

    /// `None` when signature, algorithm or claims are not right.
    fn verify(&self, token: &str, secret: &[u8]) -> Option<MintedClaims>;
}
