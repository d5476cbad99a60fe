//! Rooms: make, show, change, delete.

use std::sync::Arc;

use super::bridge::boxed;
use super::marks::hide_own;
use super::members::too_many_invited;
use super::messages::decide;
use super::{Actor, Backend, Engine, SendMessage, check};
use crate::error::{Error, Result};
use crate::event::{RoomEventBody, UserEventBody};
use crate::ids::{AppId, DIRECT_PREFIX, RoomId, UserId, direct_room_id};
use crate::limits;
use crate::model::{
    ContactKind, CustomJson, DirectKey, Member, Membership, MergeError, Message, Patch, Role, Room,
    RoomKind, RoomPatch, RoomPolicy,
};
use crate::policy::{self, Operation};
use crate::ports::{
    CreateRoomOutcome, CreatedRoom, NewMessage, NewRoom, RoomFacts, UpdateRoomOutcome,
};

/// What is particular to a kind of room.
#[derive(Debug, Clone)]
pub enum CreateRoomKind {
    /// The caller (or, for a backend, the first) and one other, about something.
    Direct {
        users: (UserId, UserId),
        context: String,
    },
    Group {
        id: Option<RoomId>,
        members: Vec<UserId>,
    },
    /// With one of the calling page's contacts: a direct room, or, for a topic, a group of
    /// whomever the backend has named.
    Contact {
        contact: UserId,
        /// Of the direct room.
        context: String,
        /// Of the topic's group.
        id: Option<RoomId>,
    },
    /// Open to the whole app.
    Channel {
        id: Option<RoomId>,
        members: Vec<UserId>,
    },
}

/// A room to be made.
#[derive(Debug, Clone)]
pub struct CreateRoom {
    pub kind: CreateRoomKind,
    pub name: Option<String>,
    pub avatar: Option<String>,
    pub description: Option<String>,
    pub custom: Option<CustomJson>,
    /// Of a page only for a room that it will own.
    pub tags: Vec<String>,
    /// Of a page only for a room that it will own; not of a direct room.
    pub policy: RoomPolicy,
    /// All but the caller and the creator are asked first; of a group or a channel.
    pub invite: bool,
    /// Only a backend may name one; else the caller.
    pub creator: Option<UserId>,
    /// Stored in the same commit.
    pub message: Option<SendMessage>,
    /// Answer with the room that has this id already instead of refusing.
    pub return_existing: bool,
}

/// A room as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomView {
    pub room: Room,
    pub members: Vec<Member>,
    pub mine: Option<Membership>,
}

/// A made or found room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedRoomView {
    pub view: RoomView,
    pub created: bool,
    pub message: Option<Message>,
}

