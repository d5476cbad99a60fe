//! Messages that are sent later: what their owners do with them, and the sending at their time by
//! the same method as every send.

use std::sync::Arc;

use super::extras::for_bridge;
use super::messages::{SendMessage, decide, with_extras};
use super::sync::{decode, encode};
use super::{Actor, Backend, Client, Engine, ForwardOf, SendExtras, check};
use crate::error::{Error, Result};
use crate::event::UserEventBody;
use crate::ids::{AppId, DeviceId, KeyId, MessageId, RoomId, SessionId, UserId};
use crate::limits;
use crate::model::{
    EditMessage, Mentions, Patch, Scheduled, ScheduledFailure, ScheduledForward, ScheduledWords,
    Session, Time, spread_ms,
};
use crate::policy::Operation;
use crate::ports::{
    ChangeScheduled, Lease, NewScheduled, PayloadHash, ScheduleOutcome, ScheduledPlace,
    ScheduledQuery, Settled,
};

/// Which page of the caller's scheduled messages.
#[derive(Debug, Clone, Default)]
pub struct ScheduledRequest {
    pub room: Option<RoomId>,
    /// `next` of the page before.
    pub cursor: Option<String>,
    pub limit: Option<usize>,
}

/// A page of scheduled messages, soonest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledPage {
    pub scheduled: Vec<Scheduled>,
    /// Ask again with this, when there are more.
    pub next: Option<String>,
}

/// Changes to a scheduled message; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ScheduledPatch {
    pub at: Option<Time>,
    pub words: EditMessage,
}

/// What an error means to a message whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It may pass: try again.
    Passing {
        code: String,
        detail: String,
    },
    Final {
        code: String,
        detail: String,
    },
}

/// What became of a message whose time had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueOutcome {
    Sent,
    /// To be tried again.
    Postponed,
    Failed,
    /// It was changed or taken back a moment ago, or the lease is another node's.
    Passed,
}

impl Engine {
    /// Keeps a message to be sent at a time; tells the owner's connections. The id is that of the
    /// later send, and of this call: repeated, it is answered with the message as it is now, and
    /// `false`. Who may not send now schedules nothing; at its time it is decided again.
    ///
    /// # Errors
    /// Those of a send, but for what only its time tells (what it answers, forwards, hangs at; the
    /// app's hook); an `at` that is not ahead or too far; [`Error::TooLarge`] above the owner's
    /// bound; [`Error::MessageIdConflict`], also for a repeat that comes after it was sent; the
    /// store's.
    pub async fn schedule_message(
        &self,
        actor: &Actor,
        room: &RoomId,
        at: Time,
        send: SendMessage,
    ) -> Result<(Scheduled, bool)> {
        let app = &actor.app().id;
        let client_minted = send.id.is_some();
        let at = Time::from_millis(at.millis());
        let send = SendMessage { read_up_to: None, ..send };
        let new = self.new_message(actor, send.clone())?;
        let hash = with_extras(new.hash, &format!("scheduled:{}\n{room}", at.0));
        let owner = actor.user().cloned();
        let place = ScheduledPlace { app: app.clone(), owner, id: new.id };
        let mut taken = false;
        if client_minted {
            if let Some((known, found)) = self.store.scheduled_one(&place).await? {
                return answered_again(known, hash, found);
            }
            let hit = self.store.message_by_key(app, room, &place.id).await?;
            // Before the time is looked at, which may be over: it was sent. Of another's message an
            // outsider learns nothing.
            if hit.as_ref().is_some_and(|hit| hit.message.sender == new.sender) {
                return Err(Error::MessageIdConflict);
            }
            taken = hit.is_some();
        }
        self.check_schedule(actor, room, at, &send).await?;
        if taken {
            return Err(Error::MessageIdConflict);
        }
        let scheduled = Scheduled {
            id: place.id,
            room: room.clone(),
            owner: place.owner,
            at,
            words: Box::new(words_of(send)),
            rev: 1,
            created_at: self.now(),
            sending: false,
            attempts: 0,
            failed: None,
        };
        let most = most_of(actor);
        let new = NewScheduled { app: app.clone(), scheduled: scheduled.clone(), hash, most };
        match self.store.schedule(new).await? {
            ScheduleOutcome::Stored => {
                self.tell_scheduled(app, &scheduled);
                Ok((scheduled, true))
            }
            ScheduleOutcome::Existing(found) => Ok((*found, false)),
            ScheduleOutcome::Conflict => Err(Error::MessageIdConflict),
            ScheduleOutcome::TooMany => {
                let expected = format!("at most {most} scheduled messages; cancel one");
                Err(Error::too_large("scheduled", expected))
            }
        }
    }

