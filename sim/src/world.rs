//! The small ports: a clock and randomness that the seed owns, a vault that hides nothing (no
//! secret of anybody's is in here), and no customer-minted tokens.

use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use snug_core::model::{PublicKey, Time};
use snug_core::ports::{
    Clock, Entropy, MintedClaims, MintedTokens, UnverifiedToken, Vault, VaultError,
};

use crate::dice::Dice;

/// Where every run's clock begins.
const BEGIN: Time = Time(1_700_000_000_000_000_000);

/// Moves only when it is told to; backwards too.
#[derive(Debug)]
pub(crate) struct SimClock(AtomicI64);

impl SimClock {
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(BEGIN.0))
    }

    pub(crate) fn move_by(&self, millis: i64) {
        let moved = self.now().plus_millis(millis);
        self.0.store(moved.0, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) struct SimEntropy(pub(crate) Mutex<Dice>);

impl Entropy for SimEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut dice = self.0.lock();
        for chunk in bytes.chunks_mut(8) {
            let drawn = dice.next().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}

/// Keeps a secret as it came.
pub(crate) struct OpenVault;

impl Vault for OpenVault {
    fn seal(&self, _context: &str, secret: &[u8]) -> Vec<u8> {
        secret.to_vec()
    }

    fn open(&self, _context: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        Ok(sealed.to_vec())
    }
}

pub(crate) struct NoMinted;

impl MintedTokens for NoMinted {
    fn peek(&self, _token: &str) -> Option<UnverifiedToken> {
        None
    }

    fn verify(&self, _token: &str, _secret: &[u8]) -> Option<MintedClaims> {
        None
    }

    fn verify_public(&self, _token: &str, _key: &PublicKey) -> Option<MintedClaims> {
        None
    }

    fn payload(&self, _token: &str, _key: &PublicKey) -> Option<String> {
        None
    }

    fn read_keys(&self, _text: &str) -> Result<Vec<PublicKey>, String> {
        Err("no public keys here".to_owned())
    }

    fn signed(&self, _secret: &[u8], _text: &[u8], _signature: &[u8]) -> bool {
        false
    }
}
