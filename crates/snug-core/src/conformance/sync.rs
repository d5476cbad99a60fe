//! Sync by state: whoever applies the changes since any position has what a fresh reader has.

use std::collections::BTreeMap;

use super::fixtures::{
    ALL, Dice, Fixture, hashed, room_id, system_message, text_message, user, users,
};
use crate::ids::{RoomId, UserId};
use crate::limits;
use crate::model::{Member, MemberState, Message, Patch, Role, RoomPatch};
use crate::ports::{MemberChange, RoomChanges, Store, UpdateRoomOutcome};

async fn changes(f: &Fixture<'_>, room: &RoomId, rev: u64, limit: usize) -> RoomChanges {
    f.store
        .room_changes(&f.app, room, rev, 0, limit)
        .await
        .expect("room_changes")
        .expect("a living room")
}

fn revs(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.rev).collect()
}

fn who(members: &[Member]) -> Vec<(&str, u64)> {
    let each = members.iter();
    each.map(|member| (member.user.id.as_str(), member.rev)).collect()
}

pub(super) async fn rename(f: &Fixture<'_>, room: &RoomId, name: &str) {
    let patch = RoomPatch { name: Patch::Set(name.to_owned()), ..RoomPatch::default() };
    let guard = f.backend_guard(room).await;
    let updated = f.store.update_room(&f.app, room, patch, &guard, f.now()).await;
    let updated = updated.expect("update_room");
    assert!(matches!(updated, UpdateRoomOutcome::Updated(_)));
}

/// Above a rev comes everything that is newer, ascending, and nothing older.
pub async fn changes_above_a_rev_are_all_that_is_newer(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await; // rev 1
    f.send(&room, "anna", "2").await;
    f.add(&room, &["zoe", "cleo"]).await; // rev 3
    f.send(&room, "zoe", "4").await;
    f.remove(&room, &["ben"]).await; // rev 5
    rename(&f, &room, "six").await;
    let all = changes(&f, &room, 0, ALL).await;
    assert_eq!((all.rev, all.more), (6, false));
    assert_eq!(all.room, f.facts(&room, "anna").await.room);
    assert_eq!(all.messages, f.history(&room).await);
    let mut members = who(&all.members);
    assert!(members.is_sorted_by_key(|member| member.1), "by rev");
    members.sort_unstable();
    assert_eq!(members, [("anna", 1), ("ben", 5), ("cleo", 3), ("zoe", 3)], "who left is told too");
    for (rev, messages, members) in [
        (1, vec![2, 4], 3),
        (2, vec![4], 3),
        (3, vec![4], 1),
        (4, vec![], 1),
        (5, vec![], 0),
        (6, vec![], 0),
        (9, vec![], 0),
    ] {
        let page = changes(&f, &room, rev, ALL).await;
        assert_eq!(revs(&page.messages), messages, "messages above {rev}");
        assert_eq!(page.members.len(), members, "members above {rev}");
        assert_eq!((page.rev, page.more), (6, false), "above {rev}");
    }
    let ben = &all.members.iter().find(|m| m.user.id == user("ben"));
    assert_eq!(ben.map(|ben| ben.state), Some(MemberState::Left));
    let none = store.room_changes(&f.app, &room_id("none"), 0, 0, ALL).await;
    assert_eq!(none.expect("room_changes"), None);
}

/// Messages at or below `above_seq` are left out, members are not.
pub async fn what_a_member_may_not_see_is_left_out(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna"]).await;
    for n in 1..=6 {
        f.send(&room, "anna", &n.to_string()).await;
    }
    let page = store.room_changes(&f.app, &room, 0, 4, ALL).await;
    let page = page.expect("room_changes").expect("a living room");
    let seqs: Vec<_> = page.messages.iter().map(|m| m.seq).collect();
    assert_eq!(seqs, [5, 6]);
    assert_eq!(page.members.len(), 1);
    assert_eq!((page.rev, page.more), (7, false));
}

