//! A member's own settings of a room: told to nobody else, and without a rev of the room.

use serde::{Deserialize, Serialize};

use super::{Patch, Time};

/// How long a room is silent for a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mute {
    Until(Time),
    /// Until it is said otherwise.
    Forever,
}

impl Mute {
    /// As stores keep it: nanoseconds, and the last of them for ever.
    #[must_use]
    pub fn stored(self) -> i64 {
        match self {
            Self::Until(at) => at.0.min(i64::MAX - 1),
            Self::Forever => i64::MAX,
        }
    }

    #[must_use]
    pub fn from_stored(at: i64) -> Self {
        if at == i64::MAX { Self::Forever } else { Self::Until(Time(at)) }
    }

    #[must_use]
    pub fn holds(self, now: Time) -> bool {
        self.stored() > now.0
    }
}

/// How a member keeps a room in the own list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSettings {
    /// Before the others in the list.
    pub pinned: bool,
    /// A time that has passed mutes nothing any more.
    pub muted: Option<Mute>,
    /// The room's counting number when it was hidden: it is back in the list with the next message
    /// that counts. Cleared by joining and leaving.
    pub hidden_count: Option<u64>,
    pub folder: Option<String>,
    /// One more with each change, 0 before the first: the higher one of two views is the newer.
    pub rev: u64,
}

/// Changes to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnPatch {
    pub pinned: Option<bool>,
    pub muted: Patch<Mute>,
    pub hidden: Option<bool>,
    pub folder: Patch<String>,
}

impl OwnSettings {
    #[must_use]
    pub fn is_muted(&self, now: Time) -> bool {
        self.muted.is_some_and(|mute| mute.holds(now))
    }

    /// Whether it is out of the list in a room of this counting number.
    #[must_use]
    pub fn is_hidden(&self, room_count: u64) -> bool {
        self.hidden_count.is_some_and(|hidden| hidden >= room_count)
    }

    /// Takes the changes in a room of this counting number; says whether anything is other than
    /// before, and moves `rev` only then.
    pub fn apply(&mut self, patch: &OwnPatch, room_count: u64) -> bool {
        let before = self.clone();
        self.pinned = patch.pinned.unwrap_or(self.pinned);
        self.muted = patch.muted.clone().apply(self.muted);
        self.folder = patch.folder.clone().apply(self.folder.take());
        match patch.hidden {
            Some(true) if !self.is_hidden(room_count) => self.hidden_count = Some(room_count),
            Some(false) => self.hidden_count = None,
            Some(true) | None => {}
        }
        let changed = *self != before;
        self.rev += u64::from(changed);
        changed
    }

    /// Who comes in or goes out finds the room in the list again.
    pub fn show(&mut self) {
        self.rev += u64::from(self.hidden_count.take().is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_room_is_back_with_the_next_message_that_counts() {
        let mut own = OwnSettings::default();
        assert!(own.apply(&OwnPatch { hidden: Some(true), ..OwnPatch::default() }, 7));
        assert_eq!((own.is_hidden(7), own.is_hidden(8), own.rev), (true, false, 1));
        let again = OwnPatch { hidden: Some(true), ..OwnPatch::default() };
        assert!(!own.apply(&again, 7), "it is hidden already");
        assert!(own.apply(&again, 9), "it had come back");
        assert_eq!((own.hidden_count, own.rev), (Some(9), 2));
        own.show();
        own.show();
        assert_eq!((own.hidden_count, own.rev), (None, 3));
    }

    #[test]
    fn what_is_so_already_is_no_change() {
        let mut own = OwnSettings::default();
        let patch = OwnPatch {
            pinned: Some(true),
            muted: Patch::Set(Mute::Forever),
            folder: Patch::Set("work".to_owned()),
            ..OwnPatch::default()
        };
        assert!(own.apply(&patch, 0));
        assert!(!own.apply(&patch, 5));
        assert!(!own.apply(&OwnPatch::default(), 5));
        assert_eq!(own.rev, 1);
        assert!(own.apply(&OwnPatch { folder: Patch::Clear, ..OwnPatch::default() }, 5));
        assert_eq!((own.folder.as_deref(), own.pinned, own.rev), (None, true, 2));
    }

    #[test]
    fn a_mute_ends_at_its_time_or_never() {
        let until = |at| Mute::from_stored(Mute::Until(Time(at)).stored());
        assert_eq!(until(5), Mute::Until(Time(5)));
        assert!(until(5).holds(Time(4)) && !until(5).holds(Time(5)));
        assert_eq!(Mute::from_stored(Mute::Forever.stored()), Mute::Forever);
        assert!(Mute::Forever.holds(Time(i64::MAX - 1)));
        assert_ne!(until(i64::MAX), Mute::Forever, "a time is a time");
    }
}
