//! Rooms: made once, changed under a guard, deleted and made anew.

use super::SMALL_ROOMS_PER_USER;
use super::fixtures::{ALL, Fixture, hashed, json, message_id, room_id, text_message, user, users};
use crate::ids::{RoomId, direct_room_id};
use crate::model::{DirectKey, MemberState, Patch, Role, RoomKind, RoomPatch, Time};
use crate::ports::{
    AppendOutcome, ChangeMembers, ChangeMembersOutcome, CreateRoomOutcome, CreatedRoom,
    HistoryQuery, MemberChange, MembersChanged, Store, UpdateRoomOutcome,
};

/// A create makes the room, its members with their roles and the users nobody made before.
pub async fn create_makes_room_members_and_bare_users(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut new = f.new_group("team", &["anna", "ben", "chloé"]);
    new.name = Some("Team 隊".to_owned());
    new.avatar = Some("https://a.example/1.png".to_owned());
    new.description = Some("about".to_owned());
    new.custom = Some(json(r#"{"b": 1,  "a":[1.50, "\u0000é"]}"#));
    let created = f.create(new.clone()).await;
    assert_eq!(created.message, None, "no message was asked for");

    let room = f.facts(&new.id, "anna").await.room;
    assert_eq!(room.kind, RoomKind::Group);
    assert_eq!(room.name, new.name);
    assert_eq!(room.avatar, new.avatar);
    assert_eq!(room.description, new.description);
    assert_eq!(room.custom, new.custom, "custom JSON comes out as the bytes that went in");
    assert_eq!(room.creator, Some(user("anna")));
    assert_eq!(room.epoch, new.epoch);
    assert!(!room.frozen);
    assert_eq!(room.deleted_at, None);
    assert_eq!(room.member_count, 3);
    assert_eq!(
        (room.head.seq, room.head.rev, room.head.count),
        (0, 1, 0),
        "a room is made at seq 0, rev 1"
    );
    assert_eq!(room.head.preview, None);
    assert_eq!(room.head.activity_at, room.created_at, "without a message, activity is the making");
    assert_eq!(created.room, room, "the answer is what a later reader finds");

    check_members(&f, &created).await;
}

async fn check_members(f: &Fixture<'_>, created: &CreatedRoom) {
    let room = &created.room.id;
    for (name, role) in [("anna", Role::Owner), ("ben", Role::Member), ("chloé", Role::Member)] {
        let mine = f.mine(room, name).await;
        assert_eq!(mine.role, role, "{name}'s role");
        assert_eq!(mine.state, MemberState::Active, "{name}'s state");
        assert_eq!(mine.rev, 1, "{name} joined at the creation's rev");
        assert_eq!(mine.unread(created.room.head.count), 0);
        assert!(
            created.memberships.contains(&mine),
            "the answer holds {name}'s membership as stored"
        );
        let bare = f
            .store
            .user(&f.app, &user(name))
            .await
            .expect("user")
            .unwrap_or_else(|| panic!("{name} was made on the spot"));
        assert_eq!((bare.name, bare.custom), (None, None), "{name} is bare");
    }
    let members = f.store.members(&f.app, room, None, ALL, false).await.expect("members");
    let mut answered = created.members.clone();
    answered.sort_by(|a, b| a.user.id.cmp(&b.user.id));
    assert_eq!(answered, members, "the answer's members are those stored");
}

/// A first message is stored in the create's commit: rev 2, seq 1, unread for the others.
pub async fn create_stores_the_first_message_in_the_same_commit(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut new = f.new_group("team", &["anna", "ben"]);
    new.message = Some(text_message(f.message_id(), Some("anna"), "hello"));
    let created = f.create(new).await;
    let appended = created.message.expect("the first message is answered");
    assert_eq!((appended.message.seq, appended.message.rev), (1, 2));
    assert_eq!(appended.message.first_rev, 2);
    assert_eq!(appended.message.count, 1);
    assert_eq!((appended.head.seq, appended.head.rev, appended.head.count), (1, 2, 1));
    let room = created.room.id;
    assert_eq!(f.head(&room).await, appended.head);
    assert_eq!(f.history(&room).await, vec![appended.message]);
    let anna = f.mine(&room, "anna").await;
    assert_eq!(appended.mine.as_ref(), Some(&anna));
    assert_eq!(anna.unread(1), 0, "the sender has read the own message");
    assert_eq!(anna.read_seq, 1);
    assert_eq!(f.mine(&room, "ben").await.unread(1), 1, "a first message is unread for the others");
}

/// A living room's id is answered with the room, and nothing of the second create is stored.
pub async fn create_again_says_exists_and_stores_nothing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut first = f.new_group("team", &["anna"]);
    first.name = Some("first".to_owned());
    f.create(first).await;
    let before = f.facts(&room_id("team"), "anna").await;

    let mut second = f.new_group("team", &["zoe"]);
    second.name = Some("second".to_owned());
    second.message = Some(text_message(f.message_id(), Some("zoe"), "lost"));
    let outcome = store.create_room(second).await.expect("create_room");
    let CreateRoomOutcome::Exists(room) = outcome else {
        panic!("the id of a living room was made twice: {outcome:?}");
    };
    assert_eq!(*room, before.room, "Exists answers the room that is there");
    assert_eq!(f.facts(&room_id("team"), "anna").await, before, "a second create changes nothing");
    assert_eq!(f.facts(&room.id, "zoe").await.mine, None);
    assert!(f.history(&room.id).await.is_empty());
}

/// A creator who is no member sees the room in the list and is nothing else in it.
pub async fn creator_outside_is_no_member(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut new = f.new_group("team", &["ben"]);
    new.creator = Some(user("anna"));
    let created = f.create(new).await;
    let room = created.room.id;
    assert_eq!(f.mine(&room, "anna").await.state, MemberState::Creator);
    assert_eq!(
        f.facts(&room, "anna").await.room.member_count,
        1,
        "a creator outside is not counted"
    );
    let members = store.members(&f.app, &room, None, ALL, false).await.expect("members");
    assert_eq!(members.len(), 1, "a creator outside is not listed as member");
    let among =
        store.members_among(&f.app, &room, &users(&["anna", "ben"])).await.expect("members_among");
    let ben = f.mine(&room, "ben").await.rev;
    assert_eq!(among, [(user("ben"), ben)]);
    let joined = store.joined_rooms(&f.app, &user("anna")).await.expect("joined_rooms");
    assert!(joined.is_empty(), "a creator outside has not joined");
    let moved =
        store.move_cursor(&f.app, &room, &user("anna"), 1, f.now()).await.expect("move_cursor");
    assert_eq!(moved, None, "a creator outside has no cursor");

    f.send(&room, "ben", "hi").await;
    assert_eq!(f.mine(&room, "anna").await.unread(1), 0, "nothing is unread for a creator outside");
    let joined = f.add(&room, &["anna"]).await;
    assert_eq!(joined.members.len(), 1, "a creator can join later");
    assert_eq!(f.mine(&room, "anna").await.state, MemberState::Active);
}

/// A user who was shut out makes no room and says nothing in a new one, however far the call was.
pub async fn the_deactivated_make_no_room(store: &dyn Store) {
    let f = Fixture::new(store).await;
    f.group("other", &["anna"]).await;
    let out = store.deactivate_user(&f.app, &user("anna"), f.now()).await;
    assert!(out.expect("deactivate_user").is_some());
    let made = f.new_group("team", &["anna", "ben"]);
    let mut outside = f.new_group("team", &["ben"]);
    outside.creator = Some(user("anna"));
    let mut said = f.new_group("team", &["ben", "anna"]);
    said.message = Some(text_message(f.message_id(), Some("anna"), "hi"));
    for new in [&made, &outside, &said] {
        let outcome = store.create_room(new.clone()).await.expect("create_room");
        assert_eq!(outcome, CreateRoomOutcome::CreatorDeactivated);
        let facts = store.room_facts(&f.app, &room_id("team"), None).await;
        assert_eq!(facts.expect("room_facts"), None, "nothing was stored");
        let ben = store.user(&f.app, &user("ben")).await;
        assert_eq!(ben.expect("user"), None, "nor were users made");
    }
    f.group("with", &["ben", "anna"]).await;
    let back = store.reactivate_user(&f.app, &user("anna"), f.now()).await;
    assert!(back.expect("reactivate_user").is_some());
    f.create(said).await;
}

/// A direct room keeps its pair and context.
pub async fn direct_key_is_kept(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let key = DirectKey::new(user("zoe"), user("anna"), "listing 1/字".to_owned());
    let mut new = f.new_group("unused", &["anna", "zoe"]);
    new.kind = RoomKind::Direct;
    new.id = direct_room_id(&f.app, (&key.low, &key.high), &key.context);
    new.direct = Some(key.clone());
    new.creator = None;
    let created = f.create(new).await;
    assert_eq!(created.room.kind, RoomKind::Direct);
    let room = f.facts(&created.room.id, "zoe").await.room;
    assert_eq!(room.direct, Some(key));
    assert_eq!(room.creator, None);
}

/// An update changes what it names, takes one rev and no seq; only freezing moves the policy.
pub async fn update_changes_given_fields_and_takes_a_rev(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut new = f.new_group("team", &["anna"]);
    new.description = Some("stays".to_owned());
    new.avatar = Some("goes".to_owned());
    let before = f.create(new).await.room;
    let patch = RoomPatch {
        name: Patch::Set("new".to_owned()),
        avatar: Patch::Clear,
        custom: Patch::Set(json("[1,  2]")),
        ..RoomPatch::default()
    };
    let after = update(&f, patch).await;
    assert_eq!(after.name.as_deref(), Some("new"));
    assert_eq!(after.avatar, None, "Clear empties the field");
    assert_eq!(after.description.as_deref(), Some("stays"), "Keep keeps the field");
    assert_eq!(after.custom, Some(json("[1,  2]")));
    assert_eq!(after.head.rev, 2, "an update takes one rev");
    assert_eq!((after.head.seq, after.head.members_rev), (0, before.head.members_rev));
    assert_eq!(after.policy_rev, before.policy_rev, "a name is nothing that policy looks at");
    assert_eq!(f.facts(&after.id, "anna").await.room, after);

    let frozen = RoomPatch { frozen: Some(true), ..RoomPatch::default() };
    let after_freeze = update(&f, frozen).await;
    assert!(after_freeze.frozen);
    assert_eq!(after_freeze.head.rev, 3);
    assert!(after_freeze.policy_rev > after.policy_rev, "freezing moves the room's policy_rev");
}

async fn update(f: &Fixture<'_>, patch: RoomPatch) -> crate::model::Room {
    let room = room_id("team");
    let guard = f.backend_guard(&room).await;
    match f.store.update_room(&f.app, &room, patch, &guard, f.now()).await.expect("update_room") {
        UpdateRoomOutcome::Updated(room) => *room,
        other => panic!("an update with a fresh guard gave {other:?}"),
    }
}

/// An update decided on what no longer holds is not stored.
pub async fn update_is_guarded(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let guard = f.guard(&room, "ben").await;
    f.remove(&room, &["ben"]).await;
    let head = f.head(&room).await;
    let patch = RoomPatch { name: Patch::Set("ben's".to_owned()), ..RoomPatch::default() };
    let outcome = store
        .update_room(&f.app, &room, patch.clone(), &guard, f.now())
        .await
        .expect("update_room");
    assert_eq!(outcome, UpdateRoomOutcome::GuardMoved);
    assert_eq!(f.head(&room).await, head, "a refused update takes no rev");
    let outcome = store
        .update_room(&f.app, &room_id("none"), patch, &guard, f.now())
        .await
        .expect("update_room");
    assert_eq!(outcome, UpdateRoomOutcome::RoomNotFound);
}

/// A room that is not there is `None`, and a stranger has no membership.
pub async fn facts_of_strangers_and_of_nothing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna"]).await;
    assert_eq!(f.facts(&room, "stranger").await.mine, None);
    let none =
        store.room_facts(&f.app, &room_id("none"), Some(&user("anna"))).await.expect("room_facts");
    assert_eq!(none, None);
    let backend = store
        .room_facts(&f.app, &room, None)
        .await
        .expect("room_facts")
        .expect("the room is there");
    assert_eq!(backend.mine, None);
}

