//! Server routes about rooms, members and messages.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use snug_core::engine::{ChangeMembersRequest, SendMessage};
use snug_core::ids::{RoomId, UserId};
use snug_proto::Problem;
use snug_proto::object::{Message, Room};
use snug_proto::rest::{HistoryAnswer, HistoryParams, MembersAnswer, MembersBody, SendBody};
use snug_proto::rooms::{CreateRoomBody, UpdateRoomBody};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client_rooms::MembersParams;
use super::error::ApiResult;
use super::extract::{At, Body, ByBackend, Query};
use crate::wiring::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create_room))
        .routes(routes!(room, update_room, delete_room))
        .routes(routes!(members, add_members))
        .routes(routes!(remove_members))
        .routes(routes!(remove_member))
        .routes(routes!(history, send))
}

/// Make a room, or find the direct one
#[utoipa::path(post, path = "/v1/server/rooms", tag = "server", security(("server_key" = [])),
    request_body = CreateRoomBody,
    responses((status = 201, body = Room), (status = 200, body = Room),
        (status = "default", body = Problem)))]
async fn create_room(
    State(app): State<Arc<App>>,
    by: ByBackend,
    Body(body): Body<CreateRoomBody>,
) -> ApiResult<(StatusCode, Json<Room>)> {
    let made = app.engine.create_room(&by.actor(), body.into_command(None)?).await?;
    let status = if made.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(made.view.into())))
}

/// A room
#[utoipa::path(get, path = "/v1/server/rooms/{room}", tag = "server",
    security(("server_key" = [])), params(("room" = String, Path)),
    responses((status = 200, body = Room), (status = "default", body = Problem)))]
async fn room(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(room): At<RoomId>,
) -> ApiResult<Json<Room>> {
    Ok(Json(app.engine.room(&by.actor(), &room).await?.into()))
}

/// Change a room; `null` clears; `frozen` stops sends, `archived` also takes it out of the lists
#[utoipa::path(patch, path = "/v1/server/rooms/{room}", tag = "server",
    security(("server_key" = [])), params(("room" = String, Path)), request_body = UpdateRoomBody,
    responses((status = 200, body = Room), (status = "default", body = Problem)))]
async fn update_room(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(room): At<RoomId>,
    Body(body): Body<UpdateRoomBody>,
) -> ApiResult<Json<Room>> {
    Ok(Json(app.engine.update_room(&by.actor(), &room, body.into()).await?.into()))
}

/// Delete a room for everybody
#[utoipa::path(delete, path = "/v1/server/rooms/{room}", tag = "server",
    security(("server_key" = [])), params(("room" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
async fn delete_room(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(room): At<RoomId>,
) -> ApiResult<StatusCode> {
    app.engine.delete_room(&by.0, &room).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Members by user id
#[utoipa::path(get, path = "/v1/server/rooms/{room}/members", tag = "server",
    security(("server_key" = [])), params(("room" = String, Path), MembersParams),
    responses((status = 200, body = MembersAnswer), (status = "default", body = Problem)))]
async fn members(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(room): At<RoomId>,
    Query(params): Query<MembersParams>,
) -> ApiResult<Json<MembersAnswer>> {
    let page = params.page(&app.engine, &by.actor(), &room).await?;
    Ok(Json(page.into()))
}

/// Add members
#[utoipa::path(post, path = "/v1/server/rooms/{room}/members", tag = "server",
    security(("server_key" = [])), params(("room" = String, Path)), request_body = MembersBody,
    responses((status = 200, body = Room), (status = "default", body = Problem)))]
async fn add_members(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(room): At<RoomId>,
    Body(body): Body<MembersBody>,
) -> ApiResult<Json<Room>> {
    let change = ChangeMembersRequest::try_from(body)?;
    Ok(Json(app.engine.add_members(&by.actor(), &room, change).await?.into()))
}

/// Remove members
#[utoipa::path(post, path = "/v1/server/rooms/{room}/members/remove", tag = "server",
    security(("server_key" = [])), params(("room" = String, Path)), request_body = MembersBody,
    responses((status = 200, body = Room), (status = "default", body = Problem)))]
async fn remove_members(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(room): At<RoomId>,
    Body(body): Body<MembersBody>,
) -> ApiResult<Json<Room>> {
    let change = ChangeMembersRequest::try_from(body)?;
    Ok(Json(app.engine.remove_members(&by.actor(), &room, change).await?.into()))
}

/// Remove one member
#[utoipa::path(delete, path = "/v1/server/rooms/{room}/members/{user}", tag = "server",
    security(("server_key" = [])), params(("room" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = Room), (status = "default", body = Problem)))]
async fn remove_member(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At((room, user)): At<(RoomId, UserId)>,
) -> ApiResult<Json<Room>> {
    let change = ChangeMembersRequest::of(vec![user], true);
    Ok(Json(app.engine.remove_members(&by.actor(), &room, change).await?.into()))
}

/// A page of messages, ascending by seq
#[utoipa::path(get, path = "/v1/server/rooms/{room}/messages", tag = "server",
    security(("server_key" = [])),
    params(("room" = String, Path), ("before" = Option<u64>, Query, description = "seq, exclusive"),
        ("after" = Option<u64>, Query, description = "seq, exclusive"),
        ("limit" = Option<usize>, Query, description = "1 to 100; 50 by default")),
    responses((status = 200, body = HistoryAnswer), (status = "default", body = Problem)))]
async fn history(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(room): At<RoomId>,
    Query(params): Query<HistoryParams>,
) -> ApiResult<Json<HistoryAnswer>> {
    let page = app.engine.history(&by.actor(), &room, &params.into()).await?;
    Ok(Json(HistoryAnswer::of(&room, page)))
}

/// Send as a user, or as the room itself
#[utoipa::path(post, path = "/v1/server/rooms/{room}/messages", tag = "server",
    security(("server_key" = [])), params(("room" = String, Path)), request_body = SendBody,
    responses((status = 201, body = Message), (status = 200, body = Message),
        (status = "default", body = Problem)))]
async fn send(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(room): At<RoomId>,
    Body(body): Body<SendBody>,
) -> ApiResult<(StatusCode, Json<Message>)> {
    let sent = app.engine.send_message(&by.actor(), &room, SendMessage::try_from(body)?).await?;
    app.metrics.messages.inc();
    let status = if sent.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(sent.message.into())))
}
