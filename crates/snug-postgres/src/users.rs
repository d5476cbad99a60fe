//! Users, and the bare ones that other calls make on the spot.

use async_trait::async_trait;
use snug_core::ids::{AppId, UserId};
use snug_core::model::{CloseReason, CustomJson, Patch, Time, User, UserPatch};
use snug_core::ports::{ClosedSession, StoreResult, UserStore};

use crate::PostgresStore;
use crate::pool::{Fail, Tx, bounded};
use crate::rows::{Cells, db_time, rows, user_columns};
use crate::sessions;

const BARE: &str = "INSERT INTO users (app, id, created_at, changed_at)
    SELECT DISTINCT app, id, $3::bigint, $3::bigint FROM unnest($1::text[], $2::text[]) AS i(app, id)
    ORDER BY app, id ON CONFLICT (app, id) DO NOTHING";
/// Each field comes with whether it is set at all; the row is locked also when nothing changes.
const UPSERT: &str = concat!(
    "INSERT INTO users AS u (app, id, name, avatar, locale, custom, session_custom,
       created_at, changed_at, invisible)
     VALUES ($1, $2, $4, $6, $8, $10, $12, $13, $13, coalesce($14::boolean, false))
     ON CONFLICT (app, id) DO UPDATE SET
       name = CASE WHEN $3::boolean THEN excluded.name ELSE u.name END,
       avatar = CASE WHEN $5::boolean THEN excluded.avatar ELSE u.avatar END,
       locale = CASE WHEN $7::boolean THEN excluded.locale ELSE u.locale END,
       custom = CASE WHEN $9::boolean THEN excluded.custom ELSE u.custom END,
       session_custom = CASE WHEN $11::boolean THEN excluded.session_custom
         ELSE u.session_custom END,
       invisible = coalesce($14, u.invisible),
       changed_at = CASE WHEN $3 OR $5 OR $7 OR $9 OR $11 OR $14 IS NOT NULL
         THEN greatest(excluded.changed_at,
           u.changed_at + (u.created_at <> excluded.changed_at)::integer)
         ELSE u.changed_at END
     RETURNING u.tokens_after, ",
    user_columns!()
);
const ONE: &str =
    concat!("SELECT ", user_columns!(), " FROM users u WHERE u.app = $1 AND u.id = $2");
const MANY: &str =
    concat!("SELECT ", user_columns!(), " FROM users u WHERE u.app = $1 AND u.id = ANY($2)");
const PAGE: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users u WHERE u.app = $1 AND u.id > $2 ORDER BY u.id LIMIT $3"
);
const DEACTIVATE: &str = concat!(
    "UPDATE users u SET deactivated_at = coalesce(u.deactivated_at, $3),
       tokens_after = greatest(u.tokens_after, $3),
       changed_at = greatest($3, u.changed_at + 1)
     WHERE u.app = $1 AND u.id = $2 RETURNING ",
    user_columns!()
);
const ARE_OUT: &str = "SELECT u.deactivated_at IS NOT NULL FROM users u
    WHERE u.app = $1 AND u.id = ANY($2) ORDER BY u.id FOR SHARE";
const REACTIVATE: &str = concat!(
    "UPDATE users u SET deactivated_at = NULL, changed_at = greatest($3, u.changed_at + 1)
     WHERE u.app = $1 AND u.id = $2 RETURNING ",
    user_columns!()
);
/// The rows are locked in one order, so that two nodes never wait for each other.
const NOTE_SEEN: &str = "WITH s AS (
      SELECT i.app, i.id, max(i.at) AS at
      FROM unnest($1::text[], $2::text[], $3::bigint[]) AS i(app, id, at) GROUP BY i.app, i.id),
    l AS MATERIALIZED (
      SELECT k.app, k.id, s.at FROM s JOIN users k ON k.app = s.app AND k.id = s.id
      ORDER BY k.app, k.id FOR UPDATE OF k)
    UPDATE users u SET last_seen_at = l.at FROM l
    WHERE u.app = l.app AND u.id = l.id AND coalesce(u.last_seen_at, 0) < l.at";
const LAST_SEEN: &str = "SELECT u.id, u.last_seen_at FROM users u
    WHERE u.app = $1 AND u.id = ANY($2) AND u.last_seen_at IS NOT NULL AND NOT u.invisible";
/// In the order in which appends lock memberships.
const LOCK_MEMBERSHIPS: &str = "SELECT 1 FROM members m WHERE m.app = $1 AND m.user_id = $2
    ORDER BY m.app, m.room FOR UPDATE";
