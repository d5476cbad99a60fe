//! Operators of the install. Every case here needs an empty one.

use super::fixtures::{Fixture, random_app, random_text};
use crate::ids::OperatorId;
use crate::model::{AuditEntry, Operator, OperatorRole, Time, TokenHash};
use crate::ports::{CreateOperator, OperatorSession, Store};

pub(super) fn operator(email: &str, now: Time) -> Operator {
    Operator {
        id: OperatorId::new(&random_text()).expect("an operator id"),
        email: email.to_owned(),
        password_hash: "$argon2id$v=19$not-a-real-one".to_owned(),
        role: OperatorRole::Owner,
        created_at: now,
    }
}

/// Sign-up makes one owner and is closed from then on.
pub async fn sign_up_makes_one_owner(store: &dyn Store) {
    let now = Time::from_seconds(1_700_000_000);
    assert_eq!(store.operator_count().await.expect("operator_count"), 0);
    let none = store.operator_by_email("a@shop.example").await;
    assert_eq!(none.expect("operator_by_email"), None);
    let owner = operator("a@shop.example", now);
    let made = store.create_first_operator(owner.clone()).await;
    assert_eq!(made.expect("create_first_operator"), CreateOperator::Created);
    assert_eq!(store.operator_count().await.expect("operator_count"), 1);
    let found = store.operator_by_email("a@shop.example").await;
    assert_eq!(found.expect("operator_by_email"), Some(owner.clone()));
    for email in ["b@shop.example", "a@shop.example"] {
        let late = store.create_first_operator(operator(email, now)).await;
        assert_eq!(late.expect("create_first_operator"), CreateOperator::Closed);
    }
    assert_eq!(store.operator_count().await.expect("operator_count"), 1);
    let found = store.operator_by_email("a@shop.example").await;
    assert_eq!(found.expect("operator_by_email"), Some(owner));
    let none = store.operator_by_email("b@shop.example").await;
    assert_eq!(none.expect("operator_by_email"), None);
}

/// A panel session is its operator's until it expires or is closed.
pub async fn panel_sessions_end(store: &dyn Store) {
    let now = Time::from_seconds(1_700_000_000);
    let owner = operator("a@shop.example", now);
    let made = store.create_first_operator(owner.clone()).await;
    assert_eq!(made.expect("create_first_operator"), CreateOperator::Created);
    let end = now.plus_millis(60_000);
    for token in ["one", "two"] {
        let session = OperatorSession {
            token: TokenHash::of(token),
            operator: owner.id.clone(),
            expires_at: end,
        };
        let opened = store.open_operator_session(session).await;
        opened.expect("open_operator_session");
    }
    let by = async |token: &str, now: Time| {
        let found = store.operator_by_session(TokenHash::of(token), now).await;
        found.expect("operator_by_session")
    };
    assert_eq!(by("one", now).await, Some(owner.clone()));
    assert_eq!(by("one", Time(end.0 - 1)).await, Some(owner.clone()));
    assert_eq!(by("one", end).await, None, "it ends at its expiry");
    assert_eq!(by("other", now).await, None);
    for _ in 0..2 {
        let closed = store.close_operator_session(TokenHash::of("one")).await;
        closed.expect("closing twice is harmless");
    }
    assert_eq!(by("one", now).await, None, "refused from the close on");
    assert_eq!(by("two", now).await, Some(owner), "the other lives on");
}

/// The audit log gives the newest entries, newest first, as they were written.
pub async fn audit_is_newest_first(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let before = store.audit(10).await.expect("audit");
    assert!(before.is_empty(), "an empty install has no entry");
    let mut written = Vec::new();
    for n in 0..5 {
        let entry = AuditEntry {
            at: f.now(),
            operator: (n % 2 == 0)
                .then(|| OperatorId::new(&random_text()).expect("an operator id")),
            app: (n % 3 == 0).then(random_app),
            action: format!("key.rotate.{n}"),
        };
        store.add_audit(entry.clone()).await.expect("add_audit");
        written.insert(0, entry);
    }
    assert_eq!(store.audit(10).await.expect("audit"), written);
    assert_eq!(store.audit(2).await.expect("audit"), written[..2]);
}
