//! Threads: a reply is a message of the room in everything but what counts and what lists show.

use std::sync::Arc;

use super::fixtures::{
    ALL, Dice, Fixture, hashed, json, message_id, room_id, stored, text_message, user, users,
};
use crate::ids::RoomId;
use crate::limits::THREAD_PARTICIPANTS_SHOWN;
use crate::model::{
    Extras, Mentions, Message, MessageKind, RoomFilter, Thread, ThreadMine, ThreadPlace,
    ThreadSummary,
};
use crate::ports::{
    Appended, ChangeMessage, ChangeMessageOutcome, Guard, HistoryQuery, MemberChange,
    MessageChange, NewMessage, NewReply, RoomListQuery, Store, ThreadsQuery,
};

fn under(root: &Message, message: NewMessage) -> NewMessage {
    let place = ThreadPlace { id: root.id.clone(), seq: root.seq };
    let thread = Some(NewReply { root: place, author: root.sender.clone() });
    hashed(NewMessage { thread, ..message })
}

async fn reply(f: &Fixture<'_>, room: &RoomId, root: &Message, name: &str) -> Appended {
    let message = text_message(f.message_id(), Some(name), "in the thread");
    f.append(room, under(root, message)).await
}

fn summary(message: &Message) -> &ThreadSummary {
    message.thread_summary.as_deref().expect("a summary")
}

async fn change(f: &Fixture<'_>, room: &RoomId, of: &Message, change: MessageChange) -> Message {
    let change = ChangeMessage {
        app: f.app.clone(),
        room: room.clone(),
        id: of.id.clone(),
        guard: f.backend_guard(room).await,
        seen: None,
        change,
        by: None,
        now: f.now(),
    };
    match f.store.change_message(change).await.expect("change_message") {
        ChangeMessageOutcome::Changed(changed) => changed.0,
        other => panic!("a change that nothing forbids gave {other:?}"),
    }
}

async fn at(f: &Fixture<'_>, room: &RoomId, of: &Message) -> Message {
    let hit = f.store.message_by_key(&f.app, room, &of.id).await.expect("message_by_key");
    hit.expect("it is there").message
}

async fn mine(f: &Fixture<'_>, room: &RoomId, root: &Message, name: &str) -> ThreadMine {
    f.store.thread_mine(&f.app, room, root.seq, &user(name)).await.expect("thread_mine")
}

async fn read(f: &Fixture<'_>, room: &RoomId, root: &Message, name: &str, seq: u64) -> ThreadMine {
    let read = f.store.read_thread(&f.app, room, root.seq, &user(name), seq).await;
    read.expect("read_thread").expect("an active member")
}

async fn listed(f: &Fixture<'_>, room: &RoomId, name: &str) -> Vec<Thread> {
    let query = ThreadsQuery { user: Some(user(name)), before: None, above: 0, limit: ALL };
    f.store.threads(&f.app, room, &query).await.expect("threads")
}

fn standing(following: bool, read_seq: u64, unread: u64) -> ThreadMine {
    ThreadMine { following, read_seq, unread }
}

/// Seq and rev go on by one as for any message; the counting number stays, also when the reply is
/// gone, and so does everybody's unread of the room.
pub async fn a_reply_takes_its_place_and_counts_nowhere(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let root = f.send(&room, "anna", "root").await.message;
    let sent = reply(&f, &room, &root, "anna").await;
    let one = &sent.message;
    assert_eq!((one.seq, one.rev, one.count), (root.seq + 1, root.rev + 1, root.count));
    let place = one.thread.as_deref().expect("its place");
    assert_eq!((&place.id, place.seq), (&root.id, root.seq));
    assert_eq!((sent.head.seq, sent.head.count), (one.seq, root.count));
    assert!(one.created_at > root.created_at);
    assert_eq!(f.mine(&room, "ben").await.unread(sent.head.count), 1, "the root");
    change(&f, &room, one, MessageChange::Delete).await;
    let head = f.head(&room).await;
    assert_eq!(f.mine(&room, "ben").await.unread(head.count), 1, "a gone reply takes none away");
    let gone = at(&f, &room, one).await;
    assert_eq!(gone.thread, one.thread, "a tombstone keeps its place");
    let (read, _) = f.read(&room, "ben", gone.seq).await;
    assert_eq!(read.unread(head.count), 0);
    let next = f.send(&room, "anna", "after").await;
    assert_eq!((next.message.seq, next.message.count), (gone.seq + 1, root.count + 1));
    assert_eq!(f.mine(&room, "ben").await.unread(next.head.count), 1);
    // Whom a reply mentions is not called in the room.
    let mentions = Mentions { users: users(&["ben"]), ..Mentions::default() };
    let mut calling = text_message(f.message_id(), Some("anna"), "@ben");
    calling.extras = Some(Box::new(Extras { mentions, ..Extras::default() }));
    f.append(&room, under(&root, calling)).await;
    assert_eq!(f.mine(&room, "ben").await.mentions.all, 0);
}

