//! What is known of one room: which id stands where, who was in at which rev.

use std::collections::{BTreeMap, BTreeSet};

use snug_core::ids::{MessageId, UserId};
use snug_core::model::{MemberState, Role, RoomPolicy, Ruled};

use super::Seen;

#[derive(Debug, Default)]
pub(super) struct RoomLog {
    by_seq: BTreeMap<u64, MessageId>,
    by_id: BTreeMap<MessageId, Seen>,
    /// Acked ids with their seq.
    pub(super) acked: BTreeMap<MessageId, u64>,
    /// At which rev, by their acks.
    pub(super) sent_at: BTreeMap<MessageId, u64>,
    /// For each user: from which rev on a member, or not.
    members: BTreeMap<UserId, BTreeMap<u64, bool>>,
    pub(super) frozen: BTreeMap<u64, bool>,
    pub(super) archived: BTreeMap<u64, bool>,
    pub(super) cursors: BTreeMap<UserId, u64>,
    /// Cursors in threads, by the message at which each hangs.
    pub(super) threads: BTreeMap<(UserId, MessageId), u64>,
    /// For each user: from which rev on in which state, with which role.
    pub(super) standings: BTreeMap<UserId, BTreeMap<u64, (MemberState, Role)>>,
    /// From which rev on the room says what of who may do what.
    pub(super) rules: BTreeMap<u64, RoomPolicy>,
    pub(super) revs: BTreeSet<u64>,
    /// Changes that may have taken a rev of which nobody knows.
    pub(super) unsure: usize,
}

impl RoomLog {
    /// What the sight contradicts.
    pub(super) fn saw(&mut self, seen: &Seen) -> Vec<String> {
        let mut broken = Vec::new();
        let Seen { id, seq, first_rev, .. } = seen;
        let at = self.by_seq.entry(*seq).or_insert_with(|| id.clone());
        if at != id {
            broken.push(format!("seq {seq} was given to {at} and to {id}"));
        }
        let known = self.by_id.entry(id.clone()).or_insert_with(|| seen.clone());
        // A change keeps the place, the time and the sender.
        let as_sent = !known.changed && !seen.changed;
        if known.seq != *seq || (as_sent && known.first_rev != *first_rev) {
            let (seq0, rev0) = (known.seq, known.first_rev);
            broken.push(format!("{id} stands at seq {seq0} rev {rev0} and {seq} {first_rev}"));
        } else if (&known.sender, known.at) != (&seen.sender, seen.at)
            || (as_sent && known.body != seen.body)
        {
            broken.push(format!("{id} was shown with two contents"));
        }
        if known.changed && !seen.changed {
            *known = seen.clone();
        }
        broken
    }

    /// The rev at which a message came, as far as somebody could tell.
    pub(super) fn came_at(&self, id: &MessageId) -> Option<u64> {
        let as_sent = self.by_id.get(id).filter(|seen| !seen.changed);
        as_sent.map(|seen| seen.first_rev).or_else(|| self.sent_at.get(id).copied())
    }

    /// Where others have seen this id.
    pub(super) fn order_of(&self, id: &MessageId) -> u64 {
        self.by_id.get(id).map_or(0, |seen| seen.seq)
    }

    pub(super) fn member(&mut self, user: &UserId, rev: u64, active: bool) {
        if !active {
            self.threads.retain(|(whose, _), _| whose != user);
        }
        self.members.entry(user.clone()).or_default().insert(rev, active);
    }

    /// Nobody is a member from this rev on.
    pub(super) fn end(&mut self, rev: u64) {
        for times in self.members.values_mut() {
            times.insert(rev, false);
        }
        for times in self.standings.values_mut() {
            times.insert(rev, (MemberState::Left, Role::Member));
        }
        self.threads.clear();
    }

    /// Whether the room's own word kept a member from it when the next rev was this one.
    pub(super) fn closes(&self, ruled: Ruled, user: &UserId, rev: u64) -> bool {
        let said = self.rules.range(..rev).next_back();
        let Some(least) = said.and_then(|(_, policy)| policy.least(ruled)) else { return false };
        let standing = self.standings.get(user).and_then(|times| times.range(..rev).next_back());
        standing.is_some_and(|(_, (state, role))| *state == MemberState::Active && *role < least)
    }

    /// `None` when it was never told.
    pub(super) fn is_member_at(&self, user: &UserId, rev: u64) -> Option<bool> {
        self.members.get(user)?.range(..=rev).next_back().map(|(_, active)| *active)
    }

    pub(super) fn is_frozen_at(&self, rev: u64) -> bool {
        self.frozen.range(..rev).next_back().is_some_and(|(_, frozen)| *frozen)
    }

    pub(super) fn is_archived_at(&self, rev: u64) -> bool {
        self.archived.range(..rev).next_back().is_some_and(|(_, archived)| *archived)
    }

    /// The removal that a user was under at this rev, later than the removal itself.
    pub(super) fn out_since(&self, user: &UserId, rev: u64) -> Option<u64> {
        let (removal, active) = self.members.get(user)?.range(..=rev).next_back()?;
        (!active && rev > *removal).then_some(*removal)
    }

    /// The rev of the removal that a user who is out now must hear nothing above of.
    pub(super) fn removed_below(&self, user: &UserId, rev: u64) -> Option<u64> {
        let (removal, active) = self.members.get(user)?.last_key_value()?;
        (!active && rev > *removal).then_some(*removal)
    }
}