/// Ids are bytes: neither case, nor accents' composition, nor blanks are folded.
pub async fn ids_are_compared_byte_for_byte(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let ids = ["team", "Team", "TEAM", "team ", "caf\u{e9}", "cafe\u{301}"];
    for id in ids {
        f.group(id, &[id]).await;
    }
    for id in ids {
        let joined = store.joined_rooms(&f.app, &user(id)).await.expect("joined_rooms");
        let rooms: Vec<_> = joined.iter().map(|(room, _)| room.as_str()).collect();
        assert_eq!(rooms, vec![id], "the user {id:?} is in the room {id:?} only");
    }
}

/// A deletion takes a rev that is also a removal's, ends every membership and hides all.
pub async fn delete_ends_everything(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    f.send(&room, "anna", "1").await;
    let before = f.facts(&room, "ben").await;
    let guard = f.guard(&room, "anna").await;
    let head = store
        .delete_room(&f.app, &room, f.now())
        .await
        .expect("delete_room")
        .expect("a living room is deleted");
    assert_eq!(head.rev, before.room.head.rev + 1, "a deletion takes one rev");
    assert_eq!(head.members_rev, head.rev, "a deletion removes everybody at its rev");
    assert_eq!(head.seq, 1);

    let facts = store.room_facts(&f.app, &room, Some(&user("anna"))).await.expect("room_facts");
    assert_eq!(facts, None, "a deleted room is not there");
    let sent = text_message(f.message_id(), Some("anna"), "late");
    assert_eq!(
        f.try_append(&room, guard, sent).await,
        AppendOutcome::RoomNotFound,
        "nothing is stored in a deleted room"
    );
    assert!(f.history(&room).await.is_empty(), "messages are gone");
    let members = store.members(&f.app, &room, None, ALL, false).await;
    assert!(members.expect("members").is_empty());
    let joined = store.joined_rooms(&f.app, &user("ben")).await;
    assert!(joined.expect("joined_rooms").is_empty());
    let changes = store.room_changes(&f.app, &room, 0, 0, ALL).await;
    assert_eq!(changes.expect("room_changes"), None);
    let moved = store.move_cursor(&f.app, &room, &user("ben"), 1, f.now()).await;
    assert_eq!(moved.expect("move_cursor"), None);
    let again = store.delete_room(&f.app, &room, f.now()).await;
    assert_eq!(again.expect("delete_room"), None, "it is gone already");
    let none = store.delete_room(&f.app, &room_id("none"), f.now()).await;
    assert_eq!(none.expect("delete_room"), None);
}

