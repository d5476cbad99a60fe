//! Invitations: who is invited is no member, accepting is joining, and whatever else ends an
//! invitation leaves nothing of the room to be seen.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::SMALL_ROOMS_PER_USER;
use super::fixtures::{ALL, Fixture, json, room_id, system_message, text_message, user, users};
use super::own::set;
use super::updates::patched;
use crate::ids::RoomId;
use crate::limits::{INVITATIONS_PER_ROOM_MAX, INVITATIONS_PER_USER_MAX};
use crate::model::{
    ListedRoom, MemberState, Membership, OwnPatch, Patch, Role, RoomFilter, RoomPatch, Time,
};
use crate::ports::{
    AppendOutcome, ChangeMembers, ChangeMembersOutcome, CreateRoomOutcome, Guard, MemberChange,
    MembersChanged, RoomListQuery, Store, UserSyncQuery,
};

/// Handles of one database, as several servers hold them.
type Nodes = [Arc<dyn Store>];

fn invite(names: &[&str], role: Role) -> MemberChange {
    MemberChange::Invite { users: users(names), role, by: Some(user("anna")) }
}

fn accept(name: &str) -> MemberChange {
    MemberChange::Accept { user: user(name) }
}

async fn invited(f: &Fixture<'_>, room: &RoomId, names: &[&str]) -> MembersChanged {
    f.change(room, invite(names, Role::Member), None).await
}

async fn listed(f: &Fixture<'_>, name: &str, left: bool, filter: RoomFilter) -> Vec<ListedRoom> {
    let query = RoomListQuery {
        after: None,
        limit: ALL,
        include_left: left,
        members_shown: 3,
        filter,
        now: f.now(),
    };
    f.store.room_list(&f.app, &user(name), &query).await.expect("room_list")
}

async fn changed(f: &Fixture<'_>, name: &str, since: Time) -> Vec<ListedRoom> {
    let query = UserSyncQuery { since, after: None, limit: ALL, members_shown: 3 };
    let found = f.store.user_changes(&f.app, &user(name), &query, f.now()).await;
    found.expect("user_changes").rooms.into_iter().map(|(_, listed)| listed).collect()
}

async fn position(f: &Fixture<'_>) -> Time {
    f.store.position(f.now()).await.expect("position").at
}

async fn names(f: &Fixture<'_>, room: &RoomId, invited: bool) -> Vec<(String, MemberState)> {
    let found = f.store.members(&f.app, room, None, ALL, invited).await.expect("members");
    found.into_iter().map(|one| (one.user.id.to_string(), one.state)).collect()
}

