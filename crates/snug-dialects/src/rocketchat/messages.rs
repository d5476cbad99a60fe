//! Messages: send, show, change, page.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::State;
use serde_json::{Map, Value, json};
use snug_core::engine::{Actor, EditMessage, HistoryRequest, SendExtras, SendMessage};
use snug_core::error::Error;
use snug_core::ids::{MessageId, RoomId};
use snug_core::limits;
use snug_core::model::{Message, MessageKind, Patch, Time};

use super::answer::{Answer, Failure, ok};
use super::door::{Asked, Caller, Door};
use super::fields::{Fields, Page};
use super::rooms::{self, Family, room_id};
use super::wire::{self, Wire};
use super::{DIALECT, ids, mentions};
use crate::custom;
use crate::people::{self, People};
use crate::query::Query;

/// Messages of one `chat.syncMessages`.
const SYNCED_MAX: usize = 5_000;

/// Shows messages with the profiles that they name.
pub(super) async fn shown(
    door: &Door,
    actor: &Actor,
    wire: Wire,
    messages: &[Message],
) -> Result<Vec<Value>, Failure> {
    let mut people = People::new();
    let named = messages.iter().flat_map(wire::named).collect();
    people::load(door.engine(), actor, named, &mut people).await?;
    Ok(messages.iter().map(|message| wire.message(message, &people)).collect())
}

async fn one_shown(
    door: &Door,
    actor: &Actor,
    wire: Wire,
    message: &Message,
) -> Result<Value, Failure> {
    let all = shown(door, actor, wire, std::slice::from_ref(message)).await?;
    all.into_iter().next().ok_or_else(|| Error::Internal.into())
}

/// Sends what a client made of a message: `_id`, `rid`, `msg` and extras.
pub(super) async fn send(
    door: &Door,
    caller: &Caller,
    wire: Wire,
    made: &Fields,
) -> Result<Value, Failure> {
    let rid = made.any(&["rid", "roomId"])?;
    let rid =
        rid.ok_or_else(|| Failure::param("The 'rid' property on the message object is missing."))?;
    let room = room_id(&rid)?;
    let engine = door.engine();
    let extras = extras(door, caller, made).await?;
    let text = made.text("msg")?;
    let bare = text.is_none();
    if bare && !["attachments", "blocks"].iter().any(|name| extras.contains_key(*name)) {
        return Err(Failure::bad("error-invalid-params", "The message has no text"));
    }
    let faced = wire::FACES.iter().any(|name| extras.contains_key(*name));
    let custom = (!extras.is_empty()).then(|| custom::json(&json!({ DIALECT: extras })));
    let custom = custom.transpose().map_err(|wrong| Failure::param(wrong.to_string()))?;
    let id = match made.text("_id")? {
        Some(id) => Some(minted(door, caller, &room, &id).await?),
        // An id of this wire says that the face was allowed.
        None if faced => Some(minted(door, caller, &room, &ids::random(engine)).await?),
        None => None,
    };
    let mentions = mentions::of(engine, &caller.client, text.as_deref().unwrap_or("")).await?;
    let send = SendMessage {
        id,
        kind: bare.then_some(MessageKind::Custom),
        text,
        custom,
        extras: SendExtras { mentions, mentions_read: true, ..SendExtras::default() },
        ..SendMessage::default()
    };
    let (user, wide) = (caller.as_user(), send.extras.mentions.is_wide());
    let sent = match engine.send_message(&user, &room, send.clone()).await {
        // An administrator speaks in rooms of others, too.
        Err(Error::NotAMember) => {
            let backend = caller.admin(door).await?.ok_or(Error::NotAMember)?;
            let sender = Some(caller.client.user().clone());
            let send = SendMessage { sender, ..send };
            engine.send_message(&Actor::Backend(backend), &room, send).await?
        }
        // The vendor's words; here it is so in rooms of more than a hundred.
        Err(Error::RoleTooLow) if wide => {
            let text = "Notify all in this room not allowed";
            return Err(Failure::bad("error-action-not-allowed", text));
        }
        sent => sent?,
    };
    one_shown(door, &user, wire, &sent.message).await
}

