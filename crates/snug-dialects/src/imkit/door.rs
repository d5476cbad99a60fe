//! Who calls: the app by its client key or API key, the user by a token, under every spelling of
//! the headers that the vendor's clients use.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use parking_lot::Mutex;
use serde_json::{Value, json};
use snug_core::engine::{Actor, Backend, Client, Engine, OpenVerified};
use snug_core::error::Error;
use snug_core::ids::{AppId, DeviceId};
use snug_core::limits;
use snug_core::model::App;

use super::answer::Failure;
use super::{DIALECT, keys};
use crate::Host;
use crate::entry;

const CLIENT_KEY: [&str; 4] = ["im-client-key", "client_key", "im_client_key", "client-key"];
const API_KEY: [&str; 4] = ["im-api-key", "api_key", "im_api_key", "api-key"];
const TOKEN: [&str; 3] = ["im-authorization", "im_authorization", "authorization"];

/// The server, and how often each app's API key was used in the minute that runs.
pub(super) struct Door {
    pub(super) host: Arc<dyn Host>,
    minutes: Mutex<HashMap<AppId, (i64, u32)>>,
}

/// A page that brought a client key but no user.
pub(super) struct Guest(pub(super) Arc<App>);

/// A user's page or app.
pub(super) struct User(pub(super) Client);

/// The customer's backend.
pub(super) struct Admin(pub(super) Backend);

/// Either of the two.
pub(super) struct Caller(pub(super) Actor);

impl Door {
    pub(super) fn new(host: &Arc<dyn Host>) -> Self {
        Self { host: host.clone(), minutes: Mutex::default() }
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        self.host.engine()
    }

    pub(super) async fn app_of(&self, client_key: &str) -> Result<Arc<App>, Failure> {
        let engine = self.engine();
        let Some(app) = keys::app_of_client_key(engine, client_key).await? else {
            let message = "the client key is not valid here";
            return Err(Failure::new(StatusCode::FORBIDDEN, "INVALID_CLIENT_KEY", message));
        };
        Ok(engine.app(&app).await?)
    }

    async fn guest(&self, headers: &HeaderMap) -> Result<Arc<App>, Failure> {
        let Some(key) = text(headers, &CLIENT_KEY) else {
            let message = "the header IM-CLIENT-KEY is required";
            return Err(Failure::flat(StatusCode::UNAUTHORIZED, "MISSING_CLIENT_KEY", message));
        };
        let app = self.app_of(key).await?;
        self.check_origin(&app, headers)?;
        Ok(app)
    }

    pub(super) fn check_origin(&self, app: &App, headers: &HeaderMap) -> Result<(), Failure> {
        match headers.get(header::ORIGIN) {
            None => Ok(()),
            Some(origin) => {
                Ok(self.host.check_origin(app, origin.to_str().unwrap_or("not text"))?)
            }
        }
    }

    /// The user of a token in this app; one that is unknown here may be the customer's own.
    pub(super) async fn client(&self, app: &Arc<App>, token: &str) -> Result<Client, Failure> {
        let engine = self.engine();
        let token = token.trim();
        let client = match entry::authenticate(engine, Some(&app.id), token).await {
            Err(Error::TokenInvalid) => self.verified(app, token).await?,
            found => found?,
        };
        self.host.check_rate(&client)?;
        Ok(client)
    }

    /// Asks the app's verify URL, if it has one; from then on the token is a session's.
    async fn verified(&self, app: &Arc<App>, token: &str) -> Result<Client, Failure> {
        let engine = self.engine();
        let open = OpenVerified {
            token: token.to_owned(),
            device: DeviceId::from_stored(&keys::device_of(token)),
            push_token: None,
            keep_token: true,
        };
        match engine.open_verified(&app.id, open).await {
            Ok(_) => Ok(entry::authenticate(engine, Some(&app.id), token).await?),
            Err(Error::NotSetUp { .. }) => Err(Error::TokenInvalid.into()),
            Err(error) => Err(error.into()),
        }
    }

    async fn user(&self, headers: &HeaderMap) -> Result<Client, Failure> {
        let app = self.guest(headers).await?;
        let token = text(headers, &TOKEN).map_or("", bare);
        self.client(&app, token).await
    }

