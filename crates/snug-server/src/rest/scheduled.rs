//! Messages that are sent later: a user's own, and the backend's own.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use snug_core::engine::{Actor, ScheduledPatch};
use snug_core::ids::{MessageId, RoomId};
use snug_proto::Problem;
use snug_proto::scheduled::{
    ScheduleBody, Scheduled, ScheduledPage, ScheduledParams, UpdateScheduledBody,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{At, Body, ByBackend, ByClient, Query};
use crate::wiring::App;

pub(super) fn server_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(schedule_as_any))
        .routes(routes!(list_of_backend))
        .routes(routes!(update_of_backend, cancel_of_backend))
}

pub(super) fn client_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(schedule))
        .routes(routes!(list))
        .routes(routes!(update, cancel))
}

async fn scheduled_by(
    app: &App,
    actor: &Actor,
    room: &RoomId,
    body: ScheduleBody,
) -> ApiResult<(StatusCode, Json<Scheduled>)> {
    let (at, send) = body.into_send()?;
    let (scheduled, new) = app.engine.schedule_message(actor, room, at, send).await?;
    app.dispatcher.scheduled(scheduled.at);
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(scheduled.into())))
}

/// Have a message sent at a time; answered the same for every repeat of its id
#[utoipa::path(post, path = "/v1/rooms/{room}/scheduled", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path)),
    request_body = ScheduleBody,
    responses((status = 201, body = Scheduled), (status = 200, body = Scheduled),
        (status = "default", body = Problem)))]
async fn schedule(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    Body(body): Body<ScheduleBody>,
) -> ApiResult<(StatusCode, Json<Scheduled>)> {
    scheduled_by(&app, &by.actor(), &room, body).await
}

/// The own scheduled messages, soonest first, with those that could not be sent
#[utoipa::path(get, path = "/v1/me/scheduled", tag = "client",
    security(("session_token" = [])), params(ScheduledParams),
    responses((status = 200, body = ScheduledPage), (status = "default", body = Problem)))]
async fn list(
    State(app): State<Arc<App>>,
    by: ByClient,
    Query(params): Query<ScheduledParams>,
) -> ApiResult<Json<ScheduledPage>> {
    Ok(Json(app.engine.scheduled(&by.actor(), params.into()).await?.into()))
}

/// Give an own scheduled message another time or other words
#[utoipa::path(patch, path = "/v1/me/scheduled/{message}", tag = "client",
    security(("session_token" = [])), params(("message" = String, Path)),
    request_body = UpdateScheduledBody,
    responses((status = 200, body = Scheduled), (status = "default", body = Problem)))]
async fn update(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(message): At<MessageId>,
    Body(body): Body<UpdateScheduledBody>,
) -> ApiResult<Json<Scheduled>> {
    let patch = ScheduledPatch::try_from(body)?;
    Ok(Json(app.engine.update_scheduled(&by.actor(), &message, patch).await?.into()))
}

/// Take an own scheduled message back
#[utoipa::path(delete, path = "/v1/me/scheduled/{message}", tag = "client",
    security(("session_token" = [])), params(("message" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
async fn cancel(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(message): At<MessageId>,
) -> ApiResult<StatusCode> {
    app.engine.cancel_scheduled(&by.actor(), &message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Have a message sent at a time, as a user or as the room itself
#[utoipa::path(post, path = "/v1/server/rooms/{room}/scheduled", tag = "server",
    security(("server_key" = [])), params(("room" = String, Path)),
    request_body = ScheduleBody,
    responses((status = 201, body = Scheduled), (status = 200, body = Scheduled),
        (status = "default", body = Problem)))]
async fn schedule_as_any(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(room): At<RoomId>,
    Body(body): Body<ScheduleBody>,
) -> ApiResult<(StatusCode, Json<Scheduled>)> {
    scheduled_by(&app, &by.actor(), &room, body).await
}

/// What the backend itself has scheduled, soonest first; users' own messages are not among it
#[utoipa::path(get, path = "/v1/server/scheduled", tag = "server",
    security(("server_key" = [])), params(ScheduledParams),
    responses((status = 200, body = ScheduledPage), (status = "default", body = Problem)))]
async fn list_of_backend(
    State(app): State<Arc<App>>,
    by: ByBackend,
    Query(params): Query<ScheduledParams>,
) -> ApiResult<Json<ScheduledPage>> {
    Ok(Json(app.engine.scheduled(&by.actor(), params.into()).await?.into()))
}

/// Give a message that the backend scheduled another time or other words
#[utoipa::path(patch, path = "/v1/server/scheduled/{message}", tag = "server",
    security(("server_key" = [])), params(("message" = String, Path)),
    request_body = UpdateScheduledBody,
    responses((status = 200, body = Scheduled), (status = "default", body = Problem)))]
async fn update_of_backend(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(message): At<MessageId>,
    Body(body): Body<UpdateScheduledBody>,
) -> ApiResult<Json<Scheduled>> {
    let patch = ScheduledPatch::try_from(body)?;
    let changed = app.engine.update_scheduled(&by.actor(), &message, patch).await?;
    app.dispatcher.scheduled(changed.at);
    Ok(Json(changed.into()))
}

/// Take a message back that the backend scheduled
#[utoipa::path(delete, path = "/v1/server/scheduled/{message}", tag = "server",
    security(("server_key" = [])), params(("message" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
async fn cancel_of_backend(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(message): At<MessageId>,
) -> ApiResult<StatusCode> {
    app.engine.cancel_scheduled(&by.actor(), &message).await?;
    Ok(StatusCode::NO_CONTENT)
}