/// Cut pages are complete up to their rev, go forward, and add up to the whole.
pub async fn pages_are_complete_up_to_their_rev(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    for n in 0..6 {
        f.send(&room, "anna", "x").await;
        if n % 2 == 0 {
            rename(&f, &room, "y").await;
        }
    }
    // Seven members at one rev: more than a small page holds.
    f.add(&room, &["m1", "m2", "m3", "m4", "m5", "m6", "m7"]).await;
    f.send(&room, "m1", "z").await;
    f.remove(&room, &["m2", "m3"]).await;
    f.send(&room, "m1", "z").await;
    let whole = changes(&f, &room, 0, ALL).await;
    for limit in [1, 2, 3, 5, 50] {
        let (mut rev, mut messages, mut members) = (0, Vec::new(), Vec::new());
        let mut reads = std::collections::BTreeMap::new();
        loop {
            let page = changes(&f, &room, rev, limit).await;
            let inside = |at: u64| at > rev && at <= page.rev;
            assert!(page.messages.iter().all(|m| inside(m.rev)), "limit {limit}");
            assert!(page.members.iter().all(|m| inside(m.rev)), "limit {limit}");
            let due = |at: u64| inside(at);
            let owed = whole.messages.iter().filter(|m| due(m.rev)).count()
                + whole.members.iter().filter(|m| due(m.rev)).count();
            assert_eq!(
                page.messages.len() + page.members.len(),
                owed,
                "limit {limit}: nothing up to {} is missing",
                page.rev
            );
            messages.extend(page.messages);
            members.extend(page.members);
            reads.extend(page.reads);
            if !page.more {
                assert_eq!(page.rev, whole.rev, "the last page is at the room's rev");
                break;
            }
            assert!(page.rev > rev, "limit {limit}: a page goes forward");
            rev = page.rev;
        }
        assert_eq!(messages, whole.messages, "limit {limit}");
        assert_eq!(members.len(), whole.members.len(), "limit {limit}");
        let told = whole.reads.iter().cloned().collect();
        assert_eq!(reads, told, "limit {limit}: no cursor is lost between pages");
    }
}

/// Cursors that moved at or after the rev are told, of active members.
pub async fn cursors_that_moved_are_told(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben", "cleo", "dan"]).await;
    for n in 1..=3 {
        f.send(&room, "anna", &n.to_string()).await; // to rev 4
    }
    f.read(&room, "ben", 2).await;
    f.read(&room, "dan", 3).await;
    let reads = async |rev: u64| {
        let mut reads = changes(&f, &room, rev, ALL).await.reads;
        reads.sort();
        reads
    };
    let anna = (user("anna"), 3);
    let (ben, dan) = ((user("ben"), 2), (user("dan"), 3));
    let told = reads(4).await;
    assert_eq!(
        told,
        vec![anna.clone(), ben.clone(), dan.clone()],
        "moved at rev 4, asked from rev 4: a move takes no rev of its own"
    );
    f.send(&room, "anna", "4").await; // rev 5
    f.read(&room, "cleo", 1).await;
    f.remove(&room, &["dan"]).await; // rev 6
    let cleo = (user("cleo"), 1);
    let anna = (user("anna"), 4);
    assert_eq!(reads(5).await, vec![anna.clone(), cleo.clone()]);
    assert_eq!(reads(6).await, vec![]);
    let told = reads(0).await;
    for read in [anna, ben, cleo] {
        assert!(told.contains(&read), "{read:?} moved after rev 0");
    }
    assert!(!told.iter().any(|read| read.0 == dan.0), "dan has left");
}

