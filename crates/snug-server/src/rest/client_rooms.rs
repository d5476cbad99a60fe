//! Client routes about rooms, members and messages.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use snug_core::engine::{
    Actor, ChangeMembersRequest, Engine, MembersPage, RoomListRequest, SendMessage, SyncFrom,
};
use snug_core::error::Error;
use snug_core::ids::{RoomId, UserId};
use snug_proto::Problem;
use snug_proto::object::{Message, Mine, Room};
use snug_proto::rest::{
    HistoryAnswer, HistoryParams, MembersAnswer, MembersBody, ReadBody, RoomSyncAnswer,
    RoomSyncParams, RoomsAnswer, SendBody, TypingBody,
};
use snug_proto::rooms::{CreateRoomBody, OwnBody, UpdateRoomBody, WantedRooms, Which};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{At, Body, ByClient, Query};
use crate::wiring::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(rooms, create_room))
        .routes(routes!(room, update_room))
        .routes(routes!(members, add_members))
        .routes(routes!(remove_members))
        .routes(routes!(remove_member))
        .routes(routes!(leave))
        .routes(routes!(accept))
        .routes(routes!(decline))
        .routes(routes!(history, send))
        .routes(routes!(mark_read))
        .routes(routes!(set_own))
        .routes(routes!(typing))
        .routes(routes!(room_sync))
}

#[derive(Debug, serde::Deserialize, IntoParams)]
struct RoomsParams {
    /// 1 to 200; 50 by default
    limit: Option<usize>,
    /// `next` of the page before
    cursor: Option<String>,
    /// `left`: also rooms that were left, as they were then
    include: Option<String>,
    /// `direct`, `group` or `channel`
    kind: Option<String>,
    /// Rooms with this tag
    tag: Option<String>,
    /// `true`: only rooms with unread messages
    #[param(value_type = Option<bool>)]
    unread: Option<Which>,
    /// `true`, `false` (the default) or `any`
    #[param(value_type = Option<String>)]
    archived: Option<Which>,
    /// `true`, `false` (the default) or `any`: rooms that the caller has hidden
    #[param(value_type = Option<String>)]
    hidden: Option<Which>,
    /// Rooms that the caller has put in this folder
    folder: Option<String>,
    /// `true` or `false`: rooms that the caller has muted, or not
    #[param(value_type = Option<bool>)]
    muted: Option<Which>,
    /// A part of the name, in upper or lower case
    name: Option<String>,
}

impl RoomsParams {
    fn into_request(self) -> Result<RoomListRequest, Error> {
        let Self {
            limit,
            cursor,
            include,
            kind,
            tag,
            unread,
            archived,
            hidden,
            folder,
            muted,
            name,
        } = self;
        let wanted = WantedRooms { kind, tag, unread, archived, hidden, folder, muted, name };
        let include_left = include.as_deref() == Some("left");
        Ok(RoomListRequest { cursor, limit, include_left, filter: wanted.try_into()? })
    }
}

/// The caller's rooms: the pinned ones first, then by activity
#[utoipa::path(get, path = "/v1/rooms", tag = "client", security(("session_token" = [])),
    params(RoomsParams),
    responses((status = 200, body = RoomsAnswer), (status = "default", body = Problem)))]
async fn rooms(
    State(app): State<Arc<App>>,
    by: ByClient,
    Query(params): Query<RoomsParams>,
) -> ApiResult<Json<RoomsAnswer>> {
    Ok(Json(app.engine.room_list(&by.client, params.into_request()?).await?.into()))
}

/// Make a room, or find the direct one; with an optional first message in the same commit
#[utoipa::path(post, path = "/v1/rooms", tag = "client", security(("session_token" = [])),
    request_body = CreateRoomBody,
    responses((status = 201, body = Room), (status = 200, body = Room),
        (status = "default", body = Problem)))]
async fn create_room(
    State(app): State<Arc<App>>,
    by: ByClient,
    Body(body): Body<CreateRoomBody>,
) -> ApiResult<(StatusCode, Json<Room>)> {
    let command = body.into_command(Some(by.client.user()))?;
    let made = app.engine.create_room(&by.actor(), command).await?;
    let status = if made.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(made.view.into())))
}

