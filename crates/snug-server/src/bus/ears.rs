//! What was heard of other nodes, by the numbers of their payloads: what is missing is asked for
//! until it was told again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use snug_core::limits;

/// Everything of `from` after its payload `after` is to be told again, as far as it is not older
/// than `ago`. `heard` is its newest that arrived here: a telling that begins behind it need not be
/// repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) from: u64,
    pub(super) after: u64,
    pub(super) ago: Option<Duration>,
    pub(super) heard: u64,
}

#[derive(Debug)]
struct Ear {
    /// The newest payload that was heard.
    number: u64,
    at: Instant,
    gap: Option<Gap>,
    /// It was heard shortly before the own link broke, and not since: what it said meanwhile is
    /// not known.
    doubt: bool,
}

/// Something behind the payload `after` is missing.
#[derive(Debug)]
struct Gap {
    after: u64,
    /// Nothing was heard of the node before.
    from_start: bool,
    /// The newest payload that may be missing.
    upto: u64,
    since: Instant,
    asked: Option<Instant>,
    /// The first and the last payload in which it was told again.
    told: Option<(u64, u64)>,
}

/// One ear for each node.
#[derive(Debug)]
pub(super) struct Ears {
    nodes: HashMap<u64, Ear>,
    /// What was said before it concerns nobody here. Whoever is heard for the first time is asked
    /// for all since then: its first words may be what got lost.
    since: Instant,
}

impl Ears {
    pub(super) fn new(since: Instant) -> Self {
        Self { nodes: HashMap::new(), since }
    }

    /// A payload of events came, or (`pulse`) the word that `number` was the last of them. Says
    /// what to ask for; `due` says it again.
    pub(super) fn heard(
        &mut self,
        node: u64,
        number: u64,
        pulse: bool,
        now: Instant,
    ) -> Option<Ask> {
        let before = if pulse { number } else { number.saturating_sub(1) };
        if !self.nodes.contains_key(&node) {
            self.make_room();
        }
        let new = Ear { number: 0, at: now, gap: None, doubt: false };
        let ear = self.nodes.entry(node).or_insert(new);
        if before > ear.number {
            let gap = ear.gap.get_or_insert(Gap {
                after: ear.number,
                from_start: ear.number == 0,
                upto: before,
                since: now,
                asked: None,
                told: None,
            });
            gap.upto = before;
        }
        ear.number = ear.number.max(number);
        (ear.at, ear.doubt) = (now, false);
        ear.mend();
        ear.ask(node, self.since, now, Duration::MAX)
    }

    /// `node` has told again what follows `after`, in its payloads from the one to the other.
    pub(super) fn told(&mut self, node: u64, after: u64, payloads: (u64, u64)) {
        if let Some(ear) = self.nodes.get_mut(&node) {
            if let Some(gap) = ear.gap.as_mut().filter(|gap| gap.after >= after) {
                gap.told = Some(payloads);
            }
            ear.mend();
        }
    }

    /// Nothing is asked of `node` any more: it cannot tell again.
    pub(super) fn forgive(&mut self, node: u64) {
        if let Some(ear) = self.nodes.get_mut(&node) {
            ear.gap = None;
        }
    }

    pub(super) fn forgive_all(&mut self) {
        self.nodes.values_mut().for_each(|ear| ear.gap = None);
    }

    /// What was asked for longer than `every` ago and did not come.
    pub(super) fn due(&mut self, now: Instant, every: Duration) -> Vec<Ask> {
        let since = self.since;
        self.nodes.iter_mut().filter_map(|(node, ear)| ear.ask(*node, since, now, every)).collect()
    }

    /// The own link was broken, and works again `now`: whoever was heard shortly before it broke
    /// may have said its last meanwhile. `long` is how long events are kept.
    pub(super) fn doubt(&mut self, broke: Instant, now: Instant, long: Duration) {
        for ear in self.nodes.values_mut() {
            if broke.saturating_duration_since(ear.at) < long {
                // It has as long as anybody to speak again.
                (ear.doubt, ear.at) = (true, now);
            }
        }
    }

    /// A node ends. When all of it was heard, nothing is waited for.
    pub(super) fn bye(&mut self, node: u64, number: u64) {
        let whole = |ear: &Ear| ear.gap.is_none() && ear.number >= number;
        if self.nodes.get(&node).is_some_and(whole) {
            self.nodes.remove(&node);
        }
    }

    /// Gives up what nodes owe that were silent for `long`, or do not hear what is asked of them;
    /// says whether there was anything.
    pub(super) fn give_up(&mut self, now: Instant, long: Duration) -> bool {
        let mut owed = false;
        for ear in self.nodes.values_mut() {
            let old = |gap: &Gap| now.saturating_duration_since(gap.since) > 2 * long;
            if now.saturating_duration_since(ear.at) > long {
                owed |= ear.gap.take().is_some() || ear.doubt;
                ear.doubt = false;
            } else if ear.gap.as_ref().is_some_and(old) {
                ear.gap = None;
                owed = true;
            }
        }
        owed
    }

    /// Nodes that ended leave their numbers behind: who was silent for longest goes.
    fn make_room(&mut self) {
        if self.nodes.len() >= limits::BUS_NODES_MAX
            && let Some(node) =
                self.nodes.iter().min_by_key(|(_, ear)| ear.at).map(|(node, _)| *node)
        {
            self.nodes.remove(&node);
        }
    }
}

impl Ear {
    /// The gap is closed when all that was told again has arrived without another.
    fn mend(&mut self) {
        if let Some(Gap { upto, told: Some((first, last)), .. }) = self.gap
            && upto < first
            && self.number >= last
        {
            self.gap = None;
        }
    }

