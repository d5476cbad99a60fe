//! Opening: the lock, the connections' settings, the schema, the threads.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use snug_core::ids::base32;
use snug_core::limits::{
    ROOMS_PER_USER_MAX, TRANSACTION_MS_MAX, WAL_BYTES_MAX, WRITER_QUEUE_MAX,
    WRITER_QUEUE_PER_APP_MAX,
};
use tokio::sync::watch;

use crate::reader::Reader;
use crate::writer::{Calls, WalBounds, Writer};
use crate::{Clock, SqliteStore, jobs, schema};

/// Prepared statements that a connection keeps; more than there are.
const STATEMENTS_KEPT: usize = 256;
/// Pages that the writer keeps in memory, in KiB. Small on purpose: in a file below 1 GiB a
/// commit that split a page walks the whole cache, and the system caches the file anyway.
const WRITER_CACHE_KIB: i64 = 8 * 1_024;
/// Pages that each reader keeps in memory, in KiB.
const READER_CACHE_KIB: i64 = 16 * 1_024;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct SqliteConfig {
    /// The database file; `None` for one in memory that ends with the store.
    pub path: Option<PathBuf>,
    /// Randomness for the install's epoch, used at the first open only.
    pub epoch_seed: [u8; 16],
    /// Threads that read; half as many more read pages.
    pub readers: usize,
    /// Bound at which the write-ahead log is checkpointed, in bytes.
    pub wal_bytes_max: u64,
    /// The longest a read may take, in milliseconds.
    pub read_ms_max: u64,
    /// Rooms that one user may be an active member of.
    pub rooms_per_user_max: usize,
}

impl SqliteConfig {
    #[must_use]
    pub fn file(path: impl Into<PathBuf>, epoch_seed: [u8; 16]) -> Self {
        Self { path: Some(path.into()), ..Self::memory(epoch_seed) }
    }

    #[must_use]
    pub fn memory(epoch_seed: [u8; 16]) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            path: None,
            epoch_seed,
            readers: cores.clamp(2, 4),
            wal_bytes_max: WAL_BYTES_MAX,
            read_ms_max: TRANSACTION_MS_MAX,
            rooms_per_user_max: ROOMS_PER_USER_MAX,
        }
    }
}

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is in use by another process; the embedded store has one", .path.display())]
    InUse { path: PathBuf },
    #[error(
        "the store's schema is version {found}, and this build knows up to {known}: \
         it was written by a newer Snug; start that one"
    )]
    Newer { found: i64, known: i64 },
    #[error("the file is a database, but not one of Snug's; name another path")]
    Foreign,
    #[error("{}: {error}", .path.display())]
    Io { path: PathBuf, error: std::io::Error },
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl SqliteStore {
    /// Opens the file, or makes it, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`]; nothing runs after it.
    pub fn open(config: SqliteConfig) -> Result<Arc<Self>, OpenError> {
        let SqliteConfig { path, epoch_seed, readers, wal_bytes_max, read_ms_max, .. } = config;
        let lock = path.as_deref().map(take_place).transpose()?;
        let mut conn = match &path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        settle(&conn, WRITER_CACHE_KIB)?;
        if path.is_some() {
            write_ahead(&conn, wal_bytes_max)?;
        }
        let mut first_epoch = String::with_capacity(26);
        base32(&epoch_seed, 26, &mut first_epoch);
        let epoch = schema::migrate(&mut conn, &first_epoch)?;
        jobs::free_all(&conn)?;

        let (end, ended) = watch::channel(false);
        let longest = Duration::from_millis(read_ms_max);
        let patience = longest + Duration::from_secs(1);
        let wal = path.as_ref().map(|_| WalBounds { bytes: wal_bytes_max, patience });
        let writes = queue();
        let writer = Writer::new(conn, Arc::clone(&writes), wal, lock, end)?;
        let (reads, pages) = match path {
            Some(_) => (queue(), queue()),
            None => (Arc::clone(&writes), Arc::clone(&writes)),
        };

        // From here on a failure drops the store, which ends the threads that run.
        let store = Self {
            writes,
            reads,
            pages,
            clock: Arc::new(Clock::default()),
            epoch,
            rooms_per_user_max: config.rooms_per_user_max,
            ended,
            threads: Mutex::new(Vec::new()),
        };
        store.start("snug-writer", || writer.run())?;
        if let Some(path) = path {
            let pagers = (readers / 2).max(1);
            for (calls, number) in [(&store.reads, readers.max(1)), (&store.pages, pagers)] {
                for conn in connect_readers(&path, number)? {
                    let reader = Reader::new(conn, Arc::clone(calls), longest)?;
                    store.start("snug-reader", || reader.run())?;
                }
            }
        }
        Ok(Arc::new(store))
    }

    fn start(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map_err(|error| OpenError::Io { path: PathBuf::from(name), error })?;
        self.threads.lock().push(thread);
        Ok(())
    }
}

fn queue() -> Arc<Calls> {
    Arc::new(Calls::new(WRITER_QUEUE_MAX, WRITER_QUEUE_PER_APP_MAX))
}

/// Makes what is missing for its owner only: messages are nobody else's. SQLite gives its log and
/// shared memory the rights of the file. What is there keeps its rights: they were somebody's choice.
fn take_place(path: &Path) -> Result<File, OpenError> {
    let io = |error| OpenError::Io { path: path.to_owned(), error };
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        owned_dir().create(dir).map_err(io)?;
    }
    let lock = lock(path)?;
    // Under the lock: closing a file that SQLite holds in this process would drop its locks.
    if !path.exists() {
        owned_file().open(path).map_err(io)?;
    }
    Ok(lock)
}

fn owned_file() -> OpenOptions {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn owned_dir() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Two writers' queues on one file would spoil each other's order and bounds.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let beside = PathBuf::from(name);
    let io = |error| OpenError::Io { path: beside.clone(), error };
    let file = owned_file().open(&beside).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

fn settle(conn: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    conn.busy_timeout(Duration::from_millis(TRANSACTION_MS_MAX))?;
    // Else a statement may be planned again for every value that is bound to it.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.pragma_update(None, "cache_size", -cache_kib)?;
    conn.pragma_update(None, "temp_store", "memory")
}

/// The page size holds for a new file only, and must be said before the log is.
fn write_ahead(conn: &Connection, wal_bytes_max: u64) -> rusqlite::Result<()> {
    conn.pragma_update(None, "page_size", 4_096)?;
    let mode: String = conn.query_row("PRAGMA journal_mode = wal", [], |row| row.get(0))?;
    if mode != "wal" {
        let message = format!("this file system allows no write-ahead log (mode {mode})");
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some(message),
        ));
    }
    // Line 1: an ack means durable. FULL syncs the log at every commit.
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    let limit = i64::try_from(wal_bytes_max).unwrap_or(i64::MAX);
    conn.query_row(&format!("PRAGMA journal_size_limit = {limit}"), [], |_| Ok(()))
}

fn connect_readers(path: &Path, number: usize) -> rusqlite::Result<Vec<Connection>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connect = |_| {
        let conn = Connection::open_with_flags(path, flags)?;
        settle(&conn, READER_CACHE_KIB)?;
        Ok(conn)
    };
    (0..number).map(connect).collect()
}
