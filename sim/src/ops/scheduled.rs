//! Messages that are sent later: scheduled, given another time, taken back, and sent when their
//! time has come, as a node does that has them in hand.

use snug_core::engine::{Actor, DueOutcome, Judged, ScheduledPatch};
use snug_core::error::Error;
use snug_core::ids::MessageId;
use snug_core::limits::{OUTBOX_LEASE_MS, SCHEDULED_AT_ONCE};
use snug_core::model::{EditMessage, MessageKind, Ruled, Scheduled, Time};
use snug_core::ports::{JobPlace, JobStore, Lease, ScheduledStore};

use super::verdict;
use crate::sim::Sim;
use snug_verify::checker::Seen;

/// How far ahead, in milliseconds: from what the next operations come upon to what a jump of the
/// clock does.
const AHEAD: [i64; 4] = [1_000, 8_000, 60_000, 3_600_000];
/// Looks at what is due: what a lost answer has left open is due again at once.
const LOOKS: usize = 8;

impl Sim {
    fn ahead(&mut self) -> Time {
        let ahead = *self.dice.pick(&AHEAD).unwrap_or(&1_000);
        self.engine.now().plus_millis(ahead)
    }

    pub(crate) async fn op_schedule(&mut self, c: usize) {
        let Some(room) = self.some_room(c) else { return };
        let Some(actor) = self.page_or_backend(c).await else { return };
        let mut send = self.new_message(None, &room);
        if actor.user().is_none() && self.dice.percent(60) {
            send.sender = Some(self.clients[c].user.clone());
        } else if actor.user().is_none() {
            send.kind = Some(MessageKind::System);
        }
        let at = self.ahead();
        let may = actor.user().and_then(|user| self.checker.may(&room, user, Ruled::Send));
        let answer = self.engine.schedule_message(&actor, &room, at, send.clone()).await;
        self.say(format!("  in {room} at {at:?}"));
        self.note("schedule", &answer);
        if let Some(user) = actor.user() {
            self.checker.judged((&room, user), "schedule", may, verdict(&answer));
        }
        let Ok((planned, new)) = answer else { return };
        self.checker.planned(&planned.id, actor.user(), planned.at);
        self.planned.push((actor.user().cloned(), planned.id.clone()));
        if !new {
            self.checker.odd(format!("{} was scheduled by nobody before", planned.id));
        }
        if self.dice.percent(20) {
            // The answer was lost, and the call is repeated.
            let again = self.engine.schedule_message(&actor, &room, at, send).await;
            let same = |one: &Scheduled| (&one.id, one.rev) == (&planned.id, planned.rev);
            if !matches!(&again, Ok((one, false)) if same(one)) {
                self.checker.odd(format!("a repeated schedule was answered with: {again:?}"));
            }
        }
    }

    /// An owner gives a message another time, or takes it back: now and then one that was sent.
    pub(crate) async fn op_replan(&mut self, c: usize) {
        let Some(actor) = self.page_or_backend(c).await else { return };
        let mine = self.planned.iter().filter(|(owner, _)| owner.as_ref() == actor.user());
        let mine: Vec<MessageId> = mine.map(|(_, id)| id.clone()).collect();
        let Some(id) = self.dice.pick(&mine).cloned() else { return };
        let open = self.checker.is_open(&id);
        let answer = if self.dice.percent(50) {
            let answer = self.engine.cancel_scheduled(&actor, &id).await;
            self.note("cancel", &answer);
            if answer.is_ok() {
                self.checker.plan_cancelled(&id);
                self.planned.retain(|(_, planned)| *planned != id);
            }
            answer
        } else {
            let patch = ScheduledPatch { at: Some(self.ahead()), words: EditMessage::default() };
            let answer = self.engine.update_scheduled(&actor, &id, patch).await;
            self.note("reschedule", &answer);
            if let Ok(planned) = &answer {
                self.checker.planned(&id, actor.user(), planned.at);
            }
            answer.map(drop)
        };
        self.say(format!("  {id}"));
        if open && answer == Err(Error::MessageNotFound(id.clone())) {
            self.checker.odd(format!("{id} waits for its time and cannot be changed"));
        }
    }

    /// A node looks for what is due and sends it.
    pub(crate) async fn op_due(&mut self) -> Result<(), Error> {
        let now = self.engine.now();
        let place = JobPlace::scheduled(&self.app);
        let lease = self.store.lease_job(&place, "node", OUTBOX_LEASE_MS, now).await?;
        let Some(lease) = lease else {
            self.checker.odd("nobody has what is due in hand, and it cannot be taken");
            return Ok(());
        };
        for look in 0..LOOKS {
            let due = self.store.scheduled_due(&self.app, now, SCHEDULED_AT_ONCE).await?;
            if due.is_empty() {
                break;
            }
            for one in due {
                self.send_due(&lease, one, look == 0).await?;
            }
        }
        self.store.release_job(&lease).await?;
        Ok(())
    }

    async fn send_due(&mut self, lease: &Lease, due: Scheduled, lose: bool) -> Result<(), Error> {
        let (id, room, owner) = (due.id.clone(), due.room.clone(), due.owner.clone());
        // Of one that was tried before nobody knows when it was stored.
        let first = !due.sending && due.attempts == 0;
        let may = owner.as_ref().filter(|_| first);
        let may = may.and_then(|user| self.checker.may(&room, user, Ruled::Send));
        self.store.lose_next_answer(lose && self.dice.percent(20));
        let outcome = self.engine.send_scheduled(lease, due, |error| judged(&error)).await;
        self.store.lose_next_answer(false);
        self.say(format!("  {id} to {room}: {outcome:?}"));
        self.collect();
        match outcome? {
            DueOutcome::Sent => {
                self.tally("scheduled sent");
                let backend = Actor::Backend(self.backend.clone());
                let message = self.engine.message(&backend, &room, &id).await?;
                let now = self.engine.now();
                self.checker.plan_sent(&room, &Seen::of(&message), now);
                if let Some(user) = &owner {
                    self.checker.judged((&room, user), "send at its time", may, Some(true));
                }
            }
            DueOutcome::Failed => {
                self.tally("scheduled refused");
                self.checker.plan_failed(&id);
            }
            DueOutcome::Postponed => self.tally("scheduled open"),
            DueOutcome::Passed => {
                self.checker
                    .odd(format!("{id} is due and was passed over, and nobody else has it"));
            }
        }
        Ok(())
    }
}

/// What may pass is tried again.
fn judged(error: &Error) -> Judged {
    let (code, detail) = ("refused".to_owned(), error.to_string());
    match error {
        Error::StoreUnavailable { .. } | Error::Overloaded { .. } => {
            Judged::Passing { code, detail }
        }
        _ => Judged::Final { code, detail },
    }
}
