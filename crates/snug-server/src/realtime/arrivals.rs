//! Who comes in: few at a time, a pace for every token, a share for every app. Who is closed and
//! comes back without pause waits for its own turn; who is in already does not feel it.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::Mutex;
use snug_core::error::{Error, Result};
use snug_core::ids::AppId;
use snug_core::limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// From here on, what is over is forgotten.
const KEPT_LEAST: usize = 1_024;

/// A place in the line, until it is dropped.
pub(super) type Place = OwnedSemaphorePermit;

/// The line of those who wait to be let in.
#[derive(Debug)]
pub struct Arrivals {
    lanes: Mutex<Lanes>,
    checks: Arc<Semaphore>,
    places: Arc<Semaphore>,
    paces: Mutex<Paces>,
    /// What one that brings no token costs.
    nameless: Duration,
    hasher: RandomState,
}

/// What each app has of the line: the lines of all together stay short, so that an app whose users
/// all come at once, or whose keys are slow, holds up its own only.
#[derive(Debug, Default)]
struct Lanes {
    of: HashMap<AppId, Arc<Semaphore>>,
    tidy_at: usize,
}

/// A token's pace, for as long as a connection lives: the token itself is not kept for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace(u64);

/// When all arrivals so far are paid for: of each token, by its keyed hash, and of all who bring
/// none.
#[derive(Debug, Default)]
struct Paces {
    paid_at: HashMap<u64, Instant>,
    tidy_at: usize,
    nameless: Option<Instant>,
}

/// Whose token is looked up and whose rooms are read next.
#[derive(Debug)]
pub(super) struct Arrival {
    lane: Option<Place>,
    check: Option<Place>,
}

impl Arrival {
    /// Looks the token up. Where that takes long, it is the customer's keys that are waited for
    /// and not the store: others go on, also those of the same app.
    pub(super) async fn look_up<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::pin!(work);
        let check = self.check.take();
        let store = Duration::from_millis(limits::ARRIVAL_CHECK_MS);
        if let Ok(done) = tokio::time::timeout(store, &mut work).await {
            return done;
        }
        drop(check);
        let lane = self.lane.take().map(|place| place.semaphore().clone());
        let done = work.await?;
        if let Some(lane) = lane {
            self.lane = Some(within(lane).await?);
        }
        Ok(done)
    }
}

impl Default for Arrivals {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let cores = u32::try_from(cores).unwrap_or(1);
        let per_second = limits::NAMELESS_ARRIVALS_PER_SECOND.saturating_mul(cores);
        Self {
            lanes: Mutex::default(),
            checks: Arc::new(Semaphore::new(limits::ARRIVALS_CHECKED_AT_ONCE)),
            places: Arc::new(Semaphore::new(limits::ARRIVALS_AT_ONCE)),
            paces: Mutex::default(),
            nameless: Duration::from_secs(1) / per_second,
            hasher: RandomState::new(),
        }
    }
}

impl Arrivals {
    /// Waits as long as it takes for who comes with this token, or with none, not to come too
    /// often.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when the wait would be longer than `ARRIVAL_WAIT_MS_MAX`.
    pub(super) async fn pace(&self, token: Option<&str>) -> Result<()> {
        let now = Instant::now();
        let wait = match token {
            Some(token) => self.paces.lock().arrive(self.hasher.hash_one(token), now),
            None => self.paces.lock().arrive_nameless(self.nameless, now),
        };
        let wait = wait.map_err(overloaded)?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Who was closed for what it sent comes back later than who just comes back.
    pub(super) fn fine(&self, of: Pace) {
        self.paces.lock().fine(of.0, Instant::now());
    }

    /// Whose pace a connection with this token keeps.
    pub(super) fn pace_of(&self, token: &str) -> Pace {
        Pace(self.hasher.hash_one(token))
    }

    /// Waits until a token that names this app may be looked up. It need not be its token: that is
    /// what the look is for, and who names another's app waits in that app's line.
    ///
    /// # Errors
    /// [`Error::Overloaded`] after `ARRIVAL_WAIT_MS_MAX`.
    pub(super) async fn turn(&self, of: Option<&AppId>) -> Result<Arrival> {
        let lane = match of.map(|app| self.lanes.lock().lane(app)) {
            Some(lane) => Some(within(lane).await?),
            // No app is asked about it, nor the store.
            None => None,
        };
        Ok(Arrival { lane, check: Some(within(self.checks.clone()).await?) })
    }

    /// Waits for a place among those whose rooms are read.
    ///
    /// # Errors
    /// As `turn`.
    pub(super) async fn place(&self) -> Result<Place> {
        within(self.places.clone()).await
    }
}

async fn within(bound: Arc<Semaphore>) -> Result<Place> {
    let most = Duration::from_millis(limits::ARRIVAL_WAIT_MS_MAX);
    match tokio::time::timeout(most, bound.acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => Err(overloaded(spread(most))),
    }
}

impl Lanes {
    fn lane(&mut self, app: &AppId) -> Arc<Semaphore> {
        if self.of.len() >= self.tidy_at.max(KEPT_LEAST) {
            // Nobody holds a place of it or waits for one.
            self.of.retain(|_, lane| Arc::strong_count(lane) > 1);
            self.tidy_at = self.of.len() * 2;
        }
        let fresh = || Arc::new(Semaphore::new(limits::ARRIVALS_PER_APP_AT_ONCE));
        self.of.entry(app.clone()).or_insert_with(fresh).clone()
    }
}

/// A tenth of this up to the whole: who is sent away together does not come back together.
fn spread(most: Duration) -> Duration {
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(snug_core::model::spread_ms(most / 10, most))
}

fn overloaded(wait: Duration) -> Error {
    Error::Overloaded { retry_after_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX) }
}

