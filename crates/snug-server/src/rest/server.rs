//! Server routes about users and sessions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use snug_core::engine::RevokeSessions;
use snug_core::ids::{SessionId, UserId};
use snug_proto::Problem;
use snug_proto::object::User;
use snug_proto::rest::{
    OpenSessionBody, ProfileBody, RevokeBody, RevokedAnswer, SessionItem, SessionsAnswer,
    TokenAnswer,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{At, Body, ByBackend};
use crate::wiring::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(upsert_user, user))
        .routes(routes!(deactivate_user))
        .routes(routes!(reactivate_user))
        .routes(routes!(sessions_of))
        .routes(routes!(open_session))
        .routes(routes!(close_session))
        .routes(routes!(revoke))
}

/// Make a user or change the profile; `null` clears
#[utoipa::path(put, path = "/v1/server/users/{user}", tag = "server",
    security(("server_key" = [])), params(("user" = String, Path)), request_body = ProfileBody,
    responses((status = 200, body = User), (status = "default", body = Problem)))]
async fn upsert_user(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(user): At<UserId>,
    Body(body): Body<ProfileBody>,
) -> ApiResult<Json<User>> {
    Ok(Json(User::own(app.engine.upsert_user(&by.0, &user, body.into()).await?)))
}

/// A user
#[utoipa::path(get, path = "/v1/server/users/{user}", tag = "server",
    security(("server_key" = [])), params(("user" = String, Path)),
    responses((status = 200, body = User), (status = "default", body = Problem)))]
async fn user(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(user): At<UserId>,
) -> ApiResult<Json<User>> {
    Ok(Json(User::own(app.engine.user(&by.0, &user).await?)))
}

/// Shut a user out; every session is closed
#[utoipa::path(post, path = "/v1/server/users/{user}/deactivate", tag = "server",
    security(("server_key" = [])), params(("user" = String, Path)),
    responses((status = 200, body = User), (status = "default", body = Problem)))]
async fn deactivate_user(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(user): At<UserId>,
) -> ApiResult<Json<User>> {
    Ok(Json(User::own(app.engine.deactivate_user(&by.0, &user).await?)))
}

/// Let a user in again
#[utoipa::path(post, path = "/v1/server/users/{user}/reactivate", tag = "server",
    security(("server_key" = [])), params(("user" = String, Path)),
    responses((status = 200, body = User), (status = "default", body = Problem)))]
async fn reactivate_user(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(user): At<UserId>,
) -> ApiResult<Json<User>> {
    Ok(Json(User::own(app.engine.reactivate_user(&by.0, &user).await?)))
}

/// Living sessions of a user
#[utoipa::path(get, path = "/v1/server/users/{user}/sessions", tag = "server",
    security(("server_key" = [])), params(("user" = String, Path)),
    responses((status = 200, body = SessionsAnswer), (status = "default", body = Problem)))]
async fn sessions_of(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(user): At<UserId>,
) -> ApiResult<Json<SessionsAnswer>> {
    let sessions = app.engine.sessions_of(&by.0, &user).await?;
    let item = |session: snug_core::model::Session| {
        let online = app.hub.is_online(&by.0.app.id, &user, &session.id);
        SessionItem::of(session, online)
    };
    Ok(Json(SessionsAnswer { sessions: sessions.into_iter().map(item).collect() }))
}

/// Open a session for a user on a device; replaces the one before
#[utoipa::path(post, path = "/v1/server/sessions", tag = "server",
    security(("server_key" = [])), request_body = OpenSessionBody,
    responses((status = 201, body = TokenAnswer), (status = "default", body = Problem)))]
async fn open_session(
    State(app): State<Arc<App>>,
    by: ByBackend,
    Body(body): Body<OpenSessionBody>,
) -> ApiResult<(StatusCode, Json<TokenAnswer>)> {
    let issued = app.engine.open_session(&by.0, body.into()).await?;
    Ok((StatusCode::CREATED, Json(issued.into())))
}

/// Close a session
#[utoipa::path(delete, path = "/v1/server/sessions/{session}", tag = "server",
    security(("server_key" = [])), params(("session" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
async fn close_session(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(session): At<SessionId>,
) -> ApiResult<StatusCode> {
    app.engine.close_session(&by.0, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revoke by session, by user, or by user and device
#[utoipa::path(post, path = "/v1/server/sessions/revoke", tag = "server",
    security(("server_key" = [])), request_body = RevokeBody,
    responses((status = 200, body = RevokedAnswer), (status = "default", body = Problem)))]
async fn revoke(
    State(app): State<Arc<App>>,
    by: ByBackend,
    Body(body): Body<RevokeBody>,
) -> ApiResult<Json<RevokedAnswer>> {
    let which = RevokeSessions::try_from(body)?;
    Ok(Json(RevokedAnswer { closed: app.engine.revoke_sessions(&by.0, &which).await? }))
}
