//! The operations of the bridge as its own clients ask for them, and what native doors need of
//! them: the checks come first, in the order that is documented, and only then the backend.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::extras::SendExtras;
use super::super::messages::check_body;
use super::super::{
    Actor, Client, CreateRoom, CreateRoomKind, CreatedRoomView, Engine, OpenSession, SendMessage,
    Sent,
};
use super::mirror::Before;
use super::send::Senders;
use super::wire::{Body, BridgeThread, BridgeUser};
use super::{Bridge, Key, broken, fault};
use crate::error::{Error, Result};
use crate::ids::{AppId, DeviceId, KeyId, MessageId, RoomId, UserId, direct_room_id};
use crate::limits;
use crate::model::{
    Contact, ContactKind, Head, Membership, Message, MessageKind, Patch, TokenHash, UserPatch,
};
use crate::policy::{self, Operation};

/// A token of the backend's, and whose it is.
#[derive(Clone)]
pub struct UserToken {
    pub token: String,
    pub user: UserId,
    pub name: Option<String>,
}

impl std::fmt::Debug for UserToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserToken").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A thread with its messages, as the backend wrote them.
#[derive(Debug, Clone)]
pub struct BridgedThread {
    pub room: RoomId,
    pub thread: Box<RawValue>,
    pub messages: Vec<Box<RawValue>>,
}

/// A stored message, as the backend wrote it, with its freshly signed thread.
#[derive(Debug, Clone)]
pub struct BridgedMessage {
    pub sent: Sent,
    pub thread: Box<RawValue>,
    pub message: Box<RawValue>,
}

/// A thread to be made.
#[derive(Debug, Clone)]
pub struct NewThread {
    pub contacts: Vec<UserId>,
    /// Type and data of the first message.
    pub message: (String, Box<RawValue>),
    /// Named by the caller, so that a retry makes no second thread.
    pub key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    thread: Box<RawValue>,
    #[serde(default)]
    messages: Vec<Box<RawValue>>,
    #[serde(default)]
    thread_message: Option<Box<RawValue>>,
}

/// Threads as the backend wrote them, and when each last had something new.
type Listed = (Vec<Box<RawValue>>, Vec<(RoomId, String)>);

/// A plain array, or one in a field.
struct Array(Vec<Box<RawValue>>);

impl<'de> Deserialize<'de> for Array {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Named {
            #[serde(alias = "users", alias = "contacts", alias = "threads")]
            items: Vec<Box<RawValue>>,
        }
        let raw = Box::<RawValue>::deserialize(from)?;
        let read = match raw.get().starts_with('[') {
            true => serde_json::from_str(raw.get()),
            false => serde_json::from_str::<Named>(raw.get()).map(|named| named.items),
        };
        read.map(Self).map_err(|_| serde::de::Error::custom("an array"))
    }
}

impl Array {
    fn take(self, most: usize, what: &str) -> Result<Vec<Box<RawValue>>> {
        if self.0.len() > most {
            return Err(broken(format!("at most {most} {what}")));
        }
        Ok(self.0)
    }
}

/// The device of a user token: each has a session of its own.
fn device_of(token: &str) -> DeviceId {
    let mut text = String::from("ecb_");
    crate::ids::base32(&TokenHash::of(token).0, 20, &mut text);
    DeviceId::from_stored(&text)
}

impl Engine {
    async fn required_bridge(&self, app: &AppId) -> Result<Bridge> {
        let bridge = self.bridge(app).await?;
        bridge.ok_or_else(|| Error::NotSetUp { what: "a bridge".to_owned() })
    }

