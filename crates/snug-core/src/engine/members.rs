//! Members: add, remove, leave, list.

use std::collections::HashSet;
use std::sync::Arc;

use super::messages::decide;
use super::{Actor, Client, Engine, RoomView, check};
use crate::error::{Error, Result};
use crate::event::{RoomEventBody, UserEventBody};
use crate::ids::{AppId, RoomId, UserId};
use crate::limits;
use crate::model::{CustomJson, Member, MemberState, Membership, Role, Room};
use crate::policy::{self, Operation};
use crate::ports::{
    ChangeMembers, ChangeMembersOutcome, MemberChange, MembersChanged, NewMessage, RoomFacts,
};

/// A change of members as a door hands it over.
#[derive(Debug, Clone)]
pub struct ChangeMembersRequest {
    pub users: Vec<UserId>,
    /// For those added.
    pub role: Option<Role>,
    /// Those added are asked first: members when they accept.
    pub invite: bool,
    /// Whether the room says so in a system message.
    pub announce: bool,
}

impl ChangeMembersRequest {
    /// Members at once, with no more than the usual role.
    #[must_use]
    pub fn of(users: Vec<UserId>, announce: bool) -> Self {
        Self { users, role: None, invite: false, announce }
    }
}

/// A page of members by user id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembersPage {
    pub members: Vec<Member>,
    /// Ask again with this, when there are more.
    pub next: Option<UserId>,
}

impl Engine {
    /// Adds users to a group, or invites them; who is in already stays as they are.
    ///
    /// # Errors
    /// An invalid field, policy's refusals; the store's.
    pub async fn add_members(
        &self,
        actor: &Actor,
        room: &RoomId,
        request: ChangeMembersRequest,
    ) -> Result<RoomView> {
        let users = check::users("users", request.users)?;
        let role = request.role.unwrap_or(Role::Member);
        let announce = request.announce.then_some("members_added").filter(|_| !request.invite);
        let change = if request.invite {
            // Who is in a bridged room its backend says.
            if self.bridge(&actor.app().id).await?.is_some() {
                return Err(Error::BridgeUnsupported { what: "invite to a room" });
            }
            MemberChange::Invite { users, role, by: actor.user().cloned() }
        } else {
            MemberChange::Add { users, role }
        };
        self.change_members(actor, room, Operation::AddMembers, change, announce).await?;
        self.room(actor, room).await
    }

    /// Removes users from a group. Nothing of the room with a higher rev reaches them.
    ///
    /// # Errors
    /// An invalid field, policy's refusals; the store's.
    pub async fn remove_members(
        &self,
        actor: &Actor,
        room: &RoomId,
        request: ChangeMembersRequest,
    ) -> Result<RoomView> {
        let users = check::users("users", request.users)?;
        if actor.user().is_some_and(|me| users.contains(me)) {
            return Err(Error::invalid("users", "others than the caller; use leave"));
        }
        let announce = request.announce.then_some("members_removed");
        let change = MemberChange::Remove { users };
        self.change_members(actor, room, Operation::RemoveMembers, change, announce).await?;
        self.room(actor, room).await
    }

    /// The caller joins a channel; being in already is no error.
    ///
    /// # Errors
    /// Policy's refusals; the store's.
    pub async fn join_room(
        &self,
        client: &Client,
        room: &RoomId,
        announce: bool,
    ) -> Result<RoomView> {
        let facts = self.store.room_facts(&client.app.id, room, Some(client.user())).await?;
        if facts.and_then(|facts| facts.mine).is_some_and(|mine| mine.is_invited()) {
            // With the role that comes with it.
            return self.accept_room(client, room, announce).await;
        }
        let users = vec![client.user().clone()];
        let change = MemberChange::Add { users, role: Role::Member };
        let actor = Actor::Client(client.clone());
        let announce = announce.then_some("member_joined");
        self.change_members(&actor, room, Operation::Join, change, announce).await?;
        self.room(&actor, room).await
    }

    /// The caller accepts an invitation and is a member; who is one already is told the room.
    ///
    /// # Errors
    /// [`Error::NotInvited`], policy's other refusals; the store's.
    pub async fn accept_room(
        &self,
        client: &Client,
        room: &RoomId,
        announce: bool,
    ) -> Result<RoomView> {
        let actor = Actor::Client(client.clone());
        let change = MemberChange::Accept { user: client.user().clone() };
        let announce = announce.then_some("member_joined");
        self.change_members(&actor, room, Operation::Accept, change, announce).await?;
        self.room(&actor, room).await
    }

