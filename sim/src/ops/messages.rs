//! Sending, repeating and reading.

use snug_core::engine::{Actor, Client, EditMessage, SendExtras, SendMessage};
use snug_core::error::Error;
use snug_core::ids::{MessageId, RoomId, UserId};
use snug_core::model::{CustomJson, Mentions, MessageKind, Patch, Ruled};

use super::verdict;
use crate::client::Pending;
use crate::sim::Sim;
use snug_verify::checker::{Ack, Seen, payload};

/// What becomes of the answer on its way back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    /// The client never hears it.
    LostByClient,
    /// The store committed and could not say so.
    LostByStore,
}

impl Sim {
    pub(crate) fn new_message(&mut self, c: Option<usize>, room: &RoomId) -> SendMessage {
        self.messages += 1;
        let number = self.messages;
        let id = MessageId::from_stored(&format!("m{number}"));
        let custom = self.dice.percent(25);
        let text = (!custom || self.dice.percent(30)).then(|| format!("text {number}"));
        let json = CustomJson::from_stored(format!("{{\"n\":{number}}}")).ok();
        let head = c.and_then(|c| self.clients[c].rooms.get(room)).map_or(0, |room| room.head_seq);
        let kind = if custom { MessageKind::Custom } else { MessageKind::Text };
        let mentions = Mentions { everyone: self.dice.percent(10), ..Mentions::default() };
        let thread = c.and_then(|c| self.some_root(c, room));
        SendMessage {
            id: Some(id),
            sender: None,
            kind: Some(kind),
            text,
            custom: json.filter(|_| custom),
            extras: SendExtras { mentions, thread, ..SendExtras::default() },
            silent: self.dice.percent(20),
            read_up_to: self.dice.percent(50).then(|| self.dice.roll(head + 2)),
        }
    }

    /// A message that the client knows, to reply in its thread: now and then one that is gone.
    fn some_root(&mut self, c: usize, room: &RoomId) -> Option<MessageId> {
        if !self.dice.percent(20) {
            return None;
        }
        let known = self.clients[c].rooms.get(room)?.messages.values();
        let roots = known.filter(|one| one.thread.is_none()).map(|root| root.id.clone());
        let roots: Vec<_> = roots.collect();
        self.dice.pick(&roots).cloned()
    }

    /// A request that passed the door before what ended its session was answered.
    pub(crate) async fn send_late(&mut self, c: usize, late: Client) {
        let Some(room) = self.some_room(c) else { return };
        let send = self.new_message(Some(c), &room);
        drop(self.send(&Actor::Client(late), &room, send, "late send").await);
    }

    pub(crate) async fn op_send(&mut self, c: usize) {
        let Some(room) = self.some_room(c) else { return };
        let send = self.new_message(Some(c), &room);
        self.clients[c].outbox.push(Pending { room, send });
        let last = self.clients[c].outbox.len() - 1;
        let fate = match self.dice.roll(100) {
            0..12 => Fate::LostByClient,
            12..20 => Fate::LostByStore,
            _ => Fate::Arrives,
        };
        self.send_pending(c, last, fate).await;
    }

    /// Everything that was not answered yet, again.
    pub(crate) async fn op_flush(&mut self, c: usize) {
        for at in (0..self.clients[c].outbox.len()).rev() {
            self.send_pending(c, at, Fate::Arrives).await;
        }
    }

    async fn send_pending(&mut self, c: usize, at: usize, fate: Fate) {
        let Some(caller) = self.caller(c).await else { return };
        let Pending { room, send } = self.clients[c].outbox[at].clone();
        self.store.lose_next_answer(fate == Fate::LostByStore);
        let answer = self.send(&Actor::Client(caller), &room, send, "send").await;
        self.store.lose_next_answer(false);
        match answer {
            _ if fate == Fate::LostByClient => self.say("  the answer is lost".to_owned()),
            Err(Error::StoreUnavailable { .. }) => self.tally("store answer lost"),
            Err(_) => drop(self.clients[c].outbox.remove(at)),
            Ok(()) => {
                let acked = self.clients[c].outbox.remove(at);
                self.clients[c].acked.push(acked);
            }
        }
    }

    /// One send, whose answer the checker sees even when the client does not: it was given.
    async fn send(
        &mut self,
        actor: &Actor,
        room: &RoomId,
        send: SendMessage,
        what: &'static str,
    ) -> Result<(), Error> {
        let id = send.id.clone();
        let by = actor.user().or(send.sender.as_ref()).cloned();
        let asked = asked(by.as_ref(), &send);
        let may = actor.user().and_then(|user| {
            let calls = send.extras.mentions.everyone;
            let may = |ruled| self.checker.may(room, user, ruled);
            Some(may(Ruled::Send)? && (!calls || may(Ruled::MentionAll)?))
        });
        let began = self.checker.begin();
        let answer = self.engine.send_message(actor, room, send).await;
        if let Some(id) = id {
            self.say(format!("  {id} to {room}"));
        }
        self.note(what, &answer);
        if let Some(user) = actor.user()
            && answer.is_err()
        {
            self.checker.judged((room, user), "send", may, verdict(&answer));
        }
        let sent = answer?;
        let seen = Seen::of(&sent.message);
        self.say(format!("  seq {} rev {} duplicate {}", seen.seq, seen.first_rev, sent.duplicate));
        // What was committed is known before the answer is, so the members of its rev are too.
        self.collect();
        if let Some(mine) = &sent.mine {
            self.checker.cursor(room, &mine.user, mine.read_seq);
        }
        self.checker.acked(&Ack {
            room,
            page_of: actor.user(),
            began,
            asked: &asked,
            duplicate: sent.duplicate,
            answer: seen,
        });
        Ok(())
    }

