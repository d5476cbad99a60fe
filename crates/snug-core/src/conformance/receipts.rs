//! Receipts: delivered cursors, which only go up, and who can have a message.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fixtures::{Dice, Fixture, room_id, system_message, user, users};
use crate::ids::{RoomId, UserId};
use crate::model::{Head, Message, Role, UserPatch};
use crate::ports::{Delivered, MemberChange, ReceiptsOf, Store};

async fn got(f: &Fixture<'_>, got: &[(&RoomId, &str, u64)]) -> Vec<(RoomId, UserId, u64)> {
    let one = |(room, name, seq): &(&RoomId, &str, u64)| Delivered {
        room: (*room).clone(),
        user: user(name),
        seq: *seq,
    };
    let all: Vec<Delivered> = got.iter().map(one).collect();
    let moved = f.store.move_delivered(&f.app, &all, 3).await.expect("move_delivered");
    let mut told = Vec::new();
    for one in moved {
        let head = f.head(&one.room).await;
        // The preview is for who has the room closed, and nobody hears this there.
        assert_eq!(one.head, Head { preview: None, ..head });
        told.push((one.room, one.user, one.seq));
    }
    told
}

/// User, delivered and read, of those who can have a message that everybody was there for.
async fn cursors(f: &Fixture<'_>, room: &RoomId, sent: &Message) -> Vec<(UserId, u64, u64)> {
    let found = f.store.receipts(&f.app, room, &of(sent), None, 500).await.expect("receipts");
    found.into_iter().map(|one| (one.user.id, one.delivered_seq, one.read_seq)).collect()
}

async fn counted(f: &Fixture<'_>, room: &RoomId, sent: &Message) -> (u64, u64, u64) {
    let counts = f.store.receipt_counts(&f.app, room, &of(sent)).await.expect("receipt_counts");
    (counts.members, counts.delivered, counts.read)
}

fn of(sent: &Message) -> ReceiptsOf {
    ReceiptsOf { seq: sent.seq, said_at: sent.created_at, sender: sent.sender.clone() }
}

/// A delivered cursor goes forward only, never beyond the room, never where it was read already, and
/// is told in small rooms.
pub async fn a_delivered_cursor_is_monotone_and_capped(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben", "cleo"]).await;
    let large = f.group("large", &["anna", "ben", "cleo", "dora"]).await;
    for room in [&room, &large] {
        for n in 1..=4 {
            f.send(room, "anna", &n.to_string()).await;
        }
    }
    let (head, mine) = (f.head(&room).await, f.mine(&room, "ben").await);
    let last = f.history(&room).await.pop().expect("the fourth");
    for (to, at, moves) in
        [(0, 0, false), (2, 2, true), (2, 2, false), (1, 2, false), (99, 4, true), (3, 4, false)]
    {
        let told = got(&f, &[(&room, "ben", to)]).await;
        let expected = if moves { vec![(room.clone(), user("ben"), at)] } else { Vec::new() };
        assert_eq!(told, expected, "told after {to}");
        assert_eq!(cursors(&f, &room, &last).await[0], (user("ben"), at, 0), "after {to}");
    }
    assert_eq!(f.head(&room).await, head, "it takes no rev");
    assert_eq!(f.mine(&room, "ben").await, mine, "and touches no membership");
    f.read(&room, "cleo", 3).await;
    assert!(got(&f, &[(&room, "cleo", 3)]).await.is_empty(), "it was read");
    assert_eq!(cursors(&f, &room, &last).await[1], (user("cleo"), 3, 3));
    assert_eq!(counted(&f, &room, &last).await, (2, 1, 0));

    // Many at once, each for itself; the large one is written, and told to nobody.
    let many =
        [(&large, "ben", 2), (&room, "cleo", 4), (&large, "cleo", 9), (&room_id("none"), "ben", 1)];
    assert_eq!(got(&f, &many).await, [(room.clone(), user("cleo"), 4)]);
    let last = f.history(&large).await.pop().expect("the fourth");
    let expected = [(user("ben"), 2, 0), (user("cleo"), 4, 0), (user("dora"), 0, 0)];
    assert_eq!(cursors(&f, &large, &last).await, expected);
    assert_eq!(counted(&f, &large, &last).await, (3, 1, 0));
    assert!(got(&f, &[]).await.is_empty());
}

