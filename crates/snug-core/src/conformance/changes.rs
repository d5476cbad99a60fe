//! Changes to stored messages, messages by time, and the lists that go with them.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixtures::{Fixture, json, message_id, room_id, text_message, user};
use crate::ids::{MessageId, RoomId};
use crate::limits;
use crate::model::{Head, Message, RoomKind, Time};
use crate::ports::{
    ChangeMessage, ChangeMessageOutcome, Guard, HistoryQuery, MessageChange, Store,
};

async fn wanted(f: &Fixture<'_>, room: &RoomId, id: &str, change: MessageChange) -> ChangeMessage {
    ChangeMessage {
        app: f.app.clone(),
        room: room.clone(),
        id: message_id(id),
        guard: f.backend_guard(room).await,
        seen: None,
        change,
        by: Some(user("anna")),
        now: f.now(),
    }
}

async fn change(
    f: &Fixture<'_>,
    room: &RoomId,
    id: &str,
    change: MessageChange,
) -> ChangeMessageOutcome {
    let wanted = wanted(f, room, id, change).await;
    f.store.change_message(wanted).await.expect("change_message")
}

async fn changed(f: &Fixture<'_>, room: &RoomId, id: &str, what: MessageChange) -> (Message, Head) {
    match change(f, room, id, what).await {
        ChangeMessageOutcome::Changed(changed) => *changed,
        other => panic!("a change that nothing forbids gave {other:?}"),
    }
}

fn edit(text: &str) -> MessageChange {
    MessageChange::Edit { text: Some(text.to_owned()), custom: None, extras: None }
}

fn react(who: &str, key: &str, on: bool) -> MessageChange {
    MessageChange::React { user: user(who), key: key.to_owned(), on }
}

async fn say(f: &Fixture<'_>, room: &RoomId, id: &str, who: &str, text: &str) -> Message {
    f.append(room, text_message(message_id(id), Some(who), text)).await.message
}

/// An edit takes a rev and keeps id, seq, count, time; a repeat of it takes none.
pub async fn an_edit_takes_a_rev_and_keeps_the_place(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let sent = say(&f, &room, "a", "anna", "helo").await;
    let before = f.head(&room).await;
    let (after, head) = changed(&f, &room, "a", edit("hello")).await;
    assert_eq!(after.text.as_deref(), Some("hello"));
    assert_eq!((after.rev, head.rev), (before.rev + 1, before.rev + 1));
    assert!(after.edited_at.is_some(), "it says that it was edited");
    let same = Message { text: sent.text.clone(), rev: sent.rev, edited_at: None, ..after.clone() };
    assert_eq!(same, sent, "nothing else changed");
    assert_eq!(
        (head.seq, head.count, head.activity_at),
        (before.seq, before.count, before.activity_at)
    );
    assert_eq!(head.preview.and_then(|p| p.text).as_deref(), Some("hello"), "the preview follows");
    assert_eq!(f.history(&room).await, std::slice::from_ref(&after));
    let again = change(&f, &room, "a", edit("hello")).await;
    assert_eq!(again, ChangeMessageOutcome::Unchanged(Box::new(after)));
    assert_eq!(f.head(&room).await.rev, before.rev + 1, "nothing to do takes no rev");
    let hit = store.message_by_key(&f.app, &room, &message_id("a")).await.expect("by key");
    assert_eq!(hit.expect("it is there").message.first_rev, sent.first_rev);
}