    /// An acked message once more: the same answer, also for who was removed since.
    pub(crate) async fn op_repeat(&mut self, c: usize) {
        let Some(Pending { room, send }) = self.dice.pick(&self.clients[c].acked).cloned() else {
            return;
        };
        let Some(caller) = self.caller(c).await else { return };
        drop(self.send(&Actor::Client(caller), &room, send, "repeat").await);
    }

    /// The id of an acked message for another payload, or by another sender.
    pub(crate) async fn op_conflict(&mut self, c: usize) {
        let from = if self.dice.percent(60) { c } else { self.dice.index(self.clients.len()) };
        let Some(mut pending) = self.dice.pick(&self.clients[from].acked).cloned() else {
            return;
        };
        let Some(caller) = self.caller(c).await else { return };
        if self.clients[from].user == self.clients[c].user {
            pending.send.silent = !pending.send.silent;
        }
        let Pending { room, send } = pending;
        let answer = self.send(&Actor::Client(caller), &room, send, "conflict taken").await;
        if answer == Err(Error::MessageIdConflict) {
            self.tally("conflict refused");
        }
    }

    /// The backend says something itself, or for one of its users.
    pub(crate) async fn op_backend_send(&mut self) {
        let Some(room) = self.any_room() else { return };
        let mut send = self.new_message(None, &room);
        if self.dice.percent(60) {
            let at = self.dice.index(self.clients.len());
            send.sender = Some(self.clients[at].user.clone());
        } else {
            send.kind = Some(MessageKind::System);
        }
        let actor = Actor::Backend(self.backend.clone());
        drop(self.send(&actor, &room, send, "backend send").await);
    }

    pub(crate) async fn op_read(&mut self, c: usize) {
        let Some(room) = self.some_room(c) else { return };
        let Some(caller) = self.caller(c).await else { return };
        let head = self.clients[c].rooms.get(&room).map_or(3, |room| room.head_seq);
        let seq = if self.dice.percent(40) { head } else { self.dice.roll(head + 3) };
        let answer = self.engine.mark_read(&caller, &room, seq).await;
        self.say(format!("  {room} up to {seq}"));
        self.note("read", &answer);
        if let Ok((mine, _)) = answer {
            self.checker.cursor(&room, &mine.user, mine.read_seq);
            if let Some(state) = self.clients[c].rooms.get_mut(&room) {
                state.take_mine(&mine);
            }
        }
    }

    /// Other words or mentions of an own message, a reaction, a pin, or the message taken back.
    pub(crate) async fn op_change(&mut self, c: usize) {
        let from = if self.dice.percent(80) { c } else { self.dice.index(self.clients.len()) };
        let Some(Pending { room, send }) = self.dice.pick(&self.clients[from].acked).cloned()
        else {
            return;
        };
        let (Some(id), Some(caller)) = (send.id, self.caller(c).await) else { return };
        let user = caller.user().clone();
        let (actor, engine) = (Actor::Client(caller), self.engine.clone());
        let number = self.dice.roll(1_000);
        let change = self.dice.roll(10);
        let ruled = match change {
            6..8 => Some(Ruled::React),
            8 => Some(Ruled::Pin),
            _ => None,
        };
        let may = ruled.and_then(|ruled| self.checker.may(&room, &user, ruled));
        let answer = match change {
            0..4 => {
                let text = Some(format!("now {number}"));
                let edit = EditMessage { text, ..EditMessage::default() };
                engine.edit_message(&actor, &room, &id, edit).await
            }
            4..6 => {
                let everyone = self.dice.percent(50);
                let mentions = Patch::Set(Mentions { everyone, ..Mentions::default() });
                let edit = EditMessage { mentions, ..EditMessage::default() };
                engine.edit_message(&actor, &room, &id, edit).await
            }
            6..8 => engine.react(&actor, &room, &id, "+1", self.dice.percent(70)).await,
            8 => engine.pin_message(&actor, &room, &id, self.dice.percent(70)).await,
            _ => engine.delete_message(&actor, &room, &id).await,
        };
        self.say(format!("  {id} in {room}"));
        self.note("change", &answer);
        self.checker.judged((&room, &user), "react or pin", may, verdict(&answer));
        if let Ok(message) = answer {
            self.checker.saw("who changed it", &room, &Seen::of(&message));
        }
    }

    pub(crate) async fn op_type(&mut self, c: usize) {
        let Some(room) = self.some_room(c) else { return };
        let Some(caller) = self.caller(c).await else { return };
        let on = self.dice.percent(50);
        let answer = self.engine.set_typing(&Actor::Client(caller), &room, on, None).await;
        self.note("type", &answer);
    }
}

fn asked(by: Option<&UserId>, send: &SendMessage) -> String {
    let custom = send.custom.as_ref().map(CustomJson::as_str);
    let by = by.map(UserId::as_str);
    let kind = send.kind.unwrap_or(MessageKind::Text);
    payload(by, kind, send.text.as_deref(), custom, send.silent)
}
