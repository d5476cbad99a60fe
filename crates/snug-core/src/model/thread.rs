//! Threads: replies that hang at one message of a room instead of standing in its conversation.
//! A reply takes the room's next seq and rev like every message; it counts in its thread only.

use serde::{Deserialize, Serialize};

use super::{Message, Time};
use crate::ids::{MessageId, UserId};
use crate::limits::{THREAD_PARTICIPANTS_SHOWN, THREAD_UNREAD_COUNTED_MAX};

/// The message at which a thread hangs, its root. Kept by a reply also when its words are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadPlace {
    pub id: MessageId,
    pub seq: u64,
}

/// How a thread stands: alike for everybody, and written in the commit of each reply and of each
/// unsending, hiding and showing of one. The root shows it, and every reply does, so that who
/// hears of a reply knows the root's new state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadSummary {
    /// Replies in sight.
    pub replies: u64,
    /// The newest reply in sight; stays while there is none.
    pub last_seq: u64,
    pub last_at: Time,
    /// The first `THREAD_PARTICIPANTS_SHOWN` who replied, in the order in which they came.
    pub participants: Vec<UserId>,
    /// The room's rev of the last change: of two summaries the higher one is the newer.
    pub rev: u64,
}

impl ThreadSummary {
    /// With one reply more, which is the newest.
    #[must_use]
    pub fn with(before: Option<&Self>, reply: &Message) -> Self {
        let mut participants = before.map(|old| old.participants.clone()).unwrap_or_default();
        if let Some(sender) = &reply.sender
            && participants.len() < THREAD_PARTICIPANTS_SHOWN
            && !participants.contains(sender)
        {
            participants.push(sender.clone());
        }
        Self {
            replies: before.map_or(0, |old| old.replies) + 1,
            last_seq: reply.seq,
            last_at: reply.created_at,
            participants,
            rev: reply.rev,
        }
    }

    /// With a reply that went out of sight or came back; `newest` is the newest in sight now.
    #[must_use]
    pub fn changed(mut self, back: bool, newest: Option<(u64, Time)>, rev: u64) -> Self {
        self.replies =
            if back { self.replies.saturating_add(1) } else { self.replies.saturating_sub(1) };
        if let Some((seq, at)) = newest {
            (self.last_seq, self.last_at) = (seq, at);
        }
        self.rev = rev;
        self
    }
}

/// How a thread stands for one user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadMine {
    /// The user wrote the root, replied, or was mentioned in a reply.
    pub following: bool,
    /// The cursor: replies at or below are read.
    pub read_seq: u64,
    /// Replies of others after the cursor that are in sight and neither system nor silent; at
    /// most `THREAD_UNREAD_COUNTED_MAX`.
    pub unread: u64,
}

impl ThreadMine {
    #[must_use]
    pub fn bounded(following: bool, read_seq: u64, unread: u64) -> Self {
        Self { following, read_seq, unread: unread.min(THREAD_UNREAD_COUNTED_MAX as u64) }
    }
}

/// A thread in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// With its summary.
    pub root: Message,
    /// Of whom it was listed for; default for a backend.
    pub mine: ThreadMine,
}
