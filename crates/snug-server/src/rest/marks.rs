//! A user's own marks on messages: told to nobody else, so a backend has no route for them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use snug_core::engine::MarkView;
use snug_core::ids::{MessageId, RoomId};
use snug_proto::Problem;
use snug_proto::marks::{OwnAnswer, OwnMessageBody, StarredAnswer, StarredParams};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{At, Body, ByClient, Query};
use crate::wiring::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(mark)).routes(routes!(starred))
}

/// Star a message, take the star back, or delete the message for oneself
#[utoipa::path(patch, path = "/v1/rooms/{room}/messages/{message}/own", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ("message" = String, Path)), request_body = OwnMessageBody,
    responses((status = 200, body = OwnAnswer), (status = "default", body = Problem)))]
async fn mark(
    State(app): State<Arc<App>>,
    by: ByClient,
    At((room, message)): At<(RoomId, MessageId)>,
    Body(body): Body<OwnMessageBody>,
) -> ApiResult<Json<OwnAnswer>> {
    let view = app.engine.mark_message(&by.client, &room, &message, body.into()).await?;
    let MarkView { message, mine, count } = view;
    Ok(Json(OwnAnswer::of(room.as_str(), message, &mine, count)))
}

/// The own starred messages of all rooms, starred last first
#[utoipa::path(get, path = "/v1/me/starred", tag = "client",
    security(("session_token" = [])), params(StarredParams),
    responses((status = 200, body = StarredAnswer), (status = "default", body = Problem)))]
async fn starred(
    State(app): State<Arc<App>>,
    by: ByClient,
    Query(params): Query<StarredParams>,
) -> ApiResult<Json<StarredAnswer>> {
    let StarredParams { before, limit } = params;
    let page = app.engine.starred(&by.client, before.map(|before| before.0), limit).await?;
    Ok(Json(page.into()))
}
