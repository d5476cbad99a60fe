//! What a message carries beside its words, as every door takes and answers it.

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use snug_core::engine::{self, SendExtras};
use snug_core::error::Error;
use snug_core::ids::{MessageId, RoomId, UserId};
use snug_core::model::{self, Degrees, Format, Role};
use utoipa::ToSchema;

use crate::value::{Id, WireTime, ids, object, or_default};

/// Whom a message is meant for in particular; its text says so in words, `@` and a name.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Mentions {
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    #[schema(value_type = Vec<String>)]
    pub users: Vec<Id<UserId>>,
    /// `owner`, `admin`, `member`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "roles")]
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
    /// All members.
    #[serde(default, skip_serializing_if = "std::ops::Not::not", deserialize_with = "or_default")]
    pub everyone: bool,
}

fn roles<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Role>, D::Error> {
    let words: Vec<String> = or_default(from)?;
    let role = |word: String| Role::parse(&word).ok_or("member, admin or owner");
    words.into_iter().map(role).collect::<Result<_, _>>().map_err(de::Error::custom)
}

/// The message that is answered; its words are asked for by its id.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReplyTo {
    pub id: String,
    pub seq: u64,
}

/// The message whose words are sent once more; nothing else of a message stands beside it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Forward {
    #[schema(value_type = String)]
    pub room: Id<RoomId>,
    #[schema(value_type = String)]
    pub id: Id<MessageId>,
}

/// Who said the words first, and when.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Forwarded {
    pub sender: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: WireTime,
}

/// A picture, words and buttons; at least a title or a text.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Card {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object")]
    pub image: Option<CardImage>,
    /// Where the card leads: http or https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub actions: Vec<CardAction>,
}

/// A card's picture.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CardImage {
    pub url: String,
    /// What it shows, for who cannot see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
}

/// A button of a card: a link when it has an address, else the page around the chat is told.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CardAction {
    /// Unique in its card.
    pub id: String,
    pub label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A place, in degrees.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Location {
    pub lat: f64,
    pub lng: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl From<Mentions> for model::Mentions {
    fn from(wire: Mentions) -> Self {
        let Mentions { users, roles, everyone } = wire;
        Self { users: ids(users), roles, everyone }
    }
}

impl From<model::Mentions> for Mentions {
    fn from(mentions: model::Mentions) -> Self {
        let model::Mentions { users, roles, everyone } = mentions;
        Self { users: users.into_iter().map(Id).collect(), roles, everyone }
    }
}

impl From<model::ReplyTo> for ReplyTo {
    fn from(reply: model::ReplyTo) -> Self {
        let model::ReplyTo { id, seq } = reply;
        Self { id: id.into(), seq }
    }
}

impl From<model::Forwarded> for Forwarded {
    fn from(forwarded: model::Forwarded) -> Self {
        let model::Forwarded { sender, at } = forwarded;
        Self { sender: sender.into(), created_at: WireTime(at) }
    }
}

impl From<Card> for model::Card {
    fn from(wire: Card) -> Self {
        let Card { title, text, image, url, actions } = wire;
        let image = image.map(|CardImage { url, alt }| model::CardImage { url, alt });
        let action = |CardAction { id, label, url }| model::CardAction { id, label, url };
        Self { title, text, image, url, actions: actions.into_iter().map(action).collect() }
    }
}

impl From<model::Card> for Card {
    fn from(card: model::Card) -> Self {
        let model::Card { title, text, image, url, actions } = card;
        let image = image.map(|model::CardImage { url, alt }| CardImage { url, alt });
        let action = |model::CardAction { id, label, url }| CardAction { id, label, url };
        Self { title, text, image, url, actions: actions.into_iter().map(action).collect() }
    }
}

impl TryFrom<Location> for model::Location {
    type Error = Error;
    fn try_from(wire: Location) -> Result<Self, Error> {
        let Location { lat, lng, name, address } = wire;
        let degrees = |field: &str, degrees, most| {
            let expected = format!("degrees from -{most} to {most}");
            Degrees::new(degrees).ok_or_else(|| Error::invalid(field, expected))
        };
        let lat = degrees("location.lat", lat, 90)?;
        Ok(Self { lat, lng: degrees("location.lng", lng, 180)?, name, address })
    }
}

impl From<model::Location> for Location {
    fn from(place: model::Location) -> Self {
        let model::Location { lat, lng, name, address } = place;
        Self { lat: lat.get(), lng: lng.get(), name, address }
    }
}

/// How a text is written, by its word.
///
/// # Errors
/// One that there is not.
pub fn format_of(word: Option<&str>) -> Result<Option<Format>, Error> {
    let known = |word| Format::parse(word).ok_or_else(|| Error::invalid("format", "markdown"));
    word.map(known).transpose()
}

/// The word of a format.
#[must_use]
pub fn format_word(format: Option<Format>) -> Option<String> {
    format.map(|format| format.as_str().to_owned())
}

/// The parts of a send, as the engine takes them.
///
/// # Errors
/// A place that is none.
pub fn send_extras(
    mentions: Option<Mentions>,
    reply_to: Option<Id<MessageId>>,
    card: Option<Card>,
    location: Option<Location>,
    forward: Option<Forward>,
    thread: Option<Id<MessageId>>,
) -> Result<SendExtras, Error> {
    Ok(SendExtras {
        mentions: mentions.unwrap_or_default().into(),
        mentions_read: false,
        reply_to: reply_to.map(|id| id.0),
        card: card.map(Into::into),
        location: location.map(TryInto::try_into).transpose()?,
        forward: forward.map(|of| engine::ForwardOf { room: of.room.0, id: of.id.0 }),
        thread: thread.map(|id| id.0),
        format: None,
    })
}
