//! Rest: nothing is under way, every client resumes, and what they know is held against what a
//! fresh client learns.

use snug_core::engine::{Actor, Client, ScheduledRequest, ThreadsRequest};
use snug_core::error::Error;
use snug_core::ids::{DeviceId, MessageId, RoomId, UserId};
use snug_core::limits::THREAD_UNREAD_COUNTED_MAX;
use snug_core::model::{MessageKind, Thread};

use crate::client::RoomState;
use crate::sim::Sim;
use snug_verify::checker::{Facts, RoomAtRest, Seen};

/// A device that nobody else has: its client begins with nothing.
const FRESH: &str = "fresh";

type Rooms = std::collections::BTreeMap<RoomId, RoomState>;

/// What a client learns that knew nothing.
#[derive(Default)]
struct Fresh {
    rooms: Rooms,
    /// To which its user is invited.
    invited: Vec<RoomId>,
}

impl Sim {
    /// # Errors
    /// An answer of the engine that nothing at rest explains.
    pub(crate) async fn rest(&mut self) -> Result<(), Error> {
        self.say("rest".to_owned());
        self.send_what_waits().await?;
        self.op_due().await?;
        self.pump(usize::MAX).await?;
        self.read_rooms().await?;
        let backend = Actor::Backend(self.backend.clone());
        self.list_plans(&backend).await?;
        let mut fresh: Option<(UserId, Fresh)> = None;
        for c in 0..self.clients.len() {
            let user = self.clients[c].user.clone();
            let exact = self.dice.percent(50);
            self.disconnect(c);
            self.catch_up(c, exact).await?;
            let known = match fresh.take() {
                Some((of, known)) if of == user => known,
                _ => self.fresh(&user).await?,
            };
            self.compare(c, &known, exact);
            fresh = Some((user, known));
        }
        Ok(())
    }

    /// Everybody is let in again and empties the outbox.
    async fn send_what_waits(&mut self) -> Result<(), Error> {
        for c in 0..self.clients.len() {
            self.reactivate(c).await;
            // Off the connection first: its session may have ended without its knowing.
            self.disconnect(c);
            if self.caller(c).await.is_none() {
                self.open_session(c).await;
            }
            self.op_flush(c).await;
            self.connect(c).await?;
        }
        Ok(())
    }

    /// Every living room as the backend reads it.
    async fn read_rooms(&mut self) -> Result<(), Error> {
        let actor = Actor::Backend(self.backend.clone());
        for room in self.rooms.clone() {
            let view = match self.engine.room(&actor, &room).await {
                Ok(view) => view.room,
                Err(Error::RoomNotFound(_)) => continue,
                Err(error) => return Err(error),
            };
            let history = self.read_history("the backend", &actor, &room).await?;
            let history: Vec<Seen> = history.iter().map(Seen::of).collect();
            self.checker.at_rest(&RoomAtRest {
                room: &room,
                min_seq: view.min_seq,
                min_rev: view.min_rev,
                head_seq: view.head.seq,
                head_rev: view.head.rev,
                history: &history,
            });
        }
        Ok(())
    }

    /// What a client of this user learns that knows nothing.
    async fn fresh(&mut self, user: &UserId) -> Result<Fresh, Error> {
        let token = self.issue(user, &DeviceId::from_stored(FRESH)).await?;
        let mut fresh = Fresh::default();
        let Some(caller) = self.authenticate(token).await else {
            self.checker.odd(format!("a fresh token of {user} was refused"));
            return Ok(fresh);
        };
        let (listed, _) = self.list(&caller).await?;
        let (listed, invited): (Vec<_>, Vec<_>) =
            listed.into_iter().partition(|listed| listed.mine.is_active());
        self.checker.invitations(user, &invited);
        fresh.invited = invited.into_iter().map(|listed| listed.room.id).collect();
        fresh.invited.sort();
        for listed in listed {
            let room = &listed.room.id;
            self.checker.head_shown(FRESH, user, room, &listed.room.head);
            let Some(state) = self.load(FRESH, &caller, room).await? else {
                self.checker.odd(format!("{user} lists {room} and may not read it"));
                continue;
            };
            let (read, history) = (listed.mine.read_seq, state.seen());
            let reported = listed.mine.unread(listed.room.head.count);
            self.checker.cursor(room, user, read);
            self.checker.unread((room, user), read, reported, &history);
            let (role, mentions) = (listed.mine.role, listed.mine.mentions.all);
            self.checker.mentions(room, (user, role), read, mentions, &history);
            self.read_threads(&caller, room, &state).await?;
            fresh.rooms.insert(room.clone(), state);
        }
        self.list_stars(&caller, &fresh.rooms).await?;
        self.list_plans(&Actor::Client(caller)).await?;
        Ok(fresh)
    }