/// With more cursors than a sync carries, the newest win.
pub async fn the_newest_cursors_win(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let most = limits::SYNC_READS_MAX;
    let names: Vec<String> = (0..most + 20).map(|n| format!("u{n:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (early, late) = names.split_at(20);
    let room = f.group("crowd", &names).await;
    f.send(&room, "bot", "1").await;
    for name in early {
        f.read(&room, name, 1).await;
    }
    f.send(&room, "bot", "2").await;
    let moved = |name: &str| {
        let (store, app, room, who, now) = (f.store, &f.app, &room, user(name), f.now());
        async move { store.move_cursor(app, room, &who, 2, now).await }
    };
    for name in late {
        let moved = moved(name).await.expect("move_cursor");
        assert!(moved.is_some());
    }
    let mut reads = changes(&f, &room, 0, ALL).await.reads;
    reads.sort();
    let expected: Vec<_> = late.iter().map(|name| (user(name), 2)).collect();
    assert!(reads == expected, "{} of the newest cursors", reads.len());
}

/// What a client knows of a room.
#[derive(Debug, Clone, PartialEq)]
struct Client {
    rev: u64,
    messages: BTreeMap<u64, Message>,
    members: BTreeMap<UserId, Member>,
}

impl Client {
    fn apply(&mut self, page: RoomChanges) {
        self.rev = page.rev;
        self.messages.extend(page.messages.into_iter().map(|m| (m.seq, m)));
        for member in page.members {
            self.members.insert(member.user.id.clone(), member);
        }
        for (who, seq) in page.reads {
            if let Some(member) = self.members.get_mut(&who) {
                member.read_seq = member.read_seq.max(seq);
            }
        }
    }

    /// Where cursors do not matter: pages cut in the middle bring only the last page's.
    fn without_cursors(mut self) -> Self {
        for member in self.members.values_mut() {
            member.read_seq = 0;
        }
        self
    }
}

async fn fresh(f: &Fixture<'_>, room: &RoomId) -> Client {
    let mut client = Client { rev: 0, messages: BTreeMap::new(), members: BTreeMap::new() };
    client.apply(changes(f, room, 0, ALL).await);
    // A member who left has no cursor that anybody is told of.
    for member in client.members.values_mut() {
        if member.state != MemberState::Active {
            member.read_seq = 0;
        }
    }
    client
}

const PEOPLE: [&str; 6] = ["anna", "ben", "cleo", "dan", "eve", "fay"];

async fn stir(f: &Fixture<'_>, room: &RoomId, dice: &mut Dice) {
    let name = *dice.pick(&PEOPLE);
    let active = f.facts(room, name).await.mine;
    let active = active.is_some_and(|mine| mine.is_active());
    match dice.roll(10) {
        0 => rename(f, room, name).await,
        1 => {
            f.append(room, system_message(f.message_id(), "{}")).await;
        }
        2 if active => {
            f.remove(room, &[name]).await;
        }
        2 | 3 => {
            let (users, role) = (users(&[name]), Role::Member);
            let said = system_message(f.message_id(), "{}");
            f.change(room, MemberChange::Add { users, role }, Some(said)).await;
        }
        4..=6 if active => {
            let seq = f.head(room).await.seq;
            f.read(room, name, dice.roll(seq + 1)).await;
        }
        _ => {
            let mut message = text_message(f.message_id(), Some(name), "stir");
            message.silent = dice.roll(4) == 0;
            f.append(room, hashed(message)).await;
        }
    }
}

/// A client that applies the changes since any earlier rev, in one page or in many, has the
/// same state as one that reads all.
pub async fn from_any_rev_to_the_same_state(store: &dyn Store) {
    for seed in [3, 44] {
        let f = Fixture::new(store).await;
        let room = f.group("room", &PEOPLE).await;
        let mut dice = Dice::new(seed);
        let mut earlier = vec![fresh(&f, &room).await];
        for _ in 0..60 {
            stir(&f, &room, &mut dice).await;
            earlier.push(fresh(&f, &room).await);
        }
        let now = fresh(&f, &room).await;
        for client in earlier {
            let place = format!("seed {seed}, from rev {}", client.rev);
            let mut at_once = client.clone();
            at_once.apply(changes(&f, &room, client.rev, ALL).await);
            for member in at_once.members.values_mut() {
                if member.state != MemberState::Active {
                    member.read_seq = 0;
                }
            }
            assert_eq!(at_once, now, "{place}, at once");
            let mut paged = client;
            loop {
                let page = changes(&f, &room, paged.rev, 3).await;
                let more = page.more;
                paged.apply(page);
                if !more {
                    break;
                }
            }
            let (paged, now) = (paged.without_cursors(), now.clone().without_cursors());
            assert_eq!(paged, now, "{place}, page by page");
        }
    }
}

/// A room sync shows its app's room only.
pub async fn apps_never_meet(store: &dyn Store) {
    let (one, two) = (Fixture::new(store).await, Fixture::new(store).await);
    let room = one.group("team", &["anna", "ben"]).await;
    two.group("team", &["anna"]).await;
    one.send(&room, "anna", "one").await;
    one.read(&room, "ben", 1).await;
    let theirs = changes(&two, &room, 0, ALL).await;
    assert!(theirs.messages.is_empty());
    assert_eq!(who(&theirs.members), [("anna", 1)]);
    assert!(theirs.reads.iter().all(|read| read.1 == 0));
    assert_eq!(theirs.rev, 1);
}
