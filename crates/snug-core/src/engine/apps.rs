//! Apps and their server keys.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::{Engine, check};
use crate::error::{Error, Result};
use crate::ids::{AppId, KeyId};
use crate::limits;
use crate::model::{App, AppCounts, AppPatch, AppPolicy, AppSettings, ServerKey, Time, TokenHash};
use crate::ports::NewApp;

/// An app with its living keys, as last read.
#[derive(Debug)]
pub(super) struct KnownApp {
    pub(super) app: Arc<App>,
    pub(super) keys: Vec<ServerKey>,
    pub(super) settings: Arc<AppSettings>,
    read_at: Time,
}

/// Apps read lately. Another node's change is seen after `APP_CACHE_MS` at the latest.
#[derive(Default)]
pub(super) struct AppCache {
    known: RwLock<HashMap<AppId, Arc<KnownApp>>>,
}

/// An app to be made.
#[derive(Debug, Clone)]
pub struct NewAppRequest {
    pub name: String,
    pub policy: AppPolicy,
    pub development: bool,
    pub origins: Vec<String>,
}

/// A new app and its first server key, in clear this once.
#[derive(Debug, Clone)]
pub struct CreatedApp {
    pub app: App,
    pub server_key: String,
}

impl Engine {
    /// Makes an app with one server key.
    ///
    /// # Errors
    /// An invalid name or origin; the store's.
    pub async fn create_app(&self, request: NewAppRequest) -> Result<CreatedApp> {
        check_name(&request.name)?;
        let now = self.now();
        let id = AppId::from_stored(&format!("app_{}", self.random_text(20)));
        let app = App {
            id: id.clone(),
            name: request.name,
            policy: request.policy,
            development: request.development,
            origins: check_origins(request.origins)?,
            created_at: now,
            changed_at: now,
        };
        let (key, server_key) = self.new_key(&id, now);
        self.store.create_app(NewApp { app: app.clone(), key }).await?;
        Ok(CreatedApp { app, server_key })
    }

    /// All apps with their living keys, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn apps(&self) -> Result<Vec<(App, Vec<ServerKey>, AppCounts)>> {
        let mut all = Vec::new();
        for app in self.store.apps().await? {
            let keys = self.store.server_keys(&app.id, self.now()).await?;
            let counts = self.store.app_counts(&app.id).await?;
            all.push((app, keys, counts));
        }
        Ok(all)
    }

    /// Changes an app.
    ///
    /// # Errors
    /// [`Error::AppNotFound`], an invalid name or origin; the store's.
    pub async fn update_app(&self, app: &AppId, mut patch: AppPatch) -> Result<App> {
        if let Some(name) = &patch.name {
            check_name(name)?;
        }
        if let Some(origins) = patch.origins.take() {
            patch.origins = Some(check_origins(origins)?);
        }
        let updated = self.store.update_app(app, patch, self.now()).await?;
        self.apps.known.write().remove(app);
        updated.ok_or_else(|| Error::AppNotFound(app.clone()))
    }

    /// Makes a new server key; the others die after `grace_seconds`.
    ///
    /// # Errors
    /// [`Error::AppNotFound`]; the store's.
    pub async fn rotate_server_key(&self, app: &AppId, grace_seconds: u64) -> Result<String> {
        let now = self.now();
        let grace = i64::try_from(grace_seconds.min(30 * 86_400)).unwrap_or(0);
        let living = self.store.server_keys(app, now).await?.len();
        if grace > 0 && living >= limits::SERVER_KEYS_PER_APP_MAX {
            let expected = "0: too many keys are alive; end them first";
            return Err(Error::invalid("grace_seconds", expected));
        }
        let (key, text) = self.new_key(app, now);
        let added = self.store.rotate_server_key(key, now.plus_millis(grace * 1_000)).await?;
        self.apps.known.write().remove(app);
        added.map(|_| text).ok_or_else(|| Error::AppNotFound(app.clone()))
    }

    /// The newest living server key in clear.
    ///
    /// # Errors
    /// [`Error::AppNotFound`]; [`Error::Internal`] when the master key is another.
    pub async fn reveal_server_key(&self, app: &AppId) -> Result<String> {
        let keys = self.store.server_keys(app, self.now()).await?;
        let key = keys.first().ok_or_else(|| Error::AppNotFound(app.clone()))?;
        let secret = self.open_key(key)?;
        String::from_utf8(secret).map_err(|_| Error::Internal)
    }

    /// An app by id, read lately.
    ///
    /// # Errors
    /// [`Error::AppNotFound`]; the store's.
    pub async fn app(&self, app: &AppId) -> Result<Arc<App>> {
        let known = self.app_with_keys(app).await?;
        known.map(|known| known.app.clone()).ok_or_else(|| Error::AppNotFound(app.clone()))
    }

    /// Every app that lists this origin; for the CORS answer of a request that names no app yet.
    ///
    /// # Errors
    /// The store's.
    pub async fn any_app_allows(&self, origin: &str) -> Result<bool> {
        let apps = self.store.apps().await?;
        Ok(apps.iter().any(|app| allows_origin(app, origin)))
    }

    pub(super) async fn app_with_keys(&self, app: &AppId) -> Result<Option<Arc<KnownApp>>> {
        let now = self.now();
        let cached = self.apps.known.read().get(app).cloned();
        if let Some(known) = cached {
            let age = now.millis() - known.read_at.millis();
            if (0..limits::APP_CACHE_MS).contains(&age) {
                return Ok(Some(known));
            }
        }
        let Some(found) = self.store.app(app).await? else {
            return Ok(None);
        };
        let keys = self.store.server_keys(app, now).await?;
        let settings = Arc::new(self.stored_settings(app).await?.0);
        let known = Arc::new(KnownApp { app: Arc::new(found), keys, settings, read_at: now });
        self.apps.known.write().insert(app.clone(), known.clone());
        Ok(Some(known))
    }

    /// The next call reads it anew.
    pub(super) fn forget_app(&self, app: &AppId) {
        self.apps.known.write().remove(app);
    }

    pub(super) fn open_key(&self, key: &ServerKey) -> Result<Vec<u8>> {
        let context = key_context(&key.app, &key.id);
        self.vault.open(&context, &key.sealed).map_err(|_| Error::Internal)
    }

    fn new_key(&self, app: &AppId, now: Time) -> (ServerKey, String) {
        let (id, text) = self.mint_server_key(app);
        let key = ServerKey {
            app: app.clone(),
            sealed: self.vault.seal(&key_context(app, &id), text.as_bytes()),
            hash: TokenHash::of(&text).0,
            hint: text[text.len() - 4..].to_owned(),
            created_at: now,
            expires_at: None,
            id,
        };
        (key, text)
    }
}

