//! A user's own marks on messages: stars, and what was deleted for oneself.

use async_trait::async_trait;

use super::StoreResult;
use crate::ids::{AppId, RoomId, UserId};
use crate::model::{Head, Mark, MarkPatch, MarkedMessage, Membership, Message, Time};

/// A change of one mark.
#[derive(Debug, Clone)]
pub struct MarkMessage {
    pub app: AppId,
    pub room: RoomId,
    pub user: UserId,
    /// Of a stored message.
    pub seq: u64,
    /// It is a reply in a thread, which no list shows and no unread counts.
    pub reply: bool,
    pub patch: MarkPatch,
    pub now: Time,
}

/// A mark as it is now, and what it makes of the room's standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    pub mark: Mark,
    pub mine: Membership,
    pub head: Head,
    pub changed: bool,
}

/// What became of a change of a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkOutcome {
    Marked(Box<Marked>),
    /// No active member of a living room.
    NotAMember,
    /// The room was made anew since the message was looked up.
    MessageNotFound,
    /// `STARS_PER_USER_MAX` are starred already.
    TooManyStars,
    /// `MARKS_PER_ROOM_MAX` of the room are marked already.
    TooManyMarks,
}

/// Which marks of a room are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarksAfter {
    /// Of the user's marks there, exclusive.
    pub rev: u64,
    /// The room's, exclusive: what the membership does not show.
    pub above_seq: u64,
    pub limit: usize,
}

/// Marks on messages. One row for each (room, user, seq) that was ever marked.
#[async_trait]
pub trait MarkStore: Send + Sync {
    /// Changes an active member's mark ([`Mark::apply`]); takes no rev of the room. A change takes
    /// the next rev of this member's marks in the room, moves `changed_at` of the membership, so
    /// that the user's sync tells it, and of a deletion `deleted_seq`. `starred_at` is
    /// [`Mark::star_at`], above that of every earlier star of the user.
    ///
    /// Only a star that [`MarkStore::starred`] shows stands against the bound: when all places are
    /// taken, the rows of the others go, for a star above the bound to be given. What it looks at
    /// is bounded by that, too. A row whose star was taken back stays: it tells so to devices that
    /// were away.
    async fn mark_message(&self, wanted: MarkMessage) -> StoreResult<MarkOutcome>;

    /// The user's marks on those of these messages of a living room that have one, in any order;
    /// also of who is out.
    async fn marks(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        seqs: &[u64],
    ) -> StoreResult<Vec<(u64, Mark)>>;

    /// The user's marks in a living room that changed after a rev of theirs, each once and as it is
    /// now, ascending by rev. Only of messages above `above_seq`.
    async fn marks_after(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        after: MarksAfter,
    ) -> StoreResult<Vec<MarkedMessage>>;

    /// The user's starred messages, each with its mark, starred last first; with `before` those
    /// starred earlier. Of rooms in which the user is an active member; none that was deleted or
    /// is hidden, and none that the membership does not show.
    async fn starred(
        &self,
        app: &AppId,
        user: &UserId,
        before: Option<Time>,
        limit: usize,
    ) -> StoreResult<Vec<Message>>;
}
