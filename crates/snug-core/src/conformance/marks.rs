//! A user's own marks on messages: the user's alone, numbered, and never lost.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixtures::{
    ALL, Fixture, hashed, message_id, room_id, stored, system_message, text_message, user, users,
};
use super::sessions::open;
use crate::ids::RoomId;
use crate::limits::STARS_PER_USER_MAX;
use crate::model::{
    Extras, Mark, MarkPatch, MarkedMessage, MarksHead, Mentions, Message, Role, RoomFilter,
    ThreadPlace, Time,
};
use crate::ports::{
    ChangeMessage, ChangeMessageOutcome, MarkMessage, MarkOutcome, Marked, MarksAfter,
    MemberChange, MessageChange, NewMessage, NewReply, RoomListQuery, Store, UserSyncQuery,
};

/// Handles of one database, as several servers hold them.
type Nodes = [Arc<dyn Store>];

const STAR: MarkPatch = MarkPatch { starred: Some(true), delete: false };
const UNSTAR: MarkPatch = MarkPatch { starred: Some(false), delete: false };
const DELETE: MarkPatch = MarkPatch { starred: None, delete: true };

fn wanted(f: &Fixture<'_>, name: &str, of: &Message, patch: MarkPatch) -> MarkMessage {
    MarkMessage {
        app: f.app.clone(),
        room: of.room.clone(),
        user: user(name),
        seq: of.seq,
        reply: of.thread.is_some(),
        patch,
        now: f.now(),
    }
}

fn behind(rev: u64, above_seq: u64, limit: usize) -> MarksAfter {
    MarksAfter { rev, above_seq, limit }
}

async fn mark(f: &Fixture<'_>, name: &str, of: &Message, patch: MarkPatch) -> Marked {
    match f.store.mark_message(wanted(f, name, of, patch)).await.expect("mark_message") {
        MarkOutcome::Marked(marked) => *marked,
        other => panic!("a mark that nothing forbids gave {other:?}"),
    }
}

/// The user's marks in a room, as a page of it asks for them.
async fn marks(f: &Fixture<'_>, room: &RoomId, name: &str) -> Vec<(u64, Mark)> {
    let seqs: Vec<u64> = (0..50).collect();
    let found = f.store.marks(&f.app, room, &user(name), &seqs).await.expect("marks");
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_unstable_by_key(|(seq, _)| *seq);
    found
}

async fn after(f: &Fixture<'_>, room: &RoomId, name: &str, rev: u64) -> Vec<MarkedMessage> {
    let found = f.store.marks_after(&f.app, room, &user(name), behind(rev, 0, ALL)).await;
    found.expect("marks_after")
}

async fn starred(f: &Fixture<'_>, name: &str, before: Option<Time>, limit: usize) -> Vec<Message> {
    f.store.starred(&f.app, &user(name), before, limit).await.expect("starred")
}

fn texts(found: &[Message]) -> Vec<&str> {
    found.iter().filter_map(|message| message.text.as_deref()).collect()
}

async fn change(f: &Fixture<'_>, of: &Message, change: MessageChange) {
    let change = ChangeMessage {
        app: f.app.clone(),
        room: of.room.clone(),
        id: of.id.clone(),
        guard: f.backend_guard(&of.room).await,
        seen: None,
        change,
        by: None,
        now: f.now(),
    };
    let outcome = f.store.change_message(change).await.expect("change_message");
    assert!(matches!(outcome, ChangeMessageOutcome::Changed(_)), "{outcome:?}");
}

async fn unread(f: &Fixture<'_>, room: &RoomId, name: &str) -> (u64, u64) {
    let facts = f.facts(room, name).await;
    let mine = facts.mine.expect("a membership");
    (mine.unread(facts.room.head.count), mine.mentions.all)
}

