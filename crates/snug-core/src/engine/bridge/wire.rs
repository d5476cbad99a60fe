//! What the backend says, read leniently where it may be and strictly where Snug builds on it.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{broken, fault};
use crate::engine::extras::hashed_format;
use crate::engine::messages::{payload_hash, with_extras};
use crate::error::Result;
use crate::ids::{RoomId, UserId};
use crate::model::{CustomJson, Extras, Format, Message, MessageKind, words};
use crate::ports::{NewMessage, PayloadHash};

/// A customer's id may be a JSON integer: then it is its decimal string.
fn text<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<String, D::Error> {
    match Value::deserialize(from)? {
        Value::String(text) => Ok(text),
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        _ => Err(serde::de::Error::custom("an id is a string or an integer")),
    }
}

fn user_id<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<UserId, D::Error> {
    UserId::new(&text(from)?).map_err(serde::de::Error::custom)
}

fn room_id<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<RoomId, D::Error> {
    RoomId::new(&text(from)?).map_err(serde::de::Error::custom)
}

fn user_ids<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Vec<UserId>, D::Error> {
    #[derive(Deserialize)]
    struct One(#[serde(deserialize_with = "user_id")] UserId);
    Ok(Vec::<One>::deserialize(from)?.into_iter().map(|one| one.0).collect())
}

/// A person, as a contact, a member or the payload of a user token.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BridgeUser {
    #[serde(deserialize_with = "user_id")]
    pub(super) user_id: UserId,
    #[serde(default)]
    pub(super) display_name: Option<String>,
    /// Of a contact: `topic` for a matter.
    #[serde(default)]
    pub(super) kind: Value,
    #[serde(default)]
    pub(super) data: Option<Box<RawValue>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct UserClaims {
    #[serde(flatten)]
    pub(super) user: Named,
    #[serde(default)]
    pub(super) exp: Option<f64>,
}

/// `flatten` knows no raw JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Named {
    #[serde(deserialize_with = "user_id")]
    pub(super) user_id: UserId,
    #[serde(default)]
    pub(super) display_name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThreadClaims {
    #[serde(deserialize_with = "room_id")]
    pub(super) thread_id: RoomId,
    #[serde(deserialize_with = "user_ids")]
    pub(super) member_ids: Vec<UserId>,
    #[serde(default)]
    pub(super) iat: Option<f64>,
    #[serde(default)]
    pub(super) exp: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BridgeThread {
    #[serde(deserialize_with = "room_id")]
    pub(super) thread_id: RoomId,
    pub(super) thread_token: String,
    pub(super) members: Vec<BridgeUser>,
    #[serde(default)]
    pub(super) last_message_time: Value,
    #[serde(default)]
    pub(super) data: Option<Box<RawValue>>,
}

impl BridgeThread {
    pub(super) fn read(raw: &RawValue) -> Result<Self> {
        serde_json::from_str(raw.get())
            .map_err(|error| broken(format!("a thread: {}", fault(&error))))
    }

    /// When the backend last had something new in it; compared, never read.
    pub(super) fn time(&self) -> String {
        self.last_message_time.to_string()
    }

    /// What the room is called, if the customer's data says so.
    pub(super) fn name(&self) -> Option<String> {
        let data: Value = serde_json::from_str(self.data.as_ref()?.get()).ok()?;
        let name = data["name"].as_str().or_else(|| data["title"].as_str())?;
        let fits = !name.is_empty()
            && name.len() <= crate::limits::NAME_BYTES_MAX
            && !name.chars().any(char::is_control);
        fits.then(|| name.to_owned())
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BridgeMessage {
    #[serde(deserialize_with = "text")]
    pub(super) message_id: String,
    #[serde(deserialize_with = "user_id")]
    pub(super) from_user_id: UserId,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) data: Box<RawValue>,
    /// The key under which it was sent, where the backend shows it.
    #[serde(default)]
    pub(super) idempotency_key: Option<String>,
}

impl BridgeMessage {
    pub(super) fn read(raw: &RawValue) -> Result<Self> {
        let read: Self = serde_json::from_str(raw.get())
            .map_err(|error| broken(format!("a threadMessage: {}", fault(&error))))?;
        let fits = !read.message_id.is_empty()
            && read.message_id.len() <= crate::limits::ID_BYTES_MAX
            && !read.message_id.chars().any(char::is_control);
        if fits { Ok(read) } else { Err(broken("a messageId of 1 to 128 bytes")) }
    }
}

/// The words of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) text: Option<String>,
    /// How the text is written, where the backend keeps that, too.
    pub(super) format: Option<Format>,
    pub(super) custom: Option<CustomJson>,
}

impl Body {
    /// The words of a message that is not stored yet.
    pub(super) fn of(message: &NewMessage) -> Self {
        let format = message.extras.as_ref().and_then(|extras| extras.format);
        Self { text: message.text.clone(), format, custom: message.custom.clone() }
    }

    /// What a message carries beside these words: a bridged one nothing but their format.
    pub(super) fn extras(&self) -> Option<Box<Extras>> {
        let format = self.format?;
        Some(Box::new(Extras { format: Some(format), ..Extras::default() }))
    }

    /// Puts them into a message.
    pub(super) fn put(self, message: &mut Message) {
        message.extras = self.extras();
        (message.text, message.custom) = (self.text, self.custom);
    }

    /// The text without marks.
    pub(super) fn words(&self) -> Option<String> {
        self.text.as_deref().map(|text| words(text, self.format).into_owned())
    }

    /// What a payload of these words hashes to.
    pub(super) fn hash(
        &self,
        sender: Option<&UserId>,
        kind: MessageKind,
        silent: bool,
    ) -> PayloadHash {
        self.hash_as(self.format, (sender, kind, silent))
    }

    /// Whether a payload of these words was hashed to that; a backend may not keep the format, or
    /// say one of its own.
    pub(super) fn was_hashed(
        &self,
        hash: &PayloadHash,
        (sender, kind, silent): (Option<&UserId>, MessageKind, bool),
    ) -> bool {
        let mut formats = [None, Some(Format::Markdown)].into_iter();
        formats.any(|format| *hash == self.hash_as(format, (sender, kind, silent)))
    }

    fn hash_as(
        &self,
        format: Option<Format>,
        (sender, kind, silent): (Option<&UserId>, MessageKind, bool),
    ) -> PayloadHash {
        let hash = payload_hash(sender, kind, self.text.as_deref(), self.custom.as_ref(), silent);
        format.map_or(hash, |format| with_extras(hash, &hashed_format(format)))
    }

    pub(super) fn bytes(&self) -> usize {
        let custom = self.custom.as_ref().map_or(0, |custom| custom.as_str().len());
        self.text.as_ref().map_or(0, String::len) + custom
    }

    /// The words and the kind behind a message's type and data.
    pub(super) fn read(kind: &str, data: &RawValue) -> Result<(MessageKind, Self)> {
        let custom = |text: String| {
            CustomJson::from_stored(text).map_err(|_| broken("a threadMessage's data is JSON"))
        };
        match kind {
            "text" | "system" => {
                #[derive(Deserialize)]
                struct Data {
                    #[serde(rename = "messageText", default)]
                    text: Option<String>,
                    /// Whatever else a backend says here is its own.
                    #[serde(default)]
                    format: Option<Value>,
                    #[serde(default)]
                    custom: Option<Box<RawValue>>,
                }
                let data: Data = serde_json::from_str(data.get())
                    .map_err(|_| broken("the data of a text has messageText"))?;
                let rest = data.custom.map(|raw| custom(raw.get().to_owned())).transpose()?;
                let format = data.format.as_ref().and_then(Value::as_str).and_then(Format::parse);
                let format = format.filter(|_| data.text.is_some());
                let body = Self { text: data.text, format, custom: rest };
                if kind == "system" {
                    return Ok((MessageKind::System, body));
                }
                if body.text.as_ref().is_none_or(String::is_empty) {
                    return Err(broken("the data of a text has messageText"));
                }
                Ok((MessageKind::Text, body))
            }
            "custom" => {
                let all = Some(custom(data.get().to_owned())?);
                Ok((MessageKind::Custom, Self { custom: all, ..Self::default() }))
            }
            other => {
                let all = format!("{{\"type\":{},\"data\":{}}}", json!(other), data.get());
                let all = Some(custom(all)?);
                Ok((MessageKind::Custom, Self { custom: all, ..Self::default() }))
            }
        }
    }

    /// The type and data that say these words.
    pub(super) fn write(&self, kind: MessageKind) -> (String, Value) {
        let raw = |custom: &CustomJson| -> Value {
            serde_json::from_str(custom.as_str()).unwrap_or(Value::Null)
        };
        match (kind, &self.text, &self.custom) {
            (MessageKind::Custom, None, Some(custom)) => {
                let value = raw(custom);
                match named_type(&value) {
                    Some(named) => (named.to_owned(), value["data"].clone()),
                    None => ("custom".to_owned(), value),
                }
            }
            (kind, text, custom) => {
                let mut data = json!({});
                if let Some(text) = text {
                    data["messageText"] = json!(text);
                }
                if let Some(format) = self.format {
                    data["format"] = json!(format.as_str());
                }
                if let Some(custom) = custom {
                    data["custom"] = raw(custom);
                }
                let kind = if kind == MessageKind::System { "system" } else { "text" };
                (kind.to_owned(), data)
            }
        }
    }
}

/// The type of a custom message that is nothing but `{"type", "data"}`: one of another type than
/// the reserved ones, as it reads natively.
fn named_type(value: &Value) -> Option<&str> {
    let object = value.as_object().filter(|object| object.len() == 2)?;
    let kind = object.get("type")?.as_str()?;
    object.get("data")?;
    let reserved = ["text", "typing", "system", "custom"].contains(&kind);
    (!reserved && !kind.is_empty() && kind.len() <= crate::limits::ID_BYTES_MAX).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_they_went() {
        for (kind, data, shown) in [
            ("text", r#"{"messageText":"嗨"}"#, MessageKind::Text),
            ("text", r#"{"messageText":"a","custom":{"b":[1]}}"#, MessageKind::Text),
            ("text", r#"{"messageText":"*a*","format":"markdown"}"#, MessageKind::Text),
            ("custom", r#"{"a":1}"#, MessageKind::Custom),
            ("location", r#"{"lat":1.5}"#, MessageKind::Custom),
            ("system", r#"{"messageText":"closed"}"#, MessageKind::System),
        ] {
            let raw: &RawValue = serde_json::from_str(data).unwrap();
            let (read, body) = Body::read(kind, raw).unwrap();
            assert_eq!(read, shown, "{kind}");
            let (back, value) = body.write(read);
            assert_eq!((back.as_str(), value), (kind, serde_json::from_str(data).unwrap()));
        }
        for (kind, data) in [("text", "{}"), ("text", "[]"), ("text", r#"{"messageText":1}"#)] {
            assert!(Body::read(kind, serde_json::from_str(data).unwrap()).is_err(), "{data}");
        }
    }

    #[test]
    fn integers_are_ids_too() {
        let raw = r#"{"messageId":7,"fromUserId":42,"type":"text","data":{}}"#;
        let read = BridgeMessage::read(serde_json::from_str(raw).unwrap()).unwrap();
        assert_eq!((read.message_id.as_str(), read.from_user_id.as_str()), ("7", "42"));
        for bad in [r#""""#, "1.5", "null", "{}"] {
            let raw = format!(r#"{{"messageId":{bad},"fromUserId":"a","type":"t","data":1}}"#);
            assert!(BridgeMessage::read(serde_json::from_str(&raw).unwrap()).is_err(), "{bad}");
        }
    }
}
