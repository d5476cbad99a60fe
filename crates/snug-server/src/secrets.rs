//! Clock, randomness and the vault under the master key: the ports of the core that touch the
//! machine or cryptography. aws-lc-rs is the only provider.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};
use snug_core::model::Time;
use snug_core::ports::{Clock, Entropy, Vault, VaultError};
use zeroize::Zeroizing;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let nanos = since.map(|since| since.as_nanos()).unwrap_or_default();
        Time(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

/// The provider's random generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes).expect("the system's random generator does not fail");
    }
}

/// 32 random bytes under which secrets are sealed.
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

impl MasterKey {
    /// From 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut key = Zeroizing::new([0; 32]);
        for (index, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
        }
        Some(Self(key))
    }

    /// A fresh one.
    #[must_use]
    pub fn random() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        SystemEntropy.fill(key.as_mut());
        Self(key)
    }

    /// A name that only installs of this key have in common; tells nothing of the key.
    #[must_use]
    pub fn cluster(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_ref());
        let tag = hmac::sign(&key, b"snug bus");
        tag.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The key in a file, made with owner-only rights when the file is not there.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn in_file(path: &Path) -> Result<Self, String> {
        if let Ok(text) = std::fs::read_to_string(path) {
            return Self::parse(&text)
                .ok_or_else(|| format!("{}: expected 64 hexadecimal digits", path.display()));
        }
        let key = Self::random();
        let text: String = key.0.iter().map(|byte| format!("{byte:02x}")).collect();
        write_private(path, text.as_bytes())
            .map_err(|error| format!("{}: cannot be written: {error}", path.display()))?;
        Ok(key)
    }
}

/// Writes a file that only its owner may read, and never over one that is there.
///
/// # Errors
/// The file system's.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// AES-256-GCM under the master key: nonce, then ciphertext and tag.
pub struct AeadVault {
    key: LessSafeKey,
}

impl std::fmt::Debug for AeadVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AeadVault(..)")
    }
}

impl AeadVault {
    #[must_use]
    pub fn new(key: &MasterKey) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key.0.as_ref()).expect("the key has 32 bytes");
        Self { key: LessSafeKey::new(key) }
    }
}

impl Vault for AeadVault {
    fn seal(&self, context: &str, secret: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        SystemEntropy.fill(&mut nonce);
        let mut sealed = secret.to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut sealed,
            )
            .expect("a secret is far below the cipher's length bound");
        [&nonce[..], &sealed].concat()
    }

    fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(VaultError::CannotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::CannotOpen)?;
        let mut bytes = rest.to_vec();
        let aad = Aad::from(context.as_bytes());
        let plain =
            self.key.open_in_place(nonce, aad, &mut bytes).map_err(|_| VaultError::CannotOpen)?;
        Ok(plain.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_secrets_open_under_the_same_key_and_context_only() {
        let vault = AeadVault::new(&MasterKey::random());
        let sealed = vault.seal("a", b"secret");
        assert_eq!(vault.open("a", &sealed).unwrap(), b"secret");
        assert!(vault.open("b", &sealed).is_err());
        assert!(AeadVault::new(&MasterKey::random()).open("a", &sealed).is_err());
        let mut damaged = sealed.clone();
        damaged[NONCE_LEN] ^= 1;
        assert!(vault.open("a", &damaged).is_err());
        assert!(vault.open("a", b"short").is_err());
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
    }

    #[test]
    fn a_master_key_is_64_digits() {
        assert!(MasterKey::parse(&"ab".repeat(32)).is_some());
        assert!(MasterKey::parse("ab").is_none());
        assert!(MasterKey::parse(&"zz".repeat(32)).is_none());
    }
}