    /// The time is one that may be asked for, and the caller may send such a message now.
    async fn check_schedule(
        &self,
        actor: &Actor,
        room: &RoomId,
        at: Time,
        send: &SendMessage,
    ) -> Result<()> {
        self.check_at(at)?;
        if matches!(actor, Actor::Backend(_)) {
            // A bridged app's backend tells what it has stored, which is never later.
            self.unless_bridged(actor, "be told of what is said later").await?;
        }
        self.check_for_bridge(actor, send).await?;
        let facts = self.store.room_facts(&actor.app().id, room, actor.user()).await?;
        let facts = facts.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
        decide(actor, Operation::Send, &facts).map(drop)
    }

    /// What a bridged app's backend cannot keep is refused now, not only at its time. What is kept
    /// here stays as it was given: at its time it is made ready as every send is.
    async fn check_for_bridge(&self, actor: &Actor, send: &SendMessage) -> Result<()> {
        match self.bridge(&actor.app().id).await? {
            Some(_) => for_bridge(&mut send.clone()),
            None => Ok(()),
        }
    }

    fn check_at(&self, at: Time) -> Result<()> {
        let now = self.now();
        if at <= now || at > now.plus_millis(limits::SCHEDULE_AHEAD_MS_MAX) {
            return Err(Error::invalid("at", "a time ahead, within a year"));
        }
        Ok(())
    }

    /// A page of the caller's scheduled messages, soonest first, with those that failed: a user's
    /// own, or the backend's own.
    ///
    /// # Errors
    /// An invalid cursor or limit; the store's.
    pub async fn scheduled(
        &self,
        actor: &Actor,
        request: ScheduledRequest,
    ) -> Result<ScheduledPage> {
        let ScheduledRequest { room, cursor, limit } = request;
        let most = limits::SCHEDULED_PAGE_MAX;
        let limit = check::limit(limit, most, most)?;
        let after = cursor.as_deref().map(read_cursor).transpose()?;
        let query = ScheduledQuery { room, after, limit: limit + 1 };
        let (app, owner) = (&actor.app().id, actor.user());
        let mut scheduled = self.store.scheduled(app, owner, &query).await?;
        let more = scheduled.len() > limit;
        scheduled.truncate(limit);
        let behind = |last: &Scheduled| encode(&[&last.at.0.to_string(), last.id.as_str()]);
        let next = scheduled.last().filter(|_| more).map(behind);
        Ok(ScheduledPage { scheduled, next })
    }

    /// Gives a scheduled message another time or other words; tells the owner's connections. One
    /// that failed waits again. What is so already is answered the same.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`] when it is not there, is sent or being sent; an invalid field; a
    /// missing `at` for one that failed; the store's.
    pub async fn update_scheduled(
        &self,
        actor: &Actor,
        id: &MessageId,
        patch: ScheduledPatch,
    ) -> Result<Scheduled> {
        let app = &actor.app().id;
        for _ in 0..limits::GUARD_TRIES_MAX {
            let found = self.own_scheduled(actor, id).await?;
            let at = self.changed_at(&found, patch.at)?;
            let words = patched(&found.words, &patch.words)?;
            let send = send_of(words.clone(), id.clone());
            self.check_for_bridge(actor, &send).await?;
            self.new_message(actor, send)?;
            if found.failed.is_none() && at == found.at && words == *found.words {
                return Ok(found);
            }
            let place = ScheduledPlace::of(app, &found);
            let change = ChangeScheduled { place, rev: found.rev, at, words: Box::new(words) };
            if let Some(changed) = self.store.change_scheduled(change).await? {
                self.tell_scheduled(app, &changed);
                return Ok(changed);
            }
        }
        Err(Error::Overloaded { retry_after_ms: limits::OVERLOADED_RETRY_MS })
    }

