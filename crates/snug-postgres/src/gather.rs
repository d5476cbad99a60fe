//! Appends on their way into the store: a bounded queue, fair between apps, and the workers that
//! take what has gathered and write it with one commit.
//!
//! A worker never waits for a room that another transaction (another node's, a change of members)
//! holds: the room leaves the batch and waits for its lock on a worker of its own kind, of which
//! one app cannot take all. A room is in one worker's hands at a time, so we never contend with
//! ourselves and appends of one room keep their order. What an append does to a room is decided
//! in `append`, its statements are in `messages`.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use deadpool_postgres::Pool;
use futures_util::FutureExt;
use parking_lot::Mutex;
use snug_core::ids::{AppId, RoomId};
use snug_core::limits;
use snug_core::ports::{Append, AppendOutcome, StoreError, StoreResult};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::messages::{self, Held};
use crate::pool::{CALL_LIMIT, Fail, Tx, bounded};
use crate::write;

/// An append whose caller waits.
#[derive(Debug)]
struct Job {
    append: Append,
    reply: oneshot::Sender<StoreResult<AppendOutcome>>,
}

/// The way in. Dropping it ends the workers; what they hold is answered `Unavailable`.
#[derive(Debug)]
pub(crate) struct Gather {
    queue: Arc<Queue>,
    _workers: JoinSet<()>,
}

impl Gather {
    /// Starts `gatherers` workers for batches and `waiters` for rooms that others hold.
    pub(crate) fn start(pool: &Pool, gatherers: usize, waiters: usize) -> Self {
        let queue = Arc::new(Queue {
            state: Mutex::new(State::default()),
            ready: Notify::new(),
            held: Notify::new(),
            held_per_app: waiters.saturating_sub(1).max(1),
        });
        let mut workers = JoinSet::new();
        for _ in 0..gatherers {
            workers.spawn(gather(queue.clone(), pool.clone()));
        }
        for _ in 0..waiters {
            workers.spawn(wait_for_held(queue.clone(), pool.clone()));
        }
        Self { queue, _workers: workers }
    }

    pub(crate) async fn append(&self, append: Append) -> StoreResult<AppendOutcome> {
        let (reply, answer) = oneshot::channel();
        self.queue.push(Job { append, reply })?;
        // Once for the wait in the queue, once for the batch.
        match timeout(CALL_LIMIT * 2, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(StoreError::Unavailable("the store was closed".to_owned())),
            Err(_) => Err(Fail::Late.meaning()),
        }
    }
}

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    ready: Notify,
    held: Notify,
    /// Rooms of one app that may be waited for at one time.
    held_per_app: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: usize,
    apps: HashMap<AppId, AppQueue>,
    /// Apps with a room to write, and apps with a room to wait for, by whose turn it is.
    turn: VecDeque<AppId>,
    held_turn: VecDeque<AppId>,
}

#[derive(Debug, Default)]
struct AppQueue {
    waiting: usize,
    rooms: HashMap<RoomId, VecDeque<Job>>,
    /// Rooms with jobs that are in nobody's hands.
    ready: VecDeque<RoomId>,
    held: VecDeque<RoomId>,
    held_now: usize,
}

/// The jobs of one room, taken out; the room stays in the taker's hands until `finish`.
#[derive(Debug)]
struct Taken {
    app: AppId,
    room: RoomId,
    jobs: Vec<Job>,
}

impl Queue {
    fn push(&self, job: Job) -> StoreResult<()> {
        let mut state = self.state.lock();
        let app_id = job.append.app.clone();
        let waiting = state.apps.get(&app_id).map_or(0, |app| app.waiting);
        if state.waiting >= limits::WRITER_QUEUE_MAX || waiting >= limits::WRITER_QUEUE_PER_APP_MAX
        {
            return Err(StoreError::Overloaded);
        }
        state.waiting += 1;
        let app = state.apps.entry(app_id.clone()).or_default();
        app.waiting += 1;
        // A room that is known is in somebody's hands, or has its place in the turn.
        if let Some(jobs) = app.rooms.get_mut(&job.append.room) {
            jobs.push_back(job);
            return Ok(());
        }
        let room = job.append.room.clone();
        app.rooms.insert(room.clone(), VecDeque::from([job]));
        app.ready.push_back(room);
        if app.ready.len() == 1 {
            state.turn.push_back(app_id);
        }
        drop(state);
        self.ready.notify_one();
        Ok(())
    }