/// A deleted room's id is made anew on the same counters, so that no old client is fooled.
pub async fn deleted_id_is_made_anew_on_the_same_counters(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let old = f.create(f.new_group("team", &["anna", "ben"])).await.room;
    for text in ["1", "2", "3"] {
        f.send(&old.id, "anna", text).await;
    }
    let gone = store
        .delete_room(&f.app, &old.id, f.now())
        .await
        .expect("delete_room")
        .expect("a living room is deleted");

    let mut new = f.new_group("team", &["anna", "zoe"]);
    new.message = Some(text_message(f.message_id(), Some("zoe"), "4"));
    let made = f.create(new.clone()).await;
    let room = f.facts(&old.id, "zoe").await.room;
    let first = made.message.expect("the first message is answered");
    assert_eq!(
        (first.message.seq, first.message.rev, first.message.count),
        (4, gone.rev + 2, 4),
        "seq, rev and count go on"
    );
    assert_eq!(room.head, first.head);
    assert_eq!(room.min_seq, 4, "nothing before is shown");
    assert_eq!(room.min_rev, gone.rev + 1, "nothing before can be synced");
    assert_eq!(room.epoch, new.epoch);
    assert_ne!(room.epoch, old.epoch, "the epoch tells clients to start over");
    assert_eq!(room.deleted_at, None);
    assert_eq!(room.member_count, 2);
    assert_eq!(f.history(&room.id).await, vec![first.message]);
    let ben = f.facts(&room.id, "ben").await.mine;
    assert!(ben.is_none_or(|ben| !ben.is_active()), "only the new members are members");
    assert_eq!(f.mine(&room.id, "anna").await.unread(4), 1);
    assert_eq!(f.mine(&room.id, "zoe").await.unread(4), 0);
}

