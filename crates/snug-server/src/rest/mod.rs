//! The REST door: extractors prove the caller, handlers translate, `Problem` says what was wrong.
//! A route and its documentation are registered by one call.

mod before_send;
mod changes;
mod channels;
mod client;
mod client_rooms;
mod contacts;
mod cors;
mod ephemeral;
mod error;
mod extract;
mod guests;
mod marks;
mod opening;
mod origin;
mod peer;
mod presence;
mod receipts;
mod scheduled;
mod server;
mod server_rooms;
mod signed;
mod threads;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use snug_core::error::Error;
use snug_proto::before_send::{BeforeSendCall, BeforeSendVerdict};
use snug_proto::{ErrorCode, Problem};
use utoipa::OpenApi;
use utoipa::openapi::{PathItem, RefOr};
use utoipa_axum::router::OpenApiRouter;

use crate::metrics::Answered;
use crate::realtime;
use crate::wiring::App;

pub use error::ApiError;
use extract::Security;
pub(crate) use extract::{Body, Query};
pub(crate) use guests::GuestGate;
pub(crate) use origin::is_own_page;
pub use peer::Proxies;
pub(crate) use peer::{Peer, PeerAddress};

#[derive(OpenApi)]
#[openapi(
    info(title = "Snug", description = "The native REST API. Server routes take a server key, \
        client routes a session token; errors are problem+json with a stable code."),
    components(schemas(Problem, BeforeSendCall, BeforeSendVerdict)),
    modifiers(&Security),
    tags(
        (name = "server", description = "For the customer's backend, by server key"),
        (name = "client", description = "For pages and apps, by session token"),
    )
)]
struct Document;

fn server_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(server::routes())
        .merge(server_rooms::routes())
        .merge(changes::server_routes())
        .merge(threads::server_routes())
        .merge(ephemeral::server_routes())
        .merge(scheduled::server_routes())
        .merge(presence::server_routes())
        .merge(receipts::server_routes())
        .merge(channels::server_routes())
        .merge(webhooks::routes())
        .merge(before_send::routes())
        .merge(contacts::server_routes())
}

fn client_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(client::routes())
        .merge(client_rooms::routes())
        .merge(opening::routes())
        .merge(changes::client_routes())
        .merge(marks::routes())
        .merge(threads::client_routes())
        .merge(ephemeral::client_routes())
        .merge(scheduled::client_routes())
        .merge(presence::client_routes())
        .merge(receipts::client_routes())
        .merge(channels::client_routes())
        .merge(contacts::client_routes())
}

/// The OpenAPI document of every route.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let all = OpenApiRouter::with_openapi(Document::openapi())
        .merge(server_routes())
        .merge(client_routes());
    let mut document = all.split_for_parts().1;
    document.paths.paths.values_mut().for_each(errors_are_problems);
    document
}

/// What every route answers when it refuses has a type of its own, which is said once and here.
fn errors_are_problems(path: &mut PathItem) {
    let methods = [&mut path.get, &mut path.put, &mut path.post, &mut path.patch, &mut path.delete];
    for operation in methods.into_iter().flatten() {
        if let Some(RefOr::T(refused)) = operation.responses.responses.get_mut("default")
            && let Some(problem) = refused.content.swap_remove("application/json")
        {
            refused.content.insert("application/problem+json".to_owned(), problem);
        }
    }
}

/// The routes.
pub fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let (server, _) = server_routes().split_for_parts();
    let (client, _) = client_routes().split_for_parts();
    let cors = axum::middleware::from_fn_with_state(app.clone(), cors::cors);
    let signed = axum::middleware::from_fn_with_state(app.clone(), signed::signed);
    server.layer(signed).merge(client.layer(cors))
}

/// Around every request: an id in the answer and in the log, no token in either.
pub async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = snug_core::ids::ulid(u64::try_from(app.engine.now().millis()).unwrap_or(0), random());
    let method = request.method().clone();
    let mut answer = if realtime::is_socket(request.uri().path()) {
        // Nothing is changed before there is a socket, and that has a task of its own.
        next.run(request).await
    } else {
        to_the_end(&app, request, next).await
    };
    let status = answer.status().as_u16();
    app.metrics.answers.get_or_create(&Answered { status }).inc();
    if status >= 500 {
        // The path may hold a token (the socket's does); the id finds the caller's own log.
        tracing::error!(request = id, %method, status, "request failed");
    }
    if answer.status() == http::StatusCode::METHOD_NOT_ALLOWED {
        answer = wrong_method(&answer);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert("x-request-id", value);
    }
    let headers = answer.headers_mut();
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    answer
}

/// A change and the news of it belong together (a read may open a JWT's session, too): a client that hangs up in between does not cut
/// them apart. A handler that panics is a 500 and nobody else's trouble.
async fn to_the_end(app: &Arc<App>, request: Request, next: Next) -> Response {
    let (done, answer) = tokio::sync::oneshot::channel();
    app.tasks.spawn(async move {
        // The other end is gone when the client is.
        let _ = done.send(next.run(request).await);
    });
    answer.await.unwrap_or_else(|_| ApiError::from(Error::Internal).into_response())
}

fn random() -> [u8; 10] {
    let mut bytes = [0; 10];
    snug_core::ports::Entropy::fill(&crate::secrets::SystemEntropy, &mut bytes);
    bytes
}

fn wrong_method(answer: &Response) -> Response {
    let mut problem = Problem::new(ErrorCode::UnknownOperation, "not with this method");
    problem.status = 405;
    let mut refused = ApiError::from(problem).into_response();
    if let Some(allowed) = answer.headers().get(http::header::ALLOW) {
        refused.headers_mut().insert(http::header::ALLOW, allowed.clone());
    }
    refused
}

/// Every path that nobody serves.
pub async fn unknown_route(request: Request) -> Response {
    if let Some(answer) = snug_dialects::i2a::astray(&request) {
        return answer;
    }
    let said = "no such path; the routes are listed in /docs";
    ApiError::from(Problem::new(ErrorCode::UnknownOperation, said)).into_response()
}
