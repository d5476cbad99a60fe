//! Appends and history: one order, one answer per id, nothing stored on a decision that moved.

use super::fixtures::{
    ALL, Fixture, hashed, json, message_id, room_id, stored, system_message, text_message, user,
};
use crate::ids::RoomId;
use crate::model::{MessageKind, Preview, RoomPatch, SessionSelector, Time};
use crate::ports::{
    AppendOutcome, Guard, HistoryQuery, NewMessage, PayloadHash, Store, UpdateRoomOutcome,
};

/// Every append takes the next seq and the next rev; the answer is what is stored.
pub async fn append_takes_the_next_seq_and_rev(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let mut answered = Vec::new();
    for n in 1..=5 {
        let sent = f.send(&room, "anna", &format!("text {n}")).await;
        assert_eq!(sent.message.seq, n, "seq is contiguous from 1");
        assert_eq!(sent.message.rev, n + 1, "rev is contiguous after the creation's");
        assert_eq!(sent.message.first_rev, sent.message.rev);
        assert_eq!(sent.message.count, n);
        assert_eq!(sent.message.room, room);
        assert_eq!(sent.message.sender, Some(user("anna")));
        assert_eq!(sent.message.deleted_at, None);
        assert_eq!((sent.head.seq, sent.head.rev, sent.head.count), (n, n + 1, n));
        assert_eq!(sent.head, f.head(&room).await, "the answer's head is stored");
        assert_eq!(sent.mine, Some(f.mine(&room, "anna").await));
        answered.push(sent.message);
    }
    assert_eq!(f.history(&room).await, answered);
}

