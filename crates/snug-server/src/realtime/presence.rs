//! Who is online. A node says when a user's first connection comes and when the last one has been
//! gone for a while; a node where somebody watches that user hears it, and asks again from time to
//! time, so that what was lost, and who died without a word, is found. Nothing of it is stored but
//! when a user was seen last.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use snug_core::event::{Event, PresenceEvent, RoomEvent, RoomEventBody, UserEvent, UserEventBody};
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::Time;
use snug_core::ports::Topic;

use super::attached::Connection;
use super::here::{Gone, Shown};
use super::hub::Hub;
use super::watches::Key;

/// How often it is looked who is gone.
const TURN: Duration = Duration::from_millis(500);
/// How often it is written when users went.
const NOTED_EVERY: Duration = Duration::from_secs(1);
/// What a server that ends waits for that.
const NOTED_AT_END: Duration = Duration::from_secs(2);
/// Times of going that are kept while the store is away, in users.
const SEEN_KEPT: usize = 20_000;

impl Hub {
    pub(super) fn now(&self) -> Time {
        let engine = self.engine.get().and_then(Weak::upgrade);
        engine.map_or(Time(0), |engine| engine.now())
    }

    /// The word of what became of a user here: made under the lock of the users, which gives it
    /// its number, and said after it, since that takes longer.
    pub(super) fn word(
        &self,
        key: &Key,
        shown: Shown,
        last_seen: Option<Time>,
    ) -> Option<PresenceEvent> {
        let online = match shown {
            Shown::Same => return None,
            Shown::On => true,
            Shown::Off => false,
        };
        Some(self.watches.word(key, online, last_seen))
    }

    /// To those who watch here at once, and to other nodes.
    pub(super) fn say(&self, word: PresenceEvent) {
        self.write(self.watches.said(&word));
        if self.is_one_of_several() {
            self.with_bus(|bus| bus.publish(Arc::new(Event::Presence(word))));
        }
    }

    /// Somebody watches the user; what is not here is not said.
    pub(super) fn answer_presence(&self, asked: &UserEvent) {
        let key = (asked.app.clone(), asked.user.clone());
        let users = self.users.lock();
        let word = users.is_shown(&key).then(|| self.watches.word(&key, true, None));
        drop(users);
        word.into_iter().for_each(|word| self.say(word));
    }

    pub(super) fn set_invisible(&self, happened: &UserEvent, invisible: (bool, Time)) {
        let key = (happened.app.clone(), happened.user.clone());
        let mut users = self.users.lock();
        let seen = users.is_seen(&key);
        let shown = users.set_invisible(&key, invisible);
        let word = self.word(&key, shown, None);
        if users.is_seen(&key) != seen {
            self.tell_presence(&key.0, &key.1, !seen);
        }
        drop(users);
        word.into_iter().for_each(|word| self.say(word));
    }

    pub(super) fn on_presence(&self, event: &PresenceEvent) {
        // Its own words a node has heard when it said them.
        if event.node != self.watches.node() {
            self.write(self.watches.said(event));
        }
    }

    /// Who is out of a room is not watched there any more.
    pub(super) fn end_watches(&self, event: &RoomEvent) {
        if let RoomEventBody::MembersChanged { members, .. } = &event.body {
            for member in members.iter().filter(|one| one.is_out()) {
                self.watches.left(&event.app, &event.room, &member.user.id);
            }
        }
    }

    /// Lets a connection watch users of a room that it hears; how they stand is asked for
    /// afterwards (`online`), and what other nodes know shows a moment later.
    ///
    /// # Errors
    /// More than one connection may watch.
    pub(super) fn watch(
        &self,
        connection: &Arc<Connection>,
        room: &RoomId,
        users: &[UserId],
    ) -> Result<(), ()> {
        let fresh = self.watches.watch(connection, room, users)?;
        if self.is_one_of_several() {
            connection.charge(fresh.len() * limits::PRESENCE_ASK_BYTES);
        }
        self.ask(fresh);
        if !connection.hears(room) {
            // Out meanwhile: nothing of it would end the watch later.
            self.watches.unwatch(connection, room);
        }
        Ok(())
    }

    /// Users that turned out to be in the room no more when they were watched.
    pub(super) fn not_in(&self, app: &AppId, room: &RoomId, users: &[UserId]) {
        users.iter().for_each(|user| self.watches.left(app, room, user));
    }

