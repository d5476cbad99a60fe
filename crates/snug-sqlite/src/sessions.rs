//! Sessions and devices.

use async_trait::async_trait;
use rusqlite::{Connection, Row};
use snug_core::ids::{AppId, DeviceId, RoomId, SessionId, UserId};
use snug_core::model::{
    CloseReason, CustomJson, MarksHead, Session, SessionSelector, Time, TokenHash,
};
use snug_core::ports::{
    Arrival, ClosedSession, JoinedRoom, NewSession, OpenOutcome, RefreshOutcome, SessionFacts,
    SessionOrigin, SessionStore, StoreResult,
};

use crate::rows::{Sql, all, change, damaged, int, maybe_time, one, time, uint};
use crate::{SqliteStore, users};

const SESSION: &str = "SELECT id, user, device, created_at, ttl_seconds, expires_at, closed_at, \
                       closed_why FROM sessions";

/// Of a user's or a device's open sessions. The index is named because without statistics the
/// planner takes the primary key and walks all sessions of the app.
const OPEN_OF: &str = "SELECT id, user, device, created_at, ttl_seconds, expires_at, closed_at, \
                       closed_why FROM sessions INDEXED BY sessions_open";

#[async_trait]
impl SessionStore for SqliteStore {
    async fn open_session(&self, new: NewSession) -> StoreResult<OpenOutcome> {
        self.write(Some(new.app.clone()), move |conn| open(conn, &new)).await
    }

    async fn session_by_token(
        &self,
        app: &AppId,
        token: TokenHash,
    ) -> StoreResult<Option<SessionFacts>> {
        let app = app.clone();
        self.read(Some(app.clone()), move |conn| {
            let Some(session) = by_token(conn, &app, token)? else {
                return Ok(None);
            };
            let user_deactivated = users::is_deactivated(conn, &app, &session.user)?;
            Ok(Some(SessionFacts { session, user_deactivated }))
        })
        .await
    }

    async fn arrival(
        &self,
        app: &AppId,
        user: &UserId,
        session: &SessionId,
    ) -> StoreResult<Option<Arrival>> {
        let (app, user, session) = (app.clone(), user.clone(), session.clone());
        let epoch = self.epoch.clone();
        self.read_page(Some(app.clone()), move |conn| {
            let sql = format!("{SESSION} WHERE app = ?1 AND id = ?2");
            let found = one(conn, &sql, (app.as_str(), session.as_str()), read)?;
            let Some(session) = found.filter(|session| session.user == user) else {
                return Ok(None);
            };
            let Some(user) = users::find(conn, &app, &user)? else {
                return Ok(None);
            };
            let rooms = heard(conn, &app, &user.id)?;
            Ok(Some(Arrival { session, user, rooms, epoch: epoch.clone() }))
        })
        .await
    }

    async fn refresh_session(
        &self,
        app: &AppId,
        old: TokenHash,
        new: TokenHash,
        expires_at: Time,
        now: Time,
    ) -> StoreResult<RefreshOutcome> {
        let app = app.clone();
        self.write(Some(app.clone()), move |conn| refresh(conn, &app, (old, new), expires_at, now))
            .await
    }

    async fn close_sessions(
        &self,
        app: &AppId,
        which: &SessionSelector,
        reason: CloseReason,
        now: Time,
    ) -> StoreResult<Vec<ClosedSession>> {
        let (app, which) = (app.clone(), which.clone());
        self.write(Some(app.clone()), move |conn| close(conn, &app, &which, reason, now)).await
    }

