//! The history checker: takes what every client did and saw, and says which line of the
//! delivery contract was broken. It knows nothing of the engine, the store or the simulation,
//! only of ids, numbers and answers, so any harness can feed it. Calls may come from many
//! observers; what is compared across them is `rev` and `seq`, never a clock.

mod own;
mod rest;
mod room;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use snug_core::ids::{MessageId, RoomId, UserId};
use snug_core::model::{Mentions, Message, MessageKind, Ruled, Time};

use own::OwnLog;
pub use rest::{Facts, RoomAtRest};
use room::RoomLog;

/// A broken promise. Line 0 is an answer that no line of the contract foresees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub line: u8,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the delivery contract: {}", self.line, self.what)
    }
}

/// A message as somebody saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub id: MessageId,
    pub seq: u64,
    /// Of no meaning where the message was changed and the sight is no ack.
    pub first_rev: u64,
    pub sender: Option<UserId>,
    /// Neither system nor silent, and no reply in a thread.
    pub counts: bool,
    /// Unsent or hidden.
    pub gone: bool,
    /// Whom it mentions.
    pub mentions: Mentions,
    /// Its words are not those that were sent.
    pub changed: bool,
    pub at: Time,
    /// Sender and payload in one text, to be compared only.
    pub body: String,
}

impl Seen {
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let Message { id, seq, first_rev, sender, kind, text, custom, silent, .. } = message;
        let extras = message.extras.as_deref();
        let custom = custom.as_ref().map(snug_core::model::CustomJson::as_str);
        let (by, text) = (sender.as_ref().map(UserId::as_str), text.as_deref());
        Self {
            id: id.clone(),
            seq: *seq,
            first_rev: *first_rev,
            sender: sender.clone(),
            counts: message.counts(),
            gone: message.is_gone(),
            mentions: extras.map(|extras| extras.mentions.clone()).unwrap_or_default(),
            changed: message.is_gone() || message.edited_at.is_some(),
            at: message.created_at,
            body: payload(by, *kind, text, custom, *silent),
        }
    }
}

/// Sender and payload as one text.
#[must_use]
pub fn payload(
    by: Option<&str>,
    kind: MessageKind,
    text: Option<&str>,
    custom: Option<&str>,
    silent: bool,
) -> String {
    format!("{by:?} {} {text:?} {custom:?} {silent}", kind.as_str())
}

/// An answered send.
#[derive(Debug)]
pub struct Ack<'a> {
    pub room: &'a RoomId,
    /// The page's user; `None` for a backend, which may send for anybody.
    pub page_of: Option<&'a UserId>,
    /// What `Checker::begin` gave before the request was sent.
    pub began: u64,
    /// What was asked to be stored, as `payload`.
    pub asked: &'a str,
    pub duplicate: bool,
    pub answer: Seen,
}

/// What is known so far, and what was broken.
#[derive(Debug, Default)]
pub struct Checker {
    violations: Vec<Violation>,
    /// Counts requests and answers, to tell before from after.
    moment: u64,
    rooms: BTreeMap<RoomId, RoomLog>,
    own: OwnLog,
    deactivated: BTreeMap<UserId, u64>,
    ended_tokens: BTreeSet<String>,
    /// Who heard of which rev, and whose message took which: judged when all moves are known.
    heard: BTreeMap<(RoomId, UserId, u64), String>,
    sent: BTreeSet<(RoomId, UserId, u64)>,
    directs: BTreeMap<(UserId, UserId, String), RoomId>,
}

