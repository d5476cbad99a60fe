//! Bodies as clients send them, and the models as they get them.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use snug_core::engine::{BridgedMessage, BridgedThread, NewThread};
use snug_core::ids::{MessageId, ROCKETCHAT_PREFIX, RoomId, UserId};
use snug_core::limits;

use super::answer::Failure;

/// JSON that was checked when it came.
pub(super) fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or(Value::Null)
}

/// A JSON object; no body is an empty one.
pub(super) fn body(bytes: &[u8]) -> Result<Value, Failure> {
    if bytes.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    let wrong = || Failure::body("", "a JSON object, not nested too deep");
    if snug_core::model::json_depth(bytes) > limits::JSON_DEPTH_MAX {
        return Err(wrong());
    }
    let read: Value = serde_json::from_slice(bytes).map_err(|_| wrong())?;
    if read.is_object() { Ok(read) } else { Err(wrong()) }
}

fn id_in(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Value::Object(user) => user.get("userId").and_then(id_in),
        _ => None,
    }
}

/// What is to be said: its type, its data, and the id that the client gave it.
pub(super) struct Said {
    pub(super) id: Option<MessageId>,
    pub(super) kind: String,
    pub(super) data: Box<RawValue>,
}

impl Said {
    pub(super) fn read(body: &Value) -> Result<Self, Failure> {
        let message = &body["threadMessage"];
        if !message.is_object() {
            return Err(Failure::body("threadMessage", "an object with type and data"));
        }
        let kind = message["type"].as_str().filter(|kind| {
            !kind.is_empty()
                && kind.len() <= limits::ID_BYTES_MAX
                && !kind.chars().any(char::is_control)
        });
        let kind = kind.ok_or_else(|| Failure::body("threadMessage.type", "1 to 128 bytes"))?;
        let id = match &message["messageId"] {
            Value::Null => None,
            Value::String(id) => {
                let expected = "1 to 64 printable ASCII characters, or nothing";
                // Rocket.Chat's clients have the ids that begin so, in the same rooms.
                let own = MessageId::new(id).ok().filter(|_| !id.starts_with(ROCKETCHAT_PREFIX));
                let wrong = || Failure::body("threadMessage.messageId", expected);
                Some(own.ok_or_else(wrong)?)
            }
            _ => return Err(Failure::body("threadMessage.messageId", "a string")),
        };
        let data = message.get("data").filter(|data| !data.is_null());
        let data = data.ok_or_else(|| Failure::body("threadMessage.data", "the message's data"))?;
        let most = limits::CUSTOM_BYTES_MAX.max(limits::TEXT_BYTES_MAX * 2);
        let text = data.to_string();
        if text.len() > most {
            return Err(snug_core::error::Error::too_large(
                "threadMessage.data",
                format!("at most {most} bytes"),
            )
            .into());
        }
        let data = RawValue::from_string(text);
        let data = data.map_err(|_| Failure::body("threadMessage.data", "JSON"))?;
        Ok(Self { id, kind: kind.to_owned(), data })
    }

    /// A sign of typing is not stored: on, or over.
    pub(super) fn typing(&self) -> Option<bool> {
        (self.kind == "typing").then(|| self.data.get() == "true")
    }
}

/// A thread to be made: contacts, and what is said first.
pub(super) fn new_thread(body: &Value) -> Result<NewThread, Failure> {
    let named = ["contactIds", "contacts", "contactId", "contact"];
    let given = named.iter().find_map(|name| body.get(name).filter(|value| !value.is_null()));
    let expected = "one contact or more, as ids or as users";
    let wrong = || Failure::body("contactIds", expected);
    let all = match given {
        Some(Value::Array(all)) => all.clone(),
        Some(one) => vec![one.clone()],
        None => return Err(wrong()),
    };
    if all.is_empty() || all.len() > limits::MEMBERS_PER_REQUEST_MAX {
        return Err(wrong());
    }
    let mut contacts = Vec::with_capacity(all.len());
    for one in &all {
        let id = id_in(one).and_then(|id| UserId::new(&id).ok()).ok_or_else(wrong)?;
        if !contacts.contains(&id) {
            contacts.push(id);
        }
    }
    let said = Said::read(body)?;
    if said.typing().is_some() {
        return Err(Failure::body("threadMessage.type", "something that can be stored"));
    }
    let key = match &body["idempotencyKey"] {
        Value::Null => said.id.map(|id| id.to_string()),
        Value::String(key) if (1..=limits::ID_BYTES_MAX).contains(&key.len()) => Some(key.clone()),
        _ => return Err(Failure::body("idempotencyKey", "1 to 128 bytes")),
    };
    Ok(NewThread { contacts, message: (said.kind, said.data), key })
}

/// `threadAndMessages`.
pub(super) fn thread(thread: &BridgedThread) -> Value {
    let messages: Vec<Value> = thread.messages.iter().map(|raw| value(raw)).collect();
    json!({ "thread": value(&thread.thread), "messages": messages })
}

/// The answer to the author: `threadAndMessages` with the one, which also stands by itself.
pub(super) fn sent(sent: &BridgedMessage) -> Value {
    let message = value(&sent.message);
    json!({ "thread": value(&sent.thread), "messages": [message], "threadMessage": message })
}

/// What listeners are told.
pub(super) fn told(room: &RoomId, message: &Value) -> Value {
    json!({ "threadId": room.as_str(), "threadMessage": message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_come_in_every_spelling() {
        let said = json!({ "type": "text", "data": { "messageText": "hi" } });
        for body in [
            json!({ "contactIds": ["bob", 7], "threadMessage": said }),
            json!({ "contacts": [{ "userId": "bob" }, { "userId": 7 }], "threadMessage": said }),
            json!({ "contacts": ["bob", "7", "bob"], "threadMessage": said }),
        ] {
            let read = new_thread(&body).unwrap();
            let ids: Vec<&str> = read.contacts.iter().map(UserId::as_str).collect();
            assert_eq!(ids, ["bob", "7"], "{body}");
        }
        for contacts in [json!([]), json!(null), json!([null]), json!([""]), json!([1.5])] {
            let body = json!({ "contactIds": contacts, "threadMessage": said });
            assert!(new_thread(&body).is_err(), "{body}");
        }
    }

    #[test]
    fn what_is_said_has_type_and_data() {
        let bad = [
            json!({}),
            json!({ "threadMessage": "hi" }),
            json!({ "threadMessage": { "data": 1 } }),
            json!({ "threadMessage": { "type": "", "data": 1 } }),
            json!({ "threadMessage": { "type": "text" } }),
            json!({ "threadMessage": { "type": "a", "data": 1, "messageId": "語" } }),
            json!({ "threadMessage": { "type": "a", "data": 1, "messageId": 5 } }),
            json!({ "threadMessage": { "type": "a", "data": 1, "messageId": "rc:1" } }),
        ];
        for body in bad {
            assert!(Said::read(&body).is_err(), "{body}");
        }
        let typing = json!({ "threadMessage": { "type": "typing", "data": false } });
        assert_eq!(Said::read(&typing).unwrap().typing(), Some(false));
    }
}
