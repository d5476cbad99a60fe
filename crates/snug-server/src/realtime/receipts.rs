//! What was delivered: gathered here and written behind, many cursors in one statement. A large
//! room's message is got by all who are there at one moment; a write for each of them, in that
//! moment, would be in the way of sends. What a node that dies had gathered, the next message's
//! delivery tells.

use std::collections::VecDeque;
use std::sync::Weak;
use std::time::Duration;

use hashbrown::HashMap;
use snug_core::engine::Client;
use snug_core::error::Error;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits;
use snug_core::ports::Delivered;
use tokio_util::sync::CancellationToken;

use super::hub::Hub;

const EVERY: Duration = Duration::from_millis(limits::DELIVERED_EVERY_MS);
/// What a server that ends waits for the last of it.
const AT_END: Duration = Duration::from_secs(2);

/// What waits of one app: by room, so that a room is told once of many.
#[derive(Debug, Default)]
struct OfApp {
    rooms: HashMap<RoomId, HashMap<UserId, u64>>,
    /// The rooms in the order in which they came, each once: none waits behind what comes later.
    order: VecDeque<RoomId>,
    /// How many cursors each user has among them.
    users: HashMap<UserId, usize>,
    cursors: usize,
}

impl OfApp {
    /// Keeps the higher of two; a new one only where it `fits`. Says whether it is one more.
    fn add(&mut self, user: &UserId, room: RoomId, seq: u64, fits: bool) -> bool {
        if let Some(known) = self.rooms.get_mut(&room).and_then(|users| users.get_mut(user)) {
            *known = seq.max(*known);
            return false;
        }
        let of_user = self.users.get(user).copied().unwrap_or(0);
        if !fits
            || self.cursors >= limits::DELIVERED_WAITING_PER_APP_MAX
            || of_user >= limits::DELIVERED_WAITING_PER_USER_MAX
        {
            return false;
        }
        if !self.rooms.contains_key(&room) {
            self.order.push_back(room.clone());
        }
        self.rooms.entry(room).or_default().insert(user.clone(), seq);
        self.users.insert(user.clone(), of_user + 1);
        self.cursors += 1;
        true
    }

    /// Whole rooms, as many as are written at once; of one that is larger than that a part.
    fn take(&mut self) -> Vec<Delivered> {
        let mut some: Vec<Delivered> = Vec::new();
        while let Some(room) = self.order.pop_front() {
            let Some(users) = self.rooms.remove(&room) else { continue };
            let space = limits::DELIVERED_AT_ONCE - some.len();
            if users.len() > space && !some.is_empty() {
                self.keep_first(room, users);
                break;
            }
            let mut users: Vec<(UserId, u64)> = users.into_iter().collect();
            let rest = users.split_off(users.len().min(space));
            if !rest.is_empty() {
                self.keep_first(room.clone(), rest.into_iter().collect());
            }
            for (user, seq) in users {
                self.forget_one_of(&user);
                some.push(Delivered { room: room.clone(), user, seq });
            }
            if some.len() >= limits::DELIVERED_AT_ONCE {
                break;
            }
        }
        self.cursors -= some.len();
        some
    }

    fn keep_first(&mut self, room: RoomId, users: HashMap<UserId, u64>) {
        self.order.push_front(room.clone());
        self.rooms.insert(room, users);
    }

    fn forget_one_of(&mut self, user: &UserId) {
        let left = self.users.get(user).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            self.users.remove(user);
        } else {
            self.users.insert(user.clone(), left);
        }
    }
}

/// Cursors that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    apps: HashMap<AppId, OfApp>,
    /// Whose turn it is to be written, each app once: none waits for all that another has.
    turns: VecDeque<AppId>,
    /// Of all apps.
    cursors: usize,
}

impl Gathered {
    /// Keeps the higher of two; beyond the bounds nothing new.
    fn add(&mut self, app: &AppId, user: &UserId, rooms: impl IntoIterator<Item = (RoomId, u64)>) {
        if !self.apps.contains_key(app) {
            self.turns.push_back(app.clone());
        }
        let of_app = self.apps.entry(app.clone()).or_default();
        for (room, seq) in rooms {
            let fits = self.cursors < limits::DELIVERED_WAITING_MAX;
            self.cursors += usize::from(of_app.add(user, room, seq, fits));
        }
    }

