//! Making, changing and deleting rooms; who is in them.

use snug_core::engine::{Actor, ChangeMembersRequest, CreateRoom, CreateRoomKind};
use snug_core::ids::{RoomId, UserId};
use snug_core::model::{CustomJson, Mute, OwnPatch, Patch, Role, RoomPatch, RoomPolicy, Ruled};

use super::verdict;
use crate::sim::Sim;

/// Ids that customers choose: few, so that rooms are deleted and made anew under them.
const CHOSEN: [&str; 4] = ["r0", "r1", "r2", "r3"];
const CONTEXTS: [&str; 2] = ["", "listing"];

impl Sim {
    pub(super) fn users(&mut self, most: usize) -> Vec<UserId> {
        let number = 1 + self.dice.index(most);
        (0..number)
            .map(|_| {
                let at = self.dice.index(self.clients.len());
                self.clients[at].user.clone()
            })
            .collect()
    }

    /// The client itself, or now and then the backend.
    pub(super) async fn page_or_backend(&mut self, c: usize) -> Option<Actor> {
        if self.dice.percent(40) {
            return Some(Actor::Backend(self.backend.clone()));
        }
        self.caller(c).await.map(Actor::Client)
    }

    async fn create(
        &mut self,
        actor: &Actor,
        create: CreateRoom,
        what: &'static str,
    ) -> Option<RoomId> {
        let answer = self.engine.create_room(actor, create).await;
        self.note(what, &answer);
        let made = answer.ok()?;
        let room = made.view.room;
        self.say(format!("  {} made {} rev {}", room.id, made.created, room.head.rev));
        if made.created {
            // What was said in an old room of this id is not said again in the new one: there it
            // would be another message under the same name, which the checker takes for one.
            for client in &mut self.clients {
                client.acked.retain(|pending| pending.room != room.id);
                client.outbox.retain(|pending| pending.room != room.id);
            }
        }
        if made.created && made.message.is_none() {
            self.checker.accounted(&room.id, room.head.rev);
            self.checker.frozen(&room.id, room.head.rev, room.frozen);
            self.checker.archived(&room.id, room.head.rev, room.archived);
            self.checker.ruled(&room.id, room.head.rev, &room.policy);
        }
        if !self.rooms.contains(&room.id) {
            self.rooms.push(room.id.clone());
        }
        Some(room.id)
    }

    pub(crate) async fn op_create_group(&mut self, c: usize) {
        let Some(actor) = self.page_or_backend(c).await else { return };
        let chosen = self.dice.pick(&CHOSEN).map(|id| RoomId::from_stored(id));
        let id = if self.dice.percent(85) { chosen } else { None };
        let members = self.users(4);
        let by_backend = matches!(actor, Actor::Backend(_));
        let creator = (by_backend && self.dice.percent(50)).then(|| self.clients[c].user.clone());
        let is_in = actor.user().is_some() || creator.as_ref().is_some_and(|u| members.contains(u));
        let first = is_in && self.dice.percent(30);
        let room = id.clone().unwrap_or_else(|| RoomId::from_stored("new"));
        let mut message = first.then(|| self.new_message(None, &room));
        if let Some(message) = &mut message {
            message.sender.clone_from(&creator);
        }
        let says = self.dice.percent(15);
        let policy = if says { self.some_policy() } else { RoomPolicy::default() };
        let invite = self.dice.percent(20);
        let create = CreateRoom {
            kind: CreateRoomKind::Group { id, members },
            name: Some("made".to_owned()),
            avatar: None,
            description: None,
            custom: None,
            tags: Vec::new(),
            policy,
            invite,
            creator,
            message,
            return_existing: false,
        };
        drop(self.create(&actor, create, "create group").await);
    }

    pub(crate) async fn op_create_direct(&mut self, c: usize) {
        let Some(actor) = self.page_or_backend(c).await else { return };
        let me = self.clients[c].user.clone();
        let Some(other) = self.users(1).pop() else { return };
        let context = (*self.dice.pick(&CONTEXTS).unwrap_or(&"")).to_owned();
        let first = actor.user().is_some() && self.dice.percent(40);
        let message = first.then(|| self.new_message(None, &RoomId::from_stored("new")));
        let create = CreateRoom {
            kind: CreateRoomKind::Direct {
                users: (me.clone(), other.clone()),
                context: context.clone(),
            },
            name: None,
            avatar: None,
            description: None,
            custom: None,
            tags: Vec::new(),
            policy: RoomPolicy::default(),
            invite: false,
            creator: None,
            message,
            return_existing: false,
        };
        if let Some(room) = self.create(&actor, create, "create direct").await {
            self.checker.direct(&me, &other, &context, &room);
        }
    }

