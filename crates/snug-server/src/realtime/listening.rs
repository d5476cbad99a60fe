//! Connections that speak another system's wire: known to the hub like any other, but they hear
//! events instead of frames.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use snug_core::engine::Client;
use snug_core::error::Result;
use snug_core::ids::RoomId;
use snug_core::model::{CloseReason, Head, Time};
use snug_dialects::{Ended, Heard, Listening};
use snug_proto::CloseCode;

use super::hub::{Connection, Way, Who};
use super::mailbox::Mailbox;
use crate::wiring::App;

/// One dialect connection in the hub, for as long as this lives.
struct Ear {
    app: Arc<App>,
    connection: Arc<Connection>,
    /// When the session ends by itself.
    expires_at: Time,
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
    let ear = Ear { app: app.clone(), connection, expires_at };
    let arrived = app.engine.arrive(client).await?;
    app.hub.attach(&ear.connection, (arrived.user.invisible, arrived.user.changed_at));
    app.hub.join_all(&ear.connection, &arrived.rooms);
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
            if let Some(heard) = mailbox.take() {
                return Ok(heard);
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
