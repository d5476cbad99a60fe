//! What was delivered: gathered here and written behind, many cursors in one statement. A large
//! room's message is got by all who are there at one moment; a write for each of them, in that
//! moment, would be in the way of sends. What a node that dies had gathered, the next message's
//! delivery tells.

use std::sync::Weak;
use std::time::Duration;

use hashbrown::HashMap;
use snug_core::engine::Client;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits;
use snug_core::ports::Delivered;

use super::hub::Hub;

const EVERY: Duration = Duration::from_millis(limits::DELIVERED_EVERY_MS);
/// What a server that ends waits for the last of it.
const AT_END: Duration = Duration::from_secs(2);
/// Of one user: what a client says in a few turns, so that nobody fills the node's room for all.
const OF_ONE_USER_MAX: usize = 4 * limits::DELIVERED_ROOMS_MAX;

/// Cursors that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    users: HashMap<(AppId, UserId), HashMap<RoomId, u64>>,
    /// Of all users.
    cursors: usize,
}

impl Gathered {
    /// Keeps the higher of two; beyond the bounds nothing new.
    fn add(&mut self, app: &AppId, user: &UserId, rooms: impl IntoIterator<Item = (RoomId, u64)>) {
        if self.cursors >= limits::DELIVERED_WAITING_MAX {
            return;
        }
        let of_user = self.users.entry((app.clone(), user.clone())).or_default();
        for (room, seq) in rooms {
            if let Some(known) = of_user.get_mut(&room) {
                *known = seq.max(*known);
            } else if of_user.len() < OF_ONE_USER_MAX
                && self.cursors < limits::DELIVERED_WAITING_MAX
            {
                of_user.insert(room, seq);
                self.cursors += 1;
            }
        }
    }

    /// All of it, by app; nothing stays.
    fn take(&mut self) -> HashMap<AppId, Vec<Delivered>> {
        let mut all: HashMap<AppId, Vec<Delivered>> = HashMap::new();
        for ((app, user), rooms) in std::mem::take(self).users {
            let one = |(room, seq)| Delivered { room, user: user.clone(), seq };
            all.entry(app).or_default().extend(rooms.into_iter().map(one));
        }
        all
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
        let me = self.me.clone();
        self.tasks.spawn_until_stop(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                let Some(hub) = me.upgrade() else { return };
                hub.write_delivered().await;
            }
        });
    }

    async fn write_delivered(&self) {
        let Some(engine) = self.engine.get().and_then(Weak::upgrade) else { return };
        let all = self.gathered.lock().take();
        for (app, got) in all {
            for some in got.chunks(limits::DELIVERED_AT_ONCE) {
                if let Err(error) = engine.mark_delivered(&app, some).await {
                    tracing::warn!(%error, "what was delivered could not be written yet");
                    let mut gathered = self.gathered.lock();
                    for Delivered { room, user, seq } in some {
                        gathered.add(&app, user, [(room.clone(), *seq)]);
                    }
                }
            }
        }
    }

    /// The server ends: what is left is written, as far as the store is quick.
    pub async fn write_all_delivered(&self) {
        if tokio::time::timeout(AT_END, self.write_delivered()).await.is_err() {
            tracing::warn!("what was delivered was not written in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomId {
        RoomId::from_stored(name)
    }

    #[test]
    fn the_higher_of_two_is_kept_and_all_is_bounded() {
        let mut gathered = Gathered::default();
        let (app, ann) = (AppId::from_stored("app"), UserId::from_stored("ann"));
        gathered.add(&app, &ann, [(room("a"), 5), (room("b"), 1)]);
        gathered.add(&app, &ann, [(room("a"), 3), (room("b"), 2)]);
        let mut all = gathered.take().remove(&app).unwrap();
        all.sort_by(|one, other| one.room.cmp(&other.room));
        let seqs: Vec<u64> = all.iter().map(|one| one.seq).collect();
        assert_eq!(seqs, [5, 2]);
        assert!(gathered.take().is_empty(), "nothing is written twice");

        let many = |of: usize| (0..of).map(|n| (room(&n.to_string()), 1));
        gathered.add(&app, &ann, many(OF_ONE_USER_MAX + 1));
        assert_eq!(gathered.cursors, OF_ONE_USER_MAX);
        for n in 0..=limits::DELIVERED_WAITING_MAX / OF_ONE_USER_MAX {
            gathered.add(&app, &UserId::from_stored(&n.to_string()), many(OF_ONE_USER_MAX));
        }
        assert_eq!(gathered.cursors, limits::DELIVERED_WAITING_MAX);
        gathered.add(&app, &UserId::from_stored("late"), many(1));
        let late = gathered.users.get(&(app, UserId::from_stored("late")));
        assert!(late.is_none(), "nobody new where it is full");
    }
}