/// Marks take no rev, are in nobody else's view, and are found by the own user's sync.
pub async fn marks_are_the_users_alone(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let said = f.send(&room, "anna", "hi").await.message;
    let (before, bens) = (f.facts(&room, "anna").await, f.mine(&room, "ben").await);
    assert_eq!(before.mine.expect("anna is in").marks, MarksHead::default());
    let since = store.position(f.now()).await.expect("position").at;
    let marked = mark(&f, "anna", &said, STAR).await;
    assert!(marked.changed);
    assert_eq!((marked.mark.rev, marked.mark.deleted), (1, false));
    assert!(marked.mark.starred_at.is_some());
    assert_eq!(marked.mine.marks, MarksHead { rev: 1, deleted_seq: 0 });
    assert_eq!(f.mine(&room, "anna").await, marked.mine, "as stored");
    let session = open(&f, "anna", "phone", "one").await;
    let arrived = store.arrival(&f.app, &user("anna"), &session.id).await.expect("arrival");
    let heard = arrived.expect("anna is there").rooms;
    let heard = heard.iter().find(|joined| joined.room == room).expect("a member hears it");
    assert_eq!(heard.marks, marked.mine.marks, "a connection knows where they stand");
    assert_eq!(f.facts(&room, "anna").await.room, before.room, "the room took no rev");
    assert_eq!(marked.head, before.room.head);
    assert_eq!(f.mine(&room, "ben").await, bens, "nor has anybody else anything of it");
    assert_eq!(marks(&f, &room, "anna").await, [(said.seq, marked.mark)]);
    assert!(marks(&f, &room, "ben").await.is_empty());
    assert_eq!(
        f.history(&room).await,
        std::slice::from_ref(&said),
        "a message is stored without marks"
    );

    let changed = async |name: &str, since| {
        let query = UserSyncQuery { since, after: None, limit: ALL, members_shown: 3 };
        let changes = store.user_changes(&f.app, &user(name), &query, f.now()).await;
        let rooms = changes.expect("user_changes").rooms;
        rooms.into_iter().map(|(_, listed)| listed.mine.marks.rev).collect::<Vec<_>>()
    };
    assert_eq!(changed("anna", since).await, [1], "other devices find it");
    assert!(changed("ben", since).await.is_empty());
    let since = store.position(f.now()).await.expect("position").at;
    let again = mark(&f, "anna", &said, STAR).await;
    assert_eq!(again, Marked { changed: false, ..marked }, "what is so already moves nothing");
    assert!(changed("anna", since).await.is_empty());
}

/// Each change takes the next rev of its user in its room; a device is told the newest mark of each
/// message that changed since, once.
pub async fn marks_are_numbered(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let (room, other) = (f.group("r", &["anna", "ben"]).await, f.group("o", &["anna"]).await);
    let mut said = Vec::new();
    for text in ["a", "b", "c"] {
        said.push(f.send(&room, "anna", text).await.message);
    }
    let elsewhere = f.send(&other, "anna", "x").await.message;
    assert_eq!(mark(&f, "anna", &said[0], STAR).await.mark.rev, 1);
    assert_eq!(mark(&f, "anna", &said[1], STAR).await.mark.rev, 2);
    assert_eq!(mark(&f, "anna", &elsewhere, STAR).await.mark.rev, 1, "each room by itself");
    assert_eq!(mark(&f, "ben", &said[1], STAR).await.mark.rev, 1, "and each user");
    assert_eq!(mark(&f, "anna", &said[0], UNSTAR).await.mark.rev, 3);
    assert_eq!(mark(&f, "anna", &said[2], UNSTAR).await.mark, Mark::default(), "no mark, no row");
    assert_eq!(mark(&f, "anna", &said[2], DELETE).await.mark.rev, 4);
    let brief = |found: &[MarkedMessage]| {
        found.iter().map(|one| (one.seq, one.mark.rev)).collect::<Vec<_>>()
    };
    let all = after(&f, &room, "anna", 0).await;
    assert_eq!(brief(&all), [(2, 2), (1, 3), (3, 4)]);
    assert_eq!(all[1].id, said[0].id);
    assert_eq!(all[1].mark, Mark { starred_at: None, deleted: false, rev: 3 });
    assert_eq!(brief(&after(&f, &room, "anna", 2).await), [(1, 3), (3, 4)]);
    assert!(brief(&after(&f, &room, "anna", 4).await).is_empty());
    assert_eq!(brief(&after(&f, &room, "ben", 0).await), [(2, 1)]);
    let page = store.marks_after(&f.app, &room, &user("anna"), behind(0, 0, 2)).await;
    assert_eq!(brief(&page.expect("marks_after")), [(2, 2), (1, 3)]);
    let page = store.marks_after(&f.app, &room, &user("anna"), behind(0, 2, ALL)).await;
    assert_eq!(brief(&page.expect("marks_after")), [(3, 4)], "what the user may see");
    let found = store.marks(&f.app, &room, &user("anna"), &[3, 9, 1]).await.expect("marks");
    assert_eq!(found.len(), 2, "those that were asked for");
}

