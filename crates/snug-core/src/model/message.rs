//! A message and its preview.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::extras::target_of_user;
use super::{CustomJson, Extras, Format, Mark, Mentions, ThreadPlace, ThreadSummary, Time, plain};
use crate::ids::{MessageId, RoomId, UserId};
use crate::limits;

/// The kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MessageKind {
    Text,
    /// The customer's own JSON.
    Custom,
    /// A picture, words and buttons; its text says the same in words.
    Card,
    /// A place; its text says where in words.
    Location,
    /// Said by the room, not by a person; never counts as unread.
    System,
}

impl MessageKind {
    /// Every kind, for documents and errors.
    pub const ALL: [Self; 5] = [Self::Text, Self::Custom, Self::Card, Self::Location, Self::System];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Custom => "custom",
            Self::Card => "card",
            Self::Location => "location",
            Self::System => "system",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub id: MessageId,
    /// The id under which the customer's backend keeps it; then its words are there and not here.
    pub external: Option<String>,
    pub room: RoomId,
    /// Place in the room: 1, 2, 3 … without holes.
    pub seq: u64,
    /// Rev of its latest change.
    pub rev: u64,
    /// Rev at which it was stored: what a repeated send is answered with.
    pub first_rev: u64,
    pub sender: Option<UserId>,
    pub kind: MessageKind,
    pub text: Option<String>,
    pub custom: Option<CustomJson>,
    /// Boxed: most messages have none.
    pub extras: Option<Box<Extras>>,
    /// Wakes nobody and never counts as unread.
    pub silent: bool,
    /// The room's counting number after this message.
    pub count: u64,
    /// UTC nanoseconds, strictly increasing per room.
    pub created_at: Time,
    /// When text or custom was last changed.
    pub edited_at: Option<Time>,
    /// A tombstone keeps id, seq and hash; text, custom, extras and reactions are gone.
    pub deleted_at: Option<Time>,
    /// Taken out of sight by the backend; unlike a tombstone it can be shown again. What the
    /// store returns still has its text: the engine blanks it for everybody but the backend.
    pub hidden_at: Option<Time>,
    /// Pinned for everybody in the room. Nodes of the release before do not send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_at: Option<Time>,
    /// In the order in which each was first given.
    pub reactions: Vec<Reaction>,
    /// A reply in a thread: where it hangs. Nodes of the release before do not send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<Box<ThreadPlace>>,
    /// How the thread stands: of a message that has one, and of every reply in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_summary: Option<Box<ThreadSummary>>,
    /// How the reader keeps it: put to it where somebody reads, never stored with it and in no
    /// event.
    #[serde(skip)]
    pub own: Option<Mark>,
}

/// Words that an edit has replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageVersion {
    /// Rev of the message while it had them, at the last.
    pub rev: u64,
    pub text: Option<String>,
    pub custom: Option<CustomJson>,
    pub extras: Option<Box<Extras>>,
    /// Who replaced them; `None` is the backend.
    pub by: Option<UserId>,
    /// When they were replaced.
    pub at: Time,
}

impl Message {
    /// Whether its words are not to be seen: deleted, hidden, or deleted by the reader for
    /// oneself.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        let for_me = self.own.is_some_and(|mark| mark.deleted);
        for_me || self.deleted_at.is_some() || self.hidden_at.is_some()
    }

    /// Whether it counts as unread for the others while it is in sight.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.kind != MessageKind::System && !self.silent && self.thread.is_none()
    }

    /// How its text is written.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.extras.as_ref().and_then(|extras| extras.format)
    }

    /// Its text without marks, for who cannot show them: lists, other systems' clients.
    #[must_use]
    pub fn words(&self) -> Option<Cow<'_, str>> {
        self.text.as_deref().map(|text| words(text, self.format()))
    }

    /// Whom it mentions, for who has not read it: nobody where it does not count or is gone.
    #[must_use]
    pub fn mentions(&self) -> Option<&Mentions> {
        let extras = self.extras.as_ref().filter(|_| self.counts() && !self.is_gone())?;
        Some(&extras.mentions).filter(|mentions| !mentions.is_empty())
    }

    /// As stores index them; not the sender, whom one's own words never call.
    #[must_use]
    pub fn mention_targets(&self) -> BTreeSet<String> {
        let mut targets = self.mentions().map(Mentions::targets).unwrap_or_default();
        if let Some(sender) = &self.sender {
            targets.remove(&target_of_user(sender));
        }
        targets
    }

    /// The message as members see it: a hidden one without its words.
    #[must_use]
    pub fn as_seen(mut self) -> Self {
        if self.hidden_at.is_some() {
            self.text = None;
            self.custom = None;
            self.extras = None;
            self.reactions = Vec::new();
            self.pinned_at = None;
        }
        self
    }
}

/// A text without the marks of its format.
#[must_use]
pub fn words(text: &str, format: Option<Format>) -> Cow<'_, str> {
    match format {
        Some(Format::Markdown) => Cow::Owned(plain(text)),
        None => Cow::Borrowed(text),
    }
}

/// Who reacted to a message with one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// What: an emoji, or a customer's word.
    pub key: String,
    /// How many users.
    pub count: u64,
    /// The first `REACTION_USERS_SHOWN` of them, in the order in which they reacted.
    pub users: Vec<UserId>,
}

/// The last message as a room list row needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    pub seq: u64,
    pub sender: Option<UserId>,
    pub kind: MessageKind,
    pub text: Option<String>,
    pub created_at: Time,
}

impl Preview {
    /// The text cut to the preview's length, at a character's border.
    #[must_use]
    pub fn cut(text: &str) -> String {
        match text.char_indices().nth(limits::PREVIEW_CHARS_MAX) {
            Some((at, _)) => text[..at].to_owned(),
            None => text.to_owned(),
        }
    }

    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self {
            seq: message.seq,
            sender: message.sender.clone(),
            kind: message.kind,
            text: message.words().filter(|_| !message.is_gone()).map(|words| Self::cut(&words)),
            created_at: message.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_cut_between_characters() {
        let long = "語".repeat(500);
        assert_eq!(Preview::cut(&long).chars().count(), limits::PREVIEW_CHARS_MAX);
        assert_eq!(Preview::cut("short"), "short");
    }
}