/// Who can have a message: members since before it, but its sender; by pages of user ids.
pub async fn receipts_are_of_those_who_were_there(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben", "cleo"]).await;
    let sent = f.send(&room, "anna", "1").await.message;
    f.add(&room, &["late"]).await;
    let invite = MemberChange::Invite { users: users(&["asked"]), role: Role::Member, by: None };
    f.change(&room, invite, None).await;
    for name in ["late", "asked", "nobody"] {
        got(&f, &[(&room, name, 1)]).await;
    }
    let names = |found: Vec<(UserId, u64, u64)>| -> Vec<UserId> {
        found.into_iter().map(|one| one.0).collect()
    };
    assert_eq!(names(cursors(&f, &room, &sent).await), users(&["ben", "cleo"]));
    assert_eq!(counted(&f, &room, &sent).await, (2, 0, 0));
    let (first, whose) = (user("ben"), of(&sent));
    let page = store.receipts(&f.app, &room, &whose, None, 1).await.expect("receipts");
    assert_eq!(page.iter().map(|one| &one.user.id).collect::<Vec<_>>(), [&first]);
    let page = store.receipts(&f.app, &room, &whose, Some(&first), 1).await.expect("receipts");
    assert_eq!(page.iter().map(|one| &one.user.id).collect::<Vec<_>>(), [&user("cleo")]);
    // Nobody's message has no sender to leave out.
    let said = f.append(&room, system_message(f.message_id(), r#"{"type":"room_updated"}"#)).await;
    let all = users(&["anna", "ben", "cleo", "late"]);
    assert_eq!(names(cursors(&f, &room, &said.message).await), all);
    // Out, and in again: nothing of the stay before counts, and nothing falls below the cursor read.
    got(&f, &[(&room, "ben", 2)]).await;
    f.remove(&room, &["ben"]).await;
    f.send(&room, "anna", "without ben").await;
    // A room of three is told of every cursor that moves.
    for name in ["ben", "asked", "nobody"] {
        assert!(got(&f, &[(&room, name, 3)]).await.is_empty(), "{name} is not in");
    }
    assert_eq!(names(cursors(&f, &room, &sent).await), users(&["cleo"]));
    f.add(&room, &["ben"]).await;
    assert_eq!(names(cursors(&f, &room, &sent).await), users(&["cleo"]), "joined after it");
    let next = f.send(&room, "anna", "3").await.message;
    assert_eq!(cursors(&f, &room, &next).await[0], (user("ben"), 3, 3));
}

/// By chance: no delivered cursor ever falls, or stands below the cursor read.
pub async fn delivered_never_falls_and_is_never_below_read(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben", "cleo"]).await;
    let mut dice = Dice::new(11);
    let mut known: BTreeMap<UserId, u64> = BTreeMap::new();
    let mut sent = f.send(&room, "anna", "0").await.message;
    for turn in 0..60 {
        let name = *dice.pick(&["ben", "cleo"]);
        let to = dice.roll(sent.seq + 2);
        match dice.roll(3) {
            0 => sent = f.send(&room, "anna", &turn.to_string()).await.message,
            1 => drop(f.read(&room, name, to).await),
            _ => drop(got(&f, &[(&room, name, to)]).await),
        }
        for (who, delivered, read) in cursors(&f, &room, &sent).await {
            assert!(delivered >= read && delivered <= sent.seq, "{who}: {delivered}, {read}");
            let before = known.insert(who, delivered).unwrap_or(0);
            assert!(delivered >= before, "turn {turn}: fell from {before} to {delivered}");
        }
        let (_, delivered, read) = counted(&f, &room, &sent).await;
        let reached = known.values().filter(|at| **at >= sent.seq).count() as u64;
        assert!(delivered == reached && read <= delivered, "turn {turn}");
    }
}

/// Two batches that have the same cursors in other orders do not wait for each other for ever.
pub async fn racing_deliveries_end_at_the_furthest(nodes: &[Arc<dyn Store>]) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let names: Vec<String> = (0..8).map(|n| format!("u{n}")).collect();
    let mut all = vec!["anna"];
    all.extend(names.iter().map(String::as_str));
    let rooms = [f.group("a", &all).await, f.group("b", &all).await];
    let mut last = None;
    for room in &rooms {
        for n in 1..=9 {
            last = Some(f.send(room, "anna", &n.to_string()).await.message);
        }
    }
    let mut tasks = tokio::task::JoinSet::new();
    for seq in 1..=9_u64 {
        let mut batch: Vec<Delivered> = Vec::new();
        for room in &rooms {
            let one = |name: &String| Delivered { room: room.clone(), user: user(name), seq };
            batch.extend(names.iter().map(one));
        }
        if seq % 2 == 0 {
            batch.reverse();
        }
        let store = nodes[usize::try_from(seq).expect("small") % nodes.len()].clone();
        let app = f.app.clone();
        tasks.spawn(async move { store.move_delivered(&app, &batch, 3).await });
    }
    for done in tasks.join_all().await {
        done.expect("move_delivered");
    }
    let last = last.expect("the ninth");
    for room in &rooms {
        assert!(cursors(&f, room, &last).await.iter().all(|one| one.1 == 9), "{room}");
    }
}

/// Of two words about one cursor in one batch the higher counts, and it is told once.
pub async fn a_cursor_said_twice_moves_once(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben", "cleo"]).await;
    for n in 1..=4 {
        f.send(&room, "anna", &n.to_string()).await;
    }
    let doubled = [(&room, "ben", 2), (&room, "cleo", 1), (&room, "ben", 3), (&room, "ben", 1)];
    let expected = [(room.clone(), user("ben"), 3), (room.clone(), user("cleo"), 1)];
    assert_eq!(got(&f, &doubled).await, expected);
    assert!(got(&f, &doubled).await.is_empty());
    // Beyond the room both are what there is.
    assert_eq!(
        got(&f, &[(&room, "ben", 8), (&room, "ben", 9)]).await,
        [(room.clone(), user("ben"), 4)]
    );
}

async fn turn(f: &Fixture<'_>, name: &str, invisible: bool) {
    let patch = UserPatch { invisible: Some(invisible), ..UserPatch::default() };
    f.store.upsert_user(&f.app, &user(name), patch, f.now()).await.expect("upsert_user");
}

/// Who does not want to be seen leaves no cursor, and is shown as before.
pub async fn who_is_invisible_delivers_nothing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben", "cleo"]).await;
    let sent = f.send(&room, "anna", "1").await.message;
    turn(&f, "ben", true).await;
    let both = [(&room, "ben", 1), (&room, "cleo", 1)];
    assert_eq!(got(&f, &both).await, [(room.clone(), user("cleo"), 1)]);
    assert_eq!(cursors(&f, &room, &sent).await[0], (user("ben"), 0, 0));
    assert_eq!(counted(&f, &room, &sent).await, (2, 1, 0));
    turn(&f, "ben", false).await;
    assert_eq!(got(&f, &both).await, [(room.clone(), user("ben"), 1)]);
    assert_eq!(counted(&f, &room, &sent).await, (2, 2, 0));
}

/// A room that is made anew is another: nobody has got anything of it, whatever is said late of the
/// one before.
pub async fn a_room_made_anew_has_no_receipts(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    f.send(&room, "anna", "1").await;
    let old = f.send(&room, "anna", "2").await.message;
    got(&f, &[(&room, "ben", 1)]).await;
    store.delete_room(&f.app, &room, f.now()).await.expect("delete_room");
    assert!(got(&f, &[(&room, "ben", 2)]).await.is_empty(), "it is gone");
    f.group("team", &["anna", "ben"]).await;
    let new = f.send(&room, "anna", "new").await.message;
    assert!(new.seq > old.seq);
    assert_eq!(counted(&f, &room, &new).await, (1, 0, 0));
    got(&f, &[(&room, "ben", old.seq)]).await;
    assert_eq!(counted(&f, &room, &new).await, (1, 0, 0));
    assert_eq!(got(&f, &[(&room, "ben", new.seq)]).await, [(room.clone(), user("ben"), new.seq)]);
    assert_eq!(counted(&f, &room, &new).await, (1, 1, 0));
}