/// A deletion leaves a tombstone, which stays one; nothing else can be done to it.
pub async fn a_deletion_leaves_a_tombstone(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let sent = say(&f, &room, "a", "anna", "oh no").await;
    changed(&f, &room, "a", react("ben", "x", true)).await;
    let (gone, head) = changed(&f, &room, "a", MessageChange::Delete).await;
    assert!(gone.deleted_at.is_some() && gone.text.is_none() && gone.custom.is_none());
    assert!(gone.reactions.is_empty());
    assert_eq!((gone.seq, gone.count, gone.created_at), (sent.seq, sent.count, sent.created_at));
    assert_eq!(head.preview.and_then(|preview| preview.text), None);
    let again = change(&f, &room, "a", MessageChange::Delete).await;
    assert_eq!(again, ChangeMessageOutcome::Unchanged(Box::new(gone)));
    for other in [edit("x"), MessageChange::Hide(true), react("ben", "x", true)] {
        let refused = change(&f, &room, "a", other).await;
        assert_eq!(refused, ChangeMessageOutcome::MessageNotFound);
    }
    let none = change(&f, &room, "none", MessageChange::Delete).await;
    assert_eq!(none, ChangeMessageOutcome::MessageNotFound);
    let nowhere = ChangeMessage {
        room: room_id("nowhere"),
        ..wanted(&f, &room, "a", MessageChange::Delete).await
    };
    let outcome = store.change_message(nowhere).await.expect("change_message");
    assert_eq!(outcome, ChangeMessageOutcome::RoomNotFound);
}

