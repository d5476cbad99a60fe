//! Members: joined, removed, come back; each change one rev, each removal told by `members_rev`.

use std::collections::BTreeMap;

use super::fixtures::{ALL, Fixture, room_id, system_message, text_message, user, users};
use crate::limits;
use crate::model::{MemberState, Role};
use crate::ports::{AppendOutcome, ChangeMembers, ChangeMembersOutcome, MemberChange, Store};

/// An addition takes one rev, makes users, and starts them read up to the room's position.
pub async fn add_takes_one_rev(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna"]).await;
    f.send(&room, "anna", "before").await;
    let before = f.head(&room).await;
    let change = MemberChange::Add { users: users(&["ben", "zoe"]), role: Role::Admin };
    let changed = f.change(&room, change, None).await;
    assert_eq!(changed.room.head.rev, before.rev + 1, "one rev for all added");
    assert_eq!(changed.room.head.seq, before.seq);
    assert_eq!(changed.room.head.members_rev, before.members_rev, "an addition is no removal");
    assert_eq!(changed.room.member_count, 3);
    assert_eq!(changed.announced, None);
    assert_eq!(changed.members.len(), 2);
    assert_eq!(changed.memberships.len(), 2);
    for name in ["ben", "zoe"] {
        let mine = f.mine(&room, name).await;
        assert_eq!((mine.role, mine.state), (Role::Admin, MemberState::Active));
        assert_eq!(mine.rev, before.rev + 1);
        assert_eq!(mine.read_seq, before.seq, "what was before is read");
        assert_eq!(mine.unread(before.count), 0, "what was before is not unread");
        assert!(changed.memberships.contains(&mine));
        let made = store.user(&f.app, &user(name)).await.expect("user");
        assert!(made.is_some(), "{name} was made on the spot");
    }
    assert_eq!(f.facts(&room, "anna").await.room, changed.room);
    f.send(&room, "anna", "after").await;
    assert_eq!(f.mine(&room, "ben").await.unread(2), 1);
}

/// A removal takes one rev that is also `members_rev`, and keeps what the room was at leaving.
pub async fn remove_takes_one_rev_and_keeps_the_leaving(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben", "zoe"]).await;
    f.send(&room, "anna", "1").await;
    let before = f.facts(&room, "ben").await;
    let mine_before = before.mine.expect("ben is a member");
    let changed = f.remove(&room, &["ben"]).await;
    let rev = before.room.head.rev + 1;
    assert_eq!(changed.room.head.rev, rev);
    assert_eq!(changed.room.head.members_rev, rev, "a removal's rev is told");
    assert_eq!(changed.room.member_count, 2);
    let mine = f.mine(&room, "ben").await;
    assert_eq!(mine.state, MemberState::Left);
    assert_eq!(mine.rev, rev);
    assert_eq!(mine.left_seq, Some(1), "the room's seq at leaving");
    assert!(mine.left_at.is_some());
    assert!(mine.policy_rev > mine_before.policy_rev, "a removal moves the member's policy_rev");
    assert_eq!(changed.memberships, vec![mine.clone()]);
    assert_eq!(changed.members.len(), 1);
    assert_eq!(changed.members[0].user.id, user("ben"));
    assert_eq!(changed.members[0].state, MemberState::Left);
    f.send(&room, "anna", "2").await;
    assert_eq!(f.mine(&room, "ben").await.unread(2), 0);
    let cursor = store.move_cursor(&f.app, &room, &user("ben"), 2, f.now()).await;
    assert_eq!(cursor.expect("move_cursor"), None, "no cursor after leaving");
    let among = store
        .members_among(&f.app, &room, &users(&["anna", "ben", "zoe", "nobody"]))
        .await
        .expect("members_among");
    let among: BTreeMap<_, _> = among.into_iter().collect();
    let revs = [f.mine(&room, "anna").await.rev, f.mine(&room, "zoe").await.rev];
    assert_eq!(among, users(&["anna", "zoe"]).into_iter().zip(revs).collect());
}

