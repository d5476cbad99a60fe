//! The room list with filters: pinned rooms first, every filter what its predicate says, whole
//! under paging.

use super::fixtures::{ALL, Fixture, room_id, user};
use super::own::{folder, hide, mute, pin, set};
use super::updates::patched;
use crate::ids::{RoomId, direct_room_id};
use crate::model::{
    DirectKey, ListedRoom, Mute, NamePart, Patch, RoomFilter, RoomKind, RoomPatch, Time, UserPatch,
};
use crate::ports::{
    ChangeMessage, ChangeMessageOutcome, ListCursor, MessageChange, RoomListQuery, Store,
};

async fn page(
    f: &Fixture<'_>,
    filter: &RoomFilter,
    after: Option<ListCursor>,
    limit: usize,
) -> Vec<ListedRoom> {
    let query = RoomListQuery {
        after,
        limit,
        include_left: true,
        members_shown: 3,
        filter: filter.clone(),
        now: Time(NOON),
    };
    f.store.room_list(&f.app, &user("anna"), &query).await.expect("room_list")
}

/// When anna looks.
const NOON: i64 = 1_700_000_000_000_000_000;

async fn listed(f: &Fixture<'_>, filter: &RoomFilter) -> Vec<ListedRoom> {
    page(f, filter, None, ALL).await
}

fn ids(rooms: &[ListedRoom]) -> Vec<&str> {
    rooms.iter().map(|listed| listed.room.id.as_str()).collect()
}

fn end_of(rooms: &[ListedRoom]) -> Option<ListCursor> {
    rooms.last().map(|last| ListCursor {
        pinned: last.mine.own.pinned,
        activity_at: last.room.head.activity_at,
        room: last.room.id.clone(),
    })
}

/// A room of anna's and ben's in which ben said something.
async fn lively(f: &Fixture<'_>, id: &str, name: Option<&str>, tags: &[&str]) -> RoomId {
    let mut new = f.new_group(id, &["anna", "ben"]);
    new.name = name.map(str::to_owned);
    new.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let room = f.create(new).await.room.id;
    f.send(&room, "ben", id).await;
    room
}

async fn direct(f: &Fixture<'_>, with: &str, name: Option<&str>) -> RoomId {
    let pair = (user("anna"), user(with));
    let id = direct_room_id(&f.app, (&pair.0, &pair.1), "");
    let mut new = f.new_group(id.as_str(), &["anna", with]);
    new.kind = RoomKind::Direct;
    new.direct = Some(DirectKey::new(pair.0, pair.1, String::new()));
    f.create(new).await;
    let profile = UserPatch {
        name: name.map_or(Patch::Keep, |name| Patch::Set(name.to_owned())),
        ..UserPatch::default()
    };
    f.store.upsert_user(&f.app, &user(with), profile, f.now()).await.expect("upsert_user");
    f.send(&id, with, "hi").await;
    id
}

fn archive(on: bool) -> RoomPatch {
    RoomPatch { archived: Some(on), ..RoomPatch::default() }
}

/// Pinned rooms stand before the others, each part by activity, and pages go on across.
pub async fn pinned_rooms_come_first(store: &dyn Store) {
    let f = Fixture::new(store).await;
    for id in ["a", "b", "c", "d", "e"] {
        lively(&f, id, None, &[]).await;
    }
    let usual = RoomFilter::default();
    assert_eq!(ids(&listed(&f, &usual).await), ["e", "d", "c", "b", "a"]);
    for id in ["d", "a"] {
        set(&f, &room_id(id), "anna", pin(true)).await;
    }
    set(&f, &room_id("e"), "ben", pin(true)).await;
    let all = listed(&f, &usual).await;
    assert_eq!(ids(&all), ["d", "a", "e", "c", "b"], "ben's pin is nothing to anna");
    f.send(&room_id("a"), "ben", "again").await;
    f.send(&room_id("b"), "ben", "again").await;
    let all = listed(&f, &usual).await;
    assert_eq!(ids(&all), ["a", "d", "b", "e", "c"]);
    whole_under_paging(&f, &usual, &all).await;
    set(&f, &room_id("a"), "anna", pin(false)).await;
    assert_eq!(ids(&listed(&f, &usual).await), ["d", "b", "a", "e", "c"]);
}

async fn whole_under_paging(f: &Fixture<'_>, filter: &RoomFilter, all: &[ListedRoom]) {
    for limit in [1, 2, 3, 7] {
        let mut seen = Vec::new();
        loop {
            let next = page(f, filter, end_of(&seen), limit).await;
            assert!(next.len() <= limit, "a page holds at most its limit");
            if next.is_empty() {
                break;
            }
            seen.extend(next);
        }
        assert_eq!(seen, all, "pages of {limit} give the whole list of {filter:?}");
    }
}