    /// Which of these are online, as far as it is known here.
    pub(super) fn online(&self, app: &AppId, users: &[UserId]) -> Vec<bool> {
        self.watches.online(app, users)
    }

    /// Ends what a connection watches in a room.
    pub(super) fn unwatch(&self, connection: &Connection, room: &RoomId) {
        self.watches.unwatch(connection, room);
    }

    /// Which of these users are online at this moment, on any node.
    pub async fn look(&self, app: &AppId, users: &[UserId]) -> Vec<bool> {
        let (fresh, young) = self.watches.look(app, users);
        self.ask(fresh);
        if young && self.is_one_of_several() {
            tokio::time::sleep(Duration::from_millis(limits::PRESENCE_LOOK_MS)).await;
        }
        let online = self.watches.online(app, users);
        self.watches.looked(app, users);
        online
    }

    fn ask(&self, fresh: Vec<Key>) {
        for key in fresh {
            let here = self.users.lock().is_shown(&key);
            self.write(self.watches.begin(&key, here));
            if self.is_one_of_several() {
                self.watches.asked(key.clone());
                Self::ask_about(key, self);
            }
        }
    }

    fn ask_about((app, user): Key, hub: &Self) {
        let body = UserEventBody::PresenceAsked;
        hub.with_bus(|bus| bus.publish(Arc::new(Event::User(UserEvent { app, user, body }))));
    }

    /// Looks who is gone, asks again about those who are watched, and beside it has it kept when
    /// users went: a store that is away holds up nobody's news.
    pub(super) fn follow_presence(&self) {
        let me = self.me.clone();
        self.tasks.spawn_until_stop(async move {
            let mut turn = tokio::time::interval(TURN);
            turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                turn.tick().await;
                let Some(hub) = me.upgrade() else { return };
                hub.presence_turn();
            }
        });
        let (me, stop) = (self.me.clone(), self.tasks.stopping());
        // Never cut off while it writes: what it took would be lost.
        self.tasks.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(NOTED_EVERY)).await.is_some() {
                let Some(hub) = me.upgrade() else { return };
                hub.note_went().await;
            }
        });
    }

    fn presence_turn(&self) {
        for gone in self.forget_gone() {
            let mut went = self.went.lock();
            if gone.shown && went.len() < SEEN_KEPT {
                went.push((gone.key.0, gone.key.1, gone.at));
            }
        }
        // Also where there is nobody to ask: what is over goes out of the line.
        let (due, told) = self.watches.turn(Instant::now());
        self.write(told);
        if self.is_one_of_several() {
            due.into_iter().for_each(|key| Self::ask_about(key, self));
        }
    }

    async fn note_went(&self) {
        let went = std::mem::take(&mut *self.went.lock());
        let Some(engine) = self.engine.get().and_then(Weak::upgrade) else { return };
        if went.is_empty() {
            return;
        }
        if let Err(error) = engine.note_seen(&went).await {
            tracing::warn!(%error, "when users went could not be kept yet");
            let mut newer = self.went.lock();
            let room = SEEN_KEPT.saturating_sub(newer.len());
            newer.extend(went.into_iter().take(room));
        }
    }

    fn forget_gone(&self) -> Vec<Gone> {
        let mut users = self.users.lock();
        let all = users.gone(Instant::now());
        for gone in all.iter().filter(|gone| gone.forgotten) {
            let (app, user) = gone.key.clone();
            self.with_bus(|bus| bus.unsubscribe(&Topic::User(app, user)));
        }
        let shown = all.iter().filter(|gone| gone.shown);
        let words: Vec<PresenceEvent> =
            shown.filter_map(|gone| self.word(&gone.key, Shown::Off, Some(gone.at))).collect();
        drop(users);
        words.into_iter().for_each(|word| self.say(word));
        all
    }

    /// The server ends: has it kept when those were seen last who are still here, as far as the
    /// store is quick. Nobody is told that they are gone, since they come back at another node.
    pub async fn note_all_seen(&self) {
        let now = self.now();
        let shown = self.users.lock().all_shown(now);
        let shown = shown.into_iter().map(|one| (one.key.0, one.key.1, one.at));
        self.went.lock().extend(shown);
        if tokio::time::timeout(NOTED_AT_END, self.note_went()).await.is_err() {
            tracing::warn!("when users went was not kept in time");
        }
    }
}
