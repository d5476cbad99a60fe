//! Apps and server keys.

use super::fixtures::{Fixture, app_of, key_of, random_app};
use crate::ids::AppId;
use crate::limits;
use crate::model::{App, AppCounts, AppPatch, AppPolicy, ServerKey, Time};
use crate::ports::{NewApp, Store, StoreError};

async fn create(store: &dyn Store, app: &App) -> ServerKey {
    let key = key_of(&app.id, app.created_at);
    let new = NewApp { app: app.clone(), key: key.clone() };
    store.create_app(new).await.expect("create_app");
    key
}

async fn found(store: &dyn Store, app: &AppId) -> Option<App> {
    store.app(app).await.expect("app")
}

/// An app is stored with its first key, whole; its id is taken from then on.
pub async fn create_stores_app_and_first_key(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut app = app_of(random_app(), f.now());
    app.name = "Läden \"& 店\"".to_owned();
    app.policy = AppPolicy::BackendOnly;
    app.development = true;
    app.origins = vec!["https://b.example".into(), "https://a.example:8443".into()];
    assert_eq!(found(store, &app.id).await, None);
    let key = create(store, &app).await;
    assert_eq!(found(store, &app.id).await, Some(app.clone()));
    let keys = store.server_keys(&app.id, f.now()).await;
    assert_eq!(keys.expect("server_keys"), vec![key]);

    let mut clash = app.clone();
    clash.name = "Thief".to_owned();
    let key = key_of(&app.id, f.now());
    let refused = store.create_app(NewApp { app: clash, key }).await;
    assert!(matches!(refused, Err(StoreError::Broken(_))), "an id that is taken: {refused:?}");
    assert_eq!(found(store, &app.id).await, Some(app.clone()));
    let keys = store.server_keys(&app.id, f.now()).await;
    assert_eq!(keys.expect("server_keys").len(), 1, "nor was a key added");
}

/// All apps are listed, oldest first.
pub async fn apps_are_listed_oldest_first(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut mine = Vec::new();
    for _ in 0..3 {
        let app = app_of(random_app(), f.now());
        create(store, &app).await;
        mine.push(app);
    }
    let all = store.apps().await.expect("apps");
    assert!(all.is_sorted_by_key(|app| app.created_at), "oldest first");
    let listed: Vec<_> = all.into_iter().filter(|app| mine.contains(app)).collect();
    assert_eq!(listed, mine);
}

/// An update changes what it names.
pub async fn update_changes_the_given_fields(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let app = app_of(random_app(), f.now());
    create(store, &app).await;
    let patch = AppPatch {
        policy: Some(AppPolicy::BackendOnly),
        origins: Some(Vec::new()),
        ..AppPatch::default()
    };
    let changed = store.update_app(&app.id, patch, f.now()).await;
    let changed = changed.expect("update_app").expect("the app is there");
    assert!(changed.changed_at > app.changed_at, "a change is stamped");
    let expected = App {
        policy: AppPolicy::BackendOnly,
        origins: Vec::new(),
        changed_at: changed.changed_at,
        ..app.clone()
    };
    assert_eq!(changed, expected);
    assert_eq!(found(store, &app.id).await, Some(expected));
    let patch =
        AppPatch { name: Some("New".to_owned()), development: Some(true), ..AppPatch::default() };
    let changed = store.update_app(&app.id, patch, f.now()).await;
    let changed = changed.expect("update_app").expect("the app is there");
    assert_eq!((changed.name.as_str(), changed.development), ("New", true));
    assert_eq!(changed.policy, AppPolicy::BackendOnly);
    let none = store.update_app(&random_app(), AppPatch::default(), f.now()).await;
    assert_eq!(none.expect("update_app"), None);
}

/// A rotation adds a key and ends the others in time, never later than they would have.
pub async fn rotation_ends_the_other_keys(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let app = app_of(random_app(), f.now());
    let first = create(store, &app).await;
    let other = app_of(random_app(), f.now());
    create(store, &other).await;
    let hour = f.now().plus_millis(3_600_000);
    let second = key_of(&app.id, f.now());
    let rotated = store.rotate_server_key(second.clone(), hour).await;
    assert!(rotated.expect("rotate_server_key").is_some());
    let keys = async |app: &AppId, now: Time| {
        let keys = store.server_keys(app, now).await.expect("server_keys");
        keys.into_iter().map(|key| (key.id, key.expires_at)).collect::<Vec<_>>()
    };
    let now = f.now();
    assert_eq!(
        keys(&app.id, now).await,
        vec![(second.id.clone(), None), (first.id.clone(), Some(hour))],
        "newest first, the older one ends"
    );
    let just = Time(hour.0 - 1);
    assert_eq!(keys(&app.id, just).await.len(), 2);
    assert_eq!(
        keys(&app.id, hour).await,
        vec![(second.id.clone(), None)],
        "from its end on a key is gone"
    );
    let third = key_of(&app.id, f.now());
    let later = hour.plus_millis(3_600_000);
    let rotated = store.rotate_server_key(third.clone(), later).await;
    assert!(rotated.expect("rotate_server_key").is_some());
    assert_eq!(
        keys(&app.id, now).await,
        vec![(third.id, None), (second.id, Some(later)), (first.id, Some(hour))],
        "an end that was set does not move away"
    );
    let others = keys(&other.id, later.plus_millis(1)).await;
    assert_eq!(others.len(), 1, "another app's keys are left alone");
    let nowhere = key_of(&random_app(), f.now());
    let none = store.rotate_server_key(nowhere, hour).await;
    assert_eq!(none.expect("rotate_server_key"), None, "no such app");
}

/// Counts are of the app's own users and living rooms.
pub async fn counts_are_of_the_living(store: &dyn Store) {
    let (f, other) = (Fixture::new(store).await, Fixture::new(store).await);
    let counts = store.app_counts(&f.app).await.expect("app_counts");
    assert_eq!(counts, AppCounts::default());
    f.group("a", &["anna", "ben"]).await;
    let gone = f.group("b", &["anna", "cleo"]).await;
    let deleted = store.delete_room(&f.app, &gone, f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    other.group("a", &["anna"]).await;
    let counts = store.app_counts(&f.app).await.expect("app_counts");
    assert_eq!(counts, AppCounts { users: 3, rooms: 1 });
}

/// The install's epoch stays while nothing was restored, its time goes on, and it answers.
pub async fn the_store_is_there(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let first = store.position(f.now()).await.expect("position");
    assert!(!first.epoch.is_empty());
    let second = store.position(f.now()).await.expect("position");
    assert_eq!(second.epoch, first.epoch);
    let overlap = limits::SYNC_OVERLAP_MS;
    assert!(
        second.at.plus_millis(overlap) > first.at,
        "the store's time does not go back further than a sync reaches"
    );
    store.ping().await.expect("ping");
}