    /// What is written at once, of the app whose turn it is.
    fn take(&mut self) -> Option<(AppId, Vec<Delivered>)> {
        while let Some(app) = self.turns.pop_front() {
            let Some(of_app) = self.apps.get_mut(&app) else { continue };
            let some = of_app.take();
            if of_app.cursors == 0 {
                self.apps.remove(&app);
            } else {
                self.turns.push_back(app.clone());
            }
            if !some.is_empty() {
                self.cursors -= some.len();
                return Some((app, some));
            }
        }
        None
    }

    /// What could not be written: kept behind the other apps' where the store is away or has too
    /// much to do. Refused for another reason it would be refused again. Says whether it was kept.
    fn put_back(&mut self, app: &AppId, some: Vec<Delivered>, error: &Error) -> bool {
        let passes = matches!(error, Error::Overloaded { .. } | Error::StoreUnavailable { .. });
        if passes {
            for Delivered { room, user, seq } in some {
                self.add(app, &user, [(room, seq)]);
            }
        }
        passes
    }
}

impl Hub {
    /// A device of the caller has got rooms up to these seqs. Who is no member, and what is behind
    /// already, is passed over when it is written.
    pub fn got(&self, client: &Client, rooms: Vec<(RoomId, u64)>) {
        self.gathered.lock().add(&client.app.id, client.user(), rooms);
    }

