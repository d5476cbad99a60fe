//! One room as this node sees it: who listens here, how far events were delivered, and which
//! wait for a missing one or for a member list that is being reloaded.

mod listeners;
mod unordered;

use std::sync::Arc;

use bytes::Bytes;
use hashbrown::{HashMap, HashSet};
use snug_core::event::{RoomEvent, RoomEventBody};
use snug_core::ids::UserId;
use snug_core::model::{Head, MemberState};
use snug_core::ports::JoinedRoom;
use snug_proto::event;

use super::codec;
use super::fanout::Told;
use super::hub::Connection;
use listeners::{Listener, Listeners};
use unordered::Unordered;

/// Where the room stood when a membership in it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadAt {
    pub(super) rev: u64,
    /// Rev of the last removal.
    pub(super) members_rev: u64,
}

impl From<&Head> for ReadAt {
    fn from(head: &Head) -> Self {
        Self { rev: head.rev, members_rev: head.members_rev }
    }
}

impl From<&JoinedRoom> for ReadAt {
    fn from(joined: &JoinedRoom) -> Self {
        Self { rev: joined.rev, members_rev: joined.members_rev }
    }
}

/// What the hub has to do after an event was offered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Next {
    /// Call `overdue` after the reorder time.
    pub(super) look_later: bool,
    /// Reload which of the local users are members, then call `reloaded`.
    pub(super) reload: bool,
}

/// What a reload of the members came to.
#[derive(Debug, Default)]
pub(super) struct Reloaded {
    /// Connections of users who are out: already forgotten here.
    pub(super) out: Vec<Arc<Connection>>,
    /// The room itself is gone.
    pub(super) deleted: bool,
    /// Somebody came in meanwhile who was not asked about: reload once more.
    pub(super) again: bool,
}

/// A room with local listeners.
#[derive(Debug, Default)]
pub(super) struct LocalRoom {
    listeners: Listeners,
    /// Rev of the newest durable event that was delivered here; 0 is not known.
    rev: u64,
    /// Rev of the last removal that this node's listeners reflect.
    members_rev: u64,
    unordered: Unordered,
    reloading: bool,
    told: Told,
}

impl LocalRoom {
    /// Adds a listener whose user was a member when the room stood at `rev`. Says whether this
    /// node knows of a later removal, so that the members must be reloaded: until then nobody
    /// hears the room, since this user may be the one removed (contract line 12).
    /// A `guest` reads a channel without being in it.
    pub(super) fn add(
        &mut self,
        guest: bool,
        connection: &Arc<Connection>,
        rev: u64,
        members_rev: u64,
    ) -> bool {
        if self.listeners.is_empty() {
            self.rev = rev;
            self.members_rev = members_rev;
        }
        let fresh = || Listener {
            connection: connection.clone(),
            open: false,
            guest,
            sure_at: rev,
            since: rev,
        };
        let listener = self.listeners.get_or_insert(connection.id, fresh);
        listener.guest &= guest;
        listener.sure_at = listener.sure_at.max(rev);
        let stale = listener.sure_at < self.members_rev;
        let begins = stale && !self.reloading;
        self.reloading |= stale;
        begins
    }

    pub(super) fn remove(&mut self, connection: u64) -> bool {
        self.listeners.remove(connection)
    }

    /// The newest durable rev that was delivered here.
    pub(super) fn rev(&self) -> u64 {
        self.rev
    }

