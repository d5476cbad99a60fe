//! Operators of the install, their panel sessions and the audit log.

use async_trait::async_trait;
use snug_core::ids::{AppId, OperatorId};
use snug_core::model::{AuditEntry, Operator, Time, TokenHash};
use snug_core::ports::{CreateOperator, OperatorSession, OperatorStore, StoreResult};

use crate::PostgresStore;
use crate::pool::{Fail, Tx, bounded};
use crate::rows::{Cells, operator_columns, rows};

/// A row that is always there: sign-ups follow each other by its lock.
const LOCK: &str = "SELECT value FROM meta WHERE key = 'epoch' FOR UPDATE";
const INSERT_FIRST: &str = "INSERT INTO operators (id, email, password_hash, role, created_at)
    SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT FROM operators)";
const COUNT: &str = "SELECT count(*) FROM operators";
const BY_EMAIL: &str =
    concat!("SELECT ", operator_columns!(), " FROM operators o WHERE o.email = $1");
const OPEN: &str =
    "INSERT INTO operator_sessions (token_hash, operator, expires_at) VALUES ($1, $2, $3)";
const BY_SESSION: &str = concat!(
    "SELECT ",
    operator_columns!(),
    " FROM operator_sessions s JOIN operators o ON o.id = s.operator
      WHERE s.token_hash = $1 AND s.expires_at > $2"
);
const CLOSE: &str = "DELETE FROM operator_sessions WHERE token_hash = $1";
const ADD_AUDIT: &str = "INSERT INTO audit (at, operator, app, action) VALUES ($1, $2, $3, $4)";
const AUDIT: &str = "SELECT at, operator, app, action FROM audit
    ORDER BY at DESC, written_at DESC LIMIT $1";

impl PostgresStore {
    async fn create_first_once(&self, operator: &Operator) -> Result<CreateOperator, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let lock = tx.prepare_cached(LOCK).await?;
        let insert = tx.prepare_cached(INSERT_FIRST).await?;
        tx.query(&lock, &[]).await?;
        let made = tx
            .execute(
                &insert,
                &[
                    &operator.id.as_str(),
                    &operator.email,
                    &operator.password_hash,
                    &operator.role.as_str(),
                    &operator.created_at.0,
                ],
            )
            .await?;
        tx.commit().await?;
        Ok(if made == 1 { CreateOperator::Created } else { CreateOperator::Closed })
    }

    async fn count_operators(&self) -> Result<u64, Fail> {
        let client = self.reads.get().await?;
        let count = client.prepare_cached(COUNT).await?;
        Cells::of(&client.query_one(&count, &[]).await?).number()
    }

    async fn by_email(&self, email: &str) -> Result<Option<Operator>, Fail> {
        let client = self.reads.get().await?;
        let by_email = client.prepare_cached(BY_EMAIL).await?;
        let row = client.query_opt(&by_email, &[&email]).await?;
        row.map(|row| Cells::of(&row).operator()).transpose()
    }

    async fn open_panel(&self, session: &OperatorSession) -> Result<(), Fail> {
        let client = self.reads.get().await?;
        let open = client.prepare_cached(OPEN).await?;
        client
            .execute(
                &open,
                &[&session.token.0.as_slice(), &session.operator.as_str(), &session.expires_at.0],
            )
            .await?;
        Ok(())
    }

    async fn by_session(&self, token: TokenHash, now: Time) -> Result<Option<Operator>, Fail> {
        let client = self.reads.get().await?;
        let by_session = client.prepare_cached(BY_SESSION).await?;
        let row = client.query_opt(&by_session, &[&token.0.as_slice(), &now.0]).await?;
        row.map(|row| Cells::of(&row).operator()).transpose()
    }

    async fn close_panel(&self, token: TokenHash) -> Result<(), Fail> {
        let client = self.reads.get().await?;
        let close = client.prepare_cached(CLOSE).await?;
        client.execute(&close, &[&token.0.as_slice()]).await?;
        Ok(())
    }

    async fn add_entry(&self, entry: &AuditEntry) -> Result<(), Fail> {
        let client = self.reads.get().await?;
        let add = client.prepare_cached(ADD_AUDIT).await?;
        let operator = entry.operator.as_ref().map(OperatorId::as_str);
        let app = entry.app.as_ref().map(AppId::as_str);
        client.execute(&add, &[&entry.at.0, &operator, &app, &entry.action]).await?;
        Ok(())
    }

    async fn newest_entries(&self, limit: usize) -> Result<Vec<AuditEntry>, Fail> {
        let client = self.reads.get().await?;
        let audit = client.prepare_cached(AUDIT).await?;
        let found = client.query(&audit, &[&rows(limit, 0)]).await?;
        let each = found.iter().map(|row| {
            let mut cells = Cells::of(row);
            Ok(AuditEntry {
                at: cells.time()?,
                operator: cells.next::<Option<&str>>()?.map(OperatorId::from_stored),
                app: cells.next::<Option<&str>>()?.map(AppId::from_stored),
                action: cells.next()?,
            })
        });
        each.collect()
    }
}

#[async_trait]
impl OperatorStore for PostgresStore {
    async fn create_first_operator(&self, operator: Operator) -> StoreResult<CreateOperator> {
        Ok(bounded(|| self.create_first_once(&operator)).await?)
    }

    async fn operator_count(&self) -> StoreResult<u64> {
        Ok(bounded(|| self.count_operators()).await?)
    }

    async fn operator_by_email(&self, email: &str) -> StoreResult<Option<Operator>> {
        Ok(bounded(|| self.by_email(email)).await?)
    }

    async fn open_operator_session(&self, session: OperatorSession) -> StoreResult<()> {
        Ok(bounded(|| self.open_panel(&session)).await?)
    }

    async fn operator_by_session(
        &self,
        token: TokenHash,
        now: Time,
    ) -> StoreResult<Option<Operator>> {
        Ok(bounded(|| self.by_session(token, now)).await?)
    }

    async fn close_operator_session(&self, token: TokenHash) -> StoreResult<()> {
        Ok(bounded(|| self.close_panel(token)).await?)
    }

    async fn add_audit(&self, entry: AuditEntry) -> StoreResult<()> {
        Ok(bounded(|| self.add_entry(&entry)).await?)
    }

    async fn audit(&self, limit: usize) -> StoreResult<Vec<AuditEntry>> {
        Ok(bounded(|| self.newest_entries(limit)).await?)
    }
}
