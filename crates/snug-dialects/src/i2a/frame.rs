//! Frames to clients. Times are numbers live and digit strings in lists, as the vendor's server
//! writes them; both hold every digit.

use serde_json::{Value, json};
use snug_core::error::Result;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::model::{Message, MessageKind, Time};

use super::{Door, names};

/// The ten errors of the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u32,
    pub(super) message: &'static str,
    pub(super) extra: Value,
    /// The socket is closed after it.
    pub(super) closes: bool,
}

impl Refusal {
    pub(super) fn new(code: u32, message: &'static str, extra: Value) -> Self {
        Self { code, message, extra, closes: false }
    }

    pub(super) fn server(class: &str, what: &str) -> Self {
        let extra = json!({ "class_name": class, "exception": what });
        Self { closes: true, ..Self::new(10_000, "Exception in chat websocket server.", extra) }
    }

    pub(super) fn not_a_member(room: &str, user: &UserId) -> Self {
        let extra = json!({ "chat_room_identifier": room, "application_user_identifier": user });
        Self::new(10_001, "User does not belong to this chat room.", extra)
    }

    pub(super) fn not_a_string() -> Self {
        Self::new(10_002, "Message must be string type.", json!({}))
    }

    pub(super) fn too_many_rooms() -> Self {
        let said = "Length of chat_room_identifiers list cant be grater than 10.";
        Self::new(10_003, said, json!({}))
    }

    pub(super) fn malformed() -> Self {
        let said = "Invalid message format: Must be a dictionary with proper fields.";
        Self::new(10_004, said, json!({}))
    }

    pub(super) fn missing(field: &str) -> Self {
        Self::new(10_005, "Missing required field.", json!({ "field_name": field }))
    }

    pub(super) fn not_connected() -> Self {
        Self::new(10_006, "Central router is not connected. Ignoring message.", json!({}))
    }

    pub(super) fn spam() -> Self {
        let said = "Message spam detected: the rate exceeded 300 messages per minute. Server \
                    will close the socket.";
        Self { closes: true, ..Self::new(10_007, said, json!({})) }
    }

    pub(super) fn wrong_type(room_type: &str, method: &str) -> Self {
        let extra = json!({ "chat_room_type": room_type, "method_type": method });
        Self::new(10_008, "Invalid message type for chat room. See details.", extra)
    }

    pub(super) fn no_such_room() -> Self {
        Self::new(10_009, "Chat room does not exists.", json!({}))
    }

    pub(super) fn frame(&self) -> Value {
        json!({
            "type": "ERROR",
            "exception": {
                "message": self.message, "error_code": self.code, "extra": self.extra,
            },
        })
    }
}

/// What a message says here. One that has no words of its own says what it is.
fn text_of(message: &Message) -> String {
    if let Some(words) = message.words() {
        return words.into_owned();
    }
    let Some(custom) = &message.custom else { return String::new() };
    if message.kind != MessageKind::System {
        return custom.as_str().to_owned();
    }
    let parsed: Value = serde_json::from_str(custom.as_str()).unwrap_or_default();
    parsed["type"].as_str().unwrap_or("").replace('_', " ")
}

/// A new message, live.
pub(super) async fn live(door: &Door, app: &AppId, message: &Message) -> Result<Value> {
    let room = names::room_out(&message.room, app);
    let at = message.created_at.0;
    let Some(sender) = message.sender.as_ref().filter(|_| message.kind != MessageKind::System)
    else {
        return Ok(json!({
            "type": "SYSTEM_ROUTABLE", "chat_room_identifier": room,
            "message_timestamp_identifier": at, "message": text_of(message),
        }));
    };
    let custom = door.known.custom_of(door.host.engine(), app, sender).await?;
    Ok(json!({
        "type": "ROUTABLE", "chat_room_identifier": room, "app_user_identifier": sender,
        "message_timestamp_identifier": at, "message": text_of(message), "custom_data": &*custom,
    }))
}

/// A message in a list.
pub(super) async fn listed(door: &Door, app: &AppId, message: &Message) -> Result<Value> {
    let system = message.kind == MessageKind::System || message.sender.is_none();
    let mut item = json!({
        "chat_room_identifier": names::room_out(&message.room, app),
        "message": text_of(message),
        "message_timestamp_identifier": message.created_at.0.to_string(),
        "is_system_message": system,
        "custom_data": "",
    });
    if let Some(sender) = message.sender.as_ref().filter(|_| !system) {
        let custom = door.known.custom_of(door.host.engine(), app, sender).await?;
        item["app_user_identifier"] = json!(sender);
        item["custom_data"] = json!(&*custom);
    }
    Ok(item)
}

/// How far a user has read, live.
pub(super) async fn read(
    door: &Door,
    app: &AppId,
    room: &RoomId,
    user: &UserId,
    at: Time,
) -> Result<Value> {
    let custom = door.known.custom_of(door.host.engine(), app, user).await?;
    Ok(json!({
        "type": "SET_LAST_MESSAGE_READ", "chat_room_identifier": names::room_out(room, app),
        "app_user_identifier": user, "message_timestamp_identifier": at.0,
        "custom_data": &*custom,
    }))
}
