//! One connection's rules as a pure state machine: frames and time in, actions out. No clock,
//! no socket, no store; the simulation drives it as the server does.

use snug_core::limits;
use snug_core::model::Time;
use snug_proto::frame::{self, Request, RequestId};
use snug_proto::value::WireTime;
use snug_proto::{CloseCode, ErrorCode, Problem};

/// What the connection has to do.
#[derive(Debug)]
pub enum Action {
    /// Write this frame.
    Write(Vec<u8>),
    /// Check this token, then call [`Session::authenticated`]; the answer goes to the id.
    Authenticate { id: RequestId, token: String },
    /// Run this request and answer it.
    Run { id: RequestId, request: Box<Request> },
    /// Send a WebSocket ping.
    Ping,
    /// Write the last words, if any, and close.
    Close { code: CloseCode, last_words: Option<Vec<u8>> },
}

/// Tokens of a bucket that refills over time: two integers per connection.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Thousandths of a frame.
    level: u64,
    filled_at_ms: i64,
}

impl Bucket {
    /// Whether half of the burst is there again.
    fn is_calm(self) -> bool {
        self.level >= u64::from(limits::FRAMES_BURST) * 500
    }

    fn new(now: Time) -> Self {
        Self { level: u64::from(limits::FRAMES_BURST) * 1_000, filled_at_ms: now.millis() }
    }

    /// Takes one, or says in how many milliseconds there is one.
    fn take(&mut self, now: Time) -> Result<(), u64> {
        let per_second = u64::from(limits::FRAMES_PER_SECOND);
        let passed = u64::try_from(now.millis() - self.filled_at_ms).unwrap_or(0);
        let full = u64::from(limits::FRAMES_BURST) * 1_000;
        self.level = full.min(self.level + passed.saturating_mul(per_second));
        self.filled_at_ms = now.millis();
        match self.level.checked_sub(1_000) {
            Some(rest) => {
                self.level = rest;
                Ok(())
            }
            None => Err((1_000 - self.level).div_ceil(per_second)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No token yet.
    Waiting {
        since: Time,
        until: Time,
    },
    /// A token is being checked.
    Checking,
    /// Authenticated until then.
    Open {
        expires_at: Time,
        announced: bool,
    },
    Ended,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    bucket: Bucket,
    /// Frames that were no request at all.
    refused: u32,
    /// Frames over the rate since the client last kept to it.
    limited: u32,
    heard_at: Time,
    pinged_at: Time,
    /// Until when all that was answered is paid for, in milliseconds.
    paid_at_ms: i64,
}

impl Session {
    /// A fresh connection without a token, which it has so many milliseconds to bring.
    #[must_use]
    pub fn new(now: Time, patience_ms: u64) -> Self {
        Self {
            phase: Phase::Waiting { since: now, until: now.plus_millis(millis(patience_ms)) },
            bucket: Bucket::new(now),
            refused: 0,
            limited: 0,
            heard_at: now,
            pinged_at: now,
            paid_at_ms: now.millis(),
        }
    }

    /// A request was answered: who asks for much begins its next one later.
    pub fn answered(&mut self, bytes: usize, now: Time) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let cost = bytes.saturating_mul(1_000) / limits::ANSWER_BYTES_PER_SECOND;
        let paid_at_ms = self.paid_at_ms.max(now.millis()).saturating_add(millis(cost));
        // A ping must be answered before the client takes the connection for dead.
        let most = burst_ms() + millis(limits::ANSWER_WAIT_MS_MAX);
        self.paid_at_ms = paid_at_ms.min(now.millis() + most);
    }

    /// In how many milliseconds the next request may begin.
    pub fn begins_in(&mut self, now: Time) -> u64 {
        let burst = burst_ms();
        let owed = self.paid_at_ms - now.millis();
        if owed > burst + millis(limits::ANSWER_WAIT_MS_MAX) {
            // The clock jumped back.
            self.paid_at_ms = now.millis();
        }
        u64::try_from(self.paid_at_ms - now.millis() - burst).unwrap_or(0)
    }

    /// A token came with the upgrade and is being checked.
    pub fn checking(&mut self) {
        self.phase = Phase::Checking;
    }

    /// The token was right; also after a refresh.
    pub fn authenticated(&mut self, expires_at: Time) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Open { expires_at, announced: false };
        }
    }