    /// Forwards an access token to the backend; the answer is checked before anybody gets it.
    ///
    /// # Errors
    /// [`Error::NotSetUp`]; [`Error::VerifyFailed`] when the backend refuses; the bridge's.
    pub async fn bridge_user_token(&self, app: &AppId, access_token: &str) -> Result<UserToken> {
        let bridge = self.required_bridge(app).await?;
        if access_token.is_empty() {
            return Err(Error::missing("accessToken"));
        }
        super::super::check::bytes("accessToken", access_token, limits::TOKEN_BYTES_MAX)?;
        let call = json!({ "accessToken": access_token });
        let answer: Value = match self.call_bridge(&bridge, "getUserToken", call, None).await {
            Err(Error::BridgeRefused { .. }) => return Err(Error::VerifyFailed),
            answer => answer?,
        };
        let token = answer["userToken"].as_str().or_else(|| answer.as_str());
        let token = token.ok_or_else(|| broken("getUserToken answers with a userToken"))?;
        let claims = self.read_user_token(&bridge, token).map_err(|error| match error {
            Error::TokenExpired => broken("a userToken that has expired"),
            _ => broken("a userToken that is signed by RS256 and names its userId"),
        })?;
        let (user, name) = (claims.user.user_id, claims.user.display_name);
        Ok(UserToken { token: token.to_owned(), user, name })
    }

    /// Who holds a user token; the first use opens its session.
    ///
    /// # Errors
    /// [`Error::NotSetUp`], the token errors; the store's.
    pub async fn bridge_client(&self, app: &AppId, user_token: &str) -> Result<Client> {
        let bridge = self.required_bridge(app).await?;
        let claims = self.read_user_token(&bridge, user_token)?;
        match self.authenticate_in(app, user_token).await {
            Err(Error::TokenInvalid) => {}
            found => return found,
        }
        let name = claims.user.display_name.filter(|name| !name.is_empty());
        let profile =
            UserPatch { name: name.map_or(Patch::Keep, Patch::Set), ..UserPatch::default() };
        #[expect(clippy::cast_possible_truncation, reason = "bounded right after")]
        let life = claims.exp.map(|end| (end as i64).saturating_sub(self.now().seconds()));
        let most = limits::SESSION_TTL_SECONDS_MAX;
        let ttl_seconds = life.map(|life| {
            u64::try_from(life).unwrap_or(0).clamp(limits::SESSION_TTL_SECONDS_MIN, most)
        });
        let open = OpenSession {
            user: claims.user.user_id,
            device: device_of(user_token),
            profile,
            custom: None,
            push_token: None,
            ttl_seconds,
            token: Some(user_token.to_owned()),
        };
        let backend =
            super::super::Backend { app: self.app(app).await?, key: KeyId::from_stored("bridge") };
        self.open_session(&backend, open).await?;
        self.authenticate_in(app, user_token).await
    }

    /// Whom the caller may start a thread with, as the backend wrote them.
    ///
    /// # Errors
    /// [`Error::NotSetUp`]; the bridge's.
    pub async fn bridge_contacts(&self, app: &AppId, user: &UserId) -> Result<Vec<Box<RawValue>>> {
        let bridge = self.required_bridge(app).await?;
        let call = json!({ "userId": user });
        let answer: Array = self.call_bridge(&bridge, "getContacts", call, None).await?;
        answer.take(limits::CONTACTS_MAX, "contacts")
    }

    /// The same as native contacts.
    pub(in crate::engine) async fn bridged_contacts(
        &self,
        app: &AppId,
        user: &UserId,
    ) -> Result<Vec<Contact>> {
        let raw = self.bridge_contacts(app, user).await?;
        let read = |raw: &RawValue| {
            let user: BridgeUser = serde_json::from_str(raw.get())
                .map_err(|error| broken(format!("a contact: {}", fault(&error))))?;
            Ok(Contact {
                id: user.user_id,
                kind: if user.kind == "topic" { ContactKind::Topic } else { ContactKind::User },
                name: user.display_name,
                avatar: None,
                members: Vec::new(),
                data: user.data,
            })
        };
        raw.iter().map(|raw| read(raw)).collect()
    }