impl Engine {
    /// Makes a room, its members and its first message in one commit. A direct room that is
    /// there is returned, and the message sent to it.
    ///
    /// # Errors
    /// [`Error::RoomExists`], an invalid field, policy's refusals; the store's.
    pub async fn create_room(&self, actor: &Actor, create: CreateRoom) -> Result<CreatedRoomView> {
        if let Actor::Client(client) = actor {
            let operation = match create.kind {
                CreateRoomKind::Contact { .. } => Operation::CreateFromContact,
                _ => Operation::CreateRoom,
            };
            policy::check_app(operation, client.app.policy)?;
            if let Some(bridge) = self.bridge(&client.app.id).await? {
                check_texts(&create)?;
                if !create.tags.is_empty() {
                    return Err(Error::BridgeUnsupported { what: "tag a room" });
                }
                if !create.policy.is_empty() {
                    return Err(Error::BridgeUnsupported { what: "say who may do what" });
                }
                if create.invite {
                    return Err(Error::BridgeUnsupported { what: "invite to a room" });
                }
                return boxed(self.create_bridged(client, &bridge, create)).await;
            }
        } else if self.bridge(&actor.app().id).await?.is_some() {
            if create.invite {
                return Err(Error::BridgeUnsupported { what: "invite to a room" });
            }
            super::bridge::check_told_room(&create)?;
        }
        let first = create.message.clone();
        let return_existing = create.return_existing;
        let mut new = self.new_room(actor, create).await?;
        let reuse = new.kind == RoomKind::Direct || return_existing;
        if let Err(refused) = self.ask_before_first(actor, &mut new).await {
            return if reuse { self.unless_made(actor, &new, refused).await } else { Err(refused) };
        }
        let (app, id) = (new.app.clone(), new.id.clone());
        match self.store.create_room(new).await? {
            CreateRoomOutcome::Created(created) => Ok(self.made(actor, &app, *created)),
            CreateRoomOutcome::Exists(_) if reuse => {
                let message = match first {
                    Some(send) => Some(self.send_message(actor, &id, send).await?.message),
                    None => None,
                };
                let view = self.room(actor, &id).await?;
                Ok(CreatedRoomView { view, created: false, message })
            }
            CreateRoomOutcome::Exists(_) => Err(Error::RoomExists),
            CreateRoomOutcome::CreatorDeactivated => Err(Error::UserDeactivated),
            CreateRoomOutcome::TooManyInvited => Err(too_many_invited("members")),
            CreateRoomOutcome::TooMany => {
                let most = limits::ROOMS_PER_USER_MAX;
                Err(Error::too_large("members", format!("users in at most {most} rooms")))
            }
        }
    }

    /// A refusal of the first message, unless the same call made the room with it while the hook
    /// was asked.
    async fn unless_made(
        &self,
        actor: &Actor,
        new: &NewRoom,
        refused: Error,
    ) -> Result<CreatedRoomView> {
        let Some(message) = &new.message else { return Err(refused) };
        let Some(sent) = self.repeated(&new.app, &new.id, message).await? else {
            return Err(refused);
        };
        let view = self.room(actor, &new.id).await?;
        Ok(CreatedRoomView { view, created: false, message: Some(sent.message) })
    }

    /// A room with its first members and the caller's own standing.
    ///
    /// # Errors
    /// [`Error::RoomNotFound`], [`Error::NotAMember`]; the store's.
    pub async fn room(&self, actor: &Actor, room: &RoomId) -> Result<RoomView> {
        let facts = self.readable(actor, room).await?;
        let app = &actor.app().id;
        let shown = limits::ROOM_MEMBERS_SHOWN;
        let members = self.store.members(app, room, None, shown, false).await?;
        let mut found = facts.room;
        self.put_preview(app, room, &mut found.head);
        hide_own(&mut found.head, facts.mine.as_ref());
        Ok(RoomView { room: found, members, mine: facts.mine })
    }

    /// Changes a room; with `if_rev` only as the caller knows it.
    ///
    /// # Errors
    /// An invalid field, [`Error::RevConflict`]; policy's refusals; the store's.
    pub async fn update_room(
        &self,
        actor: &Actor,
        room: &RoomId,
        mut patch: RoomPatch,
    ) -> Result<RoomView> {
        check_patch(&mut patch)?;
        self.told_by_backend(actor, "change a room").await?;
        if patch.frozen.is_some() && matches!(actor, Actor::Client(_)) {
            return Err(Error::invalid("frozen", "absent; only the backend freezes a room"));
        }
        let app = &actor.app().id;
        for _ in 0..limits::GUARD_TRIES_MAX {
            let facts = self.store.room_facts(app, room, actor.user()).await?;
            let facts = facts.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
            if patch.policy.is_some() {
                decide(actor, Operation::SetPolicy, &facts)?;
            }
            let guard = decide(actor, Operation::UpdateRoom, &facts)?;
            let now = self.now();
            match self.store.update_room(app, room, patch.clone(), &guard, now).await? {
                UpdateRoomOutcome::Updated(updated) => {
                    let shared = Arc::new(*updated);
                    let body = RoomEventBody::RoomUpdated { room: shared.clone() };
                    self.publish_room(app, room, shared.head.clone(), body);
                    return self.room(actor, room).await;
                }
                UpdateRoomOutcome::RoomNotFound => return Err(Error::RoomNotFound(room.clone())),
                UpdateRoomOutcome::RevMoved { room_rev } => {
                    return Err(Error::RevConflict { room_rev });
                }
                UpdateRoomOutcome::NotMerged(error) => return Err(not_merged(error)),
                UpdateRoomOutcome::GuardMoved => {}
            }
        }
        Err(Error::Overloaded { retry_after_ms: limits::OVERLOADED_RETRY_MS })
    }

