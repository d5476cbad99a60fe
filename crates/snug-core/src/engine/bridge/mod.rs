//! Bridged apps: the conversation port is the customer's backend over HTTP (contract line 17,
//! `docs/adr/0007-bridge.md`). Rooms and memberships are mirrored, message rows have no body, and
//! everything behind the commit is as in any app.

mod bodies;
mod call;
mod mirror;
mod operations;
mod read;
mod send;
mod settings;
mod wire;

use std::pin::Pin;
use std::sync::Arc;

use super::apps::KnownApp;
use super::{Actor, CreateRoom, CreateRoomKind, Engine};
use crate::error::{Error, Result};
use crate::ids::{AppId, MessageId, UserId};
use crate::model::BridgeSettings;

pub use operations::{BridgedMessage, BridgedThread, NewThread, UserToken};
pub use settings::EnableBridge;

pub(super) use bodies::Bodies;
use bodies::Mirrored;

/// A bridged app with its settings, as last read.
#[derive(Clone)]
pub(super) struct Bridge(Arc<KnownApp>);

impl Bridge {
    fn app(&self) -> &AppId {
        &self.0.app.id
    }

    fn settings(&self) -> &BridgeSettings {
        self.0.settings.bridge.as_ref().expect("a bridge is made of an app that has one")
    }
}

/// What a write is called by, so that the second is answered like the first.
struct Key<'a>(&'a str);

/// A bridge's work, boxed: it calls what calls it, and other apps' futures stay small.
pub(super) fn boxed<'a, T>(
    work: impl Future<Output = T> + Send + 'a,
) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
    Box::pin(work)
}

impl Engine {
    /// The app's bridge, if its conversations are its backend's.
    pub(super) async fn bridge(&self, app: &AppId) -> Result<Option<Bridge>> {
        let Some(known) = self.app_with_keys(app).await? else { return Ok(None) };
        match &known.settings.bridge {
            None => Ok(None),
            Some(bridge) if bridge.settled => Ok(Some(Bridge(known))),
            Some(_) => Err(Error::BridgeUnreachable { cause: "it is not settled yet".to_owned() }),
        }
    }

    /// Refuses what a bridge has no operation for.
    pub(super) async fn unless_bridged(&self, actor: &Actor, what: &'static str) -> Result<()> {
        match self.bridge(&actor.app().id).await? {
            Some(_) => Err(Error::BridgeUnsupported { what }),
            None => Ok(()),
        }
    }

    /// Refuses a page what only the backend may tell of a bridged app.
    pub(super) async fn told_by_backend(&self, actor: &Actor, what: &'static str) -> Result<()> {
        match actor {
            Actor::Backend(_) => Ok(()),
            Actor::Client(_) => self.unless_bridged(actor, what).await,
        }
    }
}

/// A room that the backend tells is a thread of its own: with its id, a group, and without words.
pub(super) fn check_told_room(create: &CreateRoom) -> Result<()> {
    if create.message.is_some() {
        return Err(Error::invalid("message", "absent; in a bridged app, send it afterwards"));
    }
    match &create.kind {
        CreateRoomKind::Group { id: Some(_), .. } => Ok(()),
        CreateRoomKind::Group { id: None, .. } => Err(Error::missing("id")),
        CreateRoomKind::Direct { .. }
        | CreateRoomKind::Contact { .. }
        | CreateRoomKind::Channel { .. } => {
            Err(Error::BridgeUnsupported { what: "have other rooms than groups" })
        }
    }
}

/// What is wrong with JSON of the backend's. Never what stands in it: that may be somebody's words.
fn fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let plain = ["missing field `", "EOF while parsing", "an id is a string"];
    if plain.iter().any(|start| text.starts_with(start)) {
        return text;
    }
    format!("not as it is documented at line {} column {}", error.line(), error.column())
}

fn broken(promise: impl Into<String>) -> Error {
    Error::BridgeBroken { promise: promise.into() }
}

/// How the ids of messages begin that the backend has from elsewhere; no page may take one.
const EXTERNAL_START: &str = "b_";

/// The id of a message that the backend has from elsewhere.
fn id_of_external(external: &str) -> MessageId {
    use sha2::{Digest, Sha256};
    let hash: [u8; 32] = Sha256::digest(external.as_bytes()).into();
    let mut id = String::from(EXTERNAL_START);
    crate::ids::base32(&hash, 26, &mut id);
    MessageId::from_stored(&id)
}

fn names(users: &[wire::BridgeUser]) -> Vec<UserId> {
    users.iter().map(|user| user.user_id.clone()).collect()
}