    async fn admin(&self, headers: &HeaderMap) -> Result<Backend, Failure> {
        let Some(key) = text(headers, &API_KEY) else {
            let message = "the header IM-API-KEY is required";
            return Err(Failure::flat(StatusCode::UNAUTHORIZED, "MISSING_API_KEY", message));
        };
        if headers.contains_key(header::ORIGIN) {
            return Err(Error::ServerKeyInBrowser.into());
        }
        let engine = self.engine();
        let Some(app) = keys::app_of_api_key(engine, key).await? else {
            let message = "the API key is not valid here";
            return Err(Failure::flat(StatusCode::UNAUTHORIZED, "INVALID_API_KEY", message));
        };
        // A backend may show the client key, too; then it is the same app's.
        if let Some(client_key) = text(headers, &CLIENT_KEY)
            && keys::app_of_client_key(engine, client_key).await?.as_ref() != Some(&app)
        {
            let message = "the client key and the API key are not of one app";
            return Err(Failure::flat(StatusCode::FORBIDDEN, "CLIENT_KEY_MISMATCH", message));
        }
        self.count(&app)?;
        Ok(engine.backend_by_dialect(&app, DIALECT).await?)
    }

    /// The vendor's limit of an API key.
    fn count(&self, app: &AppId) -> Result<(), Failure> {
        let seconds = self.engine().now().seconds();
        let minute = seconds.div_euclid(60);
        let mut minutes = self.minutes.lock();
        minutes.retain(|_, (then, _)| *then == minute);
        let (_, count) = minutes.entry(app.clone()).or_insert((minute, 0));
        *count += 1;
        if *count > limits::IMKIT_API_REQUESTS_PER_MINUTE {
            return Err(Failure::rate(60 - seconds.rem_euclid(60).unsigned_abs()));
        }
        Ok(())
    }
}

/// A token without its `Bearer`.
pub(super) fn bare(token: &str) -> &str {
    let token = token.trim();
    let scheme = token.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    scheme.map_or(token, |_| token[7..].trim())
}

fn text<'a>(headers: &'a HeaderMap, names: &[&str]) -> Option<&'a str> {
    let mut values = names.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    values.find(|value| !value.trim().is_empty()).map(str::trim)
}

/// A client key among names as a socket's client sends them, in headers or in a JSON object.
pub(super) fn client_key_in(fields: &Value) -> Option<String> {
    let fields = fields.as_object()?;
    let mut named = fields.iter().filter(|(name, _)| {
        CLIENT_KEY.contains(&name.to_ascii_lowercase().as_str()) || name.as_str() == "clientKey"
    });
    named.find_map(|(_, value)| value.as_str()).map(str::to_owned)
}

pub(super) fn client_key_of(headers: &HeaderMap) -> Option<String> {
    text(headers, &CLIENT_KEY).map(str::to_owned)
}

/// A JSON object; no body is an empty one.
pub(super) fn body(bytes: &[u8]) -> Result<Value, Failure> {
    if bytes.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    if snug_core::model::json_depth(bytes) > limits::JSON_DEPTH_MAX {
        return Err(Failure::body("JSON nested too deep"));
    }
    serde_json::from_slice(bytes).map_err(|_| Failure::body("expected JSON"))
}

impl FromRequestParts<Arc<Door>> for Guest {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Failure> {
        door.guest(&parts.headers).await.map(Self)
    }
}

impl FromRequestParts<Arc<Door>> for User {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Failure> {
        door.user(&parts.headers).await.map(Self)
    }
}

impl FromRequestParts<Arc<Door>> for Admin {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Failure> {
        door.admin(&parts.headers).await.map(Self)
    }
}

impl FromRequestParts<Arc<Door>> for Caller {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Failure> {
        let headers = &parts.headers;
        if text(headers, &API_KEY).is_some() {
            return Ok(Self(Actor::Backend(door.admin(headers).await?)));
        }
        Ok(Self(Actor::Client(door.user(headers).await?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_with_and_without_its_scheme() {
        for text in ["abc", "Bearer abc", "bearer  abc ", " abc "] {
            assert_eq!(bare(text), "abc", "{text:?}");
        }
        assert_eq!(bare("語語語"), "語語語");
    }
}
