//! The room list: by activity, whole under paging, and nothing of what came after leaving.

use super::fixtures::{ALL, Fixture, room_id, system_message, user};
use crate::ids::{RoomId, direct_room_id};
use crate::model::{DirectKey, ListedRoom, MemberState, Message, Preview, RoomFilter, RoomKind};
use crate::ports::{
    ChangeMessage, ChangeMessageOutcome, ListCursor, MessageChange, RoomListQuery, Store,
};

async fn page(
    f: &Fixture<'_>,
    name: &str,
    after: Option<ListCursor>,
    limit: usize,
    include_left: bool,
) -> Vec<ListedRoom> {
    let filter = RoomFilter::default();
    let query =
        RoomListQuery { after, limit, include_left, members_shown: 3, filter, now: f.now() };
    f.store.room_list(&f.app, &user(name), &query).await.expect("room_list")
}

async fn listed(f: &Fixture<'_>, name: &str) -> Vec<ListedRoom> {
    page(f, name, None, ALL, false).await
}

fn ids(rooms: &[ListedRoom]) -> Vec<&str> {
    rooms.iter().map(|listed| listed.room.id.as_str()).collect()
}

fn end_of(rooms: &[ListedRoom]) -> Option<ListCursor> {
    rooms.last().map(|last| ListCursor {
        pinned: false,
        activity_at: last.room.head.activity_at,
        room: last.room.id.clone(),
    })
}

/// A group with one message.
async fn lively(f: &Fixture<'_>, id: &str, members: &[&str]) -> RoomId {
    let room = f.group(id, members).await;
    f.send(&room, members[0], id).await;
    room
}

/// The newest message's room comes first; a row is what its room and membership are.
pub async fn the_list_is_by_activity(store: &dyn Store) {
    let f = Fixture::new(store).await;
    for id in ["b", "a", "c"] {
        lively(&f, id, &["anna", "ben"]).await;
    }
    assert_eq!(ids(&listed(&f, "ben").await), ["c", "a", "b"]);
    f.send(&room_id("a"), "anna", "again").await;
    f.read(&room_id("c"), "ben", 1).await;
    let rooms = listed(&f, "ben").await;
    assert_eq!(ids(&rooms), ["a", "c", "b"], "a read is no activity");
    for row in &rooms {
        let facts = f.facts(&row.room.id, "ben").await;
        assert_eq!(row.room, facts.room, "a row's room is the room");
        assert_eq!(Some(&row.mine), facts.mine.as_ref(), "a row's place is ben's");
    }
    let unread = |row: &ListedRoom| row.mine.unread(row.room.head.count);
    assert_eq!(rooms.iter().map(unread).collect::<Vec<_>>(), [2, 0, 1]);
    assert!(listed(&f, "nobody").await.is_empty());
}

/// Pages give every room once, in one order, also when all have the same activity.
pub async fn pages_are_whole_under_ties(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let names = ["a", "B", "b", "_", "~", "10", "9", "é", "字", "a b", "a-b", "ab"];
    let at = f.now();
    for name in names {
        let mut new = f.new_group(name, &["anna"]);
        // Messages never share a time; empty rooms of the user's own do.
        new.now = at;
        f.create(new).await;
    }
    let all = listed(&f, "anna").await;
    let first = all[0].room.head.activity_at;
    assert!(
        all.iter().all(|row| row.room.head.activity_at == first),
        "rooms made at one moment have one time"
    );
    let mut expected = names.to_vec();
    expected.sort_by(|a, b| b.cmp(a));
    assert_eq!(ids(&all), expected, "ties go by room id, descending by bytes");
    for limit in [1, 5, 12, 13] {
        let mut seen = Vec::new();
        loop {
            let next = page(&f, "anna", end_of(&seen), limit, false).await;
            assert!(next.len() <= limit, "a page holds at most its limit");
            if next.is_empty() {
                break;
            }
            seen.extend(next);
        }
        assert_eq!(seen, all, "pages of {limit} give the whole list");
    }
}

