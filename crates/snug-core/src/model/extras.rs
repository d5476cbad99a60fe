//! What a message carries beside its words: how they are written, whom it mentions, what it
//! answers, a card, a place, whose words it passes on.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};

use super::{CustomJson, Patch, Role, Time};
use crate::ids::{MessageId, UserId};

/// One stored document (`extras` of a message's row), and what members see of it. Fields are only
/// ever added, and those that a build does not know are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extras {
    #[serde(default, skip_serializing_if = "Mentions::is_empty")]
    pub mentions: Mentions,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyTo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Forwarded>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known_format")]
    pub format: Option<Format>,
}

/// How a message's text is written; plain without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The subset that `markdown.rs` reads. The text is the source.
    Markdown,
}

impl Format {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text == Self::Markdown.as_str()).then_some(Self::Markdown)
    }
}

/// One that a later build wrote is shown as plain text here.
fn known_format<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Format>, D::Error> {
    let word = Option::<String>::deserialize(from)?;
    Ok(word.as_deref().and_then(Format::parse))
}

/// New words of a message, as a door or the app's hook hands them over: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditMessage {
    pub text: Option<String>,
    /// Of the new text; absent, that is plain.
    pub format: Option<Format>,
    pub custom: Option<CustomJson>,
    pub mentions: Patch<Mentions>,
    /// Of a card only.
    pub card: Option<Card>,
    /// Of a place only.
    pub location: Option<Location>,
}

/// Whom a message is meant for in particular. Its text says so in words (`@` and a name); this
/// says who is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mentions {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// All members.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub everyone: bool,
}

/// The message that is answered: of the same room, and never one of after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyTo {
    pub id: MessageId,
    pub seq: u64,
}

/// Whose words a message passes on. Not from which room: who reads them here may not know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarded {
    /// Who said them first, however often they were passed on.
    pub sender: UserId,
    /// When.
    pub at: Time,
}

/// A picture, words and things to do. At least a title or a text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<CardImage>,
    /// Where the card leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<CardAction>,
}

/// A card's picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardImage {
    pub url: String,
    /// What it shows, for who cannot see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
}

/// A button of a card: a link when it has an address, else the page around the chat is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardAction {
    /// Unique in its card.
    pub id: String,
    pub label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    pub lat: Degrees,
    pub lng: Degrees,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// An angle in ten-millionths of a degree (about a centimetre): what is read is what was written,
/// which floating point does not promise. On the wire and in documents a number of degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Degrees(i32);

const PARTS: f64 = 10_000_000.0;

impl Degrees {
    /// Degrees within ±180.
    #[must_use]
    pub fn new(degrees: f64) -> Option<Self> {
        if !(-180.0..=180.0).contains(&degrees) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "±1.8e9 fits")]
        Some(Self((degrees * PARTS).round() as i32))
    }

    #[must_use]
    pub fn get(self) -> f64 {
        f64::from(self.0) / PARTS
    }
}

impl TryFrom<f64> for Degrees {
    type Error = &'static str;
    fn try_from(degrees: f64) -> Result<Self, Self::Error> {
        Self::new(degrees).ok_or("degrees from -180 to 180")
    }
}

impl From<Degrees> for f64 {
    fn from(degrees: Degrees) -> Self {
        degrees.get()
    }
}

/// No other target is like it: the others have a letter and a colon before them.
const EVERYONE: &str = "*";

fn target_of_role(role: Role) -> String {
    format!("r:{}", role.as_str())
}

pub(super) fn target_of_user(user: &UserId) -> String {
    format!("u:{user}")
}

impl Mentions {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.roles.is_empty() && !self.everyone
    }

    /// Whether a member is meant, in the role that they have.
    #[must_use]
    pub fn mean(&self, user: &UserId, role: Role) -> bool {
        self.everyone || self.roles.contains(&role) || self.users.contains(user)
    }

    /// Whom it means, as stores index it.
    #[must_use]
    pub fn targets(&self) -> BTreeSet<String> {
        let everyone = self.everyone.then(|| EVERYONE.to_owned());
        let roles = self.roles.iter().map(|role| target_of_role(*role));
        let users = self.users.iter().map(target_of_user);
        everyone.into_iter().chain(roles).chain(users).collect()
    }

    /// The targets under which a member finds what means them: everyone, the role, the user.
    #[must_use]
    pub fn targets_of(user: &UserId, role: Role) -> [String; 3] {
        [EVERYONE.to_owned(), target_of_role(role), target_of_user(user)]
    }

    /// Whether more are meant than are named.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.everyone || !self.roles.is_empty()
    }
}

impl Extras {
    /// The document, if there is anything to say.
    #[must_use]
    pub fn stored(&self) -> Option<String> {
        if *self == Self::default() {
            return None;
        }
        // Strings, numbers and lists: it cannot fail.
        serde_json::to_string(self).ok()
    }

    /// # Errors
    /// What is wrong with a document that no build has written.
    pub fn from_stored(text: &str) -> Result<Box<Self>, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// The words of a card or a place, for whoever cannot show it: lists, notices, older pages,
    /// other systems' clients.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let card = self.card.as_ref();
        let place = self.location.as_ref();
        let words = [
            card.and_then(|card| card.title.as_deref()),
            card.and_then(|card| card.text.as_deref()),
            place.and_then(|place| place.name.as_deref()),
            place.and_then(|place| place.address.as_deref()),
        ];
        let numbers = || place.map(|place| format!("{}, {}", place.lat.get(), place.lng.get()));
        words.into_iter().flatten().next().map(str::to_owned).or_else(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The document of a released build: it may gain fields, and this text is never edited.
    const V1: &str = r#"{"mentions":{"users":["anna","ben 2"],"roles":["admin"],"everyone":true},"reply_to":{"id":"m-1","seq":7},"card":{"title":"Bicycle","text":"90 €","image":{"url":"https://x.example/1.png","alt":"A bicycle"},"url":"https://x.example/1","actions":[{"id":"buy","label":"Buy"},{"id":"more","label":"More","url":"https://x.example/2"}]},"location":{"lat":25.0339639,"lng":121.5644722,"name":"Taipei 101","address":"台北市信義路五段7號"}}"#;
    const FORWARDED: &str = r#"{"forwarded":{"sender":"anna","at":1760000000000000001}}"#;
    const MARKDOWN: &str = r#"{"format":"markdown"}"#;

    #[test]
    fn the_stored_document_reads_as_it_was_written() {
        let extras = Extras::from_stored(V1).unwrap();
        assert_eq!(extras.stored().as_deref(), Some(V1));
        assert_eq!(extras.location.unwrap().lat.get(), 25.033_963_9);
        let forwarded = Extras::from_stored(FORWARDED).unwrap();
        assert_eq!(forwarded.stored().as_deref(), Some(FORWARDED));
        let marked = Extras::from_stored(MARKDOWN).unwrap();
        assert_eq!(marked.stored().as_deref(), Some(MARKDOWN));
        let later = r#"{"poll":{"of":"a later build"},"format":"of a later build"}"#;
        let later = Extras::from_stored(later).unwrap();
        assert_eq!(*later, Extras::default());
        assert_eq!(later.stored(), None);
        assert!(Extras::from_stored("{").is_err());
    }

    #[test]
    fn degrees_are_what_was_written() {
        for degrees in [0.0, -180.0, 180.0, 12.345_678_9, -0.000_000_1, 89.999_999_9] {
            assert_eq!(Degrees::new(degrees).unwrap().get(), degrees);
        }
        for degrees in [180.000_1, f64::NAN, f64::INFINITY] {
            assert!(Degrees::new(degrees).is_none());
        }
    }
}
