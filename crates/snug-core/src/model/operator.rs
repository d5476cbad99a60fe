//! Who runs this install, and what they did.

use super::Time;
use crate::ids::{AppId, OperatorId};

/// What an operator may do in the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperatorRole {
    /// The first operator.
    Owner,
    Operator,
}

impl OperatorRole {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Operator => "operator",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "owner" => Some(Self::Owner),
            "operator" => Some(Self::Operator),
            _ => None,
        }
    }
}

/// An operator. The password is kept as an argon2id string only.
#[derive(Clone, PartialEq, Eq)]
pub struct Operator {
    pub id: OperatorId,
    /// Lower case.
    pub email: String,
    pub password_hash: String,
    pub role: OperatorRole,
    pub created_at: Time,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operator")
            .field("id", &self.id)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub at: Time,
    pub operator: Option<OperatorId>,
    pub app: Option<AppId>,
    /// A code such as `app.create`, `key.reveal`, `key.rotate`, `login`.
    pub action: String,
}
