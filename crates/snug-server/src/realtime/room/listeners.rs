//! Who listens to a room. A list in the order of the connections' numbers, and no table: it is kept
//! for every room of every session, most rooms are small, and news go through all of it. Who comes
//! stands last, since numbers rise; who goes moves those behind.

use std::sync::Arc;

use super::super::hub::Connection;

/// One connection's interest in the room.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) connection: Arc<Connection>,
    /// Gets every event; the others get light heads.
    pub(super) open: bool,
    /// Reads a channel without being in it: who is asked in, or goes, is not theirs to hear.
    pub(super) guest: bool,
    /// The room's rev at which the user is known to have been a member.
    pub(super) sure_at: u64,
    /// What happened below this rev is not told: it was read, or the user was out then.
    pub(super) since: u64,
}

/// Each connection once.
#[derive(Debug, Default)]
pub(super) struct Listeners(Vec<Listener>);

impl Listeners {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Listener> {
        self.0.iter()
    }

    pub(super) fn has(&self, connection: u64) -> bool {
        self.place(connection).is_ok()
    }

    pub(super) fn get_mut(&mut self, connection: u64) -> Option<&mut Listener> {
        let at = self.place(connection).ok()?;
        self.0.get_mut(at)
    }

    pub(super) fn get_or_insert(
        &mut self,
        connection: u64,
        fresh: impl FnOnce() -> Listener,
    ) -> &mut Listener {
        let at = match self.place(connection) {
            Ok(at) => at,
            Err(at) => {
                if self.0.len() == self.0.capacity() {
                    // A quarter more: twice as much is kept by every small room for nothing.
                    self.0.reserve_exact(self.0.len() / 4 + 1);
                }
                self.0.insert(at, fresh());
                at
            }
        };
        &mut self.0[at]
    }

    pub(super) fn remove(&mut self, connection: u64) -> bool {
        let found = self.place(connection);
        if let Ok(at) = found {
            self.0.remove(at);
            self.shrink();
        }
        found.is_ok()
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&mut Listener) -> bool) {
        self.0.retain_mut(keep);
        self.shrink();
    }

    /// All of them; nobody listens afterwards.
    pub(super) fn take(&mut self) -> Vec<Listener> {
        std::mem::take(&mut self.0)
    }

    fn shrink(&mut self) {
        let len = self.0.len();
        if len < self.0.capacity() / 4 {
            self.0.shrink_to(len + len / 4);
        }
    }

    /// Where the connection stands, or would.
    fn place(&self, connection: u64) -> Result<usize, usize> {
        match self.0.last() {
            Some(last) if last.connection.id >= connection => {
                self.0.binary_search_by_key(&connection, |one| one.connection.id)
            }
            _ => Err(self.0.len()),
        }
    }
}
