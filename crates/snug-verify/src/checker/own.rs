//! What is one user's own: marks on messages, cursors of threads, messages that wait for their time;
//! and words that are kept nowhere.

use std::collections::{BTreeMap, BTreeSet};

use snug_core::ids::{MessageId, RoomId, UserId};
use snug_core::model::{Head, Mark, MarkedMessage, Message, Time};

use super::{Checker, Seen};

/// What was answered to users about what is theirs alone.
#[derive(Debug, Default)]
pub(super) struct OwnLog {
    /// Each with the seq of its message.
    marks: BTreeMap<(UserId, RoomId, MessageId), (u64, Mark)>,
    said: BTreeSet<MessageId>,
    plans: BTreeMap<MessageId, Plan>,
}

#[derive(Debug)]
struct Plan {
    /// No user: the backend's.
    owner: Option<UserId>,
    at: Time,
    state: PlanState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlanState {
    Waits,
    Cancelled,
    Sent,
    Failed,
}

impl OwnLog {
    pub(super) fn is_said(&self, id: &MessageId) -> bool {
        self.said.contains(id)
    }

    /// What a room's history says against the plans: it has messages that were not sent.
    pub(super) fn against(&self, history: &[Seen]) -> Vec<String> {
        let mut wrong = Vec::new();
        for seen in history {
            let plan = self.plans.get(&seen.id).filter(|plan| plan.state != PlanState::Sent);
            if let Some(Plan { state, .. }) = plan {
                wrong.push(format!("scheduled {} is there although it {state:?}", seen.id));
            }
        }
        wrong
    }
}

fn has_words(message: &Message) -> bool {
    let Message { text, custom, extras, reactions, .. } = message;
    text.is_some() || custom.is_some() || extras.is_some() || !reactions.is_empty()
}

impl Checker {
    /// A user's mark on a message as it was answered to the user. What was deleted for oneself is
    /// not brought back.
    pub fn marked(&mut self, room: &RoomId, user: &UserId, marked: &MarkedMessage) {
        let MarkedMessage { id, seq, mark } = marked;
        if mark.rev == 0 {
            // Nothing was changed, and nothing was there.
            return;
        }
        let key = (user.clone(), room.clone(), id.clone());
        let before = self.own.marks.insert(key, (*seq, *mark));
        if before.is_some_and(|(_, before)| before.deleted && !mark.deleted) {
            self.broken(0, format!("{room}: {id}, which {user} deleted for oneself, is back"));
        }
    }

    /// A message as it was shown to a user: with the user's own mark as it was answered last, and
    /// nothing of the words of one that was deleted for oneself.
    pub fn shown(&mut self, who: &str, user: &UserId, message: &Message) {
        let Message { id, room, own, .. } = message;
        let key = (user.clone(), room.clone(), id.clone());
        let known = self.own.marks.get(&key).map(|(_, mark)| *mark);
        if known.is_some_and(|mark| mark.deleted) && has_words(message) {
            self.broken(
                0,
                format!("{room}: {who} is shown the words of {id}, deleted for oneself"),
            );
        } else if known != *own {
            let what = format!("{who} is shown {id} with the mark {own:?}, not {known:?}");
            self.broken(6, format!("{room}: {what}"));
        }
    }

    /// A room's head as it was shown to a member.
    pub fn head_shown(&mut self, who: &str, user: &UserId, room: &RoomId, head: &Head) {
        let Some(preview) = head.preview.as_ref().filter(|preview| preview.text.is_some()) else {
            return;
        };
        let mut marks = self.own.marks.iter();
        let deleted = marks.any(|((whose, place, _), (seq, mark))| {
            whose == user && place == room && *seq == preview.seq && mark.deleted
        });
        if deleted {
            let what = format!("{who} is shown a preview of what was deleted for oneself");
            self.broken(0, format!("{room}: {what}"));
        }
    }

    /// A user's whole star list, starred last first, beside what the user's rooms say.
    pub fn stars(&mut self, user: &UserId, listed: &[MessageId], starred: &[MessageId]) {
        if listed != starred {
            let what = format!("{user} has starred {starred:?} and is listed {listed:?}");
            self.broken(0, what);
        }
    }

    /// A user's cursor in a thread as an answer showed it: line 9. Who goes out has none any more.
    pub fn thread_cursor(&mut self, room: &RoomId, user: &UserId, root: &MessageId, seq: u64) {
        let cursors = &mut self.room(room).threads;
        let known = cursors.entry((user.clone(), root.clone())).or_insert(0);
        let before = *known;
        *known = before.max(seq);
        if seq < before {
            let what = format!("the cursor of {user} in the thread of {root} went from {before}");
            self.broken(9, format!("{room}: {what} to {seq}"));
        }
    }