const MOVE_POLICY: &str = concat!(
    "UPDATE members SET policy_rev = policy_rev + 1, changed_at = ",
    db_time!(),
    " WHERE app = $1 AND user_id = $2"
);

/// Whether one of them is shut out. Their rows stay locked: a deactivation that comes now waits,
/// and finds what was made.
pub(crate) async fn any_is_out(tx: &Tx, app: &AppId, users: &[&str]) -> Result<bool, Fail> {
    let out = tx.prepare_cached(ARE_OUT).await?;
    for row in tx.query(&out, &[&app.as_str(), &users]).await? {
        if Cells::of(&row).next()? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes those that do not exist yet, in one order everywhere.
pub(crate) async fn make_bare<'a>(
    tx: &Tx,
    users: impl Iterator<Item = (&'a AppId, &'a UserId)>,
    now: Time,
) -> Result<(), Fail> {
    let (apps, ids): (Vec<&str>, Vec<&str>) =
        users.map(|(app, user)| (app.as_str(), user.as_str())).unzip();
    let bare = tx.prepare_cached(BARE).await?;
    tx.execute(&bare, &[&apps, &ids, &now.0]).await?;
    Ok(())
}

/// Makes or changes the user and locks the row; with the time up to which JWTs are refused.
pub(crate) async fn upsert(
    tx: &Tx,
    key: (&AppId, &UserId),
    patch: &UserPatch,
    session_custom: Option<&CustomJson>,
    now: Time,
) -> Result<(User, Option<Time>), Fail> {
    let (name_set, name) = set(&patch.name);
    let (avatar_set, avatar) = set(&patch.avatar);
    let (locale_set, locale) = set(&patch.locale);
    let (custom_set, custom) = set_json(&patch.custom);
    let session_set = session_custom.is_some();
    let session_custom = session_custom.map(CustomJson::as_str);
    let upsert = tx.prepare_cached(UPSERT).await?;
    let row = tx
        .query_one(
            &upsert,
            &[
                &key.0.as_str(),
                &key.1.as_str(),
                &name_set,
                &name,
                &avatar_set,
                &avatar,
                &locale_set,
                &locale,
                &custom_set,
                &custom,
                &session_set,
                &session_custom,
                &now.0,
                &patch.invisible,
            ],
        )
        .await?;
    let mut cells = Cells::of(&row);
    let tokens_after = cells.time_or_none()?;
    Ok((cells.user()?, tokens_after))
}

impl PostgresStore {
    async fn page_once(
        &self,
        app: &AppId,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<Vec<User>, Fail> {
        let client = self.reads.get().await?;
        let page = client.prepare_cached(PAGE).await?;
        let (after, most) = (after.map_or("", UserId::as_str), rows(limit, 0));
        let found = client.query(&page, &[&app.as_str(), &after, &most]).await?;
        found.iter().map(|row| Cells::of(row).user()).collect()
    }

    async fn upsert_once(
        &self,
        app: &AppId,
        user: &UserId,
        patch: &UserPatch,
        now: Time,
    ) -> Result<User, Fail> {
        if patch.is_empty()
            && let Some(user) = self.user_once(app, user).await?
        {
            return Ok(user);
        }
        let tx = Tx::begin(self.reads.get().await?);
        let (user, _) = upsert(&tx, (app, user), patch, None, now).await?;
        tx.commit().await?;
        Ok(user)
    }

    async fn user_once(&self, app: &AppId, user: &UserId) -> Result<Option<User>, Fail> {
        let client = self.reads.get().await?;
        let one = client.prepare_cached(ONE).await?;
        let row = client.query_opt(&one, &[&app.as_str(), &user.as_str()]).await?;
        row.map(|row| Cells::of(&row).user()).transpose()
    }

    async fn users_once(&self, app: &AppId, users: &[UserId]) -> Result<Vec<User>, Fail> {
        let client = self.reads.get().await?;
        let many = client.prepare_cached(MANY).await?;
        let ids: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let found = client.query(&many, &[&app.as_str(), &ids]).await?;
        found.iter().map(|row| Cells::of(row).user()).collect()
    }

    /// The user's row first, as `open_session` does; then the sessions; then the memberships.
    async fn deactivate_once(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> Result<Option<(User, Vec<ClosedSession>)>, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let deactivate = tx.prepare_cached(DEACTIVATE).await?;
        let key = (app.as_str(), user.as_str());
        let row = tx.query_opt(&deactivate, &[&key.0, &key.1, &now.0]).await?;
        let Some(row) = row else {
            tx.rollback().await?;
            return Ok(None);
        };
        let done = Cells::of(&row).user()?;
        let closed = sessions::close_of_user(&tx, app, user, CloseReason::Deactivated, now).await?;
        let lock = tx.prepare_cached(LOCK_MEMBERSHIPS).await?;
        tx.query(&lock, &[&key.0, &key.1]).await?;
        let move_policy = tx.prepare_cached(MOVE_POLICY).await?;
        tx.execute(&move_policy, &[&key.0, &key.1]).await?;
        tx.commit().await?;
        Ok(Some((done, closed)))
    }

    async fn reactivate_once(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> Result<Option<User>, Fail> {
        let client = self.reads.get().await?;
        let reactivate = client.prepare_cached(REACTIVATE).await?;
        let row = client.query_opt(&reactivate, &[&app.as_str(), &user.as_str(), &now.0]).await?;
        row.map(|row| Cells::of(&row).user()).transpose()
    }

    async fn note_seen_once(&self, seen: &[(AppId, UserId, Time)]) -> Result<(), Fail> {
        let client = self.reads.get().await?;
        let note = client.prepare_cached(NOTE_SEEN).await?;
        let apps: Vec<&str> = seen.iter().map(|(app, ..)| app.as_str()).collect();
        let ids: Vec<&str> = seen.iter().map(|(_, user, _)| user.as_str()).collect();
        let times: Vec<i64> = seen.iter().map(|(.., at)| at.0).collect();
        client.execute(&note, &[&apps, &ids, &times]).await?;
        Ok(())
    }

    async fn last_seen_once(
        &self,
        app: &AppId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, Time)>, Fail> {
        let client = self.reads.get().await?;
        let last = client.prepare_cached(LAST_SEEN).await?;
        let ids: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let found = client.query(&last, &[&app.as_str(), &ids]).await?;
        let seen = |row| {
            let mut cells = Cells::of(row);
            Ok((cells.user_id()?, cells.time()?))
        };
        found.iter().map(seen).collect()
    }
}

#[async_trait]
impl UserStore for PostgresStore {
    async fn upsert_user(
        &self,
        app: &AppId,
        user: &UserId,
        patch: UserPatch,
        now: Time,
    ) -> StoreResult<User> {
        Ok(bounded(|| self.upsert_once(app, user, &patch, now)).await?)
    }

    async fn user(&self, app: &AppId, user: &UserId) -> StoreResult<Option<User>> {
        Ok(bounded(|| self.user_once(app, user)).await?)
    }

    async fn users(&self, app: &AppId, users: &[UserId]) -> StoreResult<Vec<User>> {
        Ok(bounded(|| self.users_once(app, users)).await?)
    }

    async fn users_page(
        &self,
        app: &AppId,
        after: Option<&UserId>,
        limit: usize,
    ) -> StoreResult<Vec<User>> {
        Ok(bounded(|| self.page_once(app, after, limit)).await?)
    }

    async fn deactivate_user(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> StoreResult<Option<(User, Vec<ClosedSession>)>> {
        Ok(bounded(|| self.deactivate_once(app, user, now)).await?)
    }

    async fn reactivate_user(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> StoreResult<Option<User>> {
        Ok(bounded(|| self.reactivate_once(app, user, now)).await?)
    }

    async fn note_seen(&self, seen: &[(AppId, UserId, Time)]) -> StoreResult<()> {
        Ok(bounded(|| self.note_seen_once(seen)).await?)
    }

    async fn last_seen(&self, app: &AppId, users: &[UserId]) -> StoreResult<Vec<(UserId, Time)>> {
        Ok(bounded(|| self.last_seen_once(app, users)).await?)
    }
}

/// A patch as a statement takes it: whether the field is set at all, and to what.
fn set(patch: &Patch<String>) -> (bool, Option<&str>) {
    match patch {
        Patch::Keep => (false, None),
        Patch::Clear => (true, None),
        Patch::Set(new) => (true, Some(new)),
    }
}

/// The same for custom JSON.
fn set_json(patch: &Patch<CustomJson>) -> (bool, Option<&str>) {
    match patch {
        Patch::Keep => (false, None),
        Patch::Clear => (true, None),
        Patch::Set(new) => (true, Some(new.as_str())),
    }
}
