//! One store call on its way to a thread that owns a connection, and back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::{Connection, ErrorCode};
use snug_core::ports::{StoreError, StoreResult};
use tokio::sync::oneshot;

/// A call, whatever its answer's type. It may be run again after a rollback, so it changes
/// nothing but the transaction.
pub(crate) trait Call: Send {
    /// Runs the call; false when it failed and what it wrote must be undone.
    fn run(&mut self, conn: &Connection) -> bool;
    /// Replaces the result: the transaction around it failed.
    fn fail(&mut self, error: StoreError);
    /// Sends the result. Only after the commit.
    fn answer(self: Box<Self>);
}

struct Typed<T, F> {
    work: F,
    result: Option<StoreResult<T>>,
    reply: oneshot::Sender<StoreResult<T>>,
}

/// A call and where its answer will come.
pub(crate) fn call<T, F>(work: F) -> (Box<dyn Call>, oneshot::Receiver<StoreResult<T>>)
where
    T: Send + 'static,
    F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Typed { work, result: None, reply }), answer)
}

impl<T, F> Call for Typed<T, F>
where
    T: Send + 'static,
    F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    fn run(&mut self, conn: &Connection) -> bool {
        // A bug in one call must not end the thread that all others wait for.
        let result = catch_unwind(AssertUnwindSafe(|| (self.work)(conn))).map_or_else(
            |panic| Err(panicked(panic.as_ref())),
            |done| done.map_err(|e| failure(&e)),
        );
        let fine = result.is_ok();
        self.result = Some(result);
        fine
    }

    fn fail(&mut self, error: StoreError) {
        self.result = Some(Err(error));
    }

    fn answer(self: Box<Self>) {
        let result = self.result.unwrap_or_else(|| Err(gone()));
        // Who asked may have gone away; what was done stays done.
        drop(self.reply.send(result));
    }
}

/// The store ended before the call was answered.
pub(crate) fn gone() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> StoreError {
    let said = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    let said = said.unwrap_or_default();
    tracing::error!(said, "a store call panicked");
    StoreError::Broken(format!("the call panicked: {said}"))
}

/// What SQLite's failure means to the engine.
pub(crate) fn failure(error: &rusqlite::Error) -> StoreError {
    use ErrorCode as Code;
    match error.sqlite_error_code() {
        Some(
            Code::DatabaseBusy
            | Code::DatabaseLocked
            | Code::SystemIoFailure
            | Code::DiskFull
            | Code::CannotOpen
            | Code::OutOfMemory
            | Code::ReadOnly
            | Code::FileLockingProtocolFailed,
        ) => StoreError::Unavailable(error.to_string()),
        Some(Code::OperationInterrupted) => {
            StoreError::Unavailable("the read took too long and was ended".to_owned())
        }
        _ => StoreError::Broken(error.to_string()),
    }
}
