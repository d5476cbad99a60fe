//! Channels: rooms that every user of the app may read and join.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use snug_core::engine::Actor;
use snug_core::error::Error;
use snug_core::ids::RoomId;
use snug_proto::Problem;
use snug_proto::changes::ChannelsAnswer;
use snug_proto::object::Room;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{At, ByBackend, ByClient, Query};
use crate::wiring::App;

pub(super) fn server_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(all_channels))
}

pub(super) fn client_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(channels)).routes(routes!(join))
}

#[derive(Debug, serde::Deserialize, IntoParams)]
struct ChannelsParams {
    /// 1 to 200; 50 by default
    limit: Option<usize>,
    /// `next` of the page before
    cursor: Option<String>,
}

async fn page(app: &App, actor: &Actor, params: ChannelsParams) -> ApiResult<Json<ChannelsAnswer>> {
    let wrong = |_| Error::invalid("cursor", "`next` of the page before");
    let after = params.cursor.as_deref().map(RoomId::new).transpose().map_err(wrong)?;
    Ok(Json(app.engine.channels(actor, after.as_ref(), params.limit).await?.into()))
}

/// The app's channels by id
#[utoipa::path(get, path = "/v1/server/channels", tag = "server", security(("server_key" = [])),
    params(ChannelsParams),
    responses((status = 200, body = ChannelsAnswer), (status = "default", body = Problem)))]
async fn all_channels(
    State(app): State<Arc<App>>,
    by: ByBackend,
    Query(params): Query<ChannelsParams>,
) -> ApiResult<Json<ChannelsAnswer>> {
    page(&app, &by.actor(), params).await
}

/// Channels that the caller may read and join, by id
#[utoipa::path(get, path = "/v1/channels", tag = "client", security(("session_token" = [])),
    params(ChannelsParams),
    responses((status = 200, body = ChannelsAnswer), (status = "default", body = Problem)))]
async fn channels(
    State(app): State<Arc<App>>,
    by: ByClient,
    Query(params): Query<ChannelsParams>,
) -> ApiResult<Json<ChannelsAnswer>> {
    page(&app, &by.actor(), params).await
}

/// Join a channel; being in it already is no error
#[utoipa::path(post, path = "/v1/rooms/{room}/join", tag = "client",
    security(("session_token" = [])), params(("room" = String, Path)),
    responses((status = 200, body = Room), (status = "default", body = Problem)))]
async fn join(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
) -> ApiResult<Json<Room>> {
    Ok(Json(app.engine.join_room(&by.client, &room, true).await?.into()))
}
