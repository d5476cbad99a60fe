//! A message that is to be sent later.

use serde::{Deserialize, Serialize};

use super::{Card, CustomJson, Format, Location, Mentions, MessageKind, Time};
use crate::ids::{MessageId, RoomId, UserId};

/// A message that waits for its time, or that could not be sent then. Nodes tell each other of it:
/// fields are only added, with a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduled {
    /// Of the message that will be sent: the idempotency key of that send.
    pub id: MessageId,
    pub room: RoomId,
    /// Whose it is; no user: the backend's.
    pub owner: Option<UserId>,
    /// When it is to be sent, in whole milliseconds.
    pub at: Time,
    pub words: Box<ScheduledWords>,
    /// Of two views the one with the higher rev is the newer.
    pub rev: u64,
    pub created_at: Time,
    /// It is being sent, or nobody knows whether it was: nothing of it is changed or taken back.
    #[serde(default)]
    pub sending: bool,
    /// Tries since its last change that came to nothing.
    #[serde(default)]
    pub attempts: u32,
    /// It is not tried again until it is changed.
    #[serde(default)]
    pub failed: Option<ScheduledFailure>,
}

/// Why a message was not sent at its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledFailure {
    /// As an answer to a send would name it.
    pub code: String,
    pub detail: String,
    pub at: Time,
}

/// The send as it was given. One stored document: fields are only added, and those that a build
/// does not know are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledWords {
    /// Of the backend's: as whom it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MessageKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomJson>,
    #[serde(default, skip_serializing_if = "Mentions::is_empty")]
    pub mentions: Mentions,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<ScheduledForward>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<MessageId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// The document as it is stored, where this build cannot read it: a later one wrote it. All
    /// else is absent then.
    #[serde(skip)]
    pub unread: Option<String>,
}

/// The message that will be passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledForward {
    pub room: RoomId,
    pub id: MessageId,
}

impl ScheduledWords {
    /// The document.
    #[must_use]
    pub fn stored(&self) -> String {
        if let Some(unread) = &self.unread {
            return unread.clone();
        }
        // Strings, numbers and lists: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The words, or the document itself where this build cannot read it: one such message stops
    /// no others.
    #[must_use]
    pub fn from_stored(text: &str) -> Box<Self> {
        serde_json::from_str(text)
            .unwrap_or_else(|_| Box::new(Self { unread: Some(text.to_owned()), ..Self::default() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The document of a released build: it may gain fields, and this text is never edited.
    const V1: &str = r#"{"sender":"anna","kind":"Card","text":"Bicycle","format":"markdown","custom":{"b":1, "a":[2]},"mentions":{"users":["ben"],"everyone":true},"reply_to":"m-1","card":{"title":"Bicycle"},"location":{"lat":25.0339639,"lng":121.5644722},"forward":{"room":"r 1","id":"m-2"},"thread":"m-3","silent":true}"#;

    #[test]
    fn the_stored_document_reads_as_it_was_written() {
        let words = ScheduledWords::from_stored(V1);
        assert_eq!(words.stored(), V1);
        let later = r#"{"text":"hi","poll":{"of":"a later build"}}"#;
        let later = ScheduledWords::from_stored(later);
        assert_eq!(later.stored(), r#"{"text":"hi"}"#);
        assert_eq!(ScheduledWords::default().stored(), "{}");
    }

    #[test]
    fn what_cannot_be_read_is_kept_as_it_is() {
        for later in [r#"{"kind":"hologram"}"#, r#"{"text":"hi","format":"later"}"#, "{"] {
            let words = ScheduledWords::from_stored(later);
            assert_eq!(words.unread.as_deref(), Some(later));
            assert_eq!(words.text, None);
            assert_eq!(words.stored(), later);
        }
    }
}