/// What the wire knows of a message beyond its words. Another face than one's own is for
/// administrators; an empty one is none.
async fn extras(
    door: &Door,
    caller: &Caller,
    made: &Fields,
) -> Result<Map<String, Value>, Failure> {
    let mut extras = Map::new();
    for field in wire::EXTRAS {
        if let Some(value) = made.value(field).filter(|value| **value != "") {
            extras.insert(field.to_owned(), value.clone());
        }
    }
    let faced = wire::FACES.iter().any(|name| extras.contains_key(*name));
    if faced && caller.admin(door).await?.is_none() {
        let text = "Not enough permission: alias, avatar and emoji are for administrators";
        return Err(Failure::bad("error-not-allowed", text));
    }
    Ok(extras)
}

/// The engine's id for a message's `_id`. One that is known is a retry, which holds also for who
/// was removed meanwhile; a new one only for who may write here.
async fn minted(
    door: &Door,
    caller: &Caller,
    room: &RoomId,
    id: &str,
) -> Result<MessageId, Failure> {
    let (engine, app) = (door.engine(), &caller.client.app.id);
    if let Some(known) = ids::minted(engine, app, room, id).await? {
        return Ok(known);
    }
    let member = match engine.room(&caller.as_user(), room).await {
        Ok(view) => view.mine.is_some_and(|mine| mine.is_active()),
        Err(Error::NotAMember) => false,
        Err(error) => return Err(error.into()),
    };
    if !member && caller.admin(door).await?.is_none() {
        return Err(Error::NotAMember.into());
    }
    ids::mint(engine, app, room, id).await
}

pub(super) async fn send_rest(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let Some(Value::Object(made)) = asked.fields.value("message") else {
        return Err(Failure::param("The \"message\" parameter must be provided."));
    };
    let made = Fields(made.clone());
    ok(json!({ "message": send(&door, &asked.caller, Wire::Rest, &made).await? }))
}

/// The room of `channel`: `#name`, `@user`, or an id.
async fn addressed(door: &Door, caller: &Caller, channel: &str) -> Result<RoomId, Failure> {
    let unknown = || Failure::bad("invalid-channel", "invalid-channel");
    if let Some(user) = channel.strip_prefix('@') {
        let room = rooms::direct(door, caller, &[user.to_owned()]).await.map_err(|_| unknown())?;
        return Ok(room.id);
    }
    let (engine, app) = (door.engine(), &caller.client.app.id);
    let room = match channel.strip_prefix('#') {
        Some(name) => ids::by_name(engine, app, name).await,
        None => ids::by_id_or_name(engine, app, channel).await,
    };
    room.map_err(|_| unknown())
}

pub(super) async fn post(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let (caller, fields) = (&asked.caller, &asked.fields);
    let room = match (fields.text("roomId")?, fields.text("channel")?) {
        (Some(room), _) => match room.starts_with(['#', '@']) {
            true => addressed(&door, caller, &room).await?,
            false => room_id(&room)?,
        },
        (None, Some(channel)) => addressed(&door, caller, &channel).await?,
        (None, None) => return Err(Failure::bad("invalid-channel", "invalid-channel")),
    };
    let mut made = fields.0.clone();
    made.retain(|name, _| wire::EXTRAS.contains(&name.as_str()));
    if let Some(text) = fields.any(&["text", "msg"])? {
        made.insert("msg".to_owned(), json!(text));
    }
    made.insert("rid".to_owned(), json!(room));
    let message = send(&door, caller, Wire::Rest, &Fields(made)).await;
    let message = message.map_err(|failure| match failure.is_room_unknown() {
        true => Failure::bad("invalid-channel", "invalid-channel"),
        false => failure,
    })?;
    let at = door.engine().now().millis();
    let channel = fields.text("channel")?.unwrap_or_else(|| room.to_string());
    ok(json!({ "ts": at, "channel": channel, "message": message }))
}

pub(super) async fn get(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let id = asked.fields.required("msgId")?;
    let actor = asked.caller.actor(&door).await?;
    let found = ids::message(door.engine(), &actor, &id).await?;
    ok(json!({ "message": one_shown(&door, &actor, Wire::Rest, &found).await? }))
}

/// A message of a request that may name its room, too.
async fn found(
    door: &Door,
    actor: &Actor,
    id: &str,
    room: Option<&str>,
) -> Result<Message, Failure> {
    let found = ids::message(door.engine(), actor, id).await?;
    if room.is_some_and(|room| found.room.as_str() != room) {
        let text = "The room id provided does not match where the message is from.";
        return Err(Failure::bad("", text));
    }
    Ok(found)
}

