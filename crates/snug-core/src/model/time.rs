//! UTC nanoseconds. The wire's forms are made in `snug-proto`.

use std::hash::{BuildHasher, Hasher, RandomState};

use serde::{Deserialize, Serialize};

use crate::limits;

/// Nanoseconds since 1970-01-01T00:00:00Z. Never orders messages: `seq` does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Time(pub i64);

impl Time {
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    #[must_use]
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Later by so many milliseconds (earlier, when negative).
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1_000_000)))
    }
}

/// Milliseconds from the first up to the second, by chance: who is sent away together does not come
/// back together. A hasher's seed is random enough for that.
#[must_use]
pub fn spread_ms(least: u64, most: u64) -> u64 {
    let random = RandomState::new().build_hasher().finish();
    let places = most.saturating_sub(least).saturating_add(1);
    least + random % places
}

/// How long a connection may take to bring its token, in milliseconds.
#[must_use]
pub fn auth_patience_ms() -> u64 {
    let least = limits::AUTH_TIMEOUT_MS;
    spread_ms(least, least + limits::AUTH_TIMEOUT_SPREAD_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_stays_between_its_bounds_and_reaches_all_parts() {
        let drawn: Vec<_> = (0..1_000).map(|_| spread_ms(10, 19)).collect();
        assert!(drawn.iter().all(|ms| (10..=19).contains(ms)));
        assert!((10..=19).all(|ms| drawn.contains(&ms)));
        assert_eq!(spread_ms(7, 7), 7);
    }
}