    /// The token was refused: the problem is told and the connection closed.
    pub fn refused(&mut self, problem: &Problem) -> Action {
        self.phase = Phase::Ended;
        let last_words = Some(frame::event("error", problem));
        Action::Close { code: problem.close_code(), last_words }
    }

    /// Anything was heard of the client.
    pub fn heard(&mut self, now: Time) {
        self.heard_at = now;
    }

    /// A data frame.
    pub fn on_frame(&mut self, bytes: &[u8], now: Time) -> Action {
        self.heard(now);
        if let Err(wait) = self.take(now) {
            let problem = Problem::new(ErrorCode::RateLimited, "too many frames; slow down")
                .retry_after(wait);
            return self.over_rate(bytes, &problem);
        }
        match frame::parse_frame(bytes) {
            Ok(frame::ClientFrame { id, request }) => self.on_request(id, request),
            Err(refused) => match refused.id {
                Some(id) => Action::Write(frame::refusal(&id, &refused.problem)),
                None => self.refuse_nameless(&refused.problem, CloseCode::ProtocolError),
            },
        }
    }

    /// A ping or a pong: somebody is there. They count against the rate as frames do.
    pub fn on_control(&mut self, now: Time) -> Option<Action> {
        self.heard(now);
        if self.take(now).is_ok() {
            return None;
        }
        self.limited += 1;
        let problem = Problem::new(ErrorCode::RateLimited, "too many pings; slow down");
        (self.limited > limits::REFUSED_FRAMES_MAX)
            .then(|| self.end(CloseCode::Flooding, Some(&problem)))
    }

    /// The client took what was said, so that it may be read again: somebody is there.
    pub fn took(&mut self, now: Time) {
        self.heard(now);
    }

    /// Time passed. `next_check` says when to call again at the latest.
    pub fn on_tick(&mut self, now: Time) -> Option<Action> {
        if let Phase::Waiting { since, until } = self.phase {
            // Whether somebody is there shows when the time is over.
            return (now >= until).then(|| {
                let seconds = (now.millis() - since.millis()) / 1_000;
                let detail = format!("no token within {seconds} s");
                let problem = Problem::new(ErrorCode::TokenMissing, detail);
                self.end(CloseCode::AuthTimeout, Some(&problem))
            });
        }
        let silent = now.millis() - self.heard_at.millis();
        if silent >= millis(limits::LIVENESS_MS) {
            return Some(self.end(CloseCode::Liveness, None));
        }
        match self.phase {
            Phase::Open { expires_at, .. } if now >= expires_at => {
                let problem = Problem::new(ErrorCode::TokenExpired, "the session has expired");
                return Some(self.end(CloseCode::TokenExpired, Some(&problem)));
            }
            Phase::Open { expires_at, announced: false }
                if now >= expires_at.plus_millis(-limits::SESSION_EXPIRING_MS) =>
            {
                self.phase = Phase::Open { expires_at, announced: true };
                let data = snug_proto::event::Expiring { expires_at: WireTime(expires_at) };
                return Some(Action::Write(frame::event("session.expiring", &data)));
            }
            _ => {}
        }
        let quiet = now.millis() - self.heard_at.max(self.pinged_at).millis();
        if quiet >= millis(limits::PING_EVERY_MS) {
            self.pinged_at = now;
            return Some(Action::Ping);
        }
        None
    }

    /// When `on_tick` has something to do at the earliest.
    #[must_use]
    pub fn next_check(&self) -> Time {
        let ping = self.heard_at.max(self.pinged_at).plus_millis(millis(limits::PING_EVERY_MS));
        let silence = self.heard_at.plus_millis(millis(limits::LIVENESS_MS));
        let phase = match self.phase {
            Phase::Waiting { until, .. } => return until,
            Phase::Open { expires_at, announced: false } => {
                expires_at.plus_millis(-limits::SESSION_EXPIRING_MS)
            }
            Phase::Open { expires_at, announced: true } => expires_at,
            Phase::Checking | Phase::Ended => silence,
        };
        ping.min(silence).min(phase)
    }