    /// Writes from time to time what was gathered.
    pub(super) fn follow_delivered(&self) {
        let (me, stop) = (self.me.clone(), self.tasks.stopping());
        // Never cut off while it writes: what it took would be lost.
        self.tasks.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
                let Some(hub) = me.upgrade() else { return };
                hub.write_delivered(&stop).await;
            }
        });
    }

    /// Writes what waits by now, up to the first trouble, or until it is told to stop: a store that
    /// is away is asked once in a turn, and what is not taken yet stays where it is.
    async fn write_delivered(&self, stop: &CancellationToken) {
        let Some(engine) = self.engine.get().and_then(Weak::upgrade) else { return };
        let mut left = self.gathered.lock().cursors;
        while left > 0 && !stop.is_cancelled() {
            // The lock is given back before the store is waited for.
            let taken = self.gathered.lock().take();
            let Some((app, some)) = taken else { return };
            left = left.saturating_sub(some.len());
            if let Err(error) = engine.mark_delivered(&app, &some).await {
                let kept = self.gathered.lock().put_back(&app, some, &error);
                tracing::warn!(%error, kept, "what was delivered could not be written");
                return;
            }
        }
    }

    /// The server ends: what is left is written, as far as the store is quick.
    pub async fn write_all_delivered(&self) {
        let never = CancellationToken::new();
        if tokio::time::timeout(AT_END, self.write_delivered(&never)).await.is_err() {
            tracing::warn!("what was delivered was not written in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PER_APP: usize = limits::DELIVERED_WAITING_PER_APP_MAX;
    const PER_USER: usize = limits::DELIVERED_WAITING_PER_USER_MAX;

    fn room(name: &str) -> RoomId {
        RoomId::from_stored(name)
    }

    fn user(n: usize) -> UserId {
        UserId::from_stored(&format!("u{n}"))
    }

    fn app(n: usize) -> AppId {
        AppId::from_stored(&format!("app{n}"))
    }

    /// So many users have got a room.
    fn all_got(gathered: &mut Gathered, name: &str, users: usize) {
        for n in 0..users {
            gathered.add(&app(0), &user(n), [(room(name), 1)]);
        }
    }

    /// What is written at once, as room and how many, in its order.
    fn chunk(gathered: &mut Gathered) -> Vec<(String, usize)> {
        let (_, some) = gathered.take().unwrap();
        let rooms = some.chunk_by(|one, other| one.room == other.room);
        rooms.map(|users| (users[0].room.to_string(), users.len())).collect()
    }

    fn unavailable() -> Error {
        Error::StoreUnavailable { cause: "away".to_owned() }
    }

    #[test]
    fn the_higher_of_two_is_kept() {
        let mut gathered = Gathered::default();
        gathered.add(&app(0), &user(0), [(room("a"), 5), (room("b"), 1)]);
        gathered.add(&app(0), &user(0), [(room("a"), 3), (room("b"), 2)]);
        let (of, all) = gathered.take().unwrap();
        assert_eq!(of, app(0));
        let seqs: Vec<u64> = all.iter().map(|one| one.seq).collect();
        assert_eq!(seqs, [5, 2]);
        assert!(gathered.take().is_none(), "nothing is written twice");
        assert!(gathered.apps.is_empty() && gathered.cursors == 0);
    }

    #[test]
    fn nobody_fills_it_for_the_others() {
        let mut gathered = Gathered::default();
        let many = |of: usize| (0..of).map(|n| (room(&n.to_string()), 1));
        gathered.add(&app(0), &user(0), many(PER_USER + 1));
        assert_eq!(gathered.cursors, PER_USER);
        for n in 1..=PER_APP / PER_USER + 1 {
            gathered.add(&app(0), &user(n), many(PER_USER));
        }
        assert_eq!(gathered.cursors, PER_APP, "an app has its part");
        gathered.add(&app(1), &user(0), many(1));
        assert_eq!(gathered.cursors, PER_APP + 1, "and another has its own");
        for of in 2..=limits::DELIVERED_WAITING_MAX / PER_APP {
            for n in 0..=PER_APP / PER_USER {
                gathered.add(&app(of), &user(n), many(PER_USER));
            }
        }
        // All of it is full: who is there gets no more, and who is new nothing.
        gathered.add(&app(1), &user(1), many(1));
        gathered.add(&app(99), &user(0), many(1));
        assert_eq!(gathered.cursors, limits::DELIVERED_WAITING_MAX);
        let mut written = 0;
        while let Some((_, some)) = gathered.take() {
            written += some.len();
        }
        assert_eq!(written, limits::DELIVERED_WAITING_MAX);
        assert!(gathered.cursors == 0 && gathered.apps.is_empty() && gathered.turns.is_empty());
    }

    #[test]
    fn apps_are_written_in_turn() {
        let mut gathered = Gathered::default();
        all_got(&mut gathered, "large", 3 * limits::DELIVERED_AT_ONCE);
        gathered.add(&app(1), &user(0), [(room("small"), 1)]);
        let turns: Vec<AppId> = std::iter::from_fn(|| gathered.take()).map(|one| one.0).collect();
        assert_eq!(turns, [app(0), app(1), app(0), app(0)]);
    }

    #[test]
    fn a_room_is_written_at_once_if_it_fits() {
        let mut gathered = Gathered::default();
        let most = limits::DELIVERED_AT_ONCE;
        for (name, users) in [("a", most - 50), ("b", 100), ("c", most + 1), ("d", 7)] {
            all_got(&mut gathered, name, users);
        }
        let of = |name: &str, users: usize| (name.to_owned(), users);
        assert_eq!(chunk(&mut gathered), [of("a", most - 50)], "b is not told in two parts");
        assert_eq!(chunk(&mut gathered), [of("b", 100)]);
        assert_eq!(chunk(&mut gathered), [of("c", most)]);
        assert_eq!(chunk(&mut gathered), [of("c", 1), of("d", 7)]);
        assert!(gathered.take().is_none());
    }

    #[test]
    fn what_could_not_be_written_now_is_written_later() {
        let mut gathered = Gathered::default();
        gathered.add(&app(0), &user(0), [(room("a"), 5)]);
        gathered.add(&app(1), &user(0), [(room("a"), 1)]);
        let (of, some) = gathered.take().unwrap();
        // Meanwhile the device got more.
        gathered.add(&of, &user(0), [(room("a"), 6)]);
        assert!(gathered.put_back(&of, some, &unavailable()));
        assert_eq!(gathered.cursors, 2);
        assert_eq!(gathered.take().unwrap().0, app(1), "the others first");
        let (of, some) = gathered.take().unwrap();
        assert_eq!((of.clone(), some[0].seq), (app(0), 6));
        let refused = Error::StoreBroken { cause: "a bug".to_owned() };
        assert!(!gathered.put_back(&of, some, &refused), "it would be refused again");
        assert!(gathered.take().is_none());
    }
}
