//! What a room says of itself about who may do what; the table for the rest is `policy::TABLE`.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::Role;

/// What a room may say otherwise than the table, by the names of the wire and of the stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruled {
    /// To say something, to reply in a thread, and to be seen typing.
    Send,
    React,
    AddMembers,
    RemoveMembers,
    UpdateRoom,
    Pin,
    /// To mention everybody, or a role.
    MentionAll,
}

impl Ruled {
    pub const ALL: [Self; 7] = [
        Self::Send,
        Self::React,
        Self::AddMembers,
        Self::RemoveMembers,
        Self::UpdateRoom,
        Self::Pin,
        Self::MentionAll,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::React => "react",
            Self::AddMembers => "add_members",
            Self::RemoveMembers => "remove_members",
            Self::UpdateRoom => "update_room",
            Self::Pin => "pin",
            Self::MentionAll => "mention_all",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ruled| ruled.as_str() == text)
    }
}

/// The least role for what a room names; empty says nothing otherwise than the table.
///
/// Of what a later release has stored or told, operations that this one does not know are passed
/// over, and a role that it does not know is the highest: what was closed stays closed. Stores
/// write a policy only when it is said, so that nothing of it is lost here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RoomPolicy(pub BTreeMap<Ruled, Role>);

impl RoomPolicy {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn least(&self, ruled: Ruled) -> Option<Role> {
        self.0.get(&ruled).copied()
    }

    /// The JSON that stores keep; none where the table holds.
    #[must_use]
    pub fn stored(&self) -> Option<String> {
        // Words only: there is nothing in it that JSON cannot hold.
        if self.is_empty() { None } else { serde_json::to_string(self).ok() }
    }

    /// `None` when it is no JSON object: the store is damaged.
    #[must_use]
    pub fn from_stored(text: Option<&str>) -> Option<Self> {
        text.map_or_else(|| Some(Self::default()), |text| serde_json::from_str(text).ok())
    }
}

impl<'de> Deserialize<'de> for RoomPolicy {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let said = BTreeMap::<String, Least>::deserialize(from)?;
        let known = said.into_iter().filter_map(|(name, least)| {
            let role = match least {
                Least::Known(role) => role,
                Least::Other(IgnoredAny) => Role::Owner,
            };
            Some((Ruled::parse(&name)?, role))
        });
        Ok(Self(known.collect()))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Least {
    Known(Role),
    Other(IgnoredAny),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_kept_as_it_was_said() {
        let said =
            RoomPolicy([(Ruled::Send, Role::Admin), (Ruled::MentionAll, Role::Owner)].into());
        let stored = said.stored().unwrap();
        assert_eq!(stored, r#"{"send":"admin","mention_all":"owner"}"#);
        assert_eq!(RoomPolicy::from_stored(Some(&stored)), Some(said));
        assert_eq!(RoomPolicy::default().stored(), None);
        assert_eq!(RoomPolicy::from_stored(None), Some(RoomPolicy::default()));
        assert_eq!(RoomPolicy::from_stored(Some("[]")), None);
        for ruled in Ruled::ALL {
            assert_eq!(Ruled::parse(ruled.as_str()), Some(ruled));
            let json = serde_json::to_string(&ruled).unwrap();
            assert_eq!(json, format!("\"{}\"", ruled.as_str()));
        }
    }

    #[test]
    fn what_a_later_release_said_is_read_as_far_as_it_is_known() {
        let read = |text| RoomPolicy::from_stored(Some(text)).unwrap().0;
        assert_eq!(read(r#"{"fly":"admin"}"#), [].into());
        let later = r#"{"fly":{"a":[1]},"send":"admin","pin":"boss","react":{"least":"admin"}}"#;
        let expected =
            [(Ruled::Send, Role::Admin), (Ruled::Pin, Role::Owner), (Ruled::React, Role::Owner)];
        assert_eq!(read(later), expected.into());
    }
}
