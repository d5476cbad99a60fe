//! Rows as no call of this release leaves them, written by hand: what a node of the release before
//! does, which knows no invitations and no policies, what one of a later release does, and rooms
//! that are full.

use std::sync::Arc;

use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits::ROOM_MEMBERS_MAX;
use snug_core::model::{
    ListedRoom, MemberState, Patch, Role, RoomFilter, RoomKind, RoomPatch, RoomPolicy, Ruled, Time,
};
use snug_core::ports::{
    ChangeMembers, ChangeMembersOutcome, CreateRoomOutcome, Guard, MemberChange, NewRoom,
    RoomListQuery, RoomStore, SyncStore, UpdateRoomOutcome,
};
use snug_postgres::{PostgresConfig, PostgresStore};
use snug_testkit::PgServer;
use tokio_postgres::{Client, NoTls};

fn app() -> AppId {
    AppId::new("app_00000000000000000001").expect("an app id")
}

fn room() -> RoomId {
    RoomId::new("team").expect("a room id")
}

fn user(name: &str) -> UserId {
    UserId::new(name).expect("a user id")
}

async fn opened() -> (Arc<PostgresStore>, Client) {
    let url = PgServer::shared().create_database();
    let store = PostgresStore::connect(PostgresConfig::new(&url, [3; 16])).await.expect("connect");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("connect");
    tokio::runtime::Handle::current().spawn(connection);
    (store, client)
}

/// A room of `anna`, as the backend makes one.
async fn make_room(store: &PostgresStore, policy: RoomPolicy) {
    let new = NewRoom {
        app: app(),
        id: room(),
        kind: RoomKind::Group,
        direct: None,
        name: Some("Team".to_owned()),
        avatar: None,
        description: None,
        custom: None,
        tags: Vec::new(),
        policy,
        invited: Vec::new(),
        creator: Some(user("anna")),
        members: vec![(user("anna"), Role::Owner)],
        epoch: "1".to_owned(),
        message: None,
        now: Time(1),
    };
    let made = store.create_room(new).await;
    assert!(matches!(made, Ok(CreateRoomOutcome::Created(_))), "{made:?}");
}

async fn attempt(store: &PostgresStore, change: MemberChange) -> ChangeMembersOutcome {
    let guard = Guard { room_policy_rev: 1, member: None };
    let (app, room, now) = (app(), room(), Time(2));
    let change = ChangeMembers { app, room, guard, change, announce: None, now };
    store.change_members(change).await.expect("change_members")
}

async fn change(store: &PostgresStore, change: MemberChange) {
    let outcome = attempt(store, change).await;
    assert!(matches!(outcome, ChangeMembersOutcome::Changed(_)), "{outcome:?}");
}

async fn zoes_list(store: &PostgresStore) -> Vec<ListedRoom> {
    let query = RoomListQuery {
        after: None,
        limit: 9,
        include_left: true,
        members_shown: 3,
        filter: RoomFilter::EVERYTHING,
        now: Time(3),
    };
    store.room_list(&app(), &user("zoe"), &query).await.expect("room_list")
}

