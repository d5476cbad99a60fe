//! Commands: every mutation of Snug, through whatever door, is one method here. A command
//! validates, loads facts, asks policy, makes one store call with a guard, and publishes what
//! happened after the commit. Doors translate; they never call the store.

mod actor;
mod apps;
mod before_send;
mod bridge;
mod changes;
mod check;
mod codes;
mod contacts;
mod ephemeral;
mod extras;
mod forward;
mod guests;
mod history;
mod keys;
mod listening;
mod marks;
mod members;
mod messages;
mod minted;
mod operators;
mod own;
mod presence;
mod receipts;
mod records;
mod room_list;
mod rooms;
mod scheduled;
mod secrets;
mod sessions;
mod settings;
mod signed;
mod sync;
mod threads;
mod users;
mod verified;
mod webhooks;

use std::sync::Arc;

use crate::error::Error;
use crate::event::{Event, RoomEvent, RoomEventBody, UserEvent, UserEventBody};
use crate::ids::{AppId, RoomId, UserId};
use crate::limits;
use crate::model::{Head, Time};
use crate::ports::{
    BeforeSend, Bus, Clock, Entropy, KeySets, MintedTokens, Outbound, Store, StoreError, Vault,
};

pub use crate::model::EditMessage;
pub use actor::{Actor, Backend, Client, Me};
pub use apps::{CreatedApp, NewAppRequest, allows_origin};
pub use before_send::{BeforeSendView, IssuedBeforeSend, SetBeforeSend};
pub use bridge::{BridgedMessage, BridgedThread, EnableBridge, NewThread, UserToken};
pub use codes::IssuedCode;
pub use contacts::ContactsPage;
pub use ephemeral::SayEphemeral;
pub use extras::{ForwardOf, SendExtras};
pub use guests::OpenGuest;
pub use history::{HistoryPage, HistoryRequest};
pub use listening::Arrived;
pub use marks::{MarkRequest, MarkView, MarksPage, StarredPage};
pub use members::{ChangeMembersRequest, MembersPage};
pub use messages::{SendMessage, Sent};
pub use operators::SignUp;
pub use receipts::ReceiptsPage;
pub use records::KeepRecord;
pub use room_list::{ChannelsPage, RoomListPage, RoomListRequest};
pub use rooms::{CreateRoom, CreateRoomKind, CreatedRoomView, RoomView};
pub use scheduled::{DueOutcome, Judged, ScheduledPage, ScheduledPatch, ScheduledRequest};
pub use sessions::{IssuedToken, OpenSession, RevokeSessions};
pub use signed::SignedRequest;
pub use sync::{RoomSync, SyncFrom, UserSync};
pub use threads::{ThreadPage, ThreadsPage, ThreadsRequest};
pub use verified::{OpenVerified, VerifiedUser};
pub use webhooks::{DeliveriesRequest, IssuedWebhook, OutboxPage, WebhookTarget, WebhookView};

/// What the engine stands on.
#[expect(missing_debug_implementations, reason = "ports are opaque")]
pub struct EngineParts {
    pub store: Arc<dyn Store>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub vault: Arc<dyn Vault>,
    pub minted: Arc<dyn MintedTokens>,
    pub key_sets: Arc<dyn KeySets>,
    pub outbound: Arc<dyn Outbound>,
    pub hooks: Arc<dyn BeforeSend>,
}

/// The rules of chat over a store and a bus. Cheap to share behind an `Arc`.
pub struct Engine {
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    vault: Arc<dyn Vault>,
    minted: Arc<dyn MintedTokens>,
    key_sets: Arc<dyn KeySets>,
    outbound: Arc<dyn Outbound>,
    hooks: Arc<dyn BeforeSend>,
    apps: apps::AppCache,
    bodies: bridge::Bodies,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    #[must_use]
    pub fn new(parts: EngineParts) -> Self {
        let EngineParts { store, bus, clock, entropy, vault, minted, key_sets, outbound, hooks } =
            parts;
        let apps = apps::AppCache::default();
        let bodies = bridge::Bodies::default();
        Self { store, bus, clock, entropy, vault, minted, key_sets, outbound, hooks, apps, bodies }
    }

    /// The clock that commands use.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// The guarded client: how a command calls its app's backend.
    #[must_use]
    pub fn outbound(&self) -> &Arc<dyn Outbound> {
        &self.outbound
    }

    /// Whether the store answers and takes writes.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`].
    pub async fn ready(&self) -> Result<(), Error> {
        Ok(self.store.ping().await?)
    }

    /// Changes when history could have changed behind every client's back.
    ///
    /// # Errors
    /// The store's.
    pub async fn epoch(&self) -> Result<String, Error> {
        Ok(self.store.position(self.now()).await?.epoch)
    }

    fn ulid(&self) -> String {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        let millis = u64::try_from(self.now().millis()).unwrap_or(0);
        crate::ids::ulid(millis, random)
    }

    /// `chars` random characters of `0-9a-z` without look-alikes, 5 bits each.
    fn random_text(&self, chars: usize) -> String {
        let mut random = vec![0; chars];
        self.entropy.fill(&mut random);
        let mut text = String::with_capacity(chars);
        crate::ids::base32(&random, chars, &mut text);
        text
    }

    fn publish_room(&self, app: &AppId, room: &RoomId, mut head: Head, body: RoomEventBody) {
        self.put_preview(app, room, &mut head);
        self.bus.publish(Arc::new(Event::Room(RoomEvent {
            app: app.clone(),
            room: room.clone(),
            head,
            body,
        })));
    }

    fn publish_user(&self, app: &AppId, user: &UserId, body: UserEventBody) {
        self.bus.publish(Arc::new(Event::User(UserEvent {
            app: app.clone(),
            user: user.clone(),
            body,
        })));
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded => {
                Self::Overloaded { retry_after_ms: limits::OVERLOADED_RETRY_MS }
            }
            StoreError::Unavailable(cause) => Self::StoreUnavailable { cause },
            StoreError::Broken(cause) => Self::StoreBroken { cause },
        }
    }
}
