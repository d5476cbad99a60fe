//! A connection as the hub knows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hashbrown::HashSet;
use parking_lot::Mutex;
use snug_core::ids::{AppId, RoomId, SessionId, UserId};
use snug_core::limits;
use snug_proto::CloseCode;

use super::mailbox::Mailbox;
use super::outbox::Outbox;
use super::watches::Watches;
use super::wire::Nowhere;

/// One live socket of a session.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: u64,
    pub(super) app: AppId,
    pub(super) user: UserId,
    pub(super) session: Mutex<SessionId>,
    pub(super) outbox: Arc<Outbox>,
    /// Another system's wire: events instead of frames.
    pub(super) mailbox: Option<Mailbox>,
    all_rooms: AtomicBool,
    watches: Arc<Watches>,
    /// The session is being exchanged for a newer one of the same device.
    rebinding: AtomicBool,
    pub(super) rooms: Mutex<Listening>,
    /// Where this connection typed last, and when.
    typed: Mutex<Option<Typed>>,
    /// What the request under way costs beside its answer, in bytes of answers.
    beside: AtomicUsize,
}

#[derive(Debug)]
struct Typed {
    room: RoomId,
    told_at: Instant,
    on: bool,
}

#[derive(Debug, Default)]
pub(super) struct Listening {
    /// Each once, as the room's own listeners say; a list, since it is kept for every session, and
    /// nobody looks for one in it but when a room is left.
    pub(super) joined: Vec<RoomId>,
    pub(super) open: HashSet<RoomId>,
    /// Detached: a join that was under way must not bring it back.
    pub(super) gone: bool,
}

/// Who a connection is.
#[derive(Debug)]
pub(super) struct Who<'a> {
    pub(super) app: &'a AppId,
    pub(super) user: &'a UserId,
    pub(super) session: &'a SessionId,
}

impl Connection {
    pub(super) fn new(id: u64, who: &Who<'_>, way: Way, watches: Arc<Watches>) -> Arc<Self> {
        let (outbox, mailbox) = match way {
            Way::Frames(outbox) => (outbox, None),
            Way::Events(mailbox) => (Arc::new(Outbox::new(Nowhere)) as Arc<Outbox>, Some(mailbox)),
        };
        Arc::new(Self {
            id,
            app: who.app.clone(),
            user: who.user.clone(),
            session: Mutex::new(who.session.clone()),
            outbox,
            mailbox,
            all_rooms: AtomicBool::new(false),
            watches,
            rebinding: AtomicBool::new(false),
            rooms: Mutex::default(),
            typed: Mutex::default(),
            beside: AtomicUsize::new(0),
        })
    }

    /// Hands an event itself to a connection that speaks another wire; `false` for a native one.
    pub(super) fn mail(&self, put: impl FnOnce(&Mailbox) -> bool) -> bool {
        let Some(mailbox) = &self.mailbox else { return false };
        if self.outbox.ending().is_none() && !put(mailbox) {
            self.outbox.end(CloseCode::SlowReader, None);
        }
        true
    }

    /// Its request makes others work: paid for with the answer.
    pub(super) fn charge(&self, bytes: usize) {
        self.beside.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What was charged since this was asked last.
    pub(super) fn charged(&self) -> usize {
        self.beside.swap(0, Ordering::Relaxed)
    }

    pub(super) fn wants_all(&self) -> bool {
        self.all_rooms.load(Ordering::Relaxed)
    }

    pub(super) fn set_all(&self, on: bool) {
        self.all_rooms.store(on, Ordering::Relaxed);
    }

    pub(super) fn has_open(&self, room: &RoomId) -> bool {
        self.rooms.lock().open.contains(room)
    }

    /// Whether saying so again tells nobody anything: typing within a second of the last time it
    /// was told, or having stopped already.
    pub(super) fn typing_is_known(&self, room: &RoomId, on: bool) -> bool {
        let now = Instant::now();
        let every = Duration::from_millis(limits::TYPING_EVERY_MS);
        let mut typed = self.typed.lock();
        let told = match typed.as_mut().filter(|typed| typed.room == *room) {
            Some(typed) if on && now - typed.told_at < every => return true,
            Some(typed) if !on && !typed.on => return true,
            Some(typed) if !on => typed.told_at,
            _ => now,
        };
        *typed = Some(Typed { room: room.clone(), told_at: told, on });
        false
    }

    pub(super) fn forget(&self, room: &RoomId) {
        let mut rooms = self.rooms.lock();
        if let Some(at) = rooms.joined.iter().position(|one| one == room) {
            rooms.joined.swap_remove(at);
        }
        rooms.open.remove(room);
        drop(rooms);
        self.watches.unwatch(self, room);
    }

    /// Whether it hears a room.
    pub(super) fn hears(&self, room: &RoomId) -> bool {
        self.rooms.lock().joined.contains(room)
    }

    /// Whether its session is being exchanged at this moment.
    pub(super) fn rebinds(&self) -> bool {
        self.rebinding.load(Ordering::SeqCst)
    }

    /// While on, closing the old session does not close this connection.
    pub(super) fn rebind(&self, on: bool) {
        self.rebinding.store(on, Ordering::SeqCst);
    }

    pub(super) fn set_session(&self, session: SessionId) {
        *self.session.lock() = session;
    }
}

/// How a connection is told.
#[derive(Debug)]
pub(super) enum Way {
    /// By frames, which leave through its socket.
    Frames(Arc<Outbox>),
    /// In another system's wire.
    Events(Mailbox),
}