/// An invitation that ended stands in the row, and an older node that joins the user leaves it
/// there: who is in sees the room, and who left then sees it as it was.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_joined_by_an_older_node_sees_the_room() {
    let (store, client) = opened().await;
    make_room(&store, RoomPolicy::default()).await;
    let (users, by) = (vec![user("zoe")], Some(user("anna")));
    change(&store, MemberChange::Invite { users: users.clone(), role: Role::Member, by }).await;
    change(&store, MemberChange::Remove { users: users.clone() }).await;
    // Something is said, without which nobody but its creator sees the room.
    client.batch_execute("UPDATE rooms SET seq = 1").await.expect("a message");
    let joins =
        "UPDATE members SET state = 'active', left_at = NULL, left_seq = NULL, rev = rev + 1,
        policy_rev = policy_rev + 1 WHERE user_id = 'zoe'";
    client.batch_execute(joins).await.expect("an older node joins");
    let listed = zoes_list(&store).await;
    assert_eq!((listed[0].mine.state, &listed[0].mine.invitation), (MemberState::Active, &None));
    assert_eq!((listed[0].room.head.seq, listed[0].members.len()), (1, 2));
    change(&store, MemberChange::Remove { users }).await;
    let kept = "SELECT invited_at IS NULL FROM members WHERE user_id = 'zoe'";
    let cleared: bool = client.query_one(kept, &[]).await.expect("the row").get(0);
    assert!(cleared, "gone with the leaving");
    client.batch_execute("UPDATE members SET invited_at = 1 WHERE user_id = 'zoe'").await.unwrap();
    let listed = zoes_list(&store).await;
    assert_eq!(listed[0].mine.state, MemberState::Left);
    assert_eq!(listed[0].room.name.as_deref(), Some("Team"), "left through an older node");
    assert_eq!(listed[0].room.head.seq, 1);
}

/// What a room said of who may do what goes with its deletion: an older node that makes it anew
/// leaves the column as it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_made_anew_by_an_older_node_has_no_policy() {
    let (store, client) = opened().await;
    make_room(&store, RoomPolicy([(Ruled::Send, Role::Owner)].into())).await;
    let deleted = store.delete_room(&app(), &room(), Time(2)).await.expect("delete_room");
    assert!(deleted.is_some());
    let revives = "UPDATE rooms SET deleted_at = NULL, epoch = '2', policy_rev = policy_rev + 1";
    client.batch_execute(revives).await.expect("an older node makes it anew");
    let facts = store.room_facts(&app(), &room(), None).await.expect("room_facts");
    assert!(facts.expect("the room").room.policy.is_empty());
}

/// A room that names an operation of a later release is read, and a change of it takes nothing away.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_releases_policy_is_read_and_kept() {
    const LATER: &str = r#"{"fly":"admin","send":"admin"}"#;
    let (store, client) = opened().await;
    make_room(&store, RoomPolicy::default()).await;
    client.execute("UPDATE rooms SET policy = $1", &[&LATER]).await.expect("a later node says it");
    let known = RoomPolicy([(Ruled::Send, Role::Admin)].into());
    let patch = RoomPatch { name: Patch::Set("New".to_owned()), ..RoomPatch::default() };
    let guard = Guard { room_policy_rev: 1, member: None };
    let updated = store.update_room(&app(), &room(), patch, &guard, Time(2)).await;
    let Ok(UpdateRoomOutcome::Updated(updated)) = updated else { panic!("{updated:?}") };
    assert_eq!((updated.name.as_deref(), updated.policy), (Some("New"), known));
    let row = client.query_one("SELECT policy FROM rooms", &[]).await.expect("the row");
    assert_eq!(row.get::<_, &str>(0), LATER);
}

/// An invitation to a room that has filled up since waits until there is room.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_room_lets_nobody_accept() {
    let (store, client) = opened().await;
    make_room(&store, RoomPolicy::default()).await;
    let users = vec![user("zoe")];
    change(&store, MemberChange::Invite { users, role: Role::Member, by: None }).await;
    let filled = async |by: u32| {
        let count = i32::try_from(ROOM_MEMBERS_MAX - by).expect("a count");
        client.execute("UPDATE rooms SET member_count = $1", &[&count]).await.expect("filled");
    };
    let accept = || MemberChange::Accept { user: user("zoe") };
    filled(0).await;
    assert_eq!(attempt(&store, accept()).await, ChangeMembersOutcome::TooMany);
    let facts = store.room_facts(&app(), &room(), Some(&user("zoe"))).await.expect("room_facts");
    let mine = facts.expect("the room").mine.expect("a membership");
    assert_eq!(mine.state, MemberState::Invited, "the invitation stays");
    filled(1).await;
    change(&store, accept()).await;
}