    /// The caller declines an invitation.
    ///
    /// # Errors
    /// [`Error::NotInvited`], policy's other refusals; the store's.
    pub async fn decline_room(&self, client: &Client, room: &RoomId) -> Result<()> {
        let change = MemberChange::Remove { users: vec![client.user().clone()] };
        let actor = Actor::Client(client.clone());
        self.change_members(&actor, room, Operation::Decline, change, None).await
    }

    /// The caller leaves a group.
    ///
    /// # Errors
    /// Policy's refusals; the store's.
    pub async fn leave_room(&self, client: &Client, room: &RoomId) -> Result<()> {
        let change = MemberChange::Remove { users: vec![client.user().clone()] };
        let actor = Actor::Client(client.clone());
        self.change_members(&actor, room, Operation::Leave, change, Some("member_left")).await
    }

    /// Active members by user id.
    ///
    /// # Errors
    /// An invalid limit, policy's refusals; the store's.
    pub async fn members(
        &self,
        actor: &Actor,
        room: &RoomId,
        after: Option<UserId>,
        limit: Option<usize>,
    ) -> Result<MembersPage> {
        self.members_page(actor, room, (after, limit), false).await
    }

    /// Active members and those who are invited, by user id.
    ///
    /// # Errors
    /// As `members`.
    pub async fn members_and_invited(
        &self,
        actor: &Actor,
        room: &RoomId,
        after: Option<UserId>,
        limit: Option<usize>,
    ) -> Result<MembersPage> {
        self.members_page(actor, room, (after, limit), true).await
    }

    async fn members_page(
        &self,
        actor: &Actor,
        room: &RoomId,
        (after, limit): (Option<UserId>, Option<usize>),
        invited: bool,
    ) -> Result<MembersPage> {
        let most = limits::MEMBERS_PAGE_MAX;
        let limit = check::limit(limit, 100, most)?;
        let facts = self.readable(actor, room).await?;
        // Who is asked into a channel is told to those in it, not to everybody who reads it.
        let inside = facts.mine.as_ref().is_some_and(Membership::is_active);
        let invited = invited && (inside || matches!(actor, Actor::Backend(_)));
        let app = &actor.app().id;
        let after = after.as_ref();
        let mut members = self.store.members(app, room, after, limit + 1, invited).await?;
        let more = members.len() > limit;
        members.truncate(limit);
        let next = members.last().filter(|_| more).map(|last| last.user.id.clone());
        Ok(MembersPage { members, next })
    }

    async fn change_members(
        &self,
        actor: &Actor,
        room: &RoomId,
        operation: Operation,
        change: MemberChange,
        announce: Option<&'static str>,
    ) -> Result<()> {
        let app = &actor.app().id;
        if operation != Operation::Decline {
            self.told_by_backend(actor, "change a room's members").await?;
        }
        // A bridged room's messages are its backend's; Snug adds none of its own.
        let announce = match announce {
            Some(code) if self.bridge(app).await?.is_none() => Some(code),
            _ => None,
        };
        for _ in 0..limits::GUARD_TRIES_MAX {
            let facts = self.store.room_facts(app, room, actor.user()).await?;
            let facts = facts.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
            let guard = decide(actor, operation, &facts)?;
            self.check_change(actor, operation, &facts, &change).await?;
            // In an archived room nothing is said, by the room itself neither.
            let announce = match announce.filter(|_| !facts.room.archived) {
                Some(code) => {
                    let named = self.named(app, room, &change).await?;
                    Some(self.announcement(actor, code, &named)?)
                }
                None => None,
            };
            let request = ChangeMembers {
                app: app.clone(),
                room: room.clone(),
                guard,
                change: change.clone(),
                announce,
                now: self.now(),
            };
            match self.store.change_members(request).await? {
                ChangeMembersOutcome::Changed(changed) => {
                    self.publish_members(app, room, *changed).await?;
                    return Ok(());
                }
                ChangeMembersOutcome::RoomNotFound => {
                    return Err(Error::RoomNotFound(room.clone()));
                }
                ChangeMembersOutcome::TooMany => {
                    let most = limits::ROOM_MEMBERS_MAX;
                    return Err(Error::too_large(
                        if operation == Operation::Accept { "room" } else { "users" },
                        format!("at most {most} in a room, and each in no more rooms than allowed"),
                    ));
                }
                ChangeMembersOutcome::TooManyInvited => return Err(too_many_invited("users")),
                ChangeMembersOutcome::GuardMoved => {}
            }
        }
        Err(Error::Overloaded { retry_after_ms: limits::OVERLOADED_RETRY_MS })
    }

