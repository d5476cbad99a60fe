//! Server-to-server REST. The secret names the app; a page never has it.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use axum::{Json, Router};
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};
use snug_core::engine::{
    Actor, Backend, ChangeMembersRequest, CreateRoom, CreateRoomKind, HistoryRequest, KeepRecord,
    OpenSession, SendMessage,
};
use snug_core::error::Error;
use snug_core::ids::{DeviceId, RoomId, UserId};
use snug_core::model::{CustomJson, MessageKind, RoomPolicy, Time, UserPatch};
use snug_core::ports::RecordPlace;

use super::body::{Fields, Refused};
use super::{DIALECT, Door, frame, names, setup};
use crate::entry;

type Answer = Result<Response, Refused>;

/// How long a token lives; the vendor names no time.
const SESSION_SECONDS: u64 = 90 * 24 * 3_600;

pub(super) fn routes() -> Router<Arc<Door>> {
    let room = "/server-to-server/v1/chat-room/{id}";
    Router::new()
        .merge(both("/server-to-server/v1/ping", || get(ping)))
        .merge(both("/server-to-server/v1/session/open-session", || post(open_session)))
        .merge(both("/server-to-server/v1/session/close-session", || post(close_session)))
        .merge(both("/server-to-server/v1/chat-room", || post(create_room)))
        .merge(both(room, || delete(delete_room)))
        .merge(both(&format!("{room}/add-users"), || post(add_users)))
        .merge(both(&format!("{room}/remove-users"), || post(remove_users)))
        .merge(both(&format!("{room}/messages"), || get(messages)))
        .merge(both("/server-to-server/v1/system-message/send-system-message", || {
            post(system_message)
        }))
        .merge(both("/server-to-server/v1/reported-chat-message", || post(report)))
        .merge(both("/server-to-server/v1/chat-message/{id}/set-active", || post(set_active)))
}

/// With and without the slash at the end; any other method is 405 in the vendor's form.
fn both(path: &str, methods: impl Fn() -> MethodRouter<Arc<Door>>) -> Router<Arc<Door>> {
    let refuse = |method: Method| async move {
        Refused::detail(
            StatusCode::METHOD_NOT_ALLOWED,
            &format!("Method \"{method}\" not allowed."),
        )
    };
    Router::new()
        .route(path, methods().fallback(refuse))
        .route(&format!("{path}/"), methods().fallback(refuse))
}

/// Proves the backend by its secret.
async fn backend(door: &Door, headers: &HeaderMap) -> Result<Backend, Refused> {
    if headers.contains_key(header::ORIGIN) {
        let said = "The application secret belongs to a server, never to a page.";
        return Err(Refused::detail(StatusCode::FORBIDDEN, said));
    }
    let secret = headers.get("X-Application-Secret").and_then(|value| value.to_str().ok());
    let Some(secret) = secret.filter(|secret| !secret.is_empty()) else {
        let said = "Authentication credentials were not provided.";
        return Err(Refused::detail(StatusCode::UNAUTHORIZED, said));
    };
    setup::backend(door.host.engine(), secret).await.map_err(Refused::from)
}

/// The backend and the body's fields.
async fn asked(door: &Door, request: Request) -> Result<(Backend, Fields), Refused> {
    let backend = backend(door, request.headers()).await?;
    Ok((backend, Fields::read(request).await?))
}

fn room_of(text: &str, backend: &Backend) -> Result<RoomId, Refused> {
    names::room_in(text, &backend.app.id).ok_or_else(Refused::not_found)
}

fn users_of(fields: &Fields, backend: &Backend) -> Result<Vec<UserId>, Refused> {
    const NAME: &str = "application_users_identifiers";
    let listed = fields.list(NAME)?;
    if listed.is_empty() {
        return Err(Refused::field(NAME, "This field is required."));
    }
    let wrong = || Refused::field(NAME, "Identifiers have 1 to 128 bytes.");
    listed.iter().map(|text| names::user_in(text, &backend.app.id).ok_or_else(wrong)).collect()
}

async fn ping(State(door): State<Arc<Door>>, headers: HeaderMap) -> Answer {
    backend(&door, &headers).await?;
    Ok(Json(json!({})).into_response())
}

