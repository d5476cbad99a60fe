//! The socket: six requests, and what happens in the user's rooms.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use snug_core::engine::{
    Actor, ChangeMembersRequest, Client, HistoryRequest, RoomView, SendMessage,
};
use snug_core::error::Error;
use snug_core::event::{RoomEvent, RoomEventBody};
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::{Message, RoomKind, Time};
use tokio::sync::Notify;

use super::frame::{self, Refusal};
use super::{DIALECT, Door, names};
use crate::entry;
use crate::{Heard, Listening, Socket};

/// Frames of one socket in a minute; one more ends it.
const FRAMES_PER_MINUTE: u32 = 300;
/// Rooms that one request may name, where the vendor's documentation gives a number.
const ROOMS_COUNTED_MAX: usize = 10;
/// The same where it gives none.
const ROOMS_LISTED_MAX: usize = 100;
/// Unread messages are counted so far ("99+").
const UNREAD_MAX: u64 = 100;
/// A page of history when none is named, and the largest.
const HISTORY: (u64, u64) = (20, 100);

type Asked<T> = Result<T, Refusal>;

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/socket", get(open))
        .route("/socket/", get(open))
        .route("/socket/{*token}", get(open))
}

async fn open(State(door): State<Arc<Door>>, request: Request) -> Response {
    if request.headers().contains_key("X-MANAGER-SECRET") {
        let said = "The manager's socket is not carried yet; see the compatibility table.";
        return (StatusCode::NOT_IMPLEMENTED, said).into_response();
    }
    let Some(token) = token(&request) else {
        let said = "X-TOKEN header or parameter: token is not present.";
        return (StatusCode::NOT_FOUND, said).into_response();
    };
    let origin = request.headers().get(header::ORIGIN).and_then(|value| value.to_str().ok());
    let origin = origin.map(str::to_owned);
    let client = match authenticate(&door, &token, origin.as_deref()).await {
        Ok(client) => client,
        Err(refused) => return refused,
    };
    let host = door.host.clone();
    let run = Box::new(move |socket: Box<dyn Socket>| -> crate::Work {
        Box::pin(async move { Life::run(door, client, socket).await })
    });
    host.upgrade(request, limits::FRAME_BYTES_MAX, run)
}

