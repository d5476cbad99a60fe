//! One room as this node sees it: who listens here, how far events were delivered, and which
//! wait for a missing one or for a member list that is being reloaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::{HashMap, HashSet};
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
    /// The room's rev at which the user is known to have been a member.
    sure_at: u64,
}

/// What the hub has to do after an event was offered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Next {
    /// Flush what is held after the reorder time.
    pub(super) flush_later: bool,
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
    listeners: HashMap<u64, Listener>,
    /// Rev of the newest durable event that was delivered here; 0 is not known.
    rev: u64,
    /// Rev of the last removal that this node's listeners reflect.
    members_rev: u64,
    held: BTreeMap<u64, Arc<RoomEvent>>,
    reloading: bool,
}

impl LocalRoom {
    /// Adds a listener whose user was a member when the room stood at `rev`. Says whether this
    /// node knows of a later removal, so that the members must be reloaded: until then nobody
    /// hears the room, since this user may be the one removed (contract line 12).
    pub(super) fn add(&mut self, connection: &Arc<Connection>, rev: u64, members_rev: u64) -> bool {
        if self.listeners.is_empty() {
            self.rev = rev;
            self.members_rev = members_rev;
        }
        let fresh = || Listener { connection: connection.clone(), open: false, sure_at: rev };
        let listener = self.listeners.entry(connection.id).or_insert_with(fresh);
        listener.sure_at = listener.sure_at.max(rev);
        let stale = listener.sure_at < self.members_rev;
        let begins = stale && !self.reloading;
        self.reloading |= stale;
        begins
    }

    pub(super) fn remove(&mut self, connection: u64) -> bool {
        self.listeners.remove(&connection).is_some()
    }

