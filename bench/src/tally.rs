//! Correctness of a run, counted by who receives: every message of a room once, in its sender's
//! order, and all receivers of a room in the same order. A figure next to a fault is no figure.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

/// Faults of a run. All must be 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Faults {
    /// Deliveries that never came.
    pub(crate) lost: u64,
    /// Deliveries that came again.
    pub(crate) doubled: u64,
    /// Deliveries behind a later one of the same sender, or with a `seq` not above the last.
    pub(crate) out_of_order: u64,
    /// Receivers that saw everything, but in another order than the first receiver of the room.
    pub(crate) order_differs: u64,
    /// Deliveries of a room that the receiver is no member of.
    pub(crate) misrouted: u64,
    /// Sends that were refused.
    pub(crate) refused: u64,
    /// Connections that ended before the end.
    pub(crate) disconnected: u64,
}

impl Faults {
    pub(crate) fn sum(&self) -> u64 {
        let Self { lost, doubled, out_of_order, order_differs, misrouted, refused, disconnected } =
            self;
        lost + doubled + out_of_order + order_differs + misrouted + refused + disconnected
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.order_differs += other.order_differs;
        self.misrouted += other.misrouted;
        self.refused += other.refused;
        self.disconnected += other.disconnected;
    }
}

/// One receiver in one room: a few bytes, whatever the length of the run.
#[derive(Debug, Clone, Copy, Default)]
struct Track {
    seq: u64,
    order: u64,
    seen: u32,
}

/// All receivers of one generator process. Receiver `r` is in room `r / members`; rooms never
/// span processes, so everything can be judged here.
#[derive(Debug)]
pub(crate) struct Tally {
    members: u32,
    senders: u16,
    tracks: Vec<Track>,
    /// The last number seen, by receiver and sender.
    last: Vec<u32>,
    /// Numbers that were jumped over and have not come yet: empty while all is well.
    holes: HashMap<(u32, u16), BTreeSet<u32>>,
    faults: Faults,
}

impl Tally {
    pub(crate) fn new(receivers: u32, members: u32, senders: u16) -> Self {
        let cells = receivers as usize * usize::from(senders);
        Self {
            members,
            senders,
            tracks: vec![Track::default(); receivers as usize],
            last: vec![0; cells],
            holes: HashMap::new(),
            faults: Faults::default(),
        }
    }

    /// Receiver `receiver` saw message `number` of `sender` in `room`, with `seq` if there was one.
    pub(crate) fn delivered(
        &mut self,
        receiver: u32,
        (room, sender, number): (u32, u16, u32),
        seq: Option<u64>,
    ) {
        if room != receiver / self.members || sender >= self.senders || number == 0 {
            self.faults.misrouted += 1;
            return;
        }
        let cell = self.cell(receiver, sender);
        let last = self.last[cell];
        let mut late = false;
        if number > last {
            if number > last + 1 {
                let holes = self.holes.entry((receiver, sender)).or_default();
                holes.extend(last + 1..number);
            }
            self.last[cell] = number;
        } else if self.fill((receiver, sender), number) {
            late = true;
        } else {
            self.faults.doubled += 1;
            return;
        }
        let track = &mut self.tracks[receiver as usize];
        if let Some(seq) = seq {
            late |= seq <= track.seq;
            track.seq = track.seq.max(seq);
        }
        self.faults.out_of_order += u64::from(late);
        track.seen += 1;
        let what = (u64::from(sender) << 32) | u64::from(number);
        track.order = (track.order ^ what).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    fn fill(&mut self, who: (u32, u16), number: u32) -> bool {
        self.holes.get_mut(&who).is_some_and(|holes| holes.remove(&number))
    }

    fn cell(&self, receiver: u32, sender: u16) -> usize {
        receiver as usize * usize::from(self.senders) + usize::from(sender)
    }

    /// How many deliveries are still due when each room's senders have sent as many as `sent`
    /// says (by room, then sender).
    pub(crate) fn due(&self, sent: &[u32]) -> u64 {
        let due = (0..self.receivers()).map(|receiver| {
            let due: u32 = self.sent_to(receiver, sent).iter().sum();
            u64::from(due.saturating_sub(self.tracks[receiver as usize].seen))
        });
        due.sum()
    }

    /// The verdict at the end.
    pub(crate) fn finish(mut self, sent: &[u32]) -> Faults {
        let mut first_order: HashMap<u32, u64> = HashMap::new();
        for receiver in 0..self.receivers() {
            let due: u32 = self.sent_to(receiver, sent).iter().sum();
            let track = self.tracks[receiver as usize];
            if track.seen < due {
                self.faults.lost += u64::from(due - track.seen);
                continue;
            }
            let order = first_order.entry(receiver / self.members).or_insert(track.order);
            self.faults.order_differs += u64::from(*order != track.order);
        }
        self.faults
    }

    fn receivers(&self) -> u32 {
        u32::try_from(self.tracks.len()).unwrap_or(u32::MAX)
    }

    fn sent_to<'a>(&self, receiver: u32, sent: &'a [u32]) -> &'a [u32] {
        let senders = usize::from(self.senders);
        let at = (receiver / self.members) as usize * senders;
        &sent[at..at + senders]
    }
}