    /// The caller's threads, as the backend wrote them; their rooms are right afterwards.
    ///
    /// # Errors
    /// [`Error::NotSetUp`]; the bridge's; the store's.
    pub async fn bridge_threads(&self, client: &Client) -> Result<Vec<Box<RawValue>>> {
        Ok(self.listed_threads(client).await?.0)
    }

    /// Also their ids with their `lastMessageTime`, of those that the caller is a member of.
    pub(super) async fn listed_threads(&self, client: &Client) -> Result<Listed> {
        let bridge = self.required_bridge(&client.app.id).await?;
        let rooms = self.joined_rooms(client).await?;
        let call = json!({ "userId": client.user() });
        let answer: Array = self.call_bridge(&bridge, "getThreads", call, None).await?;
        let threads = answer.take(limits::BRIDGE_THREADS_MAX, "threads")?;
        let mut times = Vec::with_capacity(threads.len());
        for raw in &threads {
            let thread = BridgeThread::read(raw)?;
            self.check_thread(&bridge, &thread, None)?;
            if !thread.members.iter().any(|member| member.user_id == *client.user()) {
                // A desk's queue may list what its agent has not joined.
                continue;
            }
            let known = rooms.iter().find(|(room, _)| *room == thread.thread_id);
            let before = match known {
                Some((_, head)) => Before::at(head.members_rev),
                None => self.before(&bridge, &thread.thread_id).await?,
            };
            self.mirror(&bridge, &thread, before, None).await?;
            let time = thread.time();
            times.push((thread.thread_id, time));
        }
        Ok((threads, times))
    }

    /// The room of a thread token, after the checks: the token's signature, and membership if the
    /// app is set so.
    ///
    /// # Errors
    /// The token errors; [`Error::NotAMember`], [`Error::UserDeactivated`]; the store's.
    pub async fn bridge_room(&self, client: &Client, thread_token: &str) -> Result<RoomId> {
        let bridge = self.required_bridge(&client.app.id).await?;
        let claims = self.read_thread_token(&bridge, thread_token)?;
        let user = client.user();
        let facts = self.store.room_facts(&client.app.id, &claims.thread_id, Some(user)).await?;
        if facts.as_ref().is_some_and(|facts| facts.deactivated) {
            return Err(Error::UserDeactivated);
        }
        // A token outlives a removal; from when Snug was told it counts no more (line 12).
        let left = facts.and_then(|facts| facts.mine).and_then(|mine| mine.left_at);
        let since = claims.iat.unwrap_or(0.0);
        #[expect(clippy::cast_precision_loss, reason = "seconds of this age are exact")]
        let out = left.is_some_and(|left| since <= left.seconds() as f64);
        if out || (bridge.settings().members_only && !claims.member_ids.contains(user)) {
            return Err(Error::NotAMember);
        }
        Ok(claims.thread_id)
    }

    /// Where a thread's room stands, for a connection that is to hear it; `None` when the thread
    /// has no room yet.
    ///
    /// # Errors
    /// [`Error::NotAMember`] where members only may; the store's.
    pub async fn bridge_position(&self, client: &Client, room: &RoomId) -> Result<Option<Head>> {
        let bridge = self.required_bridge(&client.app.id).await?;
        let user = client.user();
        let facts = self.store.room_facts(&client.app.id, room, Some(user)).await?;
        let Some(facts) = facts.filter(|facts| facts.room.deleted_at.is_none()) else {
            return Ok(None);
        };
        let member = facts.mine.as_ref().is_some_and(Membership::is_active);
        if member {
            return Ok(Some(facts.room.head));
        }
        if facts.mine.is_some() {
            return Err(Error::NotAMember);
        }
        // The backend may have taken the caller in a moment ago: its own answer says so.
        Ok((!bridge.settings().members_only).then_some(facts.room.head))
    }

