//! The bound on a user's rooms. Counting them reads a row for each, which for a room of a
//! hundred busy members is most of the work of making it; so what was counted is remembered for a
//! while, a shorter one near the bound, and is made anew by one caller at a time: many who count
//! the same at once would all be ended by the time that a statement may take.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use snug_core::ids::AppId;

use crate::pool::{Fail, Tx};
use crate::rows::{Cells, rows};

/// How long a count is used that is below half the bound. Other nodes would have to add the other
/// half to one user meanwhile.
const USED_FOR: Duration = Duration::from_secs(600);
/// How long one is used that is nearer: what other nodes add in that time passes the bound.
const USED_NEAR_FOR: Duration = Duration::from_secs(10);
/// Users whose counts are remembered, in users; beyond it all are forgotten.
const REMEMBERED_MAX: usize = 100_000;

/// Apps share so many turns.
const TURNS: usize = 16;

/// Counts no further than the bound.
const COUNT: &str = "SELECT i.user_id, (SELECT count(*) FROM (SELECT FROM members m
        WHERE m.app = $1 AND m.user_id = i.user_id AND m.state = 'active' LIMIT $3) rooms)
    FROM unnest($2::text[]) AS i(user_id)";

#[derive(Debug)]
pub(crate) struct RoomBound {
    pub(crate) most: usize,
    /// Who counts users of whom nothing is known, by app: one at a time.
    turns: [tokio::sync::Mutex<()>; TURNS],
    counted: Mutex<HashMap<AppId, HashMap<String, Counted>>>,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    /// At least as many as there were then and were joined through this node since.
    rooms: usize,
    at: Instant,
}

/// Users who are to be counted.
#[derive(Debug, Default)]
struct Unsure<'a> {
    /// By nobody else at the same time.
    old: Vec<&'a str>,
    /// Of them nothing is known, or that they are in as many rooms as allowed.
    unknown: Vec<&'a str>,
}

fn turn_of(app: &AppId) -> usize {
    let sum =
        app.as_str().bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
    sum % TURNS
}

impl RoomBound {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, turns: Default::default(), counted: Mutex::default() }
    }

    /// Whether one of them is in as many rooms as a user may be; else they are taken to join one
    /// more. Others who join the same user at the same moment are not waited for: at the bound,
    /// each of them may pass.
    pub(crate) async fn is_met(&self, tx: &Tx, app: &AppId, users: &[&str]) -> Result<bool, Fail> {
        let Unsure { old: mut unsure, unknown } = self.unsure(app, users);
        let mut turn = None;
        if !unknown.is_empty() {
            // Nothing else waits for who has it: who counts only reads.
            turn = Some(self.turns[turn_of(app)].lock().await);
            let again = self.unsure(app, &unknown);
            unsure.extend(again.old);
            unsure.extend(again.unknown);
        }
        if !unsure.is_empty() {
            let count = tx.prepare_cached(COUNT).await?;
            let mut counts = Vec::with_capacity(unsure.len());
            for row in tx.query(&count, &[&app.as_str(), &unsure, &rows(self.most, 0)]).await? {
                let mut cells = Cells::of(&row);
                let user: String = cells.next()?;
                counts.push((user, usize::try_from(cells.number()?).unwrap_or(usize::MAX)));
            }
            if counts.iter().any(|(_, rooms)| *rooms >= self.most) {
                return Ok(true);
            }
            self.remember(app, counts);
        }
        drop(turn);
        self.joined(app, users);
        Ok(false)
    }

    /// Those who are to be counted. An old count is made anew by who is told of it; the others go
    /// on with it meanwhile.
    fn unsure<'a>(&self, app: &AppId, users: &[&'a str]) -> Unsure<'a> {
        let mut unsure = Unsure::default();
        let mut counted = self.counted.lock();
        let Some(counted) = counted.get_mut(app) else {
            unsure.unknown.extend(users);
            return unsure;
        };
        let now = Instant::now();
        for user in users {
            let Some(count) = counted.get_mut(*user).filter(|count| count.rooms < self.most) else {
                unsure.unknown.push(user);
                continue;
            };
            let is_near = count.rooms >= self.most / 2;
            if now.duration_since(count.at) >= if is_near { USED_NEAR_FOR } else { USED_FOR } {
                count.at = now;
                unsure.old.push(user);
            }
        }
        unsure
    }

    fn remember(&self, app: &AppId, counts: Vec<(String, usize)>) {
        let mut counted = self.counted.lock();
        let there: usize = counted.values().map(HashMap::len).sum();
        if there + counts.len() > REMEMBERED_MAX {
            counted.clear();
        }
        let at = Instant::now();
        let of_app = counted.entry(app.clone()).or_default();
        of_app.extend(counts.into_iter().map(|(user, rooms)| (user, Counted { rooms, at })));
    }

    fn joined(&self, app: &AppId, users: &[&str]) {
        if let Some(counted) = self.counted.lock().get_mut(app) {
            for user in users {
                if let Some(count) = counted.get_mut(*user) {
                    count.rooms += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_near_the_bound_is_counted_again() {
        let (bound, app) = (RoomBound::new(10), AppId::new("app_00000000000000000001").unwrap());
        let unknown = |app: &AppId, user: &'static str| bound.unsure(app, &[user]).unknown;
        let old = |user: &'static str| bound.unsure(&app, &[user]).old;
        let set = |user: &str, rooms: usize, age: Duration| {
            let at = Instant::now().checked_sub(age).expect("the machine runs longer");
            let mut counted = bound.counted.lock();
            counted.get_mut(&app).unwrap().insert(user.to_owned(), Counted { rooms, at });
        };
        assert_eq!(unknown(&app, "ann"), ["ann"], "nobody is known");
        bound.remember(&app, vec![("ann".to_owned(), 3), ("dan".to_owned(), 10)]);
        assert_eq!(unknown(&app, "dan"), ["dan"], "in as many as allowed");
        let other = AppId::new("app_00000000000000000002").unwrap();
        assert_eq!(unknown(&other, "ann"), ["ann"], "of another app");
        for _ in 0..7 {
            assert!(unknown(&app, "ann").is_empty() && old("ann").is_empty());
            bound.joined(&app, &["ann"]);
        }
        assert_eq!(unknown(&app, "ann"), ["ann"], "in as many as allowed by now");
        for (user, rooms, age) in [("bob", 5, USED_NEAR_FOR), ("cho", 1, USED_FOR)] {
            set(user, rooms, age);
            assert_eq!(old(user), [user], "an old count is made anew");
            assert!(old(user).is_empty(), "by one caller");
        }
        set("cho", 1, USED_NEAR_FOR);
        assert!(old("cho").is_empty(), "far from the bound it is used for longer");
    }
}