/// The generator's self-test: a fault that is put in must be counted, and nothing else.
#[cfg(test)]
mod tests {
    use super::*;

    /// Two rooms of three receivers, two senders each, `deliveries` per receiver after `bend`.
    fn run(bend: impl Fn(u32, &mut Vec<(u16, u32)>)) -> Faults {
        let mut tally = Tally::new(6, 3, 2);
        for receiver in 0..6 {
            let mut deliveries: Vec<(u16, u32)> = (1..=10).flat_map(|n| [(0, n), (1, n)]).collect();
            bend(receiver, &mut deliveries);
            for (place, (sender, number)) in deliveries.iter().enumerate() {
                let seq = Some(place as u64 + 1);
                tally.delivered(receiver, (receiver / 3, *sender, *number), seq);
            }
        }
        tally.finish(&[10; 4])
    }

    #[test]
    fn a_clean_run_has_no_fault() {
        assert_eq!(run(|_, _| {}), Faults::default());
    }

    #[test]
    fn a_loss_is_counted_in_the_middle_and_at_the_end() {
        for place in [0, 7, 19] {
            let faults = run(|receiver, seen| {
                if receiver == 4 {
                    seen.remove(place);
                }
            });
            let expected = Faults { lost: 1, ..Faults::default() };
            assert_eq!(faults, expected, "place {place}");
        }
    }

    #[test]
    fn a_receiver_that_hears_nothing_lost_everything() {
        let faults = run(|receiver, seen| {
            if receiver == 0 {
                seen.clear();
            }
        });
        assert_eq!(faults.lost, 20);
    }

    #[test]
    fn a_double_is_counted_at_once_and_later() {
        for place in [3, 19] {
            let faults = run(|receiver, seen| {
                if receiver == 1 {
                    seen.insert(place + 1, seen[2]);
                }
            });
            let expected = Faults { doubled: 1, ..Faults::default() };
            assert_eq!(faults, expected, "place {place}");
        }
    }

    #[test]
    fn a_swap_of_one_senders_messages_is_out_of_order() {
        let faults = run(|receiver, seen| {
            if receiver == 5 {
                seen.swap(4, 6);
            }
        });
        assert_eq!((faults.out_of_order, faults.order_differs), (1, 1));
        assert_eq!((faults.lost, faults.doubled), (0, 0));
    }

    #[test]
    fn a_swap_of_two_senders_is_a_different_order() {
        let faults = run(|receiver, seen| {
            if receiver == 5 {
                seen.swap(4, 5);
            }
        });
        let expected = Faults { order_differs: 1, ..Faults::default() };
        assert_eq!(faults, expected);
    }

    #[test]
    fn a_seq_that_falls_back_is_out_of_order() {
        let mut tally = Tally::new(1, 1, 1);
        tally.delivered(0, (0, 0, 1), Some(2));
        tally.delivered(0, (0, 0, 2), Some(1));
        assert_eq!(tally.finish(&[2]).out_of_order, 1);
    }

    #[test]
    fn a_message_of_another_room_is_misrouted() {
        let mut tally = Tally::new(6, 3, 2);
        tally.delivered(0, (1, 0, 1), None);
        assert_eq!(tally.due(&[0; 4]), 0);
        assert_eq!(tally.finish(&[0; 4]).misrouted, 1);
    }

    #[test]
    fn what_is_due_falls_with_every_delivery() {
        let mut tally = Tally::new(2, 2, 1);
        assert_eq!(tally.due(&[3]), 6);
        tally.delivered(1, (0, 0, 1), None);
        assert_eq!(tally.due(&[3]), 5);
    }
}