/// As whom a message is changed: its author as such, others only as an administrator.
async fn author(door: &Door, caller: &Caller, message: &Message) -> Result<Actor, Failure> {
    if message.sender.as_ref() == Some(caller.client.user()) {
        return Ok(caller.as_user());
    }
    caller.actor(door).await
}

pub(super) async fn update(
    door: &Door,
    caller: &Caller,
    wire: Wire,
    fields: &Fields,
) -> Result<Value, Failure> {
    let id = fields.any(&["msgId", "_id"])?;
    let id = id.ok_or_else(|| Failure::param("The required \"msgId\" param is missing"))?;
    let room = fields.any(&["roomId", "rid"])?;
    let text = fields.any(&["text", "msg"])?;
    let text = text.ok_or_else(|| Failure::param("The required \"text\" param is missing"))?;
    let known = found(door, &caller.actor(door).await?, &id, room.as_deref()).await?;
    let actor = author(door, caller, &known).await?;
    let mut part = wire::ours(known.custom.as_ref());
    let custom = match fields.value("customFields") {
        Some(value) => {
            part.insert("customFields".to_owned(), value.clone());
            let custom = custom::with_part(known.custom.as_ref(), DIALECT, part);
            match custom.map_err(|wrong| Failure::param(wrong.to_string()))? {
                Patch::Set(custom) => Some(custom),
                Patch::Keep | Patch::Clear => None,
            }
        }
        None => None,
    };
    let engine = door.engine();
    let mentions = mentions::edited(engine, &caller.client, &known, &text).await?;
    let edit = EditMessage { text: Some(text), custom, mentions, ..EditMessage::default() };
    let edited = engine.edit_message(&actor, &known.room, &known.id, edit).await;
    let edited = edited.map_err(|error| match error {
        Error::RoleTooLow => {
            Failure::bad("error-action-not-allowed", "Message editing not allowed")
        }
        other => other.into(),
    })?;
    one_shown(door, &actor, wire, &edited).await
}

pub(super) async fn update_rest(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    asked.fields.required("roomId")?;
    let message = update(&door, &asked.caller, Wire::Rest, &asked.fields).await?;
    ok(json!({ "message": message }))
}

pub(super) async fn delete(
    door: &Door,
    caller: &Caller,
    fields: &Fields,
) -> Result<Message, Failure> {
    let id = fields.any(&["msgId", "_id"])?;
    let id = id.ok_or_else(|| Failure::param("The required \"msgId\" param is missing"))?;
    let room = fields.any(&["roomId", "rid"])?;
    let known = found(door, &caller.actor(door).await?, &id, room.as_deref()).await?;
    let actor = author(door, caller, &known).await?;
    let deleted = door.engine().delete_message(&actor, &known.room, &known.id).await;
    deleted.map_err(|error| match error {
        Error::RoleTooLow => Failure::bad("error-action-not-allowed", "Not allowed"),
        other => other.into(),
    })
}

pub(super) async fn delete_rest(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    asked.fields.required("roomId")?;
    let id = asked.fields.required("msgId")?;
    let deleted = delete(&door, &asked.caller, &asked.fields).await?;
    let sender = wire::person(deleted.sender.as_ref(), &People::new());
    ok(json!({
        "_id": id,
        "ts": door.engine().now().millis().to_string(),
        "message": { "_id": id, "rid": deleted.room, "u": sender },
    }))
}

/// Gives a reaction or takes it back; without being told which, the other of what is.
pub(super) async fn react(
    door: &Door,
    caller: &Caller,
    id: &str,
    reaction: &str,
    on: Option<bool>,
) -> Result<(), Failure> {
    let user = caller.as_user();
    let known = ids::message(door.engine(), &user, id).await?;
    let key = reaction.trim_matches(':');
    if key.is_empty() {
        let text = "Invalid emoji provided.";
        return Err(Failure::bad("error-not-allowed", text));
    }
    let key = wire::shortname(key);
    let me = caller.client.user();
    // In either spelling: another door's has no colons.
    let stands = known.reactions.iter().filter(|one| wire::shortname(&one.key) == key);
    let stands: Vec<&str> =
        stands.filter(|one| one.users.contains(me)).map(|one| one.key.as_str()).collect();
    let engine = door.engine();
    match on.unwrap_or(stands.is_empty()) {
        true if stands.is_empty() => {
            engine.react(&user, &known.room, &known.id, &key, true).await?;
        }
        true => {}
        false => {
            for key in stands {
                engine.react(&user, &known.room, &known.id, key, false).await?;
            }
        }
    }
    Ok(())
}

