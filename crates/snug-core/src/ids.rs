//! Identifiers: alphabet, length and who mints them. Nothing else may be compared as an id.
//!
//! Customers' ids are taken byte for byte, never folded or trimmed (`docs/ids.md`).

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits;

/// Why a string is no id. `expected` is a sentence for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{expected}")]
pub struct InvalidId {
    /// What the alphabet and the length must be.
    pub expected: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the alphabet and the length.
            ///
            /// # Errors
            /// [`InvalidId`] with what is expected.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                $check(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// For text that was checked when it was stored.
            #[must_use]
            pub fn from_stored(text: &str) -> Self {
                Self(Arc::from(text))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(&text)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

id!(
    /// A tenant. `app_` and 20 characters of `0-9a-z`, minted by the server.
    AppId, check_app
);
id!(
    /// A person of the customer's; the customer's own string.
    UserId, check_customer
);
id!(
    /// One of a user's devices, named by the customer's backend.
    DeviceId, check_customer
);
id!(
    /// A room. Chosen by the customer, or made by the server (`g_`, `d_`).
    RoomId, check_customer
);
id!(
    /// A message, unique in its room and the idempotency key of its send. Minted by the client.
    MessageId, check_message
);
id!(
    /// The grant made by `open-session`. `ses_` and 26 characters, minted by the server.
    SessionId, check_minted
);
id!(
    /// One server key of an app; part of the key's text, so it can be found without a scan.
    KeyId, check_minted
);
id!(
    /// An operator of this install.
    OperatorId, check_minted
);

fn check_app(text: &str) -> Result<(), InvalidId> {
    let ok = text.strip_prefix("app_").is_some_and(|rest| {
        rest.len() == 20 && rest.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
    });
    ok.then_some(()).ok_or(InvalidId { expected: "app_ and 20 characters of 0-9a-z" })
}

fn check_customer(text: &str) -> Result<(), InvalidId> {
    let ok = !text.is_empty()
        && text.len() <= limits::ID_BYTES_MAX
        && !text.chars().any(char::is_control);
    ok.then_some(())
        .ok_or(InvalidId { expected: "1 to 128 bytes of UTF-8 without control characters" })
}

fn check_message(text: &str) -> Result<(), InvalidId> {
    let ok = !text.is_empty()
        && text.len() <= limits::MESSAGE_ID_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_graphic());
    ok.then_some(())
        .ok_or(InvalidId { expected: "1 to 64 printable ASCII characters without spaces" })
}

fn check_minted(text: &str) -> Result<(), InvalidId> {
    let ok = !text.is_empty()
        && text.len() <= 40
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    ok.then_some(()).ok_or(InvalidId { expected: "an id that the server made" })
}

/// Prefix of guests' ids; a ULID follows.
pub const GUEST_PREFIX: &str = "guest_";

impl UserId {
    /// Whether this is somebody whom nobody knows.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        let rest = self.as_str().strip_prefix(GUEST_PREFIX);
        rest.is_some_and(|rest| rest.len() == 26 && rest.bytes().all(|b| CROCKFORD.contains(&b)))
    }
}

/// Prefix of direct rooms' ids; refused in ids that customers choose, so that nobody can
/// sit on a pair's room before the pair meets.
pub const DIRECT_PREFIX: &str = "d_";

/// Prefix of ids that Rocket.Chat's clients minted; refused at the native doors, so that what is
/// stored under it has passed that wire's checks.
pub const ROCKETCHAT_PREFIX: &str = "rc:";

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The id of the direct room of a pair in a context: the same for both orders of the pair.
#[must_use]
pub fn direct_room_id(app: &AppId, pair: (&UserId, &UserId), context: &str) -> RoomId {
    use sha2::{Digest, Sha256};
    let (low, high) = if pair.0 <= pair.1 { pair } else { (pair.1, pair.0) };
    let mut hash = Sha256::new();
    for part in [app.as_str(), low.as_str(), high.as_str(), context] {
        // Lengths first: no two different triples may hash the same bytes.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut text = String::with_capacity(34);
    text.push_str(DIRECT_PREFIX);
    base32(&digest[..20], 32, &mut text);
    RoomId(Arc::from(text))
}

/// A ULID in lower case: 48 bits of milliseconds, 80 bits of randomness; sorts by time.
#[must_use]
pub fn ulid(millis: u64, random: [u8; 10]) -> String {
    let mut bytes = [0_u8; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&random);
    let value = u128::from_be_bytes(bytes);
    let mut text = String::with_capacity(26);
    for place in (0..26).rev() {
        let index = ((value >> (place * 5)) & 31) as usize;
        text.push(char::from(CROCKFORD[index]));
    }
    text
}

/// `chars` characters of base 32 from the front of `bytes`.
pub fn base32(bytes: &[u8], chars: usize, into: &mut String) {
    for place in 0..chars {
        let mut value = 0;
        for bit in 0..5 {
            let at = place * 5 + bit;
            let byte = bytes.get(at / 8).copied().unwrap_or(0);
            value = (value << 1) | (byte >> (7 - at % 8)) & 1;
        }
        into.push(char::from(CROCKFORD[usize::from(value)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customer_ids_are_bytes_not_words() {
        for good in ["a", "1/2:3?4 5", "使用者", "👩‍👩‍👧", &"x".repeat(128)] {
            assert_eq!(UserId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a\nb", "\u{7f}", &"x".repeat(129), &"字".repeat(43)] {
            assert!(UserId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn message_ids_are_printable_ascii() {
        assert!(MessageId::new(&"m".repeat(64)).is_ok());
        for bad in ["", "a b", "é", &"m".repeat(65)] {
            assert!(MessageId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_pair_has_one_room_in_either_order_and_another_per_context() {
        let app = AppId::new("app_00000000000000000001").unwrap();
        let (a, b) = (UserId::new("a").unwrap(), UserId::new("b").unwrap());
        let id = direct_room_id(&app, (&a, &b), "");
        assert_eq!(id, direct_room_id(&app, (&b, &a), ""));
        assert_ne!(id, direct_room_id(&app, (&a, &b), "listing-1"));
        let (ab, empty) = (UserId::new("ab").unwrap(), UserId::new("c").unwrap());
        assert_ne!(direct_room_id(&app, (&ab, &empty), ""), direct_room_id(&app, (&a, &b), "c"));
        assert_eq!(id.as_str().len(), 34);
    }

    #[test]
    fn ulids_sort_by_time() {
        let early = ulid(1_700_000_000_000, [255; 10]);
        let late = ulid(1_700_000_000_001, [0; 10]);
        assert!(early < late);
        assert_eq!(early.len(), 26);
    }
}
