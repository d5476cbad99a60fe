//! Connections: getting one in bounded time, a transaction that cannot leak, what a failure
//! means, and the bounded retry of what the database asks to be retried. No table is named here.

use std::error::Error;
use std::future::Future;
use std::ops::Deref;
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError,
    RecyclingMethod, Runtime, TimeoutType, Timeouts,
};
use futures_util::FutureExt;
use snug_core::limits;
use snug_core::ports::StoreError;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{WasNull, WrongType};
use tokio_postgres::{Config, NoTls};

/// Opening a connection takes no longer; a database that does not answer is told at once.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// The longest wait for one of our own connections to come free.
const WAIT_LIMIT: Duration = Duration::from_millis(limits::POOL_WAIT_MS_MAX);
/// The longest work of a call, with its retries: a transaction and a little for the way.
pub(crate) const CALL_LIMIT: Duration = Duration::from_millis(limits::TRANSACTION_MS_MAX + 1_000);
/// How often a call is tried when the database asks for a retry.
const TRIES_MAX: u32 = 8;

/// Ack means durable: a server set to lie about the commit is told not to, for our connections.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'";

/// Why a try failed.
#[derive(Debug)]
pub(crate) enum Fail {
    Database(tokio_postgres::Error),
    Pool(PoolError),
    /// As many wait for a connection as may.
    Full,
    /// A row that cannot be, or a value that the database cannot hold.
    Broken(String),
    /// No answer within [`CALL_LIMIT`].
    Late,
}

impl From<tokio_postgres::Error> for Fail {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<PoolError> for Fail {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl Fail {
    /// The database rolled back because of others and asks to do it again.
    pub(crate) fn asks_again(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        // Two batches gave one time to messages of one app: the later one chooses again.
        let same_time = error.as_db_error().is_some_and(|said| {
            *said.code() == SqlState::UNIQUE_VIOLATION
                && said.constraint() == Some("messages_by_time")
        });
        // Of statements in one flight a later one may be heard of first: why the transaction
        // failed, the next try tells.
        let after_it = SqlState::IN_FAILED_SQL_TRANSACTION;
        same_time
            || error.code() == Some(&after_it)
            || matches!(
                error.code(),
                Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
            )
    }

    /// Caused by what was asked, not by the database's state: of a batch, only one is to blame.
    pub(crate) fn is_of_the_request(&self) -> bool {
        matches!(self.meaning(), StoreError::Broken(_))
    }

    pub(crate) fn meaning(&self) -> StoreError {
        match self {
            Self::Broken(why) => StoreError::Broken(why.clone()),
            Self::Late => StoreError::Unavailable("no answer in time".to_owned()),
            // All connections are at work for others: the database is there, and what this try
            // would have done was not begun.
            Self::Full | Self::Pool(PoolError::Timeout(TimeoutType::Wait)) => {
                StoreError::Overloaded
            }
            Self::Pool(error) => StoreError::Unavailable(error.to_string()),
            Self::Database(error) => match error.as_db_error() {
                // The message names tables and columns; the detail would name customers' values.
                Some(said) if is_misuse(said.code()) => {
                    StoreError::Broken(format!("{}: {}", said.code().code(), said.message()))
                }
                Some(said) => StoreError::Unavailable(said.message().to_owned()),
                None if is_of_types(error) => StoreError::Broken(error.to_string()),
                None => StoreError::Unavailable(error.to_string()),
            },
        }
    }
}

/// A value that is not of the statement's or the column's type.
fn is_of_types(error: &tokio_postgres::Error) -> bool {
    let source = error.source();
    source.is_some_and(|source| source.is::<WrongType>() || source.is::<WasNull>())
}

/// Classes of SQLSTATE that say that a statement or a value is wrong, by the standard's table;
/// everything else is the database's own state (down, full, read-only, cancelled).
fn is_misuse(code: &SqlState) -> bool {
    matches!(&code.code()[..2], "0A" | "21" | "22" | "23" | "42" | "44" | "XX")
}

impl From<Fail> for StoreError {
    fn from(fail: Fail) -> Self {
        fail.meaning()
    }
}

/// Makes a pool. It opens nothing yet.
pub(crate) fn pool(url: &str, size: usize) -> Result<Pool, Fail> {
    let mut config: Config =
        url.parse().map_err(|error| Fail::Broken(format!("the database's URL: {error}")))?;
    let options = format!("{} {}", config.get_options().unwrap_or_default(), options());
    config
        .options(options.trim())
        .application_name("snug")
        .connect_timeout(CONNECT_LIMIT)
        .tcp_user_timeout(CALL_LIMIT)
        .keepalives_idle(Duration::from_secs(10))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(2);
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    // The one place where a TLS connector goes in; until then a URL may not demand one.
    if !matches!(config.get_ssl_mode(), SslMode::Disable | SslMode::Prefer) {
        return Err(Fail::Broken("the database's URL: no TLS yet".to_owned()));
    }
    let manager = Manager::from_config(config, NoTls, recycling);
    Pool::builder(manager)
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(WAIT_LIMIT),
            create: Some(CONNECT_LIMIT),
            recycle: Some(CONNECT_LIMIT),
        })
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(async move {
                let done = client.batch_execute(DURABLE).await;
                done.map_err(HookError::Backend)
            })
        }))
        .build()
        .map_err(|error| Fail::Broken(error.to_string()))
}