    /// Line 10 for a thread: `counted` replies of others above the cursor, and what was told.
    pub fn thread_unread(
        &mut self,
        room: &RoomId,
        user: &UserId,
        root: &MessageId,
        (counted, told): (u64, u64),
    ) {
        if counted != told {
            let what = format!("{user} has {counted} unread in the thread of {root}, told {told}");
            self.broken(10, format!("{room}: {what}"));
        }
    }

    /// Something was said that is kept nowhere: nobody is shown a message of this id.
    pub fn said(&mut self, id: &MessageId) {
        self.own.said.insert(id.clone());
    }

    /// A message was scheduled, or got another time.
    pub fn planned(&mut self, id: &MessageId, owner: Option<&UserId>, at: Time) {
        let plan = Plan { owner: owner.cloned(), at, state: PlanState::Waits };
        let before = self.own.plans.insert(id.clone(), plan).map(|before| before.state);
        if let Some(before @ (PlanState::Sent | PlanState::Cancelled)) = before {
            self.broken(0, format!("{id} is scheduled again after it was {before:?}"));
        }
    }

    /// Whether a scheduled message can still be changed by its owner.
    #[must_use]
    pub fn is_open(&self, id: &MessageId) -> bool {
        let plan = self.own.plans.get(id);
        plan.is_some_and(|plan| matches!(plan.state, PlanState::Waits | PlanState::Failed))
    }

    /// Taking a scheduled message back was answered: it is never sent.
    pub fn plan_cancelled(&mut self, id: &MessageId) {
        let Some(plan) = self.own.plans.get_mut(id) else { return };
        let before = std::mem::replace(&mut plan.state, PlanState::Cancelled);
        if !matches!(before, PlanState::Waits | PlanState::Failed) {
            self.broken(0, format!("scheduled {id} is taken back after it was {before:?}"));
        }
    }

    /// A scheduled message was sent, at this time of the clock that says what is due: once, not
    /// before its time, and not after it was taken back. From here on it is a message like others.
    pub fn plan_sent(&mut self, room: &RoomId, seen: &Seen, now: Time) {
        let id = &seen.id;
        let log = self.room(room);
        log.acked.insert(id.clone(), seen.seq);
        log.sent_at.insert(id.clone(), seen.first_rev);
        self.saw("who sends what is due", room, seen);
        let Some(plan) = self.own.plans.get_mut(id) else {
            return self.odd(format!("{id} was sent and nobody had scheduled it"));
        };
        let (at, before) = (plan.at, std::mem::replace(&mut plan.state, PlanState::Sent));
        if before != PlanState::Waits {
            self.broken(0, format!("scheduled {id} was sent after it was {before:?}"));
        }
        if now < at {
            self.broken(0, format!("scheduled {id} was sent before its time"));
        }
    }

    /// A scheduled message was refused at its time: it is not sent unless it is changed.
    pub fn plan_failed(&mut self, id: &MessageId) {
        let Some(plan) = self.own.plans.get_mut(id) else { return };
        let before = std::mem::replace(&mut plan.state, PlanState::Failed);
        if before != PlanState::Waits {
            self.broken(0, format!("scheduled {id} failed after it was {before:?}"));
        }
    }

    /// All that an owner has scheduled, each with whether it failed, when nothing is due any more.
    pub fn plans_listed(
        &mut self,
        owner: Option<&UserId>,
        now: Time,
        listed: &[(MessageId, bool)],
    ) {
        let plans = self.own.plans.iter().filter(|(_, plan)| plan.owner.as_ref() == owner);
        let (mut waiting, mut late) = (BTreeMap::new(), Vec::new());
        for (id, plan) in plans {
            let due = plan.state == PlanState::Waits && plan.at <= now;
            if due {
                late.push(id.clone());
            } else if matches!(plan.state, PlanState::Waits | PlanState::Failed) {
                waiting.insert(id.clone(), plan.state == PlanState::Failed);
            }
        }
        for id in late {
            self.broken(0, format!("scheduled {id} is due and was not sent"));
        }
        let listed: BTreeMap<MessageId, bool> = listed.iter().cloned().collect();
        if listed != waiting {
            let what = format!("{owner:?} has scheduled {waiting:?} and is listed {listed:?}");
            self.broken(0, what);
        }
    }
}