/// Whether a page of this origin may speak to the app. A development app also takes localhost.
#[must_use]
pub fn allows_origin(app: &App, origin: &str) -> bool {
    if app.origins.iter().any(|allowed| allowed == origin) {
        return true;
    }
    app.development && is_localhost(origin)
}

fn is_localhost(origin: &str) -> bool {
    let Some(rest) = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
    else {
        return false;
    };
    let host = match rest.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(""),
        None => rest.split(':').next().unwrap_or(""),
    };
    matches!(host, "localhost" | "127.0.0.1" | "::1") || host.ends_with(".localhost")
}

fn key_context(app: &AppId, key: &KeyId) -> String {
    format!("server-key/{app}/{key}")
}

fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::missing("name"));
    }
    check::label("name", name, limits::NAME_BYTES_MAX)
}

/// Origins as browsers send them: scheme, host and port, nothing behind.
fn check_origins(origins: Vec<String>) -> Result<Vec<String>> {
    const EXPECTED: &str = "an origin such as https://shop.example, without a path";
    if origins.len() > limits::ORIGINS_PER_APP_MAX {
        let most = limits::ORIGINS_PER_APP_MAX;
        return Err(Error::too_large("origins", format!("at most {most} origins")));
    }
    for (index, origin) in origins.iter().enumerate() {
        let field = format!("origins[{index}]");
        check::label(&field, origin, limits::NAME_BYTES_MAX)?;
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let ok = rest.is_some_and(|host| {
            !host.is_empty() && !host.contains(['/', '*', '?', '#', '@', ' ', ','])
        });
        if !ok || origin.chars().any(char::is_uppercase) {
            return Err(Error::invalid(&field, EXPECTED));
        }
    }
    Ok(origins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_a_host_not_a_prefix() {
        for yes in [
            "http://localhost",
            "http://localhost:5173",
            "https://127.0.0.1:1",
            "http://[::1]:80",
            "http://shop.localhost:3000",
        ] {
            assert!(is_localhost(yes), "{yes}");
        }
        for no in
            ["http://localhost.evil.example", "http://127.0.0.1.evil.example", "null", "file://"]
        {
            assert!(!is_localhost(no), "{no}");
        }
    }

    #[test]
    fn origins_have_no_path_and_no_star() {
        assert!(check_origins(vec!["https://shop.example:8443".into()]).is_ok());
        for bad in ["https://shop.example/", "*", "https://*.example", "shop.example", "https://"] {
            assert!(check_origins(vec![bad.into()]).is_err(), "{bad}");
        }
    }
}
