//! The panel's API: a door like the others, onto the same engine. Cookie, SameSite=Strict, and a
//! header that no foreign page can set guard it against forged requests.

mod api;
mod deliveries;
mod dialects;
pub(crate) mod password;
mod session;
mod settings;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, patch, post};

use crate::wiring::App;

/// The panel's routes and its static files.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/panel/api/state", get(api::state))
        .route("/panel/api/signup", post(api::sign_up))
        .route("/panel/api/login", post(api::log_in))
        .route("/panel/api/logout", post(api::log_out))
        .route("/panel/api/apps", get(api::apps).post(api::create_app))
        .route("/panel/api/apps/{app}", patch(api::update_app))
        .route(
            "/panel/api/apps/{app}/settings",
            get(settings::settings).patch(settings::update_settings),
        )
        .route("/panel/api/apps/{app}/reveal", post(api::reveal))
        .route("/panel/api/apps/{app}/rotate", post(api::rotate))
        .route("/panel/api/apps/{app}/dialects/{dialect}", post(dialects::open_dialect))
        .route("/panel/apps/{app}/deliveries", get(deliveries::deliveries))
        .merge(crate::assets::routes())
}
