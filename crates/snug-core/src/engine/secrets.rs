//! The secrets that calls to a customer's endpoint are signed with: sealed at rest, shown once,
//! and for a while two of them after a rotation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Engine;
use crate::error::{Error, Result};
use crate::limits;
use crate::model::{SigningSecret, Time};

const PREFIX: &str = "whsec_";

/// A secret that was just made: for its owner's eyes, and for the store.
pub(super) struct Minted {
    pub(super) text: String,
    pub(super) sealed: Vec<u8>,
}

impl Minted {
    /// The first secret of an endpoint.
    pub(super) fn first(&self) -> Vec<SigningSecret> {
        vec![SigningSecret { sealed: self.sealed.clone(), until: None }]
    }
}

/// When the secrets before a new one sign no more.
pub(super) struct Overlap {
    now: Time,
    until: Time,
    none: bool,
}

impl Overlap {
    /// # Errors
    /// Too long an overlap.
    pub(super) fn of(seconds: Option<u64>, now: Time) -> Result<Self> {
        let seconds = seconds.unwrap_or(limits::WEBHOOK_ROTATION_SECONDS_DEFAULT);
        let most = limits::WEBHOOK_ROTATION_SECONDS_MAX;
        if seconds > most {
            return Err(Error::invalid("overlap_seconds", format!("0 to {most}")));
        }
        let until = now.plus_millis(i64::try_from(seconds * 1_000).unwrap_or(i64::MAX));
        Ok(Self { now, until, none: seconds == 0 })
    }
}

/// Puts a new secret before the others, which end; without an overlap at once.
pub(super) fn rotate(secrets: &mut Vec<SigningSecret>, new: &Minted, overlap: &Overlap) {
    secrets.retain(|old| is_live(old, overlap.now));
    secrets.truncate(limits::WEBHOOK_SECRETS_MAX - 1);
    for old in &mut *secrets {
        // What was promised of an earlier one holds.
        let promised = old.until.filter(|_| !overlap.none);
        old.until = Some(promised.unwrap_or(overlap.until.0));
    }
    secrets.insert(0, SigningSecret { sealed: new.sealed.clone(), until: None });
}

/// Until when calls carry a second signature.
pub(super) fn rotating_until(secrets: &[SigningSecret], now: Time) -> Option<Time> {
    let old = secrets.iter().filter_map(|secret| secret.until.map(Time));
    old.filter(|until| *until > now).max()
}

fn is_live(secret: &SigningSecret, now: Time) -> bool {
    secret.until.is_none_or(|end| now.0 < end)
}

impl Engine {
    /// Makes a secret. The context says what it is for: it opens nothing else.
    pub(super) fn mint_secret(&self, context: &str) -> Minted {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes);
        let text = format!("{PREFIX}{}", STANDARD.encode(bytes));
        Minted { text, sealed: self.vault.seal(context, &bytes) }
    }

    /// The living secrets, the newest first: bytes, not their text form.
    ///
    /// # Errors
    /// [`Error::Internal`] under another master key.
    pub(super) fn open_secrets(
        &self,
        context: &str,
        secrets: &[SigningSecret],
    ) -> Result<Vec<Vec<u8>>> {
        let now = self.now();
        let live = secrets.iter().filter(|secret| is_live(secret, now));
        let open = |secret: &SigningSecret| {
            self.vault.open(context, &secret.sealed).map_err(|_| Error::Internal)
        };
        live.map(open).collect()
    }
}
