//! Sessions that a page opens itself, and pages that stand in another site's frame.

use serde::{Deserialize, Serialize};
use snug_core::engine::{IssuedCode, OpenGuest, OpenVerified};
use snug_core::error::Error;
use snug_core::ids::{AppId, DeviceId};
use utoipa::ToSchema;

use crate::value::{Id, WireTime};

/// What a page without a token of ours comes in with: the site's own token and its app, a code,
/// or nothing but the app, where that takes guests.
#[derive(Debug, Deserialize, ToSchema)]
pub struct OpenOwnBody {
    /// The app whose backend knows the token; a code names its own.
    #[schema(value_type = Option<String>)]
    pub app: Option<Id<AppId>>,
    /// What the site's own pages are let in with; passed on to the verify URL and not kept.
    pub token: Option<String>,
    /// Of `POST /v1/session/code`; taken once.
    pub code: Option<String>,
    /// The page's user is nobody that the site knows.
    #[serde(default)]
    pub guest: bool,
    /// A guest's name.
    pub name: Option<String>,
    /// `default` when absent.
    #[schema(value_type = Option<String>)]
    pub device: Option<Id<DeviceId>>,
    pub push_token: Option<String>,
}

/// What was asked for.
#[derive(Debug)]
pub enum Opening {
    Code(String),
    Verified(AppId, OpenVerified),
    Guest(AppId, OpenGuest),
}

impl TryFrom<OpenOwnBody> for Opening {
    type Error = Error;

    fn try_from(body: OpenOwnBody) -> Result<Self, Error> {
        let OpenOwnBody { app, token, code, guest, name, device, push_token } = body;
        if guest && (token.is_some() || code.is_some()) {
            return Err(Error::invalid("guest", "no token and no code beside it"));
        }
        if let Some(code) = code {
            return Ok(Self::Code(code));
        }
        let app = app.ok_or_else(|| Error::missing("app"))?.0;
        let device = device.map_or_else(|| DeviceId::from_stored("default"), |device| device.0);
        if guest {
            return Ok(Self::Guest(app, OpenGuest { device, name, push_token }));
        }
        let token = token.ok_or_else(|| Error::missing("token"))?;
        Ok(Self::Verified(app, OpenVerified { token, device, push_token, keep_token: false }))
    }
}

/// A code that stands for the caller's token for a minute.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CodeAnswer {
    pub code: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: WireTime,
}

impl From<IssuedCode> for CodeAnswer {
    fn from(issued: IssuedCode) -> Self {
        let IssuedCode { code, expires_at } = issued;
        Self { code, expires_at: WireTime(expires_at) }
    }
}

/// Who the token's bearer is, for a page that shows his chat in another site's frame.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EmbeddingAnswer {
    pub app: String,
    pub user: String,
}