pub async fn a_reply_moves_no_list_and_no_preview(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let other = f.group("other", &["anna", "ben"]).await;
    let root = f.send(&room, "anna", "root").await;
    f.send(&other, "anna", "later").await;
    let sent = reply(&f, &room, &root.message, "ben").await;
    assert_eq!(sent.head.preview, root.head.preview);
    assert_eq!(sent.head.activity_at, root.head.activity_at);
    assert_eq!(f.head(&room).await, sent.head, "what is stored agrees");
    let query = RoomListQuery {
        after: None,
        limit: 50,
        include_left: false,
        members_shown: 5,
        filter: RoomFilter::default(),
        now: f.now(),
    };
    let list = f.store.room_list(&f.app, &user("ben"), &query).await.expect("room_list");
    let ids: Vec<_> = list.iter().map(|row| row.room.id.clone()).collect();
    assert_eq!(ids, [other, room.clone()]);
    assert_eq!(list[1].room.head, sent.head);
    // The preview follows its message, and the next of the room's own takes its place.
    let edit = MessageChange::Edit { text: Some("new".to_owned()), custom: None, extras: None };
    change(&f, &room, &root.message, edit).await;
    let preview = f.head(&room).await.preview.expect("a preview");
    assert_eq!((preview.seq, preview.text.as_deref()), (root.message.seq, Some("new")));
    let next = f.send(&room, "anna", "next").await;
    let preview = next.head.preview.as_ref().expect("a preview");
    assert_eq!((preview.seq, next.head.activity_at), (next.message.seq, next.message.created_at));
}

/// Root and replies alike, by whatever call they come.
pub async fn every_read_tells_the_summary(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let names = ["anna", "ben", "cleo", "dora", "eve", "finn", "gwen"];
    let room = f.group("r", &names).await;
    let root = f.send(&room, "anna", "root").await.message;
    assert_eq!(at(&f, &room, &root).await.thread_summary, None);
    let first = reply(&f, &room, &root, "ben").await.message;
    let mut last = first.clone();
    for name in ["anna", "ben", "cleo", "dora", "eve", "finn", "gwen"] {
        last = reply(&f, &room, &root, name).await.message;
    }
    let now = summary(&last).clone();
    assert_eq!((now.replies, now.last_seq, now.last_at), (8, last.seq, last.created_at));
    assert_eq!(now.rev, last.rev);
    let shown = users(&["ben", "anna", "cleo", "dora", "eve"]);
    assert_eq!((now.participants.len(), &now.participants), (THREAD_PARTICIPANTS_SHOWN, &shown));
    assert_eq!(summary(&at(&f, &room, &root).await), &now);
    let history = f.history(&room).await;
    assert!(history.iter().all(|message| summary(message) == &now), "{history:?}");
    let changes = f.store.room_changes(&f.app, &room, root.rev, 0, ALL).await;
    let changes = changes.expect("room_changes").expect("a room");
    assert_eq!(changes.messages.len(), 8);
    assert!(changes.messages.iter().all(|message| summary(message) == &now));
    let again = under(&root, text_message(first.id.clone(), Some("ben"), "in the thread"));
    let guard = f.guard(&room, "ben").await;
    let outcome = f.try_append(&room, guard, again).await;
    let crate::ports::AppendOutcome::Duplicate(repeat) = outcome else {
        panic!("a repeat gave {outcome:?}");
    };
    assert_eq!(summary(&repeat), &now);
    let plain = f.send(&room, "anna", "elsewhere").await.message;
    assert_eq!((plain.thread, plain.thread_summary), (None, None));
}

