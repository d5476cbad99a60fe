//! Sessions and devices. Whoever opens or closes sessions of a user locks the user's row first:
//! a revoke and an open at the same moment follow each other.

use async_trait::async_trait;
use snug_core::ids::{AppId, DeviceId, RoomId, SessionId, UserId};
use snug_core::model::{
    CloseReason, MarksHead, Session, SessionSelector, Time, TokenHash, UserPatch,
};
use snug_core::ports::{
    Arrival, ClosedSession, JoinedRoom, NewSession, OpenOutcome, RefreshOutcome, SessionFacts,
    SessionOrigin, SessionStore, StoreResult,
};
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::pool::{Fail, Tx, bounded};
use crate::rows::{Cells, big, session_columns, user_columns};
use crate::users;

const BY_TOKEN: &str = concat!(
    "SELECT coalesce(u.deactivated_at IS NOT NULL, false), ",
    session_columns!(),
    " FROM sessions s LEFT JOIN users u ON u.app = s.app AND u.id = s.user_id
      WHERE s.app = $1 AND s.token_hash = $2"
);
/// One statement, and so one moment. Whose session it is is compared afterwards: said here, it
/// would be one more index to choose from.
const ARRIVAL: &str = concat!(
    "SELECT (SELECT value FROM meta WHERE key = 'epoch'), j.ids, j.revs, j.removals, j.marks, j.deleted, ",
    session_columns!(),
    ", ",
    user_columns!(),
    " FROM sessions s CROSS JOIN users u CROSS JOIN (
        SELECT array_agg(r.id) AS ids, array_agg(r.rev) AS revs,
          array_agg(r.members_rev) AS removals, array_agg(m.marks_rev) AS marks,
          array_agg(m.deleted_seq) AS deleted
        FROM members m JOIN rooms r ON r.app = m.app AND r.id = m.room
        WHERE m.app = $1 AND m.user_id = $3 AND m.state = 'active' AND r.deleted_at IS NULL) j
      WHERE s.app = $1 AND s.id = $2 AND u.app = $1 AND u.id = $3"
);
const DEVICE: &str = "INSERT INTO devices AS d (app, user_id, device, push_token, changed_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (app, user_id, device) DO UPDATE SET
      push_token = coalesce(excluded.push_token, d.push_token), changed_at = excluded.changed_at
    RETURNING d.tokens_after";
const CLOSE_DEVICE: &str = "UPDATE sessions SET closed_at = $4, close_reason = $5
    WHERE app = $1 AND user_id = $2 AND device = $3 AND closed_at IS NULL
    RETURNING id, user_id, device, expires_at";
const CLOSE_USER: &str = "UPDATE sessions SET closed_at = $3, close_reason = $4
    WHERE app = $1 AND user_id = $2 AND closed_at IS NULL
    RETURNING id, user_id, device, expires_at";
const CLOSE_ONE: &str = "UPDATE sessions SET closed_at = $3, close_reason = $4
    WHERE app = $1 AND id = $2 AND coalesce(closed_at, 0) = 0
    RETURNING id, user_id, device, expires_at";
const INSERT: &str = "INSERT INTO sessions
    (app, id, user_id, device, token_hash, created_at, ttl_seconds, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (app, token_hash) DO NOTHING";
/// One statement, so that no open comes between the exchange and the note of it.
const REFRESH: &str = concat!(
    "WITH renewed AS (
       UPDATE sessions s SET token_hash = $3, expires_at = $4
       WHERE s.app = $1 AND s.token_hash = $2 AND coalesce(s.closed_at, 0) = 0 AND s.expires_at > $5
       RETURNING s.*),
     spent AS (
       INSERT INTO spent_tokens (app, token_hash, expires_at)
       SELECT s.app, $2, s.expires_at FROM renewed s)
     SELECT ",
    session_columns!(),
    " FROM renewed s"
);
const SPENT: &str = "SELECT 1 FROM spent_tokens WHERE app = $1 AND token_hash = $2";
const OWNER: &str = "SELECT user_id FROM sessions WHERE app = $1 AND id = $2";
const FORGET_PUSH: &str = "UPDATE devices SET push_token = NULL, changed_at = $4
    WHERE app = $1 AND user_id = $2 AND device = ANY($3)";
const FORGET_ALL_PUSH: &str = "UPDATE devices SET push_token = NULL, changed_at = $3
    WHERE app = $1 AND user_id = $2 AND push_token IS NOT NULL";
const REFUSE_USER: &str = "UPDATE users SET tokens_after = greatest(tokens_after, $3)
    WHERE app = $1 AND id = $2";
