//! The server as the dialects see it.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use snug_core::engine::{Client, Engine};
use snug_core::error::Result;
use snug_core::ids::{AppId, UserId};
use snug_dialects::{Host, Listening, Place, Presence, Socket, Work};
use tokio::sync::broadcast::Sender;

use crate::realtime;
use crate::rest::is_own_page;
use crate::wiring::App;

struct Carrier(Arc<App>);

/// The server for what a dialect does beside its routes.
#[must_use]
pub fn host(app: &Arc<App>) -> Arc<dyn Host> {
    Arc::new(Carrier(app.clone()))
}

/// The routes of every dialect.
pub fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new().merge(snug_dialects::routes(&host(app)).with_state(()))
}

#[async_trait]
impl Host for Carrier {
    fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    fn spawn(&self, work: Work) {
        self.0.tasks.spawn(work);
    }

    async fn listen(&self, client: &Client) -> Result<Arc<dyn Listening>> {
        realtime::listen(&self.0, client).await
    }

    fn admit(&self) -> Option<Place> {
        self.0.admit().map(Place::of)
    }

    fn upgrade(
        &self,
        request: Request,
        max_frame: usize,
        run: Box<dyn FnOnce(Box<dyn Socket>) -> Work + Send>,
    ) -> Response {
        realtime::upgrade_foreign(&self.0, request, max_frame, run)
    }

    fn app_by_host(&self, dialect: &'static str, host: Option<&str>) -> Option<AppId> {
        self.0.dialects.app_by_host(dialect, host)
    }

    fn is_online(&self, app: &AppId, user: &UserId) -> bool {
        self.0.hub.is_seen(app, user)
    }

    fn presence(&self) -> &Sender<Presence> {
        self.0.hub.presence()
    }

    fn is_own_page(&self, headers: &http::HeaderMap) -> bool {
        is_own_page(headers)
    }

    fn check_origin(&self, app: &snug_core::model::App, origin: &str) -> Result<()> {
        self.0.check_origin(app, origin)
    }

    fn check_rate(&self, client: &Client) -> Result<()> {
        self.0.check_rate(client.session_id())
    }

    fn check_verify_rate(&self, app: &AppId, from: Option<IpAddr>) -> Result<()> {
        self.0.check_verify_rate(app, from)
    }

    fn may_try_password(&self, from: Option<IpAddr>, name: &str) -> bool {
        self.0.foreign_logins.check(name, from).is_ok()
    }

    async fn hash_password(&self, password: String) -> Result<String> {
        self.0.foreign_logins.hash(password).await
    }

    async fn check_password(&self, password: String, hash: String) -> Result<bool> {
        self.0.foreign_logins.verify(password, Some(hash)).await
    }
}
