//! The operations, alike for REST and the socket. Each checks in the documented order (user
//! token, thread token, membership, body) before the backend is asked.

use serde_json::{Value, json};
use snug_core::engine::{Actor, Client, Engine};
use snug_core::ids::RoomId;

use super::answer::Failure;
use super::paging::Page;
use super::wire::{self, Said};
use crate::operations::Carried::{Partly, Yes};
use crate::operations::{Carried, OperationRow};

const fn row(name: &'static str, carried: Carried) -> OperationRow {
    OperationRow { name, carried }
}

/// Every operation of the vendor's, and the socket's own.
pub const OPERATIONS: &[OperationRow] = &[
    row("POST getUserToken", Yes),
    row("POST getContacts", Yes),
    row("POST getThreads", Yes),
    row("POST createThread", Yes),
    row("POST getThread", Partly("joins no channel: that needs the socket")),
    row("POST sendMessage", Yes),
    row("socket getContacts", Yes),
    row("socket getThreads", Yes),
    row("socket createThread", Yes),
    row("socket getThread", Yes),
    row("socket sendMessage", Yes),
    row("socket threadMessage", Yes),
];

/// Somebody with a user token.
pub(super) struct Caller<'a> {
    pub(super) engine: &'a Engine,
    pub(super) client: &'a Client,
}

impl Caller<'_> {
    pub(super) async fn contacts(&self, body: &Value) -> Result<Value, Failure> {
        let page = Page::of(body)?;
        let (app, user) = (&self.client.app.id, self.client.user());
        Ok(page.cut(&self.engine.bridge_contacts(app, user).await?))
    }

    pub(super) async fn threads(&self, body: &Value) -> Result<Value, Failure> {
        let page = Page::of(body)?;
        Ok(page.cut(&self.engine.bridge_threads(self.client).await?))
    }

    /// The new thread; its maker listens to it once it has been got.
    pub(super) async fn create_thread(&self, body: &Value) -> Result<Value, Failure> {
        let new = wire::new_thread(body)?;
        Ok(wire::thread(&self.engine.bridge_create(self.client, new).await?))
    }

    /// The room of the thread token, if the caller may have it.
    pub(super) async fn room(&self, body: &Value) -> Result<RoomId, Failure> {
        let token = match &body["threadToken"] {
            Value::Null => &body["thread"]["threadToken"],
            token => token,
        };
        let room = self.engine.bridge_room(self.client, token.as_str().unwrap_or("")).await;
        room.map_err(Failure::of_thread_token)
    }

    pub(super) async fn thread(&self, room: &RoomId) -> Result<Value, Failure> {
        Ok(wire::thread(&self.engine.bridge_thread(self.client, room).await?))
    }

    /// Sends; what comes back is for the author, who is answered last.
    pub(super) async fn send(&self, body: &Value) -> Result<Sent, Failure> {
        let room = self.room(body).await?;
        let said = Said::read(body)?;
        if let Some(on) = said.typing() {
            let actor = Actor::Client(self.client.clone());
            self.engine.set_typing(&actor, &room, on, None).await?;
            let message = self.engine.bridged_typing(self.client.user(), on);
            return Ok(Sent { room, rev: None, answer: json!({ "threadMessage": message }) });
        }
        let what = (said.kind.as_str(), said.data.as_ref());
        let sent = self.engine.bridge_send(self.client, &room, what, said.id).await?;
        let rev = (!sent.sent.duplicate).then_some(sent.sent.message.rev);
        Ok(Sent { room, rev, answer: wire::sent(&sent) })
    }
}

/// A message that was stored, or a sign of typing that was told.
pub(super) struct Sent {
    pub(super) room: RoomId,
    /// The rev of the news that the room was told; `None` when there was none of its own.
    pub(super) rev: Option<u64>,
    pub(super) answer: Value,
}
