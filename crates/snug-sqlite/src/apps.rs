//! Apps and server keys.

use async_trait::async_trait;
use rusqlite::{Connection, Row, named_params};
use snug_core::ids::{AppId, KeyId};
use snug_core::limits::APPS_MAX;
use snug_core::model::{App, AppCounts, AppPatch, AppPolicy, ServerKey, Time};
use snug_core::ports::{AppStore, NewApp, NewServerKey, StoreResult};

use crate::SqliteStore;
use crate::rows::{Sql, all, change, damaged, hash, maybe_time, one, size, time, uint, word};

const APP: &str = "SELECT id, name, policy, development, origins, created_at, changed_at FROM apps";

#[async_trait]
impl AppStore for SqliteStore {
    async fn create_app(&self, new: NewApp) -> StoreResult<()> {
        self.write(Some(new.app.id.clone()), move |conn| {
            insert_app(conn, &new.app)?;
            insert_key(conn, &new.key)
        })
        .await
    }

    async fn app(&self, app: &AppId) -> StoreResult<Option<App>> {
        let app = app.clone();
        self.read(Some(app.clone()), move |conn| find(conn, &app)).await
    }

    async fn apps(&self) -> StoreResult<Vec<App>> {
        self.read(None, |conn| {
            let sql = format!("{APP} ORDER BY created_at, id LIMIT ?1");
            all(conn, &sql, [size(APPS_MAX)], read_app)
        })
        .await
    }

    async fn update_app(
        &self,
        app: &AppId,
        patch: AppPatch,
        now: Time,
    ) -> StoreResult<Option<App>> {
        let app = app.clone();
        self.write(Some(app.clone()), move |conn| update(conn, &app, &patch, now)).await
    }

    async fn server_keys(&self, app: &AppId, now: Time) -> StoreResult<Vec<ServerKey>> {
        let app = app.clone();
        self.read(Some(app.clone()), move |conn| {
            all(
                conn,
                "SELECT id, sealed, hash, hint, created_at, expires_at FROM server_keys \
                 WHERE app = ?1 AND (expires_at IS NULL OR expires_at > ?2) \
                 ORDER BY created_at DESC, id DESC",
                (app.as_str(), now.0),
                |row| read_key(row, &app),
            )
        })
        .await
    }

    async fn rotate_server_key(
        &self,
        key: NewServerKey,
        others_expire_at: Time,
    ) -> StoreResult<Option<KeyId>> {
        self.write(Some(key.app.clone()), move |conn| rotate(conn, &key, others_expire_at)).await
    }

    async fn app_counts(&self, app: &AppId) -> StoreResult<AppCounts> {
        let app = app.clone();
        self.read(Some(app.clone()), move |conn| counts(conn, &app)).await
    }
}

fn find(conn: &Connection, app: &AppId) -> Sql<Option<App>> {
    one(conn, &format!("{APP} WHERE id = ?1"), [app.as_str()], read_app)
}

fn read_app(row: &Row<'_>) -> Sql<App> {
    let origins = serde_json::from_str(row.get_ref(4)?.as_str()?);
    Ok(App {
        id: AppId::from_stored(row.get_ref(0)?.as_str()?),
        name: row.get(1)?,
        policy: word(row, 2, AppPolicy::parse)?,
        development: row.get(3)?,
        origins: origins.map_err(|_| damaged(4, "origins that are no list"))?,
        created_at: time(row, 5)?,
        changed_at: time(row, 6)?,
    })
}

fn read_key(row: &Row<'_>, app: &AppId) -> Sql<ServerKey> {
    Ok(ServerKey {
        app: app.clone(),
        id: KeyId::from_stored(row.get_ref(0)?.as_str()?),
        sealed: row.get(1)?,
        hash: hash(row, 2)?,
        hint: row.get(3)?,
        created_at: time(row, 4)?,
        expires_at: maybe_time(row, 5)?,
    })
}

fn insert_app(conn: &Connection, app: &App) -> Sql<()> {
    write_app(
        conn,
        "INSERT INTO apps (id, name, policy, development, origins, created_at, changed_at) \
         VALUES (:id, :name, :policy, :development, :origins, :created_at, :changed_at)",
        app,
    )
}

fn write_app(conn: &Connection, sql: &str, app: &App) -> Sql<()> {
    let origins = serde_json::Value::from(app.origins.clone()).to_string();
    change(
        conn,
        sql,
        named_params! {
            ":id": app.id.as_str(),
            ":name": app.name,
            ":policy": app.policy.as_str(),
            ":development": app.development,
            ":origins": origins,
            ":created_at": app.created_at.0,
            ":changed_at": app.changed_at.0,
        },
    )
    .map(drop)
}

fn update(conn: &Connection, id: &AppId, patch: &AppPatch, now: Time) -> Sql<Option<App>> {
    let Some(mut app) = find(conn, id)? else {
        return Ok(None);
    };
    let AppPatch { name, policy, development, origins } = patch.clone();
    app.name = name.unwrap_or(app.name);
    app.policy = policy.unwrap_or(app.policy);
    app.development = development.unwrap_or(app.development);
    app.origins = origins.unwrap_or(app.origins);
    app.changed_at = now;
    write_app(
        conn,
        "UPDATE apps SET name = :name, policy = :policy, development = :development, \
         origins = :origins, created_at = :created_at, changed_at = :changed_at WHERE id = :id",
        &app,
    )?;
    Ok(Some(app))
}

fn insert_key(conn: &Connection, key: &ServerKey) -> Sql<()> {
    change(
        conn,
        "INSERT INTO server_keys (app, id, sealed, hash, hint, created_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            key.app.as_str(),
            key.id.as_str(),
            &key.sealed,
            key.hash,
            &key.hint,
            key.created_at.0,
            key.expires_at.map(|at| at.0),
        ),
    )
    .map(drop)
}

fn rotate(conn: &Connection, key: &ServerKey, others_expire_at: Time) -> Sql<Option<KeyId>> {
    if find(conn, &key.app)?.is_none() {
        return Ok(None);
    }
    change(
        conn,
        "UPDATE server_keys SET expires_at = ?2 \
         WHERE app = ?1 AND (expires_at IS NULL OR expires_at > ?2)",
        (key.app.as_str(), others_expire_at.0),
    )?;
    insert_key(conn, key)?;
    Ok(Some(key.id.clone()))
}

fn counts(conn: &Connection, app: &AppId) -> Sql<AppCounts> {
    let number = |sql| one(conn, sql, [app.as_str()], |row| uint(row, 0));
    let users = number("SELECT count(*) FROM users WHERE app = ?1")?;
    let rooms = number(
        "SELECT count(*) FROM rooms r JOIN heads h ON h.rk = r.rk \
         WHERE r.app = ?1 AND h.deleted_at IS NULL",
    )?;
    Ok(AppCounts { users: users.unwrap_or(0), rooms: rooms.unwrap_or(0) })
}
