//! An app's settings: read with the app and its keys, changed by its owner.

use super::Engine;
use crate::error::{Error, Result};
use crate::ids::AppId;
use crate::limits;
use crate::model::{AppSettings, Patch, PublicKey, SettingsPatch};
use crate::ports::{PutRecord, PutRecordOutcome, RecordPlace};

const KEY: &str = "app";

fn place(app: &AppId) -> RecordPlace {
    RecordPlace { app: app.clone(), dialect: "native", kind: "settings" }
}

impl Engine {
    /// The settings of an app, read lately.
    ///
    /// # Errors
    /// [`Error::AppNotFound`]; the store's.
    pub async fn settings(&self, app: &AppId) -> Result<AppSettings> {
        let known = self.app_with_keys(app).await?;
        let known = known.ok_or_else(|| Error::AppNotFound(app.clone()))?;
        Ok(known.settings.as_ref().clone())
    }

    /// Changes the settings of an app. Another node sees it after `APP_CACHE_MS` at the latest.
    ///
    /// # Errors
    /// [`Error::AppNotFound`]; a URL that may not be called, a text that is no public key; the
    /// store's.
    pub async fn update_settings(&self, app: &AppId, patch: SettingsPatch) -> Result<AppSettings> {
        self.app(app).await?;
        let SettingsPatch { verify_url, contacts_url, jwks_url, public_keys, guests } = patch;
        self.check_customer_url("verify_url", &verify_url)?;
        self.check_customer_url("contacts_url", &contacts_url)?;
        self.check_customer_url("jwks_url", &jwks_url)?;
        let public_keys = public_keys.map(|texts| self.read_public_keys(&texts)).transpose()?;
        self.edit_settings(app, |settings| {
            apply(&mut settings.verify_url, &verify_url);
            apply(&mut settings.contacts_url, &contacts_url);
            apply(&mut settings.jwks_url, &jwks_url);
            if let Some(keys) = &public_keys {
                settings.public_keys.clone_from(keys);
            }
            settings.guests = guests.unwrap_or(settings.guests);
        })
        .await
    }

    pub(super) async fn edit_settings(
        &self,
        app: &AppId,
        edit: impl Fn(&mut AppSettings),
    ) -> Result<AppSettings> {
        for _ in 0..limits::GUARD_TRIES_MAX {
            let (mut settings, rev) = self.stored_settings(app).await?;
            edit(&mut settings);
            let put = PutRecord {
                place: place(app),
                key: KEY.to_owned(),
                value: serde_json::to_string(&settings).map_err(|_| Error::Internal)?,
                expected: Some(rev),
                lookup: None,
                expires_at: None,
                now: self.now(),
            };
            let outcome = self.store.put_record(put).await?;
            self.forget_app(app);
            if matches!(outcome, PutRecordOutcome::Put(_)) {
                return Ok(settings);
            }
        }
        Err(Error::Overloaded { retry_after_ms: limits::OVERLOADED_RETRY_MS })
    }

    /// As stored, with the rev of the document (0 when there is none).
    pub(super) async fn stored_settings(&self, app: &AppId) -> Result<(AppSettings, u64)> {
        let Some(record) = self.store.record(&place(app), KEY, self.now()).await? else {
            return Ok((AppSettings::default(), 0));
        };
        let settings = serde_json::from_str(&record.value).map_err(|error| Error::StoreBroken {
            cause: format!("the settings of {app}: {error}"),
        })?;
        Ok((settings, record.rev))
    }

    fn check_customer_url(&self, field: &str, url: &Patch<String>) -> Result<()> {
        let Patch::Set(url) = url else { return Ok(()) };
        let wrong = |error: crate::ports::OutboundError| Error::invalid(field, error.to_string());
        self.outbound.check_url(url).map_err(wrong)
    }

    fn read_public_keys(&self, texts: &[String]) -> Result<Vec<PublicKey>> {
        let mut keys = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let read = self.minted.read_keys(text);
            let wrong = |expected| Error::invalid(&format!("public_keys[{index}]"), expected);
            keys.extend(read.map_err(wrong)?);
        }
        let most = limits::PUBLIC_KEYS_PER_APP_MAX;
        if keys.len() > most {
            return Err(Error::too_large("public_keys", format!("at most {most} keys")));
        }
        Ok(keys)
    }
}

fn apply(setting: &mut Option<String>, patch: &Patch<String>) {
    match patch {
        Patch::Keep => {}
        Patch::Clear => *setting = None,
        Patch::Set(value) => *setting = Some(value.clone()),
    }
}
