//! Server routes about the before-send hook.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use snug_core::error::Error;
use snug_proto::Problem;
use snug_proto::before_send::{BeforeSendAnswer, BeforeSendBody};
use snug_proto::outbox::RotateWebhookBody;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{Body, ByBackend};
use crate::wiring::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(set_before_send, before_send, delete_before_send))
        .routes(routes!(rotate_before_send))
}

/// Set who is asked before a message of a user's is stored; the first answer shows the signing
/// secret, once
#[utoipa::path(put, path = "/v1/server/before-send", tag = "server",
    security(("server_key" = [])), request_body = BeforeSendBody,
    responses((status = 200, body = BeforeSendAnswer), (status = "default", body = Problem)))]
async fn set_before_send(
    State(app): State<Arc<App>>,
    by: ByBackend,
    Body(body): Body<BeforeSendBody>,
) -> ApiResult<Json<BeforeSendAnswer>> {
    Ok(Json(app.engine.set_before_send(&by.0, body.try_into()?).await?.into()))
}

/// Who is asked before a message of a user's is stored
#[utoipa::path(get, path = "/v1/server/before-send", tag = "server",
    security(("server_key" = [])),
    responses((status = 200, body = BeforeSendAnswer), (status = "default", body = Problem)))]
async fn before_send(
    State(app): State<Arc<App>>,
    by: ByBackend,
) -> ApiResult<Json<BeforeSendAnswer>> {
    let none = || Error::NotSetUp { what: "a before-send hook".to_owned() };
    Ok(Json(app.engine.before_send(&by.0).await?.ok_or_else(none)?.into()))
}

/// Ask no more, and forget the secret
#[utoipa::path(delete, path = "/v1/server/before-send", tag = "server",
    security(("server_key" = [])),
    responses((status = 204), (status = "default", body = Problem)))]
async fn delete_before_send(State(app): State<Arc<App>>, by: ByBackend) -> ApiResult<StatusCode> {
    app.engine.delete_before_send(&by.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make another signing secret; for a while calls carry both signatures
#[utoipa::path(post, path = "/v1/server/before-send/rotate", tag = "server",
    security(("server_key" = [])), request_body = RotateWebhookBody,
    responses((status = 200, body = BeforeSendAnswer), (status = "default", body = Problem)))]
async fn rotate_before_send(
    State(app): State<Arc<App>>,
    by: ByBackend,
    Body(body): Body<RotateWebhookBody>,
) -> ApiResult<Json<BeforeSendAnswer>> {
    let overlap = body.overlap_seconds;
    Ok(Json(app.engine.rotate_before_send_secret(&by.0, overlap).await?.into()))
}
