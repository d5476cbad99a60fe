//! The store as the engine of the simulation sees it: the real one behind a seam that can lose
//! the answer to a commit and, for the checker's self-test, break one promise. Everything that
//! is not broken goes straight through (`through`).

mod marks;
mod messages;
mod outbox;
mod receipts;
mod scheduled;
mod threads;
mod through;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use snug_core::ids::MessageId;
use snug_sqlite::SqliteStore;

/// A promise that the self-test breaks on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Break {
    #[default]
    Nothing,
    /// An acked message cannot be read any more.
    DropAcked,
    /// What the room itself said cannot be read any more.
    DropSystem,
    /// Two messages are answered with one seq.
    ReuseSeq,
    /// Some readers are shown two neighbours the other way round.
    SwapOrder,
    /// A conflicting repeat is answered like a repeat.
    AckConflict,
    /// A read of something older moves the cursor back.
    CursorBack,
    /// The room list miscounts own messages.
    MiscountUnread,
    /// Room syncs leave out who joined and left.
    ForgetMembers,
    /// User syncs leave out the first changed room.
    ForgetRoom,
    /// Own settings are told neither at once nor by user syncs.
    ForgetOwn,
    /// Policy is shown a removed member as active.
    TrustRemoved,
    /// The hub tells removed users of what happens.
    TellRemoved,
    /// Closed sessions' tokens stay good.
    KeepTokens,
    /// Who deleted a message for oneself is shown it as before.
    ShowDeleted,
    /// Syncs leave out own marks.
    ForgetMarks,
    /// The list shows the invited what is in the room.
    ShowInvited,
    /// What a room says of who may do what is not looked at.
    IgnorePolicy,
    /// A read of something older moves a thread's cursor back.
    ThreadBack,
    /// What was scheduled and taken back stays.
    KeepCancelled,
    /// What is due within the hour is due.
    SendEarly,
    /// What was scheduled and sent stays.
    KeepSent,
}

/// The real store, behind the seam.
pub(crate) struct SeamStore {
    inner: Arc<SqliteStore>,
    fault: Break,
    lose_answer: AtomicBool,
    reads: AtomicU64,
    hidden: Mutex<BTreeSet<MessageId>>,
}

impl SeamStore {
    pub(crate) fn new(inner: Arc<SqliteStore>, fault: Break) -> Self {
        Self {
            inner,
            fault,
            lose_answer: AtomicBool::new(false),
            reads: AtomicU64::new(0),
            hidden: Mutex::default(),
        }
    }

    /// The next append commits, and the engine is told that the store went away.
    pub(crate) fn lose_next_answer(&self, on: bool) {
        self.lose_answer.store(on, Ordering::Relaxed);
    }

    fn is(&self, fault: Break) -> bool {
        self.fault == fault
    }

    /// Every third time.
    fn now_and_then(&self) -> bool {
        self.reads.fetch_add(1, Ordering::Relaxed) % 3 == 2
    }
}
