//! Rest: nothing is under way, every client resumes, and what they know is held against what a
//! fresh client learns.

use snug_core::engine::Actor;
use snug_core::error::Error;
use snug_core::ids::{DeviceId, RoomId, UserId};

use crate::client::RoomState;
use crate::sim::Sim;
use snug_verify::checker::{Facts, RoomAtRest, Seen};

/// A device that nobody else has: its client begins with nothing.
const FRESH: &str = "fresh";

type Rooms = std::collections::BTreeMap<RoomId, RoomState>;

impl Sim {
    /// # Errors
    /// An answer of the engine that nothing at rest explains.
    pub(crate) async fn rest(&mut self) -> Result<(), Error> {
        self.say("rest".to_owned());
        self.send_what_waits().await?;
        self.pump(usize::MAX).await?;
        self.read_rooms().await?;
        let mut fresh: Option<(UserId, Rooms)> = None;
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
    async fn fresh(&mut self, user: &UserId) -> Result<Rooms, Error> {
        let token = self.issue(user, &DeviceId::from_stored(FRESH)).await?;
        let mut rooms = Rooms::new();
        let Some(caller) = self.authenticate(token).await else {
            self.checker.odd(format!("a fresh token of {user} was refused"));
            return Ok(rooms);
        };
        let (listed, _) = self.list(&caller).await?;
        for listed in listed {
            let room = &listed.room.id;
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
            rooms.insert(room.clone(), state);
        }
        Ok(rooms)
    }

    fn compare(&mut self, c: usize, fresh: &Rooms, exact: bool) {
        let (who, user) = (self.clients[c].name(), self.clients[c].user.clone());
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
