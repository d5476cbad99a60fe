//! Making an app a bridged one.

use super::super::Engine;
use crate::error::{Error, Result};
use crate::ids::AppId;
use crate::model::{AppSettings, BridgeSettings, TokenAlgorithm};

/// What an app needs to be bridged.
#[derive(Debug, Clone)]
pub struct EnableBridge {
    pub base_url: String,
    /// RSA, as PEM or JWK.
    pub public_key: String,
    /// Who is no member of a thread is refused before the backend is asked.
    pub members_only: bool,
}

fn context(app: &AppId) -> String {
    format!("bridge/{app}")
}

impl Engine {
    /// Makes an app a bridged one, or changes where its backend is; returns the secret that Snug
    /// shows the backend, which stays the same.
    ///
    /// # Errors
    /// An invalid field; an app that has rooms of its own; the store's.
    pub async fn enable_bridge(&self, app: &AppId, enable: EnableBridge) -> Result<String> {
        self.app(app).await?;
        let EnableBridge { base_url, public_key, members_only } = enable;
        let base_url = base_url.trim_end_matches('/').to_owned();
        let wrong =
            |error: crate::ports::OutboundError| Error::invalid("base_url", error.to_string());
        self.outbound.check_url(&base_url).map_err(wrong)?;
        if base_url.contains(['?', '#']) {
            return Err(Error::invalid("base_url", "a URL that a path can be appended to"));
        }
        let keys = self.minted.read_keys(&public_key);
        let keys = keys.map_err(|expected| Error::invalid("public_key", expected))?;
        let rsa = keys.into_iter().find(|key| key.algorithm == TokenAlgorithm::Rs256);
        let public_key = rsa.ok_or_else(|| {
            Error::invalid("public_key", "an RSA public key of 2048 bits or more")
        })?;
        let AppSettings { bridge: known, before_send, .. } = self.stored_settings(app).await?.0;
        if before_send.is_some() {
            let expected = "an app without a before-send hook: its backend decides itself";
            return Err(Error::invalid("app", expected));
        }
        let secret = match &known {
            Some(known) => self.open_bridge_secret(app, known)?,
            None if self.store.app_counts(app).await?.rooms > 0 => {
                return Err(Error::invalid("app", "an app without rooms: theirs are kept here"));
            }
            None => format!("snug_bridge_{}", self.secret()),
        };
        let sealed = self.vault.seal(&context(app), secret.as_bytes());
        let settled = known.is_some_and(|known| known.settled);
        let bridge = BridgeSettings { base_url, public_key, members_only, secret: sealed, settled };
        self.edit_settings(app, |settings| settings.bridge = Some(bridge.clone())).await?;
        Ok(secret)
    }

    /// Looks again once every node must know the app as bridged: a room that was made meanwhile
    /// has its words here, and then the app stays what it was.
    ///
    /// # Errors
    /// The app has rooms of its own; the store's.
    pub async fn settle_bridge(&self, app: &AppId) -> Result<()> {
        let (settings, _) = self.stored_settings(app).await?;
        let untouched = settings.bridge.is_some_and(|bridge| !bridge.settled);
        if untouched && self.store.app_counts(app).await?.rooms > 0 {
            self.edit_settings(app, |settings| settings.bridge = None).await?;
            return Err(Error::invalid("app", "an app without rooms: one was made in this moment"));
        }
        let settle = |settings: &mut AppSettings| {
            if let Some(bridge) = &mut settings.bridge {
                bridge.settled = true;
            }
        };
        self.edit_settings(app, settle).await.map(|_| ())
    }

    pub(super) fn open_bridge_secret(
        &self,
        app: &AppId,
        bridge: &BridgeSettings,
    ) -> Result<String> {
        let opened = self.vault.open(&context(app), &bridge.secret);
        String::from_utf8(opened.map_err(|_| Error::Internal)?).map_err(|_| Error::Internal)
    }
}
