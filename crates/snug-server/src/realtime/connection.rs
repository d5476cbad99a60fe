//! One socket's life: reads frames, runs requests one after the other, writes what waits. The
//! rules are the session machine's; this file only moves bytes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use snug_core::engine::{Arrived, Client, Engine};
use snug_core::error::Error;
use snug_core::limits;
use snug_core::model::User;
use snug_proto::frame::{self, Request, RequestId};
use snug_proto::{CloseCode, ErrorCode, Problem};

use super::arrivals::Pace;
use super::codec::{self, Broken, Incoming, Socket};
use super::hub::{Connection, Way, Who};
use super::outbox::Outbox;
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
    Authenticated { id: Option<RequestId>, result: Entry },
    Ran(Done),
}

/// A caller that was let in with the frame that says so, or why it was not.
type Entry = Result<(Box<Entered>, Bytes), Box<Problem>>;

/// A caller that was let in.
struct Entered {
    caller: Caller,
    connection: Attached,
}

/// Runs a socket to its end.
pub(super) async fn run(app: Arc<App>, socket: Socket, upgrade: Upgrade, admitted: Admitted) {
    let mut life = Life::new(app, socket, upgrade, admitted);
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

struct Life {
    app: Arc<App>,
    socket: Socket,
    /// Of the socket.
    outbox: Arc<Outbox>,
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

impl Life {
    fn new(app: Arc<App>, socket: Socket, upgrade: Upgrade, admitted: Admitted) -> Self {
        let mut session = Session::new(app.engine.now(), snug_core::model::auth_patience_ms());
        let mut jobs = VecDeque::new();
        let pace = upgrade.token.as_deref().map(|token| app.arrivals.pace_of(token));
        if let Some(token) = upgrade.token {
            session.checking();
            jobs.push_back(Job::Authenticate { id: None, token });
        }
        let (origin, admitted) = (upgrade.origin, Some(admitted));
        let (turn, entered, outbox) = (Turn::Free, None, socket.outbox().clone());
        let in_a_row = 0;
        Self { app, socket, outbox, session, origin, jobs, turn, entered, pace, admitted, in_a_row }
    }

    /// Until the end; with the code to say goodbye with, if the other side is still there.
    async fn run(&mut self) -> Option<CloseCode> {
        let stopping = self.app.tasks.stopping();
        loop {
            let now = self.app.engine.now();
            if now >= self.session.next_check()
                && let Some(action) = self.session.on_tick(now)
                && let Err(end) = self.act(action)
            {
                return end;
            }
            // After the look at the clock: what came when the session was over is not begun.
            let begins_in = self.session.begins_in(now);
            if self.turn.is_free()
                && begins_in == 0
                && !self.outbox.is_full()
                && let Some(job) = self.jobs.pop_front()
            {
                self.turn = self.start(job);
            }
            let mut wait = self.until_next_check();
            if begins_in > 0 && !self.jobs.is_empty() {
                wait = wait.min(Duration::from_millis(begins_in));
            }
            let may_read = self.jobs.len() < limits::REQUESTS_IN_FLIGHT_MAX;
            let woken = tokio::select! {
                biased;
                () = stopping.cancelled() => return Some(CloseCode::GoingAway),
                outcome = self.turn.outcome() => Woken::Outcome(outcome),
                () = self.outbox.ready() => Woken::Outbox,
                frame = self.socket.next_if(may_read) => Woken::Frame(frame),
                () = tokio::time::sleep(wait) => Woken::Tick,
            };
            let step = match woken {
                Woken::Outcome(outcome) => self.on_outcome(outcome),
                Woken::Outbox => self.look_for_the_end(),
                Woken::Frame(frame) => {
                    let step = self.on_incoming(frame);
                    self.let_others_go_first().await;
                    step
                }
                Woken::Tick => self.on_tick(),
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
            let _ = self.on_outcome(outcome);
            return;
        }
        let mut turn = std::mem::take(&mut self.turn);
        self.app.tasks.spawn(async move { turn.work().await });
    }

    fn until_next_check(&self) -> Duration {
        let millis = self.session.next_check().millis() - self.app.engine.now().millis();
        // Not at once again when the clock stands, and not for ever when it jumps.
        Duration::from_millis(u64::try_from(millis).unwrap_or(0).clamp(10, 60_000))
    }

    fn on_incoming(&mut self, frame: Result<Incoming, Broken>) -> Result<(), End> {
        let now = self.app.engine.now();
        match frame {
            Ok(Incoming::Data(bytes)) => {
                self.app.metrics.frames_in.inc();
                let action = self.session.on_frame(&bytes, now);
                self.act(action)
            }
            Ok(Incoming::Alive) => match self.session.on_control(now) {
                Some(action) => self.act(action),
                None => Ok(()),
            },
            Ok(Incoming::Room) => {
                self.session.took(now);
                Ok(())
            }
            Ok(Incoming::Closed) | Err(Broken::Gone) => Err(None),
            Err(Broken::TooLarge) => {
                let most = limits::FRAME_BYTES_MAX;
                let problem = Problem::new(ErrorCode::TooLarge, "the frame is too large")
                    .at("", format!("at most {most} bytes"));
                self.say(frame::event("error", &problem));
                Err(Some(CloseCode::FrameTooLarge))
            }
            Err(Broken::Protocol) => Err(Some(CloseCode::ProtocolError)),
        }
    }

    fn act(&mut self, action: Action) -> Result<(), End> {
        match action {
            Action::Write(frame) => {
                self.say(frame);
                Ok(())
            }
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
                    self.say(words);
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
                let (mark, outbox) = (begun.clone(), self.outbox.clone());
                let work = Box::pin(async move {
                    let keeps_pace = id.is_none();
                    let came = Came { token, keeps_pace, origin, outbox };
                    let result = arrive(&app, came, &mark).await;
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

    fn on_outcome(&mut self, outcome: Outcome) -> Result<(), End> {
        match outcome {
            Outcome::Authenticated { id, result: Ok((entered, hello)) } => {
                self.session.authenticated(entered.caller.client.session.expires_at);
                self.entered = Some(*entered);
                self.admitted = None;
                if self.jobs.is_empty() {
                    // Most sessions ask for nothing for a long time.
                    self.jobs = VecDeque::new();
                }
                // It stands first.
                self.outbox.let_in(hello);
                if let Some(id) = id {
                    self.say(frame::answer(&id, &serde_json::json!({})));
                }
                Ok(())
            }
            Outcome::Authenticated { id, result: Err(problem) } => {
                if let Some(id) = id {
                    self.say(frame::refusal(&id, &problem));
                }
                let action = self.session.refused(&problem);
                self.act(action)
            }
            Outcome::Ran(Done::Answer(frame)) => {
                let beside = self.entered.as_ref().map_or(0, |one| one.connection.get().charged());
                self.session.answered(frame.len() + beside, self.app.engine.now());
                self.say(frame);
                Ok(())
            }
            Outcome::Ran(Done::Refreshed { frame, caller, pace }) => {
                self.session.authenticated(caller.client.session.expires_at);
                self.pace = Some(pace);
                if let Some(entered) = &mut self.entered {
                    entered.caller = *caller;
                }
                self.say(frame);
                Ok(())
            }
            Outcome::Ran(Done::Close { frame, code }) => {
                self.say(frame);
                Err(Some(code))
            }
        }
    }

    /// Queues a frame: it leaves when nothing more is at hand to be worked off.
    fn say(&mut self, frame: Vec<u8>) {
        self.socket.feed(frame.into());
    }

    /// The hub found the socket full, which is seen to while the next frame is waited for, or the
    /// end has come.
    fn look_for_the_end(&mut self) -> Result<(), End> {
        let Some(ending) = self.outbox.ending() else { return Ok(()) };
        if let Some(words) = ending.last_words {
            self.socket.feed(words);
        }
        Err(Some(ending.code))
    }

    fn on_tick(&mut self) -> Result<(), End> {
        if self.outbox.is_stuck(Duration::from_millis(limits::LIVENESS_MS)) {
            return Err(Some(CloseCode::Liveness));
        }
        match self.session.on_tick(self.app.engine.now()) {
            Some(action) => self.act(action),
            None => Ok(()),
        }
    }
}

/// Why a connection's loop ends: the code to say goodbye with, or nobody to say it to.
type End = Option<CloseCode>;

/// Who wants to come in.
struct Came {
    token: String,
    /// What came with the upgrade kept its pace there.
    keeps_pace: bool,
    origin: Option<String>,
    outbox: Arc<Outbox>,
}

/// Waits for the token's turn and checks it, then lets its connection in. While it only waits, a
/// socket that goes is forgotten.
async fn arrive(app: &Arc<App>, came: Came, begun: &Begun) -> Entry {
    let token = &came.token;
    if !came.keeps_pace {
        app.arrivals.pace(Some(token)).await.map_err(problem)?;
    }
    let of = app.engine.app_named_by(token);
    let mut arrival = app.arrivals.turn(of.as_ref()).await.map_err(problem)?;
    begun.begin();
    let client = arrival.look_up(app.engine.authenticate(token)).await.map_err(problem)?;
    let _place = app.arrivals.place().await.map_err(problem)?;
    enter(app, client, came).await
}

/// Checks the origin, makes the connection known, and lets it hear its rooms.
///
/// Known first, read afterwards: a membership that comes or a session that goes after the read is
/// heard of as an event, and what came before it is in what is read.
async fn enter(app: &Arc<App>, client: Client, came: Came) -> Entry {
    if let Some(origin) = &came.origin {
        app.check_origin(&client.app, origin).map_err(problem)?;
    }
    let connection = Attached::expect(app, &client, came.outbox);
    let arrived = app.engine.arrive(&client).await.map_err(problem)?;
    let Arrived { client: fresh, user, rooms, epoch } = arrived;
    if fresh.session.expires_at != client.session.expires_at {
        // The token was exchanged for a newer one in between: it is refused at every door.
        return Err(problem(Error::SessionClosed));
    }
    app.hub.attach(connection.get(), (user.invisible, user.changed_at));
    app.hub.join_all(connection.get(), &rooms);
    // The session is as it was: its first copy, whose ids the connection shares, is kept.
    let hello = hello(&client, user, epoch);
    let caller = Caller { client, token: Engine::token_hash(&came.token) };
    Ok((Box::new(Entered { caller, connection }), hello))
}

/// The first frame.
fn hello(client: &Client, user: User, epoch: String) -> Bytes {
    let hello = snug_proto::event::Hello {
        protocol: 1,
        server: env!("CARGO_PKG_VERSION").to_owned(),
        session: client.session.as_ref().into(),
        user: snug_proto::object::User::own(user),
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
    codec::frame(&frame::event("hello", &hello))
}

/// A connection that the hub knows, for as long as this lives: also when the socket goes while
/// its rooms are being read.
struct Attached {
    app: Arc<App>,
    connection: Arc<Connection>,
}

impl Attached {
    /// What the hub says of it from here on waits behind `hello`.
    fn expect(app: &Arc<App>, client: &Client, outbox: Arc<Outbox>) -> Self {
        outbox.hold();
        let who = Who { app: &client.app.id, user: client.user(), session: client.session_id() };
        let connection = app.hub.expect(&who, Way::Frames(outbox));
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

pub(super) fn problem(error: Error) -> Box<Problem> {
    Box::new(error.into())
}
