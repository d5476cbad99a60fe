//! Client routes about the caller: profile, session, users, sync.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::{StatusCode, Uri};
use snug_core::engine::{Engine, Me};
use snug_core::error::Error;
use snug_core::ids::UserId;
use snug_proto::Problem;
use snug_proto::object::list;
use snug_proto::rest::{MeAnswer, ProfileBody, RefreshedAnswer, UserSyncAnswer, UsersAnswer};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{Body, ByClient, Query};
use crate::wiring::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(me, update_me))
        .routes(routes!(users))
        .routes(routes!(sync))
        .routes(routes!(refresh))
        .routes(routes!(log_out))
}

/// The caller's profile and session
#[utoipa::path(get, path = "/v1/me", tag = "client", security(("session_token" = [])),
    responses((status = 200, body = MeAnswer), (status = "default", body = Problem)))]
async fn me(State(app): State<Arc<App>>, by: ByClient) -> ApiResult<Json<MeAnswer>> {
    let policy = by.client.app.policy;
    Ok(Json(MeAnswer::of(app.engine.me(&by.client).await?, policy)))
}

/// Change the caller's profile; `null` clears
#[utoipa::path(patch, path = "/v1/me", tag = "client", security(("session_token" = [])),
    request_body = ProfileBody,
    responses((status = 200, body = MeAnswer), (status = "default", body = Problem)))]
async fn update_me(
    State(app): State<Arc<App>>,
    by: ByClient,
    Body(body): Body<ProfileBody>,
) -> ApiResult<Json<MeAnswer>> {
    let patch = body.into();
    app.check_sight_rate(&by.client, &patch)?;
    let user = app.engine.update_me(&by.client, patch).await?;
    let policy = by.client.app.policy;
    Ok(Json(MeAnswer::of(Me { user, session: by.client.session }, policy)))
}

/// Profiles of up to 100 users of the app
#[utoipa::path(get, path = "/v1/users", tag = "client", security(("session_token" = [])),
    params(("ids" = Vec<String>, Query, description = "Repeated: ids=a&ids=b")),
    responses((status = 200, body = UsersAnswer), (status = "default", body = Problem)))]
async fn users(
    State(app): State<Arc<App>>,
    by: ByClient,
    uri: Uri,
) -> ApiResult<Json<UsersAnswer>> {
    let mut ids = Vec::new();
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()) {
        if name == "ids" || name == "ids[]" {
            let field = format!("ids[{}]", ids.len());
            let id = UserId::new(&value).map_err(|error| Error::invalid(&field, error.expected))?;
            ids.push(id);
        }
    }
    Ok(Json(UsersAnswer { users: list(app.engine.users(&by.client, ids).await?) }))
}

#[derive(Debug, serde::Deserialize, IntoParams)]
struct SyncParams {
    /// The cursor of a room list or of the sync before
    cursor: String,
}

/// The caller's rooms that changed since a cursor
#[utoipa::path(get, path = "/v1/sync", tag = "client", security(("session_token" = [])),
    params(SyncParams),
    responses((status = 200, body = UserSyncAnswer), (status = "default", body = Problem)))]
async fn sync(
    State(app): State<Arc<App>>,
    by: ByClient,
    Query(params): Query<SyncParams>,
) -> ApiResult<Json<UserSyncAnswer>> {
    Ok(Json(app.engine.sync_user(&by.client, &params.cursor).await?.into()))
}

/// Exchange the token for a fresh one; the old one dies with the answer
#[utoipa::path(post, path = "/v1/session/refresh", tag = "client", security(("session_token" = [])),
    responses((status = 200, body = RefreshedAnswer), (status = "default", body = Problem)))]
async fn refresh(State(app): State<Arc<App>>, by: ByClient) -> ApiResult<Json<RefreshedAnswer>> {
    Ok(Json(app.engine.refresh_session(&by.client, Engine::token_hash(&by.token)).await?.into()))
}

/// Log out
#[utoipa::path(delete, path = "/v1/session", tag = "client", security(("session_token" = [])),
    responses((status = 204), (status = "default", body = Problem)))]
async fn log_out(State(app): State<Arc<App>>, by: ByClient) -> ApiResult<StatusCode> {
    app.engine.log_out(&by.client).await?;
    Ok(StatusCode::NO_CONTENT)
}
