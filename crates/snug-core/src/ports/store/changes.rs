//! Changes to messages that are stored already: edit, delete, hide, pin, react. A message keeps its
//! id, seq, hash, counting number and time whatever happens to it.

use async_trait::async_trait;

use super::{Guard, StoreResult};
use crate::ids::{AppId, MessageId, RoomId, UserId};
use crate::model::{CustomJson, Extras, Head, Message, MessageVersion, Time};

/// What is done to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageChange {
    /// New words; at least one is given, and what is not given stays. The old ones are kept as a
    /// version. Extras are given whole.
    Edit { text: Option<String>, custom: Option<CustomJson>, extras: Option<Box<Extras>> },
    /// A tombstone: text, custom, extras, reactions, pin and versions are removed. There is no
    /// way back.
    Delete,
    /// Out of sight, or shown again; everything is kept.
    Hide(bool),
    /// Among the room's pinned messages, or no longer.
    Pin(bool),
    /// Gives or takes back one reaction of one user.
    React { user: UserId, key: String, on: bool },
}

impl MessageChange {
    /// Whether the message is so already; `None` for a reaction, of which only the store knows.
    #[must_use]
    pub fn is_done(&self, now: &Message) -> Option<bool> {
        fn kept<T: PartialEq>(new: Option<&T>, now: Option<&T>) -> bool {
            new.is_none() || new == now
        }
        match self {
            Self::Edit { text, custom, extras } => {
                let none = Extras::default();
                let had = now.extras.as_deref().or(Some(&none));
                let same = kept(text.as_ref(), now.text.as_ref())
                    && kept(custom.as_ref(), now.custom.as_ref())
                    && kept(extras.as_deref(), had);
                Some(same)
            }
            Self::Delete => Some(now.deleted_at.is_some()),
            Self::Hide(on) => Some(now.hidden_at.is_some() == *on),
            Self::Pin(on) => Some(now.pinned_at.is_some() == *on),
            Self::React { .. } => None,
        }
    }
}

/// What a message says, and whether it is in sight: all that an edit is worked out from. What moves
/// its rev beside that (reactions, pins, replies in its thread) is nothing to an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenWords {
    text: Option<String>,
    custom: Option<CustomJson>,
    extras: Option<Box<Extras>>,
    hidden: bool,
}

impl SeenWords {
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self {
            text: message.text.clone(),
            custom: message.custom.clone(),
            extras: message.extras.clone(),
            hidden: message.hidden_at.is_some(),
        }
    }

    /// Whether the message still says so.
    #[must_use]
    pub fn holds(&self, now: &Message) -> bool {
        self.text == now.text
            && self.custom == now.custom
            && self.extras == now.extras
            && self.hidden == now.hidden_at.is_some()
    }
}

/// A change of one message.
#[derive(Debug, Clone)]
pub struct ChangeMessage {
    pub app: AppId,
    pub room: RoomId,
    pub id: MessageId,
    pub guard: Guard,
    /// What the message said when the change was worked out, where that matters; a message that
    /// says something else by now is answered `GuardMoved`.
    pub seen: Option<Box<SeenWords>>,
    pub change: MessageChange,
    /// Who did it; `None` for the backend. Kept with an edit's old version.
    pub by: Option<UserId>,
    pub now: Time,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeMessageOutcome {
    /// The message as it is now, and the room's head: `head.rev` and `message.rev` are the new
    /// rev; seq, count and activity of the head did not move.
    Changed(Box<(Message, Head)>),
    /// It was so already (deleted, hidden, reacted before): no rev was taken.
    Unchanged(Box<Message>),
    GuardMoved,
    RoomNotFound,
    /// No such message in the room, or below its `min_seq`; for everything but `Delete` also a
    /// deleted one.
    MessageNotFound,
    /// A new key on a message that has `REACTION_KEYS_MAX` different ones, or a pin in a room
    /// that has `PINS_PER_ROOM_MAX`.
    TooMany,
}

/// Changes to messages, and the reads by time that other systems' wires need.
#[async_trait]
pub trait ChangeStore: Send + Sync {
    /// Changes a message in ONE transaction, in this order: the room lives (`RoomNotFound`), the
    /// message is there (`MessageNotFound`), the guard and `seen` (`GuardMoved`), nothing to do
    /// (`Unchanged`); then rev = head.rev + 1 for the head and the message, `changed_at` of the
    /// message and of the room, and whom the message mentions now. `room_changes` returns it to
    /// whoever syncs from below that rev.
    async fn change_message(&self, change: ChangeMessage) -> StoreResult<ChangeMessageOutcome>;

    /// Pinned messages of the room above a seq that are not deleted, those pinned last first; at
    /// most `PINS_PER_ROOM_MAX`. None in a room that is not there.
    async fn pinned_messages(
        &self,
        app: &AppId,
        room: &RoomId,
        above_seq: u64,
    ) -> StoreResult<Vec<Message>>;

    /// The words that edits of a message have replaced, the newest first, at most `limit`; none
    /// of a message that is deleted or not there.
    async fn message_versions(
        &self,
        app: &AppId,
        room: &RoomId,
        id: &MessageId,
        limit: usize,
    ) -> StoreResult<Vec<MessageVersion>>;

    /// The message of this app that was stored at exactly this time, with its room: `created_at`
    /// is unique per app. `None` also when the room is deleted or the message below its `min_seq`.
    async fn message_at(&self, app: &AppId, at: Time) -> StoreResult<Option<Message>>;

    /// The highest seq of a message of the room that was stored at or before `at`; 0 when there
    /// is none. Times rise with seq, so this is a search, not a scan.
    async fn seq_at(&self, app: &AppId, room: &RoomId, at: Time) -> StoreResult<u64>;

    /// Messages above `above_seq` that were stored or changed (also deleted) after `since`, by
    /// the later of the two times, ascending, at most `limit`.
    async fn messages_since(
        &self,
        app: &AppId,
        room: &RoomId,
        above_seq: u64,
        since: Time,
        limit: usize,
    ) -> StoreResult<Vec<Message>>;
}
