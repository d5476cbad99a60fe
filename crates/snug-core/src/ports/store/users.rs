//! Users.

use async_trait::async_trait;

use super::{ClosedSession, StoreResult};
use crate::ids::{AppId, UserId};
use crate::model::{Time, User, UserPatch};

/// Users of an app. A user that any call names is made on the spot, bare.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Makes the user or changes the given fields; an empty patch only makes.
    async fn upsert_user(
        &self,
        app: &AppId,
        user: &UserId,
        patch: UserPatch,
        now: Time,
    ) -> StoreResult<User>;

    async fn user(&self, app: &AppId, user: &UserId) -> StoreResult<Option<User>>;

    /// Those that exist, in any order.
    async fn users(&self, app: &AppId, users: &[UserId]) -> StoreResult<Vec<User>>;

    /// Users by id, above `after`; deactivated ones too.
    async fn users_page(
        &self,
        app: &AppId,
        after: Option<&UserId>,
        limit: usize,
    ) -> StoreResult<Vec<User>>;

    /// Deactivates: closes every session, refuses JWTs minted until now, and moves the
    /// `policy_rev` of every membership, so that a send decided before is decided again.
    /// Repeating it is harmless. `None` when there is no such user.
    async fn deactivate_user(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> StoreResult<Option<(User, Vec<ClosedSession>)>>;

    /// Lets a deactivated user in again; old sessions stay closed.
    async fn reactivate_user(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> StoreResult<Option<User>>;

    /// Notes when users were online last, of any apps, at most `PRESENCE_SEEN_AT_ONCE` of them. A
    /// time before the one that is noted, and a user that does not exist, are passed over.
    async fn note_seen(&self, seen: &[(AppId, UserId, Time)]) -> StoreResult<()>;

    /// When these users were online last, in any order: those of whom it is known and who may be
    /// seen.
    async fn last_seen(&self, app: &AppId, users: &[UserId]) -> StoreResult<Vec<(UserId, Time)>>;
}
