//! One message: read, edit, unsend, hide, pin, react; what is pinned, and what was said before.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use snug_core::engine::Actor;
use snug_core::ids::{MessageId, RoomId};
use snug_proto::Problem;
use snug_proto::changes::{EditBody, HideBody, PinsAnswer, VersionsAnswer};
use snug_proto::object::Message;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{At, Body, ByBackend, ByClient};
use crate::wiring::App;

type Place = (RoomId, MessageId);

pub(super) fn server_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(one_of_any, edit_any, unsend_any))
        .routes(routes!(hide))
        .routes(routes!(pin_any, unpin_any))
        .routes(routes!(pins_of_any))
        .routes(routes!(versions_of_any))
}

pub(super) fn client_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(one, edit, unsend))
        .routes(routes!(react, unreact))
        .routes(routes!(pin, unpin))
        .routes(routes!(pins))
        .routes(routes!(versions))
}

async fn edited(
    app: &App,
    actor: &Actor,
    (room, message): &Place,
    body: EditBody,
) -> ApiResult<Json<Message>> {
    Ok(Json(app.engine.edit_message(actor, room, message, body.try_into()?).await?.into()))
}

/// One message, such as the one that another answers
#[utoipa::path(get, path = "/v1/rooms/{room}/messages/{message}", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = Message), (status = "default", body = Problem)))]
async fn one(
    State(app): State<Arc<App>>,
    by: ByClient,
    At((room, message)): At<Place>,
) -> ApiResult<Json<Message>> {
    Ok(Json(app.engine.message(&by.actor(), &room, &message).await?.into()))
}

/// Change the words of an own message; the same words again change nothing
#[utoipa::path(patch, path = "/v1/rooms/{room}/messages/{message}", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ("message" = String, Path)), request_body = EditBody,
    responses((status = 200, body = Message), (status = "default", body = Problem)))]
async fn edit(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(place): At<Place>,
    Body(body): Body<EditBody>,
) -> ApiResult<Json<Message>> {
    edited(&app, &by.actor(), &place, body).await
}

/// Unsend a message for everybody: the own, or any as owner or admin; a tombstone stays
#[utoipa::path(delete, path = "/v1/rooms/{room}/messages/{message}", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = Message), (status = "default", body = Problem)))]
async fn unsend(
    State(app): State<Arc<App>>,
    by: ByClient,
    At((room, message)): At<Place>,
) -> ApiResult<Json<Message>> {
    Ok(Json(app.engine.delete_message(&by.actor(), &room, &message).await?.into()))
}

/// React with an emoji or a word; again changes nothing
#[utoipa::path(put, path = "/v1/rooms/{room}/messages/{message}/reactions/{key}", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ("message" = String, Path), ("key" = String, Path)),
    responses((status = 200, body = Message), (status = "default", body = Problem)))]
async fn react(
    State(app): State<Arc<App>>,
    by: ByClient,
    At((room, message, key)): At<(RoomId, MessageId, String)>,
) -> ApiResult<Json<Message>> {
    Ok(Json(app.engine.react(&by.actor(), &room, &message, &key, true).await?.into()))
}

/// Take an own reaction back; again changes nothing
#[utoipa::path(delete, path = "/v1/rooms/{room}/messages/{message}/reactions/{key}",
    tag = "client", security(("session_token" = [])),
    params(("room" = String, Path), ("message" = String, Path), ("key" = String, Path)),
    responses((status = 200, body = Message), (status = "default", body = Problem)))]
async fn unreact(
    State(app): State<Arc<App>>,
    by: ByClient,
    At((room, message, key)): At<(RoomId, MessageId, String)>,
) -> ApiResult<Json<Message>> {
    Ok(Json(app.engine.react(&by.actor(), &room, &message, &key, false).await?.into()))
}

/// One message; a hidden one with its words
#[utoipa::path(get, path = "/v1/server/rooms/{room}/messages/{message}", tag = "server",
    security(("server_key" = [])),
    params(("room" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = Message), (status = "default", body = Problem)))]
async fn one_of_any(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At((room, message)): At<Place>,
) -> ApiResult<Json<Message>> {
    Ok(Json(app.engine.message(&by.actor(), &room, &message).await?.into()))
}

/// Change the words of any message
#[utoipa::path(patch, path = "/v1/server/rooms/{room}/messages/{message}", tag = "server",
    security(("server_key" = [])),
    params(("room" = String, Path), ("message" = String, Path)), request_body = EditBody,
    responses((status = 200, body = Message), (status = "default", body = Problem)))]
async fn edit_any(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(place): At<Place>,
    Body(body): Body<EditBody>,
) -> ApiResult<Json<Message>> {
    edited(&app, &by.actor(), &place, body).await
}

