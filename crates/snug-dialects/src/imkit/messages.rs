//! Messages over REST: send, edit, recall, history, read, typing, reactions, delete.

use std::sync::Arc;

use axum::extract::{Path, Query as UrlQuery, State};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use snug_core::engine::{Actor, Client, Engine, HistoryRequest};
use snug_core::ids::{MessageId, RoomId};
use snug_core::limits;
use snug_core::model::Message;

use super::answer::{Answer, Failure, ok};
use super::door::{Admin, Caller, Door, User, body};
use super::message::{self, Showing};
use super::rooms::{number, room_id};
use super::{DIALECT, wire};
use crate::people::People;

/// History pages when the caller names no size, in messages.
const PAGE: usize = 20;

/// What a client sends into a room: a new message, or a change of one that it names.
pub(super) async fn put(
    engine: &Engine,
    actor: &Actor,
    room: &RoomId,
    value: &Value,
) -> Result<Value, Failure> {
    let showing = Showing { engine, actor };
    let Some(id) = wire::id_in(&value["_id"]).filter(|id| !id.is_empty()) else {
        let mut send = message::body(value)?.send(None);
        send.extras.reply_to = answered(engine, actor, room, value).await?;
        let sent = engine.send_message(actor, room, send).await?;
        return Ok(showing.one(&sent.message).await?);
    };
    let found = find(engine, actor, &id).await?;
    if found.room != *room {
        return Err(Failure::no_message());
    }
    let changed = if value["messageType"] == "recall" {
        engine.delete_message(actor, room, &found.id).await?
    } else {
        let body = message::body(&merged(&found, value)?)?;
        engine.edit_message(actor, room, &found.id, body.edit(&found)).await?
    };
    Ok(showing.one(&changed).await?)
}

/// The message that a send replies to, by the engine's own id; one that is not there stays what
/// the client said, and no more.
async fn answered(
    engine: &Engine,
    actor: &Actor,
    room: &RoomId,
    value: &Value,
) -> Result<Option<MessageId>, Failure> {
    let Some(at) = wire::id_in(&value["reply"]).as_deref().and_then(wire::time_of) else {
        return Ok(None);
    };
    let found = engine.message_at(actor, at).await?;
    let found = found.filter(|found| found.room == *room && !found.is_gone());
    Ok(found.map(|found| found.id))
}

/// An edit names what changes; the rest of the message stays.
fn merged(found: &Message, value: &Value) -> Result<Value, Failure> {
    let fields = value.as_object().ok_or_else(|| Failure::body("expected a JSON object"))?;
    let mut all: Map<String, Value> = wire::ours(found.custom.as_ref());
    // Unless it stays there whole, being encrypted or very long.
    all.entry("message").or_insert_with(|| json!(found.words()));
    all.extend(fields.clone());
    Ok(Value::Object(all))
}

/// The message of an id, if the caller may see it.
pub(super) async fn find(engine: &Engine, actor: &Actor, id: &str) -> Result<Message, Failure> {
    let at = wire::time_of(id).ok_or_else(Failure::no_message)?;
    let found = engine.message_at(actor, at).await?.ok_or_else(Failure::no_message)?;
    let same = wire::message_id(&found).eq_ignore_ascii_case(id);
    if same { Ok(found) } else { Err(Failure::no_message()) }
}

pub(super) async fn send(
    State(door): State<Arc<Door>>,
    User(client): User,
    Path(room): Path<String>,
    bytes: Bytes,
) -> Answer {
    let value = body(&bytes)?;
    let actor = Actor::Client(client);
    ok(put(door.engine(), &actor, &room_id(&room)?, &value).await?)
}