    /// Deletes a room for everybody.
    ///
    /// # Errors
    /// [`Error::RoomNotFound`]; the store's.
    pub async fn delete_room(&self, backend: &Backend, room: &RoomId) -> Result<()> {
        let app = &backend.app.id;
        let head = self.store.delete_room(app, room, self.now()).await?;
        let head = head.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
        self.publish_room(app, room, head, RoomEventBody::RoomDeleted);
        Ok(())
    }

    /// The facts of a room that the caller may read.
    pub(super) async fn readable(&self, actor: &Actor, room: &RoomId) -> Result<RoomFacts> {
        let app = &actor.app().id;
        let facts = self.store.room_facts(app, room, actor.user()).await?;
        let facts = facts.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
        decide(actor, Operation::Read, &facts)?;
        Ok(facts)
    }

    async fn new_room(&self, actor: &Actor, mut create: CreateRoom) -> Result<NewRoom> {
        check_texts(&create)?;
        let tags = new_tags(actor, &mut create)?;
        let policy = new_policy(actor, &mut create)?;
        if create.invite && !is_owned(&create.kind) {
            let expected = "absent; only groups and channels are made by invitation";
            return Err(Error::invalid("invitation_required", expected));
        }
        let app = actor.app().id.clone();
        let creator = match actor {
            Actor::Client(client) => Some(client.user().clone()),
            Actor::Backend(_) => create.creator.clone(),
        };
        let message = self.first_message(actor, create.message)?;
        let (id, kind, direct, members) = match create.kind {
            CreateRoomKind::Direct { users, context } => direct(&app, users, context)?,
            CreateRoomKind::Group { id, members } => {
                let id = self.group_id(id)?;
                let joins = actor.user();
                (id, RoomKind::Group, None, group_members(joins, creator.as_ref(), members)?)
            }
            CreateRoomKind::Contact { contact, context, id } => {
                let Actor::Client(client) = actor else {
                    return Err(Error::invalid("kind", "direct, group or channel"));
                };
                let (me, contact) = (client.user().clone(), self.contact(client, &contact).await?);
                match contact.kind {
                    ContactKind::User => direct(&app, (me, contact.id), context)?,
                    ContactKind::Topic => {
                        create.name = create.name.or(contact.name);
                        // Nobody owns it: who is in it stays the backend's to say.
                        let members = group_members(Some(&me), None, contact.members)?;
                        (self.group_id(id)?, RoomKind::Group, None, members)
                    }
                }
            }
            CreateRoomKind::Channel { id, members } => {
                let id = self.group_id(id)?;
                let joins = actor.user();
                (id, RoomKind::Channel, None, group_members(joins, creator.as_ref(), members)?)
            }
        };
        let (members, invited) = if create.invite {
            invitations(actor.user(), creator.as_ref(), members)
        } else {
            (members, Vec::new())
        };
        Ok(NewRoom {
            app,
            id,
            kind,
            direct,
            name: create.name,
            avatar: create.avatar,
            description: create.description,
            custom: create.custom,
            tags,
            policy,
            creator,
            members,
            invited,
            epoch: self.random_text(8),
            message,
            now: self.now(),
        })
    }

