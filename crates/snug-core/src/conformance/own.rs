//! A member's own settings of a room: the member's alone, and never lost.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixtures::{ALL, Fixture, hashed, room_id, system_message, text_message, user};
use crate::ids::RoomId;
use crate::model::{ListedRoom, Membership, Mute, OwnPatch, OwnSettings, Patch, Time};
use crate::ports::{Store, UserSyncQuery};

/// Handles of one database, as several servers hold them.
type Nodes = [Arc<dyn Store>];

pub(super) fn hide(on: bool) -> OwnPatch {
    OwnPatch { hidden: Some(on), ..OwnPatch::default() }
}

pub(super) fn pin(on: bool) -> OwnPatch {
    OwnPatch { pinned: Some(on), ..OwnPatch::default() }
}

pub(super) fn folder(name: &str) -> OwnPatch {
    OwnPatch { folder: Patch::Set(name.to_owned()), ..OwnPatch::default() }
}

pub(super) fn mute(mute: Mute) -> OwnPatch {
    OwnPatch { muted: Patch::Set(mute), ..OwnPatch::default() }
}

/// Changes an active member's settings; the membership after it and whether anything changed.
pub(super) async fn set(
    f: &Fixture<'_>,
    room: &RoomId,
    name: &str,
    patch: OwnPatch,
) -> (Membership, bool) {
    let set = f.store.set_own(&f.app, room, &user(name), patch, f.now()).await.expect("set_own");
    let (mine, head, changed) = set.unwrap_or_else(|| panic!("{name} is an active member"));
    assert_eq!(head, f.head(room).await, "the head is the room's");
    (mine, changed)
}

async fn own(f: &Fixture<'_>, room: &RoomId, name: &str) -> OwnSettings {
    f.mine(room, name).await.own
}

/// The user's rooms that changed since.
async fn changed(f: &Fixture<'_>, name: &str, since: Time) -> Vec<ListedRoom> {
    let query = UserSyncQuery { since, after: None, limit: ALL, members_shown: 3 };
    let changes = f.store.user_changes(&f.app, &user(name), &query, f.now()).await;
    changes.expect("user_changes").rooms.into_iter().map(|(_, listed)| listed).collect()
}

async fn position(f: &Fixture<'_>) -> Time {
    f.store.position(f.now()).await.expect("position").at
}

/// Settings take no rev, are in nobody else's view, and come with the member's own sync.
pub async fn settings_are_the_members_alone(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    f.send(&room, "anna", "hi").await;
    let (before, bens) = (f.facts(&room, "anna").await, f.mine(&room, "ben").await);
    assert_eq!(before.mine.expect("anna is in").own, OwnSettings::default());
    let since = position(&f).await;
    let patch = OwnPatch {
        pinned: Some(true),
        muted: Patch::Set(Mute::Until(Time(1_700_000_000_123_456_789))),
        hidden: Some(true),
        folder: Patch::Set("工作 & home".to_owned()),
    };
    let (mine, moved) = set(&f, &room, "anna", patch.clone()).await;
    assert!(moved);
    assert_eq!((mine.own.pinned, mine.own.rev), (true, 1));
    assert_eq!(mine.own.muted, Some(Mute::Until(Time(1_700_000_000_123_456_789))));
    assert_eq!((mine.own.hidden_count, mine.own.folder.as_deref()), (Some(1), Some("工作 & home")));
    assert_eq!(f.mine(&room, "anna").await, mine, "as stored");
    let after = f.facts(&room, "anna").await.room;
    assert_eq!(after, before.room, "the room took no rev");
    assert_eq!(f.mine(&room, "ben").await, bens, "nor has anybody else anything of it");
    let synced = changed(&f, "anna", since).await;
    assert_eq!(synced.len(), 1, "other devices find it");
    assert_eq!(synced[0].mine, mine);
    assert!(changed(&f, "ben", since).await.is_empty());

    let since = position(&f).await;
    let (same, moved) = set(&f, &room, "anna", patch).await;
    assert_eq!((same, moved), (mine, false), "what is so already changes nothing");
    assert!(changed(&f, "anna", since).await.is_empty());

    let none = OwnPatch {
        pinned: Some(false),
        muted: Patch::Clear,
        hidden: Some(false),
        folder: Patch::Clear,
    };
    let (bare, _) = set(&f, &room, "anna", none).await;
    assert_eq!(bare.own, OwnSettings { rev: 2, ..OwnSettings::default() });
    set(&f, &room, "anna", mute(Mute::Forever)).await;
    assert_eq!(own(&f, &room, "anna").await.muted, Some(Mute::Forever));
}

async fn is_hidden(f: &Fixture<'_>, room: &RoomId) -> bool {
    let facts = f.facts(room, "ben").await;
    facts.mine.expect("ben is in").own.is_hidden(facts.room.head.count)
}

