//! Users: made by any call that names one, patched field by field, put out and let in again.

use super::fixtures::{Fixture, json, user, users};
use crate::model::{Patch, User, UserPatch};
use crate::ports::{NewSession, SessionOrigin, Store};

async fn upsert(f: &Fixture<'_>, name: &str, patch: UserPatch) -> User {
    f.store.upsert_user(&f.app, &user(name), patch, f.now()).await.expect("upsert_user")
}

async fn found(f: &Fixture<'_>, name: &str) -> Option<User> {
    f.store.user(&f.app, &user(name)).await.expect("user")
}

/// An upsert makes the user or changes the named fields only.
pub async fn upsert_changes_the_given_fields(store: &dyn Store) {
    let f = Fixture::new(store).await;
    assert_eq!(found(&f, "anna").await, None);
    let patch = UserPatch {
        name: Patch::Set("Anna 安".to_owned()),
        avatar: Patch::Set("https://a.example/a.png".to_owned()),
        locale: Patch::Set("zh-Hant-TW".to_owned()),
        custom: Patch::Set(json(r#"{"b":1,  "a":"\u0000"}"#)),
        invisible: None,
    };
    let made = upsert(&f, "anna", patch).await;
    assert_eq!(made.id, user("anna"));
    assert_eq!(made.name.as_deref(), Some("Anna 安"));
    assert_eq!(made.locale.as_deref(), Some("zh-Hant-TW"));
    assert_eq!(
        made.custom,
        Some(json(r#"{"b":1,  "a":"\u0000"}"#)),
        "custom JSON comes out as the bytes that went in"
    );
    assert_eq!((made.session_custom.clone(), made.deactivated_at), (None, None));
    assert_eq!(found(&f, "anna").await, Some(made.clone()));

    let patch = UserPatch {
        name: Patch::Set("A.".to_owned()),
        avatar: Patch::Clear,
        ..UserPatch::default()
    };
    let changed = upsert(&f, "anna", patch).await;
    assert!(changed.changed_at > made.changed_at, "a change is stamped");
    let expected =
        User { name: Some("A.".to_owned()), avatar: None, changed_at: changed.changed_at, ..made };
    assert_eq!(changed, expected, "Keep keeps, Clear clears, Set sets");
    assert_eq!(found(&f, "anna").await, Some(changed));
}

/// An empty patch makes a bare user and leaves one that is there alone.
pub async fn an_empty_patch_only_makes(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let bare = upsert(&f, "anna", UserPatch::default()).await;
    assert_eq!((bare.name.clone(), bare.avatar.clone()), (None, None));
    assert_eq!((bare.locale.clone(), bare.custom.clone()), (None, None));
    let again = upsert(&f, "anna", UserPatch::default()).await;
    assert_eq!(again, bare, "an empty patch changes nothing");
}

/// A query for several users answers those that exist.
pub async fn several_at_once(store: &dyn Store) {
    let f = Fixture::new(store).await;
    for name in ["anna", "ben", "Ben", "cleo"] {
        upsert(&f, name, UserPatch::default()).await;
    }
    let asked = users(&["ben", "nobody", "anna"]);
    let mut got = store.users(&f.app, &asked).await.expect("users");
    got.sort_by(|a, b| a.id.cmp(&b.id));
    let ids: Vec<_> = got.iter().map(|user| user.id.as_str()).collect();
    assert_eq!(ids, ["anna", "ben"]);
    assert_eq!(Some(&got[0]), found(&f, "anna").await.as_ref());
    let none = store.users(&f.app, &[]).await.expect("users");
    assert!(none.is_empty(), "asking for nobody answers nobody");
}

/// Who is put out has no session and no right decided before; letting in gives neither back.
pub async fn deactivate_and_reactivate(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let nobody = store.deactivate_user(&f.app, &user("nobody"), f.now()).await;
    assert_eq!(nobody.expect("deactivate_user"), None);
    let nobody = store.reactivate_user(&f.app, &user("nobody"), f.now()).await;
    assert_eq!(nobody.expect("reactivate_user"), None);
    assert_eq!(found(&f, "nobody").await, None, "neither makes a user");

    let (one, two) = (f.group("one", &["anna", "ben"]).await, f.group("two", &["anna"]).await);
    let before = (f.mine(&one, "anna").await, f.mine(&two, "anna").await);
    let ben = f.mine(&one, "ben").await;
    let session = super::sessions::open(&f, "anna", "phone", "token").await;
    let out = store.deactivate_user(&f.app, &user("anna"), f.now()).await;
    let (out, closed) = out.expect("deactivate_user").expect("anna is there");
    assert!(out.deactivated_at.is_some());
    assert_eq!(found(&f, "anna").await, Some(out));
    let ids: Vec<_> = closed.iter().map(|closed| closed.id.clone()).collect();
    assert_eq!(ids, vec![session.id], "every session is closed");
    let after = (f.mine(&one, "anna").await, f.mine(&two, "anna").await);
    assert!(
        after.0.policy_rev > before.0.policy_rev && after.1.policy_rev > before.1.policy_rev,
        "every membership's policy_rev moves"
    );
    assert_eq!(f.mine(&one, "ben").await, ben, "others are left alone");
    assert_eq!(after.0.state, before.0.state, "a deactivated user stays a member");
    assert!(f.facts(&one, "anna").await.deactivated, "policy sees that the user is out");
    assert!(!f.facts(&one, "ben").await.deactivated);

    let again = store.deactivate_user(&f.app, &user("anna"), f.now()).await;
    let (again, closed) = again.expect("deactivate_user").expect("anna is there");
    assert!(again.deactivated_at.is_some());
    assert!(closed.is_empty(), "sessions are closed once");

    let back = store.reactivate_user(&f.app, &user("anna"), f.now()).await;
    let back = back.expect("reactivate_user").expect("anna is there");
    assert_eq!(back.deactivated_at, None);
    assert_eq!(found(&f, "anna").await, Some(back));
    assert!(!f.facts(&one, "anna").await.deactivated);
    let old = super::sessions::by_token(&f, "token").await;
    let old = old.expect("the session is known");
    assert!(old.session.closed.is_some(), "old sessions stay closed");
    assert!(!old.user_deactivated);
}

/// Opening a session changes the profile in the same commit, and remembers its custom JSON.
pub async fn a_session_brings_the_profile(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut new: NewSession = super::sessions::new(&f, "anna", "phone", "one");
    new.origin = SessionOrigin::Backend;
    new.profile.name = Patch::Set("Anna".to_owned());
    new.custom = Some(json(r#"{"plan":  "gold"}"#));
    super::sessions::opened(&f, new).await;
    let anna = found(&f, "anna").await.expect("anna was made");
    assert_eq!(anna.name.as_deref(), Some("Anna"));
    assert_eq!(anna.session_custom, Some(json(r#"{"plan":  "gold"}"#)));
    assert_eq!(anna.custom, None, "a session's custom is not the profile's");
    super::sessions::open(&f, "anna", "tablet", "two").await;
    let later = found(&f, "anna").await.expect("anna is there");
    assert_eq!(later.name.as_deref(), Some("Anna"), "absent fields stay");
    assert_eq!(later.session_custom, Some(json(r#"{"plan":  "gold"}"#)));
}

/// The same user id in two apps is two users.
pub async fn apps_never_meet(store: &dyn Store) {
    let (one, two) = (Fixture::new(store).await, Fixture::new(store).await);
    let patch = UserPatch { name: Patch::Set("One".to_owned()), ..UserPatch::default() };
    upsert(&one, "anna", patch).await;
    assert_eq!(found(&two, "anna").await, None);
    let none = store.users(&two.app, &users(&["anna"])).await;
    assert!(none.expect("users").is_empty());
    upsert(&two, "anna", UserPatch::default()).await;
    super::sessions::open(&one, "anna", "phone", "token").await;
    let out = store.deactivate_user(&two.app, &user("anna"), two.now()).await;
    let (_, closed) = out.expect("deactivate_user").expect("two's anna is there");
    assert!(closed.is_empty(), "the other app's session stays");
    let anna = found(&one, "anna").await.expect("one's anna is there");
    assert_eq!(anna.deactivated_at, None);
    assert_eq!(anna.name.as_deref(), Some("One"));
}

/// Times of going are noted if they are newer, and told of who may be seen.
pub async fn the_last_time_online(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let (early, late) = (f.now(), f.now());
    upsert(&f, "anna", UserPatch::default()).await;
    let hides = UserPatch { invisible: Some(true), ..UserPatch::default() };
    assert!(upsert(&f, "ben", hides).await.invisible);
    let seen = |who: &str, at| (f.app.clone(), user(who), at);
    let known = || async {
        let all = users(&["anna", "ben", "nobody"]);
        store.last_seen(&f.app, &all).await.expect("last_seen")
    };
    assert_eq!(known().await, []);
    let both = [seen("anna", late), seen("ben", late), seen("nobody", late), seen("anna", early)];
    store.note_seen(&both).await.expect("note_seen");
    assert_eq!(known().await, [(user("anna"), late)], "an invisible user is not told of");
    store.note_seen(&[seen("anna", early)]).await.expect("note_seen");
    assert_eq!(known().await, [(user("anna"), late)], "it never goes back");
    let shows = UserPatch { invisible: Some(false), ..UserPatch::default() };
    assert!(!upsert(&f, "ben", shows).await.invisible);
    assert!(!upsert(&f, "ben", UserPatch::default()).await.invisible);
    assert_eq!(known().await.len(), 2);
    let other = Fixture::new(store).await;
    let foreign = store.last_seen(&other.app, &users(&["anna"])).await.expect("last_seen");
    assert_eq!(foreign, [], "of another app");
}

/// By it nodes know the newer of two words, so it rises also when the clock goes back.
pub async fn the_time_of_a_change_only_rises(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let early = f.now();
    let sees = |invisible| UserPatch { invisible: Some(invisible), ..UserPatch::default() };
    let at = |patch, now| {
        let (app, anna) = (f.app.clone(), user("anna"));
        async move { store.upsert_user(&app, &anna, patch, now).await.expect("upsert_user") }
    };
    let first = at(sees(false), f.now()).await;
    let second = at(sees(true), early).await;
    assert!(second.changed_at > first.changed_at && second.invisible);
    let named = at(UserPatch { name: Patch::Set("A".to_owned()), ..sees(true) }, early).await;
    assert!(named.changed_at > second.changed_at);
    let anna = user("anna");
    let out = store.deactivate_user(&f.app, &anna, early).await.expect("deactivate_user");
    let out = out.expect("anna").0;
    assert!(out.changed_at > named.changed_at);
    let back = store.reactivate_user(&f.app, &anna, early).await.expect("reactivate_user");
    assert!(back.expect("anna").changed_at > out.changed_at);
}