/// A list leaves out what is archived or hidden, and shows it when asked.
pub async fn a_list_leaves_out_the_archived_and_the_hidden(store: &dyn Store) {
    let f = Fixture::new(store).await;
    for id in ["plain", "archived", "hidden", "both"] {
        lively(&f, id, None, &[]).await;
    }
    for id in ["archived", "both"] {
        patched(&f, &room_id(id), archive(true)).await;
    }
    for id in ["hidden", "both"] {
        set(&f, &room_id(id), "anna", hide(true)).await;
    }
    let with = |archived, hidden| RoomFilter { archived, hidden, ..RoomFilter::EVERYTHING };
    for (archived, hidden, shown) in [
        (Some(false), Some(false), vec!["plain"]),
        (Some(true), Some(false), vec!["archived"]),
        (Some(false), Some(true), vec!["hidden"]),
        (Some(true), None, vec!["both", "archived"]),
        (None, None, vec!["both", "hidden", "archived", "plain"]),
    ] {
        let filter = with(archived, hidden);
        assert_eq!(ids(&listed(&f, &filter).await), shown, "{filter:?}");
    }
    f.send(&room_id("hidden"), "ben", "are you there?").await;
    patched(&f, &room_id("archived"), archive(false)).await;
    let usual = ["hidden", "archived", "plain"];
    assert_eq!(ids(&listed(&f, &RoomFilter::default()).await), usual, "they are back");
}

/// The newest message is deleted.
async fn take_back(f: &Fixture<'_>, room: &RoomId) {
    let newest = f.history(room).await.pop().expect("a message");
    let change = ChangeMessage {
        app: f.app.clone(),
        room: room.clone(),
        id: newest.id,
        guard: f.backend_guard(room).await,
        seen: None,
        change: MessageChange::Delete,
        by: None,
        now: f.now(),
    };
    let outcome = f.store.change_message(change).await.expect("change_message");
    assert!(matches!(outcome, ChangeMessageOutcome::Changed(_)), "{outcome:?}");
}

/// Rooms that differ in all that filters look at.
async fn many(f: &Fixture<'_>) {
    lively(f, "bikes", Some("Second-hand Bikes"), &["bike", "sale"]).await;
    lively(f, "cars", Some("二手車與腳踏車"), &["sale", "車"]).await;
    lively(f, "unnamed", None, &["bike"]).await;
    lively(f, "archived", Some("Old bikes"), &["bike"]).await;
    patched(f, &room_id("archived"), archive(true)).await;
    let channel = {
        let mut new = f.new_group("channel", &["ben", "anna"]);
        new.kind = RoomKind::Channel;
        new.name = Some("BIKE NEWS".to_owned());
        f.create(new).await.room.id
    };
    f.send(&channel, "anna", "read").await;
    direct(f, "zoe", Some("Zoë Biker")).await;
    let nameless = direct(f, "yan", None).await;
    f.read(&nameless, "anna", 1).await;
    // Unread that is gone: somebody spoke and took it back.
    let gone = lively(f, "gone", Some("gone"), &[]).await;
    take_back(f, &gone).await;
    let left = lively(f, "left", Some("A bike that was left"), &["bike"]).await;
    set(f, &left, "anna", folder("work")).await;
    f.remove(&left, &["anna"]).await;
    let after = RoomPatch {
        name: Patch::Set("secret".to_owned()),
        tags: Some(vec!["secret".to_owned()]),
        archived: Some(true),
        ..RoomPatch::default()
    };
    patched(f, &left, after).await;
    set(f, &room_id("bikes"), "anna", folder("work")).await;
    set(f, &room_id("cars"), "anna", folder("home")).await;
    set(f, &room_id("cars"), "anna", mute(Mute::Until(Time(NOON + 1)))).await;
    set(f, &room_id("unnamed"), "anna", mute(Mute::Until(Time(NOON)))).await;
    set(f, &channel, "anna", mute(Mute::Forever)).await;
    set(f, &room_id("unnamed"), "anna", pin(true)).await;
    set(f, &room_id("gone"), "anna", hide(true)).await;
    set(f, &room_id("archived"), "anna", pin(true)).await;
    // An empty room of her own.
    f.group("empty", &["anna"]).await;
}

