//! A person of the customer's.

use serde::{Deserialize, Serialize};

use super::{CustomJson, Patch, Time};
use crate::ids::UserId;

/// What Snug keeps of a person, and no more (`product.md`, data minimisation).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    pub name: Option<String>,
    pub avatar: Option<String>,
    pub locale: Option<String>,
    pub custom: Option<CustomJson>,
    /// The custom JSON of the newest `open-session`.
    pub session_custom: Option<CustomJson>,
    pub deactivated_at: Option<Time>,
    /// Does not want to be seen as online; nobody else is told.
    #[serde(default)]
    pub invisible: bool,
    pub created_at: Time,
    pub changed_at: Time,
}

/// Changes to a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserPatch {
    pub name: Patch<String>,
    pub avatar: Patch<String>,
    pub locale: Patch<String>,
    pub custom: Patch<CustomJson>,
    pub invisible: Option<bool>,
}

impl UserPatch {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.is_keep()
            && self.avatar.is_keep()
            && self.locale.is_keep()
            && self.custom.is_keep()
            && self.invisible.is_none()
    }
}