/// A deletion for oneself stays, takes the star, and leaves the message as it is.
pub async fn a_deletion_for_oneself_stays(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let said = f.send(&room, "anna", "hi").await.message;
    mark(&f, "ben", &said, STAR).await;
    let gone = mark(&f, "ben", &said, DELETE).await;
    assert_eq!(gone.mark, Mark { starred_at: None, deleted: true, rev: 2 });
    assert_eq!(gone.mine.marks, MarksHead { rev: 2, deleted_seq: said.seq });
    assert!(starred(&f, "ben", None, ALL).await.is_empty());
    for patch in [STAR, UNSTAR, DELETE] {
        let again = mark(&f, "ben", &said, patch).await;
        assert_eq!((again.mark, again.changed), (gone.mark, false), "{patch:?}");
    }
    assert_eq!(f.history(&room).await, std::slice::from_ref(&said));
    assert_eq!(unread(&f, &room, "anna").await, (0, 0));
    // The highest one is told, and a reply in a thread, which no list shows, is none.
    let place = ThreadPlace { id: said.id.clone(), seq: said.seq };
    let thread = Some(NewReply { root: place, author: said.sender.clone() });
    let reply = NewMessage { thread, ..text_message(f.message_id(), Some("anna"), "reply") };
    let reply = f.append(&room, hashed(reply)).await.message;
    let later = f.send(&room, "anna", "later").await.message;
    let newest = f.send(&room, "anna", "newest").await.message;
    mark(&f, "ben", &newest, DELETE).await;
    mark(&f, "ben", &later, DELETE).await;
    let marked = mark(&f, "ben", &reply, DELETE).await;
    assert_eq!(marked.mine.marks, MarksHead { rev: 5, deleted_seq: newest.seq });
}

