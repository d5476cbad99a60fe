//! Order, interest and removals at one room, without a socket.

use std::sync::LazyLock;

use serde_json::Value;
use snug_core::ids::{AppId, RoomId, SessionId};
use snug_core::limits;
use snug_core::model::{
    DeliveredTo, Ephemeral, Head, Member, MemberState, Message, MessageKind, Role, Room, RoomKind,
    RoomPolicy, Time, User,
};

use super::super::hub::{Hub, HubParts, Way, Who};
use super::super::mailbox::Mailbox;
use super::super::outbox::Outbox;
use super::super::wire::Nowhere;
use super::*;
use crate::metrics::Metrics;
use crate::tasks::Tasks;

fn app() -> AppId {
    AppId::from_stored("app_00000000000000000000")
}

fn room_id() -> RoomId {
    RoomId::new("room").unwrap()
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

/// A member as a reload finds it, with the rev of its last change.
fn member(name: &str, rev: u64) -> (UserId, u64) {
    (user(name), rev)
}

fn connection(name: &str) -> Arc<Connection> {
    listener(name, None)
}

fn listener(name: &str, mailbox: Option<Mailbox>) -> Arc<Connection> {
    // One hub, so that every connection has a number of its own.
    static HUB: LazyLock<Arc<Hub>> = LazyLock::new(|| {
        let metrics = Arc::new(Metrics::default());
        Hub::new(HubParts { tasks: Tasks::default(), metrics, node: 1 })
    });
    let way = match mailbox {
        Some(mailbox) => Way::Events(mailbox),
        None => Way::Frames(Arc::new(Outbox::new(Nowhere))),
    };
    let session = SessionId::from_stored(&format!("ses_{name}"));
    let (app, user) = (app(), user(name));
    HUB.expect(&Who { app: &app, user: &user, session: &session }, way)
}

/// A room at rev 10 whose last removal was at rev 3, and a connection of each user's.
fn room(names: &[&str]) -> (LocalRoom, Vec<Arc<Connection>>) {
    let mut room = LocalRoom::default();
    let connections: Vec<_> = names.iter().map(|name| connection(name)).collect();
    for connection in &connections {
        assert!(!room.add(false, connection, 10, 3));
    }
    (room, connections)
}

fn event(rev: u64, members_rev: u64, body: RoomEventBody) -> Arc<RoomEvent> {
    let head = Head { seq: rev, rev, members_rev, count: rev, ..Head::default() };
    Arc::new(RoomEvent { app: app(), room: room_id(), head, body })
}

fn message(rev: u64, members_rev: u64) -> Arc<RoomEvent> {
    let message = Message {
        id: snug_core::ids::MessageId::new(&format!("m{rev}")).unwrap(),
        external: None,
        room: room_id(),
        seq: rev,
        rev,
        first_rev: rev,
        sender: None,
        kind: MessageKind::Text,
        text: Some("hi".to_owned()),
        custom: None,
        extras: None,
        silent: false,
        count: rev,
        created_at: Time(0),
        edited_at: None,
        deleted_at: None,
        hidden_at: None,
        pinned_at: None,
        reactions: Vec::new(),
        thread: None,
        thread_summary: None,
        own: None,
    };
    event(rev, members_rev, RoomEventBody::MessageAppended { message })
}

fn members(rev: u64, members_rev: u64, name: &str, state: MemberState) -> Arc<RoomEvent> {
    let id = user(name);
    let user = User {
        id,
        name: None,
        avatar: None,
        locale: None,
        custom: None,
        session_custom: None,
        deactivated_at: None,
        invisible: false,
        created_at: Time(0),
        changed_at: Time(0),
    };
    let (role, joined_at) = (Role::Member, Time(0));
    let members = vec![Member { user, role, state, joined_at, read_seq: 0, rev }];
    let head = message(rev, members_rev).head.clone();
    let room = Arc::new(Room {
        id: room_id(),
        kind: RoomKind::Group,
        direct: None,
        name: None,
        avatar: None,
        description: None,
        custom: None,
        tags: Vec::new(),
        creator: None,
        frozen: false,
        archived: false,
        policy: RoomPolicy::default(),
        created_at: Time(0),
        changed_at: Time(0),
        deleted_at: None,
        epoch: "e".to_owned(),
        min_seq: 0,
        min_rev: 0,
        policy_rev: 1,
        member_count: 2,
        head,
    });
    event(rev, members_rev, RoomEventBody::MembersChanged { members, room })
}

fn removal(rev: u64, name: &str) -> Arc<RoomEvent> {
    members(rev, rev, name, MemberState::Left)
}

/// After a reload, and the time that what is still missing is given.
fn waited(room: &mut LocalRoom) {
    room.go_on();
    room.overdue();
    room.overdue();
}

/// What waits for a connection: event and rev.
fn heard(connection: &Connection) -> Vec<(String, u64)> {
    std::iter::from_fn(|| connection.outbox.take())
        .map(|frame| {
            // Behind the header (RFC 6455, 5.2).
            let begin = match frame[1] {
                0..126 => 2,
                126 => 4,
                _ => 10,
            };
            let frame: Value = serde_json::from_slice(&frame[begin..]).unwrap();
            let rev = frame["data"]["rev"].as_u64().unwrap_or(0);
            (frame["event"].as_str().unwrap().to_owned(), rev)
        })
        .collect()
}

fn heads(revs: &[u64]) -> Vec<(String, u64)> {
    revs.iter().map(|rev| ("room.head".to_owned(), *rev)).collect()
}

const RELOAD: Next = Next { look_later: false, reload: true };
const LATER: Next = Next { look_later: true, reload: false };

#[test]
fn events_out_of_order_are_heard_in_order() {
    let (mut room, c) = room(&["anna"]);
    assert_eq!(room.offer(&message(13, 3)), LATER);
    assert_eq!(room.offer(&message(12, 3)), Next::default());
    assert_eq!(heard(&c[0]), []);
    assert_eq!(room.offer(&message(11, 3)), Next::default());
    assert_eq!(heard(&c[0]), heads(&[11, 12, 13]));
    assert_eq!(room.unordered.first(), None);
}

#[test]
fn what_is_lost_is_not_waited_for_beyond_its_time() {
    let (mut room, c) = room(&["anna"]);
    assert_eq!(room.offer(&message(14, 3)), LATER);
    assert_eq!(room.offer(&message(12, 3)), Next::default());
    assert_eq!(room.overdue(), Next::default());
    assert_eq!(heard(&c[0]), heads(&[12, 14]));
    assert_eq!(room.offer(&message(15, 3)), Next::default());
    assert_eq!(heard(&c[0]), heads(&[15]));
}

#[test]
fn what_began_to_wait_later_has_its_own_time() {
    let (mut room, c) = room(&["anna"]);
    assert_eq!(room.offer(&message(12, 3)), LATER);
    assert_eq!(room.offer(&message(11, 3)), Next::default());
    // 13 is missing since a moment ago; the look is still the one for 11.
    assert_eq!(room.offer(&message(14, 3)), Next::default());
    assert_eq!(room.overdue(), LATER);
    assert_eq!(heard(&c[0]), heads(&[11, 12]));
    assert_eq!(room.offer(&message(13, 3)), Next::default());
    assert_eq!(heard(&c[0]), heads(&[13, 14]));
    assert_eq!(room.overdue(), Next::default());
    assert_eq!(room.offer(&message(16, 3)), LATER);
}

#[test]
fn what_comes_after_its_turn_is_a_gap_and_never_out_of_order() {
    let (mut room, c) = room(&["anna"]);
    let foreign = listener("bert", Some(Mailbox::default()));
    assert!(!room.add(false, &foreign, 10, 3));
    room.offer(&message(13, 3));
    room.overdue();
    room.offer(&message(12, 3));
    room.offer(&message(14, 3));
    room.offer(&message(11, 3));
    // Who sees that 11 and 12 are missing syncs; a wire without a sync gets them late, once.
    assert_eq!(heard(&c[0]), heads(&[13, 14]));
    room.offer(&message(12, 3));
    let mailbox = foreign.mailbox.as_ref().unwrap();
    let mailed: Vec<u64> = std::iter::from_fn(|| mailbox.take())
        .map(|heard| match heard {
            snug_dialects::Heard::Room(event) => event.head.rev,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(mailed, [13, 12, 14, 11]);
}

#[test]
fn what_waits_is_bounded() {
    let (mut room, c) = room(&["anna"]);
    let most = u64::try_from(limits::REORDER_EVENTS_MAX).unwrap();
    for rev in 0..most {
        room.offer(&message(20 + rev, 3));
    }
    assert_eq!(room.unordered.first(), None);
    assert_eq!(heard(&c[0]).len(), limits::REORDER_EVENTS_MAX);
    room.offer(&message(500, 400));
    room.overdue();
    room.overdue();
    assert!(room.reloading);
    for rev in 0..2 * most {
        room.offer(&message(600 + rev, 400));
    }
    let held = std::iter::from_fn(|| room.unordered.pop()).count();
    assert_eq!(held, limits::REORDER_EVENTS_MAX);
    assert_eq!(heard(&c[0]), []);
}

#[test]
fn a_doubled_event_does_no_harm() {
    let (mut room, c) = room(&["anna"]);
    for event in [message(11, 3), message(11, 3), message(12, 3), message(11, 3)] {
        assert_eq!(room.offer(&event), Next::default());
    }
    assert_eq!(heard(&c[0]), heads(&[11, 12]));
    assert_eq!(room.rev, 12);
}

#[test]
fn open_rooms_hear_events_and_the_others_heads() {
    let (mut room, c) = room(&["anna", "bert", "cleo"]);
    assert!(room.set_open(c[0].id, true));
    c[1].set_all(true);
    room.offer(&message(11, 3));
    let typing = RoomEventBody::Typing { user: user("anna"), on: true, text: None };
    room.offer(&event(11, 3, typing));
    room.offer(&event(11, 3, RoomEventBody::Read { user: user("anna"), seq: 1 }));
    room.offer(&event(11, 3, RoomEventBody::Beacon));
    let of = |name: &str| (name.to_owned(), 11);
    let all = ["message.new", "typing", "read", "room.head"];
    for connection in &c[..2] {
        let names: Vec<_> = heard(connection).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, all);
    }
    assert_eq!(heard(&c[2]), [of("room.head"), of("room.head")]);
    room.set_open(c[0].id, false);
    room.offer(&message(12, 3));
    assert_eq!(heard(&c[0]), heads(&[12]));
}

#[test]
fn what_was_delivered_is_for_members_who_have_the_room_open() {
    let (mut room, mut c) = room(&["anna", "bert"]);
    // Who reads a channel without being in it, and another wire, whose mailbox it must not fill.
    c.push(connection("cleo"));
    room.add(true, &c[2], 10, 3);
    c.push(listener("dora", Some(Mailbox::default())));
    room.add(false, &c[3], 10, 3);
    for open in [0, 2, 3] {
        assert!(room.set_open(c[open].id, true));
    }
    let users = vec![DeliveredTo { user: user("bert"), seq: 1 }];
    room.offer(&event(10, 3, RoomEventBody::Delivered { users }));
    assert_eq!(heard(&c[0]), [("delivered".to_owned(), 0)]);
    assert_eq!((heard(&c[1]).len(), heard(&c[2]).len()), (0, 0));
    assert!(c[3].mailbox.as_ref().unwrap().take().is_none());
    assert_eq!(room.rev, 10, "it takes no rev");
}

fn said(to: Option<&[&str]>) -> RoomEventBody {
    let said = Ephemeral {
        id: snug_core::ids::MessageId::new("e1").unwrap(),
        sender: None,
        kind: MessageKind::System,
        text: Some("now".to_owned()),
        custom: None,
        extras: None,
        created_at: Time(0),
        to: to.map(|to| to.iter().map(|name| user(name)).collect()),
    };
    RoomEventBody::Ephemeral { said: Box::new(said) }
}

#[test]
fn what_is_not_kept_is_for_open_rooms_and_for_whom_it_is() {
    let (mut room, mut c) = room(&["anna", "bert", "cleo"]);
    // Another wire has no word for it, and must not hear what is for others.
    c.push(listener("anna", Some(Mailbox::default())));
    room.add(false, &c[3], 10, 3);
    for open in [0, 1, 3] {
        assert!(room.set_open(c[open].id, true));
    }
    room.offer(&event(10, 3, said(None)));
    room.offer(&event(10, 3, said(Some(&["anna", "cleo"]))));
    room.offer(&event(10, 3, said(Some(&[]))));
    assert_eq!((heard(&c[0]).len(), heard(&c[1]).len(), heard(&c[2]).len()), (2, 1, 0));
    assert!(c[3].mailbox.as_ref().unwrap().take().is_none());
    assert_eq!(room.rev, 10, "it takes no rev");
    // Behind a removal that was missed nobody hears it, nor once the list was read again: whoever
    // was there in between is not known.
    assert_eq!(room.offer(&event(11, 11, said(None))), RELOAD);
    room.reloaded(&[user("anna")], &[member("anna", 1)], 11);
    assert_eq!(heard(&c[0]), []);
    // What is worth nothing later never makes a reader a slow one.
    let half = limits::CONNECTION_QUEUE_BYTES_MAX / 2 + 1;
    let _ = c[0].outbox.push(Bytes::from(vec![b' '; half]));
    room.offer(&event(11, 11, said(None)));
    assert_eq!(c[0].outbox.take().map(|bytes| bytes.len()), Some(half));
    assert!(c[0].outbox.take().is_none());
}

#[test]
fn the_removed_hear_of_it_and_nothing_more() {
    let (mut room, c) = room(&["anna", "bert"]);
    assert_eq!(room.offer(&removal(11, "bert")), Next::default());
    room.offer(&message(12, 11));
    assert_eq!(heard(&c[1]), [("members.changed".into(), 11), ("room.left".into(), 11)]);
    assert_eq!(heard(&c[0]), heads(&[11, 12]));
}

/// Who was out then and is in again does not hear who read or typed meanwhile, however late it is
/// told.
#[test]
fn hints_from_before_somebody_came_are_not_told_to_them() {
    let (mut room, c) = room(&["anna", "bert"]);
    room.remove(c[1].id);
    room.add(false, &c[1], 22, 3);
    for connection in &c {
        connection.set_all(true);
    }
    let read = || RoomEventBody::Read { user: user("anna"), seq: 1 };
    let typing = || RoomEventBody::Typing { user: user("anna"), on: true, text: None };
    for (rev, body) in [(21, read()), (21, typing()), (22, read()), (22, typing())] {
        room.offer(&event(rev, 3, body));
    }
    let names =
        |connection| heard(connection).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&c[1]), ["read", "typing"]);
    assert_eq!(names(&c[0]), ["read", "typing", "read", "typing"]);
}