    fn on_request(&mut self, id: RequestId, request: Request) -> Action {
        match (self.phase, request) {
            (Phase::Waiting { .. }, Request::Auth(data)) => {
                self.phase = Phase::Checking;
                Action::Authenticate { id, token: data.token }
            }
            (Phase::Waiting { .. }, _) => {
                let problem = Problem::new(ErrorCode::TokenMissing, "the first frame is auth");
                Action::Write(frame::refusal(&id, &problem))
            }
            (_, Request::Auth(_)) => {
                let problem = Problem::new(
                    ErrorCode::InvalidField,
                    "op: this connection is authenticated; use session.refresh",
                )
                .at("op", "anything but auth");
                Action::Write(frame::refusal(&id, &problem))
            }
            (_, request) => Action::Run { id, request: Box::new(request) },
        }
    }

    fn take(&mut self, now: Time) -> Result<(), u64> {
        self.bucket.take(now)?;
        if self.bucket.is_calm() {
            // It slowed down as it was told; an old burst is forgotten.
            self.limited = 0;
        }
        Ok(())
    }

    /// A frame over the rate: answered under its id where one can be read.
    fn over_rate(&mut self, bytes: &[u8], problem: &Problem) -> Action {
        self.limited += 1;
        if self.limited > limits::REFUSED_FRAMES_MAX {
            return self.end(CloseCode::Flooding, Some(problem));
        }
        let id = match frame::parse_frame(bytes) {
            Ok(frame) => Some(frame.id),
            Err(refused) => refused.id,
        };
        Action::Write(match id {
            Some(id) => frame::refusal(&id, problem),
            None => frame::event("error", problem),
        })
    }

    fn refuse_nameless(&mut self, problem: &Problem, code: CloseCode) -> Action {
        self.refused += 1;
        if self.refused > limits::REFUSED_FRAMES_MAX {
            return self.end(code, Some(problem));
        }
        Action::Write(frame::event("error", problem))
    }

    fn end(&mut self, code: CloseCode, problem: Option<&Problem>) -> Action {
        self.phase = Phase::Ended;
        Action::Close { code, last_words: problem.map(|problem| frame::event("error", problem)) }
    }
}