    fn changed_at(&self, found: &Scheduled, at: Option<Time>) -> Result<Time> {
        match at.map(|at| Time::from_millis(at.millis())) {
            // A repeat of a change may come after its time.
            Some(at) if at == found.at && found.failed.is_none() => Ok(at),
            Some(at) => self.check_at(at).map(|()| at),
            None if found.failed.is_some() => Err(Error::missing("at")),
            None => Ok(found.at),
        }
    }

    /// Takes a scheduled message back; tells the owner's connections. From the return on it is not
    /// sent.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`] when it is not there, is sent or being sent; the store's.
    pub async fn cancel_scheduled(&self, actor: &Actor, id: &MessageId) -> Result<()> {
        let app = &actor.app().id;
        for _ in 0..limits::GUARD_TRIES_MAX {
            let found = self.own_scheduled(actor, id).await?;
            if self.store.unschedule(&ScheduledPlace::of(app, &found), found.rev).await? {
                self.tell_unscheduled(app, &found, false);
                return Ok(());
            }
        }
        Err(Error::Overloaded { retry_after_ms: limits::OVERLOADED_RETRY_MS })
    }

    /// A message of the caller's that can still be changed.
    async fn own_scheduled(&self, actor: &Actor, id: &MessageId) -> Result<Scheduled> {
        let app = actor.app().id.clone();
        let place = ScheduledPlace { app, owner: actor.user().cloned(), id: id.clone() };
        let found = self.store.scheduled_one(&place).await?.map(|(_, found)| found);
        let gone = || Error::MessageNotFound(id.clone());
        let found = found.filter(|found| !found.sending).ok_or_else(gone)?;
        // A try whose answer was lost may have stored it, whatever came after.
        let tried = found.attempts > 0 || found.failed.is_some();
        if tried && self.is_stored(&place.app, &found).await? {
            return Err(gone());
        }
        Ok(found)
    }

    /// Whether the room has a message of its sender's under its id.
    async fn is_stored(&self, app: &AppId, due: &Scheduled) -> Result<bool> {
        let hit = self.store.message_by_key(app, &due.room, &due.id).await?;
        let sender = due.owner.as_ref().or(due.words.sender.as_ref());
        Ok(hit.is_some_and(|hit| hit.message.sender.as_ref() == sender))
    }

    /// Sends a message whose time has come, as its owner and under its id, by the method that all
    /// sends take, and keeps what became of it. Whatever dies in between, the next call goes on:
    /// the id makes it one message.
    ///
    /// # Errors
    /// The store's, where it could not be kept; the next call tries again.
    pub async fn send_scheduled(
        &self,
        lease: &Lease,
        due: Scheduled,
        judge: impl Fn(Error) -> Judged + Send,
    ) -> Result<DueOutcome> {
        let app = &lease.place.app;
        let place = ScheduledPlace::of(app, &due);
        let settled = if due.words.unread.is_some() {
            // Nothing was tried: a node of the build that wrote it may send it.
            let cause = "a scheduled message of a later build".to_owned();
            let (Judged::Passing { code, detail } | Judged::Final { code, detail }) =
                judge(Error::StoreBroken { cause });
            let settled = self.again_or_failed(&due, due.sending, Judged::Passing { code, detail });
            if due.sending { self.failed_if_absent(app, &due, settled).await } else { settled }
        } else {
            if !self.store.settle_scheduled(lease, &place, due.rev, &Settled::Sending).await? {
                return Ok(DueOutcome::Passed);
            }
            match self.send_due(app, &due).await {
                Ok(()) => Settled::Sent,
                Err(error) => self.judged(app, &due, error, judge).await,
            }
        };
        if !self.store.settle_scheduled(lease, &place, due.rev, &settled).await? {
            return Ok(DueOutcome::Passed);
        }
        Ok(match settled {
            Settled::Sent => {
                self.tell_unscheduled(app, &due, true);
                DueOutcome::Sent
            }
            Settled::Failed(failure) => {
                let (rev, failed) = (due.rev + 1, Some(failure));
                let now = Scheduled { rev, failed, sending: false, attempts: 0, ..due };
                self.tell_scheduled(app, &now);
                DueOutcome::Failed
            }
            Settled::Again { .. } | Settled::Sending => DueOutcome::Postponed,
        })
    }

    async fn send_due(&self, app: &AppId, due: &Scheduled) -> Result<()> {
        let app = self.app(app).await?;
        let actor = match &due.owner {
            None => Actor::Backend(Backend { app, key: KeyId::from_stored("scheduled") }),
            Some(user) => Actor::Client(Client { app, session: Arc::new(session_of(user, due)) }),
        };
        let send = send_of((*due.words).clone(), due.id.clone());
        self.send_message(&actor, &due.room, send).await.map(drop)
    }