/// A pool with a bounded line in front of it.
pub(crate) struct Connections {
    pool: Pool,
    line: Semaphore,
    /// Half of the connections may read pages; their readers wait in a line of their own.
    pages: Semaphore,
    page_line: Semaphore,
}

impl Connections {
    pub(crate) fn new(pool: Pool) -> Self {
        let pages = (pool.status().max_size / 2).max(1);
        Self {
            pool,
            line: Semaphore::new(limits::POOL_WAITING_MAX),
            pages: Semaphore::new(pages),
            page_line: Semaphore::new(limits::POOL_WAITING_MAX),
        }
    }

    /// To be held by who reads many rows, from before it asks for a connection: what a send needs
    /// to read does not wait behind pages.
    pub(crate) async fn page(&self) -> Result<SemaphorePermit<'_>, Fail> {
        let _place = self.page_line.try_acquire().map_err(|_| Fail::Full)?;
        match tokio::time::timeout(WAIT_LIMIT, self.pages.acquire()).await {
            Ok(Ok(page)) => Ok(page),
            Ok(Err(_)) | Err(_) => Err(Fail::Pool(PoolError::Timeout(TimeoutType::Wait))),
        }
    }

    /// A connection, in the order of asking.
    pub(crate) async fn get(&self) -> Result<Object, Fail> {
        let _place = self.line.try_acquire().map_err(|_| Fail::Full)?;
        Ok(self.pool.get().await?)
    }
}

/// Every statement of ours finds its rows by an index; the planner may not think otherwise while
/// it has no statistics of a young table, because the plan is kept. It is kept from the first time
/// on: left alone, the database plans what takes lists anew for each batch, which was two fifths
/// of all that a send cost there.
fn options() -> String {
    let limit = limits::TRANSACTION_MS_MAX;
    format!(
        "-c statement_timeout={limit} -c idle_in_transaction_session_timeout={limit} \
         -c default_transaction_isolation=read\\ committed -c timezone=UTC -c jit=off \
         -c plan_cache_mode=force_generic_plan \
         -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
    )
}

/// A transaction. Dropped without a commit (a failure, or a call nobody waits for any more) it
/// closes its connection, and the database rolls back: a connection in an unknown state never
/// goes back to the pool.
#[derive(Debug)]
pub(crate) struct Tx {
    object: Option<Object>,
}

impl Tx {
    /// Begins without waiting: the next statement goes out right behind, in the same flight. If
    /// BEGIN could not be sent the connection is gone, and so every later statement fails too.
    pub(crate) fn begin(object: Object) -> Self {
        Self::begin_as(object, "BEGIN")
    }

    /// All statements see one snapshot.
    pub(crate) fn begin_snapshot(object: Object) -> Self {
        Self::begin_as(object, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    }

    fn begin_as(object: Object, statement: &str) -> Self {
        drop(object.batch_execute(statement).now_or_never());
        Self { object: Some(object) }
    }

    pub(crate) async fn commit(mut self) -> Result<(), Fail> {
        self.batch_execute("COMMIT").await?;
        drop(self.object.take());
        Ok(())
    }

    /// For a COMMIT that was sent along with the last statements, and succeeded with them all.
    pub(crate) fn committed(mut self) {
        drop(self.object.take());
    }

    /// Ends a transaction that wrote nothing worth keeping.
    pub(crate) async fn rollback(mut self) -> Result<(), Fail> {
        self.batch_execute("ROLLBACK").await?;
        drop(self.object.take());
        Ok(())
    }
}

impl Deref for Tx {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        self.object.as_ref().expect("open until consumed")
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

/// Tries until it succeeds, fails for good, or the time is up: that of the work, and that of a
/// wait for a connection, so that who waited long still has its time.
pub(crate) async fn bounded<T, F, Fut>(mut attempt: F) -> Result<T, Fail>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Fail>>,
{
    let tries = async {
        let mut left = TRIES_MAX;
        loop {
            left -= 1;
            match attempt().await {
                Err(fail) if fail.asks_again() && left > 0 => {
                    tracing::debug!(?fail, "the database asks for a retry");
                }
                other => return other,
            }
        }
    };
    match tokio::time::timeout(WAIT_LIMIT + CALL_LIMIT, tries).await {
        Ok(done) => done,
        Err(_) => Err(Fail::Late),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snug_testkit::PgServer;

    #[tokio::test]
    async fn who_waits_too_long_is_told_that_the_store_is_overloaded() {
        let url = PgServer::shared().create_database();
        let connections = Connections::new(pool(&url, 1).unwrap());
        let held = connections.get().await.unwrap();
        // From here on the clock jumps to the next thing that is waited for.
        tokio::time::pause();
        let told = connections.get().await.expect_err("the one connection is held");
        assert_eq!(told.meaning(), StoreError::Overloaded);
        drop(held);
        drop(connections.get().await.unwrap());
    }

    #[tokio::test]
    async fn pages_leave_connections_to_the_others() {
        let url = PgServer::shared().create_database();
        let connections = Connections::new(pool(&url, 4).unwrap());
        let pages = [connections.page().await.unwrap(), connections.page().await.unwrap()];
        let held = [connections.get().await.unwrap(), connections.get().await.unwrap()];
        drop(connections.get().await.unwrap());
        tokio::time::pause();
        let told = connections.page().await.map(drop).expect_err("both places are taken");
        assert_eq!(told.meaning(), StoreError::Overloaded);
        drop((pages, held));
        drop(connections.page().await.unwrap());
    }
}
