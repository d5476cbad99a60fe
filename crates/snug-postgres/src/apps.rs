//! Apps and server keys.

use async_trait::async_trait;
use snug_core::ids::{AppId, KeyId};
use snug_core::limits;
use snug_core::model::{App, AppCounts, AppPatch, AppPolicy, ServerKey, Time};
use snug_core::ports::{AppStore, NewApp, NewServerKey, StoreResult};
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::pool::{Fail, Tx, bounded};
use crate::rows::{Cells, rows};

macro_rules! app_columns {
    () => {
        "a.id, a.name, a.policy, a.development, a.origins, a.created_at, a.changed_at"
    };
}
const INSERT: &str = "INSERT INTO apps
    (id, name, policy, development, origins, created_at, changed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const INSERT_KEY: &str = "INSERT INTO server_keys
    (app, id, sealed, hash, hint, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
const ONE: &str = concat!("SELECT ", app_columns!(), " FROM apps a WHERE a.id = $1");
const ALL: &str =
    concat!("SELECT ", app_columns!(), " FROM apps a ORDER BY a.created_at, a.id LIMIT $1");
const UPDATE: &str = concat!(
    "UPDATE apps a SET name = coalesce($2, a.name), policy = coalesce($3, a.policy),
       development = coalesce($4, a.development), origins = coalesce($5, a.origins),
       changed_at = $6
     WHERE a.id = $1 RETURNING ",
    app_columns!()
);
const KEYS: &str = "SELECT app, id, sealed, hash, hint, created_at, expires_at FROM server_keys
    WHERE app = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY created_at DESC, id DESC";
/// Locks the app's row: two rotations at once follow each other.
const LOCK: &str = "SELECT id FROM apps WHERE id = $1 FOR UPDATE";
const EXPIRE: &str = "UPDATE server_keys SET expires_at = $2
    WHERE app = $1 AND (expires_at IS NULL OR expires_at > $2)";
const COUNT: &str = "SELECT (SELECT count(*) FROM users WHERE app = $1),
    (SELECT count(*) FROM rooms WHERE app = $1 AND deleted_at IS NULL)";

fn app_of(row: &Row) -> Result<App, Fail> {
    let mut cells = Cells::of(row);
    Ok(App {
        id: cells.app()?,
        name: cells.next()?,
        policy: cells.word(AppPolicy::parse)?,
        development: cells.next()?,
        origins: cells.next()?,
        created_at: cells.time()?,
        changed_at: cells.time()?,
    })
}

fn key_of(row: &Row) -> Result<ServerKey, Fail> {
    let mut cells = Cells::of(row);
    Ok(ServerKey {
        app: cells.app()?,
        id: KeyId::from_stored(cells.next()?),
        sealed: cells.next()?,
        hash: cells.hash()?,
        hint: cells.next()?,
        created_at: cells.time()?,
        expires_at: cells.time_or_none()?,
    })
}

async fn insert_key(tx: &Tx, key: &ServerKey) -> Result<(), Fail> {
    let insert = tx.prepare_cached(INSERT_KEY).await?;
    tx.execute(
        &insert,
        &[
            &key.app.as_str(),
            &key.id.as_str(),
            &key.sealed,
            &key.hash.as_slice(),
            &key.hint,
            &key.created_at.0,
            &key.expires_at.map(|t| t.0),
        ],
    )
    .await?;
    Ok(())
}

impl PostgresStore {
    async fn create_app_once(&self, new: &NewApp) -> Result<(), Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let insert = tx.prepare_cached(INSERT).await?;
        let app = &new.app;
        tx.execute(
            &insert,
            &[
                &app.id.as_str(),
                &app.name,
                &app.policy.as_str(),
                &app.development,
                &app.origins,
                &app.created_at.0,
                &app.changed_at.0,
            ],
        )
        .await?;
        insert_key(&tx, &new.key).await?;
        tx.commit().await
    }

    async fn app_once(&self, app: &AppId) -> Result<Option<App>, Fail> {
        let client = self.reads.get().await?;
        let one = client.prepare_cached(ONE).await?;
        let row = client.query_opt(&one, &[&app.as_str()]).await?;
        row.as_ref().map(app_of).transpose()
    }

    async fn apps_once(&self) -> Result<Vec<App>, Fail> {
        let client = self.reads.get().await?;
        let all = client.prepare_cached(ALL).await?;
        let limit = rows(limits::APPS_MAX, 0);
        let found = client.query(&all, &[&limit]).await?;
        found.iter().map(app_of).collect()
    }

    async fn update_app_once(
        &self,
        app: &AppId,
        patch: &AppPatch,
        now: Time,
    ) -> Result<Option<App>, Fail> {
        let client = self.reads.get().await?;
        let update = client.prepare_cached(UPDATE).await?;
        let policy = patch.policy.map(AppPolicy::as_str);
        let row = client
            .query_opt(
                &update,
                &[&app.as_str(), &patch.name, &policy, &patch.development, &patch.origins, &now.0],
            )
            .await?;
        row.as_ref().map(app_of).transpose()
    }

    async fn server_keys_once(&self, app: &AppId, now: Time) -> Result<Vec<ServerKey>, Fail> {
        let client = self.reads.get().await?;
        let keys = client.prepare_cached(KEYS).await?;
        let found = client.query(&keys, &[&app.as_str(), &now.0]).await?;
        found.iter().map(key_of).collect()
    }

    async fn rotate_once(&self, key: &ServerKey, others_end: Time) -> Result<Option<KeyId>, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let lock = tx.prepare_cached(LOCK).await?;
        if tx.query_opt(&lock, &[&key.app.as_str()]).await?.is_none() {
            tx.rollback().await?;
            return Ok(None);
        }
        let expire = tx.prepare_cached(EXPIRE).await?;
        tx.execute(&expire, &[&key.app.as_str(), &others_end.0]).await?;
        insert_key(&tx, key).await?;
        tx.commit().await?;
        Ok(Some(key.id.clone()))
    }

    async fn count_once(&self, app: &AppId) -> Result<AppCounts, Fail> {
        let client = self.reads.get().await?;
        let count = client.prepare_cached(COUNT).await?;
        let row = client.query_one(&count, &[&app.as_str()]).await?;
        let mut cells = Cells::of(&row);
        Ok(AppCounts { users: cells.number()?, rooms: cells.number()? })
    }
}

#[async_trait]
impl AppStore for PostgresStore {
    async fn create_app(&self, new: NewApp) -> StoreResult<()> {
        Ok(bounded(|| self.create_app_once(&new)).await?)
    }

    async fn app(&self, app: &AppId) -> StoreResult<Option<App>> {
        Ok(bounded(|| self.app_once(app)).await?)
    }

    async fn apps(&self) -> StoreResult<Vec<App>> {
        Ok(bounded(|| self.apps_once()).await?)
    }

    async fn update_app(
        &self,
        app: &AppId,
        patch: AppPatch,
        now: Time,
    ) -> StoreResult<Option<App>> {
        Ok(bounded(|| self.update_app_once(app, &patch, now)).await?)
    }

    async fn server_keys(&self, app: &AppId, now: Time) -> StoreResult<Vec<ServerKey>> {
        Ok(bounded(|| self.server_keys_once(app, now)).await?)
    }

    async fn rotate_server_key(
        &self,
        key: NewServerKey,
        others_expire_at: Time,
    ) -> StoreResult<Option<KeyId>> {
        Ok(bounded(|| self.rotate_once(&key, others_expire_at)).await?)
    }

    async fn app_counts(&self, app: &AppId) -> StoreResult<AppCounts> {
        Ok(bounded(|| self.count_once(app)).await?)
    }
}
