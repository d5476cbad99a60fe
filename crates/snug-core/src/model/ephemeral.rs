//! Something said to who is there now, and kept nowhere.

use serde::{Deserialize, Serialize};

use super::{CustomJson, Extras, MessageKind, Time};
use crate::ids::{MessageId, UserId};

/// Words that take no seq and no rev. Travels between nodes: fields are only added, with a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ephemeral {
    /// Of no stored message; what tells two of them apart on a screen.
    pub id: MessageId,
    /// `None`: the room itself, by its backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<UserId>,
    pub kind: MessageKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extras: Option<Box<Extras>>,
    pub created_at: Time,
    /// The members who alone are to see it; everybody in the room when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<UserId>>,
}

impl Ephemeral {
    /// Whether a member of the room is to see it.
    #[must_use]
    pub fn is_for(&self, user: &UserId) -> bool {
        self.to.as_ref().is_none_or(|to| to.contains(user))
    }
}