impl Checker {
    /// What was broken, in the order in which it was seen.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// A request is about to be sent.
    pub fn begin(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// Something that no line foresees, such as an internal error.
    pub fn odd(&mut self, what: impl Into<String>) {
        self.broken(0, what);
    }

    fn broken(&mut self, line: u8, what: impl Into<String>) {
        self.violations.push(Violation { line, what: what.into() });
    }

    fn room(&mut self, room: &RoomId) -> &mut RoomLog {
        self.rooms.entry(room.clone()).or_default()
    }

    /// A send was answered: lines 2, 3 and 11.
    pub fn acked(&mut self, ack: &Ack<'_>) {
        let Ack { room, page_of, began, asked, duplicate, answer } = ack;
        let id = &answer.id;
        if !answer.changed && *asked != answer.body {
            self.broken(2, format!("{room}: {id} was acked for another payload: {asked}"));
        }
        if self.room(room).is_archived_at(answer.first_rev) {
            let rev = answer.first_rev;
            self.broken(11, format!("{room}: archived, and {id} stored at rev {rev}"));
        }
        if let Some(user) = page_of {
            let log = self.room(room);
            let inside = log.is_member_at(user, answer.first_rev);
            let frozen = log.is_frozen_at(answer.first_rev);
            let rev = answer.first_rev;
            if inside == Some(false) {
                self.broken(11, format!("{room}: {user} was removed and {id} stored at rev {rev}"));
            }
            if frozen {
                self.broken(11, format!("{room}: frozen, and {id} of {user} stored at rev {rev}"));
            }
            if self.room(room).closes(Ruled::Send, user, rev) {
                self.broken(
                    11,
                    format!("{room}: {user} may not send, and {id} stored at rev {rev}"),
                );
            }
            let out = self.deactivated.get(*user).is_some_and(|moment| began > moment);
            if out && !duplicate {
                self.broken(11, format!("{room}: {user} is deactivated and {id} was stored"));
            }
        }
        if let Some(user) = page_of {
            self.sent.insert(((*room).clone(), (*user).clone(), answer.first_rev));
        }
        self.room(room).sent_at.insert(id.clone(), answer.first_rev);
        let first = *self.room(room).acked.entry(id.clone()).or_insert(answer.seq);
        if first != answer.seq {
            let seq = answer.seq;
            self.broken(2, format!("{room}: {id} was acked with seq {first}, then with {seq}"));
        }
        self.saw("an ack", room, answer);
    }

    /// A send was answered with another message: line 2.
    pub fn answered_for(&mut self, room: &RoomId, id: &str, answer: &MessageId) {
        if answer.as_str() != id {
            self.broken(2, format!("{room}: the answer to {id} is the message {answer}"));
        }
    }

    /// Somebody saw a message: one id, one seq, one payload for all.
    pub fn saw(&mut self, who: &str, room: &RoomId, seen: &Seen) {
        if self.own.is_said(&seen.id) {
            let id = &seen.id;
            self.broken(0, format!("{room}: {id} was said to be kept nowhere, and {who} sees it"));
        }
        let broken = self.room(room).saw(seen);
        for what in broken {
            self.broken(3, format!("{room}, seen by {who}: {what}"));
        }
    }

    /// Somebody was given a page, ascending: the order is everybody's.
    pub fn saw_page(&mut self, who: &str, room: &RoomId, page: &[Seen]) {
        for seen in page {
            self.saw(who, room, seen);
        }
        for pair in page.windows(2) {
            let [a, b] = pair else { continue };
            let log = self.room(room);
            let order = log.order_of(&a.id).cmp(&log.order_of(&b.id));
            let (a, b) = (&a.id, &b.id);
            if order.is_ge() {
                self.broken(3, format!("{room}: {who} was shown {a} before {b}, others not"));
            }
        }
    }

    /// A durable change was announced by the node that committed it: line 4.
    pub fn committed(&mut self, room: &RoomId, rev: u64) {
        if !self.room(room).revs.insert(rev) {
            self.broken(4, format!("{room}: rev {rev} was given twice"));
        }
    }

    /// A rev is accounted for by something that may be told more than once.
    pub fn accounted(&mut self, room: &RoomId, rev: u64) {
        self.room(room).revs.insert(rev);
    }

    /// A change that may have taken a rev was asked for, and its answer was lost: nobody can tell
    /// which rev it took.
    pub fn unsure(&mut self, room: &RoomId) {
        self.room(room).unsure += 1;
    }

    /// A user became a member or stopped being one, by an acknowledged change of this rev.
    pub fn member(&mut self, room: &RoomId, user: &UserId, rev: u64, active: bool) {
        self.room(room).member(user, rev, active);
    }

    /// The room was deleted for everybody by an acknowledged change of this rev.
    pub fn deleted(&mut self, room: &RoomId, rev: u64) {
        self.room(room).end(rev);
    }

    /// From this rev on the room is frozen, or not any more.
    pub fn frozen(&mut self, room: &RoomId, rev: u64, frozen: bool) {
        self.room(room).frozen.insert(rev, frozen);
    }

    /// From this rev on the room is archived, or not any more.
    pub fn archived(&mut self, room: &RoomId, rev: u64, archived: bool) {
        self.room(room).archived.insert(rev, archived);
    }

    /// An event with a room's rev reached a user's connection: line 12.
    pub fn delivered(&mut self, user: &UserId, room: &RoomId, rev: u64) {
        if let Some(removal) = self.room(room).removed_below(user, rev) {
            let what = format!("{user} was removed at rev {removal} and heard of rev {rev}");
            self.broken(12, format!("{room}: {what}"));
        }
    }

    /// As `delivered`, where others may not have been told yet who moved when.
    pub fn heard(&mut self, user: &UserId, room: &RoomId, rev: u64, event: &str) {
        self.heard.insert((room.clone(), user.clone(), rev), event.to_owned());
    }

    /// All moves of members are known: who was out at a rev neither heard of it nor spoke.
    pub fn all_moves_known(&mut self) {
        for ((room, user, rev), event) in std::mem::take(&mut self.heard) {
            if let Some(removal) = self.room(&room).out_since(&user, rev) {
                let told = format!("was told {event} of rev {rev}");
                let what = format!("{user} was removed at rev {removal} and {told}");
                self.broken(12, format!("{room}: {what}"));
            }
        }
        for (room, user, rev) in std::mem::take(&mut self.sent) {
            if let Some(removal) = self.room(&room).out_since(&user, rev) {
                let what = format!("{user} was removed at rev {removal} and stored at rev {rev}");
                self.broken(11, format!("{room}: {what}"));
            }
        }
    }

    /// A user's own read cursor as a later answer showed it: line 9.
    pub fn cursor(&mut self, room: &RoomId, user: &UserId, seq: u64) {
        let known = self.room(room).cursors.entry(user.clone()).or_insert(0);
        let before = *known;
        *known = before.max(seq);
        if seq < before {
            self.broken(9, format!("{room}: the cursor of {user} went from {before} to {seq}"));
        }
    }

    /// A deactivation was acknowledged.
    pub fn deactivated(&mut self, user: &UserId) {
        self.moment += 1;
        self.deactivated.insert(user.clone(), self.moment);
    }

    pub fn reactivated(&mut self, user: &UserId) {
        self.deactivated.remove(user);
    }

    /// What ended a token was acknowledged: logout, revoke, replacement, refresh, deactivation.
    pub fn token_ended(&mut self, token: &str) {
        self.ended_tokens.insert(token.to_owned());
    }

    /// A door took a token, in a request that began after everything said before: line 12.
    pub fn token_taken(&mut self, token: &str, expired: bool) {
        if self.ended_tokens.contains(token) {
            self.broken(12, "a token was taken after the answer that ended it".to_owned());
        }
        if expired {
            self.broken(12, "a token was taken after its end".to_owned());
        }
    }

    /// A direct room was answered for a pair, in any order, and a context: line 14.
    pub fn direct(&mut self, a: &UserId, b: &UserId, context: &str, room: &RoomId) {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let key = (low.clone(), high.clone(), context.to_owned());
        let first = self.directs.entry(key).or_insert_with(|| room.clone()).clone();
        if first != *room {
            self.broken(14, format!("{a} and {b} have the rooms {first} and {room}"));
        }
    }
}