impl Paces {
    /// How long this arrival waits; `Err` with the time that would be too long.
    fn arrive(&mut self, key: u64, now: Instant) -> Wait {
        self.tidy(now);
        let price = Duration::from_secs(1) / limits::ARRIVALS_PER_SECOND;
        let paid_at = self.paid_at.entry(key).or_insert(now);
        charge(paid_at, now, price, price * (limits::ARRIVALS_BURST - 1))
    }

    /// Never so much that it would be refused for it.
    fn fine(&mut self, key: u64, now: Instant) {
        let price = Duration::from_secs(1) / limits::ARRIVALS_PER_SECOND;
        let most = price * (limits::ARRIVALS_BURST - 1)
            + Duration::from_millis(limits::ARRIVAL_WAIT_MS_MAX);
        let paid_at = self.paid_at.entry(key).or_insert(now);
        *paid_at = ((*paid_at).max(now) + price * limits::ARRIVALS_FINE).min(now + most);
    }

    fn arrive_nameless(&mut self, price: Duration, now: Instant) -> Wait {
        let credit = price * (limits::NAMELESS_ARRIVALS_BURST - 1);
        charge(self.nameless.get_or_insert(now), now, price, credit)
    }

    /// What is paid for is as good as unknown.
    fn tidy(&mut self, now: Instant) {
        if self.paid_at.len() >= self.tidy_at.max(KEPT_LEAST) {
            self.paid_at.retain(|_, paid_at| *paid_at > now);
            self.tidy_at = self.paid_at.len() * 2;
        }
    }
}

type Wait = std::result::Result<Duration, Duration>;