/// Line 10: what was deleted for oneself is not unread, and calls nobody; whatever reads it.
pub async fn the_deleted_are_not_unread(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let mut said = Vec::new();
    for n in 0..4 {
        let mentions = Mentions { users: users(&["ben"]), ..Mentions::default() };
        let mut calling = text_message(f.message_id(), Some("anna"), &format!("@ben {n}"));
        calling.extras = Some(Box::new(Extras { mentions, ..Extras::default() }));
        said.push(f.append(&room, hashed(calling)).await.message);
    }
    let own = f.send(&room, "ben", "mine").await.message;
    let system = f.append(&room, system_message(f.message_id(), r#"{"type":"x"}"#)).await.message;
    assert_eq!(unread(&f, &room, "ben").await, (4, 4));
    mark(&f, "ben", &own, DELETE).await;
    mark(&f, "ben", &system, DELETE).await;
    assert_eq!(unread(&f, &room, "ben").await, (4, 4), "what never counted");
    mark(&f, "ben", &said[0], STAR).await;
    assert_eq!(unread(&f, &room, "ben").await, (4, 4), "a star reads nothing");
    let marked = mark(&f, "ben", &said[1], DELETE).await;
    assert_eq!((marked.mine.unread(marked.head.count), marked.mine.mentions.all), (3, 3));
    assert_eq!((marked.mine.gone, marked.mine.read_seq), (1, 0), "no cursor moves");
    mark(&f, "ben", &said[2], DELETE).await;
    assert_eq!(unread(&f, &room, "ben").await, (2, 2));
    change(&f, &said[2], MessageChange::Delete).await;
    assert_eq!(unread(&f, &room, "ben").await, (2, 2), "gone for everybody, it is taken off once");
    let (mine, _) = f.read(&room, "ben", said[0].seq).await;
    assert_eq!((mine.gone, mine.mentions.all), (2, 1));
    let query = RoomListQuery {
        after: None,
        limit: ALL,
        include_left: false,
        members_shown: 0,
        filter: RoomFilter { unread: true, ..RoomFilter::EVERYTHING },
        now: f.now(),
    };
    let listed = async || store.room_list(&f.app, &user("ben"), &query).await.expect("room_list");
    assert_eq!(listed().await.len(), 1);
    let mut said_late = text_message(message_id("late"), Some("ben"), "x");
    said_late.read_up_to = Some(said[1].seq);
    let sent = f.append(&room, hashed(said_late)).await;
    let mine = sent.mine.expect("active");
    assert_eq!((mine.unread(sent.head.count), mine.gone), (1, 1), "a send knows it, too");
    mark(&f, "ben", &said[3], DELETE).await;
    assert_eq!(unread(&f, &room, "ben").await, (0, 0));
    assert!(listed().await.is_empty(), "no list of unread rooms has it");
    assert_eq!(unread(&f, &room, "anna").await, (2, 0), "hers are ben's two");
}

/// The stars of all rooms, those given last first; nothing that its user cannot read.
pub async fn stars_are_listed(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let (one, two) = (f.group("one", &["anna", "ben"]).await, f.group("two", &["anna"]).await);
    let a = f.send(&one, "ben", "a").await.message;
    let b = f.send(&two, "anna", "b").await.message;
    let c = f.send(&one, "anna", "c").await.message;
    for message in [&b, &a, &c] {
        mark(&f, "anna", message, STAR).await;
    }
    mark(&f, "ben", &c, STAR).await;
    let found = starred(&f, "anna", None, ALL).await;
    assert_eq!(texts(&found), ["c", "a", "b"], "those starred last first");
    assert_eq!(found[1].room, one);
    let own = found[1].own.expect("its mark");
    assert_eq!((own.rev, own.deleted), (1, false));
    assert_eq!(Message { own: None, ..found[1].clone() }, a);
    assert_eq!(texts(&starred(&f, "anna", None, 2).await), ["c", "a"]);
    assert_eq!(texts(&starred(&f, "anna", own.starred_at, ALL).await), ["b"]);
    assert_eq!(texts(&starred(&f, "ben", None, ALL).await), ["c"]);
    assert!(starred(&f, "zoe", None, ALL).await.is_empty());
    // A star given again is the last one.
    mark(&f, "anna", &b, UNSTAR).await;
    mark(&f, "anna", &b, STAR).await;
    assert_eq!(texts(&starred(&f, "anna", None, ALL).await), ["b", "c", "a"]);
    change(&f, &c, MessageChange::Hide(true)).await;
    assert_eq!(texts(&starred(&f, "anna", None, ALL).await), ["b", "a"]);
    change(&f, &c, MessageChange::Hide(false)).await;
    assert_eq!(texts(&starred(&f, "anna", None, ALL).await), ["b", "c", "a"]);
    change(&f, &c, MessageChange::Delete).await;
    assert_eq!(texts(&starred(&f, "anna", None, ALL).await), ["b", "a"]);
    f.remove(&one, &["anna"]).await;
    assert_eq!(texts(&starred(&f, "anna", None, ALL).await), ["b"], "not of who is out");
    f.add(&one, &["anna"]).await;
    assert_eq!(texts(&starred(&f, "anna", None, ALL).await), ["b", "a"], "found again");
}

/// What is done at once where many things are done.
const AT_ONCE: usize = 32;

async fn crowd(f: &Fixture<'_>, nodes: &Nodes, room: &RoomId, count: usize) -> Vec<Message> {
    let guard = f.guard(room, "anna").await;
    let mut said = Vec::new();
    while said.len() < count {
        let mut tasks = JoinSet::new();
        for at in 0..AT_ONCE.min(count - said.len()) {
            let message = text_message(f.message_id(), Some("anna"), "x");
            let append = f.append_of(room, guard.clone(), message);
            let node = nodes[at % nodes.len()].clone();
            tasks.spawn(async move { node.append_message(append).await.expect("append_message") });
        }
        said.extend(tasks.join_all().await.into_iter().map(|outcome| stored(outcome).message));
    }
    said
}

async fn star_all(f: &Fixture<'_>, nodes: &Nodes, said: &[Message]) {
    for part in said.chunks(AT_ONCE) {
        let mut tasks = JoinSet::new();
        for (at, message) in part.iter().enumerate() {
            let (node, star) = (nodes[at % nodes.len()].clone(), wanted(f, "anna", message, STAR));
            tasks.spawn(async move { node.mark_message(star).await.expect("mark_message") });
        }
        for outcome in tasks.join_all().await {
            assert!(matches!(outcome, MarkOutcome::Marked(_)), "{outcome:?}");
        }
    }
}

/// So many stars of a user, over all rooms. Those that no list shows take no place from new ones:
/// they give way when there is none left. Other marks stay.
pub async fn stars_are_bounded(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let most = STARS_PER_USER_MAX;
    let (one, two) = (f.group("one", &["anna"]).await, f.group("two", &["anna", "ben"]).await);
    let said = crowd(&f, nodes, &one, most + 1).await;
    let mut others = Vec::new();
    for text in ["unsent", "left", "left too"] {
        others.push(f.send(&two, "ben", text).await.message);
    }
    let gone = f.send(&two, "ben", "gone").await.message;
    let deleted = mark(&f, "anna", &gone, DELETE).await.mark;
    star_all(&f, nodes, &others).await;
    star_all(&f, nodes, &said[..most - 3]).await;
    let attempt = async |of: &Message| {
        f.store.mark_message(wanted(&f, "anna", of, STAR)).await.expect("mark_message")
    };
    assert_eq!(attempt(&said[most - 3]).await, MarkOutcome::TooManyStars);
    let again = mark(&f, "anna", &said[0], STAR).await;
    assert!(!again.changed, "a star that is given already is no more than it was");
    mark(&f, "anna", &said[0], UNSTAR).await;
    mark(&f, "anna", &said[0], STAR).await;

    change(&f, &others[0], MessageChange::Delete).await;
    star_all(&f, nodes, &said[most - 3..most - 2]).await;
    assert_eq!(attempt(&said[most - 2]).await, MarkOutcome::TooManyStars);
    f.remove(&two, &["anna"]).await;
    star_all(&f, nodes, &said[most - 2..most]).await;
    assert_eq!(attempt(&said[most]).await, MarkOutcome::TooManyStars);
    f.add(&two, &["anna"]).await;
    assert_eq!(starred(&f, "anna", None, ALL).await.len(), most);
    let left = marks(&f, &two, "anna").await;
    assert_eq!(left, [(gone.seq, deleted)], "what gave way has no row, a deletion has its own");
}

/// A star has a time of its own, whatever the clock does: a page goes on where the last one ended.
pub async fn stars_never_share_a_time(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna"]).await;
    let now = f.now();
    let mut times = Vec::new();
    for back in [0, 0, 5_000_000_000] {
        let said = f.send(&room, "anna", "x").await.message;
        let wanted = MarkMessage { now: Time(now.0 - back), ..wanted(&f, "anna", &said, STAR) };
        let MarkOutcome::Marked(marked) = store.mark_message(wanted).await.expect("mark") else {
            panic!("nothing forbids it");
        };
        times.push(marked.mark.starred_at.expect("a star").millis());
    }
    assert!(times.windows(2).all(|two| two[0] < two[1]), "{times:?}");
}

/// Who is out marks nothing, keeps what was marked, and goes on numbering after it.
pub async fn coming_back_finds_the_marks(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let said = f.send(&room, "anna", "hi").await.message;
    let marked = mark(&f, "ben", &said, DELETE).await;
    f.remove(&room, &["ben"]).await;
    let nowhere = Message { room: room_id("none"), ..said.clone() };
    for (name, of) in [("ben", &said), ("stranger", &said), ("anna", &nowhere)] {
        let out = store.mark_message(wanted(&f, name, of, STAR)).await.expect("mark_message");
        assert_eq!(out, MarkOutcome::NotAMember, "{name}");
    }
    let joined = f.add(&room, &["ben"]).await;
    assert_eq!(joined.memberships[0].marks, marked.mine.marks, "as the answer says");
    assert_eq!(f.mine(&room, "ben").await.marks, marked.mine.marks);
    assert_eq!(marks(&f, &room, "ben").await, [(said.seq, marked.mark)]);
    let next = f.send(&room, "anna", "next").await.message;
    assert_eq!(mark(&f, "ben", &next, STAR).await.mark.rev, 2);
    for seq in [0, next.seq + 1, u64::MAX] {
        let wanted = MarkMessage { seq, ..wanted(&f, "ben", &said, STAR) };
        let none = store.mark_message(wanted).await.expect("mark_message");
        assert_eq!(none, MarkOutcome::MessageNotFound, "{seq}");
    }
}

/// Who is asked back in has the marks as they were, and makes none before accepting.
pub async fn who_is_asked_back_finds_the_marks(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let said = f.send(&room, "anna", "hi").await.message;
    let next = f.send(&room, "anna", "next").await.message;
    mark(&f, "ben", &next, STAR).await;
    let marked = mark(&f, "ben", &said, DELETE).await;
    let ask = || MemberChange::Invite { users: vec![user("ben")], role: Role::Member, by: None };
    f.remove(&room, &["ben"]).await;
    for _ in 0..2 {
        f.change(&room, ask(), None).await;
        let out = store.mark_message(wanted(&f, "ben", &said, STAR)).await.expect("mark_message");
        assert_eq!(out, MarkOutcome::NotAMember, "only asked");
        assert!(starred(&f, "ben", None, ALL).await.is_empty());
        assert_eq!(f.mine(&room, "ben").await.marks, marked.mine.marks);
        f.remove(&room, &["ben"]).await;
    }
    f.change(&room, ask(), None).await;
    f.change(&room, MemberChange::Accept { user: user("ben") }, None).await;
    assert_eq!(f.mine(&room, "ben").await.marks, marked.mine.marks);
    assert_eq!(texts(&starred(&f, "ben", None, ALL).await), ["next"]);
    let later = f.send(&room, "anna", "later").await.message;
    assert_eq!(mark(&f, "ben", &later, STAR).await.mark.rev, marked.mark.rev + 1);
    let news = after(&f, &room, "ben", marked.mark.rev).await;
    assert_eq!(news.len(), 1, "{news:?}");
    assert_eq!(f.mine(&room, "ben").await.marks.deleted_seq, said.seq);
}

/// A room that is made anew is another: no mark of the old one is found, and new ones are newer
/// than what old views hold.
pub async fn a_room_made_anew_has_no_mark(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let old = f.send(&room, "anna", "hi").await.message;
    mark(&f, "anna", &old, STAR).await;
    store.delete_room(&f.app, &room, f.now()).await.expect("delete_room");
    assert!(starred(&f, "anna", None, ALL).await.is_empty());
    assert!(marks(&f, &room, "anna").await.is_empty());
    assert!(after(&f, &room, "anna", 0).await.is_empty());
    f.group("team", &["anna"]).await;
    assert!(starred(&f, "anna", None, ALL).await.is_empty());
    assert!(marks(&f, &room, "anna").await.is_empty());
    assert!(after(&f, &room, "anna", 0).await.is_empty());
    let late = store.mark_message(wanted(&f, "anna", &old, STAR)).await.expect("mark_message");
    assert_eq!(late, MarkOutcome::MessageNotFound);
    let new = f.send(&room, "anna", "new").await.message;
    assert!(mark(&f, "anna", &new, STAR).await.mark.rev > 1);
    assert_eq!(texts(&starred(&f, "anna", None, ALL).await), ["new"]);
}

/// No mark is found from another application, of a room and a user with the same ids.
pub async fn apps_never_meet(store: &dyn Store) {
    let (f, other) = (Fixture::new(store).await, Fixture::new(store).await);
    let room = f.group("same", &["anna"]).await;
    other.group("same", &["anna"]).await;
    let said = f.send(&room, "anna", "here").await.message;
    let theirs = other.send(&room, "anna", "there").await.message;
    mark(&f, "anna", &said, STAR).await;
    assert!(starred(&other, "anna", None, ALL).await.is_empty());
    assert!(marks(&other, &room, "anna").await.is_empty());
    assert!(after(&other, &room, "anna", 0).await.is_empty());
    assert_eq!(other.mine(&room, "anna").await.marks, MarksHead::default());
    mark(&other, "anna", &theirs, DELETE).await;
    assert_eq!(texts(&starred(&f, "anna", None, ALL).await), ["here"]);
}

/// Devices that mark at once lose nothing: each mark has a rev of its own, without a hole.
pub async fn devices_at_once_lose_no_mark(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let rooms = [f.group("one", &["anna"]).await, f.group("two", &["anna"]).await];
    let mut said = Vec::new();
    for n in 0..24_usize {
        said.push(f.send(&rooms[n % 2], "anna", "x").await.message);
    }
    let mut tasks = JoinSet::new();
    for (place, message) in said.iter().enumerate() {
        let node = nodes[place % nodes.len()].clone();
        let wanted = wanted(&f, "anna", message, if place % 3 == 0 { DELETE } else { STAR });
        let room = message.room.clone();
        tasks.spawn(async move {
            match node.mark_message(wanted).await.expect("mark_message") {
                MarkOutcome::Marked(marked) => (room, marked.mark),
                other => panic!("a mark that nothing forbids gave {other:?}"),
            }
        });
    }
    let made = tasks.join_all().await;
    for room in &rooms {
        let mut revs: Vec<u64> =
            made.iter().filter(|(of, _)| of == room).map(|(_, mark)| mark.rev).collect();
        revs.sort_unstable();
        assert_eq!(revs, (1..=12).collect::<Vec<_>>());
        assert_eq!(f.mine(room, "anna").await.marks.rev, 12);
        assert_eq!(after(&f, room, "anna", 0).await.len(), 12);
    }
    let mut times: Vec<_> = made.iter().filter_map(|(_, mark)| mark.starred_at).collect();
    times.sort_unstable();
    times.dedup();
    assert_eq!(times.len(), 16, "and each star a time of its own");
    assert_eq!(starred(&f, "anna", None, ALL).await.len(), 16);
}
