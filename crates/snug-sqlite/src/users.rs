//! Users.

use async_trait::async_trait;
use rusqlite::Connection;
use snug_core::ids::{AppId, UserId};
use snug_core::model::{CloseReason, CustomJson, SessionSelector, Time, User, UserPatch};
use snug_core::ports::{ClosedSession, StoreResult, UserStore};

use crate::rows::{Sql, all, change, one, size, time, user, user_columns};
use crate::{SqliteStore, sessions};

#[async_trait]
impl UserStore for SqliteStore {
    async fn upsert_user(
        &self,
        app: &AppId,
        user: &UserId,
        patch: UserPatch,
        now: Time,
    ) -> StoreResult<User> {
        let (app, user) = (app.clone(), user.clone());
        self.write(Some(app.clone()), move |conn| upsert(conn, &app, &user, &patch, now)).await
    }

    async fn user(&self, app: &AppId, user: &UserId) -> StoreResult<Option<User>> {
        let (app, user) = (app.clone(), user.clone());
        self.read(Some(app.clone()), move |conn| find(conn, &app, &user)).await
    }

    async fn users(&self, app: &AppId, users: &[UserId]) -> StoreResult<Vec<User>> {
        let (app, users) = (app.clone(), users.to_vec());
        self.read(Some(app.clone()), move |conn| {
            users.iter().filter_map(|user| find(conn, &app, user).transpose()).collect()
        })
        .await
    }

    async fn users_page(
        &self,
        app: &AppId,
        after: Option<&UserId>,
        limit: usize,
    ) -> StoreResult<Vec<User>> {
        let (app, after) = (app.clone(), after.cloned());
        self.read(Some(app.clone()), move |conn| {
            all(
                conn,
                concat!(
                    "SELECT ",
                    user_columns!(),
                    " FROM users u WHERE u.app = ?1 AND u.id > ?2 ORDER BY u.id LIMIT ?3"
                ),
                (app.as_str(), after.as_ref().map_or("", UserId::as_str), size(limit)),
                user,
            )
        })
        .await
    }