pub async fn unsending_lowers_the_count(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let root = f.send(&room, "anna", "root").await.message;
    let one = reply(&f, &room, &root, "ben").await.message;
    let two = reply(&f, &room, &root, "anna").await.message;
    let gone = change(&f, &room, &two, MessageChange::Delete).await;
    let now = summary(&gone).clone();
    assert_eq!((now.replies, now.last_seq, now.last_at), (1, one.seq, one.created_at));
    assert_eq!(now.rev, gone.rev);
    assert_eq!(summary(&at(&f, &room, &root).await), &now);
    let hidden = change(&f, &room, &one, MessageChange::Hide(true)).await;
    assert_eq!((summary(&hidden).replies, summary(&hidden).last_seq), (0, one.seq));
    let back = change(&f, &room, &one, MessageChange::Hide(false)).await;
    assert_eq!((summary(&back).replies, summary(&back).rev), (1, back.rev));
    // A hidden one that is deleted was out of sight already.
    change(&f, &room, &one, MessageChange::Hide(true)).await;
    let gone = change(&f, &room, &one, MessageChange::Delete).await;
    assert_eq!(summary(&gone).replies, 0);
    let root = change(&f, &room, &root, MessageChange::Delete).await;
    assert_eq!(summary(&root).replies, 0, "a root that is gone keeps its thread");
    let three = reply(&f, &room, &root, "ben").await.message;
    assert_eq!((summary(&three).replies, summary(&three).last_seq), (1, three.seq));
}