/// All that a message carries comes back as it went in.
pub async fn a_message_comes_back_as_it_went_in(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna"]).await;
    let mut custom = text_message(f.message_id(), Some("anna"), "");
    custom.kind = MessageKind::Custom;
    custom.text = None;
    custom.custom = Some(json(r#"{"z":1, "a" : [1.0e2, "\u0000", "字"],"z":2}"#));
    let mut both = text_message(message_id("!~'\"\\%_$1?"), Some("anna"), "it's 👩‍👩‍👧\n\t$1 ?1");
    both.custom = Some(json("null"));
    both.silent = true;
    let empty = text_message(f.message_id(), Some("anna"), "");
    let system = system_message(f.message_id(), r#"{"type":"room_created"}"#);
    for new in [custom, both, empty, system] {
        let new = hashed(new);
        let got = f.append(&room, new.clone()).await.message;
        assert_eq!(got.id, new.id);
        assert_eq!(got.sender, new.sender);
        assert_eq!(got.kind, new.kind);
        assert_eq!(got.text, new.text);
        assert_eq!(got.custom, new.custom, "JSON comes out as the bytes that went in");
        assert_eq!(got.silent, new.silent);
        let hit = store.message_by_key(&f.app, &room, &new.id).await;
        let hit = hit.expect("message_by_key").expect("the id is known");
        assert_eq!(hit.hash, new.hash, "the hash is kept as given");
        assert_eq!(hit.message, got);
    }
}

/// System and silent messages take a seq and a rev but no counting number.
pub async fn system_and_silent_do_not_count(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    f.send(&room, "anna", "1").await;
    let mut silent = text_message(f.message_id(), Some("anna"), "psst");
    silent.silent = true;
    let silent = f.append(&room, hashed(silent)).await;
    assert_eq!((silent.message.seq, silent.message.count), (2, 1));
    assert_eq!(silent.mine.map(|mine| mine.own_count), Some(1), "silent is not counted as own");
    let said = system_message(f.message_id(), r#"{"type":"room_updated"}"#);
    let said = f.append(&room, said).await;
    assert_eq!((said.message.seq, said.message.count), (3, 1));
    assert_eq!(said.mine, None, "nobody's message is nobody's own");
    let mut by_ben = system_message(f.message_id(), r#"{"type":"member_left"}"#);
    by_ben.sender = Some(user("ben"));
    let by_ben = f.append(&room, hashed(by_ben)).await;
    assert_eq!((by_ben.message.seq, by_ben.message.count), (4, 1));
    let next = f.send(&room, "anna", "2").await;
    assert_eq!((next.message.seq, next.message.count), (5, 2));
    assert_eq!(f.mine(&room, "ben").await.unread(next.head.count), 2);
}

/// Times only grow in a room, also when the callers' clocks jump back.
pub async fn times_strictly_increase(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna"]).await;
    let mut last = Time(0);
    for jump in [0, 5, -3_600_000, -86_400_000, 0, 0, 10, -1] {
        let id = f.message_id();
        let message = text_message(id, Some("anna"), "tick");
        let guard = f.guard(&room, "anna").await;
        let mut append = f.append_of(&room, guard, message);
        append.now = append.now.plus_millis(jump);
        let now = append.now;
        let outcome = store.append_message(append).await.expect("append_message");
        let sent = stored(outcome);
        let at = sent.message.created_at;
        assert!(at > last, "{at:?} is not after {last:?} (clock moved {jump} ms)");
        assert!(at >= now, "a message is not older than its sending");
        assert_eq!(sent.head.activity_at, at);
        last = at;
    }
    let same = f.now();
    for _ in 0..3 {
        let message = text_message(f.message_id(), Some("anna"), "same");
        let guard = f.guard(&room, "anna").await;
        let mut append = f.append_of(&room, guard, message);
        append.now = same;
        let sent = stored(store.append_message(append).await.expect("append_message"));
        assert!(sent.message.created_at > last, "one clock reading, two times");
        last = sent.message.created_at;
    }
}

/// The head's preview is the newest message's, cut.
pub async fn head_previews_the_newest_message(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna"]).await;
    let long = "語".repeat(400);
    for text in ["short", long.as_str()] {
        let sent = f.send(&room, "anna", text).await;
        let preview = Some(Preview::of(&sent.message));
        assert_eq!(sent.head.preview, preview);
        assert_eq!(f.head(&room).await.preview, preview);
    }
    let mut card = text_message(f.message_id(), Some("anna"), "");
    card.kind = MessageKind::Custom;
    (card.text, card.custom) = (None, Some(json("{}")));
    let sent = f.append(&room, hashed(card)).await;
    assert_eq!(f.head(&room).await.preview, Some(Preview::of(&sent.message)));
    let said = system_message(f.message_id(), r#"{"type":"room_updated"}"#);
    let said = f.append(&room, said).await;
    assert_eq!(f.head(&room).await.preview, Some(Preview::of(&said.message)));
}

/// A repeat of id, sender and payload is answered with what is stored, and stores nothing.
pub async fn a_repeat_is_answered_alike(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let message = text_message(message_id("key"), Some("ben"), "once");
    let first = f.append(&room, message.clone()).await;
    f.send(&room, "anna", "later").await;
    let before = f.facts(&room, "ben").await;
    let guard = f.guard(&room, "ben").await;
    for _ in 0..3 {
        let again = f.try_append(&room, guard.clone(), message.clone()).await;
        assert_eq!(again, AppendOutcome::Duplicate(Box::new(first.message.clone())));
    }
    assert_eq!(f.facts(&room, "ben").await, before, "a repeat moves nothing");

    f.remove(&room, &["ben"]).await;
    let again = f.try_append(&room, guard.clone(), message.clone()).await;
    assert_eq!(
        again,
        AppendOutcome::Duplicate(Box::new(first.message.clone())),
        "the answer is the same after the sender's removal: the key goes before the guard"
    );
    freeze(&f, &room).await;
    let again = f.try_append(&room, guard, message).await;
    assert_eq!(again, AppendOutcome::Duplicate(Box::new(first.message)));
    let next = f.send(&room, "anna", "next").await;
    assert_eq!(next.message.seq, 3, "a repeat leaves no hole");
}

/// An id that is there with another payload or sender is a conflict; nothing is stored.
pub async fn another_payload_or_sender_conflicts(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let message = text_message(message_id("key"), Some("anna"), "one");
    f.append(&room, message.clone()).await;
    let head = f.head(&room).await;
    let other_payload = text_message(message_id("key"), Some("anna"), "two");
    let mut other_hash = message.clone();
    other_hash.hash = PayloadHash([7; 32]);
    let other_sender = text_message(message_id("key"), Some("ben"), "one");
    let mut other_sender_same_hash = other_sender.clone();
    other_sender_same_hash.hash = message.hash;
    let mut nobody = message.clone();
    nobody.sender = None;
    for new in [other_payload, other_hash, other_sender, other_sender_same_hash, nobody] {
        let guard = f.backend_guard(&room).await;
        let outcome = f.try_append(&room, guard, new.clone()).await;
        assert_eq!(outcome, AppendOutcome::Conflict, "{new:?}");
    }
    let stale = Guard {
        room_policy_rev: u64::from(u32::MAX),
        member: Some((user("ben"), u64::from(u32::MAX))),
    };
    let other = text_message(message_id("key"), Some("ben"), "two");
    assert_eq!(
        f.try_append(&room, stale, other).await,
        AppendOutcome::Conflict,
        "the key goes before the guard"
    );
    assert_eq!(f.head(&room).await, head, "a conflict moves nothing");
    assert_eq!(f.send(&room, "ben", "next").await.message.seq, 2, "no hole");
}

/// An id is a key in its own room only.
pub async fn an_id_is_a_key_of_its_room(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let (one, two) = (f.group("one", &["anna"]).await, f.group("two", &["anna"]).await);
    let first = text_message(message_id("key"), Some("anna"), "one");
    let second = text_message(message_id("key"), Some("anna"), "two");
    f.append(&one, first).await;
    let none = store.message_by_key(&f.app, &two, &message_id("key")).await;
    assert_eq!(none.expect("message_by_key"), None);
    let sent = f.append(&two, second).await;
    assert_eq!(sent.message.seq, 1);
    let hit = store.message_by_key(&f.app, &one, &message_id("key")).await;
    let hit = hit.expect("message_by_key").expect("the id is known");
    assert_eq!(hit.message.text.as_deref(), Some("one"));
    let case = store.message_by_key(&f.app, &one, &message_id("KEY")).await;
    assert_eq!(case.expect("message_by_key"), None, "ids are bytes");
}

/// Nothing is stored on what policy saw before a removal, a freeze or a deactivation.
pub async fn a_guard_that_moved_stores_nothing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben", "cleo", "dan"]).await;
    f.send(&room, "anna", "1").await;

    let ben = f.guard(&room, "ben").await;
    f.remove(&room, &["ben"]).await;
    refused(&f, &room, ben, "ben", "removed").await;

    let cleo = f.guard(&room, "cleo").await;
    let gone = store.deactivate_user(&f.app, &user("cleo"), f.now()).await;
    assert!(gone.expect("deactivate_user").is_some());
    refused(&f, &room, cleo, "cleo", "deactivated").await;

    let (anna, backend) = (f.guard(&room, "anna").await, f.backend_guard(&room).await);
    freeze(&f, &room).await;
    refused(&f, &room, anna, "anna", "frozen out").await;
    refused(&f, &room, backend, "anna", "frozen out, by the backend").await;

    let stranger = Guard {
        room_policy_rev: f.backend_guard(&room).await.room_policy_rev,
        member: Some((user("stranger"), 0)),
    };
    refused(&f, &room, stranger, "stranger", "never a member").await;
    assert_eq!(f.send(&room, "dan", "2").await.message.seq, 2, "refused appends leave no hole");
}

async fn refused(f: &Fixture<'_>, room: &RoomId, guard: Guard, sender: &str, why: &str) {
    let head = f.head(room).await;
    let message = text_message(f.message_id(), Some(sender), "too late");
    let outcome = f.try_append(room, guard, message.clone()).await;
    assert_eq!(outcome, AppendOutcome::GuardMoved, "{sender} was {why}");
    assert_eq!(f.head(room).await, head, "{sender} was {why}: no rev taken");
    let key = f.store.message_by_key(&f.app, room, &message.id).await;
    assert_eq!(
        key.expect("message_by_key"),
        None,
        "{sender} was {why}: the id is free for the next try"
    );
}

async fn freeze(f: &Fixture<'_>, room: &RoomId) {
    let patch = RoomPatch { frozen: Some(true), ..RoomPatch::default() };
    let guard = f.backend_guard(room).await;
    let frozen =
        f.store.update_room(&f.app, room, patch, &guard, f.now()).await.expect("update_room");
    assert!(matches!(frozen, UpdateRoomOutcome::Updated(_)), "{frozen:?}");
}

/// What policy does not look at leaves a guard alone: others' sends, reads, log-outs.
pub async fn a_guard_stays_through_the_everyday(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let guard = f.guard(&room, "ben").await;
    f.send(&room, "anna", "1").await;
    f.send(&room, "ben", "2").await;
    f.read(&room, "ben", 2).await;
    let device = SessionSelector::User(user("ben"));
    store
        .close_sessions(&f.app, &device, crate::model::CloseReason::Revoked, f.now())
        .await
        .expect("close_sessions");
    let message = text_message(f.message_id(), Some("ben"), "3");
    let sent = stored(f.try_append(&room, guard, message).await);
    assert_eq!(sent.message.seq, 3);
}

/// No room, nothing stored; and a sender whom nobody made is made on the spot.
pub async fn unknown_rooms_and_unknown_senders(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let guard = Guard { room_policy_rev: 0, member: None };
    let message = text_message(f.message_id(), Some("anna"), "?");
    let outcome = f.try_append(&room_id("none"), guard, message).await;
    assert_eq!(outcome, AppendOutcome::RoomNotFound);

    let room = f.group("team", &["anna"]).await;
    let sent = f.send(&room, "bot", "beep").await;
    assert_eq!(sent.mine, None, "a sender outside has no membership");
    assert_eq!(sent.message.sender, Some(user("bot")));
    let bot = store.user(&f.app, &user("bot")).await.expect("user");
    assert!(bot.is_some(), "a sender is made on the spot");
    assert_eq!(f.mine(&room, "anna").await.unread(sent.head.count), 1);
}

/// A sender who left, or who made the room and never joined, is answered no membership.
pub async fn only_an_active_sender_has_a_standing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut new = f.new_group("team", &["ben", "zoe"]);
    new.creator = Some(user("anna"));
    new.message = Some(text_message(f.message_id(), Some("anna"), "welcome"));
    let made = f.create(new).await;
    assert_eq!(made.message.expect("the first message is answered").mine, None);
    let room = made.room.id;
    f.remove(&room, &["ben"]).await;
    for name in ["anna", "ben"] {
        assert_eq!(f.send(&room, name, "from outside").await.mine, None, "{name}");
    }
    let own = f.send(&room, "zoe", "from inside").await.mine;
    assert_eq!(own, Some(f.mine(&room, "zoe").await));
}

/// History gives the nearest messages to a place, ascending, in both directions.
pub async fn history_pages_both_ways(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna"]).await;
    for n in 1..=10 {
        f.send(&room, "anna", &n.to_string()).await;
    }
    let page = |before, after, above, limit| HistoryQuery { before, after, above, limit };
    let cases: [(HistoryQuery, Vec<u64>); 13] = [
        (page(None, None, 0, 3), vec![8, 9, 10]),
        (page(None, None, 0, ALL), (1..=10).collect()),
        (page(Some(8), None, 0, 3), vec![5, 6, 7]),
        (page(Some(3), None, 0, 5), vec![1, 2]),
        (page(Some(1), None, 0, 5), vec![]),
        (page(Some(99), None, 0, 2), vec![9, 10]),
        (page(None, Some(3), 0, 2), vec![4, 5]),
        (page(None, Some(0), 0, 2), vec![1, 2]),
        (page(None, Some(10), 0, 2), vec![]),
        (page(None, None, 9, 5), vec![10]),
        (page(Some(7), None, 4, 5), vec![5, 6]),
        (page(None, Some(2), 4, 3), vec![5, 6, 7]),
        (page(Some(8), Some(4), 0, ALL), vec![5, 6, 7]),
    ];
    for (query, expected) in cases {
        let found = store.history(&f.app, &room, &query).await;
        let seqs: Vec<_> = found.expect("history").iter().map(|m| m.seq).collect();
        assert_eq!(seqs, expected, "{query:?}");
    }
    let none = store.history(&f.app, &room_id("none"), &page(None, None, 0, 5)).await;
    assert!(none.expect("history").is_empty());
}

/// Rooms do not share counters, and one room's load leaves another's alone.
pub async fn rooms_count_for_themselves(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut rooms = Vec::new();
    for n in 0..4 {
        rooms.push(f.group(&format!("r{n}"), &["anna"]).await);
    }
    for round in 1..=3 {
        for room in &rooms {
            let sent = f.send(room, "anna", "x").await;
            assert_eq!((sent.message.seq, sent.message.rev), (round, round + 1));
        }
    }
}

/// A message as `NewMessage` says, however long its text may be.
pub async fn the_longest_text_fits(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna"]).await;
    let long = "字".repeat(crate::limits::TEXT_BYTES_MAX / 3);
    let message: NewMessage = text_message(message_id(&"m".repeat(64)), Some("anna"), &long);
    let sent = f.append(&room, message).await;
    assert_eq!(sent.message.text.as_deref(), Some(long.as_str()));
    assert_eq!(f.history(&room).await[0], sent.message);
}
