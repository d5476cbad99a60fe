//! IMKit's wire: REST at the root and Socket.IO in the namespace `/`. Users, rooms and messages are
//! the engine's own; only keys, settings and push tokens are documents of this dialect.

mod answer;
mod door;
mod keys;
mod members;
mod message;
mod messages;
mod operations;
mod room;
mod rooms;
mod socket;
mod users;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodFilter, MethodRouter, delete, get, on, post, put};
use http::StatusCode;
use snug_core::limits;

pub use keys::{Keys, Settings, enable, set, settings};
pub use operations::OPERATIONS;

use crate::operations::Carried;
use crate::socketio::Namespace;
use crate::{Host, cors};
use answer::{Answer, Failure};
use door::Door;

/// The dialect's name in records and documents.
pub const DIALECT: &str = "imkit";

type Routes = Router<Arc<Door>>;

/// A path with and without the slash that some of the vendor's clients put at its end.
fn both(routes: Routes, path: &str, methods: MethodRouter<Arc<Door>>) -> Routes {
    routes.route(path, methods.clone()).route(&format!("{path}/"), methods)
}

fn user_routes() -> Routes {
    let routes = Router::new()
        .route("/auths/sign/v2", post(users::sign_in))
        .route("/me", get(users::me).post(users::update_me))
        .route("/me/badge", get(users::badge))
        .route("/me/subscribe", post(users::subscribe))
        .route("/me/unsubscribe", post(users::unsubscribe))
        .route("/admin/clients/list", post(users::put_clients));
    let token = put(users::put_token).delete(users::delete_token);
    let routes = both(routes, "/admin/clients/{client}/token", token);
    both(routes, "/admin/clients", post(users::put_client).get(users::list_clients))
}

fn room_routes() -> Routes {
    let one = get(rooms::get).put(rooms::update).delete(rooms::delete);
    let member = post(members::add_one).delete(members::remove_one);
    let routes = Router::new()
        .route("/rooms/ids", get(rooms::ids))
        .route("/rooms/createAndJoin", post(rooms::create_and_join))
        .route("/rooms/{room}/join", post(rooms::join))
        .route("/rooms/{room}/members/{client}", member)
        .route("/rooms/{room}/delete/members", post(members::remove));
    let routes = both(routes, "/rooms", get(rooms::list).post(rooms::create));
    let routes = both(routes, "/rooms/{room}", one);
    both(routes, "/rooms/{room}/members", get(members::list).post(members::add))
}

fn message_routes() -> Routes {
    let reaction = post(messages::react).delete(messages::unreact);
    Router::new()
        .route("/rooms/{room}/lastRead", put(messages::last_read))
        .route("/rooms/{room}/typing", post(messages::typing))
        .route("/rooms/{room}/message", post(messages::send))
        .route("/rooms/{room}/messages", get(messages::history))
        .route("/rooms/{room}/messages/v3", get(messages::history_v3))
        .route("/rooms/{room}/messages/{message}", delete(messages::delete))
        .route("/messages", post(messages::send_as))
        .route("/messages/{message}/reaction", reaction)
}

/// What is not carried has a route too, so that nobody takes it for a typing error.
fn missing_routes() -> Routes {
    let missing = OPERATIONS.iter().filter(|row| row.carried == Carried::No);
    missing.fold(Router::new(), |routes, row| {
        let (method, path) = row.name.split_once(' ').unwrap_or(("GET", row.name));
        let filter = match method {
            "POST" => MethodFilter::POST,
            "PUT" => MethodFilter::PUT,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        routes.route(path, on(filter, not_carried))
    })
}

async fn not_carried() -> Answer {
    let message = "this operation of IMKit's is not carried yet; see the compatibility table";
    Err(Failure::new(StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", message))
}

/// The routes.
pub(crate) fn routes(host: &Arc<dyn Host>) -> Router {
    let door = Arc::new(Door::new(host));
    Router::new()
        .merge(user_routes())
        .merge(room_routes())
        .merge(message_routes())
        .merge(missing_routes())
        .with_state(door)
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES_MAX))
        .layer(axum::middleware::map_response(answer::in_form))
        .layer(axum::middleware::from_fn_with_state(host.clone(), cors::cors))
}

/// What its namespace of Socket.IO does with a connection.
pub(crate) fn namespace(host: &Arc<dyn Host>) -> Arc<dyn Namespace> {
    Arc::new(socket::Sockets(Arc::new(Door::new(host))))
}
