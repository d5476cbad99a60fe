//! A session with the site's own token.

use serde::Deserialize;
use snug_core::engine::OpenVerified;
use snug_core::ids::{AppId, DeviceId};
use utoipa::ToSchema;

use crate::value::Id;

/// The site's own token and the app whose backend knows it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct OpenVerifiedBody {
    #[schema(value_type = String)]
    pub app: Id<AppId>,
    /// What the site's own pages are let in with; passed on to the verify URL and not kept.
    pub token: String,
    /// `default` when absent.
    #[schema(value_type = Option<String>)]
    pub device: Option<Id<DeviceId>>,
    pub push_token: Option<String>,
}

impl OpenVerifiedBody {
    /// The app, and what is asked of it.
    #[must_use]
    pub fn parts(self) -> (AppId, OpenVerified) {
        let Self { app, token, device, push_token } = self;
        let device = device.map_or_else(|| DeviceId::from_stored("default"), |device| device.0);
        (app.0, OpenVerified { token, device, push_token, keep_token: false })
    }
}