    pub(crate) async fn op_members(&mut self, c: usize, add: bool) {
        let Some(actor) = self.page_or_backend(c).await else { return };
        let room = if actor.user().is_some() { self.some_room(c) } else { self.any_room() };
        let Some(room) = room else { return };
        let role = self.dice.percent(30).then_some(Role::Admin).filter(|_| add);
        let announce = self.dice.percent(60);
        let request = ChangeMembersRequest { users: self.users(3), role, invite: false, announce };
        self.say(format!("  {room} {:?} announce {announce}", request.users));
        let ruled = if add { Ruled::AddMembers } else { Ruled::RemoveMembers };
        let may = actor.user().and_then(|user| self.checker.may(&room, user, ruled));
        let (what, answer) = if add {
            ("add members", self.engine.add_members(&actor, &room, request).await)
        } else {
            ("remove members", self.engine.remove_members(&actor, &room, request).await)
        };
        self.note(what, &answer);
        if let Some(user) = actor.user() {
            // Roles bind also for what they give, and whom they remove.
            let done = verdict(&answer).filter(|done| *done || (add && role.is_none()));
            self.checker.judged((&room, user), what, may, done);
        }
    }

    pub(crate) async fn op_leave(&mut self, c: usize) {
        let Some(room) = self.some_room(c) else { return };
        let Some(caller) = self.caller(c).await else { return };
        let answer = self.engine.leave_room(&caller, &room).await;
        self.note("leave", &answer);
    }

    /// Says what `verdict` makes of the answer.
    pub(super) async fn update(
        &mut self,
        actor: &Actor,
        room: &RoomId,
        patch: RoomPatch,
        what: &'static str,
    ) -> Option<bool> {
        let user = actor.user().filter(|_| patch.policy.is_none());
        let may = user.and_then(|user| self.checker.may(room, user, Ruled::UpdateRoom));
        let answer = self.engine.update_room(actor, room, patch).await;
        self.say(format!("  {room}"));
        self.note(what, &answer);
        let done = verdict(&answer);
        if let Some(user) = user {
            self.checker.judged((room, user), what, may, done);
        }
        done
    }

    pub(crate) async fn op_update(&mut self, c: usize) {
        let Some(actor) = self.page_or_backend(c).await else { return };
        let Some(room) = self.some_room(c) else { return };
        let number = self.trace.len();
        let mut patch = RoomPatch::default();
        match self.dice.roll(3) {
            0 => patch.name = Patch::Set(format!("name {number}")),
            1 => patch.tags = Some(vec![format!("tag {}", number % 3)]),
            _ => {
                let part = format!("{{\"k{}\":{number}}}", number % 4);
                patch.custom_patch = CustomJson::from_stored(part).ok();
            }
        }
        if self.dice.percent(30) {
            // Right or wrong: the store says which.
            patch.if_rev = Some(1 + self.dice.roll(4));
        }
        self.update(&actor, &room, patch, "update").await;
    }

    /// A device of a member's keeps the room in another way.
    pub(crate) async fn op_own(&mut self, c: usize) {
        let Some(room) = self.some_room(c) else { return };
        let Some(caller) = self.caller(c).await else { return };
        let mut patch = OwnPatch::default();
        match self.dice.roll(4) {
            0 => patch.pinned = Some(self.dice.percent(60)),
            1 => patch.hidden = Some(self.dice.percent(80)),
            2 if self.dice.percent(30) => patch.muted = Patch::Clear,
            2 => patch.muted = Patch::Set(Mute::Forever),
            _ => patch.folder = Patch::Set(format!("folder {}", self.dice.roll(3))),
        }
        self.say(format!("  {room} {patch:?}"));
        let answer = self.engine.set_own(&caller, &room, patch).await;
        self.note("own settings", &answer);
        let Ok((mine, _)) = answer else { return };
        if let Some(state) = self.clients[c].rooms.get_mut(&room) {
            state.take_mine(&mine);
        }
    }

    pub(crate) async fn op_archive(&mut self, c: usize) {
        let Some(actor) = self.page_or_backend(c).await else { return };
        let Some(room) = self.any_room() else { return };
        // Mostly taken out again, or nobody could send for long.
        let patch = RoomPatch { archived: Some(self.dice.percent(35)), ..RoomPatch::default() };
        self.update(&actor, &room, patch, "archive").await;
    }

    pub(crate) async fn op_freeze(&mut self) {
        let Some(room) = self.any_room() else { return };
        // Mostly thawed, or nobody could send for long.
        let patch = RoomPatch { frozen: Some(self.dice.percent(40)), ..RoomPatch::default() };
        let actor = Actor::Backend(self.backend.clone());
        self.update(&actor, &room, patch, "freeze").await;
    }

    pub(crate) async fn op_delete(&mut self) {
        let Some(room) = self.any_room() else { return };
        self.say(format!("  {room}"));
        let answer = self.engine.delete_room(&self.backend, &room).await;
        self.note("delete", &answer);
        // Made again at once, it is another room under the id that clients still hold.
        if answer.is_ok() && CHOSEN.contains(&room.as_str()) && self.dice.percent(50) {
            self.make_again(room).await;
        }
    }

    async fn make_again(&mut self, room: RoomId) {
        let create = CreateRoom {
            kind: CreateRoomKind::Group { id: Some(room), members: self.users(6) },
            name: Some("made again".to_owned()),
            avatar: None,
            description: None,
            custom: None,
            tags: Vec::new(),
            policy: RoomPolicy::default(),
            invite: false,
            creator: None,
            message: None,
            return_existing: false,
        };
        let backend = Actor::Backend(self.backend.clone());
        drop(self.create(&backend, create, "create group").await);
    }
}
