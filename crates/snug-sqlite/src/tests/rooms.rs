//! Rooms: who may do what in them, and who is asked in.

use snug_core::limits::ROOM_MEMBERS_MAX;
use snug_core::model::{Patch, RoomPatch, Ruled};
use snug_core::ports::UpdateRoomOutcome;

use super::*;

/// An invitation to a room that has filled up since waits until there is room.
#[tokio::test]
async fn a_full_room_lets_nobody_accept() {
    let store = memory();
    let room = room(&store).await;
    let zoe = UserId::new("zoe").unwrap();
    let attempt = async |change| {
        let wanted = ChangeMembers {
            app: app(1),
            room: room.clone(),
            guard: backend(),
            change,
            announce: None,
            now: Time::from_seconds(2),
        };
        store.change_members(wanted).await.unwrap()
    };
    let fill = async |by: u32| {
        let sql = "UPDATE heads SET member_count = ?1";
        let fill = move |conn: &Connection| conn.execute(sql, [ROOM_MEMBERS_MAX - by]);
        assert_eq!(store.write(None, fill).await, Ok(1));
    };
    let users = vec![zoe.clone()];
    let asked = attempt(MemberChange::Invite { users, role: Role::Member, by: None }).await;
    assert!(matches!(asked, ChangeMembersOutcome::Changed(_)), "{asked:?}");
    fill(0).await;
    let accept = || MemberChange::Accept { user: zoe.clone() };
    assert_eq!(attempt(accept()).await, ChangeMembersOutcome::TooMany);
    let facts = store.room_facts(&app(1), &room, Some(&zoe)).await.unwrap().unwrap();
    assert!(facts.mine.is_some_and(|mine| mine.is_invited()), "the invitation stays");
    fill(1).await;
    let accepted = attempt(accept()).await;
    assert!(matches!(accepted, ChangeMembersOutcome::Changed(_)), "{accepted:?}");
}

/// With a room goes what it said of who may do what, also for a build that does not know of it.
#[tokio::test]
async fn a_deleted_room_says_nothing_of_who_may() {
    let store = memory();
    let room = room(&store).await;
    let said = |conn: &Connection| {
        conn.query_row("SELECT policy IS NOT NULL FROM rooms", [], |row| row.get::<_, bool>(0))
    };
    let policy = Some(RoomPolicy([(Ruled::Send, Role::Owner)].into()));
    let patch = RoomPatch { policy, ..RoomPatch::default() };
    store.update_room(&app(1), &room, patch, &backend(), Time(0)).await.unwrap();
    assert_eq!(store.read(None, said).await, Ok(true));
    assert!(store.delete_room(&app(1), &room, Time::from_seconds(2)).await.unwrap().is_some());
    assert_eq!(store.read(None, said).await, Ok(false));
}

/// A room that names an operation of a later build is read, and a change of it takes nothing away.
#[tokio::test]
async fn a_later_builds_policy_is_read_and_kept() {
    const LATER: &str = r#"{"fly":"admin","send":"admin"}"#;
    let store = memory();
    let room = room(&store).await;
    let say = |conn: &Connection| conn.execute("UPDATE rooms SET policy = ?1", [LATER]);
    assert_eq!(store.write(None, say).await, Ok(1));
    let patch = RoomPatch { name: Patch::Set("New".to_owned()), ..RoomPatch::default() };
    let updated = store.update_room(&app(1), &room, patch, &backend(), Time(0)).await.unwrap();
    let UpdateRoomOutcome::Updated(updated) = updated else { panic!("{updated:?}") };
    assert_eq!(updated.policy, RoomPolicy([(Ruled::Send, Role::Admin)].into()));
    let kept = |conn: &Connection| {
        conn.query_row("SELECT policy FROM rooms", [], |row| row.get::<_, String>(0))
    };
    assert_eq!(store.read(None, kept).await.as_deref(), Ok(LATER));
}
