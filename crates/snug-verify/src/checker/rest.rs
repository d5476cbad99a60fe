//! What must hold when nothing is under way any more.

use std::collections::BTreeMap;

use snug_core::ids::{RoomId, UserId};
use snug_core::limits::MENTIONS_COUNTED_MAX;
use snug_core::model::Role;

use super::{Checker, Seen};

/// A state as comparable facts: name and value.
pub type Facts = BTreeMap<String, String>;

/// A living room as a fresh observer reads it whole.
#[derive(Debug)]
pub struct RoomAtRest<'a> {
    pub room: &'a RoomId,
    pub min_seq: u64,
    pub min_rev: u64,
    pub head_seq: u64,
    pub head_rev: u64,
    /// Everything from `min_seq` on, in the order of reading.
    pub history: &'a [Seen],
}

/// Others' counting messages above a cursor that are there.
fn unread<'a>(
    user: &'a UserId,
    read_seq: u64,
    history: &'a [Seen],
) -> impl Iterator<Item = &'a Seen> {
    history.iter().filter(move |seen| {
        seen.seq > read_seq && seen.counts && !seen.gone && seen.sender.as_ref() != Some(user)
    })
}

impl Checker {
    /// Lines 1, 3 and 4: nothing that was acked is missing, no hole, no rev without a change.
    pub fn at_rest(&mut self, rest: &RoomAtRest<'_>) {
        let room = rest.room;
        self.saw_page("a fresh reader", room, rest.history);
        for what in self.own.against(rest.history) {
            self.broken(0, format!("{room}: {what}"));
        }
        let there: BTreeMap<_, _> = rest.history.iter().map(|seen| (&seen.id, seen)).collect();
        let log = self.room(room);
        let came = rest.history.iter().filter_map(|seen| log.came_at(&seen.id));
        let came: Vec<u64> = came.collect();
        log.revs.extend(came);
        let missing: Vec<String> = log
            .acked
            .iter()
            .filter(|(id, seq)| **seq >= rest.min_seq && !there.contains_key(id))
            .map(|(id, seq)| format!("{room}: {id} was acked with seq {seq} and is missing"))
            .collect();
        let first = rest.min_rev.max(1);
        let mut unknown = (first..=rest.head_rev).filter(|rev| !log.revs.contains(rev));
        let unknown = unknown.nth(log.unsure);
        for what in missing {
            self.broken(1, what);
        }
        if let Some(rev) = unknown {
            self.broken(4, format!("{room}: nothing is known to have taken rev {rev}"));
        }
        self.no_holes("a fresh reader", room, (rest.min_seq, rest.head_seq), rest.history);
        for pair in rest.history.windows(2) {
            if let [a, b] = pair
                && a.at >= b.at
            {
                self.broken(3, format!("{room}: {} is not later than {}", b.id, a.id));
            }
        }
    }

    /// Everything from `first` to `last` is there.
    pub fn no_holes(
        &mut self,
        who: &str,
        room: &RoomId,
        (first, last): (u64, u64),
        history: &[Seen],
    ) {
        let seqs: std::collections::BTreeSet<u64> = history.iter().map(|seen| seen.seq).collect();
        if let Some(hole) = (first..=last).find(|seq| !seqs.contains(seq)) {
            self.broken(3, format!("{room}: {who} has no seq {hole} in {first}..={last}"));
        }
    }

    /// Line 10: unread is the number of others' counting messages above the cursor that are there.
    pub fn unread(
        &mut self,
        (room, user): (&RoomId, &UserId),
        read_seq: u64,
        reported: u64,
        history: &[Seen],
    ) {
        let count = unread(user, read_seq, history).count() as u64;
        if count != reported {
            let what = format!("{user} at cursor {read_seq} has {count} unread, told {reported}");
            self.broken(10, format!("{room}: {what}"));
        }
    }

    /// Line 10: of those, how many mention the user, as far as it is counted.
    pub fn mentions(
        &mut self,
        room: &RoomId,
        (user, role): (&UserId, Role),
        read_seq: u64,
        reported: u64,
        history: &[Seen],
    ) {
        let calls = |seen: &&Seen| seen.mentions.mean(user, role);
        let count =
            unread(user, read_seq, history).filter(calls).take(MENTIONS_COUNTED_MAX).count();
        if count as u64 != reported {
            let what = format!("{user} at cursor {read_seq} is mentioned {count} times");
            self.broken(10, format!("{room}: {what}, told {reported}"));
        }
    }

    /// Lines 5 and 6: who resumed knows what a fresh client learns, and nothing else.
    pub fn same(&mut self, who: &str, room: &RoomId, resumed: &Facts, fresh: &Facts) {
        for (name, value) in fresh {
            if resumed.get(name) != Some(value) {
                let has = resumed.get(name);
                self.broken(5, format!("{room}: {who} resumed has {name} = {has:?}, not {value}"));
                return;
            }
        }
        if let Some((name, value)) = resumed.iter().find(|(name, _)| !fresh.contains_key(*name)) {
            self.broken(5, format!("{room}: {who} resumed still has {name} = {value}"));
        }
    }

    /// As `same`, for the rooms themselves.
    pub fn resumed_rooms(&mut self, who: &str, resumed: &[&RoomId], fresh: &[&RoomId]) {
        for room in fresh.iter().filter(|room| !resumed.contains(room)) {
            self.broken(6, format!("{room}: {who} resumed and was never told of the room"));
        }
        for room in resumed.iter().filter(|room| !fresh.contains(room)) {
            self.broken(6, format!("{room}: {who} resumed and still has the room"));
        }
    }
}
