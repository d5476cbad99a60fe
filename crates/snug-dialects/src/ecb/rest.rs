//! REST: `POST /ecb/<operation>` with a JSON body. The user token comes as a bearer, or in the
//! body.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::routing::{any, post};
use axum::{Json, Router};
use http::{HeaderMap, header};
use serde_json::{Value, json};
use snug_core::ids::AppId;
use snug_core::limits;

use super::answer::Failure;
use super::door::{Door, bare};
use super::operations::Caller;
use super::wire;
use crate::{Host, Peer, cors};

type Answer = Result<Json<Value>, Failure>;

/// What was asked, and in which app.
struct Asked {
    app: AppId,
    headers: HeaderMap,
    body: Value,
    from: Option<std::net::IpAddr>,
}

impl Asked {
    fn user_token(&self) -> &str {
        let header = self.headers.get(header::AUTHORIZATION);
        let header = header.and_then(|value| value.to_str().ok()).map(bare);
        let header = header.filter(|token| !token.is_empty());
        header.unwrap_or_else(|| self.body["userToken"].as_str().unwrap_or(""))
    }
}

impl FromRequest<Arc<Door>> for Asked {
    type Rejection = Failure;

    async fn from_request(request: Request, door: &Arc<Door>) -> Result<Self, Failure> {
        let headers = request.headers().clone();
        let app = door.app(&headers).await?;
        let from = request.extensions().get::<Peer>().map(|peer| peer.0);
        let bytes = Bytes::from_request(request, door).await;
        let bytes = bytes.map_err(|_| {
            let most = limits::BODY_BYTES_MAX;
            Failure::from(snug_core::error::Error::too_large("body", format!("{most} bytes")))
        })?;
        Ok(Self { app, headers, body: wire::body(&bytes)?, from })
    }
}

async fn user_token(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let access_token = asked.body["accessToken"].as_str().unwrap_or("");
    if access_token.is_empty() {
        return Err(Failure::body("accessToken", "the token that the page was given"));
    }
    let issued = door.user_token(&asked.app, asked.from, access_token).await?;
    Ok(Json(json!({ "userToken": issued.token })))
}

async fn operation(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    asked: Asked,
) -> Answer {
    let client = door.client(&asked.app, asked.user_token()).await?;
    let caller = Caller { engine: door.engine(), client: &client };
    let body = &asked.body;
    let answer = match name.as_str() {
        "getContacts" => caller.contacts(body).await?,
        "getThreads" => caller.threads(body).await?,
        "createThread" => caller.create_thread(body).await?,
        "getThread" => {
            let room = caller.room(body).await?;
            caller.thread(&room).await?
        }
        "sendMessage" => caller.send(body).await?.answer,
        _ => return Err(Failure::no_operation(&name)),
    };
    Ok(Json(answer))
}

async fn not_posted(path: Option<Path<String>>) -> Failure {
    Failure::no_operation(&path.map_or_else(String::new, |Path(name)| name))
}

pub(super) fn routes(host: &Arc<dyn Host>) -> Router {
    let door = Arc::new(Door { host: host.clone() });
    Router::new()
        .route("/ecb/getUserToken", post(user_token).fallback(not_posted))
        .route("/ecb/{operation}", post(operation).fallback(not_posted))
        .route("/ecb", any(not_posted))
        .with_state(door)
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(host.clone(), cors::cors))
}
