//! Operators of the install. Passwords are hashed by the caller (argon2id lives in the server);
//! in here only their hashes pass.

use super::Engine;
use crate::error::Result;
use crate::ids::{AppId, OperatorId};
use crate::limits;
use crate::model::{AuditEntry, Operator, OperatorRole, TokenHash};
use crate::ports::{CreateOperator, OperatorSession};

/// What became of a sign-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignUp {
    Created(Operator),
    /// There is an owner already.
    Closed,
}

impl Engine {
    /// Signs up the first operator, who is the owner. Of racing sign-ups one wins.
    ///
    /// # Errors
    /// The store's.
    pub async fn sign_up(&self, email: &str, password_hash: String) -> Result<SignUp> {
        let operator = Operator {
            id: OperatorId::from_stored(&format!("op_{}", self.ulid())),
            email: email.to_lowercase(),
            password_hash,
            role: OperatorRole::Owner,
            created_at: self.now(),
        };
        match self.store.create_first_operator(operator.clone()).await? {
            CreateOperator::Created => Ok(SignUp::Created(operator)),
            CreateOperator::Closed => Ok(SignUp::Closed),
        }
    }

    /// Whether the first operator is still to come.
    ///
    /// # Errors
    /// The store's.
    pub async fn sign_up_open(&self) -> Result<bool> {
        Ok(self.store.operator_count().await? == 0)
    }

    /// An operator by e-mail.
    ///
    /// # Errors
    /// The store's.
    pub async fn operator_by_email(&self, email: &str) -> Result<Option<Operator>> {
        Ok(self.store.operator_by_email(&email.to_lowercase()).await?)
    }

    /// Opens a panel session and returns its token in clear, this once.
    ///
    /// # Errors
    /// The store's.
    pub async fn open_operator_session(&self, operator: &OperatorId) -> Result<String> {
        let token = self.secret();
        let seconds = i64::try_from(limits::OPERATOR_SESSION_SECONDS).unwrap_or(0);
        let session = OperatorSession {
            token: TokenHash::of(&token),
            operator: operator.clone(),
            expires_at: self.now().plus_millis(seconds * 1_000),
        };
        self.store.open_operator_session(session).await?;
        Ok(token)
    }

    /// Whose panel session this is.
    ///
    /// # Errors
    /// The store's.
    pub async fn operator_by_session(&self, token: &str) -> Result<Option<Operator>> {
        Ok(self.store.operator_by_session(TokenHash::of(token), self.now()).await?)
    }

    /// Ends a panel session.
    ///
    /// # Errors
    /// The store's.
    pub async fn close_operator_session(&self, token: &str) -> Result<()> {
        Ok(self.store.close_operator_session(TokenHash::of(token)).await?)
    }

    /// Writes a line of the audit log.
    ///
    /// # Errors
    /// The store's.
    pub async fn audit(
        &self,
        operator: Option<&OperatorId>,
        app: Option<&AppId>,
        action: &str,
    ) -> Result<()> {
        let entry = AuditEntry {
            at: self.now(),
            operator: operator.cloned(),
            app: app.cloned(),
            action: action.to_owned(),
        };
        Ok(self.store.add_audit(entry).await?)
    }
}
