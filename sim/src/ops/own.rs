//! What is a user's own in a room: marks on messages, cursors in threads. And looks at what was
//! said, and words that are kept nowhere.

use snug_core::engine::{Actor, HistoryRequest, MarkRequest, SayEphemeral, SendMessage};
use snug_core::ids::{MessageId, RoomId};
use snug_core::model::Ruled;

use super::verdict;
use crate::sim::Sim;

impl Sim {
    /// A message that the client knows.
    fn some_message(&mut self, c: usize) -> Option<(RoomId, MessageId)> {
        let room = self.some_room(c)?;
        let known = self.clients[c].rooms.get(&room)?;
        let ids: Vec<MessageId> = known.messages.values().map(|one| one.id.clone()).collect();
        let id = self.dice.pick(&ids)?.clone();
        Some((room, id))
    }

    /// A star is given or taken back, or a message deleted for oneself.
    pub(crate) async fn op_mark(&mut self, c: usize) {
        let Some((room, id)) = self.some_message(c) else { return };
        let Some(caller) = self.caller(c).await else { return };
        let (what, starred, deleted) = match self.dice.roll(10) {
            0..5 => ("star", Some(true), None),
            5..7 => ("unstar", Some(false), None),
            _ => ("delete for oneself", None, Some(true)),
        };
        let request = MarkRequest { starred, deleted };
        let answer = self.engine.mark_message(&caller, &room, &id, request).await;
        self.say(format!("  {id} in {room}"));
        self.note(what, &answer);
        let Ok(view) = answer else { return };
        self.checker.marked(&room, caller.user(), &view.message);
        if let Some(state) = self.clients[c].rooms.get_mut(&room) {
            state.take_mine(&view.mine);
            state.take_mark(view.message.seq, view.message.mark);
        }
    }

    /// One message, a thread, or what is pinned, as a page reads them.
    pub(crate) async fn op_look(&mut self, c: usize) {
        let Some((room, id)) = self.some_message(c) else { return };
        let Some(caller) = self.caller(c).await else { return };
        let (who, user) = (self.clients[c].name(), caller.user().clone());
        let actor = Actor::Client(caller);
        let answer = match self.dice.roll(3) {
            0 => self.engine.message(&actor, &room, &id).await.map(|one| vec![one]),
            1 => self.engine.pinned_messages(&actor, &room).await.map(|(pinned, _)| pinned),
            _ => {
                let request = HistoryRequest::default();
                let page = self.engine.thread_history(&actor, &room, &id, &request).await;
                page.map(|page| {
                    let mut shown = page.messages;
                    shown.push(page.root);
                    shown
                })
            }
        };
        self.say(format!("  {id} in {room}"));
        self.note("look", &answer);
        for message in answer.unwrap_or_default() {
            self.checker.shown(&who, &user, &message);
        }
    }

    pub(crate) async fn op_read_thread(&mut self, c: usize) {
        let Some(room) = self.some_room(c) else { return };
        let Some(known) = self.clients[c].rooms.get(&room) else { return };
        let threads = known.messages.values().filter(|root| root.thread.is_none());
        let threads = threads.filter_map(|root| {
            let summary = root.thread_summary.as_ref()?;
            Some((root.id.clone(), summary.last_seq))
        });
        let threads: Vec<(MessageId, u64)> = threads.collect();
        let Some((root, last)) = self.dice.pick(&threads).cloned() else { return };
        let Some(caller) = self.caller(c).await else { return };
        // Now and then another page of the user's is behind.
        for _ in 0..1 + self.dice.index(2) {
            let seq = if self.dice.percent(40) { last } else { self.dice.roll(last + 1) };
            let answer = self.engine.read_thread(&caller, &room, &root, seq).await;
            self.say(format!("  {root} in {room} up to {seq}"));
            self.note("read thread", &answer);
            let Ok(mine) = answer else { return };
            self.checker.thread_cursor(&room, caller.user(), &root, mine.read_seq);
            if mine.read_seq < seq {
                let told = mine.read_seq;
                self.checker.odd(format!("{room}: {root} is read up to {seq}, told {told}"));
            }
        }
    }

    /// Something for who is there now.
    pub(crate) async fn op_say(&mut self, c: usize) {
        let Some(room) = self.some_room(c) else { return };
        let Some(actor) = self.page_or_backend(c).await else { return };
        let text = Some(format!("said {}", self.trace.len()));
        let by_backend = matches!(actor, Actor::Backend(_));
        let sender = by_backend.then(|| self.clients[c].user.clone());
        let to = (by_backend && self.dice.percent(50)).then(|| self.users(2));
        let words = SendMessage { text, sender, ..SendMessage::default() };
        let may = actor.user().and_then(|user| self.checker.may(&room, user, Ruled::Send));
        let answer = self.engine.say_ephemeral(&actor, &room, SayEphemeral { words, to }).await;
        self.say(format!("  in {room}"));
        self.note("say", &answer);
        if let Some(user) = actor.user() {
            self.checker.judged((&room, user), "say", may, verdict(&answer));
        }
        if let Ok(id) = answer {
            self.checker.said(&id);
        }
    }
}
