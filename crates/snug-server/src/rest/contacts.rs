//! Whom a user may start a conversation with.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use snug_core::error::Error;
use snug_core::ids::UserId;
use snug_proto::Problem;
use snug_proto::contacts::{ContactsAnswer, ContactsBody};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{At, Body, ByBackend, ByClient, Query};
use crate::wiring::App;

pub(super) fn server_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(set_contacts))
}

pub(super) fn client_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(contacts))
}

/// Set a user's contacts; `null` leaves them to the app's contacts URL
#[utoipa::path(put, path = "/v1/server/users/{user}/contacts", tag = "server",
    security(("server_key" = [])), params(("user" = String, Path)), request_body = ContactsBody,
    responses((status = 204), (status = "default", body = Problem)))]
async fn set_contacts(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(user): At<UserId>,
    Body(body): Body<ContactsBody>,
) -> ApiResult<StatusCode> {
    app.engine.set_contacts(&by.0, &user, body.contacts()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, serde::Deserialize, IntoParams)]
struct ContactsParams {
    /// 1 to 500; 100 by default
    limit: Option<usize>,
    /// `next` of the page before
    cursor: Option<String>,
}

/// Whom the caller may start a conversation with
#[utoipa::path(get, path = "/v1/contacts", tag = "client", security(("session_token" = [])),
    params(ContactsParams),
    responses((status = 200, body = ContactsAnswer), (status = "default", body = Problem)))]
async fn contacts(
    State(app): State<Arc<App>>,
    by: ByClient,
    Query(params): Query<ContactsParams>,
) -> ApiResult<Json<ContactsAnswer>> {
    let from = match params.cursor.as_deref() {
        None => 0,
        Some(cursor) => {
            cursor.parse().map_err(|_| Error::invalid("cursor", "`next` of the page before"))?
        }
    };
    Ok(Json(app.engine.contacts(&by.client, from, params.limit).await?.into()))
}