    /// What an error makes of it. It has not failed while it may have been sent: where a try is
    /// open, the store says so first, and as long as that cannot be asked it is tried again.
    async fn judged(
        &self,
        app: &AppId,
        due: &Scheduled,
        error: Error,
        judge: impl Fn(Error) -> Judged + Send,
    ) -> Settled {
        let open = leaves_open(&error, due.sending);
        let was_open = open || (due.sending && error != Error::MessageIdConflict);
        let settled = self.again_or_failed(due, open, judge(error));
        if was_open { self.failed_if_absent(app, due, settled).await } else { settled }
    }

    /// A failure only where the store has no such message.
    async fn failed_if_absent(&self, app: &AppId, due: &Scheduled, settled: Settled) -> Settled {
        if !matches!(settled, Settled::Failed(_)) {
            return settled;
        }
        match self.is_stored(app, due).await {
            Ok(true) => Settled::Sent,
            Ok(false) => settled,
            Err(_) => self.again(due, true),
        }
    }

    fn again(&self, due: &Scheduled, open: bool) -> Settled {
        let wait = i64::try_from(retry_ms(due.attempts)).unwrap_or(i64::MAX);
        Settled::Again { due_at: self.now().plus_millis(wait), open }
    }

    fn again_or_failed(&self, due: &Scheduled, open: bool, judged: Judged) -> Settled {
        let now = self.now();
        let tries = due.attempts.saturating_add(1);
        match judged {
            Judged::Passing { .. } if tries < limits::SCHEDULED_TRIES_MAX => self.again(due, open),
            Judged::Passing { code, detail } | Judged::Final { code, detail } => {
                Settled::Failed(ScheduledFailure { code, detail, at: now })
            }
        }
    }

    fn tell_scheduled(&self, app: &AppId, scheduled: &Scheduled) {
        let Some(user) = &scheduled.owner else { return };
        let scheduled = Box::new(scheduled.clone());
        self.publish_user(app, user, UserEventBody::Scheduled { scheduled });
    }

    fn tell_unscheduled(&self, app: &AppId, gone: &Scheduled, sent: bool) {
        let Some(user) = &gone.owner else { return };
        let (id, room) = (gone.id.clone(), gone.room.clone());
        self.publish_user(app, user, UserEventBody::Unscheduled { id, room, sent });
    }
}

/// Whether nobody knows after such an error if the message was stored; `before`, whether that was
/// so before the try. Whoever refuses it otherwise has looked its id up first.
fn leaves_open(error: &Error, before: bool) -> bool {
    match error {
        // A commit may be under way, or the backend may have it.
        Error::StoreUnavailable { .. }
        | Error::StoreBroken { .. }
        | Error::Internal
        | Error::BridgeUnreachable { .. }
        | Error::BridgeBroken { .. } => true,
        // Perhaps before the id was looked up.
        Error::Overloaded { .. } | Error::RateLimited { .. } => before,
        _ => false,
    }
}

fn answered_again(
    known: PayloadHash,
    hash: PayloadHash,
    found: Scheduled,
) -> Result<(Scheduled, bool)> {
    if known == hash { Ok((found, false)) } else { Err(Error::MessageIdConflict) }
}

fn most_of(actor: &Actor) -> usize {
    match actor {
        Actor::Backend(_) => limits::SCHEDULED_PER_BACKEND_MAX,
        Actor::Client(_) => limits::SCHEDULED_PER_USER_MAX,
    }
}

fn read_cursor(text: &str) -> Result<(Time, MessageId)> {
    let read = || {
        let parts = decode(text)?;
        let [at, id] = parts.as_slice() else { return None };
        Some((Time(at.parse().ok()?), MessageId::new(id).ok()?))
    };
    read().ok_or_else(|| Error::invalid("cursor", "`next` of the page before"))
}

/// Stands for the caller who scheduled it: their session may have ended meanwhile, and the user's
/// standing is read from the store anew. Nobody can call by it.
fn session_of(user: &UserId, due: &Scheduled) -> Session {
    Session {
        id: SessionId::from_stored("scheduled"),
        user: user.clone(),
        device: DeviceId::from_stored("scheduled"),
        created_at: due.created_at,
        ttl_seconds: 0,
        expires_at: Time(i64::MAX),
        closed: None,
    }
}

