//! Which rooms of a list a caller wants to see.

use super::{ListedRoom, MemberState, RoomKind, Time};
use crate::ids::UserId;

/// A part of a name, compared without regard to upper and lower case. Characters are compared, not
/// words: one Chinese character finds the names that hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePart {
    text: String,
    folded: String,
}

impl NamePart {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), folded: folded(text) }
    }

    /// As it was asked for.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn is_in(&self, name: &str) -> bool {
        folded(name).contains(&self.folded)
    }
}

fn folded(text: &str) -> String {
    // Upper case first: what has one upper and two lower forms (Greek sigma) falls together.
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Which rooms; a field that is `None` leaves the rooms as they are. The default is what a list
/// shows of itself: neither archived nor hidden rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomFilter {
    pub kind: Option<RoomKind>,
    /// Rooms that have this tag.
    pub tag: Option<String>,
    /// Only rooms with unread messages.
    pub unread: bool,
    pub archived: Option<bool>,
    pub hidden: Option<bool>,
    /// Rooms that the caller has put here.
    pub folder: Option<String>,
    pub muted: Option<bool>,
    /// Of the room, or, where it has none, of the other one of a direct room.
    pub name: Option<NamePart>,
}

impl Default for RoomFilter {
    fn default() -> Self {
        Self { archived: Some(false), hidden: Some(false), ..Self::EVERYTHING }
    }
}

impl RoomFilter {
    /// Nothing is left out.
    pub const EVERYTHING: Self = Self {
        kind: None,
        tag: None,
        unread: false,
        archived: None,
        hidden: None,
        folder: None,
        muted: None,
        name: None,
    };

    /// Whether it asks for what stands in the room itself or in the cursor, beside the narrow
    /// facts that a list is ordered by.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.kind.is_some() || self.tag.is_some() || self.unread || self.name.is_some()
    }

    /// Whether a row of the caller's list passes: what every store's filter comes to. A room that
    /// was left is looked at as it was then.
    #[must_use]
    pub fn holds(&self, listed: &ListedRoom, now: Time) -> bool {
        let ListedRoom { room, mine, .. } = listed;
        let (own, count) = (&mine.own, room.head.count);
        self.kind.is_none_or(|kind| room.kind == kind)
            && self.tag.as_ref().is_none_or(|tag| room.tags.contains(tag))
            && (!self.unread || mine.unread(count) > 0)
            && self.archived.is_none_or(|archived| room.archived == archived)
            && self.hidden.is_none_or(|hidden| own.is_hidden(count) == hidden)
            && self.folder.as_ref().is_none_or(|folder| own.folder.as_ref() == Some(folder))
            && self.muted.is_none_or(|muted| own.is_muted(now) == muted)
            && self.name.as_ref().is_none_or(|part| {
                shown_name(listed, &mine.user).is_some_and(|name| part.is_in(name))
            })
    }
}

/// The name that its reader sees; of a group without one there is none.
fn shown_name<'l>(listed: &'l ListedRoom, reader: &UserId) -> Option<&'l str> {
    if let Some(name) = &listed.room.name {
        return Some(name);
    }
    let peer = listed.room.direct.as_ref()?.peer_of(reader)?;
    let shown = listed.mine.state != MemberState::Left;
    let member = listed.members.iter().find(|member| member.user.id == *peer).filter(|_| shown);
    Some(member.and_then(|member| member.user.name.as_deref()).unwrap_or(peer.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_name_is_found_in_any_script_and_case() {
        for (name, part, found) in [
            ("Second-hand Bikes", "BIKE", true),
            ("二手腳踏車", "腳", true),
            ("二手腳踏車", "車腳", false),
            ("ΣΊΣΥΦΟΣ", "σίσυφος", true),
            ("Straße", "strasse", true),
            ("Émile", "émi", true),
            ("Emile", "émi", false),
            ("a%b_c", "%", true),
            ("abc", "_", false),
            ("", "a", false),
        ] {
            assert_eq!(NamePart::new(part).is_in(name), found, "{part} in {name}");
        }
    }
}
