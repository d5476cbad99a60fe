//! Words for who has the room open, kept nowhere.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use snug_core::ids::RoomId;
use snug_proto::Problem;
use snug_proto::ephemeral::{EphemeralAnswer, EphemeralBody};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{At, Body, ByBackend, ByClient};
use crate::wiring::App;

pub(super) fn server_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(say_as_any))
}

pub(super) fn client_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(say))
}

/// Say something to those who have the room open now; nothing is stored, and a repeat says it again
#[utoipa::path(post, path = "/v1/rooms/{room}/ephemeral", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path)),
    request_body = EphemeralBody,
    responses((status = 200, body = EphemeralAnswer), (status = "default", body = Problem)))]
async fn say(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    Body(body): Body<EphemeralBody>,
) -> ApiResult<Json<EphemeralAnswer>> {
    Ok(Json(app.engine.say_ephemeral(&by.actor(), &room, body.try_into()?).await?.into()))
}

/// Say something to those who have the room open now, or to the members in `to` alone; nothing is stored
#[utoipa::path(post, path = "/v1/server/rooms/{room}/ephemeral", tag = "server",
    security(("server_key" = [])), params(("room" = String, Path)),
    request_body = EphemeralBody,
    responses((status = 200, body = EphemeralAnswer), (status = "default", body = Problem)))]
async fn say_as_any(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(room): At<RoomId>,
    Body(body): Body<EphemeralBody>,
) -> ApiResult<Json<EphemeralAnswer>> {
    Ok(Json(app.engine.say_ephemeral(&by.actor(), &room, body.try_into()?).await?.into()))
}
