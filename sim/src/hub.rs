//! One node's delivery rule, modelled: the server's own room is private to its crate. The rule
//! is that of contract line 12: every event carries the rev of the last removal, and a node
//! that may not have seen that removal asks who is a member before it tells anybody. The model
//! delivers at once what the server holds for a moment to put it in order, and asks without
//! delay; so it is harsher to clients and has no window of its own.

use std::collections::{BTreeMap, BTreeSet};

use snug_core::event::{RoomEvent, RoomEventBody};
use snug_core::ids::{RoomId, UserId};
use snug_core::model::{Head, MemberState};

/// A connection is its client's number: a client has one at a time.
type Listeners = BTreeMap<usize, UserId>;

#[derive(Debug, Default)]
struct LocalRoom {
    listeners: Listeners,
    /// Rev of the newest durable event that passed.
    rev: u64,
    /// Rev of the last removal that the listeners reflect.
    members_rev: u64,
}

/// What becomes of an offered event.
pub(crate) enum Offer {
    /// These connections hear it.
    Tell(Vec<usize>),
    /// Ask which of these users are members, call `reloaded`, and offer it again.
    Reload(Vec<UserId>),
}

/// The rooms of one node with somebody who listens.
#[derive(Debug)]
pub(crate) struct Node {
    rooms: BTreeMap<RoomId, LocalRoom>,
    /// The seam of the self-test: forgets nobody.
    keeps_removed: bool,
}

impl Node {
    pub(crate) fn new(keeps_removed: bool) -> Self {
        Self { rooms: BTreeMap::new(), keeps_removed }
    }

    /// Lets a connection hear a room; `Some` when its membership must be asked again.
    pub(crate) fn join(
        &mut self,
        connection: usize,
        user: &UserId,
        room: &RoomId,
        head: &Head,
    ) -> Option<Vec<UserId>> {
        let local = self.rooms.entry(room.clone()).or_default();
        if local.listeners.is_empty() {
            (local.rev, local.members_rev) = (head.rev, head.members_rev);
        }
        local.listeners.insert(connection, user.clone());
        (local.members_rev > head.members_rev).then(|| local.users())
    }

    pub(crate) fn leave_all(&mut self, connection: usize) {
        for local in self.rooms.values_mut() {
            local.listeners.remove(&connection);
        }
    }

    pub(crate) fn offer(&mut self, event: &RoomEvent) -> Offer {
        let Some(local) = self.rooms.get_mut(&event.room) else {
            return Offer::Tell(Vec::new());
        };
        if local.listeners.is_empty() {
            return Offer::Tell(Vec::new());
        }
        if !self.keeps_removed && !local.knows(event) {
            return Offer::Reload(local.users());
        }
        let told = local.listeners.keys().copied().collect();
        local.pass(event, self.keeps_removed);
        Offer::Tell(told)
    }

    pub(crate) fn reloaded(&mut self, room: &RoomId, members: &[(UserId, u64)], members_rev: u64) {
        if let Some(local) = self.rooms.get_mut(room) {
            local.members_rev = local.members_rev.max(members_rev);
            local.listeners.retain(|_, user| members.iter().any(|(member, _)| member == user));
        }
    }
}

impl LocalRoom {
    fn users(&self) -> Vec<UserId> {
        let users: BTreeSet<&UserId> = self.listeners.values().collect();
        users.into_iter().cloned().collect()
    }

    /// A removal says whom it removes, but of an earlier one it knows nothing: it may stand for
    /// itself only when nothing is missing before it.
    fn knows(&self, event: &RoomEvent) -> bool {
        let head = &event.head;
        let is_removal = matches!(event.body, RoomEventBody::MembersChanged { .. })
            && head.members_rev == head.rev;
        head.members_rev <= self.members_rev
            || (is_removal && head.rev <= self.rev + 1)
            || matches!(event.body, RoomEventBody::RoomDeleted)
    }

    fn pass(&mut self, event: &RoomEvent, keeps_removed: bool) {
        if event.body.is_durable() {
            self.rev = self.rev.max(event.head.rev);
        }
        if keeps_removed {
            return;
        }
        match &event.body {
            RoomEventBody::MembersChanged { members, .. } => {
                self.members_rev = self.members_rev.max(event.head.members_rev);
                let out: BTreeSet<&UserId> = members
                    .iter()
                    .filter(|member| member.state != MemberState::Active)
                    .map(|member| &member.user.id)
                    .collect();
                self.listeners.retain(|_, user| !out.contains(user));
            }
            RoomEventBody::RoomDeleted if event.head.rev >= self.rev => self.listeners.clear(),
            _ => {}
        }
    }
}
