//! Documents of the dialects and of the native doors, by (app, dialect, kind, key). The core
//! bounds and stores them and never looks inside.

use super::{Actor, Backend, Engine, check};
use crate::error::{Error, Result};
use crate::ids::{AppId, KeyId, RoomId, UserId};
use crate::limits;
use crate::model::{Room, RoomKind, TokenHash, User};
use crate::ports::{PutRecord, PutRecordOutcome, Record, RecordPlace};

/// A document to be kept.
#[derive(Debug, Clone)]
pub struct KeepRecord {
    pub key: String,
    /// JSON text.
    pub value: String,
    /// `Some(0)`: only if there is none; `Some(rev)`: only if it stands there; `None`: in any case.
    pub expected: Option<u64>,
    /// A secret by which [`Engine::record_by_secret`] finds it; only its hash is stored.
    pub secret: Option<String>,
    pub ttl_seconds: Option<u64>,
}

impl Engine {
    /// One document.
    ///
    /// # Errors
    /// The store's.
    pub async fn record(&self, place: &RecordPlace, key: &str) -> Result<Option<Record>> {
        Ok(self.store.record(place, key, self.now()).await?)
    }

    /// Keeps a document.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; the store's. A lost race is an outcome, not an error.
    pub async fn keep_record(
        &self,
        place: &RecordPlace,
        keep: KeepRecord,
    ) -> Result<PutRecordOutcome> {
        check::bytes("key", &keep.key, limits::RECORD_KEY_BYTES_MAX)?;
        check::bytes("value", &keep.value, limits::RECORD_BYTES_MAX)?;
        let now = self.now();
        let millis = |seconds| i64::try_from(seconds).unwrap_or(i64::MAX / 2_000) * 1_000;
        let put = PutRecord {
            place: place.clone(),
            key: keep.key,
            value: keep.value,
            expected: keep.expected,
            lookup: keep.secret.map(|secret| TokenHash::of(&secret).0),
            expires_at: keep.ttl_seconds.map(|seconds: u64| now.plus_millis(millis(seconds))),
            now,
        };
        Ok(self.store.put_record(put).await?)
    }

    /// Removes a document; says whether it was there.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget_record(&self, place: &RecordPlace, key: &str) -> Result<bool> {
        Ok(self.store.delete_record(place, key, self.now()).await?)
    }

    /// A page of documents by key.
    ///
    /// # Errors
    /// An invalid limit; the store's.
    pub async fn records(
        &self,
        place: &RecordPlace,
        after: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Vec<Record>> {
        let most = limits::LISTING_PAGE_MAX;
        let limit = check::limit(limit, most, most)?;
        Ok(self.store.records(place, after, limit, self.now()).await?)
    }

    /// The document that was kept with this secret, and its app.
    ///
    /// # Errors
    /// The store's.
    pub async fn record_by_secret(
        &self,
        dialect: &'static str,
        kind: &'static str,
        secret: &str,
    ) -> Result<Option<(AppId, Record)>> {
        let hash = TokenHash::of(secret).0;
        Ok(self.store.record_by_lookup(dialect, kind, &hash, self.now()).await?)
    }

    /// The backend's authority for a door that has checked another system's credential of this
    /// app. `door` names it in logs.
    ///
    /// # Errors
    /// [`Error::AppNotFound`]; the store's.
    pub async fn backend_by_dialect(&self, app: &AppId, door: &'static str) -> Result<Backend> {
        Ok(Backend { app: self.app(app).await?, key: KeyId::from_stored(door) })
    }

    /// Randomness for a secret or an id that another system's wire shapes itself.
    #[must_use]
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// Seals a secret for a document.
    #[must_use]
    pub fn seal(&self, place: &RecordPlace, key: &str, secret: &str) -> Vec<u8> {
        self.vault.seal(&record_context(place, key), secret.as_bytes())
    }

    /// Opens what [`Engine::seal`] sealed.
    ///
    /// # Errors
    /// [`Error::Internal`] when it was sealed elsewhere or under another master key.
    pub fn unseal(&self, place: &RecordPlace, key: &str, sealed: &[u8]) -> Result<String> {
        let opened = self.vault.open(&record_context(place, key), sealed);
        String::from_utf8(opened.map_err(|_| Error::Internal)?).map_err(|_| Error::Internal)
    }

    /// A page of the app's users by id; for a backend.
    ///
    /// # Errors
    /// An invalid limit; the store's.
    pub async fn users_page(
        &self,
        backend: &Backend,
        after: Option<&UserId>,
        limit: Option<usize>,
    ) -> Result<Vec<User>> {
        let most = limits::LISTING_PAGE_MAX;
        let limit = check::limit(limit, most, most)?;
        Ok(self.store.users_page(&backend.app.id, after, limit).await?)
    }

    /// A page of the app's rooms of a kind by id: channels for everybody, others for a backend.
    ///
    /// # Errors
    /// [`Error::NotAMember`] for a client that asks for other rooms than channels; an invalid
    /// limit; the store's.
    pub async fn rooms_of_kind(
        &self,
        actor: &Actor,
        kind: RoomKind,
        after: Option<&RoomId>,
        limit: Option<usize>,
    ) -> Result<Vec<Room>> {
        if kind != RoomKind::Channel && matches!(actor, Actor::Client(_)) {
            return Err(Error::NotAMember);
        }
        let most = limits::LISTING_PAGE_MAX;
        let limit = check::limit(limit, most, most)?;
        Ok(self.store.rooms_of_kind(&actor.app().id, kind, after, limit).await?)
    }
}

fn record_context(place: &RecordPlace, key: &str) -> String {
    format!("record/{}/{}/{}/{key}", place.app, place.dialect, place.kind)
}