    /// A stored message in the backend's own form.
    #[must_use]
    pub fn bridged_message(&self, message: &Message) -> Value {
        let (text, custom) = (message.text.clone(), message.custom.clone());
        let body = Body { text, format: message.format(), custom };
        let (kind, data) = body.write(message.kind);
        json!({
            "messageId": message.external.as_deref().unwrap_or(message.id.as_str()),
            "fromUserId": message.sender,
            "creationTime": message.created_at.seconds(),
            "type": kind,
            "data": data,
        })
    }

    /// A sign of typing in the same form; nobody stores it.
    #[must_use]
    pub fn bridged_typing(&self, user: &UserId, on: bool) -> Value {
        json!({
            "messageId": self.ulid(),
            "fromUserId": user,
            "creationTime": self.now().seconds(),
            "type": "typing",
            "data": on,
        })
    }

    /// A thread with all its messages.
    ///
    /// # Errors
    /// [`Error::NotAMember`] when the backend's own list says so; the bridge's; the store's.
    pub async fn bridge_thread(&self, client: &Client, room: &RoomId) -> Result<BridgedThread> {
        let bridge = self.required_bridge(&client.app.id).await?;
        let fetched = self.fetch_thread(&bridge, Some(client.user()), room).await?;
        if bridge.settings().members_only && !fetched.members.contains(client.user()) {
            return Err(Error::NotAMember);
        }
        let (thread, messages) = (fetched.thread, fetched.messages);
        Ok(BridgedThread { room: room.clone(), thread, messages })
    }

    /// Makes a thread with its first message.
    ///
    /// # Errors
    /// An invalid field; the bridge's; the store's.
    pub async fn bridge_create(&self, client: &Client, new: NewThread) -> Result<BridgedThread> {
        let bridge = self.required_bridge(&client.app.id).await?;
        policy::check_app(Operation::CreateRoom, client.app.policy)?;
        let (kind, data) = &new.message;
        let id = self.ulid();
        let expected = "messageText, for a text";
        let read = Body::read(kind, data);
        let (shown, body) = read.map_err(|_| Error::invalid("threadMessage.data", expected))?;
        if shown == MessageKind::System {
            return Err(Error::invalid("threadMessage.type", "a type that a user may send"));
        }
        check_body(shown, body.text.as_deref(), body.custom.as_ref())?;
        let message = json!({
            "messageId": id,
            "fromUserId": client.user(),
            "creationTime": self.now().seconds(),
            "type": kind,
            "data": data,
        });
        // What two users call by one name is two threads.
        let key = new.key.map_or_else(
            || self.ulid(),
            |key| {
                let of_user = TokenHash::of(&format!("{}\n{key}", client.user()));
                let mut text = String::from("t_");
                crate::ids::base32(&of_user.0, 26, &mut text);
                text
            },
        );
        let call = json!({
            "userId": client.user(),
            "contactIds": new.contacts,
            "threadMessage": message,
        });
        self.create_thread(&bridge, client, call, &key).await
    }

    async fn create_thread(
        &self,
        bridge: &Bridge,
        client: &Client,
        call: Value,
        key: &str,
    ) -> Result<BridgedThread> {
        let first_message = call["threadMessage"].is_object();
        let answer: Created =
            self.call_bridge(bridge, "createThread", call, Some(Key(key))).await?;
        let thread = BridgeThread::read(&answer.thread)?;
        self.check_thread(bridge, &thread, None)?;
        if !thread.members.iter().any(|member| member.user_id == *client.user()) {
            return Err(broken("who makes a thread is a member of it"));
        }
        let room = thread.thread_id.clone();
        let before = self.before(bridge, &room).await?;
        let mut messages = answer.messages;
        messages.extend(answer.thread_message);
        let told = self.told(bridge, &room, &messages);
        self.mirror(bridge, &thread, before, Some(client.user())).await?;
        // A first message is news to the others; what an old thread holds is not.
        let old = told.len() - usize::from(first_message && !told.is_empty());
        self.take_in(bridge, &room, &told[..old]).await?;
        self.absorb(bridge, &room, &told[old..], false).await?;
        Ok(BridgedThread { room, thread: answer.thread, messages })
    }