/// The backend speaks as somebody.
pub(super) async fn send_as(
    State(door): State<Arc<Door>>,
    Admin(backend): Admin,
    bytes: Bytes,
) -> Answer {
    let engine = door.engine();
    let value = body(&bytes)?;
    let room = wire::id_in(&value["room"]).ok_or_else(|| Failure::missing("room"))?;
    let sender = wire::id_in(&value["sender"]).ok_or_else(|| Failure::missing("sender"))?;
    let sender = wire::user_id(&sender)?;
    let mut send = message::body(&value)?.send(Some(sender.clone()));
    send.silent = value["push"] == false || value["skipTotalBadge"] == true;
    let actor = Actor::Backend(backend);
    let room = room_id(&room)?;
    send.extras.reply_to = answered(engine, &actor, &room, &value).await?;
    let sent = engine.send_message(&actor, &room, send).await?;
    let mut shown = Showing { engine, actor: &actor }.one(&sent.message).await?;
    shown["sender"] = json!(sender.as_str());
    ok(shown)
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageQuery {
    limit: Option<String>,
    before_message: Option<String>,
    after_message: Option<String>,
    after_time: Option<String>,
    time_range_field: Option<String>,
    sort_order: Option<String>,
}

impl PageQuery {
    fn limit(&self) -> Result<usize, Failure> {
        let limit = number("limit", self.limit.as_deref())?.unwrap_or(PAGE);
        Ok(limit.clamp(1, limits::HISTORY_PAGE_MAX))
    }
}

fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// The message that a page is named by is part of the page.
pub(super) async fn history_v3(
    State(door): State<Arc<Door>>,
    Caller(actor): Caller,
    Path(room): Path<String>,
    UrlQuery(asked): UrlQuery<PageQuery>,
) -> Answer {
    page(door.engine(), &actor, &room_id(&room)?, &asked, 1).await
}

/// The message that a page is named by is not part of it.
pub(super) async fn history(
    State(door): State<Arc<Door>>,
    Caller(actor): Caller,
    Path(room): Path<String>,
    UrlQuery(asked): UrlQuery<PageQuery>,
) -> Answer {
    page(door.engine(), &actor, &room_id(&room)?, &asked, 0).await
}

async fn page(
    engine: &Engine,
    actor: &Actor,
    room: &RoomId,
    asked: &PageQuery,
    anchor: u64,
) -> Answer {
    let limit = Some(asked.limit()?);
    let mut people = People::new();
    let view = engine.room(actor, room).await?;
    let mut request = HistoryRequest { limit, ..HistoryRequest::default() };
    let mut changed = None;
    if let Some(id) = given(asked.before_message.as_deref()) {
        request.before = Some(seq_of(engine, actor, room, id).await? + anchor);
    } else if let Some(id) = given(asked.after_message.as_deref()) {
        request.after = Some(seq_of(engine, actor, room, id).await? - anchor);
    } else if let Some(time) = given(asked.after_time.as_deref()) {
        let at = wire::moment(&json!(time))
            .ok_or_else(|| Failure::query("afterTime: expected a time"))?;
        if asked.time_range_field.as_deref() == Some("updatedAt") {
            changed = Some(engine.messages_since(actor, room, at, limit).await?);
        } else {
            request.after = Some(engine.seq_at(actor, room, at).await?);
        }
    }
    let forward = request.after.is_some() || changed.is_some();
    let mut messages = match changed {
        Some(messages) => messages,
        None => {
            let page = engine.history(actor, room, &request).await?;
            people.extend(page.users.into_iter().map(|user| (user.id.clone(), user)));
            page.messages
        }
    };
    let descending = match asked.sort_order.as_deref() {
        Some("asc") => false,
        Some("desc") => true,
        None | Some("") => !forward,
        Some(_) => return Err(Failure::query("sortOrder: expected asc or desc")),
    };
    if descending {
        messages.reverse();
    }
    let data = Showing { engine, actor }.all(&messages, &mut people).await?;
    ok(json!({
        "totalCount": view.room.head.seq,
        "data": data,
        "userDeletedIDs": [],
        "inspect": {},
    }))
}

async fn seq_of(engine: &Engine, actor: &Actor, room: &RoomId, id: &str) -> Result<u64, Failure> {
    let found = find(engine, actor, id).await?;
    if found.room == *room { Ok(found.seq) } else { Err(Failure::no_message()) }
}

/// Moves the caller's cursor to a message; the newest without one.
pub(super) async fn read(
    engine: &Engine,
    client: &Client,
    room: &RoomId,
    id: Option<&str>,
) -> Result<Value, Failure> {
    let actor = Actor::Client(client.clone());
    let seq = match id.filter(|id| !id.is_empty()) {
        Some(id) => seq_of(engine, &actor, room, id).await?,
        None => engine.room(&actor, room).await?.room.head.seq,
    };
    let (mine, count) = engine.mark_read(client, room, seq).await?;
    let last = super::room::id_at(engine, &actor, room, mine.read_seq).await?;
    Ok(json!({ "client": mine.user.as_str(), "badge": mine.unread(count), "lastRead": last }))
}

pub(super) async fn last_read(
    State(door): State<Arc<Door>>,
    User(client): User,
    Path(room): Path<String>,
    bytes: Bytes,
) -> Answer {
    let value = body(&bytes)?;
    let id = wire::id_in(&value["message"]);
    ok(read(door.engine(), &client, &room_id(&room)?, id.as_deref()).await?)
}

/// What is being written, as much as is told on; a value that is no text says nothing.
pub(super) fn typed(value: &Value) -> Option<String> {
    let text = value.as_str().filter(|text| !text.is_empty())?;
    let mut end = text.len().min(limits::TYPING_TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Some(text[..end].to_owned())
}

pub(super) async fn typing(
    State(door): State<Arc<Door>>,
    User(client): User,
    Path(room): Path<String>,
    bytes: Bytes,
) -> Answer {
    let actor = Actor::Client(client);
    let text = typed(&body(&bytes)?["message"]);
    door.engine().set_typing(&actor, &room_id(&room)?, true, text).await?;
    ok(json!({}))
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ReactionQuery {
    reaction: Option<String>,
}

pub(super) async fn react(
    State(door): State<Arc<Door>>,
    User(client): User,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Answer {
    let value = body(&bytes)?;
    let key = value["reaction"].as_str().ok_or_else(|| Failure::missing("reaction"))?;
    let (engine, actor) = (door.engine(), Actor::Client(client));
    let found = find(engine, &actor, &id).await?;
    let changed = engine.react(&actor, &found.room, &found.id, key, true).await?;
    ok(Showing { engine, actor: &actor }.one(&changed).await?)
}

/// Without a name every reaction of the caller's is taken back: the vendor's library names none.
pub(super) async fn unreact(
    State(door): State<Arc<Door>>,
    User(client): User,
    Path(id): Path<String>,
    UrlQuery(asked): UrlQuery<ReactionQuery>,
    bytes: Bytes,
) -> Answer {
    let value = body(&bytes)?;
    let named = asked.reaction.or_else(|| value["reaction"].as_str().map(str::to_owned));
    let (engine, actor) = (door.engine(), Actor::Client(client));
    let mut found = find(engine, &actor, &id).await?;
    let mine = |message: &Message| -> Vec<String> {
        let mut given = message.reactions.iter();
        let given =
            given.by_ref().filter(|one| actor.user().is_some_and(|me| one.users.contains(me)));
        given.map(|one| one.key.clone()).collect()
    };
    let keys = match named {
        Some(key) => vec![key],
        None => mine(&found),
    };
    for key in keys {
        found = engine.react(&actor, &found.room, &found.id, &key, false).await?;
    }
    ok(Showing { engine, actor: &actor }.one(&found).await?)
}

/// Takes a message back for everybody.
pub(super) async fn delete(
    State(door): State<Arc<Door>>,
    Caller(actor): Caller,
    Path((room, id)): Path<(String, String)>,
) -> Answer {
    let engine = door.engine();
    let room = room_id(&room)?;
    if id == "_all" {
        return Err(Failure::new(
            http::StatusCode::NOT_IMPLEMENTED,
            "NOT_IMPLEMENTED",
            "deleting all messages of a room is not carried",
        ));
    }
    let found = find(engine, &actor, &id).await?;
    if found.room != room {
        return Err(Failure::no_message());
    }
    let deleted = engine.delete_message(&actor, &room, &found.id).await?;
    let at = deleted.deleted_at.unwrap_or(deleted.created_at);
    ok(json!({
        "deletedCount": 1,
        "roomID": room.as_str(),
        "messageID": id,
        "deletedBy": actor.user().map_or(DIALECT, |user| user.as_str()),
        "deletedAt": wire::iso(at),
    }))
}
