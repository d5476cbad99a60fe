//! The bound on a user's rooms. Counting them reads a row for each, which for a room of a
//! hundred busy members is most of the work of making it; so what was counted is remembered for a
//! while, and only who may be near the bound is counted again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use snug_core::ids::AppId;

use crate::pool::{Fail, Tx};
use crate::rows::{Cells, rows};

/// How long a count is used. Other nodes would have to add half the bound to one user meanwhile.
const USED_FOR: Duration = Duration::from_secs(600);
/// Users whose counts are remembered, in users; beyond it all are forgotten.
const REMEMBERED_MAX: usize = 100_000;

/// Counts no further than the bound.
const COUNT: &str = "SELECT i.user_id, (SELECT count(*) FROM (SELECT FROM members m
        WHERE m.app = $1 AND m.user_id = i.user_id AND m.state = 'active' LIMIT $3) rooms)
    FROM unnest($2::text[]) AS i(user_id)";

#[derive(Debug)]
pub(crate) struct RoomBound {
    pub(crate) most: usize,
    counted: Mutex<HashMap<AppId, HashMap<String, Counted>>>,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    /// At least as many as there were then and were joined through this node since.
    rooms: usize,
    at: Instant,
}

impl RoomBound {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, counted: Mutex::default() }
    }

    /// Whether one of them is in as many rooms as a user may be; else they are taken to join one
    /// more. Others who join the same user at the same moment are not waited for: at the bound,
    /// each of them may pass.
    pub(crate) async fn is_met(&self, tx: &Tx, app: &AppId, users: &[&str]) -> Result<bool, Fail> {
        let unsure = self.unsure(app, users);
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
        self.joined(app, users);
        Ok(false)
    }

    /// Those of whom is not known that they are in less than half as many as allowed. An old count
    /// is made anew by one caller; the others go on with it meanwhile.
    fn unsure<'a>(&self, app: &AppId, users: &[&'a str]) -> Vec<&'a str> {
        let mut counted = self.counted.lock();
        let Some(counted) = counted.get_mut(app) else {
            return users.to_vec();
        };
        let now = Instant::now();
        let mut is_unsure = |user: &str| match counted.get_mut(user) {
            Some(count) if count.rooms < self.most / 2 => {
                let is_old = now.duration_since(count.at) >= USED_FOR;
                if is_old {
                    count.at = now;
                }
                is_old
            }
            _ => true,
        };
        users.iter().copied().filter(|user| is_unsure(user)).collect()
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
        assert_eq!(bound.unsure(&app, &["ann", "bob"]), ["ann", "bob"], "nobody is known");
        bound.remember(&app, vec![("ann".to_owned(), 3), ("bob".to_owned(), 5)]);
        assert_eq!(bound.unsure(&app, &["ann", "bob"]), ["bob"]);
        let other = AppId::new("app_00000000000000000002").unwrap();
        assert_eq!(bound.unsure(&other, &["ann"]), ["ann"], "of another app");
        bound.joined(&app, &["ann"]);
        assert!(bound.unsure(&app, &["ann"]).is_empty());
        bound.joined(&app, &["ann"]);
        assert_eq!(bound.unsure(&app, &["ann"]), ["ann"], "in half as many as allowed");
        let long_ago = Instant::now().checked_sub(USED_FOR).expect("the machine runs longer");
        let old = Counted { rooms: 1, at: long_ago };
        bound.counted.lock().get_mut(&app).unwrap().insert("cho".to_owned(), old);
        assert_eq!(bound.unsure(&app, &["cho"]), ["cho"], "an old count is made anew");
        assert!(bound.unsure(&app, &["cho"]).is_empty(), "by one caller");
    }
}
