//! Operators of the install, for the panel.

use async_trait::async_trait;

use super::StoreResult;
use crate::ids::OperatorId;
use crate::model::{AuditEntry, Operator, Time, TokenHash};

/// What became of a sign-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateOperator {
    Created,
    /// Sign-up is only open until there is an owner.
    Closed,
}

/// A panel session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSession {
    pub token: TokenHash,
    pub operator: OperatorId,
    pub expires_at: Time,
}

/// Operators, their panel sessions and the audit log.
#[async_trait]
pub trait OperatorStore: Send + Sync {
    /// Stores the operator if there is none yet (racing sign-ups make one owner).
    async fn create_first_operator(&self, operator: Operator) -> StoreResult<CreateOperator>;

    async fn operator_count(&self) -> StoreResult<u64>;

    async fn operator_by_email(&self, email: &str) -> StoreResult<Option<Operator>>;

    async fn open_operator_session(&self, session: OperatorSession) -> StoreResult<()>;

    /// The operator of a session that has not expired at `now`.
    async fn operator_by_session(
        &self,
        token: TokenHash,
        now: Time,
    ) -> StoreResult<Option<Operator>>;

    async fn close_operator_session(&self, token: TokenHash) -> StoreResult<()>;

    async fn add_audit(&self, entry: AuditEntry) -> StoreResult<()>;

    /// The newest entries, newest first.
    async fn audit(&self, limit: usize) -> StoreResult<Vec<AuditEntry>>;
}
