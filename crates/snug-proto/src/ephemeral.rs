//! Words for who has a room open, kept nowhere: how they are said and heard.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use snug_core::engine::{SayEphemeral, SendExtras, SendMessage};
use snug_core::error::Error;
use snug_core::ids::{MessageId, RoomId, UserId};
use snug_core::model;
use utoipa::ToSchema;

use crate::extras::{Card, Location, format_of, format_word};
use crate::rest::kind_of;
use crate::value::{CustomIn, Id, WireTime, custom, ids, object, raw};

/// The words of a message, within the bounds of a message.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct EphemeralBody {
    /// Backends only.
    #[schema(value_type = Option<String>)]
    pub sender: Option<Id<UserId>>,
    /// `text`, `custom`, `card`, `location`, and for backends `system`.
    pub kind: Option<String>,
    pub text: Option<String>,
    /// `markdown`: how the text is written; plain when absent.
    pub format: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub custom: Option<CustomIn>,
    #[serde(default, deserialize_with = "object")]
    pub card: Option<Card>,
    #[serde(default, deserialize_with = "object")]
    pub location: Option<Location>,
    /// Backends only: the members who alone are to see it, up to 50; who is no member is passed
    /// over.
    #[schema(value_type = Option<Vec<String>>)]
    pub to: Option<Vec<Id<UserId>>>,
}

/// `message.ephemeral`: the REST body, with its room.
#[derive(Debug, Deserialize)]
pub struct EphemeralData {
    pub room: Id<RoomId>,
    pub kind: Option<String>,
    pub text: Option<String>,
    pub format: Option<String>,
    pub custom: Option<CustomIn>,
    #[serde(default, deserialize_with = "object")]
    pub card: Option<Card>,
    #[serde(default, deserialize_with = "object")]
    pub location: Option<Location>,
    /// Refused: what is ignored would be told to all.
    pub to: Option<Vec<Id<UserId>>>,
}

impl EphemeralData {
    /// Where, and the REST body of the same meaning.
    #[must_use]
    pub fn into_body(self) -> (RoomId, EphemeralBody) {
        let Self { room, kind, text, format, custom, card, location, to } = self;
        (room.0, EphemeralBody { sender: None, kind, text, format, custom, card, location, to })
    }
}

impl TryFrom<EphemeralBody> for SayEphemeral {
    type Error = Error;
    fn try_from(body: EphemeralBody) -> Result<Self, Error> {
        let EphemeralBody { sender, kind, text, format, custom: json, card, location, to } = body;
        let extras = SendExtras {
            card: card.map(Into::into),
            location: location.map(TryInto::try_into).transpose()?,
            format: format_of(format.as_deref())?,
            ..SendExtras::default()
        };
        let words = SendMessage {
            sender: sender.map(|id| id.0),
            kind: kind_of(kind.as_deref())?,
            text,
            custom: custom(json),
            extras,
            ..SendMessage::default()
        };
        Ok(Self { words, to: to.map(ids) })
    }
}

/// It was said, to whoever was there.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EphemeralAnswer {
    /// As in the event; nothing is found by it.
    pub id: String,
}

impl From<MessageId> for EphemeralAnswer {
    fn from(id: MessageId) -> Self {
        Self { id: id.into() }
    }
}

/// The event `message.ephemeral`: it takes no rev.
#[derive(Debug, Serialize, Deserialize)]
pub struct EphemeralEvent {
    pub room: String,
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    pub created_at: WireTime,
    /// Others who have the room open do not see it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_you: bool,
}

impl EphemeralEvent {
    #[must_use]
    pub fn of(room: &RoomId, said: model::Ephemeral) -> Self {
        let model::Ephemeral { id, sender, kind, text, custom, extras, created_at, to } = said;
        let extras = extras.map(|extras| *extras).unwrap_or_default();
        // The rest is of stored messages only.
        let model::Extras { card, location, format, .. } = extras;
        Self {
            room: room.to_string(),
            id: id.into(),
            sender: sender.map(Into::into),
            kind: kind.as_str().to_owned(),
            text,
            format: format_word(format),
            custom: raw(custom),
            card: card.map(Into::into),
            location: location.map(Into::into),
            created_at: WireTime(created_at),
            only_you: to.is_some(),
        }
    }
}