pub(super) async fn react_rest(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let id = asked.fields.required("messageId")?;
    let emoji = asked.fields.any(&["emoji", "reaction"])?;
    let emoji = emoji.ok_or_else(|| {
        Failure::bad("error-emoji-param-not-provided", "The required \"emoji\" param is missing.")
    })?;
    react(&door, &asked.caller, &id, &emoji, asked.fields.flag("shouldReact")).await?;
    ok(json!({}))
}

pub(super) async fn sync(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let room = room_id(&asked.fields.required("roomId")?)?;
    let Some(since) = asked.fields.time("lastUpdate")? else {
        if asked.fields.value("next").is_some() || asked.fields.value("previous").is_some() {
            return Err(Failure::not_carried("Paging of chat.syncMessages"));
        }
        let text = "The required \"lastUpdate\" query param is missing";
        return Err(Failure::bad("error-lastUpdate-param-not-provided", text));
    };
    let actor = asked.caller.actor(&door).await?;
    let (mut updated, mut deleted) = (Vec::new(), Vec::new());
    for message in changed_since(&door, &actor, &room, since).await? {
        match message.deleted_at.or(message.hidden_at) {
            Some(at) => deleted.push(json!({
                "_id": ids::message_id(&message), "_deletedAt": Wire::Rest.date(at),
            })),
            None => updated.push(message),
        }
    }
    let updated = shown(&door, &actor, Wire::Rest, &updated).await?;
    ok(json!({ "result": { "updated": updated, "deleted": deleted } }))
}

/// Every message that changed since, once. A reaction leaves no time on its message, so a page may
/// begin before the end of the one before.
async fn changed_since(
    door: &Door,
    actor: &Actor,
    room: &RoomId,
    mut since: Time,
) -> Result<Vec<Message>, Failure> {
    let (mut all, mut seen): (Vec<Message>, _) = (Vec::new(), HashSet::new());
    loop {
        let some = door.engine().messages_since(actor, room, since, None).await?;
        let whole = some.len() < limits::SYNC_PAGE_MAX;
        let latest = some.iter().map(changed_at).max().unwrap_or(since);
        all.extend(some.into_iter().filter(|message| seen.insert(message.id.clone())));
        if whole {
            return Ok(all);
        }
        if all.len() >= SYNCED_MAX || latest <= since {
            let text = "Too much has changed since; read the history";
            return Err(Failure::bad("error-too-many-messages", text));
        }
        since = latest;
    }
}

/// The latest time that a message tells of itself.
fn changed_at(message: &Message) -> Time {
    let changed = message.edited_at.max(message.deleted_at).max(message.hidden_at);
    changed.map_or(message.created_at, |at| at.max(message.created_at))
}

/// Which messages of a room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Newer than this seq.
    pub(super) above: u64,
    /// Older than this one.
    pub(super) below: u64,
}

/// Which messages, and which page of them.
pub(super) struct Sought {
    pub(super) span: Span,
    pub(super) page: Page,
    pub(super) query: Query,
}

impl Sought {
    fn of(span: Span, page: Page) -> Self {
        Self { span, page, query: Query::default() }
    }

    fn holds(&self, message: &Message) -> bool {
        // What may be asked for needs nobody's profile.
        let asked = |query: &Query| query.holds(&Wire::Rest.message(message, &People::new()));
        message.seq > self.span.above
            && !message.is_gone()
            && (self.query.is_empty() || asked(&self.query))
    }
}

/// Messages that can be seen, newest first.
pub(super) async fn newest_first(
    door: &Door,
    actor: &Actor,
    room: &RoomId,
    sought: &Sought,
) -> Result<Vec<Message>, Failure> {
    let (mut all, mut before, mut read) = (Vec::new(), sought.span.below, 0);
    let wanted = sought.page.offset + sought.page.count;
    while all.len() < wanted && before > sought.span.above + 1 {
        if read >= limits::ROCKETCHAT_ROWS_READ_MAX {
            let text = "Too many messages to look through; narrow it by time";
            return Err(Failure::bad("error-too-many-messages", text));
        }
        let limit = Some(limits::HISTORY_PAGE_MAX);
        let request = HistoryRequest { before: Some(before), after: None, limit };
        let found = door.engine().history(actor, room, &request).await?;
        let Some(first) = found.messages.first() else { break };
        before = first.seq;
        read += found.messages.len();
        all.extend(found.messages.into_iter().rev().filter(|one| sought.holds(one)));
        if !found.has_before {
            break;
        }
    }
    Ok(sought.page.of(all))
}

