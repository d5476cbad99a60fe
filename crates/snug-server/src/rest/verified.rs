//! The page's way in with the site's own token.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::header::ORIGIN;
use http::{HeaderMap, StatusCode};
use snug_core::error::Error;
use snug_proto::Problem;
use snug_proto::rest::TokenAnswer;
use snug_proto::verified::OpenVerifiedBody;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::Body;
use super::peer::Peer;
use crate::wiring::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(open_verified))
}

/// Open a session with the site's own token, checked at the app's verify URL
#[utoipa::path(post, path = "/v1/sessions", tag = "client", request_body = OpenVerifiedBody,
    responses((status = 201, body = TokenAnswer), (status = "default", body = Problem)))]
async fn open_verified(
    State(app): State<Arc<App>>,
    Peer(address): Peer,
    headers: HeaderMap,
    Body(body): Body<OpenVerifiedBody>,
) -> ApiResult<(StatusCode, Json<TokenAnswer>)> {
    let (id, open) = body.parts();
    app.check_verify_rate(&id, address)?;
    let known = app.engine.app(&id).await?;
    if let Some(origin) = headers.get(ORIGIN) {
        let origin =
            origin.to_str().map_err(|_| Error::OriginRefused { origin: "?".to_owned() })?;
        app.check_origin(&known, origin)?;
    }
    let issued = app.engine.open_verified(&id, open).await?;
    Ok((StatusCode::CREATED, Json(issued.into())))
}
