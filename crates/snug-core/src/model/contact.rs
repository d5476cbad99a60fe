//! Whom a user may start a conversation with, as the customer says.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::UserId;

/// What a contact stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactKind {
    /// A person.
    #[default]
    User,
    /// A matter, such as a kind of ticket: the backend decides who joins.
    Topic,
}

/// One contact.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Contact {
    pub id: UserId,
    #[serde(default)]
    pub kind: ContactKind,
    #[serde(default, alias = "nickname", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, alias = "avatarUrl", skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// Of a topic: who joins a conversation about it besides the caller. Never told to a page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<UserId>,
    /// The customer's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}
