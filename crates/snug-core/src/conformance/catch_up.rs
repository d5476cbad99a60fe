//! The sync of a user: every change of a user's rooms is found at least once.

use std::collections::BTreeMap;

use super::fixtures::{ALL, Dice, Fixture, room_id, text_message, user};
use super::sync::rename;
use crate::ids::RoomId;
use crate::limits;
use crate::model::{ListedRoom, MemberState, Time};
use crate::ports::{Store, UserChanges, UserSyncQuery};

async fn page(
    f: &Fixture<'_>,
    name: &str,
    since: Time,
    after: Option<(Time, RoomId)>,
    limit: usize,
) -> UserChanges {
    let query = UserSyncQuery { since, after, limit, members_shown: 3 };
    f.store.user_changes(&f.app, &user(name), &query, f.now()).await.expect("user_changes")
}

/// The store's time now: with one caller at a time, what commits later is stamped later.
async fn position(f: &Fixture<'_>) -> Time {
    f.store.position(f.now()).await.expect("position").at
}

fn ids(changes: &UserChanges) -> Vec<&str> {
    let mut ids: Vec<_> = changes.rooms.iter().map(|(_, listed)| listed.room.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

async fn lively(f: &Fixture<'_>, id: &str, members: &[&str]) -> RoomId {
    let room = f.group(id, members).await;
    f.send(&room, members[0], id).await;
    room
}

/// Whatever changes for a user is found: messages, the room, members, the own reads; what
/// did not change is not.
pub async fn each_change_is_found(store: &dyn Store) {
    let f = Fixture::new(store).await;
    for id in ["sent", "read", "renamed", "added", "removed", "deleted", "quiet"] {
        lively(&f, id, &["anna", "ben"]).await;
    }
    let since = position(&f).await;
    assert!(ids(&page(&f, "ben", since, None, ALL).await).is_empty());
    f.send(&room_id("sent"), "anna", "new").await;
    assert_eq!(ids(&page(&f, "ben", since, None, ALL).await), ["sent"]);
    f.read(&room_id("read"), "ben", 1).await;
    rename(&f, &room_id("renamed"), "new").await;
    f.add(&room_id("added"), &["zoe"]).await;
    f.remove(&room_id("removed"), &["ben"]).await;
    let deleted = store.delete_room(&f.app, &room_id("deleted"), f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    let found = page(&f, "ben", since, None, ALL).await;
    assert_eq!(ids(&found), ["added", "deleted", "read", "removed", "renamed", "sent"]);
    assert!(!found.more);
    for (at, listed) in &found.rooms {
        assert!(*at >= since, "{} is stamped since", listed.room.id);
        match listed.room.id.as_str() {
            "deleted" => assert!(listed.room.deleted_at.is_some()),
            "removed" => assert_eq!(listed.mine.state, MemberState::Left),
            id => {
                let facts = f.facts(&room_id(id), "ben").await;
                assert_eq!(listed.room, facts.room);
                assert_eq!(Some(&listed.mine), facts.mine.as_ref());
                let later = listed.room.changed_at.max(listed.mine.changed_at);
                assert_eq!(*at, later, "{id}: the later of the two times");
            }
        }
    }
    let future = f.now().plus_millis(3_600_000);
    assert!(ids(&page(&f, "ben", future, None, ALL).await).is_empty());
    let all = page(&f, "ben", Time(0), None, ALL).await;
    assert_eq!(all.rooms.len(), 7, "since ever: every room of the user's");
    assert!(ids(&page(&f, "nobody", Time(0), None, ALL).await).is_empty());
}

/// Pages come in the order of time and room, and hold each room once.
pub async fn pages_are_whole(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let names = ["a", "B", "b", "_", "10", "9", "é", "字", "a b"];
    let at = f.now();
    for name in names {
        let mut new = f.new_group(name, &["anna"]);
        new.message = Some(text_message(f.message_id(), Some("anna"), "tie"));
        new.now = at;
        f.create(new).await;
    }
    f.send(&room_id("b"), "anna", "later").await;
    let all = page(&f, "anna", Time(0), None, ALL).await;
    let key = |room: &(Time, ListedRoom)| (room.0, room.1.room.id.clone());
    assert!(all.rooms.is_sorted_by_key(key), "by time, then by room id");
    assert_eq!((all.rooms.len(), all.more), (names.len(), false));
    for limit in [1, 2, 4, 9, 10] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let next = page(&f, "anna", Time(0), after.clone(), limit).await;
            assert!(next.rooms.len() <= limit);
            after = next.rooms.last().map(key);
            seen.extend(next.rooms);
            if !next.more {
                break;
            }
            assert!(after.is_some(), "more, but nothing to go on from");
        }
        assert_eq!(seen, all.rooms, "pages of {limit} give the whole");
    }
}

/// Who left is not told what came after.
pub async fn what_was_left_tells_nothing_newer(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = lively(&f, "left", &["anna", "ben"]).await;
    let removed = f.remove(&room, &["ben"]).await;
    f.send(&room, "anna", "secret").await;
    let found = page(&f, "ben", Time(0), None, ALL).await;
    assert_eq!(ids(&found), ["left"], "the leaving is told");
    let head = &found.rooms[0].1.room.head;
    assert_eq!((head.seq, head.count), (1, 1));
    assert_eq!(head.rev, removed.room.head.rev);
    assert_eq!(head.preview.as_ref().map(|preview| preview.seq), Some(1));
}

/// Who was in a room that was deleted and made anew has left it, and sees nothing of the new one.
pub async fn a_room_made_anew_was_left_by_those_of_before(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = lively(&f, "again", &["anna", "ben", "cleo"]).await;
    f.remove(&room, &["cleo"]).await;
    let since = position(&f).await;
    let deleted = store.delete_room(&f.app, &room, f.now()).await;
    let gone = deleted.expect("delete_room").expect("a living room is deleted");
    for name in ["ben", "cleo"] {
        let found = page(&f, name, since, None, ALL).await;
        assert_eq!(ids(&found), ["again"], "{name} is told of the deletion");
        assert!(found.rooms[0].1.room.deleted_at.is_some());
        assert_eq!(found.rooms[0].1.members, vec![]);
    }

    let mut new = f.new_group("again", &["zoe", "anna"]);
    new.name = Some("secret".to_owned());
    new.message = Some(text_message(f.message_id(), Some("zoe"), "secret"));
    f.create(new).await;
    for name in ["ben", "cleo"] {
        let found = page(&f, name, since, None, ALL).await;
        assert_eq!(ids(&found), ["again"], "{name}");
        let ListedRoom { room, mine, members } = &found.rooms[0].1;
        assert_eq!(mine.state, MemberState::Left, "{name}");
        assert_eq!(room.deleted_at, None, "{name}: the room is there, and was left");
        assert_eq!((&room.name, &room.creator, room.member_count), (&None, &None, 0), "{name}");
        assert_eq!(*members, vec![], "{name}");
        let head = &room.head;
        assert_eq!((head.seq, head.rev), (mine.left_seq.unwrap_or(0), mine.rev), "{name}");
        assert!(head.rev <= gone.rev, "{name}");
        assert_eq!((&head.preview, mine.unread(head.count)), (&None, 0), "{name}");
    }
    let found = page(&f, "anna", since, None, ALL).await;
    assert_eq!(found.rooms[0].1.room, f.facts(&room, "anna").await.room, "who is in sees it");
}

/// A caller's clock that jumps back does not hide its changes from those who synced before.
pub async fn a_clock_that_jumps_back_hides_nothing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    for id in ["sent", "read", "renamed", "removed"] {
        lively(&f, id, &["anna", "ben"]).await;
    }
    let before = page(&f, "ben", Time(0), None, ALL).await.read_at;
    let since = before.plus_millis(-limits::SYNC_OVERLAP_MS);
    // All of this is an hour ago by its caller's clock.
    let slow = f.now().plus_millis(-3_600_000);
    let message = text_message(f.message_id(), Some("anna"), "late");
    let guard = f.guard(&room_id("sent"), "anna").await;
    let mut append = f.append_of(&room_id("sent"), guard, message);
    append.now = slow;
    store.append_message(append).await.expect("append_message");
    let read = store.move_cursor(&f.app, &room_id("read"), &user("ben"), 1, slow).await;
    assert!(read.expect("move_cursor").is_some());
    let deleted = store.delete_room(&f.app, &room_id("removed"), slow).await;
    assert!(deleted.expect("delete_room").is_some());
    let found = page(&f, "ben", since, None, ALL).await;
    let ids = ids(&found);
    for id in ["sent", "read", "removed"] {
        assert!(ids.contains(&id), "{id} changed since the last sync");
        let listed = found.rooms.iter().find(|room| room.1.room.id.as_str() == id);
        let at = listed.map(|room| room.0);
        assert!(at >= Some(since), "{id} is stamped at {at:?}, before {since:?}");
    }
}

