//! A page as the protocol asks it to be: its own state per room by rev, gaps noticed, and an
//! outbox whose sends keep their ids until they are answered.

use std::collections::{BTreeMap, BTreeSet};

use snug_core::engine::{Client, SendMessage};
use snug_core::event::{Event, RoomEvent, RoomEventBody, UserEvent, UserEventBody};
use snug_core::ids::{DeviceId, MessageId, RoomId, UserId};
use snug_core::model::{
    Head, Mark, Member, MemberState, Membership, Message, Role, Room, ThreadSummary, Time,
};

use snug_verify::checker::{Facts, Seen};

/// Another member as this client knows it.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) state: MemberState,
    pub(crate) role: Role,
    pub(crate) rev: u64,
}

fn itself(room: &Room) -> String {
    let Room { name, custom, tags, frozen, archived, policy, .. } = room;
    format!("{name:?} {custom:?} {tags:?} {frozen} {archived} {policy:?} {}", room.head.room_rev)
}

/// One room as this client knows it.
#[derive(Debug, Clone)]
pub(crate) struct RoomState {
    pub(crate) epoch: String,
    /// Everything up to here is known.
    pub(crate) rev: u64,
    /// Where the last load or sync ended. Others' cursors have no rev of their own, so one that
    /// was missed is found only from here.
    pub(crate) synced: u64,
    pub(crate) min_seq: u64,
    pub(crate) head_seq: u64,
    pub(crate) count: u64,
    pub(crate) creator: Option<UserId>,
    /// Name, tags and all else that a change of the room itself changes.
    itself: String,
    pub(crate) messages: BTreeMap<u64, Message>,
    pub(crate) seats: BTreeMap<UserId, Seat>,
    reads: BTreeMap<UserId, u64>,
    pub(crate) mine: Membership,
    /// The own marks, by the seq of their messages.
    marks: BTreeMap<u64, Mark>,
    /// All marks up to this one are known.
    pub(crate) marks_rev: u64,
}

/// What a client has to ask after it heard something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    Sync(RoomId),
    Load(RoomId),
    /// Its session ended.
    Stop,
}

/// A send that was not answered yet.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) room: RoomId,
    pub(crate) send: SendMessage,
}

/// One device of one user.
pub(crate) struct SimClient {
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    pub(crate) node: usize,
    /// Gets every event whole; else light heads, as for rooms that are not open.
    pub(crate) whole: bool,
    pub(crate) token: Option<usize>,
    /// Set while connected.
    pub(crate) connection: Option<Client>,
    pub(crate) cursor: Option<String>,
    pub(crate) rooms: BTreeMap<RoomId, RoomState>,
    /// Invitations: the rev of the newest word of one, and whether it is open.
    pub(crate) invitations: BTreeMap<RoomId, (u64, bool)>,
    pub(crate) outbox: Vec<Pending>,
    pub(crate) acked: Vec<Pending>,
}

impl RoomState {
    pub(crate) fn new(room: &Room, mine: Membership) -> Self {
        Self {
            epoch: room.epoch.clone(),
            rev: room.head.rev,
            synced: room.head.rev,
            min_seq: room.min_seq,
            head_seq: room.head.seq,
            count: room.head.count,
            creator: room.creator.clone(),
            itself: itself(room),
            messages: BTreeMap::new(),
            seats: BTreeMap::new(),
            reads: BTreeMap::new(),
            marks: BTreeMap::new(),
            marks_rev: mine.marks.rev,
            mine,
        }
    }

    pub(crate) fn take_room(&mut self, room: &Room) {
        self.itself = itself(room);
        self.min_seq = room.min_seq;
        self.take_head(&room.head);
    }

    fn take_head(&mut self, head: &Head) {
        self.head_seq = self.head_seq.max(head.seq);
        self.count = self.count.max(head.count);
    }

    /// A message from the room's history or a sync, which has the own mark with it.
    pub(crate) fn take_own(&mut self, message: &Message) {
        if let Some(mark) = message.own {
            self.take_mark(message.seq, mark);
        }
        self.take_message(message);
    }

    /// An own mark, if it is the newest of its message; one without a rev says that there is none.
    pub(crate) fn take_mark(&mut self, seq: u64, mark: Mark) {
        let known = self.marks.get(&seq).map_or(0, |known| known.rev);
        if mark.rev > known {
            self.marks.insert(seq, mark);
        }
        if mark.rev == self.marks_rev + 1 {
            self.marks_rev = mark.rev;
        }
    }

    /// Whether the user has marked something of which this device has not heard.
    pub(crate) fn misses_marks(&self) -> bool {
        self.mine.marks.rev > self.marks_rev
    }

    /// A message as this device shows it: events say nothing of own marks.
    fn shown(&self, message: &Message) -> Message {
        match self.marks.get(&message.seq) {
            Some(mark) => message.clone().marked(*mark),
            None => message.clone(),
        }
    }

