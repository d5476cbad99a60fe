//! The panel's calls about an application's settings: where its users' tokens come from.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use snug_core::error::Error;
use snug_core::ids::AppId;
use snug_core::model::{AppSettings, Patch, SettingsPatch};
use snug_proto::value::patch;

use super::session::{ByOperator, FromPanel};
use crate::rest::{ApiError, Body};
use crate::wiring::App;

type ApiResult<T> = Result<T, ApiError>;

#[derive(Serialize)]
struct KeyItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    algorithm: &'static str,
    text: String,
}

#[derive(Serialize)]
pub(super) struct SettingsItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    verify_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contacts_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_url: Option<String>,
    public_keys: Vec<KeyItem>,
    guests: bool,
}

impl From<AppSettings> for SettingsItem {
    fn from(settings: AppSettings) -> Self {
        let AppSettings {
            verify_url,
            contacts_url,
            jwks_url,
            public_keys,
            guests,
            // Set with the server key alone.
            bridge: _,
            before_send: _,
        } = settings;
        let item = |key: snug_core::model::PublicKey| KeyItem {
            id: key.id,
            algorithm: key.algorithm.as_str(),
            text: key.text,
        };
        let public_keys = public_keys.into_iter().map(item).collect();
        Self { verify_url, contacts_url, jwks_url, public_keys, guests }
    }
}

/// An absent field stays, `null` clears; the public keys come all together.
#[derive(Deserialize)]
pub(super) struct SettingsBody {
    #[serde(default, deserialize_with = "patch")]
    verify_url: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    contacts_url: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    jwks_url: Patch<String>,
    public_keys: Option<Vec<String>>,
    guests: Option<bool>,
}

fn app_id(text: &str) -> Result<AppId, Error> {
    AppId::new(text).map_err(|error| Error::invalid("app", error.expected))
}

pub(super) async fn settings(
    State(app): State<Arc<App>>,
    _: ByOperator,
    Path(id): Path<String>,
) -> ApiResult<Json<SettingsItem>> {
    Ok(Json(app.engine.settings(&app_id(&id)?).await?.into()))
}

pub(super) async fn update_settings(
    State(app): State<Arc<App>>,
    _: FromPanel,
    by: ByOperator,
    Path(id): Path<String>,
    Body(body): Body<SettingsBody>,
) -> ApiResult<Json<SettingsItem>> {
    let id = app_id(&id)?;
    let SettingsBody { verify_url, contacts_url, jwks_url, public_keys, guests } = body;
    let patch = SettingsPatch { verify_url, contacts_url, jwks_url, public_keys, guests };
    let settings = app.engine.update_settings(&id, patch).await?;
    app.engine.audit(Some(&by.0.id), Some(&id), "app.settings").await?;
    Ok(Json(settings.into()))
}