/// A client that goes on from sync to sync, in small pages, ends with what a fresh one reads.
pub async fn from_sync_to_sync_nothing_is_missed(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let rooms = ["a", "b", "c", "d", "e", "f"];
    for id in rooms {
        lively(&f, id, &["anna", "ben"]).await;
    }
    let mut dice = Dice::new(5);
    let mut known: BTreeMap<RoomId, ListedRoom> = BTreeMap::new();
    let mut since = Time(0);
    for _ in 0..25 {
        for _ in 0..dice.roll(4) {
            let room = room_id(rooms[usize::try_from(dice.roll(6)).expect("below six")]);
            match dice.roll(4) {
                0 => rename(&f, &room, "again").await,
                1 => {
                    let seq = f.head(&room).await.seq;
                    f.read(&room, "ben", seq).await;
                }
                2 => {
                    f.send(&room, "ben", "own").await;
                }
                _ => {
                    f.send(&room, "anna", "other").await;
                }
            }
        }
        let (mut after, from) = (None, since);
        loop {
            let next = page(&f, "ben", from, after, 2).await;
            after = next.rooms.last().map(|room| (room.0, room.1.room.id.clone()));
            for (_, listed) in next.rooms {
                known.insert(listed.room.id.clone(), listed);
            }
            if !next.more {
                since = next.read_at;
                break;
            }
        }
        for (room, listed) in &known {
            let facts = f.facts(room, "ben").await;
            assert_eq!(listed.room, facts.room, "{room} is known as it is");
            assert_eq!(Some(&listed.mine), facts.mine.as_ref(), "ben's {room}");
        }
    }
    assert_eq!(known.len(), rooms.len());
}

/// A user's sync shows its app's rooms only.
pub async fn apps_never_meet(store: &dyn Store) {
    let (one, two) = (Fixture::new(store).await, Fixture::new(store).await);
    lively(&one, "a", &["anna"]).await;
    lively(&two, "b", &["anna"]).await;
    assert_eq!(ids(&page(&one, "anna", Time(0), None, ALL).await), ["a"]);
    assert_eq!(ids(&page(&two, "anna", Time(0), None, ALL).await), ["b"]);
}