    async fn sessions_of(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> StoreResult<Vec<Session>> {
        let (app, user) = (app.clone(), user.clone());
        self.read(Some(app.clone()), move |conn| {
            all(
                conn,
                &format!(
                    "{OPEN_OF} WHERE app = ?1 AND user = ?2 AND closed_at IS NULL \
                     AND expires_at > ?3 ORDER BY created_at DESC, id DESC"
                ),
                (app.as_str(), user.as_str(), now.0),
                read,
            )
        })
        .await
    }
}

fn read(row: &Row<'_>) -> Sql<Session> {
    let closed = match (maybe_time(row, 6)?, row.get_ref(7)?.as_str_or_null()?) {
        (Some(at), Some(why)) => {
            let why = CloseReason::parse(why).ok_or_else(|| damaged(7, "an unknown word"))?;
            Some((at, why))
        }
        _ => None,
    };
    Ok(Session {
        id: SessionId::from_stored(row.get_ref(0)?.as_str()?),
        user: UserId::from_stored(row.get_ref(1)?.as_str()?),
        device: DeviceId::from_stored(row.get_ref(2)?.as_str()?),
        created_at: time(row, 3)?,
        ttl_seconds: uint(row, 4)?,
        expires_at: time(row, 5)?,
        closed,
    })
}

/// The rooms that a user hears. Where they stand is all that is read of them: a preview costs more
/// than the rest, and nobody looks at it here.
fn heard(conn: &Connection, app: &AppId, user: &UserId) -> Sql<Vec<JoinedRoom>> {
    all(
        conn,
        "SELECT r.id, h.rev, h.members_rev, m.marks_rev, m.deleted_seq FROM members m INDEXED BY members_by_user \
         CROSS JOIN heads h ON h.rk = m.rk CROSS JOIN rooms r ON r.rk = m.rk \
         WHERE m.app = ?1 AND m.user = ?2 AND m.state = 'active'",
        (app.as_str(), user.as_str()),
        |row| {
            let room = RoomId::from_stored(row.get_ref(0)?.as_str()?);
            let marks = MarksHead { rev: uint(row, 3)?, deleted_seq: uint(row, 4)? };
            Ok(JoinedRoom { room, rev: uint(row, 1)?, members_rev: uint(row, 2)?, marks })
        },
    )
}

fn by_token(conn: &Connection, app: &AppId, token: TokenHash) -> Sql<Option<Session>> {
    let sql = format!("{SESSION} WHERE app = ?1 AND token = ?2");
    one(conn, &sql, (app.as_str(), token.0), read)
}

fn open(conn: &Connection, new: &NewSession) -> Sql<OpenOutcome> {
    if let Some(session) = by_token(conn, &new.app, new.token)? {
        return Ok(OpenOutcome::Existing(session));
    }
    // A JWT that was exchanged is refused like an old token (line 12), for ever.
    let spent = "SELECT 1 FROM spent_tokens WHERE app = ?1 AND token = ?2";
    if one(conn, spent, (new.app.as_str(), new.token.0), |_| Ok(()))?.is_some() {
        return Ok(OpenOutcome::Revoked);
    }
    let is_out = users::is_out(conn, &new.app, &new.user)?;
    if is_out == Some(true) {
        return Ok(OpenOutcome::UserDeactivated);
    }
    if let SessionOrigin::Minted { issued_at } = new.origin
        && revoked_at(conn, new)?.is_some_and(|at| at.seconds() >= issued_at.seconds())
    {
        return Ok(OpenOutcome::Revoked);
    }
    if is_out.is_none() || !new.profile.is_empty() {
        users::upsert(conn, &new.app, &new.user, &new.profile, new.now)?;
    }
    if let Some(custom) = &new.custom {
        keep_custom(conn, new, custom)?;
    }
    change(
        conn,
        "INSERT INTO devices (app, user, id, push_token) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT DO UPDATE SET push_token = excluded.push_token \
         WHERE excluded.push_token IS NOT NULL",
        (new.app.as_str(), new.user.as_str(), new.device.as_str(), &new.push_token),
    )?;
    let replaced = replace(conn, new)?;
    let session = insert(conn, new)?;
    Ok(OpenOutcome::Opened { session, replaced })
}

/// When JWTs of this user or device were last refused.
fn revoked_at(conn: &Connection, new: &NewSession) -> Sql<Option<Time>> {
    let latest = one(
        conn,
        "SELECT max(tokens_after) FROM ( \
           SELECT tokens_after FROM users WHERE app = ?1 AND id = ?2 \
           UNION ALL \
           SELECT tokens_after FROM devices WHERE app = ?1 AND user = ?2 AND id = ?3)",
        (new.app.as_str(), new.user.as_str(), new.device.as_str()),
        |row| maybe_time(row, 0),
    )?;
    Ok(latest.flatten())
}

fn keep_custom(conn: &Connection, new: &NewSession, custom: &CustomJson) -> Sql<()> {
    change(
        conn,
        "UPDATE users SET session_custom = ?3, changed_at = ?4 \
         WHERE app = ?1 AND id = ?2 AND session_custom IS NOT ?3",
        (new.app.as_str(), new.user.as_str(), custom.as_str(), new.now.0),
    )
    .map(drop)
}

/// Closes the open session of the same device. One that had expired is closed, too, but was
/// not alive any more, so it is not told.
fn replace(conn: &Connection, new: &NewSession) -> Sql<Vec<ClosedSession>> {
    let found = one(
        conn,
        &format!("{OPEN_OF} WHERE app = ?1 AND user = ?2 AND device = ?3 AND closed_at IS NULL"),
        (new.app.as_str(), new.user.as_str(), new.device.as_str()),
        read,
    )?;
    let Some(session) = found else {
        return Ok(Vec::new());
    };
    close_one(conn, &new.app, &session.id, CloseReason::Replaced, new.now)?;
    if session.expires_at <= new.now {
        return Ok(Vec::new());
    }
    let Session { id, user, device, .. } = session;
    Ok(vec![ClosedSession { id, user, device }])
}

fn close_one(
    conn: &Connection,
    app: &AppId,
    id: &SessionId,
    reason: CloseReason,
    now: Time,
) -> Sql<()> {
    change(
        conn,
        "UPDATE sessions SET closed_at = ?3, closed_why = ?4 WHERE app = ?1 AND id = ?2",
        (app.as_str(), id.as_str(), now.0, reason.as_str()),
    )
    .map(drop)
}

fn insert(conn: &Connection, new: &NewSession) -> Sql<Session> {
    change(
        conn,
        "INSERT INTO sessions \
         (app, id, token, user, device, created_at, ttl_seconds, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            new.app.as_str(),
            new.id.as_str(),
            new.token.0,
            new.user.as_str(),
            new.device.as_str(),
            new.now.0,
            int(new.ttl_seconds),
            new.expires_at.0,
        ),
    )?;
    Ok(Session {
        id: new.id.clone(),
        user: new.user.clone(),
        device: new.device.clone(),
        created_at: new.now,
        ttl_seconds: new.ttl_seconds,
        expires_at: new.expires_at,
        closed: None,
    })
}