#[test]
fn the_added_are_told_of_themselves() {
    let (mut room, c) = room(&["anna", "bert"]);
    room.offer(&members(11, 3, "bert", MemberState::Active));
    assert_eq!(heard(&c[0]), heads(&[11]));
    assert_eq!(heard(&c[1]), [("members.changed".into(), 11)]);
}

#[test]
fn nobody_hears_an_event_behind_a_removal_that_was_missed() {
    let (mut room, c) = room(&["anna", "bert"]);
    // The event of bert's removal at 11 was lost.
    assert_eq!(room.offer(&message(12, 11)), LATER);
    assert_eq!(room.overdue(), RELOAD);
    assert_eq!(room.offer(&message(13, 11)), Next::default());
    assert_eq!((heard(&c[0]), heard(&c[1])), (vec![], vec![]));
    let asked = room.users();
    let reloaded = room.reloaded(&asked, &[member("anna", 5)], 11);
    assert_eq!(reloaded.out.iter().map(|c| c.user.as_str()).collect::<Vec<_>>(), ["bert"]);
    assert!(!reloaded.again && !reloaded.deleted);
    waited(&mut room);
    assert_eq!((heard(&c[0]), heard(&c[1])), (heads(&[12, 13]), vec![]));
}

#[test]
fn a_removal_does_not_hide_one_that_was_missed() {
    let (mut room, c) = room(&["anna", "bert", "cleo"]);
    // The event of bert's removal at 11 was lost; cleo's at 12 came.
    assert_eq!(room.offer(&removal(12, "cleo")), LATER);
    assert_eq!(room.overdue(), RELOAD);
    let asked = room.users();
    let reloaded = room.reloaded(&asked, &[member("anna", 5)], 12);
    assert_eq!(reloaded.out.len(), 2);
    waited(&mut room);
    room.offer(&message(13, 12));
    assert_eq!(heard(&c[0]), heads(&[12, 13]));
    assert_eq!((heard(&c[1]), heard(&c[2])), (vec![], vec![]));
}