/// The announcement is stored in the same commit, after the change, and counts for nobody.
pub async fn announcement_follows_the_change(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    f.send(&room, "anna", "1").await;
    let before = f.head(&room).await;
    let change = MemberChange::Remove { users: users(&["ben"]) };
    let said = system_message(f.message_id(), r#"{"type":"members_removed"}"#);
    let changed = f.change(&room, change, Some(said.clone())).await;
    assert_eq!(changed.room.head.rev, before.rev + 1, "the answer's room is at the change's rev");
    let announced = changed.announced.expect("the announcement is answered");
    assert_eq!(announced.message.id, said.id);
    assert_eq!(announced.message.rev, before.rev + 2);
    assert_eq!(announced.message.seq, before.seq + 1);
    assert_eq!(announced.message.count, before.count, "system never counts");
    assert_eq!(announced.head.members_rev, before.rev + 1);
    assert_eq!(f.head(&room).await, announced.head);
    assert_eq!(
        f.mine(&room, "ben").await.left_seq,
        Some(before.seq),
        "who leaves does not see the announcement"
    );
    let change = MemberChange::Add { users: users(&["zoe"]), role: Role::Member };
    let said = system_message(f.message_id(), r#"{"type":"members_added"}"#);
    let changed = f.change(&room, change, Some(said)).await;
    assert!(changed.announced.is_some());
    let zoe = f.mine(&room, "zoe").await;
    assert_eq!(zoe.unread(f.head(&room).await.count), 0);
    assert_eq!(zoe.rev, before.rev + 3);
}

/// Who is active already stays as she is, beside others who are added.
pub async fn already_active_stays_untouched(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let (anna, ben) = (f.mine(&room, "anna").await, f.mine(&room, "ben").await);
    let change = MemberChange::Add { users: users(&["anna", "ben", "zoe"]), role: Role::Admin };
    let changed = f.change(&room, change, None).await;
    let who: Vec<_> = changed.members.iter().map(|m| m.user.id.as_str()).collect();
    assert_eq!(who, ["zoe"], "only who changed is answered");
    assert_eq!(changed.room.member_count, 3);
    assert_eq!(f.mine(&room, "anna").await, anna, "roles stay");
    assert_eq!(f.mine(&room, "ben").await, ben);
}

/// A change that changes nothing takes no rev and announces nothing.
pub async fn nothing_changed_takes_no_rev(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let before = f.facts(&room, "anna").await;
    let nothing = [
        MemberChange::Add { users: users(&["anna", "ben"]), role: Role::Admin },
        MemberChange::Add { users: Vec::new(), role: Role::Member },
        MemberChange::Remove { users: users(&["nobody"]) },
    ];
    for change in nothing {
        let said = system_message(f.message_id(), r#"{"type":"members_added"}"#);
        let changed = f.change(&room, change.clone(), Some(said)).await;
        assert!(changed.members.is_empty(), "{change:?} changes nobody");
        assert!(changed.memberships.is_empty());
        assert_eq!(changed.announced, None, "{change:?} is not announced");
        assert_eq!(
            f.facts(&room, "anna").await,
            before,
            "{change:?} takes no rev and leaves no trace"
        );
    }
    assert!(f.history(&room).await.is_empty());
}

/// Who comes back is a member like any other: read up to now, on a policy_rev never seen.
pub async fn rejoin_starts_anew(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    f.send(&room, "ben", "own before").await;
    f.send(&room, "anna", "unread at leaving").await;
    let first = f.mine(&room, "ben").await;
    f.remove(&room, &["ben"]).await;
    let left = f.mine(&room, "ben").await;
    f.send(&room, "anna", "missed").await;
    // The backend may speak for somebody who is away.
    f.send(&room, "ben", "own while away").await;
    let head = f.head(&room).await;
    f.add(&room, &["ben"]).await;
    let back = f.mine(&room, "ben").await;
    assert_eq!(back.state, MemberState::Active);
    assert_eq!((back.left_at, back.left_seq), (None, None));
    assert_eq!(back.rev, head.rev + 1);
    assert_eq!(back.read_seq, head.seq, "who rejoins is read up to now");
    assert_eq!(back.unread(head.count), 0);
    assert!(
        back.policy_rev > left.policy_rev && left.policy_rev > first.policy_rev,
        "a policy_rev never comes back"
    );
    assert_eq!(f.facts(&room, "ben").await.room.member_count, 2);
    f.send(&room, "anna", "new").await;
    let count = f.head(&room).await.count;
    assert_eq!(f.mine(&room, "ben").await.unread(count), 1);
    f.send(&room, "ben", "answer").await;
    let count = f.head(&room).await.count;
    assert_eq!(
        f.mine(&room, "ben").await.unread(count),
        1,
        "an own message is not unread, and does not read others'"
    );
    let seq = f.head(&room).await.seq;
    let (read, _) = f.read(&room, "ben", seq - 1).await;
    assert_eq!(read.unread(count), 0, "own messages of before do not shift the count");
}

/// Removing twice, or who is not there, passes over.
pub async fn removing_the_absent_passes_over(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    f.remove(&room, &["ben"]).await;
    let (head, ben) = (f.head(&room).await, f.mine(&room, "ben").await);
    let again = f.remove(&room, &["ben", "nobody"]).await;
    assert!(again.members.is_empty());
    assert_eq!(f.head(&room).await, head);
    assert_eq!(f.mine(&room, "ben").await, ben, "leaving is told once");
    let both = f.remove(&room, &["ben", "anna"]).await;
    assert_eq!(both.members.len(), 1, "the others are removed all the same");
    assert_eq!(both.room.member_count, 0);
}

/// A change decided on what no longer holds is not stored.
pub async fn change_is_guarded(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let guard = f.guard(&room, "ben").await;
    f.remove(&room, &["ben"]).await;
    let head = f.head(&room).await;
    let mut change = ChangeMembers {
        app: f.app.clone(),
        room: room.clone(),
        guard,
        change: MemberChange::Add { users: users(&["zoe"]), role: Role::Member },
        announce: Some(system_message(f.message_id(), r#"{"type":"members_added"}"#)),
        now: f.now(),
    };
    let outcome = store.change_members(change.clone()).await;
    assert_eq!(
        outcome.expect("change_members"),
        ChangeMembersOutcome::GuardMoved,
        "a removed member adds nobody"
    );
    assert_eq!(f.head(&room).await, head, "a refused change takes no rev");
    assert_eq!(f.facts(&room, "zoe").await.mine, None);
    change.room = room_id("none");
    let outcome = store.change_members(change).await;
    assert_eq!(outcome.expect("change_members"), ChangeMembersOutcome::RoomNotFound);
}

/// A room never grows over its bound, and a change that would is refused whole.
pub async fn too_many_members_are_refused_whole(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna"]).await;
    let before = f.facts(&room, "anna").await;
    let crowd = (0..limits::ROOM_MEMBERS_MAX).map(|n| user(&format!("u{n}")));
    let change = ChangeMembers {
        app: f.app.clone(),
        room: room.clone(),
        guard: f.backend_guard(&room).await,
        change: MemberChange::Add { users: crowd.collect(), role: Role::Member },
        announce: None,
        now: f.now(),
    };
    let outcome = store.change_members(change).await;
    assert_eq!(outcome.expect("change_members"), ChangeMembersOutcome::TooMany);
    assert_eq!(f.facts(&room, "anna").await, before, "nothing was stored");
    assert_eq!(f.facts(&room, "u0").await.mine, None);
    let bare = store.user(&f.app, &user("u0")).await.expect("user");
    assert_eq!(bare, None, "nor were users made");
}

/// Members come by the bytes of their ids, page by page, those who left never.
pub async fn members_are_paged_by_the_bytes_of_their_ids(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let names =
        ["anna", "Ben", "_x", "~z", "zoe", "Zoe", "10", "9", "émile", "使用者", "a b", "a-b", "ab"];
    let room = f.group("team", &names).await;
    f.add(&room, &["gone"]).await;
    f.remove(&room, &["gone"]).await;
    let mut pages = Vec::new();
    loop {
        let page = store.members(&f.app, &room, pages.last(), 4, false).await.expect("members");
        assert!(page.len() <= 4, "a page holds at most its limit");
        if page.is_empty() {
            break;
        }
        pages.extend(page.into_iter().map(|member| member.user.id));
    }
    assert_eq!(pages, sorted(users(&names)), "each once, ordered by bytes");
    let none = store.members(&f.app, &room_id("none"), None, 4, false).await;
    assert!(none.expect("members").is_empty());
}

/// A member is shown with the profile and the cursor as they are now.
pub async fn members_show_profile_and_cursor(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    f.send(&room, "anna", "1").await;
    f.read(&room, "ben", 1).await;
    let patch = crate::model::UserPatch {
        name: crate::model::Patch::Set("Ben B.".to_owned()),
        ..Default::default()
    };
    let ben = store.upsert_user(&f.app, &user("ben"), patch, f.now()).await;
    let ben = ben.expect("upsert_user");
    let members = store.members(&f.app, &room, None, ALL, false).await;
    let members = members.expect("members");
    let mine = f.mine(&room, "ben").await;
    let shown = members.iter().find(|member| member.user.id == ben.id);
    let shown = shown.expect("ben is a member");
    assert_eq!(shown.user, ben);
    assert_eq!(shown.read_seq, 1);
    assert_eq!(
        (shown.role, shown.state, shown.rev, shown.joined_at),
        (mine.role, mine.state, mine.rev, mine.joined_at)
    );
}

/// Leaving and coming back between decision and append is noticed, though the member is there.
pub async fn a_guard_notices_leaving_and_coming_back(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let guard = f.guard(&room, "ben").await;
    f.remove(&room, &["ben"]).await;
    f.add(&room, &["ben"]).await;
    let message = text_message(f.message_id(), Some("ben"), "old rights");
    assert_eq!(f.try_append(&room, guard, message).await, AppendOutcome::GuardMoved);
}

fn sorted(mut ids: Vec<crate::ids::UserId>) -> Vec<crate::ids::UserId> {
    ids.sort();
    ids
}
