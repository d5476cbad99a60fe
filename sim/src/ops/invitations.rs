//! Who is asked in, and answers; who may do what in a room; and looks by those who are not in.

use snug_core::engine::{Actor, ChangeMembersRequest, HistoryRequest, SyncFrom};
use snug_core::error::Error;
use snug_core::ids::RoomId;
use snug_core::model::{MemberState, Role, RoomPatch, RoomPolicy, Ruled};

use super::verdict;
use crate::sim::Sim;

impl Sim {
    /// What a room may say of itself: mostly little, or nobody could do anything for long.
    pub(super) fn some_policy(&mut self) -> RoomPolicy {
        let mut policy = RoomPolicy::default();
        if self.dice.percent(40) {
            return policy;
        }
        for ruled in Ruled::ALL {
            if !self.dice.percent(25) {
                continue;
            }
            let role = match self.dice.roll(10) {
                0..5 => Role::Member,
                5..9 => Role::Admin,
                _ => Role::Owner,
            };
            policy.0.insert(ruled, role);
        }
        policy
    }

    /// An owner or the backend says who may do what.
    pub(crate) async fn op_policy(&mut self, c: usize) {
        let Some(actor) = self.page_or_backend(c).await else { return };
        let room = if actor.user().is_some() { self.some_room(c) } else { self.any_room() };
        let Some(room) = room else { return };
        let policy = self.some_policy();
        self.say(format!("  {room} {policy:?}"));
        let standing = actor.user().map(|user| self.checker.standing(&room, user));
        let owner = Some((MemberState::Active, Role::Owner));
        let may = standing.map(|standing| standing == owner);
        let patch = RoomPatch { policy: Some(policy), ..RoomPatch::default() };
        let done = self.update(&actor, &room, patch, "policy").await;
        if let Some(user) = actor.user() {
            self.checker.judged((&room, user), "say who may do what", may, done);
        }
    }

    pub(crate) async fn op_invite(&mut self, c: usize) {
        let Some(actor) = self.page_or_backend(c).await else { return };
        let room = if actor.user().is_some() { self.some_room(c) } else { self.any_room() };
        let Some(room) = room else { return };
        let role = self.dice.percent(20).then_some(Role::Admin);
        let users = self.users(3);
        self.say(format!("  {room} {users:?} {role:?}"));
        let may = actor.user().and_then(|user| self.checker.may(&room, user, Ruled::AddMembers));
        let request = ChangeMembersRequest { users, role, invite: true, announce: false };
        let answer = self.engine.add_members(&actor, &room, request).await;
        self.note("invite", &answer);
        if let Some(user) = actor.user() {
            // Who may add may not give a role that is above the own.
            let done = verdict(&answer).filter(|done| *done || role.is_none());
            self.checker.judged((&room, user), "invite", may, done);
        }
    }

    /// A room to which the client knows its user to be invited, or now and then any other.
    fn some_invitation(&mut self, c: usize) -> Option<RoomId> {
        let open = self.clients[c].invited();
        if open.is_empty() || self.dice.percent(10) {
            return self.any_room();
        }
        self.dice.pick(&open).cloned()
    }

    pub(crate) async fn op_answer(&mut self, c: usize) {
        let Some(room) = self.some_invitation(c) else { return };
        let Some(caller) = self.caller(c).await else { return };
        let user = caller.user().clone();
        let before = self.checker.standing(&room, &user);
        let accepts = self.dice.percent(65);
        self.say(format!("  {room}"));
        let answer = if accepts {
            let announce = self.dice.percent(50);
            self.engine.accept_room(&caller, &room, announce).await.map(drop)
        } else {
            self.engine.decline_room(&caller, &room).await
        };
        self.note(if accepts { "accept" } else { "decline" }, &answer);
        self.collect();
        let done = match answer {
            Ok(()) => true,
            Err(Error::NotInvited) => false,
            Err(_) => return,
        };
        self.checker.answered_invitation((&room, &user), accepts, before, done);
    }

    /// A look at a room by somebody who may have no business in it.
    pub(crate) async fn op_pry(&mut self, c: usize) {
        let Some(room) = self.some_invitation(c) else { return };
        let Some(caller) = self.caller(c).await else { return };
        let user = caller.user().clone();
        let actor = Actor::Client(caller);
        let answer = match self.dice.roll(4) {
            0 => self.engine.room(&actor, &room).await.map(drop),
            1 => self.engine.members(&actor, &room, None, None).await.map(drop),
            2 => {
                let request = HistoryRequest::default();
                self.engine.history(&actor, &room, &request).await.map(drop)
            }
            _ => {
                let from = SyncFrom { rev: 0, epoch: "", marks: None };
                self.engine.sync_room(&actor, &room, from, None).await.map(drop)
            }
        };
        self.say(format!("  {room}"));
        self.note("pry", &answer);
        match answer {
            Ok(()) => self.checker.looked(&room, &user, true),
            Err(Error::NotAMember | Error::RoomNotFound(_)) => {
                self.checker.looked(&room, &user, false);
            }
            Err(_) => {}
        }
    }
}