#[test]
fn who_came_while_members_were_read_again_stays_and_is_asked_about() {
    let (mut room, c) = room(&["anna"]);
    room.offer(&message(12, 11));
    assert_eq!(room.overdue(), RELOAD);
    let asked = room.users();
    // Joined after the list was read, and one whose membership was read before the removal.
    let (late, early) = (connection("late"), connection("early"));
    assert!(!room.add(false, &late, 12, 11));
    assert!(!room.add(false, &early, 10, 3));
    let reloaded = room.reloaded(&asked, &[member("anna", 5)], 11);
    assert!(reloaded.out.is_empty() && reloaded.again);
    assert_eq!(room.offer(&message(13, 11)), Next::default());
    waited(&mut room);
    assert_eq!((heard(&c[0]), heard(&late), heard(&early)), (vec![], vec![], vec![]));
    let asked = room.users();
    let reloaded = room.reloaded(&asked, &[member("anna", 5), member("late", 5)], 11);
    assert_eq!(reloaded.out.len(), 1);
    assert!(!reloaded.again);
    waited(&mut room);
    assert_eq!((heard(&late), heard(&early)), (heads(&[12, 13]), vec![]));
}

#[test]
fn an_older_membership_is_asked_about_before_the_room_is_heard() {
    let (mut room, c) = room(&["anna", "bert"]);
    room.offer(&removal(11, "bert"));
    heard(&c[1]);
    // Bert's new connection read its rooms before the removal.
    let again = connection("bert");
    assert!(room.add(false, &again, 10, 3));
    room.offer(&message(12, 11));
    assert_eq!(heard(&again), []);
    let asked = room.users();
    assert_eq!(room.reloaded(&asked, &[member("anna", 5)], 11).out.len(), 1);
    waited(&mut room);
    assert_eq!((heard(&again), heard(&c[0])), (vec![], heads(&[11, 12])));
}

