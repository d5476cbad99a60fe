//! Unread mentions: whom a message calls is told of it until it is read, and alike by every read.

use super::fixtures::{ALL, Fixture, hashed, json, message_id, text_message, user, users};
use crate::ids::RoomId;
use crate::limits::MENTIONS_COUNTED_MAX;
use crate::model::{Extras, Mentioned, Mentions, MessageKind, Role, RoomFilter, Time};
use crate::ports::{
    AppendOutcome, ChangeMessage, ChangeMessageOutcome, MemberChange, MessageChange, NewMessage,
    RoomListQuery, Store, UserSyncQuery,
};

fn named(names: &[&str]) -> Mentions {
    Mentions { users: users(names), ..Mentions::default() }
}

fn role(role: Role) -> Mentions {
    Mentions { roles: vec![role], ..Mentions::default() }
}

fn everyone() -> Mentions {
    Mentions { everyone: true, ..Mentions::default() }
}

fn calling(id: &str, who: &str, mentions: Mentions) -> NewMessage {
    let plain = text_message(message_id(id), Some(who), "words");
    let extras = Extras { mentions, ..Extras::default() };
    hashed(NewMessage { extras: Some(Box::new(extras)), ..plain })
}

fn counted(all: u64, by_name: u64) -> Mentioned {
    Mentioned { all, by_name }
}

/// What the room itself says, which the list and a sync must say too.
async fn told(f: &Fixture<'_>, room: &RoomId, name: &str) -> Mentioned {
    let mine = f.mine(room, name).await.mentions;
    let query = RoomListQuery {
        after: None,
        limit: 50,
        include_left: true,
        members_shown: 5,
        filter: RoomFilter::default(),
        now: f.now(),
    };
    let list = f.store.room_list(&f.app, &user(name), &query).await.expect("room_list");
    let listed = list.iter().find(|row| row.room.id == *room).expect("it is listed");
    assert_eq!(listed.mine.mentions, mine, "the list agrees");
    let query = UserSyncQuery { since: Time(0), after: None, limit: ALL, members_shown: 5 };
    let changes = f.store.user_changes(&f.app, &user(name), &query, f.now()).await;
    let changes = changes.expect("user_changes");
    let synced = changes.rooms.iter().find(|(_, row)| row.room.id == *room).expect("a change");
    assert_eq!(synced.1.mine.mentions, mine, "a sync agrees");
    mine
}

async fn change(f: &Fixture<'_>, room: &RoomId, id: &str, change: MessageChange) {
    let change = ChangeMessage {
        app: f.app.clone(),
        room: room.clone(),
        id: message_id(id),
        guard: f.backend_guard(room).await,
        seen: None,
        change,
        by: None,
        now: f.now(),
    };
    let outcome = f.store.change_message(change).await.expect("change_message");
    assert!(matches!(outcome, ChangeMessageOutcome::Changed(_)), "{outcome:?}");
}

fn edit(mentions: Option<Mentions>) -> MessageChange {
    let extras = mentions.map(|mentions| Box::new(Extras { mentions, ..Extras::default() }));
    MessageChange::Edit { text: Some("other words".to_owned()), custom: None, extras }
}