    /// Roles that the change itself touches; a direct room keeps its pair whoever asks.
    async fn check_change(
        &self,
        actor: &Actor,
        operation: Operation,
        facts: &RoomFacts,
        change: &MemberChange,
    ) -> Result<()> {
        if facts.room.direct.is_some() {
            return Err(Error::invalid("room", "a group; a direct room keeps its pair"));
        }
        let (Actor::Client(client), Some(mine)) = (actor, &facts.mine) else {
            return Ok(());
        };
        match change {
            MemberChange::Add { role, .. } | MemberChange::Invite { role, .. }
                if *role > Role::Member && mine.role < Role::Owner =>
            {
                Err(Error::RoleTooLow)
            }
            MemberChange::Remove { users } if operation == Operation::RemoveMembers => {
                for user in users {
                    let app = &client.app.id;
                    let theirs = self.store.room_facts(app, &facts.room.id, Some(user)).await?;
                    let theirs = theirs.and_then(|theirs| theirs.mine);
                    // Who is out has a role of before, which binds nobody: they are passed over.
                    let concerned = |mine: &Membership| mine.is_active() || mine.is_invited();
                    if let Some(theirs) = theirs.filter(concerned) {
                        policy::check_removal(&facts.room, mine.role, theirs.role)?;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn publish_members(
        &self,
        app: &AppId,
        room: &RoomId,
        changed: MembersChanged,
    ) -> Result<()> {
        let MembersChanged { room: after, members, memberships, announced } = changed;
        if members.is_empty() {
            return Ok(());
        }
        let shared = Arc::new(after);
        if memberships.iter().any(|mine| mine.state == MemberState::Active) {
            let shown = limits::LIST_MEMBERS_SHOWN;
            // The change is committed: its news does not depend on one more read.
            let first = self.store.members(app, room, None, shown, false).await.unwrap_or_default();
            self.publish_joined(app, &shared, &first, &memberships);
        }
        self.publish_invitations(app, &shared, &memberships);
        let head = shared.head.clone();
        let body = RoomEventBody::MembersChanged { members, room: shared };
        self.publish_room(app, room, head, body);
        if let Some(appended) = announced {
            self.publish_appended(app, appended);
        }
        Ok(())
    }

    /// Tells those who were invited, and those whose invitation ended without a joining, on all
    /// their devices.
    pub(super) fn publish_invitations(&self, app: &AppId, room: &Room, changed: &[Membership]) {
        for mine in changed.iter().filter(|mine| mine.is_invited() || mine.is_uninvited()) {
            let body = if mine.is_invited() {
                let mut shown = room.clone();
                shown.show_invited(mine);
                UserEventBody::Invited { room: Arc::new(shown), mine: mine.clone() }
            } else {
                UserEventBody::Uninvited { room: room.id.clone(), rev: mine.rev }
            };
            self.publish_user(app, &mine.user, body);
        }
    }

    /// Whom the room names: of those who are removed, who is in it. An invitation that is taken
    /// back with them is nobody's news.
    async fn named(
        &self,
        app: &AppId,
        room: &RoomId,
        change: &MemberChange,
    ) -> Result<Vec<UserId>> {
        let users = change.users();
        if !matches!(change, MemberChange::Remove { .. }) || users.len() < 2 {
            return Ok(users.to_vec());
        }
        let inside = self.store.members_among(app, room, users).await?;
        let inside: HashSet<UserId> = inside.into_iter().map(|(user, _)| user).collect();
        let named: Vec<UserId> =
            users.iter().filter(|user| inside.contains(*user)).cloned().collect();
        // Nobody: then nothing is said, unless one of them comes in at this moment.
        Ok(if named.is_empty() { users.to_vec() } else { named })
    }

    fn announcement(&self, actor: &Actor, code: &str, users: &[UserId]) -> Result<NewMessage> {
        // A long list is named by its first few: the message must stay within its bounds.
        let named: Vec<&str> = users.iter().take(20).map(UserId::as_str).collect();
        let value = serde_json::json!({
            "type": code,
            "users": named,
            "count": users.len(),
            "by": actor.user().map(UserId::as_str),
        });
        let custom = CustomJson::from_stored(value.to_string()).map_err(|_| Error::Internal)?;
        Ok(self.system_message(custom))
    }
}

pub(super) fn too_many_invited(field: &str) -> Error {
    let (room, user) = (limits::INVITATIONS_PER_ROOM_MAX, limits::INVITATIONS_PER_USER_MAX);
    Error::too_large(
        field,
        format!("at most {room} open invitations to a room, and {user} of one user"),
    )
}