#[test]
fn late_news_of_a_removal_does_not_remove_who_is_back() {
    let (mut room, c) = room(&["anna", "bert"]);
    // Removed at 11 and added at 12 by two requests; the addition's news came first.
    assert!(!room.add(false, &c[1], 12, 11));
    assert_eq!(room.offer(&removal(11, "bert")), Next::default());
    room.offer(&members(12, 11, "bert", MemberState::Active));
    room.offer(&message(13, 11));
    assert!(heard(&c[1]).contains(&("room.head".into(), 13)));
    // And once more, long after.
    room.offer(&removal(11, "bert"));
    assert!(room.has(c[1].id));
}

#[test]
fn who_is_back_hears_nothing_of_the_time_outside() {
    let (mut room, c) = room(&["anna", "bert"]);
    // Removed at 11, added at 13, and that was heard of first.
    assert!(!room.add(false, &c[1], 13, 11));
    room.offer(&removal(11, "bert"));
    room.offer(&message(12, 11));
    room.offer(&members(13, 11, "bert", MemberState::Active));
    room.offer(&message(14, 11));
    assert_eq!(heard(&c[1]), [("members.changed".into(), 13), ("room.head".into(), 14)]);
    assert_eq!(heard(&c[0]), heads(&[11, 12, 13, 14]));
    // A new connection, and the position of another node's last event.
    let again = connection("bert");
    assert!(!room.add(false, &again, 14, 11));
    room.offer(&event(12, 11, RoomEventBody::Beacon));
    room.offer(&event(14, 11, RoomEventBody::Beacon));
    assert_eq!([heard(&again), heard(&c[0])], [heads(&[14]), heads(&[14])]);
}

