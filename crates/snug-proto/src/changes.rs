//! What may be done to a stored message, and channels, as every door takes and answers them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use snug_core::engine::{ChannelsPage, EditMessage};
use snug_core::error::Error;
use snug_core::ids::{MessageId, RoomId};
use snug_core::model::{self, Patch};
use utoipa::ToSchema;

use crate::extras::{Card, Location, Mentions, format_of, format_word};
use crate::object::{Message, Room, User, list};
use crate::value::{CustomIn, Id, WireTime, custom, object, patch_object, raw};

/// New words of a message; at least one field, and what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct EditBody {
    pub text: Option<String>,
    /// `markdown`: how the new text is written; plain when absent.
    pub format: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub custom: Option<CustomIn>,
    /// All of them; `null` takes them away.
    #[serde(default, deserialize_with = "patch_object")]
    #[schema(value_type = Option<Mentions>)]
    pub mentions: Patch<Mentions>,
    /// The whole card of a card.
    #[serde(default, deserialize_with = "object")]
    pub card: Option<Card>,
    /// The whole place of a location.
    #[serde(default, deserialize_with = "object")]
    pub location: Option<Location>,
}

impl TryFrom<EditBody> for EditMessage {
    type Error = Error;
    fn try_from(body: EditBody) -> Result<Self, Error> {
        let EditBody { text, format, custom: json, mentions, card, location } = body;
        let format = format_of(format.as_deref())?;
        let mentions = match mentions {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(mentions) => Patch::Set(mentions.into()),
        };
        let location = location.map(TryInto::try_into).transpose()?;
        let card = card.map(Into::into);
        Ok(Self { text, format, custom: custom(json), mentions, card, location })
    }
}

/// Whether a message is out of sight.
#[derive(Debug, Deserialize, ToSchema)]
pub struct HideBody {
    pub on: bool,
}

/// `message.edit`: the REST body, with its room and message.
#[derive(Debug, Deserialize)]
pub struct EditData {
    pub room: Id<RoomId>,
    pub id: Id<MessageId>,
    pub text: Option<String>,
    pub format: Option<String>,
    pub custom: Option<CustomIn>,
    #[serde(default, deserialize_with = "patch_object")]
    pub mentions: Patch<Mentions>,
    #[serde(default, deserialize_with = "object")]
    pub card: Option<Card>,
    #[serde(default, deserialize_with = "object")]
    pub location: Option<Location>,
}

impl EditData {
    /// Where, and the REST body of the same meaning.
    #[must_use]
    pub fn into_body(self) -> (RoomId, MessageId, EditBody) {
        let Self { room, id, text, format, custom, mentions, card, location } = self;
        (room.0, id.0, EditBody { text, format, custom, mentions, card, location })
    }
}

/// Ops that name a message and nothing else.
#[derive(Debug, Deserialize)]
pub struct MessageData {
    pub room: Id<RoomId>,
    pub id: Id<MessageId>,
}

/// `message.react`.
#[derive(Debug, Deserialize)]
pub struct ReactData {
    pub room: Id<RoomId>,
    pub id: Id<MessageId>,
    pub key: String,
    pub on: bool,
}

/// `message.pin`.
#[derive(Debug, Deserialize)]
pub struct PinData {
    pub room: Id<RoomId>,
    pub id: Id<MessageId>,
    pub on: bool,
}

/// `channels.list`.
#[derive(Debug, Deserialize)]
pub struct ChannelsListData {
    pub limit: Option<usize>,
    pub cursor: Option<Id<RoomId>>,
}

/// The answer to ops that change a message: the message as it is now.
#[derive(Debug, Serialize, Deserialize)]
pub struct MessageAnswer {
    pub message: Message,
}

/// A room's pinned messages, those pinned last first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PinsAnswer {
    pub messages: Vec<Message>,
    /// Their senders.
    pub users: Vec<User>,
}

impl From<(Vec<model::Message>, Vec<model::User>)> for PinsAnswer {
    fn from((messages, users): (Vec<model::Message>, Vec<model::User>)) -> Self {
        Self { messages: list(messages), users: list(users) }
    }
}

/// The words of a message that edits have replaced, the newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct VersionsAnswer {
    pub versions: Vec<Version>,
}

/// Words that an edit has replaced.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// Rev of the message while it had them, at the last.
    pub rev: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `markdown`; plain when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub custom: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Mentions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Who replaced them; absent when it was the backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub replaced_at: WireTime,
}

impl From<Vec<model::MessageVersion>> for VersionsAnswer {
    fn from(versions: Vec<model::MessageVersion>) -> Self {
        Self { versions: list(versions) }
    }
}

impl From<model::MessageVersion> for Version {
    fn from(version: model::MessageVersion) -> Self {
        let model::MessageVersion { rev, text, custom, extras, by, at } = version;
        // What it answers, and whose words it passes on, no edit changes.
        let model::Extras { mentions, reply_to: _, card, location, forwarded: _, format } =
            extras.map(|extras| *extras).unwrap_or_default();
        Self {
            rev,
            text,
            format: format_word(format),
            custom: raw(custom),
            mentions: Some(mentions).filter(|all| !all.is_empty()).map(Into::into),
            card: card.map(Into::into),
            location: location.map(Into::into),
            replaced_by: by.map(Into::into),
            replaced_at: WireTime(at),
        }
    }
}

/// A page of the app's channels by id.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ChannelsAnswer {
    /// Without members and without the caller's own standing.
    pub rooms: Vec<Room>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl From<ChannelsPage> for ChannelsAnswer {
    fn from(page: ChannelsPage) -> Self {
        let ChannelsPage { rooms, next } = page;
        let rooms = rooms.into_iter().map(|room| Room::of(room, Vec::new(), None)).collect();
        Self { rooms, next: next.map(Into::into) }
    }
}
