//! Operators of the install, their panel sessions and the audit log.

use async_trait::async_trait;
use rusqlite::Row;
use snug_core::ids::{AppId, OperatorId};
use snug_core::model::{AuditEntry, Operator, OperatorRole, Time, TokenHash};
use snug_core::ports::{CreateOperator, OperatorSession, OperatorStore, StoreResult};

use crate::SqliteStore;
use crate::rows::{Sql, all, change, one, size, time, uint, word};

#[async_trait]
impl OperatorStore for SqliteStore {
    async fn create_first_operator(&self, operator: Operator) -> StoreResult<CreateOperator> {
        self.write(None, move |conn| {
            let made = change(
                conn,
                "INSERT INTO operators (id, email, password_hash, role, created_at) \
                 SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM operators)",
                (
                    operator.id.as_str(),
                    &operator.email,
                    &operator.password_hash,
                    operator.role.as_str(),
                    operator.created_at.0,
                ),
            )?;
            Ok(if made == 1 { CreateOperator::Created } else { CreateOperator::Closed })
        })
        .await
    }

    async fn operator_count(&self) -> StoreResult<u64> {
        self.read(None, |conn| {
            let count = one(conn, "SELECT count(*) FROM operators", [], |row| uint(row, 0))?;
            Ok(count.unwrap_or(0))
        })
        .await
    }

    async fn operator_by_email(&self, email: &str) -> StoreResult<Option<Operator>> {
        let email = email.to_owned();
        self.read(None, move |conn| {
            one(
                conn,
                "SELECT id, email, password_hash, role, created_at FROM operators \
                 WHERE email = ?1",
                [&email],
                read,
            )
        })
        .await
    }

    async fn open_operator_session(&self, session: OperatorSession) -> StoreResult<()> {
        self.write(None, move |conn| {
            change(
                conn,
                "INSERT INTO operator_sessions (token, operator, expires_at) VALUES (?1, ?2, ?3)",
                (session.token.0, session.operator.as_str(), session.expires_at.0),
            )
            .map(drop)
        })
        .await
    }

    async fn operator_by_session(
        &self,
        token: TokenHash,
        now: Time,
    ) -> StoreResult<Option<Operator>> {
        self.read(None, move |conn| {
            one(
                conn,
                "SELECT o.id, o.email, o.password_hash, o.role, o.created_at \
                 FROM operator_sessions s JOIN operators o ON o.id = s.operator \
                 WHERE s.token = ?1 AND s.expires_at > ?2",
                (token.0, now.0),
                read,
            )
        })
        .await
    }

    async fn close_operator_session(&self, token: TokenHash) -> StoreResult<()> {
        self.write(None, move |conn| {
            change(conn, "DELETE FROM operator_sessions WHERE token = ?1", [token.0]).map(drop)
        })
        .await
    }

    async fn add_audit(&self, entry: AuditEntry) -> StoreResult<()> {
        self.write(None, move |conn| {
            change(
                conn,
                "INSERT INTO audit (at, operator, app, action) VALUES (?1, ?2, ?3, ?4)",
                (
                    entry.at.0,
                    entry.operator.as_ref().map(OperatorId::as_str),
                    entry.app.as_ref().map(AppId::as_str),
                    &entry.action,
                ),
            )
            .map(drop)
        })
        .await
    }

    async fn audit(&self, limit: usize) -> StoreResult<Vec<AuditEntry>> {
        self.read(None, move |conn| {
            all(
                conn,
                "SELECT at, operator, app, action FROM audit ORDER BY n DESC LIMIT ?1",
                [size(limit)],
                |row| {
                    let operator = row.get_ref(1)?.as_str_or_null()?.map(OperatorId::from_stored);
                    let app = row.get_ref(2)?.as_str_or_null()?.map(AppId::from_stored);
                    Ok(AuditEntry { at: time(row, 0)?, operator, app, action: row.get(3)? })
                },
            )
        })
        .await
    }
}

fn read(row: &Row<'_>) -> Sql<Operator> {
    Ok(Operator {
        id: OperatorId::from_stored(row.get_ref(0)?.as_str()?),
        email: row.get(1)?,
        password_hash: row.get(2)?,
        role: word(row, 3, OperatorRole::parse)?,
        created_at: time(row, 4)?,
    })
}