/// A room without a message is listed for its creator only, member or not.
pub async fn an_empty_room_is_its_creators(store: &dyn Store) {
    let f = Fixture::new(store).await;
    f.group("inside", &["anna", "ben"]).await;
    let mut outside = f.new_group("outside", &["ben"]);
    outside.creator = Some(user("anna"));
    f.create(outside).await;
    let mut nobodys = f.new_group("nobodys", &["anna", "ben"]);
    nobodys.creator = None;
    f.create(nobodys).await;
    assert_eq!(ids(&listed(&f, "anna").await), ["outside", "inside"]);
    assert!(listed(&f, "ben").await.is_empty());

    f.send(&room_id("nobodys"), "ben", "hi").await;
    f.send(&room_id("outside"), "ben", "hi").await;
    let said = system_message(f.message_id(), r#"{"type":"room_updated"}"#);
    f.append(&room_id("inside"), said).await;
    let all = ["inside", "outside", "nobodys"];
    let annas = listed(&f, "anna").await;
    assert_eq!(ids(&annas), all);
    assert_eq!(ids(&listed(&f, "ben").await), all);
    assert_eq!(annas[1].mine.state, MemberState::Creator);
    assert_eq!(annas[1].mine.unread(annas[1].room.head.count), 0);
}

/// A room that was left is listed when asked for, as it was at the moment of leaving.
pub async fn what_was_left_stays_as_it_was(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let left = lively(&f, "left", &["anna", "ben"]).await;
    let seen = f.send(&left, "anna", "the last that ben sees").await;
    lively(&f, "stays", &["anna", "ben"]).await;
    let change = crate::ports::MemberChange::Remove { users: vec![user("ben")] };
    let said = system_message(f.message_id(), r#"{"type":"members_removed"}"#);
    let removed = f.change(&left, change, Some(said)).await;
    f.send(&left, "anna", "secret").await;
    f.send(&left, "anna", "secret too").await;

    assert_eq!(ids(&listed(&f, "ben").await), ["stays"]);
    let with_left = page(&f, "ben", None, ALL, true).await;
    assert_eq!(ids(&with_left), ["stays", "left"], "ordered by its activity at the leaving");
    let row = &with_left[1];
    assert_eq!(row.mine.state, MemberState::Left);
    assert_eq!(row.mine.left_seq, Some(2));
    let head = &row.room.head;
    assert_eq!((head.seq, head.count), (2, 2), "nothing newer is told");
    assert_eq!(head.rev, removed.room.head.rev, "nothing newer is told");
    assert_eq!(head.preview, Some(Preview::of(&seen.message)));
    assert_eq!(head.activity_at, seen.message.created_at);
    let second = page(&f, "ben", end_of(&with_left[..1]), 1, true).await;
    assert_eq!(ids(&second), ["left"], "a page goes on into what was left");
    let end = page(&f, "ben", end_of(&with_left), 1, true).await;
    assert!(end.is_empty(), "a left room's place is its own activity");

    f.add(&left, &["ben"]).await;
    let back = listed(&f, "ben").await;
    assert_eq!(ids(&back), ["left", "stays"]);
    assert_eq!(back[0].room.head.seq, 5, "who is back sees the room as it is");
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

/// The newest message that a left room shows says no more than the message itself: nothing once it
/// is unsent, and nothing while it is hidden.
pub async fn what_was_left_shows_no_words_that_are_gone(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = lively(&f, "left", &["anna", "ben", "cleo", "dan"]).await;
    let words = f.send(&room, "anna", "words").await.message;
    f.remove(&room, &["ben", "dan"]).await;
    let later = f.send(&room, "anna", "later").await.message;
    f.remove(&room, &["cleo"]).await;
    let shown = async |name: &str| {
        let left = page(&f, name, None, ALL, true).await;
        let preview = left[0].room.head.preview.clone().expect("a preview");
        (preview.seq, preview.text)
    };
    let says = |of: &Message| (of.seq, of.text.clone());
    assert_eq!((shown("ben").await, shown("cleo").await), (says(&words), says(&later)));
    change(&f, &words, MessageChange::Hide(true)).await;
    assert_eq!((shown("ben").await, shown("cleo").await), ((words.seq, None), says(&later)));
    change(&f, &words, MessageChange::Hide(false)).await;
    assert_eq!(shown("ben").await, says(&words), "shown again, as it was");
    let edit = MessageChange::Edit { text: Some("other".to_owned()), custom: None, extras: None };
    change(&f, &words, edit).await;
    assert_eq!(shown("ben").await, says(&words), "what was said then");
    change(&f, &words, MessageChange::Delete).await;
    for name in ["ben", "dan"] {
        assert_eq!(shown(name).await, (words.seq, None), "{name}");
    }
    assert_eq!(shown("cleo").await, says(&later));
}

/// Who is in a room is not for those who left it, nor who was.
pub async fn what_was_left_shows_no_members(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = lively(&f, "left", &["anna", "ben"]).await;
    f.remove(&room, &["ben"]).await;
    f.add(&room, &["zoe"]).await;
    let with_left = page(&f, "ben", None, ALL, true).await;
    assert_eq!(ids(&with_left), ["left"]);
    assert_eq!(with_left[0].members, vec![]);
    f.add(&room, &["ben"]).await;
    assert_eq!(listed(&f, "ben").await[0].members.len(), 3, "who is back sees them");
}

/// A deleted room is in no list.
pub async fn deleted_rooms_are_never_listed(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = lively(&f, "gone", &["anna", "ben", "cleo"]).await;
    f.remove(&room, &["cleo"]).await;
    let deleted = store.delete_room(&f.app, &room, f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    for name in ["anna", "ben", "cleo"] {
        assert!(page(&f, name, None, ALL, true).await.is_empty(), "{name}");
    }
}

/// Nothing is left to list of a room that was deleted, also when another has its id.
pub async fn a_room_made_anew_is_not_what_was_left(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = lively(&f, "again", &["anna", "ben", "cleo"]).await;
    f.remove(&room, &["cleo"]).await;
    let deleted = store.delete_room(&f.app, &room, f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    lively(&f, "again", &["zoe"]).await;
    for name in ["anna", "ben", "cleo"] {
        assert_eq!(page(&f, name, None, ALL, true).await, vec![], "{name}");
    }
    assert_eq!(ids(&listed(&f, "zoe").await), ["again"]);
}

/// A direct room shows its pair, a group the first few of its active members.
pub async fn rows_show_members(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let pair = (user("anna"), user("zoe"));
    let id = direct_room_id(&f.app, (&pair.0, &pair.1), "");
    let mut direct = f.new_group(id.as_str(), &["anna", "zoe"]);
    direct.kind = RoomKind::Direct;
    direct.direct = Some(DirectKey::new(pair.0, pair.1, String::new()));
    f.create(direct).await;
    f.send(&id, "zoe", "hi").await;
    let crowd = ["anna", "ben", "cleo", "dan", "eve", "fay"];
    let group = lively(&f, "group", &crowd).await;
    f.remove(&group, &["ben"]).await;
    lively(&f, "two", &["anna", "ben"]).await;
    let rooms = listed(&f, "anna").await;
    assert_eq!(ids(&rooms), ["two", "group", id.as_str()]);
    for (row, many) in rooms.iter().zip([2, 3, 2]) {
        let all = store.members(&f.app, &row.room.id, None, ALL, false).await;
        let all = all.expect("members");
        assert_eq!(row.members.len(), many, "members shown of {}", row.room.id);
        for member in &row.members {
            assert!(all.contains(member), "{member:?} is an active member");
        }
        let mut shown: Vec<_> = row.members.iter().map(|m| &m.user.id).collect();
        shown.sort();
        shown.dedup();
        assert_eq!(shown.len(), many, "each once");
    }
}

/// A list holds its app's rooms only.
pub async fn apps_never_meet(store: &dyn Store) {
    let (one, two) = (Fixture::new(store).await, Fixture::new(store).await);
    lively(&one, "a", &["anna"]).await;
    lively(&two, "b", &["anna"]).await;
    assert_eq!(ids(&listed(&one, "anna").await), ["a"]);
    assert_eq!(ids(&listed(&two, "anna").await), ["b"]);
}