    /// The newest durable rev that was delivered here.
    pub(super) fn rev(&self) -> u64 {
        self.rev
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

    /// The members among `asked` were read again, after the last removal had been read as
    /// `members_rev`; who is not among them hears no more of the room. Who is known to have
    /// been a member later than that stays: if they are out now, their removal is still to come.
    pub(super) fn reloaded(
        &mut self,
        asked: &[UserId],
        members: &[UserId],
        members_rev: u64,
    ) -> Reloaded {
        // Nobody asked for a reload of a living room without a removal.
        let deleted = members.is_empty() && members_rev == 0;
        self.members_rev = self.members_rev.max(members_rev);
        let mut out = Vec::new();
        self.listeners.retain(|_, listener| {
            let user = &listener.connection.user;
            let newer = !deleted && listener.sure_at >= members_rev;
            if newer || !asked.contains(user) {
                return true;
            }
            if members.contains(user) {
                listener.sure_at = members_rev;
                return true;
            }
            out.push(listener.connection.clone());
            false
        });
        let unsure = |listener: &Listener| deleted || listener.sure_at < self.members_rev;
        let again = self.listeners.values().any(unsure);
        self.reloading = again;
        Reloaded { out, deleted, again }
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
                self.drop_users(happened, &out);
                self.members_rev = self.members_rev.max(happened.head.members_rev);
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
        let rev = happened.head.rev;
        self.listeners.retain(|_, listener| {
            // Known as a member of a later moment: this is late news of an earlier removal.
            let newer = listener.sure_at >= rev;
            let connection = &listener.connection;
            if newer || !out.contains(&&connection.user) {
                listener.sure_at = listener.sure_at.max(rev);
                return true;
            }
            if let Some(full) = &full {
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
        // Those who were added or changed are told themselves, whatever they have open.
        let named: HashSet<&UserId> = match &happened.body {
            RoomEventBody::MembersChanged { members, .. } => {
                members.iter().map(|member| &member.user.id).collect()
            }
            _ => HashSet::new(),
        };
        let mut full: Option<Option<Bytes>> = None;
        let mut light: Option<Bytes> = None;
        for listener in self.listeners.values() {
            let connection = &listener.connection;
            let open = listener.open || connection.wants_all() || named.contains(&connection.user);
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

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use serde_json::Value;
    use snug_core::ids::{AppId, RoomId, SessionId};
    use snug_core::model::{
        Head, Member, MemberState, Message, MessageKind, Role, Room, RoomKind, Time, User,
    };

    use super::super::hub::{Hub, HubParts};
    use super::*;
    use crate::metrics::Metrics;
    use crate::tasks::Tasks;

    fn app() -> AppId {
        AppId::from_stored("app_00000000000000000000")
    }

    fn room_id() -> RoomId {
        RoomId::new("room").unwrap()
    }

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    fn connection(name: &str) -> Arc<Connection> {
        // One hub, so that every connection has a number of its own.
        static HUB: LazyLock<Arc<Hub>> = LazyLock::new(|| {
            let metrics = Arc::new(Metrics::default());
            Hub::new(HubParts { tasks: Tasks::default(), metrics })
        });
        HUB.attach(&app(), &user(name), &SessionId::from_stored(&format!("ses_{name}")))
    }

    /// A room at rev 10 whose last removal was at rev 3, and a connection of each user's.
    fn room(names: &[&str]) -> (LocalRoom, Vec<Arc<Connection>>) {
        let mut room = LocalRoom::default();
        let connections: Vec<_> = names.iter().map(|name| connection(name)).collect();
        for connection in &connections {
            assert!(!room.add(connection, 10, 3));
        }
        (room, connections)
    }

    fn event(rev: u64, members_rev: u64, body: RoomEventBody) -> Arc<RoomEvent> {
        let head =
            Head { seq: rev, rev, members_rev, count: rev, activity_at: Time(0), preview: None };
        Arc::new(RoomEvent { app: app(), room: room_id(), head, body })
    }

    fn message(rev: u64, members_rev: u64) -> Arc<RoomEvent> {
        let message = Message {
            id: snug_core::ids::MessageId::new(&format!("m{rev}")).unwrap(),
            room: room_id(),
            seq: rev,
            rev,
            first_rev: rev,
            sender: None,
            kind: MessageKind::Text,
            text: Some("hi".to_owned()),
            custom: None,
            silent: false,
            count: rev,
            created_at: Time(0),
            deleted_at: None,
        };
        event(rev, members_rev, RoomEventBody::MessageAppended { message })
    }

    fn members(rev: u64, members_rev: u64, name: &str, state: MemberState) -> Arc<RoomEvent> {
        let id = user(name);
        let user = User {
            id,
            name: None,
            avatar: None,
            locale: None,
            custom: None,
            session_custom: None,
            deactivated_at: None,
            created_at: Time(0),
            changed_at: Time(0),
        };
        let (role, joined_at) = (Role::Member, Time(0));
        let members = vec![Member { user, role, state, joined_at, read_seq: 0, rev }];
        let head = message(rev, members_rev).head.clone();
        let room = Arc::new(Room {
            id: room_id(),
            kind: RoomKind::Group,
            direct: None,
            name: None,
            avatar: None,
            description: None,
            custom: None,
            creator: None,
            frozen: false,
            created_at: Time(0),
            changed_at: Time(0),
            deleted_at: None,
            epoch: "e".to_owned(),
            min_seq: 0,
            min_rev: 0,
            policy_rev: 1,
            member_count: 2,
            head,
        });
        event(rev, members_rev, RoomEventBody::MembersChanged { members, room })
    }

    fn removal(rev: u64, name: &str) -> Arc<RoomEvent> {
        members(rev, rev, name, MemberState::Left)
    }

    /// What waits for a connection: event and rev.
    fn heard(connection: &Connection) -> Vec<(String, u64)> {
        std::iter::from_fn(|| connection.outbox.take())
            .map(|frame| {
                let frame: Value = serde_json::from_slice(&frame).unwrap();
                let rev = frame["data"]["rev"].as_u64().unwrap_or(0);
                (frame["event"].as_str().unwrap().to_owned(), rev)
            })
            .collect()
    }

    fn heads(revs: &[u64]) -> Vec<(String, u64)> {
        revs.iter().map(|rev| ("room.head".to_owned(), *rev)).collect()
    }

    const RELOAD: Next = Next { flush_later: false, reload: true };
    const LATER: Next = Next { flush_later: true, reload: false };

    #[test]
    fn events_out_of_order_are_heard_in_order() {
        let (mut room, c) = room(&["anna"]);
        assert_eq!(room.offer(&message(13, 3)), LATER);
        assert_eq!(room.offer(&message(12, 3)), Next::default());
        assert_eq!(heard(&c[0]), []);
        assert_eq!(room.offer(&message(11, 3)), Next::default());
        assert_eq!(heard(&c[0]), heads(&[11, 12, 13]));
        assert!(room.held.is_empty());
    }

    #[test]
    fn what_is_lost_is_not_waited_for_beyond_the_flush() {
        let (mut room, c) = room(&["anna"]);
        assert_eq!(room.offer(&message(14, 3)), LATER);
        assert_eq!(room.offer(&message(12, 3)), Next::default());
        assert_eq!(room.flush(), Next::default());
        assert_eq!(heard(&c[0]), heads(&[12, 14]));
        assert_eq!(room.offer(&message(15, 3)), Next::default());
        assert_eq!(heard(&c[0]), heads(&[15]));
    }

    #[test]
    fn what_waits_is_bounded() {
        let (mut room, c) = room(&["anna"]);
        let most = u64::try_from(limits::REORDER_EVENTS_MAX).unwrap();
        for rev in 0..most {
            room.offer(&message(20 + rev, 3));
        }
        assert!(room.held.is_empty());
        assert_eq!(heard(&c[0]).len(), limits::REORDER_EVENTS_MAX);
        room.offer(&message(500, 400));
        room.flush();
        assert!(room.reloading);
        for rev in 0..2 * most {
            room.offer(&message(600 + rev, 400));
        }
        assert_eq!(room.held.len(), limits::REORDER_EVENTS_MAX);
        assert_eq!(heard(&c[0]), []);
    }

    #[test]
    fn a_doubled_event_does_no_harm() {
        let (mut room, c) = room(&["anna"]);
        for event in [message(11, 3), message(11, 3), message(12, 3), message(11, 3)] {
            assert_eq!(room.offer(&event), Next::default());
        }
        assert_eq!(heard(&c[0]), heads(&[11, 11, 12, 11]));
        assert_eq!(room.rev, 12);
    }

    #[test]
    fn open_rooms_hear_events_and_the_others_heads() {
        let (mut room, c) = room(&["anna", "bert", "cleo"]);
        assert!(room.set_open(c[0].id, true));
        c[1].set_all(true);
        room.offer(&message(11, 3));
        let typing = RoomEventBody::Typing { user: user("anna"), on: true };
        room.offer(&event(11, 3, typing));
        room.offer(&event(11, 3, RoomEventBody::Read { user: user("anna"), seq: 1 }));
        room.offer(&event(11, 3, RoomEventBody::Beacon));
        let of = |name: &str| (name.to_owned(), 11);
        let all = ["message.new", "typing", "read", "room.head"];
        for connection in &c[..2] {
            let names: Vec<_> = heard(connection).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, all);
        }
        assert_eq!(heard(&c[2]), [of("room.head"), of("room.head")]);
        room.set_open(c[0].id, false);
        room.offer(&message(12, 3));
        assert_eq!(heard(&c[0]), heads(&[12]));
    }

    #[test]
    fn the_removed_hear_of_it_and_nothing_more() {
        let (mut room, c) = room(&["anna", "bert"]);
        assert_eq!(room.offer(&removal(11, "bert")), Next::default());
        room.offer(&message(12, 11));
        assert_eq!(heard(&c[1]), [("members.changed".into(), 11), ("room.left".into(), 11)]);
        assert_eq!(heard(&c[0]), heads(&[11, 12]));
    }

    #[test]
    fn the_added_are_told_of_themselves() {
        let (mut room, c) = room(&["anna", "bert"]);
        room.offer(&members(11, 3, "bert", MemberState::Active));
        assert_eq!(heard(&c[0]), heads(&[11]));
        assert_eq!(heard(&c[1]), [("members.changed".into(), 11)]);
    }

    #[test]
    fn nobody_hears_an_event_behind_a_removal_that_was_missed() {
        let (mut room, c) = room(&["anna", "bert"]);
        // The event of bert's removal at 11 was lost.
        assert_eq!(room.offer(&message(12, 11)), LATER);
        assert_eq!(room.flush(), RELOAD);
        assert_eq!(room.offer(&message(13, 11)), Next::default());
        assert_eq!((heard(&c[0]), heard(&c[1])), (vec![], vec![]));
        let asked = room.users();
        let reloaded = room.reloaded(&asked, &[user("anna")], 11);
        assert_eq!(reloaded.out.iter().map(|c| c.user.as_str()).collect::<Vec<_>>(), ["bert"]);
        assert!(!reloaded.again && !reloaded.deleted);
        assert_eq!(room.flush(), Next::default());
        assert_eq!((heard(&c[0]), heard(&c[1])), (heads(&[12, 13]), vec![]));
    }

    #[test]
    fn a_removal_does_not_hide_one_that_was_missed() {
        let (mut room, c) = room(&["anna", "bert", "cleo"]);
        // The event of bert's removal at 11 was lost; cleo's at 12 came.
        assert_eq!(room.offer(&removal(12, "cleo")), LATER);
        assert_eq!(room.flush(), RELOAD);
        let asked = room.users();
        let reloaded = room.reloaded(&asked, &[user("anna")], 12);
        assert_eq!(reloaded.out.len(), 2);
        room.flush();
        room.offer(&message(13, 12));
        assert_eq!(heard(&c[0]), heads(&[12, 13]));
        assert_eq!((heard(&c[1]), heard(&c[2])), (vec![], vec![]));
    }

    #[test]
    fn who_came_while_members_were_read_again_stays_and_is_asked_about() {
        let (mut room, c) = room(&["anna"]);
        room.offer(&message(12, 11));
        assert_eq!(room.flush(), RELOAD);
        let asked = room.users();
        // Joined after the list was read, and one whose membership was read before the removal.
        let (late, early) = (connection("late"), connection("early"));
        assert!(!room.add(&late, 12, 11));
        assert!(!room.add(&early, 10, 3));
        let reloaded = room.reloaded(&asked, &[user("anna")], 11);
        assert!(reloaded.out.is_empty() && reloaded.again);
        assert_eq!(room.offer(&message(13, 11)), Next::default());
        room.flush();
        assert_eq!((heard(&c[0]), heard(&late), heard(&early)), (vec![], vec![], vec![]));
        let asked = room.users();
        let reloaded = room.reloaded(&asked, &[user("anna"), user("late")], 11);
        assert_eq!(reloaded.out.len(), 1);
        assert!(!reloaded.again);
        room.flush();
        assert_eq!((heard(&late), heard(&early)), (heads(&[12, 13]), vec![]));
    }

    #[test]
    fn an_older_membership_is_asked_about_before_the_room_is_heard() {
        let (mut room, c) = room(&["anna", "bert"]);
        room.offer(&removal(11, "bert"));
        heard(&c[1]);
        // Bert's new connection read its rooms before the removal.
        let again = connection("bert");
        assert!(room.add(&again, 10, 3));
        room.offer(&message(12, 11));
        assert_eq!(heard(&again), []);
        let asked = room.users();
        assert_eq!(room.reloaded(&asked, &[user("anna")], 11).out.len(), 1);
        room.flush();
        assert_eq!((heard(&again), heard(&c[0])), (vec![], heads(&[11, 12])));
    }

    #[test]
    fn late_news_of_a_removal_does_not_remove_who_is_back() {
        let (mut room, c) = room(&["anna", "bert"]);
        // Removed at 11 and added at 12 by two requests; the addition's news came first.
        assert!(!room.add(&c[1], 12, 11));
        assert_eq!(room.offer(&removal(11, "bert")), Next::default());
        room.offer(&members(12, 11, "bert", MemberState::Active));
        room.offer(&message(13, 11));
        assert!(heard(&c[1]).contains(&("room.head".into(), 13)));
        // And once more, long after.
        room.offer(&removal(11, "bert"));
        assert!(room.has(c[1].id));
    }

    #[test]
    fn a_deleted_room_is_lost_to_all() {
        let (mut room, c) = room(&["anna", "bert"]);
        room.offer(&event(11, 11, RoomEventBody::RoomDeleted));
        assert!(room.is_empty());
        assert_eq!(heard(&c[0]), [("room.left".into(), 11)]);
        let (mut room, _) = self::room(&["anna", "bert"]);
        room.offer(&event(10, 7, RoomEventBody::Beacon));
        assert!(room.reloading);
        let asked = room.users();
        let reloaded = room.reloaded(&asked, &[], 0);
        assert!(reloaded.deleted && reloaded.out.len() == 2 && !reloaded.again);
    }
}