const REFUSE_DEVICE: &str = "INSERT INTO devices AS d
    (app, user_id, device, tokens_after, changed_at) VALUES ($1, $2, $3, $4, $4)
    ON CONFLICT (app, user_id, device) DO UPDATE SET push_token = NULL,
      tokens_after = greatest(d.tokens_after, excluded.tokens_after),
      changed_at = excluded.changed_at";
const LIVING: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM sessions s WHERE s.app = $1 AND s.user_id = $2 AND s.closed_at IS NULL
        AND s.expires_at > $3 ORDER BY s.created_at DESC, s.id DESC"
);

/// A session that was closed, and whether it was still living.
fn closed_of(row: &Row, now: Time) -> Result<(ClosedSession, bool), Fail> {
    let mut cells = Cells::of(row);
    let closed = ClosedSession {
        id: SessionId::from_stored(cells.next()?),
        user: cells.user_id()?,
        device: DeviceId::from_stored(cells.next()?),
    };
    let living = cells.time()? > now;
    Ok((closed, living))
}

/// Only the living are told of; the expired are closed so that the device is free.
fn living_of(rows: &[Row], now: Time) -> Result<Vec<ClosedSession>, Fail> {
    let mut living = Vec::new();
    for row in rows {
        let (closed, was_living) = closed_of(row, now)?;
        if was_living {
            living.push(closed);
        }
    }
    Ok(living)
}

/// Closes every session of a user whose row is locked, and forgets the push tokens.
pub(crate) async fn close_of_user(
    tx: &Tx,
    app: &AppId,
    user: &UserId,
    reason: CloseReason,
    now: Time,
) -> Result<Vec<ClosedSession>, Fail> {
    let close = tx.prepare_cached(CLOSE_USER).await?;
    let forget = tx.prepare_cached(FORGET_ALL_PUSH).await?;
    let (app, user) = (app.as_str(), user.as_str());
    let closed = tx.query(&close, &[&app, &user, &now.0, &reason.as_str()]).await?;
    tx.execute(&forget, &[&app, &user, &now.0]).await?;
    living_of(&closed, now)
}

async fn facts(tx: &Tx, app: &AppId, token: TokenHash) -> Result<Option<SessionFacts>, Fail> {
    let by_token = tx.prepare_cached(BY_TOKEN).await?;
    let row = tx.query_opt(&by_token, &[&app.as_str(), &token.0.as_slice()]).await?;
    row.as_ref().map(facts_of).transpose()
}

/// What is there already of a session that is to be opened.
struct Found {
    facts: Option<SessionFacts>,
    /// A refresh has exchanged the token: it is refused like an old one, for ever.
    spent: bool,
    /// Up to when the device's JWTs are refused.
    tokens_after: Option<Time>,
}

/// Looks, under the user's lock, and notes the device. The statements leave together, in this
/// order: a refresh that comes between the first two is seen by the second.
async fn look(tx: &Tx, new: &NewSession) -> Result<Found, Fail> {
    let by_token = tx.prepare_cached(BY_TOKEN).await?;
    let spent = tx.prepare_cached(SPENT).await?;
    let device = tx.prepare_cached(DEVICE).await?;
    let (app, user, name) = (new.app.as_str(), new.user.as_str(), new.device.as_str());
    let token = new.token.0.as_slice();
    let (known, spent, noted) = tokio::try_join!(
        async { tx.query_opt(&by_token, &[&app, &token]).await },
        async { tx.query_opt(&spent, &[&app, &token]).await },
        async { tx.query_one(&device, &[&app, &user, &name, &new.push_token, &new.now.0]).await },
    )?;
    Ok(Found {
        facts: known.as_ref().map(facts_of).transpose()?,
        spent: spent.is_some(),
        tokens_after: Cells::of(&noted).time_or_none()?,
    })
}

/// Closes what the device had and puts the new session in its place, if its token is not there;
/// one behind the other, without waiting between. Says what was closed, and whether it was put.
async fn put(tx: &Tx, new: &NewSession) -> Result<(Vec<Row>, bool), Fail> {
    let close = tx.prepare_cached(CLOSE_DEVICE).await?;
    let insert = tx.prepare_cached(INSERT).await?;
    let (app, user, name) = (new.app.as_str(), new.user.as_str(), new.device.as_str());
    let (id, token) = (new.id.as_str(), new.token.0.as_slice());
    let (ttl, reason) = (big(new.ttl_seconds), CloseReason::Replaced.as_str());
    let (now, until) = (new.now.0, new.expires_at.0);
    let (closed, made) = tokio::try_join!(
        async { tx.query(&close, &[&app, &user, &name, &now, &reason]).await },
        async { tx.execute(&insert, &[&app, &id, &user, &name, &token, &now, &ttl, &until]).await },
    )?;
    Ok((closed, made > 0))
}

