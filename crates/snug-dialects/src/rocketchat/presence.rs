//! Who is there: from the connections of this node, and from what their clients say meanwhile.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use snug_core::ids::{AppId, UserId};
use snug_core::limits;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;

use super::door::Door;
use crate::host::Presence;

/// A user's status, in the vendor's order of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Offline,
    Online,
    Away,
    Busy,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Online => "online",
            Self::Away => "away",
            Self::Busy => "busy",
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        [Self::Offline, Self::Online, Self::Away, Self::Busy]
            .into_iter()
            .find(|status| status.name() == name)
    }

    pub(super) fn number(self) -> u8 {
        match self {
            Self::Offline => 0,
            Self::Online => 1,
            Self::Away => 2,
            Self::Busy => 3,
        }
    }
}

type Key = (AppId, UserId);

/// What users' clients said of them.
#[derive(Debug, Default)]
pub(super) struct Statuses {
    /// The last word of a connection that is still there.
    said: Mutex<HashMap<Key, (u64, Status)>>,
    /// What users said of themselves until they say otherwise, but for that they are online.
    kept: Mutex<HashMap<Key, Status>>,
    numbers: AtomicU64,
}

/// A connection's word on its user; taken back when dropped.
pub(super) struct Word {
    door: Arc<Door>,
    key: Key,
    number: u64,
}

impl Drop for Word {
    fn drop(&mut self) {
        let mut said = self.door.statuses.said.lock();
        if said.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            said.remove(&self.key);
            drop(said);
            self.door.look_again(&self.key);
        }
    }
}

impl Door {
    /// Nobody without a connection on this node is there, whatever was said.
    pub(super) fn status(&self, app: &AppId, user: &UserId) -> Status {
        if !self.host.is_online(app, user) {
            return Status::Offline;
        }
        let key = (app.clone(), user.clone());
        if let Some(status) = self.statuses.kept.lock().get(&key) {
            return *status;
        }
        self.statuses.said.lock().get(&key).map_or(Status::Online, |(_, status)| *status)
    }

    /// Takes a client's word on its user.
    pub(super) fn say_status(self: &Arc<Self>, app: &AppId, user: &UserId, status: Status) -> Word {
        let key = (app.clone(), user.clone());
        let number = self.statuses.numbers.fetch_add(1, Ordering::Relaxed);
        self.statuses.said.lock().insert(key.clone(), (number, status));
        self.look_again(&key);
        Word { door: self.clone(), key, number }
    }

    /// Takes a user's own word, which stands until there is another one, whatever connections say
    /// meanwhile. Of too many the one of somebody is forgotten.
    pub(super) fn keep_status(&self, app: &AppId, user: &UserId, status: Status) {
        let key = (app.clone(), user.clone());
        let before = {
            let mut kept = self.statuses.kept.lock();
            let before = kept.remove(&key);
            if kept.len() >= limits::ROCKETCHAT_STATUSES_MAX
                && let Some(somebody) = kept.keys().next().cloned()
            {
                kept.remove(&somebody);
            }
            if status != Status::Online {
                kept.insert(key.clone(), status);
            }
            before.unwrap_or(Status::Online)
        };
        if before != status {
            self.look_again(&key);
        }
    }

    fn look_again(&self, (app, user): &Key) {
        if self.host.is_online(app, user) {
            let here = Presence { app: app.clone(), user: user.clone(), online: true };
            // Nobody may be looking.
            let _ = self.host.presence().send(here);
        }
    }
}

/// Who came and went in an app, for a connection that asked to be told.
pub(super) struct Watch {
    app: AppId,
    changes: broadcast::Receiver<Presence>,
    /// Those whose last connection ended, and until when they may come back unnoticed.
    leaving: VecDeque<(Instant, UserId)>,
}

impl Watch {
    pub(super) fn new(door: &Door, app: AppId) -> Self {
        Self { app, changes: door.host.presence().subscribe(), leaving: VecDeque::new() }
    }

    /// The next user whose status is to be told. Cancel-safe.
    pub(super) async fn next(&mut self) -> UserId {
        loop {
            let due = self.leaving.front().map(|(due, _)| *due);
            tokio::select! {
                change = self.changes.recv() => match change {
                    Ok(change) if change.app == self.app => {
                        if let Some(user) = self.take(change) {
                            return user;
                        }
                    }
                    // One that was missed is made good by the user's next.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return std::future::pending().await,
                },
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    if let Some((_, user)) = self.leaving.pop_front() {
                        return user;
                    }
                }
            }
        }
    }

    fn take(&mut self, change: Presence) -> Option<UserId> {
        let Presence { user, online, .. } = change;
        self.leaving.retain(|(_, one)| *one != user);
        if online || self.leaving.len() >= limits::ROCKETCHAT_LEAVING_MAX {
            return Some(user);
        }
        let grace = Duration::from_millis(limits::ROCKETCHAT_LEAVING_MS);
        self.leaving.push_back((Instant::now() + grace, user));
        None
    }
}

/// The next of a watch; never, where there is none.
pub(super) async fn next(watch: &mut Option<Watch>) -> UserId {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}