    async fn deactivate_user(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> StoreResult<Option<(User, Vec<ClosedSession>)>> {
        let (app, user) = (app.clone(), user.clone());
        self.write(Some(app.clone()), move |conn| deactivate(conn, &app, &user, now)).await
    }

    async fn reactivate_user(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> StoreResult<Option<User>> {
        let (app, user) = (app.clone(), user.clone());
        self.write(Some(app.clone()), move |conn| {
            change(
                conn,
                "UPDATE users SET deactivated_at = NULL, changed_at = max(?3, changed_at + 1) \
                 WHERE app = ?1 AND id = ?2 AND deactivated_at IS NOT NULL",
                (app.as_str(), user.as_str(), now.0),
            )?;
            find(conn, &app, &user)
        })
        .await
    }

    async fn note_seen(&self, seen: &[(AppId, UserId, Time)]) -> StoreResult<()> {
        let seen = seen.to_vec();
        self.write(None, move |conn| {
            for (app, user, at) in &seen {
                change(
                    conn,
                    "UPDATE users SET last_seen_at = ?3 WHERE app = ?1 AND id = ?2 \
                     AND coalesce(last_seen_at, 0) < ?3",
                    (app.as_str(), user.as_str(), at.0),
                )?;
            }
            Ok(())
        })
        .await
    }

    async fn last_seen(&self, app: &AppId, users: &[UserId]) -> StoreResult<Vec<(UserId, Time)>> {
        let (app, users) = (app.clone(), users.to_vec());
        self.read(Some(app.clone()), move |conn| {
            let seen_at = |user: &UserId| {
                let sql = "SELECT last_seen_at FROM users WHERE app = ?1 AND id = ?2 \
                           AND last_seen_at IS NOT NULL AND NOT invisible";
                let at = one(conn, sql, (app.as_str(), user.as_str()), |row| time(row, 0))?;
                Ok(at.map(|at| (user.clone(), at)))
            };
            users.iter().filter_map(|user| seen_at(user).transpose()).collect()
        })
        .await
    }
}

pub(crate) fn find(conn: &Connection, app: &AppId, id: &UserId) -> Sql<Option<User>> {
    one(
        conn,
        concat!("SELECT ", user_columns!(), " FROM users u WHERE u.app = ?1 AND u.id = ?2"),
        (app.as_str(), id.as_str()),
        user,
    )
}

pub(crate) fn is_deactivated(conn: &Connection, app: &AppId, id: &UserId) -> Sql<bool> {
    let sql = "SELECT 1 FROM users WHERE app = ?1 AND id = ?2 AND deactivated_at IS NOT NULL";
    Ok(one(conn, sql, (app.as_str(), id.as_str()), |_| Ok(()))?.is_some())
}

/// Whether the user is shut out; `None` of one that there is not.
pub(crate) fn is_out(conn: &Connection, app: &AppId, id: &UserId) -> Sql<Option<bool>> {
    let sql = "SELECT deactivated_at IS NOT NULL FROM users WHERE app = ?1 AND id = ?2";
    one(conn, sql, (app.as_str(), id.as_str()), |row| row.get(0))
}

/// Makes the user, bare, if there is none.
pub(crate) fn ensure(conn: &Connection, app: &AppId, id: &UserId, now: Time) -> Sql<()> {
    change(
        conn,
        "INSERT INTO users (app, id, created_at, changed_at) VALUES (?1, ?2, ?3, ?3) \
         ON CONFLICT DO NOTHING",
        (app.as_str(), id.as_str(), now.0),
    )
    .map(drop)
}

/// The user after `ensure`.
pub(crate) fn get(conn: &Connection, app: &AppId, id: &UserId, now: Time) -> Sql<User> {
    if let Some(user) = find(conn, app, id)? {
        return Ok(user);
    }
    ensure(conn, app, id, now)?;
    find(conn, app, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

pub(crate) fn upsert(
    conn: &Connection,
    app: &AppId,
    id: &UserId,
    patch: &UserPatch,
    now: Time,
) -> Sql<User> {
    let mut user = get(conn, app, id, now)?;
    if patch.is_empty() {
        return Ok(user);
    }
    let UserPatch { name, avatar, locale, custom, invisible } = patch.clone();
    user.name = name.apply(user.name);
    user.avatar = avatar.apply(user.avatar);
    user.locale = locale.apply(user.locale);
    user.custom = custom.apply(user.custom);
    user.invisible = invisible.unwrap_or(user.invisible);
    user.changed_at = next_change(&user, now);
    change(
        conn,
        "UPDATE users SET name = ?3, avatar = ?4, locale = ?5, custom = ?6, changed_at = ?7, \
         invisible = ?8 WHERE app = ?1 AND id = ?2",
        (
            app.as_str(),
            id.as_str(),
            &user.name,
            &user.avatar,
            &user.locale,
            user.custom.as_ref().map(CustomJson::as_str),
            user.changed_at.0,
            user.invisible,
        ),
    )?;
    Ok(user)
}

/// The time of a change only rises, whatever the clock does: by it nodes know the newer of two
/// words about being seen.
fn next_change(user: &User, now: Time) -> Time {
    if user.created_at == now { now } else { now.max(Time(user.changed_at.0.saturating_add(1))) }
}

fn deactivate(
    conn: &Connection,
    app: &AppId,
    id: &UserId,
    now: Time,
) -> Sql<Option<(User, Vec<ClosedSession>)>> {
    if find(conn, app, id)?.is_none() {
        return Ok(None);
    }
    change(
        conn,
        "UPDATE users SET deactivated_at = ?3, changed_at = max(?3, changed_at + 1) \
         WHERE app = ?1 AND id = ?2 AND deactivated_at IS NULL",
        (app.as_str(), id.as_str(), now.0),
    )?;
    let selector = SessionSelector::User(id.clone());
    let closed = sessions::close(conn, app, &selector, CloseReason::Deactivated, now)?;
    // Line 11: what was decided for this user before is decided again. A membership's own
    // change time stays: nothing of it is shown.
    change(
        conn,
        "UPDATE members SET policy_rev = policy_rev + 1 WHERE app = ?1 AND user = ?2",
        (app.as_str(), id.as_str()),
    )?;
    Ok(find(conn, app, id)?.map(|user| (user, closed)))
}