fn facts_of(row: &Row) -> Result<SessionFacts, Fail> {
    let mut cells = Cells::of(row);
    Ok(SessionFacts { user_deactivated: cells.next()?, session: cells.session()? })
}

fn arrival_of(row: &Row) -> Result<Arrival, Fail> {
    let mut cells = Cells::of(row);
    let epoch = cells.next()?;
    // Nothing is gathered of nothing.
    let ids = cells.next::<Option<Vec<&str>>>()?.unwrap_or_default();
    let revs = cells.next::<Option<Vec<i64>>>()?.unwrap_or_default();
    let removals = cells.next::<Option<Vec<i64>>>()?.unwrap_or_default();
    let marks = cells.next::<Option<Vec<i64>>>()?.unwrap_or_default();
    let deleted = cells.next::<Option<Vec<i64>>>()?.unwrap_or_default();
    let heads = revs.into_iter().zip(removals).zip(marks.into_iter().zip(deleted));
    let rooms = ids.into_iter().zip(heads).map(|(id, ((rev, removal), (marks, deleted)))| {
        let (rev, deleted_seq) = (rev.unsigned_abs(), deleted.unsigned_abs());
        let marks = MarksHead { rev: marks.unsigned_abs(), deleted_seq };
        let room = RoomId::from_stored(id);
        JoinedRoom { room, rev, members_rev: removal.unsigned_abs(), marks }
    });
    let rooms = rooms.collect();
    Ok(Arrival { session: cells.session()?, user: cells.user()?, rooms, epoch })
}

/// JWTs carry seconds: one minted in the very second of the revoke is refused.
fn is_revoked(origin: SessionOrigin, tokens_after: Option<Time>) -> bool {
    match (origin, tokens_after) {
        (SessionOrigin::Minted { issued_at }, Some(after)) => {
            issued_at.seconds() <= after.seconds()
        }
        _ => false,
    }
}

impl PostgresStore {
    async fn open_once(&self, new: &NewSession) -> Result<OpenOutcome, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let key = (&new.app, &new.user);
        let (user, user_after) =
            users::upsert(&tx, key, &new.profile, new.custom.as_ref(), new.now).await?;
        let found = look(&tx, new).await?;
        let refused = if let Some(facts) = found.facts {
            // Of two first uses of one token the second finds the first's session here, and does
            // not replace it.
            Some(OpenOutcome::Existing(facts.session))
        } else if found.spent {
            Some(OpenOutcome::Revoked)
        } else if user.deactivated_at.is_some() {
            Some(OpenOutcome::UserDeactivated)
        } else {
            let ends = [user_after, found.tokens_after];
            let revoked = ends.into_iter().any(|after| is_revoked(new.origin, after));
            revoked.then_some(OpenOutcome::Revoked)
        };
        if let Some(refused) = refused {
            tx.rollback().await?;
            return Ok(refused);
        }
        let (closed, made) = put(&tx, new).await?;
        if !made {
            // The same token, opened at the same moment: theirs stands, ours leaves no trace.
            let there = facts(&tx, &new.app, new.token).await?;
            tx.rollback().await?;
            let there = there.ok_or_else(|| Fail::Broken("a token came and went".to_owned()))?;
            return Ok(OpenOutcome::Existing(there.session));
        }
        tx.commit().await?;
        Ok(OpenOutcome::Opened {
            session: Session {
                id: new.id.clone(),
                user: new.user.clone(),
                device: new.device.clone(),
                created_at: new.now,
                ttl_seconds: new.ttl_seconds,
                expires_at: new.expires_at,
                closed: None,
            },
            replaced: living_of(&closed, new.now)?,
        })
    }

    async fn by_token(&self, app: &AppId, token: TokenHash) -> Result<Option<SessionFacts>, Fail> {
        let client = self.reads.get().await?;
        let by_token = client.prepare_cached(BY_TOKEN).await?;
        let row = client.query_opt(&by_token, &[&app.as_str(), &token.0.as_slice()]).await?;
        row.as_ref().map(facts_of).transpose()
    }

    async fn arrival_once(
        &self,
        app: &AppId,
        user: &UserId,
        session: &SessionId,
    ) -> Result<Option<Arrival>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let arrival = client.prepare_cached(ARRIVAL).await?;
        let key = [app.as_str(), session.as_str(), user.as_str()];
        let row = client.query_opt(&arrival, &[&key[0], &key[1], &key[2]]).await?;
        let found = row.as_ref().map(arrival_of).transpose()?;
        Ok(found.filter(|found| found.session.user == *user))
    }

    async fn refresh_once(
        &self,
        app: &AppId,
        (old, new): (TokenHash, TokenHash),
        expires_at: Time,
        now: Time,
    ) -> Result<RefreshOutcome, Fail> {
        let client = self.reads.get().await?;
        let refresh = client.prepare_cached(REFRESH).await?;
        let row = client
            .query_opt(
                &refresh,
                &[&app.as_str(), &old.0.as_slice(), &new.0.as_slice(), &expires_at.0, &now.0],
            )
            .await?;
        match row {
            Some(row) => Ok(RefreshOutcome::Refreshed(Cells::of(&row).session()?)),
            None => Ok(RefreshOutcome::Gone),
        }
    }

    async fn close_once(
        &self,
        app: &AppId,
        which: &SessionSelector,
        reason: CloseReason,
        now: Time,
    ) -> Result<Vec<ClosedSession>, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let closed = match which {
            SessionSelector::Session(id) => close_one(&tx, app, id, reason, now).await?,
            SessionSelector::Device(user, device) => {
                users::upsert(&tx, (app, user), &UserPatch::default(), None, now).await?;
                let close = tx.prepare_cached(CLOSE_DEVICE).await?;
                let refuse = tx.prepare_cached(REFUSE_DEVICE).await?;
                let (app, user, device) = (app.as_str(), user.as_str(), device.as_str());
                let closed =
                    tx.query(&close, &[&app, &user, &device, &now.0, &reason.as_str()]).await?;
                tx.execute(&refuse, &[&app, &user, &device, &now.0]).await?;
                living_of(&closed, now)?
            }
            SessionSelector::User(user) => {
                users::upsert(&tx, (app, user), &UserPatch::default(), None, now).await?;
                let refuse = tx.prepare_cached(REFUSE_USER).await?;
                tx.execute(&refuse, &[&app.as_str(), &user.as_str(), &now.0]).await?;
                close_of_user(&tx, app, user, reason, now).await?
            }
        };
        tx.commit().await?;
        Ok(closed)
    }

    async fn living_once(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> Result<Vec<Session>, Fail> {
        let client = self.reads.get().await?;
        let living = client.prepare_cached(LIVING).await?;
        let found = client.query(&living, &[&app.as_str(), &user.as_str(), &now.0]).await?;
        found.iter().map(|row| Cells::of(row).session()).collect()
    }
}

