//! Who is online at this moment. Who wants to go on hearing of it watches on the socket.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::Uri;
use snug_core::error::Error;
use snug_core::ids::{RoomId, UserId};
use snug_proto::Problem;
use snug_proto::presence::{Presence, PresenceAnswer};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::extract::{At, ByBackend, ByClient};
use crate::realtime::presences;
use crate::wiring::App;

pub(super) fn server_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(presence_of_user))
}

pub(super) fn client_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(presence))
}

/// Who of a room is online, and when the others were last; in a room of more than 200 members `users` names whom it is about
#[utoipa::path(get, path = "/v1/rooms/{room}/presence", tag = "client",
    security(("session_token" = [])),
    params(("room" = String, Path),
        ("users" = Option<Vec<String>>, Query, description = "Repeated: users=a&users=b")),
    responses((status = 200, body = PresenceAnswer), (status = "default", body = Problem)))]
async fn presence(
    State(app): State<Arc<App>>,
    by: ByClient,
    At(room): At<RoomId>,
    uri: Uri,
) -> ApiResult<Json<PresenceAnswer>> {
    let named = named(&uri)?;
    let users = app.engine.may_watch(&by.client, &room, named).await?;
    let of = &by.client.app.id;
    let online = app.hub.look(of, &users).await;
    Ok(Json(presences(&app, of, users.into_iter().zip(online).collect()).await?))
}

fn named(uri: &Uri) -> Result<Option<Vec<UserId>>, Error> {
    let mut users: Option<Vec<UserId>> = None;
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()) {
        if name == "users" || name == "users[]" {
            let users = users.get_or_insert_default();
            let field = format!("users[{}]", users.len());
            let id = UserId::new(&value).map_err(|error| Error::invalid(&field, error.expected))?;
            users.push(id);
        }
    }
    Ok(users)
}

/// Whether a user is online as others see it, and when last
#[utoipa::path(get, path = "/v1/server/users/{user}/presence", tag = "server",
    security(("server_key" = [])), params(("user" = String, Path)),
    responses((status = 200, body = Presence), (status = "default", body = Problem)))]
async fn presence_of_user(
    State(app): State<Arc<App>>,
    by: ByBackend,
    At(user): At<UserId>,
) -> ApiResult<Json<Presence>> {
    app.engine.user(&by.0, &user).await?;
    let of = &by.0.app.id;
    let users = [user.clone()];
    let online = app.hub.look(of, &users).await.contains(&true);
    let seen = app.engine.last_seen(of, &users).await?;
    Ok(Json(Presence::of(&user, online, seen.first().map(|(_, at)| *at))))
}