    /// What has gathered, at most a batch, shared out between the apps that have some.
    async fn take(&self) -> Vec<Taken> {
        loop {
            let notified = self.ready.notified();
            let (batch, more) = self.state.lock().take();
            if more {
                self.ready.notify_one();
            }
            if !batch.is_empty() {
                return batch;
            }
            notified.await;
        }
    }

    async fn take_held(&self) -> Taken {
        loop {
            let notified = self.held.notified();
            let (taken, more) = self.state.lock().take_held(self.held_per_app);
            if more {
                self.held.notify_one();
            }
            if let Some(taken) = taken {
                return taken;
            }
            notified.await;
        }
    }

    /// Gives a room back; `unwritten` go before what came in meanwhile, to be waited for.
    fn finish(&self, app: &AppId, room: &RoomId, unwritten: Vec<Job>) {
        let hold = !unwritten.is_empty();
        self.state.lock().finish(app, room, unwritten);
        if hold {
            self.held.notify_one();
        } else {
            self.ready.notify_one();
        }
    }

    fn finish_held(&self, app: &AppId, room: &RoomId) {
        self.state.lock().finish_held(app);
        self.held.notify_one();
        self.finish(app, room, Vec::new());
    }
}

impl State {
    fn take(&mut self) -> (Vec<Taken>, bool) {
        let mut batch = Vec::new();
        let mut space = limits::GROUP_COMMIT_MAX;
        let turns = self.turn.len();
        for _ in 0..turns {
            let share = (limits::GROUP_COMMIT_MAX / turns).clamp(1, space);
            let Some(id) = self.turn.pop_front() else {
                break;
            };
            let Some(app) = self.apps.get_mut(&id) else {
                continue;
            };
            let mut left = share;
            while left > 0
                && let Some(room) = app.ready.pop_front()
            {
                let jobs = app.drain(&room, left);
                left -= jobs.len();
                batch.push(Taken { app: id.clone(), room, jobs });
            }
            let taken = share - left;
            self.waiting -= taken;
            space -= taken;
            if !app.ready.is_empty() {
                self.turn.push_back(id);
            }
            if space == 0 {
                break;
            }
        }
        (batch, !self.turn.is_empty())
    }

    fn take_held(&mut self, per_app: usize) -> (Option<Taken>, bool) {
        while let Some(id) = self.held_turn.pop_front() {
            let Some(app) = self.apps.get_mut(&id) else {
                continue;
            };
            if app.held_now >= per_app {
                // It comes back to the turn when it lets go of one.
                continue;
            }
            let Some(room) = app.held.pop_front() else {
                continue;
            };
            let jobs = app.drain(&room, limits::GROUP_COMMIT_MAX);
            app.held_now += 1;
            self.waiting -= jobs.len();
            if !app.held.is_empty() {
                self.held_turn.push_back(id.clone());
            }
            let taken = Taken { app: id, room, jobs };
            return (Some(taken), !self.held_turn.is_empty());
        }
        (None, false)
    }

    fn finish(&mut self, id: &AppId, room: &RoomId, unwritten: Vec<Job>) {
        let Some(app) = self.apps.get_mut(id) else {
            return;
        };
        let Some(jobs) = app.rooms.get_mut(room) else {
            return;
        };
        self.waiting += unwritten.len();
        app.waiting += unwritten.len();
        let hold = !unwritten.is_empty();
        for job in unwritten.into_iter().rev() {
            jobs.push_front(job);
        }
        if hold {
            app.held.push_back(room.clone());
            if app.held.len() == 1 {
                self.held_turn.push_back(id.clone());
            }
        } else if jobs.is_empty() {
            app.rooms.remove(room);
            if app.rooms.is_empty() && app.held_now == 0 {
                self.apps.remove(id);
            }
        } else {
            app.ready.push_back(room.clone());
            if app.ready.len() == 1 {
                self.turn.push_back(id.clone());
            }
        }
    }

