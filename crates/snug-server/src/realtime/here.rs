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
    connections: Vec<Arc<Connection>>,
    /// Does not want to be seen, and as of when that is known.
    invisible: (bool, Time),
    /// Connections that are being let in: they hear of the user, and nobody hears of them.
    expected: Vec<Arc<Connection>>,
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

/// What a connection was that is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removed {
    /// It was in.
    In,
    /// It was being let in.
    Expected,
    /// The same, and nobody else is here: the user's events are not heard any more.
    Forgotten,
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
    /// The connections of a user that are in, none as a rule.
    pub(super) fn of(&self, key: &Key) -> &[Arc<Connection>] {
        self.all.get(key).map_or(&[], |here| &here.connections)
    }

    /// Also those that are being let in: all that hear of the user.
    pub(super) fn hearing(&self, key: &Key) -> Vec<Arc<Connection>> {
        self.all.get(key).map_or_else(Vec::new, |here| here.all().cloned().collect())
    }

    /// All of everybody's, also those that are being let in.
    pub(super) fn connections(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.all.values().flat_map(Here::all)
    }

    /// Whether the user has a connection here and may be seen.
    pub(super) fn is_seen(&self, key: &Key) -> bool {
        self.all.get(key).is_some_and(|here| !here.connections.is_empty() && !here.invisible.0)
    }

    /// Whether others are told that the user is here.
    pub(super) fn is_shown(&self, key: &Key) -> bool {
        self.all.get(key).is_some_and(|here| here.shown)
    }

    /// A connection is being let in: it hears of its user from here on. Says whether the user's
    /// events were not heard before.
    pub(super) fn expect(&mut self, key: &Key, connection: Arc<Connection>) -> bool {
        let known = self.all.contains_key(key);
        let here = self.all.entry(key.clone()).or_insert_with(Here::nobody);
        here.expected.push(connection);
        !known
    }

    /// A connection that was expected is in. Of how the user wants to be seen the newest holds.
    pub(super) fn add(
        &mut self,
        key: &Key,
        connection: &Arc<Connection>,
        invisible: (bool, Time),
    ) -> Shown {
        let here = self.all.entry(key.clone()).or_insert_with(Here::nobody);
        here.expect_no_more(connection.id);
        if here.connections.is_empty() {
            // Most users have one.
            here.connections.reserve_exact(1);
        }
        here.connections.push(connection.clone());
        here.left = None;
        here.see(invisible)
    }

    /// Takes a connection away. After the last that was in, the user stays known until `gone`
    /// says otherwise.
    pub(super) fn remove(&mut self, key: &Key, connection: u64, now: (Instant, Time)) -> Removed {
        let Some(here) = self.all.get_mut(key) else { return Removed::Expected };
        let Some(at) = here.connections.iter().position(|one| one.id == connection) else {
            here.expect_no_more(connection);
            if here.all().next().is_some() || here.left.is_some() {
                return Removed::Expected;
            }
            self.all.remove(key);
            return Removed::Forgotten;
        };
        here.connections.remove(at);
        if here.connections.is_empty() {
            here.left = Some(now);
            self.leaving.push_back((now.0, key.clone()));
        }
        Removed::In
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
            let forgotten = here.expected.is_empty();
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
        Self { connections, invisible, expected: Vec::new(), shown: false, left: None }
    }

    /// Who hears of the user.
    fn all(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.expected.iter().chain(&self.connections)
    }

    fn expect_no_more(&mut self, connection: u64) {
        self.expected.retain(|one| one.id != connection);
        if self.expected.is_empty() {
            self.expected = Vec::new();
        }
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

#[cfg(test)]
mod tests {
    use snug_core::ids::{AppId, SessionId, UserId};

    use super::super::attached::{Way, Who};
    use super::super::outbox::Outbox;
    use super::super::watches::Watches;
    use super::super::wire::Nowhere;
    use super::*;

    fn key() -> Key {
        (AppId::from_stored("app_00000000000000000000"), UserId::new("ann").unwrap())
    }

    fn connection(id: u64) -> Arc<Connection> {
        let ((app, user), session) = (key(), SessionId::from_stored("ses_1"));
        let who = Who { app: &app, user: &user, session: &session };
        let way = Way::Frames(Arc::new(Outbox::new(Nowhere)));
        Connection::new(id, &who, way, Watches::new(1))
    }

    fn hearing(users: &Users) -> Vec<u64> {
        users.hearing(&key()).iter().map(|one| one.id).collect()
    }

    #[test]
    fn who_is_being_let_in_hears_and_is_not_heard_of() {
        let (mut users, now) = (Users::default(), (Instant::now(), Time(7)));
        assert!(users.expect(&key(), connection(1)), "from here on the events are heard");
        assert!(!users.expect(&key(), connection(2)));
        assert_eq!((hearing(&users), users.of(&key()).len()), (vec![1, 2], 0));
        assert!(!users.is_seen(&key()) && !users.is_shown(&key()));
        assert_eq!(users.connections().count(), 2);
        assert_eq!(users.remove(&key(), 1, now), Removed::Expected);
        assert_eq!(users.remove(&key(), 2, now), Removed::Forgotten);
        assert!(users.all.is_empty() && users.leaving.is_empty(), "nobody has been here");
    }

    #[test]
    fn who_is_in_is_known_until_gone_for_a_while() {
        let (mut users, now) = (Users::default(), (Instant::now(), Time(7)));
        let (first, second) = (connection(1), connection(2));
        users.expect(&key(), first.clone());
        assert_eq!(users.add(&key(), &first, (false, Time(1))), Shown::On);
        assert_eq!((hearing(&users), users.of(&key()).len()), (vec![1], 1));
        assert!(!users.expect(&key(), second), "known already");
        assert_eq!(users.remove(&key(), 1, now), Removed::In);
        assert!(!users.is_seen(&key()) && users.is_shown(&key()), "perhaps only a new page");
        let later = now.0 + Duration::from_millis(limits::PRESENCE_GRACE_MS);
        let gone = users.gone(later);
        assert_eq!(
            gone.iter().map(|one| (one.shown, one.forgotten)).collect::<Vec<_>>(),
            [(true, false)]
        );
        assert_eq!(users.remove(&key(), 2, now), Removed::Forgotten, "it never came");
        assert!(users.all.is_empty());
    }

    #[test]
    fn who_turns_invisible_while_coming_in_is_never_shown() {
        let mut users = Users::default();
        let one = connection(1);
        users.expect(&key(), one.clone());
        assert_eq!(users.set_invisible(&key(), (true, Time(2))), Shown::Same);
        let as_read_before = (false, Time(1));
        assert_eq!(users.add(&key(), &one, as_read_before), Shown::Same);
        assert!(!users.is_seen(&key()));
    }
}
