//! One socket's life: reads frames, runs requests one after the other, writes what waits. The
//! rules are the session machine's; this file only moves bytes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use snug_core::engine::Client;
use snug_core::limits;
use snug_proto::frame::{self, Request, RequestId};
use snug_proto::{CloseCode, ErrorCode, Problem};
use tokio::io::{AsyncRead, AsyncWrite};

use super::arrivals::Pace;
use super::codec::{Broken, Incoming, Socket};
use super::hub::Connection;
use super::requests::{self, Caller, Done};
use super::session::{Action, Session};
use super::turn::{Begun, Turn};
use crate::wiring::{Admitted, App};

/// How long a socket that is being closed may take to write what waits.
const GOODBYE: Duration = Duration::from_secs(2);

/// What came with the upgrade.
#[derive(Debug, Default)]
pub(super) struct Upgrade {
    pub(super) token: Option<String>,
    pub(super) origin: Option<String>,
}

/// Work that waits for its turn; one connection's requests are answered in order.
enum Job {
    Authenticate { id: Option<RequestId>, token: String },
    Run { id: RequestId, request: Box<Request> },
}

enum Outcome {
    Authenticated { id: Option<RequestId>, result: Result<Box<Entered>, Box<Problem>> },
    Ran(Done),
}

/// A caller that was let in.
struct Entered {
    caller: Caller,
    connection: Attached,
}

/// Runs a socket to its end.
pub(super) async fn run<S>(app: Arc<App>, stream: S, upgrade: Upgrade, admitted: Admitted)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut life = Life::new(app, stream, upgrade, admitted);
    let code = life.run().await;
    life.let_work_end(code).await;
    if let (Some(pace), Some(code)) = (life.pace, code)
        && is_for_what_it_sent(code)
    {
        life.app.arrivals.fine(pace);
    }
    // From here on nothing is queued for it.
    life.entered = None;
    let goodbye = async {
        match code {
            Some(code) => life.socket.close(code).await,
            // The answer to the client's own goodbye may wait.
            None => life.socket.end().await,
        }
    };
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
}

fn is_for_what_it_sent(code: CloseCode) -> bool {
    matches!(code, CloseCode::ProtocolError | CloseCode::FrameTooLarge | CloseCode::Flooding)
}

struct Life<S> {
    app: Arc<App>,
    socket: Socket<S>,
    session: Session,
    origin: Option<String>,
    jobs: VecDeque<Job>,
    /// The request whose turn it is.
    turn: Turn<Outcome>,
    entered: Option<Entered>,
    /// Of the token that it came with, right or wrong.
    pace: Option<Pace>,
    /// A place among those without a token; given back when the token was right.
    admitted: Option<Admitted>,
    /// Frames since it last let others go first.
    in_a_row: u32,
}