    /// What was queued for those who listen here, since this was asked last.
    pub(super) fn told(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Whether the connection listens here at all.
    pub(super) fn has(&self, connection: u64) -> bool {
        self.listeners.has(connection)
    }

    pub(super) fn set_open(&mut self, connection: u64, open: bool) -> bool {
        match self.listeners.get_mut(connection) {
            Some(listener) => {
                listener.open = open;
                true
            }
            None => false,
        }
    }

    /// Users who listen here, each once.
    pub(super) fn users(&self) -> Vec<UserId> {
        let mut users: Vec<UserId> =
            self.listeners.iter().map(|listener| listener.connection.user.clone()).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    /// The last removal that is known here.
    pub(super) fn members_rev(&self) -> u64 {
        self.members_rev
    }

    /// The connections that listen here.
    pub(super) fn connections(&self) -> Vec<u64> {
        self.listeners.iter().map(|listener| listener.connection.id).collect()
    }

    /// Takes an event from the bus: delivers it, holds it, or asks for a reload.
    pub(super) fn offer(&mut self, event: &Arc<RoomEvent>) -> Next {
        let rev = event.head.rev;
        if self.reloading {
            self.hold(event);
            return Next::default();
        }
        if event.body.is_durable() && self.rev != 0 && rev > self.rev + 1 {
            self.unordered.hold(event);
            return if self.unordered.is_full() { self.flush() } else { self.look_later() };
        }
        let next = self.deliver_or_reload(event);
        if next.reload { next } else { self.go_on() }
    }

    /// The reorder time is over: what is held is delivered if nothing came meanwhile of what it
    /// waited for, whatever else is missing behind it.
    pub(super) fn overdue(&mut self) -> Next {
        let from = self.unordered.end_look();
        if self.reloading || self.unordered.first().is_none() {
            return Next::default();
        }
        if from == Some(self.rev) { self.flush() } else { self.look_later() }
    }

    /// Delivers of what is held that which follows; the rest waits on.
    pub(super) fn go_on(&mut self) -> Next {
        while !self.reloading {
            let Some(first) = self.unordered.first() else { break };
            if first > self.rev + 1 {
                return self.look_later();
            }
            let Some(event) = self.unordered.pop() else { break };
            let next = self.deliver_or_reload(&event);
            if next.reload {
                return next;
            }
        }
        Next::default()
    }

    /// Delivers what is held, in order, whatever is missing.
    fn flush(&mut self) -> Next {
        while !self.reloading {
            let Some(event) = self.unordered.pop() else { break };
            let next = self.deliver_or_reload(&event);
            if next.reload {
                return next;
            }
        }
        Next::default()
    }

    /// One look at a time.
    fn look_later(&mut self) -> Next {
        Next { look_later: self.unordered.begin_look(self.rev), reload: false }
    }

    /// The members among `asked` were read again, each with the rev of their last change, after
    /// the last removal had been read as `members_rev`; who is not among them hears no more of the
    /// room. Who is known to have been a member later than that stays: if they are out now, their
    /// removal is still to come.
    pub(super) fn reloaded(
        &mut self,
        asked: &[UserId],
        members: &[(UserId, u64)],
        members_rev: u64,
    ) -> Reloaded {
        // Nobody asked for a reload of a living room without a removal.
        let deleted = members.is_empty() && members_rev == 0;
        self.members_rev = self.members_rev.max(members_rev);
        let mut out = Vec::new();
        // A big room is not gone through once for each who listens.
        let members: HashMap<&UserId, u64> =
            members.iter().map(|(user, rev)| (user, *rev)).collect();
        let asked: HashSet<&UserId> = asked.iter().collect();
        self.listeners.retain(|listener| {
            let user = &listener.connection.user;
            let newer = !deleted && listener.sure_at >= members_rev;
            let found = members.get(user);
            if let Some(changed) = found {
                // Perhaps out and in again meanwhile.
                listener.since = listener.since.max(*changed);
                listener.sure_at = listener.sure_at.max(members_rev);
            }
            if newer || found.is_some() || !asked.contains(user) {
                return true;
            }
            out.push(listener.connection.clone());
            false
        });
        let unsure = |listener: &Listener| deleted || listener.sure_at < self.members_rev;
        let again = self.listeners.iter().any(unsure);
        self.reloading = again;
        Reloaded { out, deleted, again }
    }

    /// Hints that took no rev are not worth holding.
    fn hold(&mut self, event: &Arc<RoomEvent>) {
        if event.body.is_durable() && !self.unordered.is_full() {
            self.unordered.hold(event);
        }
    }

    fn deliver_or_reload(&mut self, event: &Arc<RoomEvent>) -> Next {
        let head = &event.head;
        // A removal says itself who is out, but not whom an event lost before it removed.
        let is_change = matches!(event.body, RoomEventBody::MembersChanged { .. });
        let is_removal = is_change && head.members_rev == head.rev;
        let knows = head.members_rev <= self.members_rev
            || (is_removal && head.rev <= self.rev.saturating_add(1));
        if !knows && !matches!(event.body, RoomEventBody::RoomDeleted) {
            // A removal was missed (contract line 12): nobody hears this before we know.
            self.reloading = true;
            self.hold(event);
            return Next { look_later: false, reload: true };
        }
        self.deliver(event);
        Next::default()
    }

    fn deliver(&mut self, happened: &Arc<RoomEvent>) {
        let rev = happened.head.rev;
        let is_late = happened.body.is_durable() && self.rev != 0 && rev <= self.rev;
        if happened.body.is_durable() && !is_late {
            if self.rev != 0 {
                self.unordered.pass_over(self.rev + 1..rev);
            }
            self.rev = rev;
        }
        if let RoomEventBody::MembersChanged { members, .. } = &happened.body {
            let out: Vec<&UserId> =
                members.iter().filter(|m| m.is_out()).map(|m| &m.user.id).collect();
            if !out.is_empty() {
                self.drop_users(happened, &out);
                self.members_rev = self.members_rev.max(happened.head.members_rev);
            }
        }
        if matches!(happened.body, RoomEventBody::RoomDeleted) {
            let frame = codec::frame(&event::left(happened, "deleted"));
            for listener in self.listeners.take() {
                listener.connection.forget(&happened.room);
                if listener.connection.mail(|mailbox| mailbox.room(happened)) {
                    continue;
                }
                self.told.tell(&listener.connection, frame.clone());
            }
            return;
        }
        if is_late {
            self.tell_late(happened);
        } else {
            self.fan_out(happened);
        }
    }

    /// News of a rev that was passed over, or news that came before. Nobody hears of a room in
    /// another order than its own: who was there saw the gap, and syncs. Only wires that know no
    /// sync get what they missed, the one time that it comes.
    fn tell_late(&mut self, happened: &Arc<RoomEvent>) {
        if self.unordered.makes_good(happened.head.rev) {
            let rev = happened.head.rev;
            for listener in self.listeners.iter().filter(|listener| listener.since <= rev) {
                listener.connection.mail(|mailbox| mailbox.room(happened));
            }
        }
    }

    fn drop_users(&mut self, happened: &Arc<RoomEvent>, out: &[&UserId]) {
        let full = event::full(happened).map(|json| codec::frame(&json));
        let left = codec::frame(&event::left(happened, "removed"));
        let rev = happened.head.rev;
        self.listeners.retain(|listener| {
            // Known as a member of a later moment: this is late news of an earlier removal.
            let newer = listener.sure_at >= rev;
            let connection = &listener.connection;
            let named = out.contains(&&connection.user);
            if newer && named {
                // Out from here on, and in again by then: nothing between is theirs to hear.
                listener.since = listener.since.max(listener.sure_at);
            }
            // Who reads as everybody may goes on when an invitation ends.
            if newer || !named || listener.guest {
                listener.sure_at = listener.sure_at.max(rev);
                return true;
            }
            if connection.mail(|mailbox| mailbox.room(happened)) {
                connection.forget(&happened.room);
                return false;
            }
            if let Some(full) = &full {
                self.told.tell(connection, full.clone());
            }
            connection.forget(&happened.room);
            self.told.tell(connection, left.clone());
            false
        });
    }

    /// One encoding per event and form, shared by all who get it.
    fn fan_out(&mut self, happened: &Arc<RoomEvent>) {
        let is_beacon = matches!(happened.body, RoomEventBody::Beacon);
        if is_beacon && happened.head.rev < self.rev {
            return; // Everybody here was told of a later rev.
        }
        let head_too = happened.body.is_durable() || is_beacon;
        // Those who were added or changed are told themselves, whatever they have open.
        let named: HashSet<&UserId> = match &happened.body {
            RoomEventBody::MembersChanged { members, .. } => {
                members.iter().map(|member| &member.user.id).collect()
            }
            _ => HashSet::new(),
        };
        let of_members = matches!(&happened.body, RoomEventBody::MembersChanged { members, .. }
            if members.iter().any(|member| member.state != MemberState::Active));
        let said = match &happened.body {
            RoomEventBody::Ephemeral { said } => Some(said),
            _ => None,
        };
        let delivered = matches!(happened.body, RoomEventBody::Delivered { .. });
        let fleeting = happened.body.is_fleeting();
        let mut full: Option<Option<Bytes>> = None;
        let mut light: Option<Bytes> = None;
        for listener in self.listeners.iter() {
            let connection = &listener.connection;
            // Hints too: who was out then and is in again hears nothing of what was meanwhile.
            if happened.head.rev < listener.since {
                continue;
            }
            // Other wires have no word for what is kept nowhere.
            if said
                .is_some_and(|said| connection.mailbox.is_some() || !said.is_for(&connection.user))
            {
                continue;
            }
            // Who has a message is its room's members' matter, and other wires have no word for it.
            let hidden = (of_members || delivered) && listener.guest;
            if (hidden || delivered) && connection.mailbox.is_some() {
                continue;
            }
            if connection.mail(|mailbox| mailbox.room(happened)) {
                continue;
            }
            if fleeting && !connection.outbox.takes_hints(0) {
                continue;
            }
            let open = listener.open || connection.wants_all() || named.contains(&connection.user);
            let frame = if open && !hidden {
                full.get_or_insert_with(|| event::full(happened).map(|json| codec::frame(&json)))
                    .clone()
            } else {
                None
            };
            match frame {
                Some(frame) if fleeting && !connection.outbox.takes_hints(frame.len()) => {}
                Some(frame) => self.told.tell(connection, frame),
                None if head_too => {
                    let frame = light.get_or_insert_with(|| codec::frame(&event::light(happened)));
                    self.told.tell(connection, frame.clone());
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
