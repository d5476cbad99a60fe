//! Server routes about what is told outside: the webhook endpoint, its deliveries, and the events
//! that a backend pulls.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use snug_core::engine::DeliveriesRequest;
use snug_core::error::Error;
use snug_core::limits;
use snug_proto::Problem;
use snug_proto::outbox::{
    DeliveriesAnswer, EventsAnswer, PullBody, ReplayAnswer, ReplayBody, RotateWebhookBody,
    WebhookAnswer, WebhookBody, delivery_state,
};
use tokio::time::Instant;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{Body, ByBackend, Query};
use crate::wiring::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(set_webhook, webhook, delete_webhook))
        .routes(routes!(rotate_webhook))
        .routes(routes!(deliveries))
        .routes(routes!(replay))
        .routes(routes!(set_pull, pull))
        .routes(routes!(events))
}

/// Set where events are delivered; the first answer shows the signing secret, once
#[utoipa::path(put, path = "/v1/server/webhook", tag = "server",
    security(("server_key" = [])), request_body = WebhookBody,
    responses((status = 200, body = WebhookAnswer), (status = "default", body = Problem)))]
async fn set_webhook(
    State(app): State<Arc<App>>,
    by: ByBackend,
    Body(body): Body<WebhookBody>,
) -> ApiResult<Json<WebhookAnswer>> {
    let issued = app.engine.set_webhook(&by.0, &body.url).await?;
    app.dispatcher.changed(&by.0.app.id, true);
    Ok(Json(issued.into()))
}

/// Where events are delivered
#[utoipa::path(get, path = "/v1/server/webhook", tag = "server",
    security(("server_key" = [])),
    responses((status = 200, body = WebhookAnswer), (status = "default", body = Problem)))]
async fn webhook(State(app): State<Arc<App>>, by: ByBackend) -> ApiResult<Json<WebhookAnswer>> {
    let none = || Error::NotSetUp { what: "a webhook endpoint".to_owned() };
    let view = app.engine.webhook(&by.0).await?.ok_or_else(none)?;
    Ok(Json(view.into()))
}

/// Deliver no more, and forget the secret
#[utoipa::path(delete, path = "/v1/server/webhook", tag = "server",
    security(("server_key" = [])),
    responses((status = 204), (status = "default", body = Problem)))]
async fn delete_webhook(State(app): State<Arc<App>>, by: ByBackend) -> ApiResult<StatusCode> {
    app.engine.delete_webhook(&by.0).await?;
    app.dispatcher.changed(&by.0.app.id, false);
    Ok(StatusCode::NO_CONTENT)
}

/// Make another signing secret; for a while deliveries carry both signatures
#[utoipa::path(post, path = "/v1/server/webhook/rotate", tag = "server",
    security(("server_key" = [])), request_body = RotateWebhookBody,
    responses((status = 200, body = WebhookAnswer), (status = "default", body = Problem)))]
async fn rotate_webhook(
    State(app): State<Arc<App>>,
    by: ByBackend,
    Body(body): Body<RotateWebhookBody>,
) -> ApiResult<Json<WebhookAnswer>> {
    let issued = app.engine.rotate_webhook_secret(&by.0, body.overlap_seconds).await?;
    app.dispatcher.changed(&by.0.app.id, issued.view.disabled.is_none());
    Ok(Json(issued.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeliveriesParams {
    /// `waiting`, `delivered`, `parked` or `off`; all when absent
    state: Option<String>,
    /// `next` of the page before
    before: Option<u64>,
    /// 1 to 500; 100 when absent
    limit: Option<usize>,
}

/// Deliveries, newest first, with their state
#[utoipa::path(get, path = "/v1/server/webhook/deliveries", tag = "server",
    security(("server_key" = [])), params(DeliveriesParams),
    responses((status = 200, body = DeliveriesAnswer), (status = "default", body = Problem)))]
async fn deliveries(
    State(app): State<Arc<App>>,
    by: ByBackend,
    Query(params): Query<DeliveriesParams>,
) -> ApiResult<Json<DeliveriesAnswer>> {
    let DeliveriesParams { state, before, limit } = params;
    let request = DeliveriesRequest { state: delivery_state(state.as_deref())?, before, limit };
    let page = app.engine.deliveries(&by.0, &request).await?;
    Ok(Json(DeliveriesAnswer::of(&by.0.app.id, page)))
}

/// Deliver a range of events again
#[utoipa::path(post, path = "/v1/server/webhook/replay", tag = "server",
    security(("server_key" = [])), request_body = ReplayBody,
    responses((status = 200, body = ReplayAnswer), (status = "default", body = Problem)))]