/// Hiding keeps everything and can be taken back.
pub async fn a_hidden_message_comes_back_whole(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let mut said = text_message(message_id("a"), Some("anna"), "hm");
    said.custom = Some(json(r#"{"a":1}"#));
    let sent = f.append(&room, said).await.message;
    changed(&f, &room, "a", react("ben", "x", true)).await;
    let (hidden, head) = changed(&f, &room, "a", MessageChange::Hide(true)).await;
    assert!(hidden.hidden_at.is_some());
    assert_eq!((&hidden.text, &hidden.custom), (&sent.text, &sent.custom));
    assert_eq!(head.preview.and_then(|preview| preview.text), None);
    let (back, head) = changed(&f, &room, "a", MessageChange::Hide(false)).await;
    assert_eq!((back.hidden_at, back.reactions.len()), (None, 1));
    assert_eq!(head.preview.and_then(|preview| preview.text), sent.text);
}

/// A reaction is one per user and key; keys in the order in which they came, users too.
pub async fn reactions_are_counted(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben", "cleo"]).await;
    say(&f, &room, "a", "anna", "hi").await;
    for (who, key) in [("ben", "👍"), ("anna", "好"), ("anna", "👍")] {
        changed(&f, &room, "a", react(who, key, true)).await;
    }
    let again = change(&f, &room, "a", react("ben", "👍", true)).await;
    assert!(matches!(again, ChangeMessageOutcome::Unchanged(_)), "{again:?}");
    let shown = |message: &Message| -> Vec<(String, u64, Vec<String>)> {
        let names = |users: &[crate::ids::UserId]| users.iter().map(ToString::to_string).collect();
        let each = message.reactions.iter();
        each.map(|r| (r.key.clone(), r.count, names(&r.users))).collect()
    };
    let own = |key: &str, users: &[&str]| {
        let users: Vec<String> = users.iter().map(|user| (*user).to_owned()).collect();
        (key.to_owned(), users.len() as u64, users)
    };
    let page = f.history(&room).await;
    assert_eq!(shown(&page[0]), [own("👍", &["ben", "anna"]), own("好", &["anna"])]);
    changed(&f, &room, "a", react("ben", "👍", false)).await;
    changed(&f, &room, "a", react("anna", "好", false)).await;
    assert_eq!(shown(&f.history(&room).await[0]), [own("👍", &["anna"])]);
    for n in 1..limits::REACTION_KEYS_MAX {
        changed(&f, &room, "a", react("cleo", &format!("k{n}"), true)).await;
    }
    let over = change(&f, &room, "a", react("cleo", "one more", true)).await;
    assert_eq!(over, ChangeMessageOutcome::TooMany);
    let known = change(&f, &room, "a", react("cleo", "👍", true)).await;
    assert!(matches!(known, ChangeMessageOutcome::Changed(_)), "a known key has room");
}

/// Pinned messages are listed, those pinned last first; a pin is a change like any other, is
/// bounded, and goes with the message.
pub async fn pins_are_the_rooms(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let other = f.group("o", &["anna"]).await;
    let pins = async |above: u64| -> Vec<String> {
        let found = store.pinned_messages(&f.app, &room, above).await.expect("pinned_messages");
        found.iter().map(|message| message.id.to_string()).collect()
    };
    for id in ["a", "b", "c"] {
        say(&f, &room, id, "anna", id).await;
        say(&f, &other, id, "anna", id).await;
    }
    changed(&f, &other, "a", MessageChange::Pin(true)).await;
    let before = f.head(&room).await;
    let (pinned, head) = changed(&f, &room, "b", MessageChange::Pin(true)).await;
    assert_eq!((pinned.rev, head.rev), (before.rev + 1, before.rev + 1));
    assert!(pinned.pinned_at.is_some() && pinned.edited_at.is_none());
    assert_eq!(f.history(&room).await[1], pinned);
    let again = change(&f, &room, "b", MessageChange::Pin(true)).await;
    assert_eq!(again, ChangeMessageOutcome::Unchanged(Box::new(pinned)));
    changed(&f, &room, "a", MessageChange::Pin(true)).await;
    changed(&f, &room, "a", react("ben", "x", true)).await;
    assert_eq!(pins(0).await, ["a", "b"]);
    assert_eq!(pins(1).await, ["b"], "what a member may not see is left out");
    let (unpinned, _) = changed(&f, &room, "a", MessageChange::Pin(false)).await;
    assert_eq!(unpinned.pinned_at, None);
    let (gone, _) = changed(&f, &room, "b", MessageChange::Delete).await;
    assert_eq!((gone.pinned_at, pins(0).await), (None, Vec::new()));
    let nowhere = store.pinned_messages(&f.app, &room_id("nowhere"), 0).await;
    assert_eq!(nowhere.expect("pinned_messages"), []);

    for n in 0..limits::PINS_PER_ROOM_MAX {
        let id = format!("p{n}");
        say(&f, &room, &id, "anna", "x").await;
        changed(&f, &room, &id, MessageChange::Pin(true)).await;
    }
    let over = change(&f, &room, "c", MessageChange::Pin(true)).await;
    assert_eq!(over, ChangeMessageOutcome::TooMany);
    changed(&f, &room, "p0", MessageChange::Pin(false)).await;
    changed(&f, &room, "c", MessageChange::Pin(true)).await;
    let found = pins(0).await;
    assert_eq!((found.len(), found[0].as_str()), (limits::PINS_PER_ROOM_MAX, "c"));
}

/// Every edit keeps the words that it replaces, with who did it; a deletion takes them away.
pub async fn versions_are_kept(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let versions = async |id: &str, limit: usize| {
        let found = store.message_versions(&f.app, &room, &message_id(id), limit).await;
        found.expect("message_versions")
    };
    let first = say(&f, &room, "a", "anna", "one").await;
    say(&f, &room, "b", "anna", "untouched").await;
    assert_eq!(versions("a", 10).await, []);
    let (second, _) = changed(&f, &room, "a", edit("two")).await;
    changed(&f, &room, "a", react("ben", "x", true)).await;
    let by_backend = ChangeMessage { by: None, ..wanted(&f, &room, "a", edit("three")).await };
    let outcome = store.change_message(by_backend).await.expect("change_message");
    let ChangeMessageOutcome::Changed(third) = outcome else { panic!("{outcome:?}") };
    let kept = versions("a", 10).await;
    let told: Vec<_> = kept.iter().map(|one| (one.text.as_deref(), one.rev, &one.by)).collect();
    let (anna, reacted) = (Some(user("anna")), second.rev + 1);
    assert_eq!(told, [(Some("two"), reacted, &None), (Some("one"), first.rev, &anna)]);
    assert_eq!(kept[0].at, third.0.edited_at.expect("it was edited"));
    assert_eq!(versions("a", 1).await, kept[..1]);
    assert_eq!((versions("b", 10).await, versions("none", 10).await), (Vec::new(), Vec::new()));
    changed(&f, &room, "a", MessageChange::Delete).await;
    assert_eq!(versions("a", 10).await, [], "a tombstone has no words, nor those of before");
}

/// A change that was decided on what has moved is not made.
pub async fn a_change_is_guarded(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    say(&f, &room, "a", "ben", "hi").await;
    let mut late = wanted(&f, &room, "a", edit("later")).await;
    late.guard = f.guard(&room, "ben").await;
    f.remove(&room, &["ben"]).await;
    let outcome = store.change_message(late).await.expect("change_message");
    assert_eq!(outcome, ChangeMessageOutcome::GuardMoved);
    let mut wrong = wanted(&f, &room, "a", edit("later")).await;
    wrong.guard = Guard { room_policy_rev: 999, member: None };
    let outcome = store.change_message(wrong).await.expect("change_message");
    assert_eq!(outcome, ChangeMessageOutcome::GuardMoved);
    assert_eq!(f.history(&room).await[0].text.as_deref(), Some("hi"));
}

/// What nobody sees any more is not unread, wherever the membership is read.
pub async fn gone_messages_are_not_unread(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    for n in 1..=4 {
        say(&f, &room, &format!("m{n}"), "anna", "hi").await;
    }
    say(&f, &room, "own", "ben", "mine").await;
    let unread = async || {
        let (head, mine) = (f.head(&room).await, f.mine(&room, "ben").await);
        mine.unread(head.count)
    };
    assert_eq!(unread().await, 4);
    changed(&f, &room, "m2", MessageChange::Delete).await;
    changed(&f, &room, "m3", MessageChange::Hide(true)).await;
    changed(&f, &room, "own", MessageChange::Delete).await;
    assert_eq!(unread().await, 2, "one deleted, one hidden, and the own never counted");
    let (mine, _) = f.read(&room, "ben", 2).await;
    assert_eq!((mine.gone, mine.unread(f.head(&room).await.count)), (1, 1));
    changed(&f, &room, "m3", MessageChange::Hide(false)).await;
    assert_eq!(unread().await, 2);
    let mut said = text_message(message_id("late"), Some("ben"), "x");
    said.read_up_to = Some(3);
    let sent = f.append(&room, said).await;
    assert_eq!(sent.mine.expect("active").unread(sent.head.count), 1);
}

/// A room sync from below a change returns the message as it is now, once.
pub async fn a_sync_returns_what_changed(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna"]).await;
    for n in 1..=3 {
        say(&f, &room, &format!("m{n}"), "anna", "hi").await;
    }
    let known = f.head(&room).await.rev;
    let (edited, _) = changed(&f, &room, "m1", edit("ho")).await;
    let (gone, head) = changed(&f, &room, "m2", MessageChange::Delete).await;
    let changes = store.room_changes(&f.app, &room, known, 0, 100).await.expect("room_changes");
    let changes = changes.expect("the room is there");
    assert_eq!(changes.messages, [edited, gone]);
    assert_eq!((changes.rev, changes.more), (head.rev, false));
}

/// A time names one message of the app; a page by time is a page by seq.
pub async fn times_name_messages(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let rooms = [f.group("a", &["anna"]).await, f.group("b", &["anna"]).await];
    let now = f.now();
    let mut sent = Vec::new();
    for n in 0..10 {
        let room = &rooms[n % 2];
        let message = text_message(message_id(&format!("m{n}")), Some("anna"), "hi");
        let mut append = f.append_of(room, f.backend_guard(room).await, message);
        append.now = now;
        let outcome = store.append_message(append).await.expect("append_message");
        sent.push(super::fixtures::stored(outcome).message);
    }
    let times: BTreeSet<Time> = sent.iter().map(|message| message.created_at).collect();
    assert_eq!(times.len(), sent.len(), "no two of one app share a time");
    for message in &sent {
        let found = store.message_at(&f.app, message.created_at).await.expect("message_at");
        assert_eq!(found.as_ref(), Some(message));
        let seq = store.seq_at(&f.app, &message.room, message.created_at).await.expect("seq_at");
        assert_eq!(seq, message.seq);
        let before = Time(message.created_at.0 - 1);
        let seq = store.seq_at(&f.app, &message.room, before).await.expect("seq_at");
        assert_eq!(seq, message.seq - 1);
    }
    assert_eq!(store.message_at(&f.app, Time(1)).await.expect("message_at"), None);
    let other = Fixture::new(store).await;
    let stranger = store.message_at(&other.app, sent[0].created_at).await.expect("message_at");
    assert_eq!(stranger, None, "apps never meet");
    f.store.delete_room(&f.app, &rooms[0], f.now()).await.expect("delete_room");
    let gone = store.message_at(&f.app, sent[0].created_at).await.expect("message_at");
    assert_eq!(gone, None, "a deleted room has no messages");
}

/// What was stored or changed since a time, in pages that lose nothing.
pub async fn changes_since_a_time_are_whole(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna"]).await;
    for n in 0..6 {
        say(&f, &room, &format!("m{n}"), "anna", "hi").await;
    }
    let all = f.history(&room).await;
    changed(&f, &room, "m0", edit("ho")).await;
    changed(&f, &room, "m4", MessageChange::Delete).await;
    let since = async |at: Time, limit: usize| {
        store.messages_since(&f.app, &room, 0, at, limit).await.expect("messages_since")
    };
    let ids = |messages: &[Message]| -> BTreeSet<MessageId> {
        messages.iter().map(|message| message.id.clone()).collect()
    };
    let named = |names: &[&str]| -> BTreeSet<MessageId> {
        names.iter().map(|name| message_id(name)).collect()
    };
    let found = since(all[2].created_at, 100).await;
    assert_eq!(ids(&found), named(&["m0", "m3", "m4", "m5"]));
    assert!(found.iter().any(|message| message.deleted_at.is_some()), "tombstones too");
    assert_eq!(since(Time(0), 100).await.len(), 6);
    let page = since(all[2].created_at, 1).await;
    assert!(page.len() <= 1, "a page holds at most its limit");
    let above = store.messages_since(&f.app, &room, 4, Time(0), 100).await.expect("since");
    assert_eq!(ids(&above), named(&["m4", "m5"]), "what may not be seen is left out");
}

/// A page is empty at the end only, also when all of what it begins with changed later.
pub async fn pages_of_changes_since_a_time_lose_nothing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna"]).await;
    for n in 0..6 {
        say(&f, &room, &format!("m{n}"), "anna", "hi").await;
    }
    let first = f.history(&room).await[2].created_at;
    changed(&f, &room, "m0", edit("ho")).await;
    changed(&f, &room, "m4", MessageChange::Delete).await;
    changed(&f, &room, "m3", MessageChange::Hide(true)).await;
    let later = |message: &Message| {
        let changed = [message.edited_at, message.deleted_at, message.hidden_at];
        changed.into_iter().flatten().fold(message.created_at, Time::max)
    };
    for limit in 1..=5 {
        let (mut since, mut found) = (first, BTreeSet::new());
        loop {
            let page = store.messages_since(&f.app, &room, 0, since, limit).await;
            let page = page.expect("messages_since");
            assert!(page.len() <= limit, "a page holds at most its limit");
            let Some(last) = page.last() else { break };
            since = later(last);
            found.extend(page.iter().map(|message| message.id.to_string()));
        }
        let all = ["m0", "m3", "m4", "m5"].map(str::to_owned);
        assert_eq!(found, BTreeSet::from(all), "in pages of {limit}");
    }
}

/// Channels and users are listed by the bytes of their ids.
pub async fn channels_and_users_are_listed(store: &dyn Store) {
    let f = Fixture::new(store).await;
    for id in ["b", "a", "字", "B"] {
        let mut new = f.new_group(id, &["anna"]);
        new.kind = RoomKind::Channel;
        f.create(new).await;
    }
    f.group("group", &["anna", "ben"]).await;
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(room_id);
        let kind = RoomKind::Channel;
        let rooms = store.rooms_of_kind(&f.app, kind, after.as_ref(), limit).await;
        rooms.expect("rooms_of_kind").into_iter().map(|room| room.id.to_string()).collect()
    };
    assert_eq!(page(None, 10).await, ["B", "a", "b", "字"]);
    assert_eq!(page(Some("a"), 1).await, ["b"]);
    f.store.delete_room(&f.app, &room_id("b"), f.now()).await.expect("delete_room");
    assert_eq!(page(None, 10).await, ["B", "a", "字"]);
    let users = store.users_page(&f.app, Some(&user("anna")), 10).await.expect("users_page");
    assert_eq!(users.iter().map(|u| u.id.as_str()).collect::<Vec<_>>(), ["ben"]);
    let users = store.users_page(&f.app, None, 1).await.expect("users_page");
    assert_eq!(users.iter().map(|u| u.id.as_str()).collect::<Vec<_>>(), ["anna"]);
}