    /// Messages that have a star and are there, with when each was starred.
    pub(crate) fn starred(&self) -> Vec<(Time, MessageId)> {
        let shown = self.messages.values().map(|message| self.shown(message));
        let there = shown.filter(|message| !message.is_gone());
        let starred = there.filter_map(|message| {
            let at = message.own.and_then(|mark| mark.starred_at)?;
            Some((at, message.id))
        });
        starred.collect()
    }

    pub(crate) fn take_message(&mut self, message: &Message) {
        let newer = self.messages.get(&message.seq).is_none_or(|known| known.rev < message.rev);
        if newer && message.seq >= self.min_seq {
            let mut message = message.clone();
            let known = self.messages.get_mut(&message.seq);
            let known = known.and_then(|known| known.thread_summary.take());
            take_newer(&mut message.thread_summary, known);
            self.messages.insert(message.seq, message);
        }
        // The root does not come again; a reply tells how its thread stands.
        if let Some(place) = &message.thread
            && let Some(root) = self.messages.get_mut(&place.seq)
        {
            take_newer(&mut root.thread_summary, message.thread_summary.clone());
        }
    }

    pub(crate) fn take_member(&mut self, member: &Member) {
        let id = &member.user.id;
        if self.seats.get(id).is_none_or(|known| known.rev <= member.rev) {
            let seat = Seat { state: member.state, role: member.role, rev: member.rev };
            self.seats.insert(id.clone(), seat);
        }
        self.take_read(id, member.read_seq);
    }

    pub(crate) fn take_read(&mut self, user: &UserId, seq: u64) {
        let known = self.reads.entry(user.clone()).or_insert(0);
        *known = seq.max(*known);
    }

    /// The newer of two standings: all these numbers only grow. Own settings have a rev of theirs.
    pub(crate) fn take_mine(&mut self, mine: &Membership) {
        let known = &self.mine;
        let own = if mine.own.rev >= known.own.rev { mine.own.clone() } else { known.own.clone() };
        let age = |m: &Membership| (m.rev, m.read_seq + m.own_count + m.marks.rev);
        if age(mine) >= age(known) {
            self.mine = mine.clone();
        }
        self.mine.own = own;
    }

    /// Whether a list shows the room to this user at all.
    pub(crate) fn is_listed(&self, user: &UserId) -> bool {
        self.head_seq >= self.min_seq || self.creator.as_ref() == Some(user)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.messages.values().map(|message| Seen::of(&self.shown(message))).collect()
    }

    pub(crate) fn unread(&self) -> u64 {
        self.mine.unread(self.count)
    }

    pub(crate) fn facts(&self) -> Facts {
        let mut facts = Facts::new();
        let mut say = |name: String, value: String| facts.insert(name, value);
        say("epoch".into(), self.epoch.clone());
        say("rev".into(), self.rev.to_string());
        say("min_seq".into(), self.min_seq.to_string());
        say("head".into(), format!("{} {}", self.head_seq, self.count));
        say("room".into(), self.itself.clone());
        let m = &self.mine;
        let unread = self.unread();
        say("own".into(), format!("{:?} {}", m.own, m.own.is_hidden(self.count)));
        say("mine".into(), format!("{:?} {} {} {unread}", m.role, m.read_seq, m.own_count));
        for (seq, mark) in self.marks.range(self.min_seq..) {
            say(format!("mark {seq}"), format!("{mark:?}"));
        }
        for (seq, message) in &self.messages {
            let message = &self.shown(message);
            let (body, rev) = (Seen::of(message).body, message.rev);
            let more = (
                &message.extras,
                &message.reactions,
                message.deleted_at.is_some(),
                message.pinned_at,
                &message.thread,
                message.thread_summary.as_ref().filter(|_| message.thread.is_none()),
            );
            say(format!("message {seq}"), format!("{rev} {body} {more:?}"));
        }
        for (user, seat) in &self.seats {
            if seat.state == MemberState::Active {
                say(format!("member {user}"), format!("{:?} {}", seat.role, seat.rev));
                let read = self.reads.get(user).copied().unwrap_or(0);
                say(format!("read {user}"), read.to_string());
            } else if seat.state == MemberState::Invited {
                say(format!("invited {user}"), format!("{:?} {}", seat.role, seat.rev));
            }
        }
        facts
    }

    /// What an event with the next rev changes.
    fn take_event(&mut self, event: &RoomEvent) {
        self.rev = event.head.rev;
        self.take_head(&event.head);
        match &event.body {
            RoomEventBody::MessageAppended { message }
            | RoomEventBody::MessageChanged { message } => self.take_message(message),
            RoomEventBody::RoomUpdated { room } => self.take_room(room),
            RoomEventBody::MembersChanged { members, .. } => {
                for member in members {
                    self.take_member(member);
                }
            }
            RoomEventBody::RoomDeleted
            | RoomEventBody::Read { .. }
            | RoomEventBody::Delivered { .. }
            | RoomEventBody::Typing { .. }
            | RoomEventBody::Ephemeral { .. }
            | RoomEventBody::Beacon => {}
        }
    }
}