async fn replay(
    State(app): State<Arc<App>>,
    by: ByBackend,
    Body(body): Body<ReplayBody>,
) -> ApiResult<Json<ReplayAnswer>> {
    let (replayed, last) = app.engine.replay_deliveries(&by.0, body.from, body.to).await?;
    app.dispatcher.replayed(&by.0.app.id);
    Ok(Json(ReplayAnswer { replayed, last: (last > 0).then_some(last) }))
}

/// Keep events to be pulled, or keep them no longer
#[utoipa::path(put, path = "/v1/server/events/settings", tag = "server",
    security(("server_key" = [])), request_body = PullBody,
    responses((status = 200, body = PullBody), (status = "default", body = Problem)))]
async fn set_pull(
    State(app): State<Arc<App>>,
    by: ByBackend,
    Body(body): Body<PullBody>,
) -> ApiResult<Json<PullBody>> {
    app.engine.set_pull(&by.0, body.enabled).await?;
    app.dispatcher.pulled(&by.0.app.id);
    Ok(Json(body))
}

/// Whether events are kept to be pulled
#[utoipa::path(get, path = "/v1/server/events/settings", tag = "server",
    security(("server_key" = [])),
    responses((status = 200, body = PullBody), (status = "default", body = Problem)))]
async fn pull(State(app): State<Arc<App>>, by: ByBackend) -> ApiResult<Json<PullBody>> {
    Ok(Json(PullBody { enabled: app.engine.pull_is_on(&by.0).await? }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EventsParams {
    /// `position` of the page before; 0 from the oldest that is kept
    #[serde(default)]
    after: u64,
    /// 1 to 500; 100 when absent
    limit: Option<usize>,
    /// Seconds to wait when there is nothing yet, at most 25; 0 when absent
    #[serde(default)]
    wait: u64,
}

/// What happened since, oldest first; waits for something if asked to
#[utoipa::path(get, path = "/v1/server/events", tag = "server",
    security(("server_key" = [])), params(EventsParams),
    responses((status = 200, body = EventsAnswer), (status = "default", body = Problem)))]
async fn events(
    State(app): State<Arc<App>>,
    by: ByBackend,
    Query(params): Query<EventsParams>,
) -> ApiResult<Json<EventsAnswer>> {
    let EventsParams { after, limit, wait } = params;
    let most = limits::EVENTS_WAIT_SECONDS_MAX;
    if wait > most {
        return Err(Error::invalid("wait", format!("0 to {most}")).into());
    }
    let retry_after_ms = 1_000;
    let watch = app.dispatcher.watch(&by.0.app.id).filter(|_| wait > 0);
    let Some(mut watch) = watch else {
        if wait > 0 {
            return Err(Error::RateLimited { retry_after_ms }.into());
        }
        let page = app.engine.events(&by.0, after, limit).await?;
        return Ok(Json(EventsAnswer::of(&by.0.app.id, after, page)?));
    };
    let until = Instant::now() + Duration::from_secs(wait);
    let stopping = app.tasks.stopping();
    loop {
        let page = app.engine.events(&by.0, after, limit).await?;
        let left = until.saturating_duration_since(Instant::now());
        if !page.rows.is_empty() || left.is_zero() || stopping.is_cancelled() {
            return Ok(Json(EventsAnswer::of(&by.0.app.id, after, page)?));
        }
        tokio::select! {
            // Another node's commits are not heard here: look again now and then.
            () = watch.wait(left.min(Duration::from_secs(1))) => {}
            () = stopping.cancelled() => {}
        }
    }
}
