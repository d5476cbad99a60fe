//! One room as this node sees it: who listens here, how far events were delivered, and which
//! wait for a missing one or for a member list that is being reloaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use snug_core::event::{RoomEvent, RoomEventBody};
use snug_core::ids::UserId;
use snug_core::limits;
use snug_proto::event;

use super::hub::Connection;

/// One connection's interest in the room.
#[derive(Debug)]
struct Listener {
    connection: Arc<Connection>,
    /// Gets every event; the others get light heads.
    open: bool,
}

/// What the hub has to do after an event was offered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Next {
    /// Flush what is held after the reorder time.
    pub(super) flush_later: bool,
    /// Reload which of the local users are members, then call `reloaded`.
    pub(super) reload: bool,
}

/// A room with local listeners.
#[derive(Debug, Default)]
pub(super) struct LocalRoom {
    listeners: HashMap<u64, Listener>,
    /// Rev of the newest durable event that was delivered here; 0 is not known.
    rev: u64,
    /// Rev of the last removal that this node's listeners reflect.
    members_rev: u64,
    held: BTreeMap<u64, Arc<RoomEvent>>,
    reloading: bool,
}

impl LocalRoom {
    /// Adds a listener; `rev` and `members_rev` are what its member list was read at. Says
    /// whether this node knows of a later removal, so that the membership must be asked again.
    pub(super) fn add(&mut self, connection: &Arc<Connection>, rev: u64, members_rev: u64) -> bool {
        if self.listeners.is_empty() {
            self.rev = rev;
            self.members_rev = members_rev;
        }
        let listener = Listener { connection: connection.clone(), open: false };
        self.listeners.entry(connection.id).or_insert(listener);
        self.members_rev > members_rev
    }

    pub(super) fn remove(&mut self, connection: u64) -> bool {
        self.listeners.remove(&connection).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Whether the connection listens here at all.
    pub(super) fn has(&self, connection: u64) -> bool {
        self.listeners.contains_key(&connection)
    }

    pub(super) fn set_open(&mut self, connection: u64, open: bool) -> bool {
        match self.listeners.get_mut(&connection) {
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
            self.listeners.values().map(|listener| listener.connection.user.clone()).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    /// Takes an event from the bus: delivers it, holds it, or asks for a reload.
    pub(super) fn offer(&mut self, event: &Arc<RoomEvent>) -> Next {
        let rev = event.head.rev;
        if event.body.is_durable() && self.rev != 0 && rev > self.rev + 1 && !self.reloading {
            self.held.insert(rev, event.clone());
            let first = self.held.len() == 1;
            if self.held.len() >= limits::REORDER_EVENTS_MAX {
                return self.flush();
            }
            return Next { flush_later: first, reload: false };
        }
        if self.reloading {
            self.hold(event);
            return Next::default();
        }
        self.take(event)
    }

    /// Delivers what is held, in order, whatever is missing.
    pub(super) fn flush(&mut self) -> Next {
        while !self.reloading {
            let Some((_, event)) = self.held.pop_first() else { break };
            let next = self.deliver_or_reload(&event);
            if next.reload {
                return next;
            }
        }
        Next::default()
    }

    /// The member list was read again: who is not in it hears no more of the room.
    pub(super) fn reloaded(
        &mut self,
        members: &[UserId],
        members_rev: u64,
    ) -> Vec<Arc<Connection>> {
        self.reloading = false;
        self.members_rev = self.members_rev.max(members_rev);
        let mut out = Vec::new();
        self.listeners.retain(|_, listener| {
            let stays = members.contains(&listener.connection.user);
            if !stays {
                out.push(listener.connection.clone());
            }
            stays
        });
        out
    }

    /// Hints that took no rev are not worth holding.
    fn hold(&mut self, event: &Arc<RoomEvent>) {
        if event.body.is_durable() && self.held.len() < limits::REORDER_EVENTS_MAX {
            self.held.insert(event.head.rev, event.clone());
        }
    }

    fn take(&mut self, event: &Arc<RoomEvent>) -> Next {
        let next = self.deliver_or_reload(event);
        if next.reload {
            return next;
        }
        // What waited for this one follows at once.
        while let Some(entry) = self.held.first_entry() {
            if *entry.key() > self.rev + 1 {
                break;
            }
            let event = entry.remove();
            let next = self.deliver_or_reload(&event);
            if next.reload {
                return next;
            }
        }
        Next::default()
    }

    fn deliver_or_reload(&mut self, event: &Arc<RoomEvent>) -> Next {
        let is_change = matches!(event.body, RoomEventBody::MembersChanged { .. });
        let knows = event.head.members_rev <= self.members_rev
            || (is_change && event.head.members_rev == event.head.rev);
        if !knows && !matches!(event.body, RoomEventBody::RoomDeleted) {
            // A removal was missed (contract line 12): nobody hears this before we know.
            self.reloading = true;
            self.hold(event);
            return Next { flush_later: false, reload: true };
        }
        self.deliver(event);
        Next::default()
    }

    fn deliver(&mut self, happened: &RoomEvent) {
        if happened.body.is_durable() {
            self.rev = self.rev.max(happened.head.rev);
        }
        if let RoomEventBody::MembersChanged { members, .. } = &happened.body {
            let out: Vec<&UserId> =
                members.iter().filter(|m| event::is_out(m)).map(|m| &m.user.id).collect();
            if !out.is_empty() {
                self.members_rev = self.members_rev.max(happened.head.members_rev);
                self.drop_users(happened, &out);
            }
        }
        if matches!(happened.body, RoomEventBody::RoomDeleted) {
            let frame = Bytes::from(event::left(happened, "deleted"));
            for (_, listener) in self.listeners.drain() {
                listener.connection.forget(&happened.room);
                listener.connection.outbox.push(frame.clone());
            }
            return;
        }
        self.fan_out(happened);
    }

    fn drop_users(&mut self, happened: &RoomEvent, out: &[&UserId]) {
        let full = event::full(happened).map(Bytes::from);
        let left = Bytes::from(event::left(happened, "removed"));
        self.listeners.retain(|_, listener| {
            let connection = &listener.connection;
            if !out.contains(&&connection.user) {
                return true;
            }
            if let Some(full) = full.as_ref().filter(|_| listener.open) {
                connection.outbox.push(full.clone());
            }
            connection.forget(&happened.room);
            connection.outbox.push(left.clone());
            false
        });
    }

    /// One encoding per event and form, shared by all who get it.
    fn fan_out(&self, happened: &RoomEvent) {
        let head_too = happened.body.is_durable() || matches!(happened.body, RoomEventBody::Beacon);
        let mut full: Option<Option<Bytes>> = None;
        let mut light: Option<Bytes> = None;
        for listener in self.listeners.values() {
            let open = listener.open || listener.connection.wants_all();
            let frame = if open {
                full.get_or_insert_with(|| event::full(happened).map(Bytes::from)).clone()
            } else {
                None
            };
            match frame {
                Some(frame) => listener.connection.outbox.push(frame),
                None if head_too => {
                    let frame = light.get_or_insert_with(|| Bytes::from(event::light(happened)));
                    listener.connection.outbox.push(frame.clone());
                }
                None => {}
            }
        }
    }
}