/// Every filter, alone and with others, gives the rooms for which its predicate holds, in the
/// list's order, whole under paging.
pub async fn each_filter_is_its_predicate(store: &dyn Store) {
    let f = Fixture::new(store).await;
    many(&f).await;
    let everything = listed(&f, &RoomFilter::EVERYTHING).await;
    assert_eq!(everything.len(), 10, "{:?}", ids(&everything));
    let name = |part: &str| Some(NamePart::new(part));
    let none = RoomFilter::EVERYTHING;
    let mut empty = 0;
    for filter in [
        RoomFilter::default(),
        RoomFilter { kind: Some(RoomKind::Direct), ..none.clone() },
        RoomFilter { kind: Some(RoomKind::Group), ..none.clone() },
        RoomFilter { kind: Some(RoomKind::Channel), ..none.clone() },
        RoomFilter { tag: Some("bike".to_owned()), ..none.clone() },
        RoomFilter { tag: Some("車".to_owned()), ..none.clone() },
        RoomFilter { tag: Some("bik".to_owned()), ..none.clone() },
        RoomFilter { tag: Some("secret".to_owned()), ..none.clone() },
        RoomFilter { unread: true, ..none.clone() },
        RoomFilter { archived: Some(true), ..none.clone() },
        RoomFilter { hidden: Some(true), ..none.clone() },
        RoomFilter { folder: Some("work".to_owned()), ..none.clone() },
        RoomFilter { folder: Some("WORK".to_owned()), ..none.clone() },
        RoomFilter { muted: Some(true), ..none.clone() },
        RoomFilter { muted: Some(false), ..none.clone() },
        RoomFilter { name: name("bike"), ..none.clone() },
        RoomFilter { name: name("腳踏"), ..none.clone() },
        RoomFilter { name: name("車"), ..none.clone() },
        RoomFilter { name: name("ZOË"), ..none.clone() },
        RoomFilter { name: name("YAN"), ..none.clone() },
        RoomFilter { name: name("secret"), ..none.clone() },
        RoomFilter { name: name("%"), ..none.clone() },
        RoomFilter { name: name("b_k"), ..none.clone() },
        RoomFilter { tag: Some("bike".to_owned()), unread: true, ..RoomFilter::default() },
        RoomFilter { name: name("bike"), muted: Some(false), ..RoomFilter::default() },
        RoomFilter {
            kind: Some(RoomKind::Group),
            folder: Some("work".to_owned()),
            name: name("bike"),
            ..none.clone()
        },
    ] {
        let expected: Vec<ListedRoom> =
            everything.iter().filter(|row| filter.holds(row, Time(NOON))).cloned().collect();
        let found = listed(&f, &filter).await;
        assert_eq!(ids(&found), ids(&expected), "{filter:?}");
        assert_eq!(found, expected, "{filter:?}");
        whole_under_paging(&f, &filter, &expected).await;
        empty += usize::from(expected.is_empty());
    }
    assert_eq!(empty, 6, "the others find something");
}

/// What stands in the list's own words, so that the predicate itself is held by something.
pub async fn filters_find_what_people_mean(store: &dyn Store) {
    let f = Fixture::new(store).await;
    many(&f).await;
    let zoe = direct_room_id(&f.app, (&user("anna"), &user("zoe")), "");
    let yan = direct_room_id(&f.app, (&user("anna"), &user("yan")), "");
    let none = RoomFilter::EVERYTHING;
    let name = |part: &str| RoomFilter { name: Some(NamePart::new(part)), ..none.clone() };
    for (filter, mut expected) in [
        (name("bike"), vec!["archived", "left", zoe.as_str(), "channel", "bikes"]),
        (name("二手車"), vec!["cars"]),
        (name("yan"), vec![yan.as_str()]),
        (name("secret"), vec![]),
        (
            RoomFilter { unread: true, ..none.clone() },
            vec!["unnamed", "archived", zoe.as_str(), "cars", "bikes"],
        ),
        (RoomFilter { muted: Some(true), ..none.clone() }, vec!["channel", "cars"]),
        (RoomFilter { hidden: Some(true), ..none.clone() }, vec!["gone"]),
        (RoomFilter { folder: Some("work".to_owned()), ..none.clone() }, vec!["left", "bikes"]),
        (
            RoomFilter { tag: Some("bike".to_owned()), ..none.clone() },
            vec!["unnamed", "archived", "left", "bikes"],
        ),
        (RoomFilter { archived: Some(true), ..none.clone() }, vec!["archived"]),
    ] {
        let rooms = listed(&f, &filter).await;
        let mut found = ids(&rooms);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{filter:?}");
    }
}