/// A group with everything that an invitation does not show.
async fn lively(f: &Fixture<'_>, id: &str) -> RoomId {
    let mut new = f.new_group(id, &["anna", "ben"]);
    new.name = Some("Team".to_owned());
    new.avatar = Some("/team.png".to_owned());
    new.description = Some("secret".to_owned());
    new.custom = Some(json(r#"{"secret":1}"#));
    new.tags = vec!["secret".to_owned()];
    let room = f.create(new).await.room.id;
    f.send(&room, "anna", "secret").await;
    room
}

/// The room as an invitation shows it.
fn shows_little(row: &ListedRoom, name: Option<&str>, members: u32) {
    let room = &row.room;
    assert_eq!((room.name.as_deref(), room.member_count), (name, members));
    assert!(room.description.is_none() && room.custom.is_none() && room.tags.is_empty());
    assert!(room.creator.is_none() && room.policy.is_empty() && row.members.is_empty());
    let head = &room.head;
    assert_eq!((head.seq, head.count, &head.preview), (0, 0, &None));
    assert_eq!(
        (head.rev, head.members_rev, head.room_rev),
        (row.mine.rev, row.mine.rev, row.mine.rev)
    );
    let mine = &row.mine;
    let at = mine.invitation.as_ref().expect("an invitation").at;
    assert_eq!((head.activity_at, room.changed_at), (at, mine.changed_at));
    if !mine.is_invited() {
        assert_eq!((room.frozen, room.archived, room.epoch.as_str()), (false, false, ""));
        assert_eq!(room.created_at, at);
    }
    assert_eq!((mine.unread(9), mine.gone, mine.mentions.all), (0, 0, 0));
}

/// The invited are listed with the room as an invitation shows it, are told nothing that happens
/// in it, and are in none of the places where members are.
pub async fn who_is_invited_is_no_member(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = lively(&f, "team").await;
    let before = f.facts(&room, "anna").await.room;
    let since = position(&f).await;
    let done = invited(&f, &room, &["zoe"]).await;
    assert_eq!(
        done.members.iter().map(|one| one.state).collect::<Vec<_>>(),
        [MemberState::Invited]
    );
    let after = &done.room;
    assert_eq!(after.head.rev, before.head.rev + 1, "the members see it: line 4");
    assert_eq!(after.head.members_rev, before.head.members_rev, "nobody was removed");
    assert_eq!((after.member_count, after.policy_rev), (2, before.policy_rev));
    let mine = f.mine(&room, "zoe").await;
    assert_eq!((mine.state, mine.role), (MemberState::Invited, Role::Member));
    assert_eq!(mine.invitation.as_ref().and_then(|one| one.by.clone()), Some(user("anna")));
    assert_eq!((mine.read_seq, mine.read_count), (0, 0), "the room's position is not told");

    let active =
        [("anna".to_owned(), MemberState::Active), ("ben".to_owned(), MemberState::Active)];
    assert_eq!(names(&f, &room, false).await, active);
    let all = names(&f, &room, true).await;
    assert_eq!(all[..2], active);
    assert_eq!(all[2..], [("zoe".to_owned(), MemberState::Invited)]);
    let among = store.members_among(&f.app, &room, &users(&["anna", "zoe"])).await;
    assert_eq!(among.expect("members_among").len(), 1);
    assert!(store.joined_rooms(&f.app, &user("zoe")).await.expect("joined_rooms").is_empty());

    let rows = listed(&f, "zoe", false, RoomFilter::default()).await;
    shows_little(&rows[0], Some("Team"), 2);
    assert_eq!(rows[0].room.avatar.as_deref(), Some("/team.png"));
    let found = changed(&f, "zoe", since).await;
    shows_little(&found[0], Some("Team"), 2);
    for filter in [
        RoomFilter { tag: Some("secret".to_owned()), ..RoomFilter::default() },
        RoomFilter { unread: true, ..RoomFilter::default() },
    ] {
        assert!(listed(&f, "zoe", true, filter).await.is_empty());
    }

    // What happens in it is not theirs.
    let since = position(&f).await;
    f.send(&room, "anna", "hi").await;
    f.add(&room, &["cleo"]).await;
    f.read(&room, "ben", 1).await;
    assert!(changed(&f, "zoe", since).await.is_empty());
    shows_little(&listed(&f, "zoe", false, RoomFilter::default()).await[0], Some("Team"), 3);
    let moved = store.move_cursor(&f.app, &room, &user("zoe"), 2, f.now()).await;
    assert_eq!(moved.expect("move_cursor"), None);
    let pin = OwnPatch { pinned: Some(true), ..OwnPatch::default() };
    let own = store.set_own(&f.app, &room, &user("zoe"), pin, f.now()).await;
    assert_eq!(own.expect("set_own"), None);
    let sync = store.room_changes(&f.app, &room, before.head.rev, 0, ALL).await;
    let sync = sync.expect("room_changes").expect("the room is there");
    let zoe = sync.members.iter().find(|one| one.user.id == user("zoe"));
    assert_eq!(zoe.map(|one| one.state), Some(MemberState::Invited), "told to the members");
    assert!(sync.reads.iter().all(|(one, _)| *one != user("zoe")));
}

/// Accepting makes a member like any other who joins at that moment.
pub async fn accepting_is_joining(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = lively(&f, "team").await;
    f.change(&room, invite(&["zoe"], Role::Admin), None).await;
    f.send(&room, "ben", "hi").await;
    let before = f.head(&room).await;
    let since = position(&f).await;
    let said = || Some(system_message(f.message_id(), r#"{"type":"member_joined"}"#));
    let done = f.change(&room, accept("zoe"), said()).await;
    assert_eq!(done.members[0].state, MemberState::Active);
    assert_eq!((done.room.head.rev, done.room.member_count), (before.rev + 1, 3));
    let announced = done.announced.expect("the room says so");
    assert_eq!(announced.message.rev, before.rev + 2);
    let mine = f.mine(&room, "zoe").await;
    assert_eq!((mine.state, mine.role, mine.invitation), (MemberState::Active, Role::Admin, None));
    assert_eq!((mine.read_seq, mine.read_count), (before.seq, before.count));
    let row = &changed(&f, "zoe", since).await[0];
    assert_eq!((row.room.description.as_deref(), row.members.len()), (Some("secret"), 3));
    let again = f.change(&room, accept("zoe"), said()).await;
    assert!(again.members.is_empty() && again.announced.is_none());
    assert_eq!(f.head(&room).await.rev, before.rev + 2, "nothing changed, no rev taken");
    let nobody = f.change(&room, accept("yan"), said()).await;
    assert!(nobody.members.is_empty(), "who was not invited accepts nothing");
    f.send(&room, "ben", "now").await;
    let mine = f.mine(&room, "zoe").await;
    assert_eq!(mine.unread(f.head(&room).await.count), 1);
}

/// A role above member is given as long as who asked might give it.
pub async fn a_role_is_given_by_who_may(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = lively(&f, "team").await;
    let asks = |name: &str, by: Option<&str>| MemberChange::Invite {
        users: users(&[name]),
        role: Role::Admin,
        by: by.map(user),
    };
    for (name, by) in [("zoe", Some("anna")), ("yan", Some("anna")), ("xin", None)] {
        f.change(&room, asks(name, by), None).await;
    }
    f.change(&room, accept("yan"), None).await;
    assert_eq!(f.mine(&room, "yan").await.role, Role::Admin);
    f.remove(&room, &["anna"]).await;
    f.change(&room, accept("zoe"), None).await;
    assert_eq!(f.mine(&room, "zoe").await.role, Role::Member, "who asked has left");
    f.change(&room, accept("xin"), None).await;
    assert_eq!(f.mine(&room, "xin").await.role, Role::Admin, "the backend goes on");
    f.change(&room, asks("dan", Some("anna")), None).await;
    f.add(&room, &["anna"]).await;
    f.change(&room, accept("dan"), None).await;
    assert_eq!(f.mine(&room, "dan").await.role, Role::Member, "and is back as a member");
    let owner = MemberChange::Add { users: users(&["mia"]), role: Role::Owner };
    f.change(&room, owner, None).await;
    f.change(&room, asks("eve", Some("mia")), None).await;
    store.deactivate_user(&f.app, &user("mia"), f.now()).await.expect("deactivate_user");
    f.change(&room, accept("eve"), None).await;
    assert_eq!(f.mine(&room, "eve").await.role, Role::Member, "who asked is shut out");
}

/// Declined or taken back: told to the user's own devices, and nothing of the room with it.
pub async fn what_ends_otherwise_shows_nothing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = lively(&f, "team").await;
    invited(&f, &room, &["zoe"]).await;
    let guard = f.guard(&room, "zoe").await;
    let (before, since) = (f.head(&room).await, position(&f).await);
    let said = system_message(f.message_id(), r#"{"type":"members_removed"}"#);
    let remove = MemberChange::Remove { users: users(&["zoe"]) };
    let done = f.change(&room, remove, Some(said)).await;
    assert!(done.announced.is_none(), "nobody left");
    let head = &done.room.head;
    assert_eq!((head.rev, head.members_rev), (before.rev + 1, before.members_rev));
    assert_eq!(done.room.member_count, 2);
    assert_eq!(done.members[0].state, MemberState::Left);
    let mine = &done.memberships[0];
    assert!(mine.invitation.is_some() && mine.left_seq.is_none(), "never in: {mine:?}");
    let found = changed(&f, "zoe", since).await;
    assert_eq!(found[0].mine.state, MemberState::Left);
    shows_little(&found[0], None, 0);
    assert!(listed(&f, "zoe", true, RoomFilter::EVERYTHING).await.is_empty());
    let late = ChangeMembers {
        app: f.app.clone(),
        room: room.clone(),
        guard,
        change: accept("zoe"),
        announce: None,
        now: f.now(),
    };
    let late = store.change_members(late).await.expect("change_members");
    assert_eq!(late, ChangeMembersOutcome::GuardMoved, "what was decided before is decided again");
    assert_eq!(names(&f, &room, true).await.len(), 2);
    // Together with members: those are removed in the same change.
    invited(&f, &room, &["zoe"]).await;
    let both = f.remove(&room, &["ben", "zoe"]).await;
    assert_eq!((both.members.len(), both.room.member_count), (2, 1));
    assert_eq!(both.room.head.members_rev, both.room.head.rev, "ben was removed");
    let closed = RoomPatch { frozen: Some(true), archived: Some(true), ..RoomPatch::default() };
    patched(&f, &room, closed.clone()).await;
    shows_little(&changed(&f, "zoe", since).await[0], None, 0);
    store.delete_room(&f.app, &room, f.now()).await.expect("delete_room");
    f.create(f.new_group("team", &["anna"])).await;
    patched(&f, &room, closed).await;
    shows_little(&changed(&f, "zoe", since).await[0], None, 0);
}

/// Who was a member before finds at accepting what who comes back finds.
pub async fn who_comes_back_finds_their_own(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = lively(&f, "team").await;
    f.send(&room, "ben", "mine").await;
    set(
        &f,
        &room,
        "ben",
        OwnPatch { folder: Patch::Set("Work".to_owned()), ..OwnPatch::default() },
    )
    .await;
    let was = f.mine(&room, "ben").await;
    f.remove(&room, &["ben"]).await;
    f.send(&room, "anna", "meanwhile").await;
    invited(&f, &room, &["ben"]).await;
    let mine = f.mine(&room, "ben").await;
    let cursor = |mine: &Membership| (mine.read_seq, mine.read_count, mine.own_count);
    assert_eq!(cursor(&mine), cursor(&was), "as it was, and no word of now");
    let row = &listed(&f, "ben", true, RoomFilter::EVERYTHING).await[0];
    shows_little(row, Some("Team"), 1);
    f.change(&room, accept("ben"), None).await;
    let back = f.mine(&room, "ben").await;
    let head = f.head(&room).await;
    assert_eq!((back.read_seq, back.read_count), (head.seq, head.count));
    assert_eq!((back.own_count, back.read_own), (was.own_count, was.own_count));
    assert_eq!(back.own.folder.as_deref(), Some("Work"));
    assert_eq!(back.unread(head.count), 0);
}

/// Who was a member before and does not accept has the room as it was when they left.
pub async fn what_was_left_stays(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = lively(&f, "team").await;
    f.remove(&room, &["ben"]).await;
    let rows = || listed(&f, "ben", true, RoomFilter::EVERYTHING);
    let (before, was) = (rows().await, f.mine(&room, "ben").await);
    assert!(before[0].room.head.preview.is_some());
    f.send(&room, "anna", "meanwhile").await;
    let name = |name: &str| RoomPatch { name: Patch::Set(name.to_owned()), ..RoomPatch::default() };
    patched(&f, &room, name("New")).await;
    for _ in 0..2 {
        let since = position(&f).await;
        invited(&f, &room, &["ben"]).await;
        shows_little(&rows().await[0], Some("New"), 1);
        f.remove(&room, &["ben"]).await;
        let mine = f.mine(&room, "ben").await;
        assert_eq!(mine.state, MemberState::Left);
        assert_eq!((mine.left_at, mine.left_seq), (was.left_at, was.left_seq));
        for row in [&rows().await[0], &changed(&f, "ben", since).await[0]] {
            assert_eq!(row.room, before[0].room);
            assert!(row.members.is_empty());
        }
    }
    // Who accepts and leaves again has the room of that moment.
    invited(&f, &room, &["ben"]).await;
    f.change(&room, accept("ben"), None).await;
    f.remove(&room, &["ben"]).await;
    let row = &rows().await[0];
    assert_eq!((row.room.name.as_deref(), &row.mine.invitation), (Some("New"), &None));
    // With the room goes what was kept, though its reader is invited.
    invited(&f, &room, &["ben"]).await;
    let since = position(&f).await;
    store.delete_room(&f.app, &room, f.now()).await.expect("delete_room");
    f.create(f.new_group("team", &["anna"])).await;
    shows_little(&changed(&f, "ben", since).await[0], None, 0);
    assert!(rows().await.is_empty());
}

/// Who made the room through the backend and was asked in is what they were before when they do
/// not come, and the members see that they do not.
pub async fn a_creator_outside_stays_one(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut new = f.new_group("team", &["anna"]);
    new.creator = Some(user("cleo"));
    let room = f.create(new).await.room.id;
    let rows = || listed(&f, "cleo", false, RoomFilter::default());
    let (before, was) = (rows().await, f.mine(&room, "cleo").await);
    assert_eq!((was.state, before.len()), (MemberState::Creator, 1));
    f.change(&room, invite(&["cleo"], Role::Admin), None).await;
    assert_eq!(f.mine(&room, "cleo").await.state, MemberState::Invited);
    let told = f.head(&room).await.rev;
    let since = position(&f).await;
    let done = f.remove(&room, &["cleo"]).await;
    assert!(done.memberships[0].is_uninvited() && done.members[0].is_out());
    let mine = f.mine(&room, "cleo").await;
    assert_eq!((mine.state, mine.role, &mine.invitation), (was.state, was.role, &None));
    for rows in [rows().await, changed(&f, "cleo", since).await] {
        assert_eq!(rows[0].room.creator, Some(user("cleo")), "the room as it is");
        assert_eq!(rows[0].members.len(), 1);
    }
    let from = async |rev| {
        let sync = store.room_changes(&f.app, &room, rev, 0, ALL).await;
        sync.expect("room_changes").expect("the room is there").members
    };
    let news = from(told).await;
    assert_eq!(news.iter().map(|one| &one.user.id).collect::<Vec<_>>(), [&user("cleo")]);
    assert!(news[0].is_out());
    // Who was a member in between has left, like everybody.
    f.add(&room, &["cleo"]).await;
    f.remove(&room, &["cleo"]).await;
    invited(&f, &room, &["cleo"]).await;
    f.remove(&room, &["cleo"]).await;
    assert_eq!(f.mine(&room, "cleo").await.state, MemberState::Left);
}

/// Who is in, or asked already, is not asked again; who is added is in at once.
pub async fn inviting_twice_changes_nothing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = lively(&f, "team").await;
    invited(&f, &room, &["zoe"]).await;
    let (mine, head) = (f.mine(&room, "zoe").await, f.head(&room).await);
    let again = f.change(&room, invite(&["zoe", "ben"], Role::Owner), None).await;
    assert!(again.members.is_empty());
    assert_eq!((f.mine(&room, "zoe").await, f.head(&room).await), (mine, head));
    assert_eq!(f.mine(&room, "ben").await.state, MemberState::Active);
    let guard = f.guard(&room, "zoe").await;
    let joined = f.add(&room, &["zoe"]).await;
    assert_eq!(joined.room.member_count, 3);
    let mine = f.mine(&room, "zoe").await;
    assert_eq!((mine.state, mine.invitation), (MemberState::Active, None));
    let message = text_message(f.message_id(), Some("zoe"), "early");
    assert_eq!(f.try_append(&room, guard, message).await, AppendOutcome::GuardMoved);
}

/// A room may be made by invitation; with it go the invitations.
pub async fn a_room_is_made_by_invitation(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut new = f.new_group("team", &["anna"]);
    new.name = Some("Team".to_owned());
    new.invited = users(&["ben", "zoe"]);
    new.message = Some(text_message(f.message_id(), Some("anna"), "secret"));
    let made = f.create(new).await;
    assert_eq!((made.members.len(), made.room.member_count), (1, 1));
    let asked = made.memberships.iter().filter(|mine| mine.is_invited());
    let by: Vec<_> = asked.map(|mine| mine.invitation.clone().and_then(|one| one.by)).collect();
    assert_eq!(by, [Some(user("anna")), Some(user("anna"))]);
    let room = made.room.id;
    shows_little(&listed(&f, "zoe", false, RoomFilter::default()).await[0], Some("Team"), 1);
    // An empty room is listed, too: the invitation is what there is to see.
    let mut empty = f.new_group("empty", &["anna"]);
    empty.invited = users(&["zoe"]);
    f.create(empty).await;
    let rows = listed(&f, "zoe", false, RoomFilter::default()).await;
    let ids: Vec<_> = rows.iter().map(|row| row.room.id.as_str()).collect();
    assert_eq!(ids, ["empty", "team"], "the newest invitation first");
    let archive = RoomPatch { archived: Some(true), ..RoomPatch::default() };
    patched(&f, &room_id("empty"), archive).await;
    assert_eq!(listed(&f, "zoe", false, RoomFilter::default()).await.len(), 1);

    let since = position(&f).await;
    store.delete_room(&f.app, &room, f.now()).await.expect("delete_room");
    assert_eq!(listed(&f, "zoe", true, RoomFilter::default()).await.len(), 0);
    let found = changed(&f, "zoe", since).await;
    assert!(found[0].room.deleted_at.is_some());
    shows_little(&found[0], None, 0);
    f.create(f.new_group("team", &["anna"])).await;
    assert_eq!(f.mine(&room, "zoe").await.state, MemberState::Left, "another room");
    assert!(listed(&f, "zoe", true, RoomFilter::default()).await.is_empty());
    let late = f.change(&room, accept("zoe"), None).await;
    assert!(late.members.is_empty());
}

/// So many open invitations to a room, and of a user; what ended does not count.
pub async fn open_invitations_are_bounded(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna"]).await;
    let attempt = async |room: &RoomId, count: usize, from: usize| {
        let crowd: Vec<String> = (from..from + count).map(|n| format!("guest-{n}")).collect();
        let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
        let change = ChangeMembers {
            app: f.app.clone(),
            room: room.clone(),
            guard: f.backend_guard(room).await,
            change: invite(&crowd, Role::Member),
            announce: None,
            now: f.now(),
        };
        store.change_members(change).await.expect("change_members")
    };
    let most = INVITATIONS_PER_ROOM_MAX;
    assert_eq!(attempt(&room, most + 1, 0).await, ChangeMembersOutcome::TooManyInvited);
    assert_eq!(f.head(&room).await.rev, 1, "nothing was stored");
    assert!(matches!(attempt(&room, most, 0).await, ChangeMembersOutcome::Changed(_)));
    assert_eq!(attempt(&room, 1, most).await, ChangeMembersOutcome::TooManyInvited);
    f.remove(&room, &["guest-0"]).await;
    assert!(matches!(attempt(&room, 1, most).await, ChangeMembersOutcome::Changed(_)));

    for n in 0..INVITATIONS_PER_USER_MAX {
        let mut new = f.new_group(&format!("r{n}"), &["anna"]);
        new.invited = users(&["zoe"]);
        f.create(new).await;
    }
    let mut new = f.new_group("one-more", &["anna"]);
    new.invited = users(&["zoe"]);
    let refused = store.create_room(new).await.expect("create_room");
    assert_eq!(refused, CreateRoomOutcome::TooManyInvited);
    f.change(&room_id("r0"), accept("zoe"), None).await;
    let mut new = f.new_group("one-more", &["anna"]);
    new.invited = users(&["zoe"]);
    f.create(new).await;
}

/// Who is invited to more rooms than a user may be in accepts when there is room again.
pub async fn accepting_is_bounded(store: &dyn Store) {
    let f = Fixture::new(store).await;
    for n in 0..SMALL_ROOMS_PER_USER {
        f.group(&format!("r{n}"), &["zoe"]).await;
    }
    let room = f.group("team", &["anna"]).await;
    invited(&f, &room, &["zoe"]).await;
    let before = f.facts(&room, "zoe").await;
    let attempt = async || {
        let change = ChangeMembers {
            app: f.app.clone(),
            room: room.clone(),
            guard: f.guard(&room, "zoe").await,
            change: accept("zoe"),
            announce: None,
            now: f.now(),
        };
        store.change_members(change).await.expect("change_members")
    };
    assert_eq!(attempt().await, ChangeMembersOutcome::TooMany);
    assert_eq!(f.facts(&room, "zoe").await, before, "nothing was stored");
    f.remove(&room_id("r0"), &["zoe"]).await;
    assert!(matches!(attempt().await, ChangeMembersOutcome::Changed(_)));
    assert_eq!(f.mine(&room, "zoe").await.state, MemberState::Active);
}

/// All at once: the states that memberships came to, and how often the room was deleted.
async fn race(
    (f, room): (&Fixture<'_>, &RoomId),
    nodes: &Nodes,
    changes: Vec<(Guard, MemberChange)>,
    deletions: usize,
) -> (Vec<MemberState>, usize) {
    let (mut changing, mut deleting) = (JoinSet::new(), JoinSet::new());
    for (racer, (guard, change)) in changes.into_iter().enumerate() {
        let store = nodes[racer % nodes.len()].clone();
        let (app, room, now) = (f.app.clone(), room.clone(), f.now());
        let change = ChangeMembers { app, room, guard, change, announce: None, now };
        changing.spawn(async move { store.change_members(change).await.expect("change_members") });
    }
    for racer in 0..deletions {
        let store = nodes[racer % nodes.len()].clone();
        let (app, room, now) = (f.app.clone(), room.clone(), f.now());
        deleting
            .spawn(async move { store.delete_room(&app, &room, now).await.expect("delete_room") });
    }
    let mut came = Vec::new();
    for outcome in changing.join_all().await {
        if let ChangeMembersOutcome::Changed(done) = outcome {
            came.extend(done.memberships.iter().map(|mine| mine.state));
        }
    }
    (came, deleting.join_all().await.into_iter().flatten().count())
}

fn remove(name: &str) -> MemberChange {
    MemberChange::Remove { users: users(&[name]) }
}

/// Accepted on some devices and taken back at once: one of it happened, and nothing between.
pub async fn accepting_races_with_taking_back(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    for round in 0..4 {
        let room = f.group(&format!("team-{round}"), &["anna"]).await;
        invited(&f, &room, &["zoe"]).await;
        let (zoe, backend) = (f.guard(&room, "zoe").await, f.backend_guard(&room).await);
        let two = |_: i32| [(zoe.clone(), accept("zoe")), (backend.clone(), remove("zoe"))];
        let (came, _) = race((&f, &room), nodes, (0..6).flat_map(two).collect(), 0).await;
        let moved = u64::try_from(came.len()).expect("few");
        // In or taken back; who was in is removed by the next one.
        assert!(moved == 1 || moved == 2, "{moved} changes");
        assert_eq!(f.head(&room).await.rev, 2 + moved, "each took a rev, the others none");
        assert_eq!(f.mine(&room, "zoe").await.state, MemberState::Left);
        assert_eq!(f.facts(&room, "anna").await.room.member_count, 1);
        let ended = f.mine(&room, "zoe").await.invitation;
        assert_eq!(ended.is_some(), moved == 1, "kept of one who never was in");
    }
}

/// Accepted, declined, taken back and the room deleted at once: the invitation has one end, and
/// every node reads the same of it.
pub async fn an_invitation_ends_once(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    for round in 0..9 {
        let (taken_back, deleted) = (round % 3 > 0, round % 3 == 2);
        let room = lively(&f, &format!("team-{round}")).await;
        invited(&f, &room, &["zoe"]).await;
        let (zoe, backend) = (f.guard(&room, "zoe").await, f.backend_guard(&room).await);
        let mut changes = Vec::new();
        for _ in 0..3 {
            changes.push((zoe.clone(), accept("zoe")));
            changes.push((zoe.clone(), remove("zoe")));
            changes.extend(taken_back.then(|| (backend.clone(), remove("zoe"))));
        }
        let ends = if deleted { 2 } else { 0 };
        let (came, deletions) = race((&f, &room), nodes, changes, ends).await;
        let times = |state: MemberState| came.iter().filter(|one| **one == state).count();
        let (joins, ended) = (times(MemberState::Active), times(MemberState::Left));
        assert_eq!((came.len(), deletions), (joins + ended, usize::from(deleted)), "{came:?}");
        // What stands against what zoe saw is not made: only who is in may be removed after it.
        match (taken_back, deleted) {
            (false, _) => assert_eq!(joins + ended, 1, "{came:?}"),
            (true, false) => assert!(joins <= 1 && ended == 1, "{came:?}"),
            (true, true) => assert!(joins <= 1 && ended <= 1, "{came:?}"),
        }
        let stays = joins == 1 && !taken_back;
        for node in nodes {
            let facts = node.room_facts(&f.app, &room, Some(&user("zoe"))).await;
            let facts = facts.expect("room_facts");
            assert_eq!(facts.is_none(), deleted);
            if let Some(facts) = facts {
                let state = if stays { MemberState::Active } else { MemberState::Left };
                assert_eq!(facts.mine.map(|mine| mine.state), Some(state));
                assert_eq!(facts.room.member_count, 2 + u32::from(stays));
                assert_eq!(facts.room.head.rev, 3 + came.len() as u64, "a rev each");
            }
            let joined = node.joined_rooms(&f.app, &user("zoe")).await.expect("joined_rooms");
            assert_eq!(joined.iter().any(|(joined, _)| *joined == room), stays);
            let among = node.members_among(&f.app, &room, &users(&["zoe"])).await;
            assert_eq!(among.expect("members_among").len(), usize::from(stays));
        }
        let rows = listed(&f, "zoe", false, RoomFilter::EVERYTHING).await;
        assert_eq!(rows.iter().any(|row| row.room.id == room), stays);
    }
}