    fn ask(&mut self, from: u64, since: Instant, now: Instant, every: Duration) -> Option<Ask> {
        let gap = self.gap.as_mut()?;
        if gap.asked.is_some_and(|asked| now.saturating_duration_since(asked) < every) {
            return None;
        }
        gap.asked = Some(now);
        gap.told = None;
        let ago = gap.from_start.then(|| now.saturating_duration_since(since));
        Some(Ask { from, after: gap.after, ago, heard: self.number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ask(after: u64, heard: u64) -> Ask {
        Ask { from: 7, after, ago: None, heard }
    }

    /// A node that was heard up to its tenth payload.
    fn ears() -> (Ears, Instant) {
        let now = Instant::now();
        let mut ears = Ears::new(now);
        for number in 0..=10 {
            assert_eq!(ears.heard(7, number, number == 0, now), None);
        }
        (ears, now)
    }

    #[test]
    fn what_comes_in_a_row_asks_for_nothing() {
        let (mut ears, now) = ears();
        for number in 11..20 {
            assert_eq!(ears.heard(7, number, false, now), None);
            assert_eq!(ears.heard(7, number, true, now), None);
        }
        assert_eq!(ears.heard(8, 1, false, now), None, "a new node begins with one");
        assert_eq!(ears.heard(9, 0, true, now), None, "or has not spoken yet");
        assert_eq!(ears.due(now + SECOND, Duration::ZERO), []);
    }

    #[test]
    fn a_gap_is_asked_for_until_it_was_told_again() {
        let (mut ears, now) = ears();
        assert_eq!(ears.heard(7, 12, false, now), Some(ask(10, 12)));
        assert_eq!(ears.heard(7, 13, false, now), None, "it was asked for");
        assert_eq!(ears.due(now, SECOND), []);
        assert_eq!(ears.due(now + SECOND, SECOND), [ask(10, 13)]);
        // Told again in 14 to 16, of which 15 is lost.
        assert_eq!(ears.heard(7, 14, false, now), None);
        assert_eq!(ears.heard(7, 16, false, now), None);
        ears.told(7, 10, (14, 16));
        assert_eq!(ears.due(now + 2 * SECOND, SECOND), [ask(10, 16)]);
        ears.told(7, 10, (17, 18));
        assert_eq!(ears.heard(7, 17, false, now), None);
        assert_eq!(ears.due(now + 3 * SECOND, SECOND), [ask(10, 17)], "it is not all here yet");
        ears.told(7, 9, (18, 19));
        assert_eq!(ears.heard(7, 18, false, now), None);
        assert_eq!(ears.heard(7, 19, false, now), None);
        assert_eq!(ears.due(now + 9 * SECOND, SECOND), []);
        assert_eq!(ears.heard(7, 21, true, now), Some(ask(19, 21)), "the last is shown by a pulse");
        ears.told(7, 19, (21, 21));
        assert_eq!(ears.due(now + SECOND, SECOND), [ask(19, 21)], "that one did not come");
    }

    #[test]
    fn whoever_is_heard_late_is_asked_from_the_beginning() {
        let (mut ears, now) = ears();
        let ask = |from, ago| Some(Ask { from, after: 0, ago: Some(ago), heard: 3 });
        assert_eq!(ears.heard(8, 3, false, now + SECOND), ask(8, SECOND));
        ears.forgive(8);
        assert_eq!(ears.due(now + SECOND, Duration::ZERO), []);
        assert_eq!(ears.heard(9, 3, true, now), ask(9, Duration::ZERO));
        assert!(!ears.give_up(now + SECOND, SECOND));
        assert!(ears.give_up(now + 2 * SECOND, SECOND), "it does not answer any more");
        assert_eq!(ears.due(now + 2 * SECOND, Duration::ZERO), []);
    }

    #[test]
    fn who_is_silent_after_a_cut_has_perhaps_said_its_last() {
        let (mut ears, now) = ears();
        ears.heard(8, 0, true, now);
        ears.heard(9, 0, true, now);
        ears.bye(9, 0);
        // Cut for a minute: each has some time to speak again.
        let back = now + 60 * SECOND;
        ears.doubt(now + SECOND, back, 2 * SECOND);
        ears.heard(8, 3, false, back + SECOND);
        ears.forgive(8);
        assert!(!ears.give_up(back + SECOND, 2 * SECOND));
        assert!(ears.give_up(back + 3 * SECOND, 2 * SECOND), "the one that was not heard again");
        assert!(!ears.give_up(back + 9 * SECOND, 2 * SECOND), "is given up once");
        ears.doubt(back + 9 * SECOND, back + 10 * SECOND, 2 * SECOND);
        assert!(!ears.give_up(back + 19 * SECOND, 2 * SECOND), "those were silent before it");
    }

    #[test]
    fn a_gap_that_nobody_closes_is_given_up() {
        let (mut ears, now) = ears();
        assert!(ears.heard(7, 12, false, now).is_some());
        ears.bye(7, 12);
        for n in 0..5 {
            assert!(!ears.give_up(now + n * SECOND, 2 * SECOND));
            ears.heard(7, 12, true, now + n * SECOND);
        }
        assert!(ears.give_up(now + 5 * SECOND, 2 * SECOND));
        assert_eq!(ears.due(now + 6 * SECOND, SECOND), []);
    }

    #[test]
    fn nodes_that_ended_are_forgotten() {
        let (mut ears, now) = ears();
        for node in 100..100 + limits::BUS_NODES_MAX as u64 {
            ears.heard(node, 0, true, now + SECOND);
        }
        assert_eq!(ears.nodes.len(), limits::BUS_NODES_MAX);
        assert!(!ears.nodes.contains_key(&7));
    }
}
