//! Threads: a page of one, a room's, and the own cursor. A reply is a send with `thread`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use snug_core::ids::{MessageId, RoomId};
use snug_proto::Problem;
use snug_proto::rest::{HistoryParams, ReadBody};
use snug_proto::threads::{ThreadAnswer, ThreadMine, ThreadsAnswer, ThreadsParams};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{At, Body, ByBackend, ByClient, Query};
use crate::wiring::App;

pub(super) fn server_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(thread_of_any)).routes(routes!(threads_of_any))
}

pub(super) fn client_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(thread))
        .routes(routes!(threads))
        .routes(routes!(read_thread))
}

/// A page of the thread at a message, with the range of seqs that it covers; without `before` and `after` the newest
#[utoipa::path(get, path = "/v1/rooms/{room}/messages/{message}/thread", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ("message" = String, Path),
        ("before" = Option<u64>, Query, description = "seq, exclusive"),
        ("after" = Option<u64>, Query, description = "seq, exclusive"),
        ("limit" = Option<usize>, Query, description = "1 to 100; 50 by default")),
    responses((status = 200, body = ThreadAnswer), (status = "default", body = Problem)))]
async fn thread(
    State(app): State<Arc<App>>,
    by: ByClient,
    At((room, message)): At<(RoomId, MessageId)>,
    Query(params): Query<HistoryParams>,
) -> ApiResult<Json<ThreadAnswer>> {
    Ok(Json(app.engine.thread_history(&by.actor(), &room, &message, &params.into()).await?.into()))
}

/// Move the own cursor in a thread forward; it never goes back
#[utoipa::path(post, path = "/v1/rooms/{room}/messages/{message}/thread/read", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ("message" = String, Path)), request_body = ReadBody,
    responses((status = 200, body = ThreadMine), (status = "default", body = Problem)))]
async fn read_thread(
    State(app): State<Arc<App>>,
    by: ByClient,
    At((room, message)): At<(RoomId, MessageId)>,
    Body(body): Body<ReadBody>,
) -> ApiResult<Json<ThreadMine>> {
    Ok(Json(app.engine.read_thread(&by.client, &room, &message, body.seq).await?.into()))
}

/// A room's threads, those replied to last first
#[utoipa::path(get, path = "/v1/rooms/{room}/threads", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path), ThreadsParams),
    responses((status = 200, body = ThreadsAnswer), (status = "default", body = Problem)))]
async fn threads(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    Query(params): Query<ThreadsParams>,
) -> ApiResult<Json<ThreadsAnswer>> {
    let page = app.engine.threads(&by.actor(), &room, &params.into()).await?;
    Ok(Json(ThreadsAnswer::of(page, true)))
}

/// A page of the thread at a message, hidden replies with their words
#[utoipa::path(get, path = "/v1/server/rooms/{room}/messages/{message}/thread", tag = "server",
    security(("server_key" = [])),
    params(("room" = String, Path), ("message" = String, Path),
        ("before" = Option<u64>, Query, description = "seq, exclusive"),
        ("after" = Option<u64>, Query, description = "seq, exclusive"),
        ("limit" = Option<usize>, Query, description = "1 to 100; 50 by default")),
    responses((status = 200, body = ThreadAnswer), (status = "default", body = Problem)))]
async fn thread_of_any(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At((room, message)): At<(RoomId, MessageId)>,
    Query(params): Query<HistoryParams>,
) -> ApiResult<Json<ThreadAnswer>> {
    Ok(Json(app.engine.thread_history(&by.actor(), &room, &message, &params.into()).await?.into()))
}

/// A room's threads, those replied to last first
#[utoipa::path(get, path = "/v1/server/rooms/{room}/threads", tag = "server",
    security(("server_key" = [])),
    params(("room" = String, Path), ThreadsParams),
    responses((status = 200, body = ThreadsAnswer), (status = "default", body = Problem)))]
async fn threads_of_any(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(room): At<RoomId>,
    Query(params): Query<ThreadsParams>,
) -> ApiResult<Json<ThreadsAnswer>> {
    let page = app.engine.threads(&by.actor(), &room, &params.into()).await?;
    Ok(Json(ThreadsAnswer::of(page, false)))
}
