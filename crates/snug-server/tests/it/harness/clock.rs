//! A clock that a test moves: the machine's, and ahead of it by what was added.

use std::sync::atomic::{AtomicI64, Ordering};

use snug_core::model::Time;
use snug_core::ports::Clock;
use snug_server::secrets::SystemClock;

#[derive(Debug, Default)]
pub(crate) struct TestClock {
    ahead_ms: AtomicI64,
}

impl TestClock {
    pub(crate) fn pass(&self, seconds: i64) {
        self.ahead_ms.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        SystemClock.now().plus_millis(self.ahead_ms.load(Ordering::SeqCst))
    }
}