/// A room
#[utoipa::path(get, path = "/v1/rooms/{room}", tag = "client", security(("session_token" = [])),
    params(("room" = String, Path)),
    responses((status = 200, body = Room), (status = "default", body = Problem)))]
async fn room(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
) -> ApiResult<Json<Room>> {
    Ok(Json(app.engine.room(&by.actor(), &room).await?.into()))
}

/// Change a room; `null` clears; with `if_rev` only as the caller knows it
#[utoipa::path(patch, path = "/v1/rooms/{room}", tag = "client", security(("session_token" = [])),
    params(("room" = String, Path)), request_body = UpdateRoomBody,
    responses((status = 200, body = Room), (status = "default", body = Problem)))]
async fn update_room(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    Body(body): Body<UpdateRoomBody>,
) -> ApiResult<Json<Room>> {
    Ok(Json(app.engine.update_room(&by.actor(), &room, body.into()).await?.into()))
}

#[derive(Debug, serde::Deserialize, IntoParams)]
pub(super) struct MembersParams {
    /// 1 to 500; 100 by default
    pub(super) limit: Option<usize>,
    /// `next` of the page before
    pub(super) cursor: Option<String>,
    /// `invited`: also those who are invited, with `state` `invited`
    pub(super) include: Option<String>,
}

impl MembersParams {
    /// The page that is asked for.
    pub(super) async fn page(
        &self,
        engine: &Engine,
        actor: &Actor,
        room: &RoomId,
    ) -> Result<MembersPage, Error> {
        let (after, limit) = (self.after()?, self.limit);
        if self.include.as_deref() == Some("invited") {
            return engine.members_and_invited(actor, room, after, limit).await;
        }
        engine.members(actor, room, after, limit).await
    }

    pub(super) fn after(&self) -> Result<Option<UserId>, Error> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let after = UserId::new(cursor);
        after.map(Some).map_err(|_| Error::invalid("cursor", "`next` of the page before"))
    }
}

/// Members by user id
#[utoipa::path(get, path = "/v1/rooms/{room}/members", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path), MembersParams),
    responses((status = 200, body = MembersAnswer), (status = "default", body = Problem)))]
async fn members(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    Query(params): Query<MembersParams>,
) -> ApiResult<Json<MembersAnswer>> {
    let page = params.page(&app.engine, &by.actor(), &room).await?;
    Ok(Json(page.into()))
}

/// Add members
#[utoipa::path(post, path = "/v1/rooms/{room}/members", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path)), request_body = MembersBody,
    responses((status = 200, body = Room), (status = "default", body = Problem)))]
async fn add_members(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    Body(body): Body<MembersBody>,
) -> ApiResult<Json<Room>> {
    let change = ChangeMembersRequest::try_from(body)?;
    Ok(Json(app.engine.add_members(&by.actor(), &room, change).await?.into()))
}

/// Remove members
#[utoipa::path(post, path = "/v1/rooms/{room}/members/remove", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path)), request_body = MembersBody,
    responses((status = 200, body = Room), (status = "default", body = Problem)))]
async fn remove_members(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    Body(body): Body<MembersBody>,
) -> ApiResult<Json<Room>> {
    let change = ChangeMembersRequest::try_from(body)?;
    Ok(Json(app.engine.remove_members(&by.actor(), &room, change).await?.into()))
}

/// Remove one member
#[utoipa::path(delete, path = "/v1/rooms/{room}/members/{user}", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = Room), (status = "default", body = Problem)))]
async fn remove_member(
    State(app): State<Arc<App>>,
    by: ByClient,
    At((room, user)): At<(RoomId, UserId)>,
) -> ApiResult<Json<Room>> {
    let change = ChangeMembersRequest::of(vec![user], true);
    Ok(Json(app.engine.remove_members(&by.actor(), &room, change).await?.into()))
}

/// Accept an invitation; being in already is no error
#[utoipa::path(post, path = "/v1/rooms/{room}/accept", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path)),
    responses((status = 200, body = Room), (status = "default", body = Problem)))]
