//! A page's own ways in, and what an embedded page asks about itself.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::header::ORIGIN;
use http::{HeaderMap, StatusCode};
use snug_core::engine::IssuedToken;
use snug_core::error::Error;
use snug_proto::Problem;
use snug_proto::rest::TokenAnswer;
use snug_proto::verified::{CodeAnswer, EmbeddingAnswer, OpenOwnBody, Opening};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{Body, ByClient, Query};
use super::origin::check_page;
use super::peer::Peer;
use crate::wiring::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(open_own))
        .routes(routes!(make_code))
        .routes(routes!(embedding))
}

/// Open a session with the site's own token, checked at the app's verify URL; or take a code; or
/// come in as a guest, where the app takes guests
#[utoipa::path(post, path = "/v1/sessions", tag = "client", request_body = OpenOwnBody,
    responses((status = 201, body = TokenAnswer), (status = "default", body = Problem)))]
async fn open_own(
    State(app): State<Arc<App>>,
    Peer(address): Peer,
    headers: HeaderMap,
    Body(body): Body<OpenOwnBody>,
) -> ApiResult<(StatusCode, Json<TokenAnswer>)> {
    let issued = open(&app, address, &headers, body.try_into()?).await?;
    Ok((StatusCode::CREATED, Json(issued.into())))
}

async fn open(
    app: &Arc<App>,
    address: Option<IpAddr>,
    headers: &HeaderMap,
    opening: Opening,
) -> Result<IssuedToken, Error> {
    match opening {
        Opening::Code(code) => {
            // Looked at before it is taken, so that a page elsewhere spends nobody's code.
            let id = app.engine.app_of_code(&code).await?.ok_or(Error::TokenInvalid)?;
            check_page(app, &*app.engine.app(&id).await?, headers)?;
            let (client, issued) = app.engine.take_code(&code).await?;
            app.check_rate(client.session_id())?;
            Ok(issued)
        }
        Opening::Verified(id, open) => {
            app.check_verify_rate(&id, address)?;
            check_page(app, &*app.engine.app(&id).await?, headers)?;
            app.engine.open_verified(&id, open).await
        }
        Opening::Guest(id, open) => {
            // For pages of the app's only: whoever sends no origin is no page, and the server's
            // own pages take no guests.
            let origin = headers.get(ORIGIN).ok_or_else(|| Error::missing("Origin"))?;
            app.check_origin(&*app.engine.app(&id).await?, origin.to_str().unwrap_or("?"))?;
            app.engine.takes_guests(&id).await?;
            // Counted last, so that nobody is shut out by those who are refused anyway.
            app.check_guest_rate(&id, address)?;
            app.engine.open_guest(&id, open).await
        }
    }
}

/// A code that stands for the caller's token in an address: taken once, within a minute
#[utoipa::path(post, path = "/v1/session/code", tag = "client", security(("session_token" = [])),
    responses((status = 201, body = CodeAnswer), (status = "default", body = Problem)))]
async fn make_code(
    State(app): State<Arc<App>>,
    by: ByClient,
) -> ApiResult<(StatusCode, Json<CodeAnswer>)> {
    let code = app.engine.make_code(&by.client, &by.token).await?;
    Ok((StatusCode::CREATED, Json(code.into())))
}

#[derive(Debug, serde::Deserialize, IntoParams)]
struct EmbeddingParams {
    /// The origin of the page around the frame
    parent: Option<String>,
}

/// Whose chat the token shows, if a page of this origin may have it in a frame
#[utoipa::path(get, path = "/v1/embedding", tag = "client", security(("session_token" = [])),
    params(EmbeddingParams),
    responses((status = 200, body = EmbeddingAnswer), (status = "default", body = Problem)))]
async fn embedding(
    State(app): State<Arc<App>>,
    by: ByClient,
    Query(params): Query<EmbeddingParams>,
) -> ApiResult<Json<EmbeddingAnswer>> {
    if let Some(parent) = &params.parent {
        app.check_origin(&by.client.app, parent)?;
    }
    let (app, user) = (by.client.app.id.to_string(), by.client.user().to_string());
    Ok(Json(EmbeddingAnswer { app, user }))
}