fn charge(paid_at: &mut Instant, now: Instant, price: Duration, credit: Duration) -> Wait {
    let so_far = (*paid_at).max(now);
    let wait = (so_far - now).saturating_sub(credit);
    if wait > Duration::from_millis(limits::ARRIVAL_WAIT_MS_MAX) {
        return Err(wait);
    }
    *paid_at = so_far + price;
    Ok(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: Duration = Duration::from_millis(1);
    const BURST: u32 = limits::ARRIVALS_BURST;

    #[test]
    fn a_token_that_comes_back_without_pause_waits_and_others_do_not() {
        let (mut paces, now) = (Paces::default(), Instant::now());
        for _ in 0..BURST {
            assert_eq!(paces.arrive(1, now), Ok(Duration::ZERO));
        }
        let price = Duration::from_secs(1) / limits::ARRIVALS_PER_SECOND;
        assert_eq!(paces.arrive(1, now), Ok(price));
        assert_eq!(paces.arrive(1, now), Ok(price * 2));
        assert_eq!(paces.arrive(2, now), Ok(Duration::ZERO));
        // Time pays: after a while it is as new.
        let later = now + price * (BURST + 2);
        assert_eq!(paces.arrive(1, later), Ok(Duration::ZERO));
    }

    #[test]
    fn who_would_wait_too_long_is_refused_and_loses_nothing_by_asking() {
        let (mut paces, now) = (Paces::default(), Instant::now());
        while paces.arrive(1, now).is_ok() {}
        let refused = paces.arrive(1, now).unwrap_err();
        assert!(refused > Duration::from_millis(limits::ARRIVAL_WAIT_MS_MAX), "{refused:?}");
        assert_eq!(paces.arrive(1, now), Err(refused));
    }

    #[test]
    fn who_was_closed_for_what_it_sent_comes_back_later_and_is_never_shut_out() {
        let (mut paces, now) = (Paces::default(), Instant::now());
        let price = Duration::from_secs(1) / limits::ARRIVALS_PER_SECOND;
        let mut free = 0;
        while paces.arrive(1, now) == Ok(Duration::ZERO) {
            paces.fine(1, now);
            free += 1;
        }
        assert!(free <= BURST / limits::ARRIVALS_FINE, "{free}");
        for _ in 0..100 {
            paces.fine(1, now);
        }
        assert_eq!(paces.arrive(1, now), Ok(Duration::from_millis(limits::ARRIVAL_WAIT_MS_MAX)));
        assert_eq!(paces.arrive(2, now), Ok(Duration::ZERO));
        let later = now + Duration::from_millis(limits::ARRIVAL_WAIT_MS_MAX) + price * BURST;
        assert_eq!(paces.arrive(1, later), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let (mut paces, start) = (Paces::default(), Instant::now());
        for second in 0..100 {
            for key in 0..500 {
                let _ = paces.arrive(second * 500 + key, start + Duration::from_secs(second));
            }
        }
        assert!(paces.paid_at.len() <= 2 * KEPT_LEAST, "{}", paces.paid_at.len());
    }

    #[test]
    fn all_who_bring_no_token_share_one_pace_and_hold_up_nobody_who_brings_one() {
        let (mut paces, now) = (Paces::default(), Instant::now());
        for _ in 0..limits::NAMELESS_ARRIVALS_BURST {
            assert_eq!(paces.arrive_nameless(PRICE, now), Ok(Duration::ZERO));
        }
        assert!(paces.arrive_nameless(PRICE, now).unwrap() > Duration::ZERO);
        assert_eq!(paces.arrive(1, now), Ok(Duration::ZERO));
        while paces.arrive_nameless(PRICE, now).is_ok() {}
        let rest = now + Duration::from_secs(1);
        assert!(paces.arrive_nameless(PRICE, rest).is_ok());
    }

    fn app(number: usize) -> AppId {
        AppId::new(&format!("app_{number:020}")).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn few_are_let_in_at_a_time_and_nobody_waits_for_ever() {
        let arrivals = Arrivals::default();
        let mut places = Vec::new();
        for _ in 0..limits::ARRIVALS_AT_ONCE {
            places.push(arrivals.place().await.unwrap());
        }
        let refused = arrivals.place().await.map(drop);
        assert!(matches!(refused, Err(Error::Overloaded { .. })), "{refused:?}");
        places.pop();
        assert!(arrivals.place().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_to_one_app_waits_for_its_own_only() {
        let arrivals = Arrivals::default();
        let busy = app(1);
        let mut turns = Vec::new();
        for _ in 0..limits::ARRIVALS_PER_APP_AT_ONCE {
            turns.push(arrivals.turn(Some(&busy)).await.unwrap());
        }
        let began = Instant::now();
        let (refused, other, none) = tokio::join!(
            arrivals.turn(Some(&busy)),
            async {
                let turn = arrivals.turn(Some(&app(2))).await;
                (turn, began.elapsed())
            },
            arrivals.turn(None),
        );
        assert!(matches!(refused, Err(Error::Overloaded { .. })), "{refused:?}");
        assert!(other.0.is_ok() && other.1.is_zero() && none.is_ok());
        turns.pop();
        assert!(arrivals.turn(Some(&busy)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn slow_keys_hold_nobody_else_up() {
        let arrivals = Arrivals::default();
        let apps = limits::ARRIVALS_CHECKED_AT_ONCE / limits::ARRIVALS_PER_APP_AT_ONCE;
        let mut turns = Vec::new();
        for number in 0..limits::ARRIVALS_CHECKED_AT_ONCE {
            turns.push(arrivals.turn(Some(&app(number % apps))).await.unwrap());
        }
        let began = Instant::now();
        let slow = async {
            let never = std::future::pending::<Result<()>>;
            let never = turns.iter_mut().map(|turn| turn.look_up(never()));
            futures_util::future::join_all(never).await;
        };
        let (same, other) = (app(0), app(apps + 1));
        let others = async {
            drop(arrivals.turn(Some(&other)).await.unwrap());
            drop(arrivals.turn(Some(&same)).await.unwrap());
        };
        tokio::select! {
            biased;
            () = slow => panic!("it never ends"),
            () = others => {}
        }
        assert!(began.elapsed() <= Duration::from_millis(limits::ARRIVAL_CHECK_MS + 10));
    }

    #[tokio::test]
    async fn apps_that_nobody_comes_to_are_forgotten() {
        let arrivals = Arrivals::default();
        let kept = arrivals.turn(Some(&app(0))).await.unwrap();
        for number in 1..10 * KEPT_LEAST {
            drop(arrivals.turn(Some(&app(number))).await.unwrap());
        }
        let lanes = arrivals.lanes.lock();
        assert!(lanes.of.len() <= KEPT_LEAST && lanes.of.contains_key(&app(0)));
        drop(kept);
    }
}
