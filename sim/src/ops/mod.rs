//! The operations and how often each is drawn. One at a time: the next is drawn when the last
//! was answered.

mod invitations;
mod messages;
mod own;
mod rooms;
mod scheduled;
mod sessions;

use snug_core::error::Error;
use snug_core::ids::RoomId;

use crate::sim::Sim;

/// What can happen next, with its weight.
const WEIGHTS: &[(u64, Op)] = &[
    (30, Op::Send),
    (7, Op::Flush),
    (4, Op::Repeat),
    (3, Op::Conflict),
    (5, Op::BackendSend),
    (13, Op::Read),
    (5, Op::Change),
    (2, Op::Type),
    (6, Op::Mark),
    (3, Op::Look),
    (4, Op::ReadThread),
    (2, Op::Say),
    (5, Op::Schedule),
    (3, Op::Replan),
    (4, Op::Due),
    (4, Op::CreateGroup),
    (3, Op::CreateDirect),
    (5, Op::Add),
    (5, Op::Remove),
    (2, Op::Leave),
    (4, Op::Invite),
    (4, Op::Answer),
    (3, Op::Pry),
    (3, Op::Policy),
    (4, Op::Update),
    (3, Op::Freeze),
    (3, Op::Archive),
    (5, Op::Own),
    (2, Op::Delete),
    (4, Op::OpenSession),
    (3, Op::Refresh),
    (1, Op::LogOut),
    (2, Op::Revoke),
    (1, Op::Deactivate),
    (2, Op::Reactivate),
    (4, Op::TryToken),
    (6, Op::Connect),
    (3, Op::Disconnect),
    (3, Op::Jump),
    (1, Op::Epoch),
];

#[derive(Debug, Clone, Copy)]
enum Op {
    Send,
    Flush,
    Repeat,
    Conflict,
    BackendSend,
    Read,
    Change,
    Type,
    Mark,
    Look,
    ReadThread,
    Say,
    Schedule,
    Replan,
    Due,
    CreateGroup,
    CreateDirect,
    Add,
    Remove,
    Leave,
    Invite,
    Answer,
    Pry,
    Policy,
    Update,
    Freeze,
    Archive,
    Own,
    Delete,
    OpenSession,
    Refresh,
    LogOut,
    Revoke,
    Deactivate,
    Reactivate,
    TryToken,
    Connect,
    Disconnect,
    Jump,
    Epoch,
}

impl Sim {
    /// Draws and does one operation, then lets some events arrive.
    pub(crate) async fn step(&mut self) -> Result<(), Error> {
        let c = self.dice.index(self.clients.len());
        let op = self.draw();
        let who = self.clients[c].name();
        self.say(format!("{} {op:?} {who}", self.trace.len()));
        self.run_op(op, c).await?;
        let pause = i64::try_from(self.dice.roll(1_500)).unwrap_or(0);
        self.clock.move_by(pause);
        // Events pile up now and then, and the pile is worked off.
        let most = if self.under_way() > 60 { 50 } else { self.dice.index(12) };
        self.pump(most).await
    }

    fn draw(&mut self) -> Op {
        let all = WEIGHTS.iter().map(|(weight, _)| weight).sum();
        let mut at = self.dice.roll(all);
        for (weight, op) in WEIGHTS {
            if at < *weight {
                return *op;
            }
            at -= weight;
        }
        Op::Send
    }

    async fn run_op(&mut self, op: Op, c: usize) -> Result<(), Error> {
        match op {
            Op::Send => self.op_send(c).await,
            Op::Flush => self.op_flush(c).await,
            Op::Repeat => self.op_repeat(c).await,
            Op::Conflict => self.op_conflict(c).await,
            Op::BackendSend => self.op_backend_send().await,
            Op::Read => self.op_read(c).await,
            Op::Change => self.op_change(c).await,
            Op::Type => self.op_type(c).await,
            Op::Mark => self.op_mark(c).await,
            Op::Look => self.op_look(c).await,
            Op::ReadThread => self.op_read_thread(c).await,
            Op::Say => self.op_say(c).await,
            Op::Schedule => self.op_schedule(c).await,
            Op::Replan => self.op_replan(c).await,
            Op::Due => self.op_due().await?,
            Op::CreateGroup => self.op_create_group(c).await,
            Op::CreateDirect => self.op_create_direct(c).await,
            Op::Add => self.op_members(c, true).await,
            Op::Remove => self.op_members(c, false).await,
            Op::Leave => self.op_leave(c).await,
            Op::Invite => self.op_invite(c).await,
            Op::Answer => self.op_answer(c).await,
            Op::Pry => self.op_pry(c).await,
            Op::Policy => self.op_policy(c).await,
            Op::Update => self.op_update(c).await,
            Op::Freeze => self.op_freeze().await,
            Op::Archive => self.op_archive(c).await,
            Op::Own => self.op_own(c).await,
            Op::Delete => self.op_delete().await,
            Op::OpenSession => self.open_session(c).await,
            Op::Refresh => self.op_refresh(c).await,
            Op::LogOut => self.op_log_out(c).await,
            Op::Revoke => self.op_revoke(c).await,
            Op::Deactivate => self.op_deactivate(c).await,
            Op::Reactivate => self.reactivate(c).await,
            Op::TryToken => self.op_try_token().await,
            Op::Connect => {
                let connected = self.connect(c).await;
                self.note("connect", &connected);
            }
            Op::Disconnect => self.disconnect(c),
            Op::Jump => self.op_jump(),
            Op::Epoch => self.op_epoch().await?,
        }
        Ok(())
    }

    fn op_jump(&mut self) {
        let far = [-3_600_000, -30_000, -6_000, 6_000, 30_000, 3_600_000, 40_000_000];
        let by = *self.dice.pick(&far).unwrap_or(&0);
        self.say(format!("  the clock jumps by {by} ms"));
        self.clock.move_by(by);
    }

    /// Nothing in here restores a backup, so the epoch stands.
    async fn op_epoch(&mut self) -> Result<(), Error> {
        let epoch = self.engine.epoch().await?;
        if epoch != self.epoch {
            self.checker.odd(format!("the epoch went from {} to {epoch}", self.epoch));
        }
        Ok(())
    }

    /// Mostly a room that the client knows.
    pub(crate) fn some_room(&mut self, c: usize) -> Option<RoomId> {
        let known: Vec<RoomId> = self.clients[c].rooms.keys().cloned().collect();
        let rooms = if known.is_empty() || self.dice.percent(10) { &self.rooms } else { &known };
        self.dice.pick(rooms).cloned()
    }

    pub(crate) fn any_room(&mut self) -> Option<RoomId> {
        self.dice.pick(&self.rooms).cloned()
    }
}

/// An answer as the checker's `judged` takes it: a success, a refusal for the role, another one.
fn verdict<T>(answer: &Result<T, Error>) -> Option<bool> {
    match answer {
        Ok(_) => Some(true),
        Err(Error::RoleTooLow) => Some(false),
        Err(_) => None,
    }
}
