//! I2A Chat Service: a backend that makes rooms and opens sessions by form-encoded requests, and
//! a socket of six requests. The wire is in `docs/dialects/i2a.md`.

mod body;
mod frame;
mod names;
mod rest;
mod setup;
mod socket;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use parking_lot::Mutex;
use snug_core::ids::SessionId;
use tokio::sync::Notify;

use crate::{Carried, Host, OperationRow};

pub use setup::{enable, rotate, secret};
pub use socket::astray;

/// The dialect's name in records and documents.
pub const DIALECT: &str = "i2a";

/// Every operation of the system's documentation.
pub const OPERATIONS: &[OperationRow] = &[
    row("GET /server-to-server/v1/ping/", Carried::Yes),
    row("POST /server-to-server/v1/session/open-session/", Carried::Yes),
    row("POST /server-to-server/v1/session/close-session/", Carried::Yes),
    row("POST /server-to-server/v1/chat-room/", Carried::Yes),
    row("POST /server-to-server/v1/chat-room/{id}/add-users/", Carried::Yes),
    row("POST /server-to-server/v1/chat-room/{id}/remove-users/", Carried::Yes),
    row("DELETE /server-to-server/v1/chat-room/{id}/", Carried::Yes),
    row("GET /server-to-server/v1/chat-room/{id}/messages/", Carried::Yes),
    row("POST /server-to-server/v1/system-message/send-system-message/", Carried::Yes),
    row("POST /server-to-server/v1/reported-chat-message/", Carried::Yes),
    row("POST /server-to-server/v1/chat-message/{id}/set-active/", Carried::Yes),
    row("socket ROUTABLE", Carried::Yes),
    row("socket GET_HISTORY", Carried::Yes),
    row("socket SET_LAST_MESSAGE_READ", Carried::Yes),
    row("socket GET_LAST_MESSAGES_READ", Carried::Yes),
    row("socket GET_LAST_CHAT_ROOM_MESSAGE", Carried::Yes),
    row("socket GET_UNREAD_MESSAGES_COUNT", Carried::Yes),
    row(
        "offline notifications (FCM)",
        Carried::Partly("the push token is kept; nothing is sent yet"),
    ),
    row("socket X-MANAGER-SECRET", Carried::No),
];

const fn row(name: &'static str, carried: Carried) -> OperationRow {
    OperationRow { name, carried }
}

/// What the routes share.
struct Door {
    host: Arc<dyn Host>,
    /// One socket per session on this node: a new one ends the one before.
    sockets: Mutex<HashMap<SessionId, Arc<Notify>>>,
    known: names::Known,
}

/// The routes.
pub(crate) fn routes(host: &Arc<dyn Host>) -> Router {
    let door = Arc::new(Door {
        host: host.clone(),
        sockets: Mutex::default(),
        known: names::Known::default(),
    });
    Router::new().merge(rest::routes()).merge(socket::routes()).with_state(door)
}