async fn open_session(State(door): State<Arc<Door>>, request: Request) -> Answer {
    let (backend, fields) = asked(&door, request).await?;
    let device = fields.required("device_identifier")?;
    let user = fields.required("application_user_identifier")?;
    let custom = fields.text("custom_data")?;
    let wrong = |name| move || Refused::field(name, "Identifiers have 1 to 128 bytes.");
    let open = OpenSession {
        user: names::user_in(&user, &backend.app.id)
            .ok_or_else(wrong("application_user_identifier"))?,
        device: DeviceId::new(&device).map_err(|_| wrong("device_identifier")())?,
        profile: UserPatch::default(),
        custom: custom.as_deref().map(names::custom_in).transpose()?,
        push_token: fields.text("fcm_token")?,
        ttl_seconds: Some(SESSION_SECONDS),
        token: None,
    };
    let issued = door.host.engine().open_session(&backend, open).await?;
    let token = names::token_out(&issued.token, &backend.app.id);
    Ok((StatusCode::CREATED, Json(json!({ "token": token }))).into_response())
}

async fn close_session(State(door): State<Arc<Door>>, request: Request) -> Answer {
    let (backend, fields) = asked(&door, request).await?;
    let token = fields.required("token")?;
    let (app, native) = names::token_in(&token).ok_or_else(Refused::not_found)?;
    if app != backend.app.id {
        return Err(Refused::not_found());
    }
    let engine = door.host.engine();
    let client = entry::authenticate(engine, Some(&app), &native).await?;
    engine.close_session(&backend, client.session_id()).await?;
    Ok(Json(json!({})).into_response())
}

async fn create_room(State(door): State<Arc<Door>>, request: Request) -> Answer {
    let (backend, fields) = asked(&door, request).await?;
    let members = users_of(&fields, &backend)?;
    let kind = fields.text("type")?.unwrap_or_else(|| "1".to_owned());
    let custom = match kind.as_str() {
        "1" => None,
        "2" | "3" => {
            let marked = json!({ DIALECT: { "type": if kind == "2" { 2 } else { 3 } } });
            Some(CustomJson::from_stored(marked.to_string()).map_err(|_| Error::Internal)?)
        }
        other => {
            return Err(Refused::field("type", &format!("\"{other}\" is not a valid choice.")));
        }
    };
    // The oldest client names its rooms itself.
    let id = match fields.text("chat_room_identifier")? {
        Some(text) => Some(names::room_in(&text, &backend.app.id).ok_or_else(|| {
            Refused::field("chat_room_identifier", "Identifiers have 1 to 128 bytes.")
        })?),
        None => None,
    };
    let create = CreateRoom {
        kind: if kind == "2" {
            CreateRoomKind::Channel { id, members }
        } else {
            CreateRoomKind::Group { id, members }
        },
        name: None,
        avatar: None,
        description: None,
        custom,
        tags: Vec::new(),
        policy: RoomPolicy::default(),
        invite: false,
        creator: None,
        message: None,
        return_existing: false,
    };
    let made = door.host.engine().create_room(&Actor::Backend(backend.clone()), create).await?;
    Ok((StatusCode::CREATED, identifier(&made.view.room.id, &backend)).into_response())
}

fn identifier(room: &RoomId, backend: &Backend) -> Json<Value> {
    Json(json!({ "identifier": names::room_out(room, &backend.app.id) }))
}

async fn add_users(
    State(door): State<Arc<Door>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (backend, fields) = asked(&door, request).await?;
    let room = room_of(&id, &backend)?;
    let users = users_of(&fields, &backend)?;
    let change = ChangeMembersRequest::of(users, false);
    let actor = Actor::Backend(backend.clone());
    door.host.engine().add_members(&actor, &room, change).await?;
    Ok(identifier(&room, &backend).into_response())
}

async fn remove_users(
    State(door): State<Arc<Door>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (backend, fields) = asked(&door, request).await?;
    let room = room_of(&id, &backend)?;
    let users = users_of(&fields, &backend)?;
    let change = ChangeMembersRequest::of(users, false);
    let actor = Actor::Backend(backend.clone());
    door.host.engine().remove_members(&actor, &room, change).await?;
    Ok(identifier(&room, &backend).into_response())
}