async fn accept(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
) -> ApiResult<Json<Room>> {
    Ok(Json(app.engine.accept_room(&by.client, &room, true).await?.into()))
}

/// Decline an invitation
#[utoipa::path(post, path = "/v1/rooms/{room}/decline", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
async fn decline(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
) -> ApiResult<StatusCode> {
    app.engine.decline_room(&by.client, &room).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Leave a group
#[utoipa::path(post, path = "/v1/rooms/{room}/leave", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
async fn leave(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
) -> ApiResult<StatusCode> {
    app.engine.leave_room(&by.client, &room).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A page of messages, ascending by seq
#[utoipa::path(get, path = "/v1/rooms/{room}/messages", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ("before" = Option<u64>, Query, description = "seq, exclusive"),
        ("after" = Option<u64>, Query, description = "seq, exclusive"),
        ("limit" = Option<usize>, Query, description = "1 to 100; 50 by default")),
    responses((status = 200, body = HistoryAnswer), (status = "default", body = Problem)))]
async fn history(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    Query(params): Query<HistoryParams>,
) -> ApiResult<Json<HistoryAnswer>> {
    let page = app.engine.history(&by.actor(), &room, &params.into()).await?;
    Ok(Json(HistoryAnswer::of(&room, page)))
}

/// Send a message; answered after the commit, the same for every repeat of its id
#[utoipa::path(post, path = "/v1/rooms/{room}/messages", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path)), request_body = SendBody,
    responses((status = 201, body = Message), (status = 200, body = Message),
        (status = "default", body = Problem)))]
async fn send(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    Body(body): Body<SendBody>,
) -> ApiResult<(StatusCode, Json<Message>)> {
    let sent = app.engine.send_message(&by.actor(), &room, SendMessage::try_from(body)?).await?;
    app.metrics.messages.inc();
    let status = if sent.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(sent.message.into())))
}

/// Move the read cursor; it never goes back
#[utoipa::path(post, path = "/v1/rooms/{room}/read", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path)), request_body = ReadBody,
    responses((status = 200, body = Mine), (status = "default", body = Problem)))]
async fn mark_read(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    Body(body): Body<ReadBody>,
) -> ApiResult<Json<Mine>> {
    let (mine, count) = app.engine.mark_read(&by.client, &room, body.seq).await?;
    Ok(Json(Mine::of(&mine, count)))
}

/// Pin, mute or hide a room for the caller, or put it in a folder; `null` clears
#[utoipa::path(patch, path = "/v1/rooms/{room}/me", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path)), request_body = OwnBody,
    responses((status = 200, body = Mine), (status = "default", body = Problem)))]
async fn set_own(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    Body(body): Body<OwnBody>,
) -> ApiResult<Json<Mine>> {
    let (mine, count) = app.engine.set_own(&by.client, &room, body.into()).await?;
    Ok(Json(Mine::of(&mine, count)))
}

/// Say that the caller types, or stopped
#[utoipa::path(post, path = "/v1/rooms/{room}/typing", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path)), request_body = TypingBody,
    responses((status = 204), (status = "default", body = Problem)))]
async fn typing(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    Body(body): Body<TypingBody>,
) -> ApiResult<StatusCode> {
    app.engine.set_typing(&by.actor(), &room, body.on, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Everything of a room above a rev, in its latest state
#[utoipa::path(get, path = "/v1/rooms/{room}/sync", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ("rev" = u64, Query), ("epoch" = String, Query),
        ("limit" = Option<usize>, Query, description = "1 to 500"),
        ("marks" = Option<u64>, Query,
            description = "the rev of the own marks that is known: also those after it")),
    responses((status = 200, body = RoomSyncAnswer), (status = "default", body = Problem)))]
async fn room_sync(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    Query(params): Query<RoomSyncParams>,
) -> ApiResult<Json<RoomSyncAnswer>> {
    let RoomSyncParams { rev, epoch, limit, marks } = params;
    let from = SyncFrom { rev, epoch: &epoch, marks };
    Ok(Json(app.engine.sync_room(&by.actor(), &room, from, limit).await?.into()))
}