/// A socket's client that asked where no socket is: the vendor's word on where it listens.
/// `None` for anybody else's request.
#[must_use]
pub fn astray(request: &Request) -> Option<Response> {
    let upgrade = request.headers().get(header::UPGRADE);
    let upgrades = upgrade.is_some_and(|what| what.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let native = request.uri().path().starts_with("/v1/");
    if !upgrades || native || token(request).is_none() {
        return None;
    }
    let said = "Socket server is listening under /socket path.";
    Some((StatusCode::NOT_FOUND, said).into_response())
}

async fn authenticate(door: &Door, token: &str, origin: Option<&str>) -> Result<Client, Response> {
    let engine = door.host.engine();
    let client = match names::token_in(token) {
        Some((app, native)) => entry::authenticate(engine, Some(&app), &native).await,
        None => Err(Error::TokenInvalid),
    };
    let client = client.map_err(|error| match error {
        Error::StoreUnavailable { .. }
        | Error::StoreBroken { .. }
        | Error::Overloaded { .. }
        | Error::Internal => (StatusCode::SERVICE_UNAVAILABLE, "Try again later.").into_response(),
        _ => {
            let said = "X-TOKEN is invalid or expired. Get a new token.";
            (StatusCode::FORBIDDEN, said).into_response()
        }
    })?;
    if let Some(origin) = origin
        && let Err(error) = door.host.check_origin(&client.app, origin)
    {
        return Err((StatusCode::FORBIDDEN, error.to_string()).into_response());
    }
    Ok(client)
}

/// Header, query, path: the first that is there.
fn token(request: &Request) -> Option<String> {
    let header = request.headers().get("X-TOKEN").and_then(|value| value.to_str().ok());
    if let Some(token) = header.filter(|token| !token.is_empty()) {
        return Some(token.trim().to_owned());
    }
    let query = request.uri().query().unwrap_or("");
    let in_query = query.split('&').find_map(|pair| pair.strip_prefix("token="));
    let in_path = request.uri().path().strip_prefix("/socket/").map(|rest| rest.trim_matches('/'));
    let coded = in_query.or(in_path).filter(|token| !token.is_empty())?;
    percent_decode_str(coded).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Who asks. Apart from the socket, which only one may hold at a time.
struct Asking {
    door: Arc<Door>,
    actor: Actor,
    client: Client,
}

struct Life {
    asking: Asking,
    socket: Box<dyn Socket>,
    /// Frames in the minute that began then.
    minute: (i64, u32),
    /// Whose own message was told as read last: its cursor's event says nothing new.
    said: HashMap<RoomId, (UserId, u64)>,
}

/// The socket goes on, or ends.
type Step = Result<(), ()>;

impl Life {
    async fn run(door: Arc<Door>, client: Client, mut socket: Box<dyn Socket>) {
        let ear = match door.host.listen(&client).await {
            Ok(ear) => ear,
            Err(error) => {
                let refusal = Refusal::server("SessionError", &error.to_string());
                socket.send(bytes(&refusal.frame())).await;
                socket.close(1_011, "session").await;
                return;
            }
        };
        let replaced = Arc::new(Notify::new());
        let session = client.session_id().clone();
        let before = door.sockets.lock().insert(session.clone(), replaced.clone());
        if let Some(before) = before {
            before.notify_one();
        }
        let actor = Actor::Client(client.clone());
        let sockets = door.clone();
        let asking = Asking { door, actor, client };
        let mut life = Self { asking, socket, minute: (0, 0), said: HashMap::new() };
        life.serve(ear.as_ref(), &replaced).await;
        let mut sockets = sockets.sockets.lock();
        if sockets.get(&session).is_some_and(|own| Arc::ptr_eq(own, &replaced)) {
            sockets.remove(&session);
        }
    }

    async fn serve(&mut self, ear: &dyn Listening, replaced: &Notify) {
        loop {
            let step = tokio::select! {
                biased;
                () = replaced.notified() => {
                    self.socket.close(1_000, "replaced by a newer socket").await;
                    return;
                }
                heard = ear.next() => match heard {
                    Ok(heard) => self.tell(&heard).await,
                    Err(ended) => {
                        self.socket.close(1_001, &format!("{ended:?}")).await;
                        return;
                    }
                },
                frame = self.socket.next() => match frame {
                    Some(frame) => self.hear(&frame).await,
                    None => Err(()),
                },
            };
            if step.is_err() {
                return;
            }
        }
    }

    async fn say(&mut self, frame: &Value) -> Step {
        if self.socket.send(bytes(frame)).await { Ok(()) } else { Err(()) }
    }

    /// A request; a refusal is told, and some end the socket.
    async fn hear(&mut self, frame: &[u8]) -> Step {
        let answered = match self.count() {
            Ok(()) => self.asking.answer(frame).await,
            Err(refusal) => Err(refusal),
        };
        match answered {
            Ok(Some(answer)) => self.say(&answer).await,
            Ok(None) => Ok(()),
            Err(refusal) => {
                self.say(&refusal.frame()).await?;
                if refusal.closes {
                    self.socket.close(1_008, refusal.message).await;
                    return Err(());
                }
                Ok(())
            }
        }
    }

    fn count(&mut self) -> Asked<()> {
        let now = self.asking.door.host.engine().now().millis();
        if now - self.minute.0 >= 60_000 || now < self.minute.0 {
            self.minute = (now, 0);
        }
        self.minute.1 += 1;
        if self.minute.1 > FRAMES_PER_MINUTE { Err(Refusal::spam()) } else { Ok(()) }
    }
}

impl Asking {
    async fn answer(&self, frame: &[u8]) -> Asked<Option<Value>> {
        if snug_core::model::json_depth(frame) > limits::JSON_DEPTH_MAX {
            return Err(Refusal::malformed());
        }
        let Ok(Value::Object(asked)) = serde_json::from_slice(frame) else {
            return Err(Refusal::malformed());
        };
        let kind = match asked.get("type") {
            Some(Value::String(kind)) if !kind.is_empty() => kind.clone(),
            Some(Value::Null) | None => return Err(Refusal::missing("type")),
            Some(_) => return Err(Refusal::malformed()),
        };
        match kind.as_str() {
            "ROUTABLE" => self.send(&asked).await,
            "GET_HISTORY" => self.history(&asked).await.map(Some),
            "SET_LAST_MESSAGE_READ" => self.mark_read(&asked).await,
            "GET_LAST_MESSAGES_READ" => self.all_read(&asked).await.map(Some),
            "GET_LAST_CHAT_ROOM_MESSAGE" => self.last_messages(&asked).await.map(Some),
            "GET_UNREAD_MESSAGES_COUNT" => self.unread(&asked).await.map(Some),
            other => {
                let what = format!("unknown message type {other:?}");
                Err(Refusal::server("UnknownMessageType", &what))
            }
        }
    }

    fn app(&self) -> AppId {
        self.client.app.id.clone()
    }

    /// The engine's refusal in the vendor's words.
    fn refused(&self, error: &Error, room: &str) -> Refusal {
        match error {
            Error::NotAMember => Refusal::not_a_member(room, self.client.user()),
            Error::RoomNotFound(_) => Refusal::no_such_room(),
            Error::RoomFrozen
            | Error::RoomArchived
            | Error::BackendOnly
            | Error::BridgeRefused { .. }
            | Error::BridgeUnsupported { .. }
            | Error::MessageRefused { .. }
            | Error::RoleTooLow => Refusal::wrong_type("FROZEN", &error.to_string()),
            Error::InvalidField { .. } | Error::TooLarge { .. } => Refusal::malformed(),
            Error::MissingField { field } => Refusal::missing(field),
            Error::StoreUnavailable { .. }
            | Error::Overloaded { .. }
            | Error::HookFailed
            | Error::BridgeUnreachable { .. }
            | Error::BridgeBroken { .. }
            | Error::RateLimited { .. } => Refusal::not_connected(),
            other => {
                tracing::error!(cause = other.cause(), "an I2A socket request failed");
                Refusal::server("Error", &other.to_string())
            }
        }
    }

    fn room_id(&self, text: &str) -> Asked<RoomId> {
        names::room_in(text, &self.client.app.id).ok_or_else(Refusal::no_such_room)
    }

    async fn room(&self, asked: &Map<String, Value>) -> Asked<(String, RoomView)> {
        let text = text(asked, "chat_room_identifier")?;
        let room = self.room_id(&text)?;
        let engine = self.door.host.engine();
        let view = engine.room(&self.actor, &room).await.map_err(|e| self.refused(&e, &text))?;
        Ok((text, view))
    }

    /// A room of the kind that takes all requests.
    async fn regular(&self, asked: &Map<String, Value>, method: &str) -> Asked<(String, RoomView)> {
        let (text, view) = self.room(asked).await?;
        match room_type(&view) {
            "REGULAR" => Ok((text, view)),
            mass => Err(Refusal::wrong_type(mass, method)),
        }
    }

    async fn send(&self, asked: &Map<String, Value>) -> Asked<Option<Value>> {
        let (name, view) = self.room(asked).await?;
        let said = match asked.get("message") {
            None | Some(Value::Null) => return Err(Refusal::missing("message")),
            Some(Value::String(said)) if said.is_empty() => {
                return Err(Refusal::missing("message"));
            }
            Some(Value::String(said)) => said.clone(),
            Some(_) => return Err(Refusal::not_a_string()),
        };
        let engine = self.door.host.engine().clone();
        let room = &view.room.id;
        let outside = view.mine.as_ref().is_none_or(|mine| !mine.is_active());
        if outside && room_type(&view) == "MASS_PUBLIC" {
            self.enter(room).await.map_err(|error| self.refused(&error, &name))?;
        }
        let send = SendMessage { text: Some(said), ..SendMessage::default() };
        let sent = engine.send_message(&self.actor, room, send).await;
        let sent = sent.map_err(|error| self.refused(&error, &name))?;
        // What one says oneself is read. Everybody was told so with the message.
        let read = engine.mark_read(&self.client, room, sent.message.seq).await;
        read.map_err(|error| self.refused(&error, &name))?;
        // The echo comes with the event, in the room's order.
        Ok(None)
    }

    /// Whoever writes in a public mass room belongs to it.
    async fn enter(&self, room: &RoomId) -> snug_core::error::Result<()> {
        let engine = self.door.host.engine();
        let backend = engine.backend_by_dialect(&self.client.app.id, DIALECT).await?;
        let users = vec![self.client.user().clone()];
        let change = ChangeMembersRequest::of(users, false);
        engine.add_members(&Actor::Backend(backend), room, change).await.map(drop)
    }

    async fn history(&self, asked: &Map<String, Value>) -> Asked<Value> {
        let (name, view) = self.room(asked).await?;
        let from = time(asked, "from_message_timestamp_identifier")?;
        let limit = match asked.get("limit") {
            None | Some(Value::Null) => HISTORY.0,
            Some(limit) => limit.as_u64().ok_or_else(Refusal::malformed)?,
        };
        let limit = usize::try_from(limit.clamp(1, HISTORY.1)).unwrap_or(20);
        let (engine, room) = (self.door.host.engine(), &view.room.id);
        let refused = |error: Error| self.refused(&error, &name);
        // Strictly older than the moment, newest first.
        let last = engine.seq_at(&self.actor, room, Time(from.0 - 1)).await.map_err(refused)?;
        let mut payload = Vec::with_capacity(limit);
        let mut before = last + 1;
        while payload.len() < limit && before > 1 {
            let request = HistoryRequest { before: Some(before), after: None, limit: Some(limit) };
            let page = engine.history(&self.actor, room, &request).await.map_err(refused)?;
            let Some(first) = page.messages.first() else { break };
            before = first.seq;
            for message in page.messages.iter().rev().filter(|message| !message.is_gone()) {
                if payload.len() < limit {
                    let item = frame::listed(&self.door, &self.app(), message).await;
                    payload.push(item.map_err(refused)?);
                }
            }
            if !page.has_before {
                break;
            }
        }
        Ok(json!({
            "type": "GET_HISTORY", "chat_room_identifier": self.shown(room), "payload": payload,
        }))
    }

    fn shown(&self, room: &RoomId) -> String {
        names::room_out(room, &self.client.app.id)
    }

    async fn mark_read(&self, asked: &Map<String, Value>) -> Asked<Option<Value>> {
        let (name, view) = self.regular(asked, "SET_LAST_MESSAGE_READ").await?;
        let at = time(asked, "message_timestamp_identifier")?;
        let (engine, room) = (self.door.host.engine(), &view.room.id);
        let refused = |error: Error| self.refused(&error, &name);
        let seq = engine.seq_at(&self.actor, room, at).await.map_err(refused)?;
        let before = view.mine.as_ref().map_or(0, |mine| mine.read_seq);
        engine.mark_read(&self.client, room, seq).await.map_err(refused)?;
        if seq > before {
            // Told to everybody, this socket too, by the event.
            return Ok(None);
        }
        let known = &self.door.known;
        let stands = known.time_of(engine, &self.actor, room, before).await.map_err(refused)?;
        let stands = stands.unwrap_or(at);
        let user = self.client.user();
        let told = frame::read(&self.door, &self.app(), room, user, stands).await;
        told.map(Some).map_err(refused)
    }

    async fn all_read(&self, asked: &Map<String, Value>) -> Asked<Value> {
        let (name, view) = self.regular(asked, "GET_LAST_MESSAGES_READ").await?;
        let (engine, room) = (self.door.host.engine(), &view.room.id);
        let refused = |error: Error| self.refused(&error, &name);
        let most = Some(limits::MEMBERS_PAGE_MAX);
        let page = engine.members(&self.actor, room, None, most).await.map_err(refused)?;
        let mut payload = Vec::new();
        for member in &page.members {
            let known = &self.door.known;
            let at = known.time_of(engine, &self.actor, room, member.read_seq).await;
            let Some(at) = at.map_err(refused)? else { continue };
            payload.push(json!({
                "chat_room_identifier": self.shown(room),
                "app_user_identifier": member.user.id,
                "message_timestamp_identifier": at.0.to_string(),
                "custom_data": names::custom_out(member.user.session_custom.as_ref()),
            }));
        }
        Ok(json!({ "type": "GET_LAST_MESSAGES_READ", "payload": payload }))
    }

    /// The named rooms, each with its view.
    async fn rooms(&self, asked: &Map<String, Value>, method: &str) -> Asked<Vec<RoomView>> {
        const FIELD: &str = "chat_room_identifiers";
        let named = match asked.get(FIELD) {
            None | Some(Value::Null) => return Err(Refusal::missing(FIELD)),
            Some(Value::Array(named)) if named.is_empty() => return Err(Refusal::missing(FIELD)),
            Some(Value::Array(named)) => named,
            Some(_) => return Err(Refusal::malformed()),
        };
        let counted = method == "GET_UNREAD_MESSAGES_COUNT";
        let most = if counted { ROOMS_COUNTED_MAX } else { ROOMS_LISTED_MAX };
        if named.len() > most {
            return Err(Refusal::too_many_rooms());
        }
        let mut rooms = Vec::with_capacity(named.len());
        for one in named {
            let mut single = Map::new();
            single.insert("chat_room_identifier".to_owned(), one.clone());
            rooms.push(self.regular(&single, method).await?.1);
        }
        Ok(rooms)
    }

    async fn last_messages(&self, asked: &Map<String, Value>) -> Asked<Value> {
        let mut payload = Vec::new();
        for view in self.rooms(asked, "GET_LAST_CHAT_ROOM_MESSAGE").await? {
            let name = self.shown(&view.room.id);
            let last = self.last_seen(&view.room.id).await;
            let last = last.map_err(|error| self.refused(&error, &name))?;
            let read = view.mine.as_ref().map_or(0, |mine| mine.read_seq);
            let listed = match &last {
                Some(message) => {
                    let item = frame::listed(&self.door, &self.app(), message).await;
                    item.map_err(|error| self.refused(&error, &name))?["message"].clone()
                }
                None => Value::Null,
            };
            payload.push(json!({
                "chat_room_identifier": name,
                "has_unread_messages": last.as_ref().is_some_and(|last| last.seq > read),
                "last_message_text": listed,
                "message_timestamp_identifier": last.map(|last| last.created_at.0),
            }));
        }
        Ok(json!({ "type": "GET_LAST_CHAT_ROOM_MESSAGE", "payload": payload }))
    }

    /// The newest message that is not hidden or deleted, of the newest page.
    async fn last_seen(&self, room: &RoomId) -> snug_core::error::Result<Option<Message>> {
        let request = HistoryRequest { before: None, after: None, limit: Some(20) };
        let page = self.door.host.engine().history(&self.actor, room, &request).await?;
        Ok(page.messages.into_iter().rev().find(|message| !message.is_gone()))
    }

    async fn unread(&self, asked: &Map<String, Value>) -> Asked<Value> {
        let rooms = self.rooms(asked, "GET_UNREAD_MESSAGES_COUNT").await?;
        let payload: Vec<Value> = rooms
            .iter()
            .map(|view| {
                let count = view.room.head.count;
                let unread = view.mine.as_ref().map_or(0, |mine| mine.unread(count));
                json!({
                    "chat_room_identifier": self.shown(&view.room.id),
                    "unread_messages_count": unread.min(UNREAD_MAX),
                })
            })
            .collect();
        Ok(json!({ "type": "GET_UNREAD_MESSAGES_COUNT", "payload": payload }))
    }
}

impl Life {
    /// Something that happened in a room or to the user.
    async fn tell(&mut self, heard: &Heard) -> Step {
        let told = match heard {
            Heard::Room(event) => self.tell_room(event).await,
            // What concerns a session ends the ear; new rooms are heard without a frame.
            Heard::User(_) | Heard::Left(_) => Ok(Vec::new()),
        };
        match told {
            Ok(frames) => {
                for frame in frames {
                    self.say(&frame).await?;
                }
                Ok(())
            }
            Err(error) => {
                // The message is stored: the client finds it in the history.
                tracing::warn!(%error, "an event could not be told to an I2A socket");
                self.socket.close(1_013, "try again later").await;
                Err(())
            }
        }
    }

    async fn tell_room(&mut self, event: &RoomEvent) -> snug_core::error::Result<Vec<Value>> {
        let (app, room) = (&event.app, &event.room);
        match &event.body {
            RoomEventBody::MessageAppended { message } => {
                self.asking.door.known.note(
                    app.clone(),
                    room.clone(),
                    message.seq,
                    message.created_at,
                );
                let mut frames = vec![frame::live(&self.asking.door, app, message).await?];
                if let Some(sender) = &message.sender {
                    let at = message.created_at;
                    frames.push(frame::read(&self.asking.door, app, room, sender, at).await?);
                    self.said.insert(room.clone(), (sender.clone(), message.seq));
                }
                Ok(frames)
            }
            RoomEventBody::Read { user, seq } => {
                let told = self.said.get(room).is_some_and(|said| *said == (user.clone(), *seq));
                if told {
                    return Ok(Vec::new());
                }
                let known = &self.asking.door.known;
                let at = known
                    .time_of(self.asking.door.host.engine(), &self.asking.actor, room, *seq)
                    .await;
                let at = match at {
                    Ok(Some(at)) => at,
                    Ok(None) | Err(Error::NotAMember | Error::RoomNotFound(_)) => {
                        return Ok(Vec::new());
                    }
                    Err(error) => return Err(error),
                };
                Ok(vec![frame::read(&self.asking.door, app, room, user, at).await?])
            }
            RoomEventBody::RoomDeleted => {
                self.said.remove(room);
                Ok(Vec::new())
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// The vendor's room types; a native room is a regular one.
fn room_type(view: &RoomView) -> &'static str {
    if view.room.kind == RoomKind::Channel {
        return "MASS_PUBLIC";
    }
    let custom = view.room.custom.as_ref();
    let parsed: Option<Value> = custom.and_then(|c| serde_json::from_str(c.as_str()).ok());
    match parsed.as_ref().map(|parsed| &parsed[DIALECT]["type"]) {
        Some(kind) if *kind == 3 => "MASS_PRIVATE",
        _ => "REGULAR",
    }
}

/// A text field; empty counts as missing.
fn text(asked: &Map<String, Value>, field: &str) -> Asked<String> {
    match asked.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        None | Some(Value::Null | Value::String(_)) => Err(Refusal::missing(field)),
        Some(_) => Err(Refusal::malformed()),
    }
}

/// A time in nanoseconds; zero counts as missing.
fn time(asked: &Map<String, Value>, field: &str) -> Asked<Time> {
    match asked.get(field) {
        None | Some(Value::Null) => Err(Refusal::missing(field)),
        Some(value) if *value == 0 || value == "" => Err(Refusal::missing(field)),
        Some(value) => names::time_in(value).ok_or_else(Refusal::malformed),
    }
}

fn bytes(frame: &Value) -> Bytes {
    Bytes::from(frame.to_string())
}
