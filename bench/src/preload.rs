//! Fills a store before its server starts, through the store's own public calls: a million
//! messages by the front door would take longer than what is measured. Bounded in time; what
//! was really stored is returned and printed.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::{DirectKey, MessageKind, Role, RoomKind, RoomPolicy, Time};
use snug_core::ports::{
    Append, AppendOutcome, CreateRoomOutcome, Guard, NewMessage, NewRoom, PayloadHash, Store,
    StoreError,
};

use crate::clock::unix_seconds;
use crate::load::plan::Names;
use crate::stamp::TEXT_BYTES;

/// Appends under way at once: enough for full groups, below an app's share of the queue.
const APPENDS_AT_ONCE: usize = 512;
/// Rooms being made at once: enough to keep every connection of a store busy.
const ROOMS_AT_ONCE: usize = 32;
/// What a store that is full asks its callers to wait.
const OVERLOADED_WAIT: Duration = Duration::from_millis(limits::OVERLOADED_RETRY_MS);

/// A room to be made: its members, by client number.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    Group { room: u32, members: Vec<u32> },
    Direct { a: u32, b: u32 },
}

pub(crate) struct Preload<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) app: AppId,
    pub(crate) names: &'a Names,
    pub(crate) patience: Duration,
}

impl Preload<'_> {
    /// Makes the rooms, each with a first message if asked for (a room without one is in nobody's
    /// list). All of them, or an error: the load relies on its rooms.
    pub(crate) async fn rooms(
        &self,
        wanted: impl Iterator<Item = Wanted>,
        with_message: bool,
    ) -> io::Result<u64> {
        let position = self.store.position(now()).await.map_err(other)?;
        let stored = self
            .each(ROOMS_AT_ONCE, wanted, |wanted: &Wanted| {
                let new = self.new_room(wanted.clone(), with_message, &position.epoch);
                async {
                    match self.store.create_room(new).await? {
                        CreateRoomOutcome::Created(_) => Ok(()),
                        CreateRoomOutcome::Exists(room) => {
                            Err(StoreError::Broken(format!("{} is there already", room.id)))
                        }
                        refused @ (CreateRoomOutcome::TooMany
                        | CreateRoomOutcome::TooManyInvited
                        | CreateRoomOutcome::CreatorDeactivated) => {
                            Err(StoreError::Broken(format!("a room was refused: {refused:?}")))
                        }
                    }
                }
            })
            .await?;
        if stored.cut_short {
            return Err(io::Error::other("making the rooms took too long"));
        }
        Ok(stored.count)
    }

    /// Appends `each` messages of `sender_of` to each of the groups `0..rooms`, in turn, as long
    /// as patience lasts. Returns how many were stored.
    pub(crate) async fn messages(
        &self,
        rooms: u32,
        each: u32,
        sender_of: impl Fn(u32) -> u32,
    ) -> io::Result<u64> {
        let mut guards = Vec::with_capacity(rooms as usize);
        for room in 0..rooms {
            let facts = self.facts(room).await?;
            guards.push(facts.policy_rev);
        }
        let all = (0..each).flat_map(|number| (0..rooms).map(move |room| (room, number)));
        let stored = self
            .each(APPENDS_AT_ONCE, all, |&(room, number)| {
                let append = Append {
                    app: self.app.clone(),
                    room: RoomId::from_stored(&self.names.group(room)),
                    guard: Guard { room_policy_rev: guards[room as usize], member: None },
                    message: self.message(&format!("p.{number:x}"), Some(sender_of(room))),
                    now: now(),
                };
                async {
                    match self.store.append_message(append).await? {
                        // The second after a commit whose answer was lost.
                        AppendOutcome::Stored(_) | AppendOutcome::Duplicate(_) => Ok(()),
                        odd => Err(StoreError::Broken(format!("an append was {odd:?}"))),
                    }
                }
            })
            .await?;
        Ok(stored.count)
    }

    /// The sum of the newest `seq` over the groups `0..rooms`: how many messages there are.
    pub(crate) async fn stored(&self, rooms: u32) -> io::Result<u64> {
        let mut sum = 0;
        for room in 0..rooms {
            sum += self.facts(room).await?.head.seq;
        }
        Ok(sum)
    }

    async fn facts(&self, room: u32) -> io::Result<snug_core::model::Room> {
        let id = RoomId::from_stored(&self.names.group(room));
        let facts = self.store.room_facts(&self.app, &id, None).await;
        let facts = facts.map_err(other)?;
        let facts = facts.ok_or_else(|| io::Error::other(format!("{id} is not there")))?;
        Ok(facts.room)
    }

    fn new_room(&self, wanted: Wanted, with_message: bool, epoch: &str) -> NewRoom {
        let user = |client: u32| UserId::from_stored(&self.names.user(client));
        let (id, kind, direct, members) = match wanted {
            Wanted::Group { room, members } => {
                (self.names.group(room), RoomKind::Group, None, members)
            }
            Wanted::Direct { a, b } => {
                let key = DirectKey::new(user(a), user(b), String::new());
                let id = self.names.direct(self.app.as_str(), a, b);
                (id, RoomKind::Direct, Some(key), vec![a, b])
            }
        };
        let sender = members.first().copied();
        NewRoom {
            app: self.app.clone(),
            id: RoomId::from_stored(&id),
            name: (kind == RoomKind::Group).then(|| "Bench".to_owned()),
            kind,
            direct,
            avatar: None,
            description: None,
            custom: None,
            tags: Vec::new(),
            policy: RoomPolicy::default(),
            invited: Vec::new(),
            creator: sender.map(user),
            members: members.into_iter().map(|m| (user(m), Role::Member)).collect(),
            epoch: epoch.to_owned(),
            message: with_message.then(|| self.message("first", sender)),
            now: now(),
        }
    }

    fn message(&self, id: &str, sender: Option<u32>) -> NewMessage {
        NewMessage {
            external: None,
            id: MessageId::from_stored(id),
            sender: sender.map(|client| UserId::from_stored(&self.names.user(client))),
            kind: MessageKind::Text,
            text: Some("m".repeat(TEXT_BYTES)),
            custom: None,
            extras: None,
            silent: false,
            // Nobody sends these again, so nothing is ever compared with it.
            hash: PayloadHash([0; 32]),
            read_up_to: None,
            thread: None,
        }
    }

    /// Runs `work` over `items`, many at once; tries again when the store says that it is full, or
    /// gave up in the middle (a disk that stalls for seconds under so many writes).
    async fn each<I, W, F>(
        &self,
        at_once: usize,
        items: impl Iterator<Item = I>,
        work: W,
    ) -> io::Result<Stored>
    where
        W: Fn(&I) -> F,
        F: Future<Output = Result<(), StoreError>>,
    {
        let deadline = Instant::now() + self.patience;
        let (count, cut_short) = (Cell::new(0), Cell::new(false));
        let failed: RefCell<Option<StoreError>> = RefCell::new(None);
        let items = items.take_while(|_| {
            let late = Instant::now() > deadline;
            cut_short.set(late);
            !late && failed.borrow().is_none()
        });
        stream::iter(items)
            .for_each_concurrent(at_once, async |item| {
                loop {
                    match work(&item).await {
                        Ok(()) => count.set(count.get() + 1),
                        Err(StoreError::Overloaded | StoreError::Unavailable(_))
                            if Instant::now() < deadline =>
                        {
                            tokio::time::sleep(OVERLOADED_WAIT).await;
                            continue;
                        }
                        Err(error) => *failed.borrow_mut() = Some(error),
                    }
                    return;
                }
            })
            .await;
        match failed.into_inner() {
            Some(error) => Err(other(error)),
            None => Ok(Stored { count: count.get(), cut_short: cut_short.get() }),
        }
    }
}

