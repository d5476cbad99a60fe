//! Secrets at rest.

/// Why a sealed secret could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("sealed under another master key, or damaged")]
    CannotOpen,
}

/// Seals secrets under the install's master key (AEAD; `context` is authenticated, so a sealed
/// secret cannot be moved to another row).
pub trait Vault: Send + Sync {
    fn seal(&self, context: &str, secret: &[u8]) -> Vec<u8>;

    /// # Errors
    /// [`VaultError::CannotOpen`] for another master key, another context or damaged bytes.
    fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError>;
}
