//! How many guests may come: each makes a user and a session that nobody asked for by name.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota};
use snug_core::error::{Error, Result};
use snug_core::ids::AppId;
use snug_core::limits;

/// Entries of a table before those that are at rest are thrown out.
const TABLE_MAX: usize = 100_000;

/// Bounds per address and app, and per app over all addresses.
pub(crate) struct GuestGate {
    addresses: DefaultKeyedRateLimiter<(AppId, Option<IpAddr>)>,
    apps: DefaultKeyedRateLimiter<AppId>,
}

impl Default for GuestGate {
    fn default() -> Self {
        let quota = |rate, burst| {
            let nonzero = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
            Quota::per_second(nonzero(rate)).allow_burst(nonzero(burst))
        };
        let one = quota(limits::GUESTS_PER_SECOND, limits::GUESTS_BURST);
        let all = quota(limits::GUESTS_PER_APP_PER_SECOND, limits::GUESTS_PER_APP_BURST);
        Self {
            addresses: DefaultKeyedRateLimiter::keyed(one),
            apps: DefaultKeyedRateLimiter::keyed(all),
        }
    }
}

impl GuestGate {
    /// Counts somebody who asks; the address first, so that one that is over its bound takes
    /// nothing from the others.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub(crate) fn check(&self, app: &AppId, from: Option<IpAddr>) -> Result<()> {
        if self.addresses.len() > TABLE_MAX {
            self.addresses.retain_recent();
        }
        if self.apps.len() > TABLE_MAX {
            self.apps.retain_recent();
        }
        let wait = |rate: u32| Error::RateLimited { retry_after_ms: 1_000 / u64::from(rate) + 1 };
        let known = self.addresses.check_key(&(app.clone(), from));
        known.map_err(|_| wait(limits::GUESTS_PER_SECOND))?;
        self.apps.check_key(app).map_err(|_| wait(limits::GUESTS_PER_APP_PER_SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_does_not_fill_the_app_and_the_app_is_bounded_too() {
        let gate = GuestGate::default();
        let app = AppId::from_stored("app_0123456789abcdefghij");
        let from = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        let come =
            |number, tries| (0..tries).filter(|_| gate.check(&app, from(number)).is_ok()).count();
        let burst = limits::GUESTS_BURST as usize;
        // A second may pass between two of the tries.
        assert!((burst..burst + 5).contains(&come(1, 100)));
        assert!(come(2, 1) == 1);
        let all: usize = (3..103).map(|number| come(number, 20)).sum();
        assert!(all < limits::GUESTS_PER_APP_BURST as usize + 100, "{all}");
    }
}
