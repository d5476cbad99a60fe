//! Receipts: what a device got, and who has a message.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use snug_core::ids::{MessageId, RoomId};
use snug_proto::Problem;
use snug_proto::receipts::{DeliveredBody, ReceiptsAnswer, ReceiptsParams};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{At, Body, ByBackend, ByClient, Query};
use crate::wiring::App;

pub(super) fn server_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(receipts_of_any))
}

pub(super) fn client_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(delivered)).routes(routes!(receipts))
}

/// Say up to where this device has got rooms, for a push handler that has no socket; written within a second or two, never back, and not while the user is invisible
#[utoipa::path(post, path = "/v1/me/delivered", tag = "client", security(("session_token" = [])),
    request_body = DeliveredBody,
    responses((status = 204), (status = "default", body = Problem)))]
async fn delivered(
    State(app): State<Arc<App>>,
    by: ByClient,
    Body(body): Body<DeliveredBody>,
) -> ApiResult<StatusCode> {
    app.hub.got(&by.client, body.into_rooms()?);
    Ok(StatusCode::NO_CONTENT)
}

/// Who has got a message and who has read it, at any size of the room; counted on the first page, up to 5,000 members
#[utoipa::path(get, path = "/v1/rooms/{room}/messages/{message}/receipts", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ("message" = String, Path), ReceiptsParams),
    responses((status = 200, body = ReceiptsAnswer), (status = "default", body = Problem)))]
async fn receipts(
    State(app): State<Arc<App>>,
    by: ByClient,
    At((room, message)): At<(RoomId, MessageId)>,
    Query(params): Query<ReceiptsParams>,
) -> ApiResult<Json<ReceiptsAnswer>> {
    let page = params.into_page()?;
    Ok(Json(app.engine.receipts(&by.actor(), &room, &message, page).await?.into()))
}

/// Who has got a message and who has read it, at any size of the room; counted on the first page, up to 5,000 members
#[utoipa::path(get, path = "/v1/server/rooms/{room}/messages/{message}/receipts", tag = "server",
    security(("server_key" = [])),
    params(("room" = String, Path), ("message" = String, Path), ReceiptsParams),
    responses((status = 200, body = ReceiptsAnswer), (status = "default", body = Problem)))]
async fn receipts_of_any(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At((room, message)): At<(RoomId, MessageId)>,
    Query(params): Query<ReceiptsParams>,
) -> ApiResult<Json<ReceiptsAnswer>> {
    let page = params.into_page()?;
    Ok(Json(app.engine.receipts(&by.actor(), &room, &message, page).await?.into()))
}
