//! Rooms, memberships and rows of what the backend says it has.

use std::collections::{HashMap, HashSet};

use super::super::Engine;
use super::wire::{Body, BridgeMessage, BridgeThread};
use super::{Bridge, Mirrored, broken, id_of_external, names};
use crate::error::Result;
use crate::ids::{RoomId, UserId};
use crate::limits;
use crate::model::{MessageKind, Patch, Role, Room, RoomKind, RoomPolicy, UserPatch};
use crate::policy;
use crate::ports::{
    Append, AppendOutcome, ChangeMembers, ChangeMembersOutcome, CreateRoomOutcome, MemberChange,
    NewMessage, NewRoom, RoomFacts,
};

/// How the members stood before the backend was asked; an answer that is older than a change does
/// not undo it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    members_rev: Option<u64>,
    member_count: Option<u32>,
}

impl Before {
    pub(super) fn at(members_rev: u64) -> Self {
        Self { members_rev: Some(members_rev), member_count: None }
    }

    fn moved(self, room: &Room) -> bool {
        self.members_rev.is_some_and(|before| before != room.head.members_rev)
            || self.member_count.is_some_and(|before| before != room.member_count)
    }
}

/// What came of holding a room's members against a thread's.
enum Aligned {
    Already,
    To(Box<Room>),
    /// They moved meanwhile.
    Moved,
}

/// A message of the backend's with its words.
pub(super) struct Told {
    pub(super) message: BridgeMessage,
    pub(super) kind: MessageKind,
    pub(super) body: Body,
}

impl Told {
    pub(super) fn read(message: BridgeMessage) -> Result<Self> {
        let (kind, body) = Body::read(&message.kind, &message.data)?;
        Ok(Self { message, kind, body })
    }
}

impl Engine {
    pub(super) async fn before(&self, bridge: &Bridge, room: &RoomId) -> Result<Before> {
        let facts = self.store.room_facts(bridge.app(), room, None).await?;
        Ok(facts.map_or_else(Before::default, |facts| Before {
            members_rev: Some(facts.room.head.members_rev),
            member_count: Some(facts.room.member_count),
        }))
    }

    /// Makes the thread's room or corrects its members; says whether it was made.
    pub(super) async fn mirror(
        &self,
        bridge: &Bridge,
        thread: &BridgeThread,
        before: Before,
        creator: Option<&UserId>,
    ) -> Result<bool> {
        let (app, room) = (bridge.app(), &thread.thread_id);
        let members: HashSet<(UserId, Option<String>)> = thread
            .members
            .iter()
            .map(|user| (user.user_id.clone(), user.display_name.clone()))
            .collect();
        let Some(facts) = self.store.room_facts(app, room, None).await? else {
            let made = self.make(bridge, thread, creator).await?;
            self.name_members(bridge, thread).await?;
            return Ok(made);
        };
        let (members_rev, member_count) = (facts.room.head.members_rev, facts.room.member_count);
        let wanted = Mirrored { members, members_rev, member_count };
        if before.moved(&facts.room) || self.bodies.has_members(app, room, &wanted) {
            return Ok(false);
        }
        let aligned = self.align(bridge, &facts, &names(&thread.members)).await?;
        self.name_members(bridge, thread).await?;
        let (members_rev, member_count) = match &aligned {
            Aligned::Already => (members_rev, member_count),
            Aligned::To(room) => (room.head.members_rev, room.member_count),
            Aligned::Moved => return Ok(false),
        };
        let mirrored = Mirrored { members_rev, member_count, ..wanted };
        self.bodies.set_members(app, room, Some(mirrored));
        Ok(false)
    }