fn millis(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// Answers for so long are free, in milliseconds.
fn burst_ms() -> i64 {
    millis(limits::ANSWER_BYTES_BURST * 1_000 / limits::ANSWER_BYTES_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Time = Time(1_700_000_000_000_000_000);

    fn open(expires_in_ms: i64) -> Session {
        let mut session = Session::new(T0, limits::AUTH_TIMEOUT_MS);
        session.authenticated(T0.plus_millis(expires_in_ms));
        session
    }

    fn closed_with(action: Option<&Action>) -> Option<CloseCode> {
        match action {
            Some(Action::Close { code, .. }) => Some(*code),
            _ => None,
        }
    }

    #[test]
    fn no_token_in_time_closes() {
        let mut session = Session::new(T0, limits::AUTH_TIMEOUT_MS);
        let after = millis(limits::AUTH_TIMEOUT_MS);
        assert!(session.on_tick(T0.plus_millis(after - 1)).is_none());
        let action = session.on_tick(T0.plus_millis(after));
        assert_eq!(closed_with(action.as_ref()), Some(CloseCode::AuthTimeout));
    }

    #[test]
    fn silence_is_pinged_and_then_ends() {
        let mut session = open(3_600_000);
        assert!(matches!(session.on_tick(T0.plus_millis(15_000)), Some(Action::Ping)));
        assert!(session.on_tick(T0.plus_millis(15_001)).is_none());
        session.heard(T0.plus_millis(16_000));
        assert!(session.on_tick(T0.plus_millis(30_000)).is_none());
        let action = session.on_tick(T0.plus_millis(51_000));
        assert_eq!(closed_with(action.as_ref()), Some(CloseCode::Liveness));
    }

    #[test]
    fn expiry_is_announced_once_and_then_ends() {
        let mut session = open(70_000);
        session.heard(T0.plus_millis(10_000));
        let said = session.on_tick(T0.plus_millis(10_000));
        assert!(matches!(said, Some(Action::Write(_))), "{said:?}");
        assert!(session.on_tick(T0.plus_millis(10_001)).is_none());
        session.heard(T0.plus_millis(70_000));
        let action = session.on_tick(T0.plus_millis(70_000));
        assert_eq!(closed_with(action.as_ref()), Some(CloseCode::TokenExpired));
    }

    #[test]
    fn floods_are_refused_under_their_id_and_end() {
        let mut session = open(3_600_000);
        let ping = br#"{"id":"x","op":"ping"}"#;
        for _ in 0..limits::FRAMES_BURST {
            assert!(matches!(session.on_frame(ping, T0), Action::Run { .. }));
        }
        let Action::Write(frame) = session.on_frame(ping, T0) else { panic!("not refused") };
        let text = String::from_utf8(frame).unwrap();
        assert!(text.contains("\"id\":\"x\"") && text.contains("rate_limited"), "{text}");
        let end = (0..limits::REFUSED_FRAMES_MAX).map(|_| session.on_frame(ping, T0)).last();
        assert_eq!(closed_with(end.as_ref()), Some(CloseCode::Flooding));
        let mut session = open(3_600_000);
        for _ in 0..=limits::FRAMES_BURST {
            session.on_frame(ping, T0);
        }
        assert!(matches!(session.on_frame(ping, T0.plus_millis(1_000)), Action::Run { .. }));
    }

    #[test]
    fn a_burst_is_forgotten_once_the_client_slows_down() {
        let mut session = open(365 * 24 * 3_600_000);
        let ping = br#"{"id":"x","op":"ping"}"#;
        for hour in 0..50 {
            let now = T0.plus_millis(hour * 3_600_000);
            for _ in 0..=limits::FRAMES_BURST + limits::REFUSED_FRAMES_MAX / 2 {
                let action = session.on_frame(ping, now);
                assert!(!matches!(action, Action::Close { .. }), "hour {hour}: {action:?}");
            }
        }
    }

    #[test]
    fn who_asks_for_much_waits_and_small_answers_cost_nothing() {
        let mut session = open(3_600_000);
        let page = 64 * 1_024;
        let mut pages = 0;
        while session.begins_in(T0) == 0 {
            session.answered(page, T0);
            pages += 1;
        }
        assert_eq!(pages, limits::ANSWER_BYTES_BURST / 65_536 + 1);
        let wait = session.begins_in(T0);
        assert!((1..=1_000).contains(&wait), "{wait}");
        let then = T0.plus_millis(millis(wait));
        assert_eq!(session.begins_in(then), 0);
        // An hour back: nobody waits for the clock.
        assert_eq!(session.begins_in(T0.plus_millis(-3_600_000)), 0);
        let mut session = open(3_600_000);
        for second in 0..600 {
            let now = T0.plus_millis(second * 1_000);
            (0..limits::FRAMES_PER_SECOND).for_each(|_| session.answered(1_000, now));
            assert_eq!(session.begins_in(now), 0);
        }
    }

    #[test]
    fn one_large_answer_holds_nothing_up_for_long() {
        let mut session = open(3_600_000);
        session.answered(64 * 1_024 * 1_024, T0);
        assert_eq!(session.begins_in(T0), limits::ANSWER_WAIT_MS_MAX);
        // Nor does a clock that goes back half a minute.
        assert_eq!(session.begins_in(T0.plus_millis(-30_000)), 0);
    }

    #[test]
    fn pings_count_against_the_rate() {
        let mut session = open(3_600_000);
        for _ in 0..limits::FRAMES_BURST + limits::REFUSED_FRAMES_MAX {
            assert!(session.on_control(T0).is_none());
        }
        assert_eq!(closed_with(session.on_control(T0).as_ref()), Some(CloseCode::Flooding));
    }

    #[test]
    fn garbage_is_told_and_ends_after_twenty() {
        let mut session = open(3_600_000);
        for _ in 0..limits::REFUSED_FRAMES_MAX {
            assert!(matches!(session.on_frame(b"\xff{", T0), Action::Write(_)));
        }
        let action = session.on_frame(b"\xff{", T0);
        assert_eq!(closed_with(Some(&action)), Some(CloseCode::ProtocolError));
    }

    #[test]
    fn requests_wait_for_the_token() {
        let mut session = Session::new(T0, limits::AUTH_TIMEOUT_MS);
        let action = session.on_frame(br#"{"id":1,"op":"ping"}"#, T0);
        assert!(matches!(action, Action::Write(_)));
        let action = session.on_frame(br#"{"id":1,"op":"auth","data":{"token":"t"}}"#, T0);
        assert!(matches!(action, Action::Authenticate { .. }));
    }
}
