//! Messages of the engine as IMKit's, and the other way round. What IMKit's clients put in and the
//! core does not know lies in the custom JSON under this dialect's name, beside a readable text.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use snug_core::engine::{Actor, EditMessage, Engine, SendExtras, SendMessage};
use snug_core::error::{Error, Result};
use snug_core::ids::UserId;
use snug_core::limits;
use snug_core::model::{
    CustomJson, Degrees, Extras, Location, Mentions, Message, MessageKind, Patch,
};

use super::DIALECT;
use super::answer::Failure;
use super::wire;
use crate::people::{self, People};

/// Fields that only the server writes.
const OWN_FIELDS: [&str; 18] = [
    "_id",
    "id",
    "appID",
    "room",
    "sender",
    "messageTime",
    "messageTimeMS",
    "createdAtMS",
    "updatedAtMS",
    "createdAt",
    "updatedAt",
    "editedAt",
    "reactions",
    "reactionCount",
    "isDeleted",
    "pinned",
    "push",
    "skipTotalBadge",
];

/// What a send or an edit holds for the engine.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) text: Option<String>,
    pub(super) custom: Option<CustomJson>,
    kind: MessageKind,
    /// When the client names them.
    mentions: Option<Vec<UserId>>,
    place: Option<Location>,
}

/// Takes what a client put in.
pub(super) fn body(value: &Value) -> std::result::Result<Body, Failure> {
    let fields = value.as_object().ok_or_else(|| Failure::body("expected a JSON object"))?;
    let mut extras: Map<String, Value> = fields.clone();
    for own in OWN_FIELDS {
        extras.remove(own);
    }
    let kind = match extras.get("messageType") {
        None | Some(Value::Null) => "text".to_owned(),
        Some(Value::String(kind)) => kind.clone(),
        Some(_) => return Err(Failure::body("messageType: expected text")),
    };
    let message = match extras.get("message") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => return Err(Failure::body("message: expected text")),
    };
    let mentions = take_mentions(&mut extras);
    if kind == "text" {
        let text = message.filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| Failure::missing("message"))?;
        extras.remove("message");
        extras.remove("messageType");
        let custom = if extras.is_empty() { None } else { Some(wrapped(extras)?) };
        let kind = MessageKind::Text;
        return Ok(Body { text: Some(text), custom, kind, mentions, place: None });
    }
    let said = message.filter(|text| !text.is_empty());
    let own = said.clone();
    let readable = said.or_else(|| alternative(fields)).unwrap_or_else(|| format!("[{kind}]"));
    // An encrypted or very long body stays whole in the custom JSON.
    let text = if kind == "encrypted" { "[encrypted]".to_owned() } else { cut(readable) };
    let place = if kind == "location" { place(&extras) } else { None };
    // Words stand in one place: an edit or a filter of the app's that changes them changes what
    // this wire's clients see.
    if own.as_ref() == Some(&text) {
        extras.remove("message");
    }
    let kind = if place.is_some() { MessageKind::Location } else { MessageKind::Custom };
    let custom = Some(wrapped(extras)?);
    Ok(Body { text: Some(text), custom, kind, mentions, place })
}

/// A list of users becomes the engine's; anything else stays as it was put in.
fn take_mentions(extras: &mut Map<String, Value>) -> Option<Vec<UserId>> {
    let all = extras.get("mentions").and_then(Value::as_array);
    let users = all.filter(|all| all.len() <= limits::MENTIONED_USERS_MAX).and_then(|all| {
        all.iter().map(|one| UserId::new(one.as_str()?).ok()).collect::<Option<Vec<_>>>()
    });
    if users.is_some() {
        extras.remove("mentions");
    }
    users
}

fn place(fields: &Map<String, Value>) -> Option<Location> {
    let degrees = |name: &str, most: f64| {
        let number = fields.get(name).and_then(Value::as_f64)?;
        Degrees::new(number).filter(|_| number.abs() <= most)
    };
    let (lat, lng) = (degrees("latitude", 90.0)?, degrees("longitude", 180.0)?);
    let said = fields.get("message").and_then(Value::as_str);
    let fits = |said: &&str| {
        !said.is_empty()
            && said.len() <= limits::PLACE_BYTES_MAX
            && !said.contains(char::is_control)
    };
    Some(Location { lat, lng, name: None, address: said.filter(fits).map(str::to_owned) })
}

