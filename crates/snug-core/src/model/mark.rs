//! A user's own marks on single messages: told to nobody else, and without a rev of the room.

use serde::{Deserialize, Serialize};

use super::{Head, Message, Time};
use crate::ids::MessageId;

/// In nanoseconds.
const MILLISECOND: i64 = 1_000_000;

/// How a user keeps one message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Since when it is among the user's starred messages.
    pub starred_at: Option<Time>,
    /// Deleted for the user alone, for good: it is in no star list, and nothing of its words is
    /// shown to this user.
    pub deleted: bool,
    /// Which of the user's marks in the room this is, counted from 1: of two views the higher one
    /// is the newer.
    pub rev: u64,
}

/// Changes to a mark. What was deleted for oneself is not brought back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MarkPatch {
    pub starred: Option<bool>,
    pub delete: bool,
}

impl Mark {
    /// When a star is given: a whole millisecond, as the wire tells it, above that of the user's
    /// last one, so that a page of stars goes on where the one before ended.
    #[must_use]
    pub fn star_at(now: Time, last: Option<Time>) -> Time {
        let whole = Time(now.0 - now.0.rem_euclid(MILLISECOND));
        last.map_or(whole, |last| whole.max(Time(last.0.saturating_add(MILLISECOND))))
    }

    /// Takes the changes at a time; says whether anything is other than before. `rev` is the
    /// caller's to move. A message that is deleted takes no star any more.
    pub fn apply(&mut self, patch: MarkPatch, at: Time) -> bool {
        let before = *self;
        self.deleted |= patch.delete;
        match patch.starred {
            _ if self.deleted => self.starred_at = None,
            Some(true) => self.starred_at = self.starred_at.or(Some(at)),
            Some(false) => self.starred_at = None,
            None => {}
        }
        *self != before
    }
}

/// Where a user's marks in one room stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarksHead {
    /// Of the newest mark; 0 before the first.
    pub rev: u64,
    /// The highest seq of the room's own conversation that the user deleted for oneself; 0 without
    /// one. A preview of this seq shows nothing, and only above the cursor does it count.
    pub deleted_seq: u64,
}

impl MarksHead {
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A message by its place, and how a user keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkedMessage {
    pub id: MessageId,
    pub seq: u64,
    pub mark: Mark,
}

impl Head {
    /// Whether it shows words that its reader deleted for oneself.
    #[must_use]
    pub fn shows_deleted(&self, marks: MarksHead) -> bool {
        let preview = self.preview.as_ref().filter(|preview| preview.seq == marks.deleted_seq);
        preview.is_some_and(|preview| preview.text.is_some())
    }

    /// Takes those words from it.
    pub fn hide_deleted(&mut self, marks: MarksHead) {
        if let Some(preview) = self.preview.as_mut().filter(|one| one.seq == marks.deleted_seq) {
            preview.text = None;
        }
    }
}

impl Message {
    /// The message as the user of the mark sees it: of one deleted for oneself its place alone.
    #[must_use]
    pub fn marked(mut self, mark: Mark) -> Self {
        if mark.deleted {
            self.text = None;
            self.custom = None;
            self.extras = None;
            self.reactions = Vec::new();
            self.edited_at = None;
            self.pinned_at = None;
        }
        self.own = Some(mark);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAR: MarkPatch = MarkPatch { starred: Some(true), delete: false };

    #[test]
    fn a_star_keeps_its_time_and_goes_with_the_message() {
        let mut mark = Mark::default();
        assert!(mark.apply(STAR, Time(5)));
        assert!(!mark.apply(STAR, Time(9)), "it is starred already");
        assert_eq!(mark.starred_at, Some(Time(5)));
        assert!(mark.apply(MarkPatch { starred: None, delete: true }, Time(9)));
        assert_eq!((mark.starred_at, mark.deleted), (None, true));
        assert!(!mark.apply(STAR, Time(10)), "what is deleted takes no star");
        assert!(!mark.apply(MarkPatch { starred: None, delete: true }, Time(10)));
        assert!(!mark.apply(MarkPatch::default(), Time(10)));
    }

    #[test]
    fn stars_are_a_millisecond_apart() {
        assert_eq!(Mark::star_at(Time(7_900_000), None), Time(7_000_000));
        assert_eq!(Mark::star_at(Time(7_900_000), Some(Time(7_000_000))), Time(8_000_000));
        assert_eq!(Mark::star_at(Time(9_000_000), Some(Time(7_000_000))), Time(9_000_000));
    }

    #[test]
    fn a_star_is_taken_back() {
        let mut mark = Mark::default();
        let off = MarkPatch { starred: Some(false), delete: false };
        assert!(!mark.apply(off, Time(1)), "there is none");
        assert!(mark.apply(STAR, Time(2)) && mark.apply(off, Time(3)));
        assert_eq!(mark, Mark::default());
    }
}
