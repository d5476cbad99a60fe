//! The bounded queue before the writer and the readers: full at once or taken, and fair
//! between apps, so that one app's burst delays another's call by no more than its share.

use std::collections::{HashMap, VecDeque};

use parking_lot::{Condvar, Mutex};
use snug_core::ids::AppId;

/// Whose turn a call takes: an app's, or the install's own.
pub(crate) type Lane = Option<AppId>;

/// Why a call was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

#[derive(Debug)]
pub(crate) struct FairQueue<J> {
    state: Mutex<State<J>>,
    filled: Condvar,
    most: usize,
    most_per_lane: usize,
}

#[derive(Debug)]
struct State<J> {
    lanes: HashMap<Lane, VecDeque<J>>,
    /// Lanes that have something, in the order of their next turns.
    turns: VecDeque<Lane>,
    waiting: usize,
    closed: bool,
}

impl<J> FairQueue<J> {
    pub(crate) fn new(most: usize, most_per_lane: usize) -> Self {
        let state =
            State { lanes: HashMap::new(), turns: VecDeque::new(), waiting: 0, closed: false };
        Self { state: Mutex::new(state), filled: Condvar::new(), most, most_per_lane }
    }

    pub(crate) fn push(&self, lane: &Lane, job: J) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.waiting >= self.most {
            return Err(Refused::Full);
        }
        match state.lanes.get_mut(lane) {
            Some(jobs) if jobs.len() >= self.most_per_lane => return Err(Refused::Full),
            Some(jobs) => jobs.push_back(job),
            None => {
                state.lanes.insert(lane.clone(), VecDeque::from([job]));
                state.turns.push_back(lane.clone());
            }
        }
        state.waiting += 1;
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for something, then takes up to `most`, one of each lane in turn. `None` when the
    /// queue is closed and empty.
    pub(crate) fn take(&self, most: usize) -> Option<VecDeque<J>> {
        let mut state = self.state.lock();
        while state.waiting == 0 {
            if state.closed {
                return None;
            }
            self.filled.wait(&mut state);
        }
        let mut taken = VecDeque::with_capacity(most.min(state.waiting));
        while taken.len() < most
            && let Some(job) = state.next()
        {
            taken.push_back(job);
        }
        Some(taken)
    }

    /// Takes no more; what waits is still worked off.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.filled.notify_all();
    }
}

impl<J> State<J> {
    fn next(&mut self) -> Option<J> {
        let lane = self.turns.pop_front()?;
        let jobs = self.lanes.get_mut(&lane)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        self.waiting -= 1;
        job
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(of: u8) -> Lane {
        Some(AppId::new(&format!("app_{of:020}")).unwrap())
    }

    #[test]
    fn a_burst_of_one_app_leaves_the_others_their_turn() {
        let queue = FairQueue::new(1_000, 500);
        for n in 0..500 {
            queue.push(&lane(1), (1, n)).unwrap();
        }
        assert_eq!(queue.push(&lane(1), (1, 500)), Err(Refused::Full));
        queue.push(&lane(2), (2, 0)).unwrap();
        queue.push(&None, (0, 0)).unwrap();
        queue.push(&lane(2), (2, 1)).unwrap();
        let taken: Vec<_> = queue.take(6).unwrap().into();
        assert_eq!(taken, [(1, 0), (2, 0), (0, 0), (1, 1), (2, 1), (1, 2)]);
        let rest: Vec<_> = queue.take(1_000).unwrap().into();
        assert_eq!(rest.len(), 497);
        assert!(rest.iter().is_sorted(), "an app's own order is kept");
    }

    #[test]
    fn the_whole_is_bounded_too_and_a_closed_queue_is_worked_off() {
        let queue = FairQueue::new(2, 2);
        queue.push(&lane(1), 1).unwrap();
        queue.push(&lane(2), 2).unwrap();
        assert_eq!(queue.push(&lane(3), 3), Err(Refused::Full));
        queue.close();
        assert_eq!(queue.push(&lane(3), 3), Err(Refused::Closed));
        assert_eq!(queue.take(9).map(Vec::from), Some(vec![1, 2]));
        assert_eq!(queue.take(9), None);
    }
}