/// Twice as long after each try, and by chance up to a half less.
fn retry_ms(attempts: u32) -> u64 {
    let doubled = limits::SCHEDULED_RETRY_MS_MIN << attempts.min(20);
    let wait = doubled.min(limits::SCHEDULED_RETRY_MS_MAX);
    spread_ms(wait / 2, wait)
}

fn words_of(send: SendMessage) -> ScheduledWords {
    let SendMessage { id: _, sender, kind, text, custom, extras, silent, read_up_to: _ } = send;
    let SendExtras {
        mentions,
        mentions_read: _,
        reply_to,
        card,
        location,
        forward,
        thread,
        format,
    } = extras;
    let forward = forward.map(|ForwardOf { room, id }| ScheduledForward { room, id });
    ScheduledWords {
        sender,
        kind,
        text,
        format,
        custom,
        mentions,
        reply_to,
        card,
        location,
        forward,
        thread,
        silent,
        unread: None,
    }
}

fn send_of(words: ScheduledWords, id: MessageId) -> SendMessage {
    let ScheduledWords {
        sender,
        kind,
        text,
        format,
        custom,
        mentions,
        reply_to,
        card,
        location,
        forward,
        thread,
        silent,
        unread: _,
    } = words;
    let forward = forward.map(|ScheduledForward { room, id }| ForwardOf { room, id });
    let extras = SendExtras {
        mentions,
        mentions_read: false,
        reply_to,
        card,
        location,
        forward,
        thread,
        format,
    };
    SendMessage { id: Some(id), sender, kind, text, custom, extras, silent, read_up_to: None }
}

fn patched(words: &ScheduledWords, edit: &EditMessage) -> Result<ScheduledWords> {
    if words.unread.is_some() {
        let cause = "a scheduled message of a later build is to be changed".to_owned();
        return Err(Error::StoreBroken { cause });
    }
    let EditMessage { text, format, custom, mentions, card, location } = edit.clone();
    if format.is_some() && text.is_none() {
        return Err(Error::missing("text"));
    }
    let mut words = words.clone();
    if text.is_some() {
        // New words say anew how they are written.
        (words.text, words.format) = (text, format);
    }
    match mentions {
        Patch::Keep => {}
        Patch::Clear => words.mentions = Mentions::default(),
        Patch::Set(mentions) => words.mentions = mentions,
    }
    words.custom = custom.or(words.custom);
    words.card = card.or(words.card);
    words.location = location.or(words.location);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_comes_back_as_it_was_given() {
        let send = SendMessage {
            id: Some(MessageId::from_stored("m-1")),
            text: Some("hi".to_owned()),
            silent: true,
            extras: SendExtras {
                forward: Some(ForwardOf {
                    room: RoomId::from_stored("r"),
                    id: MessageId::from_stored("m-0"),
                }),
                ..SendExtras::default()
            },
            ..SendMessage::default()
        };
        let again = send_of(words_of(send.clone()), MessageId::from_stored("m-1"));
        assert_eq!(format!("{again:?}"), format!("{send:?}"));
    }

    #[test]
    fn what_may_have_been_stored_stays_open() {
        let cause = String::new;
        for error in [
            Error::StoreUnavailable { cause: cause() },
            Error::StoreBroken { cause: cause() },
            Error::BridgeUnreachable { cause: cause() },
            Error::BridgeBroken { promise: cause() },
        ] {
            assert!(leaves_open(&error, false), "{error}");
        }
        for error in [
            Error::HookFailed,
            Error::NotAMember,
            Error::BridgeRefused { message: cause() },
            Error::MessageIdConflict,
        ] {
            assert!(!leaves_open(&error, true), "{error}");
        }
        let busy = Error::Overloaded { retry_after_ms: 1 };
        assert!(leaves_open(&busy, true));
        assert!(!leaves_open(&busy, false));
    }

    #[test]
    fn waits_grow_to_their_bound() {
        for attempts in 0..60 {
            let full = (1_000_u64 << attempts.min(20)).min(limits::SCHEDULED_RETRY_MS_MAX);
            assert!((full / 2..=full).contains(&retry_ms(attempts)), "{attempts}");
        }
    }
}