    fn first_message(
        &self,
        actor: &Actor,
        said: Option<SendMessage>,
    ) -> Result<Option<NewMessage>> {
        let expected = match &said {
            Some(send) if send.extras.reply_to.is_some() => {
                ("message.reply_to", "absent; a new room has nothing to answer")
            }
            Some(send) if send.extras.thread.is_some() => {
                ("message.thread", "absent; a new room has no thread")
            }
            _ => return said.map(|send| self.new_message(actor, send)).transpose(),
        };
        Err(Error::invalid(expected.0, expected.1))
    }

    fn group_id(&self, chosen: Option<RoomId>) -> Result<RoomId> {
        match chosen {
            None => Ok(RoomId::from_stored(&format!("g_{}", self.ulid()))),
            Some(id) if id.as_str().starts_with(DIRECT_PREFIX) => {
                Err(Error::invalid("id", "an id that does not begin with d_"))
            }
            Some(id) => Ok(id),
        }
    }

    fn made(&self, actor: &Actor, app: &AppId, created: CreatedRoom) -> CreatedRoomView {
        let CreatedRoom { room, mut members, memberships, message } = created;
        let shared = Arc::new(room.clone());
        members.sort_by(|a, b| a.user.id.cmp(&b.user.id));
        members.truncate(limits::ROOM_MEMBERS_SHOWN);
        let mine = actor.user().and_then(|user| memberships.iter().find(|m| m.user == *user));
        let mine = mine.cloned();
        self.publish_joined(app, &shared, &members, &memberships);
        self.publish_invitations(app, &shared, &memberships);
        let first = message.as_ref().map(|appended| appended.message.clone());
        let (mut room, mut mine) = (room, mine);
        if let Some(appended) = message {
            // The answer shows the room as it stands after the whole commit.
            room.head = appended.head.clone();
            // The sender's standing is the caller's own only when a user made the room.
            mine = mine.map(|mine| appended.mine.clone().unwrap_or(mine));
            if let Some(sender) = &appended.mine
                && let Some(member) = members.iter_mut().find(|m| m.user.id == sender.user)
            {
                member.read_seq = sender.read_seq;
            }
            self.publish_appended(app, appended);
        }
        CreatedRoomView { view: RoomView { room, members, mine }, created: true, message: first }
    }

    /// Tells those who became members, on all their devices.
    pub(super) fn publish_joined(
        &self,
        app: &AppId,
        room: &Arc<Room>,
        members: &[Member],
        joined: &[Membership],
    ) {
        for mine in joined.iter().filter(|mine| mine.is_active()) {
            let mut room = room.clone();
            if room.head.preview.as_ref().is_some_and(|one| one.seq == mine.marks.deleted_seq) {
                hide_own(&mut Arc::make_mut(&mut room).head, Some(mine));
            }
            let body = UserEventBody::Joined {
                room,
                mine: mine.clone(),
                members: members.iter().take(limits::LIST_MEMBERS_SHOWN).cloned().collect(),
            };
            self.publish_user(app, &mine.user, body);
        }
    }
}

type Shape = (RoomId, RoomKind, Option<DirectKey>, Vec<(UserId, Role)>);

fn direct(app: &AppId, users: (UserId, UserId), context: String) -> Result<Shape> {
    if users.0 == users.1 {
        return Err(Error::invalid("user", "another user than the caller"));
    }
    check::label("context", &context, limits::CONTEXT_BYTES_MAX)?;
    let id = direct_room_id(app, (&users.0, &users.1), &context);
    let members = vec![(users.0.clone(), Role::Member), (users.1.clone(), Role::Member)];
    Ok((id, RoomKind::Direct, Some(DirectKey::new(users.0, users.1, context)), members))
}

fn group_members(
    joins: Option<&UserId>,
    creator: Option<&UserId>,
    members: Vec<UserId>,
) -> Result<Vec<(UserId, Role)>> {
    let all = check::distinct(joins.cloned().into_iter().chain(members).collect());
    let all = if all.is_empty() { all } else { check::users("members", all)? };
    Ok(all
        .into_iter()
        .map(|user| {
            let role = if Some(&user) == creator { Role::Owner } else { Role::Member };
            (user, role)
        })
        .collect())
}