/// By id, by role, with everyone; a message that calls in several ways counts once, one's own and
/// those that are not unread never.
pub async fn who_is_called_is_counted(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben", "cleo"]).await;
    let other = f.group("other", &["anna", "ben"]).await;
    f.send(&room, "anna", "nobody").await;
    f.send(&other, "anna", "nobody").await;
    assert_eq!(told(&f, &room, "ben").await, counted(0, 0));
    f.append(&room, calling("a", "anna", named(&["ben", "zoe"]))).await;
    assert_eq!(told(&f, &room, "ben").await, counted(1, 1));
    assert_eq!(told(&f, &room, "cleo").await, counted(0, 0));
    f.append(&room, calling("b", "anna", role(Role::Member))).await;
    f.append(&room, calling("c", "anna", role(Role::Owner))).await;
    f.append(&room, calling("d", "cleo", everyone())).await;
    assert_eq!(told(&f, &room, "ben").await, counted(3, 1));
    assert_eq!(told(&f, &room, "cleo").await, counted(1, 0), "not by the own message");
    assert_eq!(told(&f, &room, "anna").await, counted(1, 0), "not by the own call of owners");
    let all = Mentions { users: users(&["ben"]), roles: vec![Role::Member], everyone: true };
    f.append(&room, calling("e", "anna", all.clone())).await;
    assert_eq!(told(&f, &room, "ben").await, counted(4, 2), "each message once");
    let silent = NewMessage { silent: true, ..calling("f", "anna", all.clone()) };
    f.append(&room, hashed(silent)).await;
    let custom = Some(json(r#"{"type":"x"}"#));
    let said = NewMessage { kind: MessageKind::System, custom, ..calling("g", "anna", all) };
    f.append(&room, hashed(said)).await;
    assert_eq!(told(&f, &room, "ben").await, counted(4, 2), "what is never unread does not call");
    assert_eq!(told(&f, &other, "ben").await, counted(0, 0), "each room by itself");
}

/// What is read calls nobody any more; every answer that has a membership says so.
pub async fn reading_takes_calls_away(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    for n in 1..=4 {
        f.append(&room, calling(&format!("m{n}"), "anna", named(&["ben"]))).await;
    }
    let (mine, _) = f.read(&room, "ben", 1).await;
    assert_eq!(mine.mentions, counted(3, 3));
    let (mine, moved) = f.read(&room, "ben", 1).await;
    assert_eq!((mine.mentions, moved), (counted(3, 3), false), "also where nothing moved");
    let sent = f.send(&room, "ben", "not read yet").await;
    assert_eq!(sent.mine.expect("active").mentions, counted(3, 3));
    let mut said = text_message(message_id("late"), Some("ben"), "x");
    said.read_up_to = Some(3);
    let sent = f.append(&room, said).await;
    assert_eq!(sent.mine.expect("active").mentions, counted(1, 1), "a send reads, too");
    assert_eq!(told(&f, &room, "ben").await, counted(1, 1));
    let (mine, _) = f.read(&room, "ben", 99).await;
    assert_eq!(mine.mentions, counted(0, 0));
    assert_eq!(told(&f, &room, "ben").await, counted(0, 0));
    f.append(&room, calling("new", "anna", everyone())).await;
    assert_eq!(told(&f, &room, "ben").await, counted(1, 0));
}

/// An edit calls and takes back, what is out of sight calls nobody, and may come back.
pub async fn changes_move_calls(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben", "cleo"]).await;
    f.append(&room, calling("m", "anna", named(&["ben"]))).await;
    f.append(&room, text_message(message_id("plain"), Some("anna"), "words")).await;
    change(&f, &room, "m", edit(None)).await;
    assert_eq!(told(&f, &room, "ben").await, counted(1, 1), "other words call the same");
    change(&f, &room, "m", edit(Some(named(&["cleo"])))).await;
    assert_eq!(told(&f, &room, "ben").await, counted(0, 0));
    assert_eq!(told(&f, &room, "cleo").await, counted(1, 1));
    change(&f, &room, "plain", edit(Some(everyone()))).await;
    assert_eq!(told(&f, &room, "ben").await, counted(1, 0), "an edit calls, too");
    assert_eq!(told(&f, &room, "cleo").await, counted(2, 1));
    let react = MessageChange::React { user: user("ben"), key: "x".to_owned(), on: true };
    change(&f, &room, "plain", react).await;
    change(&f, &room, "plain", MessageChange::Hide(true)).await;
    assert_eq!(told(&f, &room, "ben").await, counted(0, 0));
    change(&f, &room, "plain", edit(Some(named(&["ben"])))).await;
    assert_eq!(told(&f, &room, "ben").await, counted(0, 0), "an edit out of sight calls nobody");
    change(&f, &room, "plain", MessageChange::Hide(false)).await;
    assert_eq!(told(&f, &room, "ben").await, counted(1, 1), "and it is what came back");
    change(&f, &room, "plain", MessageChange::Delete).await;
    change(&f, &room, "m", MessageChange::Delete).await;
    for name in ["ben", "cleo"] {
        assert_eq!(told(&f, &room, name).await, counted(0, 0), "{name}");
    }
}

/// The role of now is asked; who comes later or is away is not called.
pub async fn calls_are_for_who_is_there(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    f.append(&room, calling("a", "anna", role(Role::Admin))).await;
    f.append(&room, calling("b", "anna", named(&["ben", "cleo"]))).await;
    assert_eq!(told(&f, &room, "ben").await, counted(1, 1));
    f.add(&room, &["cleo"]).await;
    assert_eq!(told(&f, &room, "cleo").await, counted(0, 0), "called before joining");
    let left = f.remove(&room, &["ben"]).await;
    assert_eq!(left.memberships[0].mentions, counted(0, 0));
    assert_eq!(told(&f, &room, "ben").await, counted(0, 0), "who is away has nothing to read");
    f.append(&room, calling("c", "anna", everyone())).await;
    assert_eq!(told(&f, &room, "ben").await, counted(0, 0));
    assert_eq!(told(&f, &room, "cleo").await, counted(1, 0));
    let back = MemberChange::Add { users: users(&["ben"]), role: Role::Admin };
    f.change(&room, back, None).await;
    assert_eq!(told(&f, &room, "ben").await, counted(0, 0), "nothing of before");
    f.append(&room, calling("d", "anna", role(Role::Admin))).await;
    f.append(&room, calling("e", "anna", role(Role::Member))).await;
    assert_eq!(told(&f, &room, "ben").await, counted(1, 0), "an admin now, and no plain member");
    assert_eq!(told(&f, &room, "cleo").await, counted(2, 0));
}

/// A repeat of a send, and an edit that says the same, call nobody again.
pub async fn a_repeat_calls_once(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    f.append(&room, calling("m", "anna", named(&["ben", "ben"]))).await;
    let guard = f.guard(&room, "anna").await;
    let again = f.try_append(&room, guard, calling("m", "anna", named(&["ben", "ben"]))).await;
    assert!(matches!(again, AppendOutcome::Duplicate(_)), "{again:?}");
    change(&f, &room, "m", edit(Some(named(&["ben"])))).await;
    change(&f, &room, "m", edit(Some(Mentions { everyone: true, ..named(&["ben"]) }))).await;
    assert_eq!(told(&f, &room, "ben").await, counted(1, 1));
}

/// Counted as far as a list shows, whatever waits; the first message of a room calls, too.
pub async fn calls_are_counted_so_far(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let first = Some(calling("first", "anna", everyone()));
    let new = f.new_group("r", &["anna", "ben"]);
    let made = f.create(crate::ports::NewRoom { message: first, ..new }).await;
    let told_first = made.message.expect("the first message");
    assert_eq!(
        (made.room.head.seq + 1, made.room.head.rev + 1),
        (told_first.head.seq, told_first.head.rev),
        "the room is told as it stands before it"
    );
    for mine in &made.memberships {
        assert_eq!((mine.mentions, mine.read_seq), (counted(0, 0), 0), "{}", mine.user);
    }
    assert_eq!(told_first.mine.map(|mine| mine.read_seq), Some(1), "its sender has read it");
    let room = made.room.id;
    assert_eq!(told(&f, &room, "ben").await, counted(1, 0));
    let most = MENTIONS_COUNTED_MAX as u64;
    for n in 0..most {
        f.append(&room, calling(&format!("m{n}"), "anna", named(&["ben"]))).await;
    }
    assert_eq!(told(&f, &room, "ben").await, counted(most, most));
    let sent = f.send(&room, "ben", "with all that unread").await;
    assert_eq!(sent.mine.expect("active").mentions, counted(most, most));
    f.read(&room, "ben", 2).await;
    assert_eq!(told(&f, &room, "ben").await, counted(most - 1, most - 1));
}

/// A room that is made anew calls nobody for what was said in the one before.
pub async fn a_room_made_anew_calls_nobody(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    f.append(&room, calling("m", "anna", everyone())).await;
    f.store.delete_room(&f.app, &room, f.now()).await.expect("delete_room");
    f.group("r", &["anna", "ben"]).await;
    assert_eq!(f.mine(&room, "ben").await.mentions, counted(0, 0));
    f.append(&room, calling("m", "anna", named(&["ben"]))).await;
    assert_eq!(told(&f, &room, "ben").await, counted(1, 1));
}