impl Body {
    pub(super) fn send(self, sender: Option<UserId>) -> SendMessage {
        let Self { text, custom, kind, mentions, place } = self;
        let mentions = Mentions { users: mentions.unwrap_or_default(), ..Mentions::default() };
        let extras = SendExtras { mentions, location: place, ..SendExtras::default() };
        SendMessage { sender, kind: Some(kind), text, custom, extras, ..SendMessage::default() }
    }

    /// The whole of what a message says after an edit; this wire knows of mentioned users, and
    /// leaves roles and everyone as they are.
    pub(super) fn edit(self, found: &Message) -> EditMessage {
        let had = found.extras.as_ref().map(|extras| extras.mentions.clone()).unwrap_or_default();
        let mentions = match self.mentions {
            Some(users) => Patch::Set(Mentions { users, ..had }),
            None => Patch::Keep,
        };
        let location = self.place.filter(|_| found.kind == MessageKind::Location);
        // Clients of this wire have the words without marks: when these stay, so does the format.
        let same = found.format().is_some() && self.text.as_deref() == found.words().as_deref();
        let (text, format) =
            if same { (found.text.clone(), found.format()) } else { (self.text, None) };
        let custom = self.custom;
        EditMessage { text, format, custom, mentions, location, ..EditMessage::default() }
    }
}

fn wrapped(extras: Map<String, Value>) -> std::result::Result<CustomJson, Failure> {
    let mut all = Map::new();
    all.insert(DIALECT.to_owned(), Value::Object(extras));
    wire::custom_json(&Value::Object(all))
}

/// What templates and flexible messages say instead.
fn alternative(fields: &Map<String, Value>) -> Option<String> {
    let template = fields.get("template");
    let texts = [
        fields.get("altText"),
        template.and_then(|template| template.get("text")),
        fields.get("originalUrl"),
    ];
    let text = texts.into_iter().flatten().find_map(Value::as_str)?;
    (!text.is_empty() && !text.contains('\0')).then(|| text.to_owned())
}

fn cut(mut text: String) -> String {
    if text.len() > limits::TEXT_BYTES_MAX {
        let mut end = limits::TEXT_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text.replace('\0', " ")
}

/// Shows messages to one caller.
pub(super) struct Showing<'a> {
    pub(super) engine: &'a Engine,
    pub(super) actor: &'a Actor,
}