/// The author of the root, who replies, and who is named there; nobody else.
pub async fn who_takes_part_follows(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben", "cleo", "dora"]).await;
    let root = f.send(&room, "anna", "root").await.message;
    assert_eq!(mine(&f, &room, &root, "anna").await, standing(false, 0, 0));
    let mentions = Mentions { users: users(&["cleo"]), everyone: true, ..Mentions::default() };
    let mut calling = text_message(f.message_id(), Some("ben"), "@cleo");
    calling.extras = Some(Box::new(Extras { mentions, ..Extras::default() }));
    f.append(&room, under(&root, calling)).await;
    for (name, following, unread) in
        [("anna", true, 1), ("ben", true, 0), ("cleo", true, 1), ("dora", false, 1)]
    {
        let expected = standing(following, 0, unread);
        assert_eq!(mine(&f, &room, &root, name).await, expected, "{name}");
    }
    // Who reads a thread does not follow it for that; who replies then does, and has read as far.
    assert_eq!(read(&f, &room, &root, "dora", 2).await, standing(false, 2, 0));
    reply(&f, &room, &root, "dora").await;
    assert_eq!(mine(&f, &room, &root, "dora").await, standing(true, 2, 0));
    // Silent and system ones are no unread, in the room or in a thread.
    let silent = NewMessage { silent: true, ..text_message(f.message_id(), Some("ben"), "x") };
    f.append(&room, under(&root, silent)).await;
    let said = text_message(f.message_id(), None, "x");
    let custom = Some(json(r#"{"type":"x"}"#));
    let said = NewMessage { kind: MessageKind::System, custom, ..said };
    f.append(&room, under(&root, said)).await;
    assert_eq!(mine(&f, &room, &root, "anna").await.unread, 2);
}

/// Line 9: each thread has a cursor of its own.
pub async fn a_cursor_is_monotone_and_its_own(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let root = f.send(&room, "anna", "root").await.message;
    let other = f.send(&room, "anna", "other").await.message;
    let mut replies = Vec::new();
    for _ in 0..3 {
        replies.push(reply(&f, &room, &root, "anna").await.message);
        reply(&f, &room, &other, "anna").await;
    }
    let before = f.mine(&room, "ben").await;
    let second = replies[1].seq;
    assert_eq!(read(&f, &room, &root, "ben", second).await, standing(false, second, 1));
    assert_eq!(read(&f, &room, &root, "ben", 1).await, standing(false, second, 1));
    assert_eq!(mine(&f, &room, &other, "ben").await.unread, 3);
    change(&f, &room, &replies[2], MessageChange::Delete).await;
    assert_eq!(mine(&f, &room, &root, "ben").await, standing(false, second, 0));
    let head = f.head(&room).await;
    assert_eq!(read(&f, &room, &root, "ben", u64::MAX).await.read_seq, head.seq, "capped");
    let after = f.mine(&room, "ben").await;
    assert_eq!((after.read_seq, after.read_rev), (before.read_seq, before.read_rev));
    assert_eq!(f.head(&room).await, head, "no rev is taken");
    // Who is no active member has none.
    let out = f.store.read_thread(&f.app, &room, root.seq, &user("zoe"), 5).await;
    assert_eq!(out.expect("read_thread"), None);
    let nowhere = room_id("nowhere");
    let out = f.store.read_thread(&f.app, &nowhere, root.seq, &user("ben"), 5).await;
    assert_eq!(out.expect("read_thread"), None);
}

pub async fn replies_are_paged(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let root = f.send(&room, "anna", "root").await.message;
    let mut seqs = Vec::new();
    for _ in 0..5 {
        f.send(&room, "anna", "between").await;
        seqs.push(reply(&f, &room, &root, "ben").await.message.seq);
    }
    let gone = f.history(&room).await.into_iter().find(|one| one.seq == seqs[2]);
    change(&f, &room, &gone.expect("it is there"), MessageChange::Delete).await;
    let page = async |before, after, above, limit| {
        let query = HistoryQuery { before, after, above, limit };
        let found = f.store.thread_replies(&f.app, &room, root.seq, &query).await;
        found.expect("thread_replies").iter().map(|one| one.seq).collect::<Vec<_>>()
    };
    assert_eq!(page(None, None, 0, ALL).await, seqs, "tombstones too");
    assert_eq!(page(None, None, 0, 2).await, seqs[3..]);
    assert_eq!(page(Some(seqs[3]), None, 0, 2).await, seqs[1..3]);
    assert_eq!(page(None, Some(seqs[1]), 0, 2).await, seqs[2..4]);
    assert_eq!(page(None, Some(0), seqs[3], ALL).await, seqs[4..]);
    assert_eq!(page(Some(seqs[0]), None, 0, 2).await, Vec::<u64>::new());
}

pub async fn a_rooms_threads_are_listed(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let mut roots = Vec::new();
    for _ in 0..3 {
        roots.push(f.send(&room, "anna", "root").await.message);
    }
    let (a, b, c) = (&roots[0], &roots[1], &roots[2]);
    reply(&f, &room, a, "ben").await;
    reply(&f, &room, b, "anna").await;
    let again = reply(&f, &room, a, "ben").await.message;
    let only = reply(&f, &room, c, "ben").await.message;
    let ids = |found: &[Thread]| found.iter().map(|one| one.root.seq).collect::<Vec<_>>();
    let found = listed(&f, &room, "anna").await;
    assert_eq!(ids(&found), [c.seq, a.seq, b.seq], "those replied to last first");
    assert_eq!(found[1].mine, standing(true, 0, 2));
    assert_eq!(found[1].root, at(&f, &room, a).await, "with its summary");
    assert_eq!(found[2].mine, standing(true, 0, 0));
    let query = ThreadsQuery { user: None, before: Some(only.seq), above: a.seq, limit: 5 };
    let page = f.store.threads(&f.app, &room, &query).await.expect("threads");
    assert_eq!((ids(&page), &page[0].mine), (vec![b.seq], &ThreadMine::default()));
    let query = ThreadsQuery { user: None, before: None, above: 0, limit: 2 };
    let page = f.store.threads(&f.app, &room, &query).await.expect("threads");
    assert_eq!(ids(&page), [c.seq, a.seq]);
    // A thread without a reply in sight is none; an unsent newest one moves its thread back.
    change(&f, &room, &only, MessageChange::Delete).await;
    change(&f, &room, &again, MessageChange::Delete).await;
    assert_eq!(ids(&listed(&f, &room, "anna").await), [b.seq, a.seq]);
}

/// Whoever comes back begins anew.
pub async fn who_is_out_follows_nothing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let root = f.send(&room, "anna", "root").await.message;
    reply(&f, &room, &root, "ben").await;
    read(&f, &room, &root, "ben", 2).await;
    f.remove(&room, &["ben"]).await;
    let out = f.store.read_thread(&f.app, &room, root.seq, &user("ben"), 5).await;
    assert_eq!(out.expect("read_thread"), None);
    f.change(
        &room,
        MemberChange::Add { users: users(&["ben"]), role: crate::model::Role::Member },
        None,
    )
    .await;
    assert_eq!(mine(&f, &room, &root, "ben").await, standing(false, 0, 0));
    assert!(mine(&f, &room, &root, "anna").await.following);
    assert_eq!(summary(&at(&f, &room, &root).await).participants, users(&["ben"]));
    // Nor is the root's author made to follow by a reply while out.
    f.remove(&room, &["anna"]).await;
    reply(&f, &room, &root, "ben").await;
    assert_eq!(mine(&f, &room, &root, "anna").await, standing(false, 0, 0), "out");
    f.add(&room, &["anna"]).await;
    assert!(!mine(&f, &room, &root, "anna").await.following);
    assert!(mine(&f, &room, &root, "ben").await.following);
}

pub async fn a_room_made_anew_has_no_thread(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let root = f.send(&room, "anna", "root").await.message;
    reply(&f, &room, &root, "ben").await;
    let room_there = f.store.delete_room(&f.app, &room, f.now()).await.expect("delete_room");
    assert!(room_there.is_some());
    let query = HistoryQuery { before: None, after: None, above: 0, limit: ALL };
    let replies = async || {
        f.store.thread_replies(&f.app, &room, root.seq, &query).await.expect("thread_replies")
    };
    assert_eq!((replies().await, listed(&f, &room, "anna").await), (Vec::new(), Vec::new()));
    f.group("r", &["anna", "ben"]).await;
    assert_eq!((replies().await, listed(&f, &room, "anna").await), (Vec::new(), Vec::new()));
    assert_eq!(mine(&f, &room, &root, "anna").await, ThreadMine::default());
    let again = f.send(&room, "anna", "root").await;
    assert_eq!(again.head.preview.map(|preview| preview.seq), Some(again.message.seq));
    let one = reply(&f, &room, &again.message, "ben").await.message;
    assert_eq!(summary(&one).replies, 1);
}

/// Line 5: a root's summary changes with a reply's rev, and every reply tells it, so that whoever
/// had the root at some rev has its newest summary after a sync from there.
pub async fn from_any_rev_to_the_same_summary(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben", "cleo"]).await;
    let mut dice = Dice::new(7);
    let mut roots = Vec::new();
    for _ in 0..3 {
        roots.push(f.send(&room, "anna", "root").await.message);
    }
    let mut said: Vec<Message> = Vec::new();
    // What somebody who looked at every rev knows of each root.
    let mut known = Vec::new();
    for _ in 0..30 {
        let root = dice.pick(&roots).clone();
        match dice.roll(4) {
            0 if !said.is_empty() => {
                let of = dice.pick(&said).clone();
                if at(&f, &room, &of).await.deleted_at.is_none() {
                    change(&f, &room, &of, MessageChange::Delete).await;
                }
            }
            _ => {
                let name = *dice.pick(&["anna", "ben", "cleo"]);
                said.push(reply(&f, &room, &root, name).await.message);
            }
        }
        let mut all = Vec::new();
        for root in &roots {
            all.push(at(&f, &room, root).await.thread_summary);
        }
        known.push((f.head(&room).await.rev, all));
    }
    let (_, now) = known.last().cloned().expect("revs");
    for (rev, mut summaries) in known {
        let limit = usize::try_from(1 + dice.roll(4)).expect("small");
        let mut from = rev;
        loop {
            let changes = f.store.room_changes(&f.app, &room, from, 0, limit).await;
            let changes = changes.expect("room_changes").expect("a room");
            for message in &changes.messages {
                let place = message.thread.as_deref().expect("a reply");
                let root = roots.iter().position(|root| root.seq == place.seq).expect("a root");
                let newer = summary(message);
                if summaries[root].as_ref().is_none_or(|had| had.rev < newer.rev) {
                    summaries[root] = Some(Box::new(newer.clone()));
                }
            }
            from = changes.rev;
            if !changes.more {
                break;
            }
        }
        assert_eq!(summaries, now, "from {rev}");
    }
}

/// Many at once, over all nodes, in two threads of one room.
pub async fn racing_replies_are_all_counted(nodes: &[Arc<dyn Store>]) {
    const EACH: u64 = 12;
    let f = Fixture::new(nodes[0].as_ref()).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let roots =
        [f.send(&room, "anna", "root").await.message, f.send(&room, "ben", "root").await.message];
    let guard = f.backend_guard(&room).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..EACH * 2 {
        let store = nodes[usize::try_from(n).expect("small") % nodes.len()].clone();
        let (app, room, guard): (_, _, Guard) = (f.app.clone(), room.clone(), guard.clone());
        let root = roots[usize::from(n % 2 == 0)].clone();
        tasks.spawn(async move {
            let f = Fixture::in_app(store.as_ref(), app);
            let id = message_id(&format!("race-{n}"));
            let name = if n % 3 == 0 { "anna" } else { "ben" };
            let message = under(&root, text_message(id, Some(name), "x"));
            stored(f.try_append(&room, guard, message).await).message
        });
    }
    let mut revs = Vec::new();
    for message in tasks.join_all().await {
        revs.push((summary(&message).rev, message.rev));
    }
    assert!(revs.iter().all(|(summary, own)| summary == own));
    for root in &roots {
        let root = at(&f, &room, root).await;
        assert_eq!((summary(&root).replies, summary(&root).participants.len()), (EACH, 2));
    }
    assert_eq!(f.head(&room).await.seq, 2 + EACH * 2);
}