/// `channels.messages` and its like: everything, newest first.
pub(super) async fn list(State(door): State<Arc<Door>>, asked: Asked, family: Family) -> Answer {
    let fields = &asked.fields;
    fields.check_shape()?;
    let page = fields.page()?;
    for (name, what) in [("mentionIds", "mentions"), ("starredIds", "stars"), ("pinned", "pins")] {
        if fields.text(name).ok().flatten().is_some_and(|text| text != "false") {
            return Err(Failure::not_carried(&format!("A list by {what}")));
        }
    }
    let query = fields.query(&["_id", "msg", "t"])?;
    let room = rooms::named(&door, &asked.caller, fields).await?;
    let actor = asked.caller.actor(&door).await?;
    let view = rooms::read(&door, &actor, &room, family).await?;
    let total = view.room.head.seq;
    let sought = Sought { span: Span { above: 0, below: total + 1 }, page, query };
    let found = newest_first(&door, &actor, &room, &sought).await?;
    let messages = shown(&door, &actor, Wire::Rest, &found).await?;
    ok(json!({
        "messages": messages, "count": messages.len(), "offset": page.offset, "total": total,
    }))
}

/// The span of `latest` and `oldest`.
async fn span(
    door: &Door,
    actor: &Actor,
    room: &RoomId,
    latest: Option<Time>,
    oldest: Option<Time>,
    inclusive: bool,
) -> Result<Span, Failure> {
    let engine = door.engine();
    // The wire's times have milliseconds: the whole of one is in, or out.
    let (last, first) = if inclusive { (999_999, -1) } else { (-1, 999_999) };
    let below = match latest {
        Some(at) => engine.seq_at(actor, room, Time(at.0.saturating_add(last))).await? + 1,
        None => u64::MAX >> 1,
    };
    let above = match oldest {
        Some(at) => engine.seq_at(actor, room, Time(at.0.saturating_add(first))).await?,
        None => 0,
    };
    Ok(Span { above, below })
}

/// `channels.history` and its like: between two times, newest first.
pub(super) async fn history(State(door): State<Arc<Door>>, asked: Asked, family: Family) -> Answer {
    let fields = &asked.fields;
    let page = Page { count: fields.page()?.count, offset: fields.page()?.offset };
    let (latest, oldest) = (fields.time("latest")?, fields.time("oldest")?);
    let room = rooms::named(&door, &asked.caller, fields).await?;
    let actor = asked.caller.actor(&door).await?;
    let view = rooms::read(&door, &actor, &room, family).await?;
    let inclusive = fields.flag("inclusive") == Some(true);
    let mut span = span(&door, &actor, &room, latest, oldest, inclusive).await?;
    span.below = span.below.min(view.room.head.seq + 1);
    let found = newest_first(&door, &actor, &room, &Sought::of(span, page)).await?;
    let mut answer = json!({ "messages": shown(&door, &actor, Wire::Rest, &found).await? });
    if fields.flag("unreads") == Some(true) {
        let unread = view.mine.as_ref().map_or(0, |mine| mine.unread(view.room.head.count));
        answer["unreadNotLoaded"] = json!(unread.saturating_sub(found.len() as u64));
    }
    ok(answer)
}

/// DDP's `loadHistory`: older than a time, newest first.
pub(super) async fn load(
    door: &Door,
    caller: &Caller,
    room: &RoomId,
    before: Option<Time>,
    count: usize,
) -> Result<Value, Failure> {
    let actor = caller.as_user();
    let view = rooms::read(door, &actor, room, Family::Any).await?;
    let mut span = span(door, &actor, room, before, None, false).await?;
    span.below = span.below.min(view.room.head.seq + 1);
    let count = count.clamp(1, limits::HISTORY_PAGE_MAX);
    let sought = Sought::of(span, Page { offset: 0, count });
    let found = newest_first(door, &actor, room, &sought).await?;
    let unread = view.mine.as_ref().map_or(0, |mine| mine.unread(view.room.head.count));
    Ok(json!({
        "messages": shown(door, &actor, Wire::Ddp, &found).await?,
        "unreadNotLoaded": unread.saturating_sub(found.len() as u64),
    }))
}
