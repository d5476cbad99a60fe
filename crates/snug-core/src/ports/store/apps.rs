//! Apps and server keys.

use async_trait::async_trait;

use super::StoreResult;
use crate::ids::{AppId, KeyId};
use crate::model::{App, AppCounts, AppPatch, ServerKey, Time};

/// An app to be made, with its first key.
#[derive(Debug, Clone)]
pub struct NewApp {
    pub app: App,
    pub key: NewServerKey,
}

/// A key to be added.
pub type NewServerKey = ServerKey;

/// Apps and their keys.
#[async_trait]
pub trait AppStore: Send + Sync {
    /// Stores the app and its first key. The id is random: a clash is `Broken`.
    async fn create_app(&self, new: NewApp) -> StoreResult<()>;

    async fn app(&self, app: &AppId) -> StoreResult<Option<App>>;

    /// All apps, oldest first, at most `APPS_MAX`.
    async fn apps(&self) -> StoreResult<Vec<App>>;

    /// Changes the given fields; `None` when there is no such app.
    async fn update_app(&self, app: &AppId, patch: AppPatch, now: Time)
    -> StoreResult<Option<App>>;

    /// The app's keys that have not expired at `now`, newest first.
    async fn server_keys(&self, app: &AppId, now: Time) -> StoreResult<Vec<ServerKey>>;

    /// Adds a key; every other living key expires at `others_expire_at` at the latest.
    async fn rotate_server_key(
        &self,
        key: NewServerKey,
        others_expire_at: Time,
    ) -> StoreResult<Option<KeyId>>;

    /// Counts users and rooms that are not deleted.
    async fn app_counts(&self, app: &AppId) -> StoreResult<AppCounts>;
}