    async fn make(
        &self,
        bridge: &Bridge,
        thread: &BridgeThread,
        creator: Option<&UserId>,
    ) -> Result<bool> {
        let mut seen = HashSet::new();
        let members = names(&thread.members).into_iter().filter(|user| seen.insert(user.clone()));
        let new = NewRoom {
            app: bridge.app().clone(),
            id: thread.thread_id.clone(),
            kind: RoomKind::Group,
            direct: None,
            name: thread.name(),
            avatar: None,
            description: None,
            custom: None,
            tags: Vec::new(),
            policy: RoomPolicy::default(),
            creator: creator.cloned(),
            members: members.map(|user| (user, Role::Member)).collect(),
            invited: Vec::new(),
            epoch: self.random_text(8),
            message: None,
            now: self.now(),
        };
        match self.store.create_room(new).await? {
            CreateRoomOutcome::Created(created) => {
                let mut members = created.members;
                members.sort_by(|a, b| a.user.id.cmp(&b.user.id));
                let room = std::sync::Arc::new(created.room);
                self.publish_joined(bridge.app(), &room, &members, &created.memberships);
                Ok(true)
            }
            CreateRoomOutcome::Exists(_) => Ok(false),
            CreateRoomOutcome::CreatorDeactivated => Err(crate::error::Error::UserDeactivated),
            CreateRoomOutcome::TooMany | CreateRoomOutcome::TooManyInvited => {
                let most = limits::ROOMS_PER_USER_MAX;
                Err(broken(format!("a user is in at most {most} threads")))
            }
        }
    }

    async fn align(
        &self,
        bridge: &Bridge,
        facts: &RoomFacts,
        wanted: &[UserId],
    ) -> Result<Aligned> {
        let (app, room) = (bridge.app(), &facts.room.id);
        let mut extra = Vec::new();
        let mut missing: HashSet<UserId> = wanted.iter().cloned().collect();
        let mut after: Option<UserId> = None;
        loop {
            let page = limits::MEMBERS_PAGE_MAX;
            let members = self.store.members(app, room, after.as_ref(), page, false).await?;
            for member in &members {
                if !missing.remove(&member.user.id) {
                    extra.push(member.user.id.clone());
                }
            }
            if members.len() < page {
                break;
            }
            after = members.last().map(|member| member.user.id.clone());
        }
        let mut added: Vec<UserId> = missing.into_iter().collect();
        added.sort();
        let changes = [
            (!added.is_empty()).then_some(MemberChange::Add { users: added, role: Role::Member }),
            (!extra.is_empty()).then_some(MemberChange::Remove { users: extra }),
        ];
        let mut aligned = Aligned::Already;
        for change in changes.into_iter().flatten() {
            let request = ChangeMembers {
                app: app.clone(),
                room: room.clone(),
                guard: policy::backend_guard(&facts.room),
                change,
                announce: None,
                now: self.now(),
            };
            // What moved meanwhile is newer than the answer: the next one is held against it.
            match self.store.change_members(request).await? {
                ChangeMembersOutcome::Changed(changed) => {
                    aligned = Aligned::To(Box::new(changed.room.clone()));
                    self.publish_members(app, room, *changed).await?;
                }
                _ => return Ok(Aligned::Moved),
            }
        }
        Ok(aligned)
    }

    /// Display names as the backend has them.
    async fn name_members(&self, bridge: &Bridge, thread: &BridgeThread) -> Result<()> {
        let app = bridge.app();
        let known = self.store.users(app, &names(&thread.members)).await?;
        let known: HashMap<&str, Option<&str>> =
            known.iter().map(|user| (user.id.as_str(), user.name.as_deref())).collect();
        for user in &thread.members {
            let named = user.display_name.as_deref().filter(|name| !name.is_empty());
            let Some(name) = named else { continue };
            if known.get(user.user_id.as_str()) == Some(&Some(name)) {
                continue;
            }
            let patch = UserPatch { name: Patch::Set(name.to_owned()), ..UserPatch::default() };
            if let Err(error) = super::super::check::profile("", &patch) {
                return Err(broken(format!("a member's displayName: {error}")));
            }
            self.store.upsert_user(app, &user.user_id, patch, self.now()).await?;
        }
        Ok(())
    }