async fn delete_room(
    State(door): State<Arc<Door>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let backend = backend(&door, &headers).await?;
    let room = room_of(&id, &backend)?;
    door.host.engine().delete_room(&backend, &room).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn system_message(State(door): State<Arc<Door>>, request: Request) -> Answer {
    let (backend, fields) = asked(&door, request).await?;
    let room = room_of(&fields.required("chat_room_identifier")?, &backend)?;
    let text = fields.required("message")?;
    let kind = Some(MessageKind::System);
    let send = SendMessage { kind, text: Some(text), ..SendMessage::default() };
    door.host.engine().send_message(&Actor::Backend(backend), &room, send).await?;
    Ok(Json(json!({})).into_response())
}

async fn report(State(door): State<Arc<Door>>, request: Request) -> Answer {
    let (backend, fields) = asked(&door, request).await?;
    let user = fields.required("application_user_identifier")?;
    let room = room_of(&fields.required("chat_room_identifier")?, &backend)?;
    let at = timestamp(&fields.required("message_timestamp_identifier")?)?;
    // The vendor's client may leave it out: then it is "other".
    let why = fields.text("report_type")?.unwrap_or_else(|| "3".to_owned());
    if !matches!(why.as_str(), "1" | "2" | "3") {
        return Err(Refused::field("report_type", &format!("\"{why}\" is not a valid choice.")));
    }
    let user = names::user_in(&user, &backend.app.id).ok_or_else(|| {
        Refused::field("application_user_identifier", "Identifiers have 1 to 128 bytes.")
    })?;
    let engine = door.host.engine();
    let message = engine.message_at(&Actor::Backend(backend.clone()), at).await?;
    let message = message.filter(|message| message.room == room).ok_or_else(Refused::not_found)?;
    let value = json!({
        "user": user, "room": room, "message": message.id, "type": why,
        "said": fields.text("message")?, "at": engine.now().0,
    });
    let place = RecordPlace { app: backend.app.id.clone(), dialect: DIALECT, kind: "report" };
    let keep = KeepRecord {
        // One report of one user on one message: said again it is the newer one.
        key: format!("{}/{user}", at.0),
        value: value.to_string(),
        expected: None,
        secret: None,
        ttl_seconds: None,
    };
    engine.keep_record(&place, keep).await?;
    Ok(Json(json!({})).into_response())
}

async fn messages(
    State(door): State<Arc<Door>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let backend = backend(&door, &headers).await?;
    let room = room_of(&id, &backend)?;
    let query = query.unwrap_or_default();
    let pair = |name: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let limit = match pair("limit") {
        None => 20,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=100).contains(limit))
            .ok_or_else(|| Refused::field("limit", "A whole number from 1 to 100."))?,
    };
    let from = pair("timestamp_from").map(|text| timestamp(&text)).transpose()?;
    let (engine, actor) = (door.host.engine(), Actor::Backend(backend.clone()));
    // From that moment on, oldest first; without one, the newest page.
    let after = match from {
        Some(from) => Some(engine.seq_at(&actor, &room, Time(from.0 - 1)).await?),
        None => None,
    };
    let request = HistoryRequest { before: None, after, limit: Some(limit) };
    let page = engine.history(&actor, &room, &request).await?;
    let mut listed = Vec::with_capacity(page.messages.len());
    for message in page.messages.iter().filter(|message| !message.is_gone()) {
        listed.push(frame::listed(&door, &backend.app.id, message).await?);
    }
    Ok(Json(listed).into_response())
}

async fn set_active(
    State(door): State<Arc<Door>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (backend, fields) = asked(&door, request).await?;
    let at = timestamp(&id).map_err(|_| Refused::not_found())?;
    let active = match fields.required("is_active")?.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" | "yes" | "on" => true,
        "false" | "0" | "f" | "no" | "off" => false,
        _ => return Err(Refused::field("is_active", "Must be a valid boolean.")),
    };
    let engine = door.host.engine();
    let found = engine.message_at(&Actor::Backend(backend.clone()), at).await?;
    let message = found.ok_or_else(Refused::not_found)?;
    engine.hide_message(&backend, &message.room, &message.id, !active).await?;
    Ok(Json(json!({})).into_response())
}

fn timestamp(text: &str) -> Result<Time, Refused> {
    let wrong = || Refused::field("message_timestamp_identifier", "A valid integer is required.");
    // Beyond its app's suffix, if it has one.
    let digits = text.split(':').next().unwrap_or(text);
    names::time_in(&Value::String(digits.to_owned())).ok_or_else(wrong)
}