impl SimClient {
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.user, self.device)
    }

    /// Takes an event from the socket.
    pub(crate) fn hear(&mut self, event: &Event) -> Need {
        match event {
            Event::Room(event) => self.hear_room(event),
            Event::User(event) => self.hear_user(event),
            Event::Presence(_) => Need::Nothing,
        }
    }

    fn hear_room(&mut self, event: &RoomEvent) -> Need {
        let Some(state) = self.rooms.get_mut(&event.room) else {
            return Need::Nothing;
        };
        if let RoomEventBody::Read { user, seq } = &event.body
            && self.whole
        {
            state.take_read(user, *seq);
        }
        let rev = event.head.rev;
        // What is known up to a rev is whole: an older event says nothing new.
        if rev <= state.rev {
            return Need::Nothing;
        }
        let out = match &event.body {
            RoomEventBody::RoomDeleted => true,
            RoomEventBody::MembersChanged { members, .. } => {
                let is_me = |m: &&Member| m.user.id == self.user;
                members.iter().filter(is_me).any(|m| m.state != MemberState::Active)
            }
            _ => false,
        };
        if out {
            self.rooms.remove(&event.room);
            return Need::Nothing;
        }
        if self.whole && event.body.is_durable() && rev == state.rev + 1 {
            state.take_event(event);
            return Need::Nothing;
        }
        Need::Sync(event.room.clone())
    }

    fn hear_user(&mut self, event: &UserEvent) -> Need {
        match &event.body {
            UserEventBody::Mine { room, mine, mark, .. } => {
                let Some(state) = self.rooms.get_mut(room) else { return Need::Nothing };
                state.take_mine(mine);
                if let Some(marked) = mark {
                    state.take_mark(marked.seq, marked.mark);
                }
                if state.misses_marks() { Need::Sync(room.clone()) } else { Need::Nothing }
            }
            UserEventBody::Joined { room, mine, .. } => {
                self.take_place(&room.id, mine.rev, false);
                let Some(state) = self.rooms.get_mut(&room.id) else {
                    return Need::Load(room.id.clone());
                };
                let behind = room.head.rev > state.rev;
                state.take_mine(mine);
                if behind { Need::Sync(room.id.clone()) } else { Need::Nothing }
            }
            UserEventBody::Invited { room, mine } => {
                if self.take_place(&room.id, mine.rev, true) {
                    // Who is invited was out, and this device missed it.
                    self.rooms.retain(|id, state| *id != room.id || state.mine.rev > mine.rev);
                }
                Need::Nothing
            }
            UserEventBody::Uninvited { room, rev } => {
                self.take_place(room, *rev, false);
                Need::Nothing
            }
            UserEventBody::SessionsClosed { sessions, .. } => {
                let mine = self.connection.as_ref().map(Client::session_id);
                let ended = mine.is_some_and(|id| sessions.contains(id));
                if ended { Need::Stop } else { Need::Nothing }
            }
            // The simulated bus loses no news of closed sessions, and nobody watches. What is
            // scheduled is listed at rest.
            UserEventBody::SessionsDoubted { .. }
            | UserEventBody::PresenceAsked
            | UserEventBody::Invisible { .. }
            | UserEventBody::Scheduled { .. }
            | UserEventBody::Unscheduled { .. } => Need::Nothing,
        }
    }

    /// How the user stands to a room as somebody who may be invited, and is no member; the newest
    /// word holds. Says whether this is the newest.
    pub(crate) fn take_place(&mut self, room: &RoomId, rev: u64, invited: bool) -> bool {
        let known = self.invitations.entry(room.clone()).or_insert((0, false));
        let newest = rev > known.0 || (rev == known.0 && !invited);
        if newest {
            *known = (rev, invited);
        }
        newest
    }

    /// Rooms to which this device knows the user to be invited.
    pub(crate) fn invited(&self) -> Vec<RoomId> {
        let open = self.invitations.iter().filter(|(_, (_, open))| *open);
        open.map(|(room, _)| room.clone()).collect()
    }

    pub(crate) fn known_rooms(&self) -> BTreeSet<RoomId> {
        self.rooms.keys().cloned().collect()
    }
}

/// Of two views of a thread the newer one.
fn take_newer(known: &mut Option<Box<ThreadSummary>>, news: Option<Box<ThreadSummary>>) {
    let rev = |summary: &Option<Box<ThreadSummary>>| summary.as_ref().map_or(0, |one| one.rev);
    if rev(&news) > rev(known) {
        *known = news;
    }
}