    /// Gives rows to the messages that have none, in the backend's order, of a long thread the
    /// newest. With `quiet` they are of before Snug knew the thread: they are not unread, and the
    /// room is told once.
    pub(super) async fn absorb(
        &self,
        bridge: &Bridge,
        room: &RoomId,
        told: &[Told],
        quiet: bool,
    ) -> Result<()> {
        let app = bridge.app();
        let mut rows: HashSet<String> = HashSet::new();
        for chunk in told.chunks(limits::BRIDGE_MESSAGES_PER_READ_MAX) {
            let wanted: Vec<String> =
                chunk.iter().map(|told| told.message.message_id.clone()).collect();
            let known = self.store.externals(app, room, &wanted).await?;
            rows.extend(known.into_iter().map(|(external, _)| external));
        }
        let has_row = |told: &&Told| rows.contains(&told.message.message_id);
        let most = limits::BRIDGE_MESSAGES_PER_READ_MAX;
        // What lies before the first row was left out at the first reading, and stays so: a row
        // behind the others would say that it was said after them.
        let newest = told.len().saturating_sub(if rows.is_empty() { most } else { 0 });
        let from = told.iter().position(|told| has_row(&told)).unwrap_or(newest);
        let fresh: Vec<&Told> =
            told[from..].iter().filter(|told| !has_row(told)).take(most).collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let mut pending = self.pending_in(bridge, room).await?;
        // A backend that shows keys says itself which message is which.
        let keyed = told.iter().any(|told| told.message.idempotency_key.is_some());
        for told in fresh {
            let new = row_of(told, &mut pending, (quiet, keyed));
            let id = new.id.clone();
            self.give_row(bridge, room, new, &told.body, quiet).await?;
            // Its message has its row: a later one in the same words is another.
            if id != id_of_external(&told.message.message_id) {
                self.forget_note(bridge, room, &id).await;
            }
        }
        if quiet {
            self.remind(app, room).await;
        }
        Ok(())
    }

    async fn give_row(
        &self,
        bridge: &Bridge,
        room: &RoomId,
        mut new: NewMessage,
        body: &Body,
        quiet: bool,
    ) -> Result<()> {
        let app = bridge.app();
        let own = id_of_external(new.external.as_deref().unwrap_or_default());
        for _ in 0..limits::GUARD_TRIES_MAX {
            let Some(facts) = self.store.room_facts(app, room, None).await? else {
                return Ok(());
            };
            let append = Append {
                app: app.clone(),
                room: room.clone(),
                guard: policy::backend_guard(&facts.room),
                message: new.clone(),
                now: self.now(),
            };
            match self.store.append_message(append).await? {
                AppendOutcome::Stored(mut appended) => {
                    self.put_words(app, &mut appended, body);
                    if !quiet {
                        self.publish_appended(app, *appended);
                    }
                    return Ok(());
                }
                AppendOutcome::GuardMoved => {}
                // The id that was sent has its message already; this is another one.
                AppendOutcome::Duplicate(first)
                    if first.external != new.external && new.id != own =>
                {
                    new.id = own.clone();
                }
                // Somebody else gave it its row, or took the id that it would have.
                AppendOutcome::Duplicate(_)
                | AppendOutcome::Conflict
                | AppendOutcome::RoomNotFound => return Ok(()),
            }
        }
        Ok(())
    }
}

/// A pending message that the backend has now keeps its id, so that the repeat is a repeat.
fn row_of(
    told: &Told,
    pending: &mut Vec<super::send::Pending>,
    (quiet, keyed): (bool, bool),
) -> NewMessage {
    let sender = (told.kind != MessageKind::System).then(|| told.message.from_user_id.clone());
    let hash = |silent| told.body.hash(sender.as_ref(), told.kind, silent);
    let hashed = |note: &super::send::Pending| {
        told.body.was_hashed(&note.hash, (sender.as_ref(), told.kind, note.silent))
    };
    let key = told.message.idempotency_key.as_deref();
    let is_this = |note: &super::send::Pending| match key {
        Some(key) => note.id.as_str() == key && Some(&note.sender) == sender.as_ref(),
        None => !keyed && hashed(note),
    };
    let found = pending.iter().position(is_this).map(|at| pending.remove(at));
    let external = Some(told.message.message_id.clone());
    match found {
        Some(note) => NewMessage {
            id: note.id,
            external,
            sender: Some(note.sender),
            kind: note.kind,
            text: None,
            custom: None,
            extras: None,
            silent: note.silent,
            hash: note.hash,
            read_up_to: None,
            thread: None,
        },
        None => NewMessage {
            id: id_of_external(&told.message.message_id),
            external,
            hash: hash(quiet),
            sender,
            kind: told.kind,
            text: None,
            custom: None,
            extras: None,
            silent: quiet,
            read_up_to: None,
            thread: None,
        },
    }
}