    fn finish_held(&mut self, id: &AppId) {
        if let Some(app) = self.apps.get_mut(id) {
            app.held_now -= 1;
            if !app.held.is_empty() && !self.held_turn.contains(id) {
                self.held_turn.push_back(id.clone());
            }
        }
    }
}

impl AppQueue {
    fn drain(&mut self, room: &RoomId, most: usize) -> Vec<Job> {
        let Some(jobs) = self.rooms.get_mut(room) else {
            return Vec::new();
        };
        let taken: Vec<Job> = jobs.drain(..jobs.len().min(most)).collect();
        self.waiting -= taken.len();
        taken
    }
}

/// Writes batches, passing over rooms that others hold.
async fn gather(queue: Arc<Queue>, pool: Pool) {
    loop {
        let batch = queue.take().await;
        let mut rooms = Vec::with_capacity(batch.len());
        let mut jobs = Vec::new();
        for taken in batch {
            rooms.push((taken.app, taken.room));
            jobs.extend(taken.jobs);
        }
        let unwritten = guarded(write(&pool, jobs, Held::Skip)).await;
        let mut by_room: HashMap<(AppId, RoomId), Vec<Job>> = HashMap::new();
        for job in unwritten {
            let key = (job.append.app.clone(), job.append.room.clone());
            by_room.entry(key).or_default().push(job);
        }
        for key in rooms {
            let unwritten = by_room.remove(&key).unwrap_or_default();
            queue.finish(&key.0, &key.1, unwritten);
        }
    }
}

/// Writes one room's jobs after another, waiting for its lock.
async fn wait_for_held(queue: Arc<Queue>, pool: Pool) {
    loop {
        let taken = queue.take_held().await;
        for job in guarded(write(&pool, taken.jobs, Held::Wait)).await {
            // One of them is to blame for the failure of all: each on its own.
            guarded(write(&pool, vec![job], Held::Wait)).await;
        }
        queue.finish_held(&taken.app, &taken.room);
    }
}

/// A bug that panics costs its batch, whose callers are told `Unavailable`; the worker goes on,
/// and gives the rooms back.
async fn guarded(work: impl Future<Output = Vec<Job>>) -> Vec<Job> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(unwritten) => unwritten,
        Err(_) => {
            tracing::error!("an append worker panicked");
            Vec::new()
        }
    }
}

/// Writes a batch with one commit and answers its callers; returns the jobs that have to be
/// written some other way: their rooms are held, or one of several jobs spoils the statement.
async fn write(pool: &Pool, mut jobs: Vec<Job>, held: Held) -> Vec<Job> {
    jobs.retain(|job| !job.reply.is_closed());
    if jobs.is_empty() {
        return jobs;
    }
    let appends: Vec<&Append> = jobs.iter().map(|job| &job.append).collect();
    let outcomes = match bounded(|| write_once(pool, &appends, held)).await {
        Ok(outcomes) => outcomes.into_iter().map(|o| o.map(Ok)).collect(),
        Err(fail) if fail.is_of_the_request() && jobs.len() > 1 => return jobs,
        Err(fail) => {
            tracing::warn!(error = %fail.meaning(), appends = jobs.len(), "a batch failed");
            vec![Some(Err(fail.meaning())); jobs.len()]
        }
    };
    let mut unwritten = Vec::new();
    for (job, outcome) in jobs.into_iter().zip(outcomes) {
        match outcome {
            // Who does not wait any more asks again under the same id.
            Some(outcome) => drop(job.reply.send(outcome)),
            None => unwritten.push(job),
        }
    }
    unwritten
}

async fn write_once(
    pool: &Pool,
    appends: &[&Append],
    held: Held,
) -> Result<Vec<Option<AppendOutcome>>, Fail> {
    let tx = Tx::begin(pool.get().await?);
    let mut loaded = messages::load(&tx, appends, held).await?;
    let skipping = held == Held::Skip;
    let outcomes = appends
        .iter()
        .enumerate()
        .map(|(place, append)| loaded.decide(place, append, skipping))
        .collect();
    write::write(&tx, &loaded, true).await?;
    tx.committed();
    Ok(outcomes)
}
