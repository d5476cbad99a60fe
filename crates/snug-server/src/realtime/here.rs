//! Who has connections on this node, and who is only just gone: a page that is left for the next
//! one is not told as going.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use snug_core::limits;
use snug_core::model::Time;

use super::attached::Connection;
use super::watches::Key;

/// A user with connections here, or who had one a moment ago.
#[derive(Debug)]
pub(super) struct Here {
    pub(super) connections: Vec<Arc<Connection>>,
    /// Does not want to be seen, and as of when that is known.
    invisible: (bool, Time),
    /// Connections that are being let in.
    expected: usize,
    /// Other nodes were told that the user is here.
    shown: bool,
    left: Option<(Instant, Time)>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Users {
    all: HashMap<Key, Here>,
    /// Whose last connection ended, the first to be gone first.
    leaving: VecDeque<(Instant, Key)>,
}

/// What became of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// As before.
    Same,
    /// Online from now on.
    On,
    /// Not online any more.
    Off,
}

/// Somebody who is gone.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) key: Key,
    pub(super) at: Time,
    /// It is to be told.
    pub(super) shown: bool,
    /// Nobody is being let in: the user's events are not heard any more.
    pub(super) forgotten: bool,
}

impl Users {
    /// The connections of a user, none as a rule.
    pub(super) fn of(&self, key: &Key) -> &[Arc<Connection>] {
        self.all.get(key).map_or(&[], |here| &here.connections)
    }

    pub(super) fn connections(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.all.values().flat_map(|here| &here.connections)
    }

    /// Whether the user has a connection here and may be seen.
    pub(super) fn is_seen(&self, key: &Key) -> bool {
        self.all.get(key).is_some_and(|here| !here.connections.is_empty() && !here.invisible.0)
    }

    /// Whether others are told that the user is here.
    pub(super) fn is_shown(&self, key: &Key) -> bool {
        self.all.get(key).is_some_and(|here| here.shown)
    }

    /// A connection is being let in: the user's events are heard from here on. Says whether they
    /// were not before.
    pub(super) fn expect(&mut self, key: &Key) -> bool {
        let known = self.all.contains_key(key);
        self.all.entry(key.clone()).or_insert_with(Here::nobody).expected += 1;
        !known
    }

    /// It is in, or not to come. Says whether the user is forgotten.
    pub(super) fn came(&mut self, key: &Key) -> bool {
        let Some(here) = self.all.get_mut(key) else { return false };
        here.expected = here.expected.saturating_sub(1);
        let over = here.expected == 0 && here.connections.is_empty() && here.left.is_none();
        if over {
            self.all.remove(key);
        }
        over
    }

    /// Adds a connection that was expected. Of how the user wants to be seen the newest holds.
    pub(super) fn add(
        &mut self,
        key: &Key,
        connection: Arc<Connection>,
        invisible: (bool, Time),
    ) -> Shown {
        let here = self.all.entry(key.clone()).or_insert_with(Here::nobody);
        here.connections.push(connection);
        here.left = None;
        here.see(invisible)
    }

    /// Takes a connection away; says whether it was the user's last. The user stays known until
    /// `gone` says otherwise.
    pub(super) fn remove(&mut self, key: &Key, connection: u64, now: (Instant, Time)) -> bool {
        let Some(here) = self.all.get_mut(key) else { return false };
        here.connections.retain(|one| one.id != connection);
        let last = here.connections.is_empty() && here.left.is_none();
        if last {
            here.left = Some(now);
            self.leaving.push_back((now.0, key.clone()));
        }
        last
    }

    /// The user goes out of sight, or comes back.
    pub(super) fn set_invisible(&mut self, key: &Key, invisible: (bool, Time)) -> Shown {
        self.all.get_mut(key).map_or(Shown::Same, |here| here.see(invisible))
    }

    /// Who has been away for as long as that counts as going.
    pub(super) fn gone(&mut self, now: Instant) -> Vec<Gone> {
        let grace = Duration::from_millis(limits::PRESENCE_GRACE_MS);
        let mut gone = Vec::new();
        while let Some((left, _)) = self.leaving.front() {
            if now.duration_since(*left) < grace {
                break;
            }
            let Some((left, key)) = self.leaving.pop_front() else { break };
            let went = self.all.get(&key).and_then(|here| here.left).filter(|(at, _)| *at == left);
            let Some((_, at)) = went else { continue };
            let Some(here) = self.all.get_mut(&key) else { continue };
            let shown = std::mem::take(&mut here.shown);
            here.left = None;
            let forgotten = here.expected == 0;
            if forgotten {
                self.all.remove(&key);
            }
            gone.push(Gone { key, at, shown, forgotten });
        }
        gone
    }

    /// Everybody who could be seen: the node ends.
    pub(super) fn all_shown(&self, now: Time) -> Vec<Gone> {
        let shown = self.all.iter().filter(|(_, here)| here.shown);
        shown
            .map(|(key, here)| {
                let at = here.left.map_or(now, |(_, at)| at);
                Gone { key: key.clone(), at, shown: true, forgotten: false }
            })
            .collect()
    }
}

impl Here {
    fn nobody() -> Self {
        let (connections, invisible) = (Vec::new(), (false, Time(0)));
        Self { connections, invisible, expected: 0, shown: false, left: None }
    }

    fn see(&mut self, invisible: (bool, Time)) -> Shown {
        if invisible.1 >= self.invisible.1 {
            self.invisible = invisible;
        }
        self.settle()
    }

    fn settle(&mut self) -> Shown {
        let show = !self.invisible.0 && (self.shown || !self.connections.is_empty());
        match (std::mem::replace(&mut self.shown, show), show) {
            (false, true) => Shown::On,
            (true, false) => Shown::Off,
            _ => Shown::Same,
        }
    }
}
