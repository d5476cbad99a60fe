//! Who calls, and in which app.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use http::{HeaderMap, header};
use snug_core::engine::{Actor, Backend, Client, Engine};
use snug_core::error::Error;
use snug_core::ids::AppId;

use super::answer::Failure;
use super::fields::Fields;
use super::presence::Statuses;
use super::{DIALECT, accounts};
use crate::entry;
use crate::{Host, Peer};

/// What the routes share.
pub(super) struct Door {
    pub(super) host: Arc<dyn Host>,
    pub(super) statuses: Statuses,
}

impl Door {
    pub(super) fn engine(&self) -> &Arc<Engine> {
        self.host.engine()
    }

    /// The app that the request's host name stands for.
    pub(super) fn app_of(&self, headers: &HeaderMap) -> Option<AppId> {
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        self.host.app_by_host(DIALECT, host)
    }

    /// Whose token this is. Where no host name says which app is meant, the token does; then the
    /// dialect must have been switched on for its app.
    pub(super) async fn client(
        &self,
        app: Option<&AppId>,
        token: &str,
        origin: Option<&str>,
    ) -> Result<Client, Failure> {
        let engine = self.engine();
        let client = match app {
            Some(app) => entry::authenticate(engine, Some(app), token).await?,
            None => {
                let client = entry::authenticate(engine, None, token).await?;
                if accounts::settings(engine, &client.app.id).await?.is_none() {
                    return Err(Failure::logged_out());
                }
                client
            }
        };
        if let Some(origin) = origin {
            self.host.check_origin(&client.app, origin)?;
        }
        Ok(client)
    }
}

/// A user who is logged in.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) client: Client,
    /// Calls from a page never have an administrator's powers.
    pub(super) from_page: bool,
}

impl Caller {
    pub(super) fn as_user(&self) -> Actor {
        Actor::Client(self.client.clone())
    }

    /// Under the app's policy of this moment: a connection outlives a change of it.
    pub(super) async fn of_now(self, door: &Door) -> Result<Self, Failure> {
        let app = door.engine().app(&self.client.app.id).await?;
        Ok(Self { client: Client { app, session: self.client.session }, from_page: self.from_page })
    }

    /// The backend's authority, if the caller is an administrator.
    pub(super) async fn admin(&self, door: &Door) -> Result<Option<Backend>, Failure> {
        if self.from_page {
            return Ok(None);
        }
        let (engine, app) = (door.engine(), &self.client.app.id);
        if !accounts::account(engine, app, self.client.user()).await?.admin {
            return Ok(None);
        }
        Ok(Some(engine.backend_by_dialect(app, DIALECT).await?))
    }

    /// As what the caller acts: an administrator as the backend, others as themselves.
    pub(super) async fn actor(&self, door: &Door) -> Result<Actor, Failure> {
        let admin = self.admin(door).await?;
        Ok(admin.map_or_else(|| self.as_user(), Actor::Backend))
    }
}

/// A call of somebody who is logged in.
pub(super) struct Asked {
    pub(super) caller: Caller,
    /// The token that the caller came with.
    pub(super) token: String,
    pub(super) fields: Fields,
}

/// A call of anybody.
pub(super) struct Anybody {
    pub(super) app: Option<AppId>,
    pub(super) origin: Option<String>,
    pub(super) from: Option<IpAddr>,
    pub(super) fields: Fields,
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
}

/// Whether the header names the token's user; an id that no header takes comes percent-encoded.
fn is_named(client: &Client, user: &[u8]) -> bool {
    let own = client.user().as_str().as_bytes();
    own == user || percent_encoding::percent_decode(user).eq(own.iter().copied())
}

/// The origin of a page that calls; what is no text is an origin that nobody allows.
pub(super) fn origin(headers: &HeaderMap) -> Option<String> {
    headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("not text").to_owned())
}

impl FromRequest<Arc<Door>> for Asked {
    type Rejection = Failure;

    async fn from_request(request: Request, door: &Arc<Door>) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let headers = &parts.headers;
        let user = headers.get("x-user-id").map(http::HeaderValue::as_bytes);
        let (Some(token), Some(user)) = (text(headers, "x-auth-token"), user) else {
            return Err(Failure::logged_out());
        };
        // The frame is a page of this server's: it stands in no app's list, and its token decides.
        let foreign = origin(headers).filter(|_| !door.host.is_own_page(headers));
        let client = door.client(door.app_of(headers).as_ref(), token, foreign.as_deref()).await?;
        if !is_named(&client, user) {
            return Err(Error::TokenInvalid.into());
        }
        door.host.check_rate(&client)?;
        let from_page = headers.contains_key(header::ORIGIN);
        let fields = Fields::read(&parts, body).await?;
        let caller = Caller { client, from_page };
        Ok(Self { caller, token: token.to_owned(), fields })
    }
}

impl FromRequest<Arc<Door>> for Anybody {
    type Rejection = Failure;

    async fn from_request(request: Request, door: &Arc<Door>) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        Ok(Self {
            app: door.app_of(&parts.headers),
            origin: origin(&parts.headers),
            from: parts.extensions.get::<Peer>().map(|peer| peer.0),
            fields: Fields::read(&parts, body).await?,
        })
    }
}
