//! Connections that speak another system's wire: known to the hub like any other, but they hear
//! events instead of frames.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use snug_core::engine::Client;
use snug_core::error::Result;
use snug_core::ids::RoomId;
use snug_core::model::{CloseReason, Head, Time};
use snug_dialects::{Ended, Heard, Listening};
use snug_proto::CloseCode;

use super::hub::{Connection, Way, Who};
use super::kept::Kept;
use super::mailbox::Mailbox;
use crate::wiring::App;

/// One dialect connection in the hub, for as long as this lives.
struct Ear {
    app: Arc<App>,
    connection: Arc<Connection>,
    /// When the session ends by itself.
    expires_at: Time,
    kept: Mutex<Kept>,
    /// What was taken from the mailbox and is still looked at.
    held: Mutex<Option<Heard>>,
}

impl Ear {
    fn take(&self, mailbox: &Mailbox) -> Option<Heard> {
        let held = self.held.lock().take();
        held.or_else(|| mailbox.take())
    }

    /// As the user may see it. What is asked about is held meanwhile, for the asking may be given
    /// up.
    async fn as_kept(&self, heard: Heard) -> std::result::Result<Heard, Ended> {
        let event = match &heard {
            Heard::Room(event) => event.clone(),
            Heard::User(event) => {
                self.kept.lock().hear(event);
                return Ok(heard);
            }
            Heard::Left(_) => return Ok(heard),
        };
        let asks = self.kept.lock().asks(&event);
        let mark = match asks {
            None => None,
            Some(seq) => {
                *self.held.lock() = Some(heard);
                let (app, user) = (&self.connection.app, &self.connection.user);
                let found = self.app.engine.mark_of(app, &event.room, user, seq).await;
                self.held.lock().take();
                match found {
                    Ok(mark) => mark,
                    // Words that may be deleted are not told: the client reads when it comes again.
                    Err(error) => {
                        tracing::warn!(%error, "a mark could not be looked at");
                        return Err(Ended::GoingAway);
                    }
                }
            }
        };
        Ok(Heard::Room(self.kept.lock().seen(event, mark)))
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.app.hub.detach(&self.connection);
    }
}

/// Makes a connection known and lets it hear the rooms of its user; the session is looked at
/// again once it is known, so that one that was closed in between is not missed.
///
/// # Errors
/// As [`snug_core::engine::Engine::arrive`].
pub async fn listen(app: &Arc<App>, client: &Client) -> Result<Arc<dyn Listening>> {
    let _turn = app.arrivals.turn(Some(&client.app.id)).await?;
    let _place = app.arrivals.place().await?;
    let who = Who { app: &client.app.id, user: client.user(), session: client.session_id() };
    let connection = app.hub.expect(&who, Way::Events(Mailbox::default()));
    let expires_at = client.session.expires_at;
    let (app, kept, held) = (app.clone(), Mutex::default(), Mutex::default());
    let ear = Ear { app, connection, expires_at, kept, held };
    let arrived = ear.app.engine.arrive(client).await?;
    for joined in &arrived.rooms {
        ear.kept.lock().note(&joined.room, joined.marks);
    }
    ear.app.hub.attach(&ear.connection, (arrived.user.invisible, arrived.user.changed_at));
    ear.app.hub.join_all(&ear.connection, &arrived.rooms);
    Ok(Arc::new(ear))
}

#[async_trait]
impl Listening for Ear {
    async fn next(&self) -> std::result::Result<Heard, Ended> {
        let Some(mailbox) = &self.connection.mailbox else { return Err(Ended::GoingAway) };
        loop {
            let left = self.expires_at.millis() - self.app.engine.now().millis();
            if left <= 0 {
                return Err(Ended::Expired);
            }
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            if let Some(heard) = self.take(mailbox) {
                return self.as_kept(heard).await;
            }
            if let Some(ending) = self.connection.outbox.ending() {
                return Err(ended(ending.code));
            }
            tokio::select! {
                () = mailbox.ready() => {}
                () = self.connection.outbox.ready() => {}
                () = tokio::time::sleep(left) => {}
            }
        }
    }

    fn join(&self, room: &RoomId, head: &Head, guest: bool) {
        self.app.hub.join_as(guest, &self.connection, room, head);
    }
}

fn ended(code: CloseCode) -> Ended {
    match code {
        CloseCode::SessionClosed => Ended::Session(CloseReason::Closed),
        CloseCode::SessionRevoked => Ended::Session(CloseReason::Revoked),
        CloseCode::SessionReplaced => Ended::Session(CloseReason::Replaced),
        CloseCode::UserDeactivated => Ended::Session(CloseReason::Deactivated),
        CloseCode::SlowReader => Ended::SlowReader,
        _ => Ended::GoingAway,
    }
}