    /// The threads of a room that were replied to last, with the user's cursors and numbers.
    async fn read_threads(
        &mut self,
        caller: &Client,
        room: &RoomId,
        state: &RoomState,
    ) -> Result<(), Error> {
        let (user, actor) = (caller.user(), Actor::Client(caller.clone()));
        let request = ThreadsRequest { before: None, limit: Some(3) };
        let page = self.engine.threads(&actor, room, &request).await?;
        for Thread { root, mine } in &page.threads {
            self.checker.shown(FRESH, user, root);
            self.checker.thread_cursor(room, user, &root.id, mine.read_seq);
            // One that the user deleted for oneself counts until it is read.
            let replies = state.messages.values().filter(|reply| {
                reply.thread.as_ref().is_some_and(|place| place.seq == root.seq)
                    && reply.seq > mine.read_seq
                    && reply.created_at >= state.mine.joined_at
                    && reply.sender.as_ref() != Some(user)
                    && reply.kind != MessageKind::System
                    && !reply.silent
                    && reply.deleted_at.is_none()
                    && reply.hidden_at.is_none()
            });
            let counted = replies.take(THREAD_UNREAD_COUNTED_MAX).count() as u64;
            self.checker.thread_unread(room, user, &root.id, (counted, mine.unread));
        }
        Ok(())
    }

    /// The user's stars, page by page, beside the messages of the user's rooms that have one.
    async fn list_stars(&mut self, caller: &Client, rooms: &Rooms) -> Result<(), Error> {
        let mut starred: Vec<_> = rooms.values().flat_map(RoomState::starred).collect();
        starred.sort_by(|a, b| b.cmp(a));
        let starred: Vec<MessageId> = starred.into_iter().map(|(_, id)| id).collect();
        let (mut listed, mut before) = (Vec::new(), None);
        loop {
            let page = self.engine.starred(caller, before, Some(3)).await?;
            for message in &page.messages {
                self.checker.shown(FRESH, caller.user(), message);
                listed.push(message.id.clone());
            }
            before = page.next;
            if before.is_none() {
                self.checker.stars(caller.user(), &listed, &starred);
                return Ok(());
            }
        }
    }

    /// All that the caller has scheduled, page by page.
    async fn list_plans(&mut self, actor: &Actor) -> Result<(), Error> {
        let (mut listed, mut cursor) = (Vec::new(), None);
        loop {
            let request = ScheduledRequest { room: None, cursor, limit: Some(4) };
            let page = self.engine.scheduled(actor, request).await?;
            let plans = page.scheduled.into_iter();
            listed.extend(plans.map(|plan| (plan.id, plan.failed.is_some())));
            cursor = page.next;
            if cursor.is_none() {
                let now = self.engine.now();
                self.checker.plans_listed(actor.user(), now, &listed);
                return Ok(());
            }
        }
    }

    fn compare(&mut self, c: usize, fresh: &Fresh, exact: bool) {
        let (who, user) = (self.clients[c].name(), self.clients[c].user.clone());
        let invited = self.clients[c].invited();
        let (has, lists): (Vec<_>, Vec<_>) =
            (invited.iter().collect(), fresh.invited.iter().collect());
        self.checker.resumed_rooms(&who, &has, &lists);
        let fresh = &fresh.rooms;
        let resumed = self.clients[c].rooms.clone();
        // A room without a message is in nobody's list but its creator's.
        let resumed: Rooms =
            resumed.into_iter().filter(|(_, state)| state.is_listed(&user)).collect();
        let (has, lists): (Vec<_>, Vec<_>) = (resumed.keys().collect(), fresh.keys().collect());
        self.checker.resumed_rooms(&who, &has, &lists);
        for (room, state) in &resumed {
            let Some(other) = fresh.get(room) else { continue };
            let bounds = (state.min_seq, state.head_seq);
            self.checker.no_holes(&who, room, bounds, &state.seen());
            let (mine, theirs) = (facts(state, exact), facts(other, exact));
            self.checker.same(&who, room, &mine, &theirs);
        }
    }
}

/// Others' cursors are hints until a room is synced from where it was last.
fn facts(state: &RoomState, exact: bool) -> Facts {
    let mut facts = state.facts();
    facts.retain(|name, _| exact || !name.starts_with("read "));
    facts
}