/// Everybody reacts at once: each counts once, and every change has a rev of its own.
pub async fn racing_reactions_are_exact(nodes: &[Arc<dyn Store>]) {
    let store = nodes[0].as_ref();
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna"]).await;
    say(&f, &room, "a", "anna", "hi").await;
    let before = f.head(&room).await.rev;
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        let node = nodes[n % nodes.len()].clone();
        let change = wanted(&f, &room, "a", react(&format!("u{n}"), "👍", true)).await;
        tasks.spawn(async move { node.change_message(change).await.expect("change_message") });
    }
    let mut revs = BTreeSet::new();
    while let Some(done) = tasks.join_next().await {
        match done.expect("no task dies") {
            ChangeMessageOutcome::Changed(changed) => revs.insert(changed.1.rev),
            other => panic!("a reaction was refused: {other:?}"),
        };
    }
    let expected: BTreeSet<u64> = (before + 1..=before + 16).collect();
    assert_eq!(revs, expected, "revs have no hole");
    let query = HistoryQuery { before: None, after: None, above: 0, limit: 1 };
    let page = store.history(&f.app, &room, &query).await.expect("history");
    assert_eq!(page[0].reactions[0].count, 16);
}

/// Rooms that are written to at once, by clocks that say the same, share no time: each time names
/// one message of the app.
pub async fn racing_appends_share_no_time(nodes: &[Arc<dyn Store>]) {
    const EACH: usize = 8;
    let f = Fixture::new(nodes[0].as_ref()).await;
    let now = f.now();
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        let room = f.group(&format!("r{n}"), &["anna"]).await;
        let guard = f.backend_guard(&room).await;
        let sends = (0..EACH).map(|at| {
            let message = text_message(message_id(&format!("m{at}")), Some("anna"), "race");
            let mut append = f.append_of(&room, guard.clone(), message);
            append.now = now;
            append
        });
        let (node, sends) = (nodes[n % nodes.len()].clone(), sends.collect::<Vec<_>>());
        tasks.spawn(async move {
            let mut sent = Vec::with_capacity(EACH);
            for send in sends {
                let outcome = node.append_message(send).await.expect("append_message");
                sent.push(super::fixtures::stored(outcome).message);
            }
            sent
        });
    }
    let mut times = BTreeSet::new();
    for sent in tasks.join_all().await {
        assert!(sent.is_sorted_by(|a, b| a.created_at < b.created_at), "times rise with seq");
        for message in sent {
            assert!(times.insert(message.created_at), "{message:?} shares its time");
            let found = nodes[0].message_at(&f.app, message.created_at).await.expect("message_at");
            assert_eq!(found.as_ref(), Some(&message));
        }
    }
    assert_eq!(times.len(), 16 * EACH);
}