#[test]
fn who_was_out_and_in_again_hears_nothing_between_where_the_removal_was_missed() {
    // Whether the news that he is back came to himself before that or not at all.
    for was_told in [true, false] {
        let (mut room, c) = room(&["anna", "bert"]);
        // The event of bert's removal at 11 was lost; he was added at 13.
        room.offer(&message(12, 11));
        if was_told {
            room.add(false, &c[1], 13, 11);
        }
        assert_eq!(room.overdue(), RELOAD);
        let asked = room.users();
        let found = [member("anna", 5), member("bert", 13)];
        assert!(room.reloaded(&asked, &found, 11).out.is_empty());
        waited(&mut room);
        room.offer(&members(13, 11, "bert", MemberState::Active));
        assert_eq!(heard(&c[0]), heads(&[12, 13]));
        assert_eq!(heard(&c[1]), [("members.changed".into(), 13)]);
    }
}

#[test]
fn a_deleted_room_is_lost_to_all() {
    let (mut room, c) = room(&["anna", "bert"]);
    room.offer(&event(11, 11, RoomEventBody::RoomDeleted));
    assert!(room.is_empty());
    assert_eq!(heard(&c[0]), [("room.left".into(), 11)]);
    let (mut room, _) = self::room(&["anna", "bert"]);
    room.offer(&event(10, 7, RoomEventBody::Beacon));
    assert!(room.reloading);
    let asked = room.users();
    let reloaded = room.reloaded(&asked, &[], 0);
    assert!(reloaded.deleted && reloaded.out.len() == 2 && !reloaded.again);
}

#[test]
fn each_listens_once_whatever_the_order_they_come_and_go_in() {
    let mut room = LocalRoom::default();
    let all: Vec<_> = (0..100).map(|n| connection(&format!("u{n}"))).collect();
    let numbers: Vec<u64> = all.iter().map(|one| one.id).collect();
    for one in all.iter().rev().chain(&all) {
        room.add(false, one, 10, 3);
    }
    assert_eq!(room.connections(), numbers);
    for one in &all[10..90] {
        assert!(room.has(one.id) && room.remove(one.id));
        assert!(!room.has(one.id) && !room.remove(one.id) && !room.set_open(one.id, true));
    }
    assert_eq!(room.connections(), [&numbers[..10], &numbers[90..]].concat());
    assert!(room.set_open(all[0].id, true) && room.set_open(all[99].id, true));
    room.offer(&message(11, 3));
    assert_eq!(room.told().frames(), 20);
    room.offer(&event(12, 3, RoomEventBody::RoomDeleted));
    assert!(room.is_empty() && room.connections().is_empty());
}