    /// Stores a message at the backend and tells everybody who listens; returns after that.
    ///
    /// # Errors
    /// An invalid field, [`Error::MessageIdConflict`]; the bridge's; the store's.
    pub async fn bridge_send(
        &self,
        client: &Client,
        room: &RoomId,
        (kind, data): (&str, &RawValue),
        id: Option<MessageId>,
    ) -> Result<BridgedMessage> {
        let bridge = self.required_bridge(&client.app.id).await?;
        let wrong = |_| Error::invalid("threadMessage.data", "messageText, for a text");
        let (shown, body) = Body::read(kind, data).map_err(wrong)?;
        let actor = Actor::Client(client.clone());
        let send = SendMessage {
            id,
            kind: Some(shown),
            text: body.text,
            custom: body.custom,
            extras: SendExtras { format: body.format, ..SendExtras::default() },
            ..SendMessage::default()
        };
        let message = self.new_message(&actor, send)?;
        let senders =
            if bridge.settings().members_only { Senders::Members } else { Senders::AsBackendSays };
        let done = self.deliver(&actor, &bridge, room, message, senders).await?;
        Ok(BridgedMessage { sent: done.sent, thread: done.thread, message: done.message })
    }

    /// A page's room: a thread of the backend's, then its first message.
    pub(in crate::engine) async fn create_bridged(
        &self,
        client: &Client,
        bridge: &Bridge,
        create: CreateRoom,
    ) -> Result<CreatedRoomView> {
        let (contacts, key, context) = match create.kind {
            CreateRoomKind::Direct { users, context } => {
                if users.0 == users.1 {
                    return Err(Error::invalid("user", "another user than the caller"));
                }
                let key = direct_room_id(&client.app.id, (&users.0, &users.1), &context);
                let other = if users.0 == *client.user() { users.1 } else { users.0 };
                (vec![other], key.to_string(), Some(context))
            }
            CreateRoomKind::Group { id: None, members } => {
                let others = members.into_iter().filter(|user| user != client.user()).collect();
                let others = super::super::check::users("members", others)?;
                (others, self.ulid(), None)
            }
            // Whom a topic brings in is the backend's to say; each is a thread of its own.
            CreateRoomKind::Contact { contact, context, id: None } => {
                let found = self.contact(client, &contact).await?;
                let key = match found.kind {
                    ContactKind::User => {
                        let pair = (client.user(), &contact);
                        direct_room_id(&client.app.id, pair, &context).to_string()
                    }
                    ContactKind::Topic => self.ulid(),
                };
                (vec![contact], key, Some(context))
            }
            CreateRoomKind::Group { id: Some(_), .. }
            | CreateRoomKind::Contact { id: Some(_), .. } => {
                return Err(Error::BridgeUnsupported { what: "choose a room's id" });
            }
            CreateRoomKind::Channel { .. } => {
                return Err(Error::BridgeUnsupported { what: "make a channel" });
            }
        };
        let mut call = json!({ "userId": client.user(), "contactIds": contacts });
        if let Some(name) = &create.name {
            call["data"]["name"] = json!(name);
        }
        if let Some(context) = context.filter(|context| !context.is_empty()) {
            call["data"]["context"] = json!(context);
        }
        let rooms = self.joined_rooms(client).await?;
        let made = self.create_thread(bridge, client, call, &key).await?;
        let actor = Actor::Client(client.clone());
        let message = match create.message {
            Some(send) => Some(self.send_message(&actor, &made.room, send).await?.message),
            None => None,
        };
        let created = !rooms.iter().any(|(room, _)| *room == made.room);
        let view = self.room(&actor, &made.room).await?;
        Ok(CreatedRoomView { view, created, message })
    }
}