type Invited = (Vec<(UserId, Role)>, Vec<UserId>);

/// Whoever makes the room is in it; the others are asked.
fn invitations(
    caller: Option<&UserId>,
    creator: Option<&UserId>,
    members: Vec<(UserId, Role)>,
) -> Invited {
    let makes = |user: &UserId| Some(user) == caller || Some(user) == creator;
    let (inside, asked): (Vec<_>, Vec<_>) = members.into_iter().partition(|(user, _)| makes(user));
    (inside, asked.into_iter().map(|(user, _)| user).collect())
}

fn check_texts(create: &CreateRoom) -> Result<()> {
    check_patch(&mut RoomPatch {
        name: create.name.clone().map_or(Patch::Keep, Patch::Set),
        avatar: create.avatar.clone().map_or(Patch::Keep, Patch::Set),
        description: create.description.clone().map_or(Patch::Keep, Patch::Set),
        custom: create.custom.clone().map_or(Patch::Keep, Patch::Set),
        ..RoomPatch::default()
    })
}

/// Tags say how a room is dealt with: a page gives them to rooms that it will own.
fn new_tags(actor: &Actor, create: &mut CreateRoom) -> Result<Vec<String>> {
    let owns = is_owned(&create.kind);
    if !create.tags.is_empty() && matches!(actor, Actor::Client(_)) && !owns {
        return Err(Error::invalid("tags", "absent; only the backend tags such a room"));
    }
    check::tags(std::mem::take(&mut create.tags))
}

/// The same of who may do what, and two who talk to each other are equals.
fn new_policy(actor: &Actor, create: &mut CreateRoom) -> Result<RoomPolicy> {
    if !create.policy.is_empty() && !is_owned(&create.kind) {
        let expected = match actor {
            Actor::Client(_) => "absent; only who owns a room says who may do what",
            Actor::Backend(_) => "absent; in a direct room both may do the same",
        };
        return Err(Error::invalid("policy", expected));
    }
    Ok(std::mem::take(&mut create.policy))
}

/// Rooms that whoever makes them owns.
fn is_owned(kind: &CreateRoomKind) -> bool {
    matches!(kind, CreateRoomKind::Group { .. } | CreateRoomKind::Channel { .. })
}

fn check_patch(patch: &mut RoomPatch) -> Result<()> {
    if let Patch::Set(name) = &patch.name {
        check::label("name", name, limits::NAME_BYTES_MAX)?;
    }
    if let Patch::Set(avatar) = &patch.avatar {
        check::avatar("avatar", avatar)?;
    }
    if let Patch::Set(description) = &patch.description {
        check::bytes("description", description, limits::DESCRIPTION_BYTES_MAX)?;
        if description.contains('\0') {
            return Err(Error::invalid("description", "text without NUL"));
        }
    }
    if let Patch::Set(custom) = &patch.custom {
        check::bytes("custom", custom.as_str(), limits::CUSTOM_BYTES_MAX)?;
    }
    if let Some(part) = &patch.custom_patch {
        check::bytes("custom_patch", part.as_str(), limits::CUSTOM_BYTES_MAX)?;
        if !patch.custom.is_keep() {
            return Err(Error::invalid("custom_patch", "absent when custom is given"));
        }
    }
    patch.tags = patch.tags.take().map(check::tags).transpose()?;
    Ok(())
}

fn not_merged(error: MergeError) -> Error {
    match error {
        MergeError::TooLarge => {
            let most = limits::CUSTOM_BYTES_MAX;
            Error::too_large("custom_patch", format!("a result of at most {most} bytes"))
        }
        MergeError::Unreadable => {
            Error::invalid("custom_patch", "names that are Unicode text, in the room's JSON too")
        }
    }
}