fn refresh(
    conn: &Connection,
    app: &AppId,
    (old, new): (TokenHash, TokenHash),
    expires_at: Time,
    now: Time,
) -> Sql<RefreshOutcome> {
    let living = by_token(conn, app, old)?
        .filter(|session| session.closed.is_none() && session.expires_at > now);
    let Some(mut session) = living else {
        return Ok(RefreshOutcome::Gone);
    };
    // Line 12: the old token is refused from the return on, at `open_session` too.
    change(
        conn,
        "INSERT INTO spent_tokens (app, token, expires_at) VALUES (?1, ?2, ?3)",
        (app.as_str(), old.0, session.expires_at.0),
    )?;
    change(
        conn,
        "UPDATE sessions SET token = ?3, expires_at = ?4 WHERE app = ?1 AND id = ?2",
        (app.as_str(), session.id.as_str(), new.0, expires_at.0),
    )?;
    session.expires_at = expires_at;
    Ok(RefreshOutcome::Refreshed(session))
}

/// Line 12: closes, forgets push tokens and refuses older JWTs in one commit.
pub(crate) fn close(
    conn: &Connection,
    app: &AppId,
    which: &SessionSelector,
    reason: CloseReason,
    now: Time,
) -> Sql<Vec<ClosedSession>> {
    match which {
        SessionSelector::Session(id) => {
            let sql = format!("{SESSION} WHERE app = ?1 AND id = ?2 AND closed_at IS NULL");
            let open = all(conn, &sql, (app.as_str(), id.as_str()), read)?;
            for session in &open {
                forget_push(conn, app, &session.user, Some(&session.device))?;
            }
            close_all(conn, app, open, reason, now)
        }
        SessionSelector::Device(user, device) => {
            users::ensure(conn, app, user, now)?;
            change(
                conn,
                "INSERT INTO devices (app, user, id, tokens_after) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT DO UPDATE SET tokens_after = max(coalesce(tokens_after, ?4), ?4)",
                (app.as_str(), user.as_str(), device.as_str(), now.0),
            )?;
            forget_push(conn, app, user, Some(device))?;
            let sql = format!(
                "{OPEN_OF} WHERE app = ?1 AND user = ?2 AND device = ?3 AND closed_at IS NULL"
            );
            let key = (app.as_str(), user.as_str(), device.as_str());
            close_all(conn, app, all(conn, &sql, key, read)?, reason, now)
        }
        SessionSelector::User(user) => {
            users::ensure(conn, app, user, now)?;
            change(
                conn,
                "UPDATE users SET tokens_after = max(coalesce(tokens_after, ?3), ?3) \
                 WHERE app = ?1 AND id = ?2",
                (app.as_str(), user.as_str(), now.0),
            )?;
            forget_push(conn, app, user, None)?;
            let sql = format!("{OPEN_OF} WHERE app = ?1 AND user = ?2 AND closed_at IS NULL");
            let open = all(conn, &sql, (app.as_str(), user.as_str()), read)?;
            close_all(conn, app, open, reason, now)
        }
    }
}

fn close_all(
    conn: &Connection,
    app: &AppId,
    open: Vec<Session>,
    reason: CloseReason,
    now: Time,
) -> Sql<Vec<ClosedSession>> {
    let mut closed = Vec::with_capacity(open.len());
    for Session { id, user, device, .. } in open {
        close_one(conn, app, &id, reason, now)?;
        closed.push(ClosedSession { id, user, device });
    }
    Ok(closed)
}

fn forget_push(
    conn: &Connection,
    app: &AppId,
    user: &UserId,
    device: Option<&DeviceId>,
) -> Sql<()> {
    change(
        conn,
        "UPDATE devices SET push_token = NULL \
         WHERE app = ?1 AND user = ?2 AND (?3 IS NULL OR id = ?3)",
        (app.as_str(), user.as_str(), device.map(DeviceId::as_str)),
    )
    .map(drop)
}