struct Stored {
    count: u64,
    cut_short: bool,
}

fn now() -> Time {
    Time::from_seconds(unix_seconds())
}

fn other(error: StoreError) -> io::Error {
    io::Error::other(error)
}

/// `users` users, each in `per_user` groups of `size`; every layer of groups is another dealing
/// of the users, so that no two groups are alike.
pub(crate) fn groups(users: u32, per_user: u32, size: u32) -> impl Iterator<Item = Wanted> {
    let per_layer = users / size;
    (0..per_user).flat_map(move |layer| {
        (0..per_layer).map(move |place| {
            let members = (0..size).map(|row| {
                let column = (place + layer * row) % per_layer;
                row * per_layer + column
            });
            Wanted::Group { room: layer * per_layer + place, members: members.collect() }
        })
    })
}

/// `users` users in a ring, each paired with the `per_user` nearest ones.
pub(crate) fn pairs(users: u32, per_user: u32) -> impl Iterator<Item = Wanted> {
    (1..=per_user / 2)
        .flat_map(move |step| (0..users).map(move |a| Wanted::Direct { a, b: (a + step) % users }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn rooms_of_users(wanted: impl Iterator<Item = Wanted>) -> BTreeMap<u32, u32> {
        let mut rooms = BTreeMap::new();
        let mut pairs = BTreeSet::new();
        for wanted in wanted {
            let members = match wanted {
                Wanted::Group { members, .. } => members,
                Wanted::Direct { a, b } => {
                    assert!(pairs.insert((a.min(b), a.max(b))), "a pair twice");
                    vec![a, b]
                }
            };
            let distinct: BTreeSet<_> = members.iter().collect();
            assert_eq!(distinct.len(), members.len());
            members.into_iter().for_each(|m| *rooms.entry(m).or_default() += 1);
        }
        rooms
    }

    #[test]
    fn everybody_is_in_as_many_rooms_as_asked() {
        for rooms in [rooms_of_users(groups(2_000, 20, 100)), rooms_of_users(pairs(2_000, 20))] {
            assert_eq!(rooms.len(), 2_000);
            assert!(rooms.values().all(|count| *count == 20));
        }
    }

    /// As the suite does it: an app, rooms, messages, a count; small.
    async fn fill(store: &dyn Store) {
        use snug_core::ids::KeyId;
        use snug_core::model::{App, AppPolicy, ServerKey};
        use snug_core::ports::NewApp;

        let app = AppId::new("app_bench000000000000000").unwrap();
        let key = ServerKey {
            app: app.clone(),
            id: KeyId::new("k1").unwrap(),
            sealed: vec![1],
            hash: [1; 32],
            hint: "hint".into(),
            created_at: now(),
            expires_at: None,
        };
        let new = App {
            id: app.clone(),
            name: "bench".into(),
            policy: AppPolicy::Open,
            development: true,
            origins: Vec::new(),
            created_at: now(),
            changed_at: now(),
        };
        store.create_app(NewApp { app: new, key }).await.unwrap();
        let names = Names { prefix: "t".into(), rooms: crate::load::plan::RoomNames::Group };
        let preload = Preload { store, app, names: &names, patience: Duration::from_secs(60) };
        let made = preload.rooms(groups(40, 2, 20), true).await.unwrap();
        assert_eq!(made, 4);
        assert_eq!(preload.rooms(pairs(10, 4), false).await.unwrap(), 20);
        assert_eq!(preload.messages(4, 50, |_| 0).await.unwrap(), 200);
        // With the first message of each room.
        assert_eq!(preload.stored(4).await.unwrap(), 204);
        let again = preload.rooms(groups(40, 2, 20), false).await;
        assert!(again.is_err(), "rooms of an earlier run must not pass");
    }

    #[tokio::test]
    async fn the_embedded_store_is_filled() {
        let folder = snug_testkit::temp_dir();
        let config = snug_sqlite::SqliteConfig::file(folder.join("t.db"), [1; 16]);
        let store = snug_sqlite::SqliteStore::open(config).unwrap();
        fill(store.as_ref()).await;
        drop(store);
        let reopened = crate::stores::open(folder.path(), None).await;
        assert!(reopened.is_ok(), "the file is found by what it holds");
    }

    #[tokio::test]
    async fn postgresql_is_filled() {
        let postgres = snug_testkit::PgServer::shared();
        let url = postgres.create_database();
        let folder = snug_testkit::temp_dir();
        let store = crate::stores::open(folder.path(), Some(&url)).await.unwrap();
        fill(store.as_ref()).await;
        drop(store);
        postgres.drop_database(&url);
    }
}