async fn close_one(
    tx: &Tx,
    app: &AppId,
    id: &SessionId,
    reason: CloseReason,
    now: Time,
) -> Result<Vec<ClosedSession>, Fail> {
    let owner = tx.prepare_cached(OWNER).await?;
    let Some(row) = tx.query_opt(&owner, &[&app.as_str(), &id.as_str()]).await? else {
        return Ok(Vec::new());
    };
    let user = Cells::of(&row).user_id()?;
    users::upsert(tx, (app, &user), &UserPatch::default(), None, now).await?;
    let close = tx.prepare_cached(CLOSE_ONE).await?;
    let closed = tx.query(&close, &[&app.as_str(), &id.as_str(), &now.0, &reason.as_str()]).await?;
    let devices: Vec<String> = closed
        .iter()
        .map(|row| closed_of(row, now).map(|(one, _)| one.device.as_str().to_owned()))
        .collect::<Result<_, _>>()?;
    let closed = living_of(&closed, now)?;
    let forget = tx.prepare_cached(FORGET_PUSH).await?;
    tx.execute(&forget, &[&app.as_str(), &user.as_str(), &devices, &now.0]).await?;
    Ok(closed)
}

#[async_trait]
impl SessionStore for PostgresStore {
    async fn open_session(&self, new: NewSession) -> StoreResult<OpenOutcome> {
        Ok(bounded(|| self.open_once(&new)).await?)
    }

    async fn session_by_token(
        &self,
        app: &AppId,
        token: TokenHash,
    ) -> StoreResult<Option<SessionFacts>> {
        Ok(bounded(|| self.by_token(app, token)).await?)
    }

    async fn arrival(
        &self,
        app: &AppId,
        user: &UserId,
        session: &SessionId,
    ) -> StoreResult<Option<Arrival>> {
        Ok(bounded(|| self.arrival_once(app, user, session)).await?)
    }

    async fn refresh_session(
        &self,
        app: &AppId,
        old: TokenHash,
        new: TokenHash,
        expires_at: Time,
        now: Time,
    ) -> StoreResult<RefreshOutcome> {
        Ok(bounded(|| self.refresh_once(app, (old, new), expires_at, now)).await?)
    }

    async fn close_sessions(
        &self,
        app: &AppId,
        which: &SessionSelector,
        reason: CloseReason,
        now: Time,
    ) -> StoreResult<Vec<ClosedSession>> {
        Ok(bounded(|| self.close_once(app, which, reason, now)).await?)
    }

    async fn sessions_of(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> StoreResult<Vec<Session>> {
        Ok(bounded(|| self.living_once(app, user, now)).await?)
    }
}