impl Showing<'_> {
    fn app(&self) -> &str {
        self.actor.app().id.as_str()
    }

    pub(super) async fn one(&self, message: &Message) -> Result<Value> {
        let mut people = People::new();
        let mut shown = self.all(std::slice::from_ref(message), &mut people).await?;
        shown.pop().ok_or(Error::Internal)
    }

    /// Messages with their senders and what they reply to.
    pub(super) async fn all(
        &self,
        messages: &[Message],
        people: &mut People,
    ) -> Result<Vec<Value>> {
        let mut quoted = HashMap::new();
        let mut answers = HashMap::new();
        for message in messages {
            let Some(id) = reply_of(message) else {
                if let Some(found) = self.answered_natively(message).await? {
                    let id = wire::message_id(&found);
                    answers.insert(message.seq, id.clone());
                    quoted.insert(id, found);
                }
                continue;
            };
            let Some(at) = wire::time_of(&id) else { continue };
            let found = self.engine.message_at(self.actor, at).await?;
            if let Some(found) = found.filter(|found| found.room == message.room) {
                quoted.insert(id, found);
            }
        }
        let all = messages.iter().chain(quoted.values());
        let ids = all.flat_map(mentioned).collect();
        people::load(self.engine, self.actor, ids, people).await?;
        let show = |message: &Message| {
            let mut shown = shown(self.app(), message, people);
            if let Some(id) = answers.get(&message.seq) {
                shown["reply"] = json!(id);
            }
            if let Some(id) = shown["reply"].as_str()
                && let Some(original) = quoted.get(id)
            {
                let mut original = self::shown(self.app(), original, people);
                if let Some(fields) = original.as_object_mut() {
                    fields.remove("reply");
                }
                shown["reply"] = original;
            }
            shown
        };
        Ok(messages.iter().map(show).collect())
    }

    /// What a message answers that did not come through this wire, if the caller sees it.
    async fn answered_natively(&self, message: &Message) -> Result<Option<Message>> {
        let reply = message.extras.as_ref().and_then(|extras| extras.reply_to.as_ref());
        let Some(reply) = reply.filter(|_| !message.is_gone()) else { return Ok(None) };
        match self.engine.message(self.actor, &message.room, &reply.id).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::MessageNotFound(_) | Error::NotAMember | Error::RoomNotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn reply_of(message: &Message) -> Option<String> {
    if message.is_gone() {
        return None;
    }
    let reply = wire::ours(message.custom.as_ref()).remove("reply")?;
    wire::id_in(&reply)
}

/// The sender, and whom a system message names.
fn mentioned(message: &Message) -> Vec<UserId> {
    let mut ids: Vec<UserId> = message.sender.clone().into_iter().collect();
    if message.kind == MessageKind::System {
        let note = note(message);
        let named = note["users"].as_array().into_iter().flatten().chain(note.get("by"));
        ids.extend(named.filter_map(Value::as_str).filter_map(|id| UserId::new(id).ok()));
    }
    ids
}

fn note(message: &Message) -> Value {
    let custom = message.custom.as_ref().map(CustomJson::as_str);
    custom.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn person(app: &str, id: &str, people: &People) -> Value {
    match people.get(id) {
        Some(user) => wire::user(app, user),
        None => wire::stranger(app, id),
    }
}

/// A message as everybody sees it.
fn shown(app: &str, message: &Message, people: &People) -> Value {
    let mut fields = if message.is_gone() {
        Map::new()
    } else if message.kind == MessageKind::System {
        system(app, message, people)
    } else {
        wire::ours(message.custom.as_ref())
    };
    if message.is_gone() {
        fields.insert("messageType".into(), json!("recall"));
        fields.insert("message".into(), json!(""));
        fields.insert("isDeleted".into(), json!(true));
    }
    if let Some(extras) = message.extras.as_deref().filter(|_| !message.is_gone()) {
        put_extras(&mut fields, extras);
    }
    fields.entry("messageType").or_insert_with(|| json!("text"));
    let text = message.words().unwrap_or_default();
    fields.entry("message").or_insert_with(|| json!(text));
    if let Some(reply) = fields.get("reply").and_then(wire::id_in) {
        fields.insert("reply".into(), json!(reply));
    }
    let sender = match &message.sender {
        Some(sender) => person(app, sender.as_str(), people),
        None => fields.remove("sender").unwrap_or_else(|| wire::stranger(app, "system")),
    };
    let reactions: Vec<Value> = message
        .reactions
        .iter()
        .flat_map(|reaction| {
            let key = &reaction.key;
            reaction
                .users
                .iter()
                .map(move |user| json!({ "client": user.as_str(), "reaction": key }))
        })
        .collect();
    let count: u64 = message.reactions.iter().map(|reaction| reaction.count).sum();
    let id = wire::message_id(message);
    let changed = message.edited_at.or(message.deleted_at).unwrap_or(message.created_at);
    let own = json!({
        "_id": id,
        "id": id,
        "appID": app,
        "room": message.room.as_str(),
        "sender": sender,
        "messageTime": wire::iso(message.created_at),
        "messageTimeMS": message.created_at.millis(),
        "createdAtMS": message.created_at.millis(),
        "updatedAtMS": changed.millis(),
        "reactions": reactions,
        "reactionCount": count,
    });
    if let Value::Object(own) = own {
        fields.extend(own);
    }
    if let Some(edited) = message.edited_at {
        fields.insert("editedAt".into(), json!(wire::iso(edited)));
    }
    Value::Object(fields)
}

/// Whom it mentions, and a place. A card has words, which this wire shows.
fn put_extras(fields: &mut Map<String, Value>, extras: &Extras) {
    if !extras.mentions.users.is_empty() {
        fields.insert("mentions".into(), json!(extras.mentions.users));
    }
    if let Some(place) = &extras.location {
        fields.entry("messageType").or_insert_with(|| json!("location"));
        fields.entry("latitude").or_insert_with(|| json!(place.lat.get()));
        fields.entry("longitude").or_insert_with(|| json!(place.lng.get()));
    }
}

/// What the room itself says.
fn system(app: &str, message: &Message, people: &People) -> Map<String, Value> {
    let note = note(message);
    let named = note["users"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let named: Vec<Value> = named.map(|id| person(app, id, people)).collect();
    let first = named.first().cloned();
    let (kind, extra) = match note["type"].as_str() {
        Some("members_added") => ("addMembers", json!({ "invitees": named })),
        Some("members_removed") => ("deleteMember", json!({ "members": named })),
        Some("member_joined") => ("joinRoom", json!({ "members": named })),
        Some("member_left") => ("leaveRoom", json!({ "members": named })),
        _ => ("announcement", Value::Null),
    };
    let by = note["by"].as_str().map(|id| person(app, id, people));
    let mut fields = Map::new();
    fields.insert("messageType".into(), json!(kind));
    if !extra.is_null() {
        fields.insert("extra".into(), extra);
        if let Some(first) = &first {
            fields.insert("member".into(), first.clone());
        }
    }
    let of_first = matches!(kind, "joinRoom" | "leaveRoom");
    if let Some(sender) = by.or_else(|| first.filter(|_| of_first)) {
        fields.insert("sender".into(), sender);
    }
    fields
}

#[cfg(test)]
mod tests {
    use snug_core::ids::{MessageId, RoomId};
    use snug_core::model::Time;

    use super::*;

    fn stored(value: &Value) -> Message {
        let Body { text, custom, kind, mentions, place } = body(value).unwrap();
        let mentions = Mentions { users: mentions.unwrap_or_default(), ..Mentions::default() };
        let extras = Extras { mentions, location: place, ..Extras::default() };
        Message {
            id: MessageId::new("m").unwrap(),
            external: None,
            room: RoomId::new("r").unwrap(),
            seq: 3,
            rev: 4,
            first_rev: 4,
            sender: UserId::new("ann").ok(),
            kind,
            text,
            custom,
            extras: Some(Box::new(extras)),
            silent: false,
            count: 3,
            created_at: Time::from_millis(1_795_219_200_123),
            edited_at: None,
            deleted_at: None,
            hidden_at: None,
            pinned_at: None,
            reactions: Vec::new(),
            thread: None,
            thread_summary: None,
            own: None,
        }
    }

    #[test]
    fn what_is_put_in_comes_out() {
        let put = json!({
            "room": "other", "sender": "bob", "_id": "x", "messageType": "image", "width": 3,
            "originalUrl": "https://x/y.png", "extra": "{\"bytes\":1}", "images": [{"width": 3}],
        });
        let message = stored(&put);
        assert_eq!(message.kind, MessageKind::Custom);
        assert_eq!(message.text.as_deref(), Some("https://x/y.png"));
        let out = shown("app", &message, &People::new());
        for field in ["messageType", "width", "originalUrl", "extra", "images"] {
            assert_eq!(out[field], put[field], "{field}");
        }
        assert_eq!((&out["room"], &out["sender"]["_id"]), (&json!("r"), &json!("ann")));
        assert_eq!(out["messageTime"], "2026-11-21T00:00:00.123Z");
    }

    #[test]
    fn a_text_is_a_native_text_and_its_extras_stay_beside_it() {
        let plain = stored(&json!({"message": "hi"}));
        assert_eq!((plain.kind, plain.custom.is_none()), (MessageKind::Text, true));
        let message =
            stored(&json!({"message": "@bob", "mentions": ["bob"], "messageType": "text"}));
        let out = shown("app", &message, &People::new());
        assert_eq!(out["message"], "@bob");
        assert_eq!(out["messageType"], "text");
        assert_eq!(out["mentions"], json!(["bob"]));
    }

    #[test]
    fn a_recalled_message_says_nothing() {
        let mut message = stored(&json!({"message": "hi", "extra": {"a": 1}}));
        message.deleted_at = Some(message.created_at);
        message.text = None;
        message.custom = None;
        let out = shown("app", &message, &People::new());
        assert_eq!((&out["message"], &out["messageType"]), (&json!(""), &json!("recall")));
        assert!(out.get("extra").is_none());
    }

    #[test]
    fn bodies_that_are_none_are_refused() {
        for bad in [
            json!([]),
            json!({}),
            json!({"message": ""}),
            json!({"message": 1}),
            json!({"messageType": 1, "message": "x"}),
        ] {
            assert!(body(&bad).is_err(), "{bad}");
        }
        let long = body(&json!({"messageType": "url", "message": "語".repeat(7_000)}));
        assert!(long.is_err(), "a body over the bound of custom JSON");
        assert!(body(&json!({"messageType": "sticker", "sticker": "Fun-1"})).is_ok());
    }
}
