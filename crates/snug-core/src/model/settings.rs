//! What an app has set up besides its keys: where its users' tokens come from.

use serde::{Deserialize, Serialize};

use super::Patch;

/// How a JWT is signed. Server keys go with `Hs256` alone, public keys with the others alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TokenAlgorithm {
    #[serde(rename = "HS256")]
    Hs256,
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl TokenAlgorithm {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A customer's public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// The `kid` of the tokens that it signs; a PEM has none and is tried for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub algorithm: TokenAlgorithm,
    /// PEM, or one JWK as JSON.
    pub text: String,
}

/// Where a bridged app's conversations are kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeSettings {
    /// The operations' names are appended to it.
    pub base_url: String,
    /// RS256: what the backend's user and thread tokens are checked with.
    pub public_key: PublicKey,
    /// Who is no member of a thread is refused before the backend is asked.
    pub members_only: bool,
    /// What Snug shows the backend, sealed.
    pub secret: Vec<u8>,
    /// Every node has known it before the app had rooms.
    #[serde(default)]
    pub settled: bool,
}

impl std::fmt::Debug for BridgeSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BridgeSettings").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// What a call to the customer's endpoint is signed with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecret {
    pub sealed: Vec<u8>,
    /// Nanoseconds; absent for the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

/// What becomes of a message about which the hook could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    Allow,
    Refuse,
}

impl OnFailure {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Refuse => "refuse",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Allow, Self::Refuse].into_iter().find(|one| one.as_str() == text)
    }
}

/// The endpoint that is asked before a message of a user's is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeforeSendSettings {
    pub url: String,
    pub timeout_ms: u64,
    pub on_failure: OnFailure,
    /// Kinds of rooms in which it is asked; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<String>,
    /// Kinds of messages about which it is asked; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// The newest first.
    pub secrets: Vec<SigningSecret>,
}

impl std::fmt::Debug for BeforeSendSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BeforeSendSettings").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The settings of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AppSettings {
    /// Asked whose the site's own token is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_url: Option<String>,
    /// Asked for a user's contacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contacts_url: Option<String>,
    /// Where the public keys of the app's JWTs are published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// Public keys that were registered here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub public_keys: Vec<PublicKey>,
    /// Whether pages may open sessions for people whom nobody knows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub guests: bool,
    /// The app is bridged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bridge: Option<BridgeSettings>,
    /// Who is asked before a send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_send: Option<BeforeSendSettings>,
}

/// Changes to them.
#[derive(Debug, Clone, Default)]
pub struct SettingsPatch {
    pub verify_url: Patch<String>,
    pub contacts_url: Patch<String>,
    pub jwks_url: Patch<String>,
    /// All of them, each as PEM, JWK or key set.
    pub public_keys: Option<Vec<String>>,
    pub guests: Option<bool>,
}