/// Unsend any message for everybody; a tombstone stays
#[utoipa::path(delete, path = "/v1/server/rooms/{room}/messages/{message}", tag = "server",
    security(("server_key" = [])),
    params(("room" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = Message), (status = "default", body = Problem)))]
async fn unsend_any(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At((room, message)): At<Place>,
) -> ApiResult<Json<Message>> {
    Ok(Json(app.engine.delete_message(&by.actor(), &room, &message).await?.into()))
}

/// Take a message out of everybody's sight, or show it again; answered with its words
#[utoipa::path(put, path = "/v1/server/rooms/{room}/messages/{message}/hidden", tag = "server",
    security(("server_key" = [])),
    params(("room" = String, Path), ("message" = String, Path)), request_body = HideBody,
    responses((status = 200, body = Message), (status = "default", body = Problem)))]
async fn hide(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At((room, message)): At<Place>,
    Body(body): Body<HideBody>,
) -> ApiResult<Json<Message>> {
    Ok(Json(app.engine.hide_message(&by.0, &room, &message, body.on).await?.into()))
}

/// Pin a message for everybody in the room, in a direct room, or as owner or admin; again changes nothing
#[utoipa::path(put, path = "/v1/rooms/{room}/messages/{message}/pin", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = Message), (status = "default", body = Problem)))]
async fn pin(
    State(app): State<Arc<App>>,
    by: ByClient,
    At((room, message)): At<Place>,
) -> ApiResult<Json<Message>> {
    Ok(Json(app.engine.pin_message(&by.actor(), &room, &message, true).await?.into()))
}

/// Take a pin away; again changes nothing
#[utoipa::path(delete, path = "/v1/rooms/{room}/messages/{message}/pin", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = Message), (status = "default", body = Problem)))]
async fn unpin(
    State(app): State<Arc<App>>,
    by: ByClient,
    At((room, message)): At<Place>,
) -> ApiResult<Json<Message>> {
    Ok(Json(app.engine.pin_message(&by.actor(), &room, &message, false).await?.into()))
}

/// A room's pinned messages, those pinned last first
#[utoipa::path(get, path = "/v1/rooms/{room}/pins", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path)),
    responses((status = 200, body = PinsAnswer), (status = "default", body = Problem)))]
async fn pins(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
) -> ApiResult<Json<PinsAnswer>> {
    Ok(Json(app.engine.pinned_messages(&by.actor(), &room).await?.into()))
}

/// The words of a message that edits have replaced, as owner or admin; the newest first
#[utoipa::path(get, path = "/v1/rooms/{room}/messages/{message}/versions", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = VersionsAnswer), (status = "default", body = Problem)))]
async fn versions(
    State(app): State<Arc<App>>,
    by: ByClient,
    At((room, message)): At<Place>,
) -> ApiResult<Json<VersionsAnswer>> {
    Ok(Json(app.engine.message_versions(&by.actor(), &room, &message).await?.into()))
}

/// Pin a message for everybody in the room, as the backend; again changes nothing
#[utoipa::path(put, path = "/v1/server/rooms/{room}/messages/{message}/pin", tag = "server",
    security(("server_key" = [])),
    params(("room" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = Message), (status = "default", body = Problem)))]
async fn pin_any(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At((room, message)): At<Place>,
) -> ApiResult<Json<Message>> {
    Ok(Json(app.engine.pin_message(&by.actor(), &room, &message, true).await?.into()))
}

/// Take a pin away; again changes nothing
#[utoipa::path(delete, path = "/v1/server/rooms/{room}/messages/{message}/pin", tag = "server",
    security(("server_key" = [])),
    params(("room" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = Message), (status = "default", body = Problem)))]
async fn unpin_any(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At((room, message)): At<Place>,
) -> ApiResult<Json<Message>> {
    Ok(Json(app.engine.pin_message(&by.actor(), &room, &message, false).await?.into()))
}

/// A room's pinned messages, those pinned last first
#[utoipa::path(get, path = "/v1/server/rooms/{room}/pins", tag = "server",
    security(("server_key" = [])),
    params(("room" = String, Path)),
    responses((status = 200, body = PinsAnswer), (status = "default", body = Problem)))]
async fn pins_of_any(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(room): At<RoomId>,
) -> ApiResult<Json<PinsAnswer>> {
    Ok(Json(app.engine.pinned_messages(&by.actor(), &room).await?.into()))
}

/// The words of a message that edits have replaced; the newest first
#[utoipa::path(get, path = "/v1/server/rooms/{room}/messages/{message}/versions", tag = "server",
    security(("server_key" = [])),
    params(("room" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = VersionsAnswer), (status = "default", body = Problem)))]
async fn versions_of_any(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At((room, message)): At<Place>,
) -> ApiResult<Json<VersionsAnswer>> {
    Ok(Json(app.engine.message_versions(&by.actor(), &room, &message).await?.into()))
}