/// A hidden room is back with the next message that counts, the own too, and with no other.
pub async fn hidden_until_the_next_message_that_counts(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    f.send(&room, "anna", "one").await;
    set(&f, &room, "ben", hide(true)).await;
    assert!(is_hidden(&f, &room).await);
    let said = system_message(f.message_id(), r#"{"type":"room_updated"}"#);
    f.append(&room, said).await;
    let mut quiet = text_message(f.message_id(), Some("anna"), "quiet");
    quiet.silent = true;
    f.append(&room, hashed(quiet)).await;
    f.read(&room, "ben", 2).await;
    assert!(is_hidden(&f, &room).await, "what does not count, and reading, leave it hidden");
    f.send(&room, "anna", "two").await;
    assert!(!is_hidden(&f, &room).await);
    let (mine, moved) = set(&f, &room, "ben", hide(true)).await;
    assert_eq!((moved, mine.own.rev), (true, 2), "hidden again");
    f.send(&room, "ben", "three").await;
    assert!(!is_hidden(&f, &room).await, "the own message counts as well");
}

/// Sends, reads, the room's own changes and others' comings touch no settings.
pub async fn settings_stay_whatever_happens(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    set(&f, &room, "anna", pin(true)).await;
    set(&f, &room, "anna", folder("work")).await;
    let kept = own(&f, &room, "anna").await;
    let sent = f.send(&room, "anna", "hi").await;
    assert_eq!(sent.mine.expect("anna is in").own, kept, "a send says them");
    f.send(&room, "ben", "hi").await;
    let (mine, _) = f.read(&room, "anna", 2).await;
    assert_eq!(mine.own, kept, "a read says them");
    f.add(&room, &["cleo", "anna"]).await;
    f.remove(&room, &["ben"]).await;
    super::sync::rename(&f, &room, "new").await;
    assert_eq!(own(&f, &room, "anna").await, kept);
    assert_eq!(own(&f, &room, "cleo").await, OwnSettings::default());
}

/// Leaving and coming back keep settings, and show the room again; who is out sets nothing.
pub async fn coming_back_finds_settings_and_shows_the_room(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    f.send(&room, "anna", "hi").await;
    set(&f, &room, "ben", pin(true)).await;
    set(&f, &room, "ben", mute(Mute::Forever)).await;
    set(&f, &room, "ben", hide(true)).await;
    f.remove(&room, &["ben"]).await;
    let left = own(&f, &room, "ben").await;
    assert_eq!((left.pinned, left.hidden_count, left.rev), (true, None, 4));
    // Who left, a stranger, and a room that is not there.
    for (room, name) in [("team", "ben"), ("team", "stranger"), ("none", "anna")] {
        let set = store.set_own(&f.app, &room_id(room), &user(name), pin(false), f.now()).await;
        assert_eq!(set.expect("set_own"), None, "{name} in {room}");
    }
    let joined = f.add(&room, &["ben"]).await;
    assert_eq!(joined.memberships[0].own, left, "as the answer says");
    assert_eq!(own(&f, &room, "ben").await, left, "nothing was hidden to be shown");
    f.remove(&room, &["anna"]).await;
    f.add(&room, &["anna"]).await;
    assert_eq!(own(&f, &room, "anna").await, OwnSettings::default(), "nothing was set");
}

/// A room that is made anew under an old id is another: nothing of the old one is kept, and what
/// is set later is newer than what old views hold.
pub async fn a_room_made_anew_is_kept_in_no_way(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    for patch in [pin(true), folder("old"), mute(Mute::Forever), hide(true)] {
        set(&f, &room, "anna", patch).await;
    }
    let old = own(&f, &room, "anna").await;
    let deleted = store.delete_room(&f.app, &room, f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    let out = store.set_own(&f.app, &room, &user("anna"), pin(true), f.now()).await;
    assert_eq!(out.expect("set_own"), None, "a deleted room is not there");
    f.group("team", &["anna"]).await;
    let new = own(&f, &room, "anna").await;
    assert_eq!(new, OwnSettings { rev: new.rev, ..OwnSettings::default() });
    assert!(new.rev > old.rev, "{new:?} is newer than {old:?}");
    f.add(&room, &["ben"]).await;
    assert_eq!(own(&f, &room, "ben").await, OwnSettings::default());
}

/// Devices that change different settings at once lose none, nor do sends beside them.
pub async fn devices_at_once_lose_nothing(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let room = f.group("team", &["anna", "ben"]).await;
    for round in 0..10 {
        let name = format!("folder {round}");
        let patches = [pin(round % 2 == 0), folder(&name), mute(Mute::Until(Time(round)))];
        let mut tasks = JoinSet::new();
        for (place, patch) in patches.into_iter().enumerate() {
            let (store, app, room) =
                (nodes[place % nodes.len()].clone(), f.app.clone(), room.clone());
            let now = f.now();
            tasks.spawn(async move {
                let set = store.set_own(&app, &room, &user("anna"), patch, now).await;
                set.expect("set_own").expect("anna is in").0.own.rev
            });
        }
        let append = {
            let guard = f.guard(&room, "anna").await;
            f.append_of(&room, guard, text_message(f.message_id(), Some("anna"), "hi"))
        };
        let store = nodes[0].clone();
        tasks.spawn(async move {
            store.append_message(append).await.expect("append_message");
            0
        });
        let mut revs = tasks.join_all().await;
        revs.sort_unstable();
        let last = u64::try_from(round).expect("a small number") * 3;
        assert_eq!(revs, [0, last + 1, last + 2, last + 3], "each change takes a rev of its own");
        let own = own(&f, &room, "anna").await;
        assert_eq!((own.pinned, own.folder), (round % 2 == 0, Some(name)));
        assert_eq!(own.muted, Some(Mute::Until(Time(round))));
    }
    assert_eq!(f.head(&room).await.seq, 10);
}
