//! Operators' passwords: argon2id off the runtime's threads, few at a time, and a gate that
//! bounds log-in tries per e-mail and per address.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, NotUntil, Quota};
use snug_core::error::{Error, Result};
use snug_core::ids::OperatorId;
use snug_core::limits;
use snug_core::ports::Entropy;
use tokio::sync::Semaphore;

use crate::secrets::SystemEntropy;

/// Entries of the tables before those of past windows are thrown out.
const TABLE_MAX: usize = 100_000;
/// A hash of nobody's password: unknown e-mails cost as much time as known ones.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Bounds log-ins: tries per e-mail and per address, and hashes at one time.
#[derive(Debug)]
pub struct LoginGate {
    tries: DefaultKeyedRateLimiter<String>,
    emails: DefaultKeyedRateLimiter<String>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    hashing: Semaphore,
}

/// So many times the tries of one window.
fn quota(times: u32) -> Quota {
    let tries = limits::LOGIN_TRIES_MAX * times;
    let burst = NonZeroU32::new(tries).unwrap_or(NonZeroU32::MIN);
    let every = Duration::from_secs(limits::LOGIN_WINDOW_SECONDS) / tries;
    Quota::with_period(every).unwrap_or_else(|| Quota::per_hour(burst)).allow_burst(burst)
}

fn pass<T>(
    tried: std::result::Result<T, NotUntil<<DefaultClock as Clock>::Instant>>,
) -> Result<()> {
    let Err(not_yet) = tried else { return Ok(()) };
    let wait = not_yet.wait_time_from(DefaultClock::default().now());
    let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    Err(Error::RateLimited { retry_after_ms })
}

impl Default for LoginGate {
    fn default() -> Self {
        Self {
            tries: DefaultKeyedRateLimiter::keyed(quota(1)),
            emails: DefaultKeyedRateLimiter::keyed(quota(10)),
            addresses: DefaultKeyedRateLimiter::keyed(quota(3)),
            hashing: Semaphore::new(2),
        }
    }
}

impl LoginGate {
    /// Counts a try by somebody who is not known yet. The address first: whoever is over its
    /// bound adds nothing to the tables. Per e-mail and address, so that strangers cannot lock
    /// an operator out; over all addresses ten times as many.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub(crate) fn check(&self, email: &str, address: Option<IpAddr>) -> Result<()> {
        if self.tries.len() + self.addresses.len() + self.emails.len() > TABLE_MAX {
            self.tries.retain_recent();
            self.emails.retain_recent();
            self.addresses.retain_recent();
        }
        if let Some(address) = address {
            pass(self.addresses.check_key(&address))?;
        }
        let email = email.to_lowercase();
        let from = address.map_or_else(|| "-".to_owned(), |address| address.to_string());
        pass(self.tries.check_key(&format!("{email} {from}")))?;
        pass(self.emails.check_key(&email))
    }

    /// Counts a try of an operator who is logged in and says the password again.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub(super) fn check_operator(&self, operator: &OperatorId) -> Result<()> {
        pass(self.tries.check_key(&format!("operator {operator}")))
    }

    /// Hashes a new password.
    pub(crate) async fn hash(&self, password: String) -> Result<String> {
        let _place = self.hashing.acquire().await.map_err(|_| Error::Internal)?;
        let mut salt = [0; 16];
        SystemEntropy.fill(&mut salt);
        let work = move || {
            let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|_| Error::Internal)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Internal)?
    }

    /// Whether the password fits the hash; without one, `false` after the same time.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool> {
        let _place = self.hashing.acquire().await.map_err(|_| Error::Internal)?;
        let work = move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
            let parsed = PasswordHash::new(&hash).map_err(|_| Error::Internal)?;
            let fits = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
            Ok(known && fits)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Internal)?
    }
}

/// Bounds of a new password.
///
/// # Errors
/// An invalid field.
pub(super) fn check_new(password: &str) -> Result<()> {
    let least = limits::PASSWORD_CHARS_MIN;
    if password.chars().count() < least {
        return Err(Error::invalid("password", format!("at least {least} characters")));
    }
    if password.len() > limits::PASSWORD_BYTES_MAX {
        let most = limits::PASSWORD_BYTES_MAX;
        return Err(Error::too_large("password", format!("at most {most} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_hash_and_no_other() {
        let gate = LoginGate::default();
        let hash = gate.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(gate.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!gate.verify("wrong horse".into(), Some(hash)).await.unwrap());
        assert!(!gate.verify("anything".into(), None).await.unwrap());
    }

    #[test]
    fn tries_are_bounded_per_email_and_address() {
        let gate = LoginGate::default();
        for _ in 0..limits::LOGIN_TRIES_MAX {
            gate.check("a@example.com", None).unwrap();
        }
        assert!(matches!(gate.check("A@example.com", None), Err(Error::RateLimited { .. })));
        gate.check("b@example.com", None).unwrap();
    }
}