/// Ids of messages of before a deletion are free again: for the first message and any later one.
pub async fn a_room_made_anew_knows_no_old_message_id(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let of = |id: &str, text: &str| text_message(message_id(id), Some("anna"), text);
    for id in ["x", "y", "z"] {
        f.append(&room, of(id, "old")).await;
    }
    let deleted = store.delete_room(&f.app, &room, f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    let known = async |id: &str| {
        let hit = store.message_by_key(&f.app, &room, &message_id(id)).await;
        hit.expect("message_by_key").map(|hit| hit.message)
    };
    assert_eq!(known("x").await, None, "a deleted room knows no id");

    let mut new = f.new_group("team", &["anna", "zoe"]);
    new.message = Some(of("x", "old"));
    let made = f.create(new).await;
    let first = made.message.expect("the first message is stored, whatever its id").message;
    assert_eq!(first.seq, 4);
    assert_eq!(known("x").await.as_ref(), Some(&first));
    assert_eq!((known("y").await, known("z").await), (None, None));
    // One with the payload of before, one with another.
    let second = f.append(&room, of("y", "old")).await.message;
    let third = f.append(&room, of("z", "new")).await.message;
    assert_eq!((second.seq, third.seq), (5, 6));
    assert_eq!(known("y").await.as_ref(), Some(&second));
    let guard = f.guard(&room, "anna").await;
    assert_eq!(
        f.try_append(&room, guard.clone(), of("y", "old")).await,
        AppendOutcome::Duplicate(Box::new(second.clone())),
        "from here on the id is the new message's"
    );
    assert_eq!(f.try_append(&room, guard, of("z", "old")).await, AppendOutcome::Conflict);
    assert_eq!(f.history(&room).await, vec![first, second, third]);
}

/// The rooms of a new connection: every active membership with its head.
pub async fn joined_rooms_are_the_active_ones(store: &dyn Store) {
    let f = Fixture::new(store).await;
    for id in ["a", "b", "c", "d"] {
        f.group(id, &["anna", "ben"]).await;
    }
    f.send(&room_id("b"), "anna", "hi").await;
    f.remove(&room_id("c"), &["ben"]).await;
    let deleted = store.delete_room(&f.app, &room_id("d"), f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    for first in ["b", "a"] {
        f.send(&room_id(first), "anna", "again").await;
        let second = if first == "a" { "b" } else { "a" };
        let joined = store.joined_rooms(&f.app, &user("ben")).await.expect("joined_rooms");
        let expected = vec![
            (room_id(first), f.head(&room_id(first)).await),
            (room_id(second), f.head(&room_id(second)).await),
        ];
        assert_eq!(joined, expected, "by activity, newest first");
    }
}

/// Nobody joins more rooms than the bound, by whatever door; leaving makes place.
pub async fn a_user_is_in_so_many_rooms_at_most(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut outside = f.new_group("outside", &["ben"]);
    outside.creator = Some(user("anna"));
    f.create(outside).await;
    let names: Vec<String> = (0..SMALL_ROOMS_PER_USER).map(|n| format!("r{n}")).collect();
    for name in &names {
        f.group(name, &["anna"]).await;
    }
    let mut more = f.new_group("more", &["zoe", "anna"]);
    more.message = Some(text_message(f.message_id(), Some("zoe"), "hi"));
    let outcome = store.create_room(more.clone()).await.expect("create_room");
    assert_eq!(outcome, CreateRoomOutcome::TooMany);
    let facts = store.room_facts(&f.app, &room_id("more"), None).await;
    assert_eq!(facts.expect("room_facts"), None, "nothing was stored");
    let zoe = store.user(&f.app, &user("zoe")).await;
    assert_eq!(zoe.expect("user"), None, "nor were users made");

    let others = f.group("others", &["dan"]).await;
    let before = f.facts(&others, "dan").await;
    let add = async |names: &[&str]| {
        let change = ChangeMembers {
            app: f.app.clone(),
            room: others.clone(),
            guard: f.backend_guard(&others).await,
            change: MemberChange::Add { users: users(names), role: Role::Member },
            announce: None,
            now: f.now(),
        };
        store.change_members(change).await.expect("change_members")
    };
    assert_eq!(add(&["eve", "anna"]).await, ChangeMembersOutcome::TooMany);
    assert_eq!(f.facts(&others, "dan").await, before, "nothing was stored");

    f.remove(&room_id("r0"), &["anna"]).await;
    assert!(matches!(add(&["eve", "anna"]).await, ChangeMembersOutcome::Changed(_)));
    assert_eq!(add(&["anna"]).await, unchanged(&f, &others).await, "who is in stays in");
    let deleted = store.delete_room(&f.app, &room_id("r1"), f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    f.create(more).await;
}

async fn unchanged(f: &Fixture<'_>, room: &RoomId) -> ChangeMembersOutcome {
    ChangeMembersOutcome::Changed(Box::new(MembersChanged {
        room: f.facts(room, "dan").await.room,
        members: Vec::new(),
        memberships: Vec::new(),
        announced: None,
    }))
}

/// Two apps with the same ids never meet.
pub async fn apps_never_meet(store: &dyn Store) {
    let (one, two) = (Fixture::new(store).await, Fixture::new(store).await);
    let room = one.group("team", &["anna", "ben"]).await;
    let mut other = two.new_group("team", &["ben"]);
    other.name = Some("two".to_owned());
    two.create(other).await;
    let message = hashed(text_message(one.message_id(), Some("anna"), "one"));
    one.append(&room, message.clone()).await;
    one.read(&room, "ben", 1).await;
    let untouched = two.facts(&room, "ben").await;
    assert_eq!(untouched.room.head.rev, 1, "the other app's room is untouched");
    assert_eq!(untouched.room.name.as_deref(), Some("two"));
    assert_eq!(untouched.room.member_count, 1);
    assert_eq!(untouched.mine.map(|ben| ben.read_seq), Some(0));
    assert_eq!(two.facts(&room, "anna").await.mine, None);
    let key = store.message_by_key(&two.app, &room, &message.id).await;
    assert_eq!(key.expect("message_by_key"), None);
    assert!(two.history(&room).await.is_empty());
    let deleted = store.delete_room(&two.app, &room, two.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    assert_eq!(one.facts(&room, "anna").await.room.deleted_at, None);
    let query = HistoryQuery { before: None, after: None, above: 0, limit: ALL };
    let kept = store.history(&one.app, &room, &query).await;
    assert_eq!(kept.expect("history").len(), 1);
}

/// Times survive to the nanosecond.
pub async fn times_are_kept_to_the_nanosecond(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut new = f.new_group("team", &["anna"]);
    new.now = Time(new.now.0 / 1_000 * 1_000 + 789);
    let made = f.create(new.clone()).await;
    assert_eq!(made.room.created_at, new.now);
    assert_eq!(f.facts(&made.room.id, "anna").await.room.created_at, new.now);
}
