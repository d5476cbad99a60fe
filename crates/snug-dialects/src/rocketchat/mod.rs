//! Rocket.Chat as a chat engine: REST under `/api/v1`, DDP at `/websocket`. A user's `_id` and
//! `username` are both the customer's own id; what only this wire knows of users, rooms and
//! messages lies in their custom JSON under its name. See `docs/dialects/rocketchat.md`.

mod accounts;
mod answer;
mod ddp;
mod door;
mod fields;
mod ids;
mod members;
mod mentions;
mod messages;
mod operations;
mod presence;
mod rooms;
mod subscriptions;
mod users;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodFilter, MethodRouter, any, get, on, post};
use http::{StatusCode, Uri};
use serde_json::json;

pub use accounts::{NewAdmin, Settings, create_admin, enable, settings};
pub use operations::OPERATIONS;

use crate::operations::Carried;
use crate::{Host, cors};
use answer::{Answer, Failure, ok};
use door::Door;
use rooms::Family;

/// The dialect's name in records and documents.
pub const DIALECT: &str = "rocketchat";

/// The version of Rocket.Chat's API that this speaks; its clients ask.
const API_VERSION: &str = "6.13.0";

type Routes = Router<Arc<Door>>;

/// A handler that knows its family.
macro_rules! of {
    ($handler:path, $family:expr $(, $more:expr)*) => {
        |state, asked| $handler(state, asked, $family $(, $more)*)
    };
}

fn route(routes: Routes, endpoint: &str, methods: MethodRouter<Arc<Door>>) -> Routes {
    routes.route(&format!("/api/v1/{endpoint}"), methods)
}

fn user_routes() -> Routes {
    let all = [
        ("info", get(version)),
        ("login", post(users::login)),
        ("logout", post(users::logout).get(users::logout)),
        ("me", get(users::me)),
        ("users.create", post(users::create)),
        ("users.createToken", post(users::create_token)),
        ("users.info", get(users::info)),
        ("users.list", get(users::list)),
        ("users.getPresence", get(users::get_presence)),
        ("users.getStatus", get(users::get_status)),
        ("users.setStatus", post(users::set_status)),
        ("users.logout", post(users::users_logout)),
        ("users.logoutOtherClients", post(users::logout_others)),
        ("subscriptions.get", get(subscriptions::get)),
        ("subscriptions.getOne", get(subscriptions::get_one)),
        ("subscriptions.read", post(subscriptions::read)),
        ("rooms.get", get(rooms::get)),
        ("rooms.info", get(of!(rooms::info, Family::Any))),
        ("rooms.leave", post(of!(members::leave, Family::Any))),
    ];
    let routes = Router::new().route("/api/info", get(version));
    all.into_iter().fold(routes, |routes, (endpoint, methods)| route(routes, endpoint, methods))
}

fn family_routes(routes: Routes, prefix: &str, family: Family) -> Routes {
    let all = [
        ("info", get(move |state, asked| rooms::info(state, asked, family))),
        ("create", post(move |state, asked| rooms::create(state, asked, family))),
        ("list", get(move |state, asked| rooms::list(state, asked, family))),
        ("invite", post(move |state, asked| members::invite(state, asked, family))),
        ("kick", post(move |state, asked| members::kick(state, asked, family))),
        ("leave", post(move |state, asked| members::leave(state, asked, family))),
        ("delete", post(move |state, asked| rooms::delete(state, asked, family))),
        ("setTopic", post(move |state, asked| rooms::set(state, asked, family, "topic"))),
        (
            "setDescription",
            post(move |state, asked| rooms::set(state, asked, family, "description")),
        ),
        (
            "setAnnouncement",
            post(move |state, asked| rooms::set(state, asked, family, "announcement")),
        ),
    ];
    let routes = paged_routes(routes, prefix, family);
    all.into_iter()
        .fold(routes, |routes, (what, methods)| route(routes, &format!("{prefix}.{what}"), methods))
}

fn paged_routes(routes: Routes, prefix: &str, family: Family) -> Routes {
    let all = [
        ("members", get(move |state, asked| members::members(state, asked, family))),
        ("messages", get(move |state, asked| messages::list(state, asked, family))),
        ("history", get(move |state, asked| messages::history(state, asked, family))),
    ];
    all.into_iter()
        .fold(routes, |routes, (what, methods)| route(routes, &format!("{prefix}.{what}"), methods))
}

fn room_routes() -> Routes {
    let mut routes = family_routes(Router::new(), "channels", Family::Channels);
    routes = family_routes(routes, "groups", Family::Groups);
    routes = route(routes, "channels.join", post(members::join));
    let joined = get(of!(rooms::list_joined, Family::Channels));
    routes = route(routes, "channels.list.joined", joined);
    for prefix in ["im", "dm"] {
        routes = paged_routes(routes, prefix, Family::Direct);
        routes = route(routes, &format!("{prefix}.create"), post(rooms::create_direct));
        let list = get(of!(rooms::list, Family::Direct));
        routes = route(routes, &format!("{prefix}.list"), list);
    }
    routes
}

fn chat_routes() -> Routes {
    let all = [
        ("chat.sendMessage", post(messages::send_rest)),
        ("chat.postMessage", post(messages::post)),
        ("chat.getMessage", get(messages::get)),
        ("chat.syncMessages", get(messages::sync)),
        ("chat.update", post(messages::update_rest)),
        ("chat.delete", post(messages::delete_rest)),
        ("chat.react", post(messages::react_rest)),
    ];
    all.into_iter()
        .fold(Router::new(), |routes, (endpoint, methods)| route(routes, endpoint, methods))
}

/// What is not carried has a route too, so that nobody takes it for a typing error.
fn missing_routes() -> Routes {
    let missing = OPERATIONS.iter().filter(|row| row.carried == Carried::No);
    missing.fold(Router::new(), |routes, row| {
        let filter = match row.name.split_once(' ') {
            Some(("GET", _)) => MethodFilter::GET,
            Some(("POST", _)) => MethodFilter::POST,
            Some(("DELETE", _)) => MethodFilter::DELETE,
            _ => return routes,
        };
        let endpoint = row.name.split_once(' ').map_or(row.name, |(_, endpoint)| endpoint);
        route(routes, endpoint, on(filter, move || async move { not_carried(endpoint) }))
    })
}

fn not_carried(endpoint: &str) -> Answer {
    Err(Failure::not_carried(endpoint))
}

async fn unknown(uri: Uri) -> Answer {
    let endpoint = uri.path().trim_start_matches("/api/v1/").to_owned();
    let text = format!("unknown endpoint: {endpoint}");
    Err(Failure::new(StatusCode::NOT_FOUND, "", text))
}

async fn version() -> Answer {
    ok(json!({ "version": API_VERSION, "info": { "version": API_VERSION } }))
}

/// The routes.
pub(crate) fn routes(host: &Arc<dyn Host>) -> Router {
    let door = Arc::new(Door { host: host.clone(), statuses: presence::Statuses::default() });
    Router::new()
        .merge(user_routes())
        .merge(room_routes())
        .merge(chat_routes())
        .merge(missing_routes())
        .route("/api/v1/{*endpoint}", any(unknown))
        .layer(axum::middleware::from_fn_with_state(host.clone(), cors::cors))
        .merge(ddp::routes())
        .with_state(door)
}