/// What woke the connection up.
enum Woken {
    Frame(Result<Incoming, Broken>),
    Outcome(Outcome),
    Outbox,
    Tick,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Life<S> {
    fn new(app: Arc<App>, stream: S, upgrade: Upgrade, admitted: Admitted) -> Self {
        let mut session = Session::new(app.engine.now());
        let mut jobs = VecDeque::new();
        let pace = upgrade.token.as_deref().map(|token| app.arrivals.pace_of(token));
        if let Some(token) = upgrade.token {
            session.checking();
            jobs.push_back(Job::Authenticate { id: None, token });
        }
        let socket = Socket::new(stream);
        let (origin, admitted) = (upgrade.origin, Some(admitted));
        let (turn, entered) = (Turn::Free, None);
        Self { app, socket, session, origin, jobs, turn, entered, pace, admitted, in_a_row: 0 }
    }

    /// Until the end; with the code to say goodbye with, if the other side is still there.
    async fn run(&mut self) -> Option<CloseCode> {
        let stopping = self.app.tasks.stopping();
        loop {
            let now = self.app.engine.now();
            if now >= self.session.next_check()
                && let Some(action) = self.session.on_tick(now)
                && let Err(end) = self.act(action).await
            {
                return end;
            }
            // After the look at the clock: what came when the session was over is not begun.
            let begins_in = self.session.begins_in(now);
            if self.turn.is_free()
                && begins_in == 0
                && let Some(job) = self.jobs.pop_front()
            {
                self.turn = self.start(job);
            }
            let connection = self.connection();
            let mut wait = self.until_next_check();
            if begins_in > 0 && !self.jobs.is_empty() {
                wait = wait.min(Duration::from_millis(begins_in));
            }
            let may_read = self.jobs.len() < limits::REQUESTS_IN_FLIGHT_MAX;
            let woken = tokio::select! {
                biased;
                () = stopping.cancelled() => return Some(CloseCode::GoingAway),
                outcome = self.turn.outcome() => Woken::Outcome(outcome),
                () = outbox_ready(connection.as_deref()) => Woken::Outbox,
                frame = self.socket.next_if(may_read) => Woken::Frame(frame),
                () = tokio::time::sleep(wait) => Woken::Tick,
            };
            let step = match woken {
                Woken::Outcome(outcome) => self.on_outcome(outcome).await,
                Woken::Outbox => self.drain().await,
                Woken::Frame(frame) => {
                    let step = self.on_incoming(frame).await;
                    self.let_others_go_first().await;
                    step
                }
                Woken::Tick => match self.session.on_tick(self.app.engine.now()) {
                    Some(action) => self.act(action).await,
                    None => Ok(()),
                },
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// What one client has sent at once is not worked off while others wait for the thread.
    async fn let_others_go_first(&mut self) {
        self.in_a_row += 1;
        if self.in_a_row >= limits::FRAMES_IN_A_ROW_MAX {
            self.in_a_row = 0;
            tokio::task::yield_now().await;
        }
    }

    /// A request under way is never cut in two: its commit and the news of it belong together,
    /// also when the client is gone. A server that drains answers it.
    async fn let_work_end(&mut self, code: End) {
        if !self.turn.is_begun() {
            return;
        }
        if code == Some(CloseCode::GoingAway)
            && let Ok(outcome) = tokio::time::timeout(GOODBYE, self.turn.outcome()).await
        {
            let _ = self.on_outcome(outcome).await;
            return;
        }
        let mut turn = std::mem::take(&mut self.turn);
        self.app.tasks.spawn(async move { turn.work().await });
    }

    fn connection(&self) -> Option<Arc<Connection>> {
        self.entered.as_ref().map(|entered| entered.connection.get().clone())
    }

    fn until_next_check(&self) -> Duration {
        let millis = self.session.next_check().millis() - self.app.engine.now().millis();
        // Not at once again when the clock stands, and not for ever when it jumps.
        Duration::from_millis(u64::try_from(millis).unwrap_or(0).clamp(10, 60_000))
    }

    async fn on_incoming(&mut self, frame: Result<Incoming, Broken>) -> Result<(), End> {
        let now = self.app.engine.now();
        match frame {
            Ok(Incoming::Data(bytes)) => {
                self.app.metrics.frames_in.inc();
                let action = self.session.on_frame(&bytes, now);
                self.act(action).await
            }
            Ok(Incoming::Alive) => match self.session.on_control(now) {
                Some(action) => self.act(action).await,
                None => Ok(()),
            },
            Ok(Incoming::Closed) | Err(Broken::Gone) => Err(None),
            Err(Broken::TooLarge) => {
                let most = limits::FRAME_BYTES_MAX;
                let problem = Problem::new(ErrorCode::TooLarge, "the frame is too large")
                    .at("", format!("at most {most} bytes"));
                self.say(frame::event("error", &problem)).await?;
                Err(Some(CloseCode::FrameTooLarge))
            }
            Err(Broken::Protocol) => Err(Some(CloseCode::ProtocolError)),
        }
    }

    async fn act(&mut self, action: Action) -> Result<(), End> {
        match action {
            Action::Write(frame) => self.say(frame).await,
            Action::Authenticate { id, token } => {
                self.pace = Some(self.app.arrivals.pace_of(&token));
                self.jobs.push_back(Job::Authenticate { id: Some(id), token });
                Ok(())
            }
            Action::Run { id, request } => {
                self.jobs.push_back(Job::Run { id, request });
                Ok(())
            }
            Action::Ping => {
                self.socket.ping();
                Ok(())
            }
            Action::Close { code, last_words } => {
                if let Some(words) = last_words {
                    self.say(words).await?;
                }
                Err(Some(code))
            }
        }
    }

    fn start(&self, job: Job) -> Turn<Outcome> {
        let app = self.app.clone();
        match job {
            Job::Authenticate { id, token } => {
                let (origin, begun) = (self.origin.clone(), Begun::default());
                let mark = begun.clone();
                let work = Box::pin(async move {
                    // What came with the upgrade kept its pace there.
                    let keeps_pace = id.is_none();
                    let result = arrive(&app, token, keeps_pace, origin.as_deref(), &mark).await;
                    Outcome::Authenticated { id, result }
                });
                Turn::Working(work, begun)
            }
            Job::Run { id, request } => {
                let Some(entered) = &self.entered else {
                    // The token is still being checked when this was queued: jobs run in order,
                    // so an unauthenticated run means that the check failed and the end is near.
                    let problem = Problem::new(ErrorCode::TokenMissing, "not authenticated");
                    let refusal = frame::refusal(&id, &problem);
                    return Turn::Done(Outcome::Ran(Done::Answer(refusal)));
                };
                let caller = entered.caller.clone();
                let connection = entered.connection.get().clone();
                Turn::begun(Box::pin(async move {
                    Outcome::Ran(requests::run(&app, &caller, &connection, id, *request).await)
                }))
            }
        }
    }

    async fn on_outcome(&mut self, outcome: Outcome) -> Result<(), End> {
        match outcome {
            Outcome::Authenticated { id, result: Ok(entered) } => {
                self.session.authenticated(entered.caller.client.session.expires_at);
                self.entered = Some(*entered);
                self.admitted = None;
                // `hello` stands first in the queue.
                self.drain().await?;
                match id {
                    Some(id) => self.say(frame::answer(&id, &serde_json::json!({}))).await,
                    None => Ok(()),
                }
            }
            Outcome::Authenticated { id, result: Err(problem) } => {
                if let Some(id) = id {
                    self.say(frame::refusal(&id, &problem)).await?;
                }
                let action = self.session.refused(&problem);
                self.act(action).await
            }
            Outcome::Ran(Done::Answer(frame)) => {
                self.session.answered(frame.len(), self.app.engine.now());
                self.say(frame).await
            }
            Outcome::Ran(Done::Refreshed { frame, caller }) => {
                self.session.authenticated(caller.client.session.expires_at);
                self.pace = Some(self.app.arrivals.pace_of(&caller.token));
                if let Some(entered) = &mut self.entered {
                    entered.caller = *caller;
                }
                self.say(frame).await
            }
            Outcome::Ran(Done::Close { frame, code }) => {
                self.say(frame).await?;
                Err(Some(code))
            }
        }
    }

    /// Queues a frame: it leaves when nothing more is at hand to be worked off.
    async fn say(&mut self, frame: Vec<u8>) -> Result<(), End> {
        self.write_bounded(Step::Feed(Bytes::from(frame))).await
    }

    /// Writes everything that waits, many frames in one flush.
    async fn drain(&mut self) -> Result<(), End> {
        let Some(connection) = self.connection() else { return Ok(()) };
        while let Some(frame) = connection.outbox.take() {
            self.app.metrics.frames_out.inc();
            self.write_bounded(Step::Feed(frame)).await?;
        }
        self.write_bounded(Step::Flush).await?;
        match connection.outbox.ending() {
            Some(ending) => {
                if let Some(words) = ending.last_words {
                    self.write_bounded(Step::Feed(words)).await?;
                }
                Err(Some(ending.code))
            }
            None => Ok(()),
        }
    }

    /// A write that gives up when the connection was ended meanwhile (a slow reader, a revoke)
    /// or when the socket takes nothing for the liveness bound.
    async fn write_bounded(&mut self, step: Step) -> Result<(), End> {
        let connection = self.connection();
        let bound = Duration::from_millis(limits::LIVENESS_MS);
        let write = async {
            match step {
                Step::Feed(frame) => self.socket.feed(frame).await,
                Step::Flush => self.socket.flush().await,
            }
        };
        tokio::select! {
            biased;
            wrote = write => wrote.map_err(|_| None),
            code = stuck_end(connection.as_deref()) => Err(Some(code)),
            // What the request commits is told to others by it, and they do not wait for this
            // client to read.
            never = self.turn.go_on() => match never {},
            () = tokio::time::sleep(bound) => Err(Some(CloseCode::Liveness)),
        }
    }
}

/// Why a connection's loop ends: the code to say goodbye with, or nobody to say it to.
type End = Option<CloseCode>;

enum Step {
    Feed(Bytes),
    Flush,
}

async fn outbox_ready(connection: Option<&Connection>) {
    match connection {
        Some(connection) => connection.outbox.ready().await,
        None => std::future::pending().await,
    }
}

/// Resolves only while a write is stuck and the connection is ended by somebody else.
async fn stuck_end(connection: Option<&Connection>) -> CloseCode {
    match connection {
        Some(connection) => {
            connection.outbox.ended().await;
            connection.outbox.ending().map_or(CloseCode::GoingAway, |ending| ending.code)
        }
        None => std::future::pending().await,
    }
}

/// Waits for the token's turn and checks it, then lets its connection in. While it only waits, a
/// socket that goes is forgotten.
async fn arrive(
    app: &Arc<App>,
    token: String,
    keeps_pace: bool,
    origin: Option<&str>,
    begun: &Begun,
) -> Result<Box<Entered>, Box<Problem>> {
    if !keeps_pace {
        app.arrivals.pace(Some(&token)).await.map_err(problem)?;
    }
    let of = app.engine.app_named_by(&token);
    let mut arrival = app.arrivals.turn(of.as_ref()).await.map_err(problem)?;
    begun.begin();
    let client = arrival.look_up(app.engine.authenticate(&token)).await.map_err(problem)?;
    let _place = app.arrivals.place().await.map_err(problem)?;
    enter(app, client, token, origin).await
}

/// Checks the origin, makes the connection known, and lets it hear its rooms.
async fn enter(
    app: &Arc<App>,
    client: Client,
    token: String,
    origin: Option<&str>,
) -> Result<Box<Entered>, Box<Problem>> {
    if let Some(origin) = origin {
        app.check_origin(&client.app, origin).map_err(problem)?;
    }
    let me = app.engine.me(&client).await.map_err(problem)?;
    let epoch = app.engine.epoch().await.map_err(problem)?;
    let hello = snug_proto::event::Hello {
        protocol: 1,
        server: env!("CARGO_PKG_VERSION").to_owned(),
        session: client.session.as_ref().into(),
        user: me.user.into(),
        policy: client.app.policy.as_str().to_owned(),
        epoch,
        limits: snug_proto::event::HelloLimits {
            frame_bytes: limits::FRAME_BYTES_MAX,
            text_bytes: limits::TEXT_BYTES_MAX,
            liveness_ms: limits::LIVENESS_MS,
        },
        reconnect: snug_proto::event::Reconnect {
            min_ms: limits::RECONNECT_MIN_MS,
            max_ms: limits::RECONNECT_MAX_MS,
        },
    };
    let hello = Bytes::from(frame::event("hello", &hello));
    let connection = Attached::new(app, &client, hello);
    let entered = Entered { caller: Caller { client, token }, connection };
    listen(app, &entered).await?;
    Ok(Box::new(entered))
}

/// A connection that the hub knows, for as long as this lives: also when the socket goes while
/// its rooms are being read.
struct Attached {
    app: Arc<App>,
    connection: Arc<Connection>,
}

impl Attached {
    fn new(app: &Arc<App>, client: &Client, hello: Bytes) -> Self {
        let (user, session) = (client.user(), client.session_id());
        let connection = app.hub.attach(&client.app.id, user, session, hello, None);
        Self { app: app.clone(), connection }
    }

    fn get(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.app.hub.detach(&self.connection);
    }
}

/// Known first, read afterwards: a membership that comes or a session that goes in between is
/// heard of as an event, and one that went before is seen by the second look.
async fn listen(app: &Arc<App>, entered: &Entered) -> Result<(), Box<Problem>> {
    let client: &Client = &entered.caller.client;
    for (room, head) in app.engine.joined_rooms(client).await.map_err(problem)? {
        app.hub.join(entered.connection.get(), &room, &head);
    }
    app.engine.authenticate(&entered.caller.token).await.map_err(problem)?;
    Ok(())
}

pub(super) fn problem(error: snug_core::error::Error) -> Box<Problem> {
    Box::new(error.into())
}
