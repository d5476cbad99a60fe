//! How a client loads, syncs and resumes, through the engine as through any door.

use snug_core::engine::{
    Actor, Client, HistoryRequest, RoomListRequest, RoomSync, SyncFrom, UserSync,
};
use snug_core::error::Error;
use snug_core::ids::RoomId;
use snug_core::model::{ListedRoom, Message, RoomFilter};

use crate::client::RoomState;
use crate::sim::Sim;
use snug_verify::checker::Seen;

type Answer<T> = Result<T, Error>;

impl Sim {
    /// Loads a room from nothing; `None` when the caller may not read it.
    pub(crate) async fn load(
        &mut self,
        who: &str,
        caller: &Client,
        room: &RoomId,
    ) -> Answer<Option<RoomState>> {
        let actor = Actor::Client(caller.clone());
        let view = match self.engine.room(&actor, room).await {
            Ok(view) => view,
            Err(Error::NotAMember | Error::RoomNotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(mine) = view.mine else { return Ok(None) };
        self.checker.head_shown(who, &mine.user, room, &view.room.head);
        let mut state = RoomState::new(&view.room, mine);
        for message in self.read_history(who, &actor, room).await? {
            state.take_own(&message);
        }
        let mut after = None;
        loop {
            let page = self.engine.members_and_invited(&actor, room, after, Some(2)).await?;
            for member in &page.members {
                state.take_member(member);
            }
            after = page.next;
            if after.is_none() {
                return Ok(Some(state));
            }
        }
    }

    /// A room's whole history, in pages, backwards or forwards; every page is shown to the
    /// checker as it came.
    pub(crate) async fn read_history(
        &mut self,
        who: &str,
        actor: &Actor,
        room: &RoomId,
    ) -> Answer<Vec<Message>> {
        let limit = Some(2 + self.dice.index(6));
        let forwards = self.dice.percent(50);
        let (mut before, mut after) = (None, forwards.then_some(0));
        let mut all = Vec::new();
        loop {
            let request = HistoryRequest { before, after, limit };
            let page = self.engine.history(actor, room, &request).await?;
            let seen: Vec<Seen> = page.messages.iter().map(Seen::of).collect();
            self.checker.saw_page(who, room, &seen);
            if let Some(user) = actor.user() {
                self.checker.head_shown(who, user, room, &page.head);
                page.messages.iter().for_each(|one| self.checker.shown(who, user, one));
            }
            let more = if forwards { page.has_after } else { page.has_before };
            let edge = if forwards { page.messages.last() } else { page.messages.first() };
            let Some(edge) = edge.map(|message| message.seq).filter(|_| more) else {
                all.extend(page.messages);
                break;
            };
            all.extend(page.messages);
            if forwards {
                after = Some(edge);
            } else {
                before = Some(edge);
            }
        }
        all.sort_by_key(|message| message.seq);
        Ok(all)
    }

    /// The rooms of the list that the caller is a member of or invited to, and where user sync
    /// begins.
    pub(crate) async fn list(&mut self, caller: &Client) -> Answer<(Vec<ListedRoom>, String)> {
        let (mut rooms, mut cursor, mut begin) = (Vec::new(), None, None);
        loop {
            let filter = RoomFilter::EVERYTHING;
            let request = RoomListRequest { cursor, limit: Some(2), include_left: false, filter };
            let page = self.engine.room_list(caller, request).await?;
            rooms.extend(page.rooms);
            begin.get_or_insert(page.sync);
            cursor = page.next;
            if cursor.is_none() {
                rooms.retain(|listed| listed.mine.is_active() || listed.mine.is_invited());
                return Ok((rooms, begin.unwrap_or_default()));
            }
        }
    }

    /// Brings one room of a client up to date from a rev that it knows.
    pub(crate) async fn sync_room(&mut self, c: usize, room: &RoomId, exact: bool) -> Answer<()> {
        let Some(caller) = self.caller(c).await else { return Ok(()) };
        let who = self.clients[c].name();
        let actor = Actor::Client(caller.clone());
        let limit = Some(1 + self.dice.index(5));
        let known = self.clients[c].rooms.get(room).map(|known| {
            let from = if exact { known.synced } else { known.rev };
            (from, known.epoch.clone(), known.marks_rev)
        });
        let Some((mut rev, epoch, mut marks_rev)) = known else { return Ok(()) };
        loop {
            let from = SyncFrom { rev, epoch: &epoch, marks: Some(marks_rev) };
            let sync = match self.engine.sync_room(&actor, room, from, limit).await {
                Ok(sync) => sync,
                Err(Error::NotAMember | Error::RoomNotFound(_)) => {
                    self.clients[c].rooms.remove(room);
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            let RoomSync::Changes { changes, marks: Some(marks), .. } = sync else {
                self.tally("room reset");
                let loaded = self.load(&who, &caller, room).await?;
                self.put_room(c, room, loaded);
                return Ok(());
            };
            self.checker.head_shown(&who, caller.user(), room, &changes.room.head);
            for message in &changes.messages {
                self.checker.saw(&who, room, &Seen::of(message));
                self.checker.shown(&who, caller.user(), message);
            }
            let Some(state) = self.clients[c].rooms.get_mut(room) else { return Ok(()) };
            state.take_room(&changes.room);
            changes.messages.iter().for_each(|message| state.take_own(message));
            marks.marks.iter().for_each(|marked| state.take_mark(marked.seq, marked.mark));
            marks_rev = marks.rev;
            state.marks_rev = state.marks_rev.max(marks_rev);
            changes.members.iter().for_each(|member| state.take_member(member));
            changes.reads.iter().for_each(|(user, seq)| state.take_read(user, *seq));
            rev = changes.rev;
            if !changes.more && !marks.more {
                state.rev = state.rev.max(rev);
                if exact {
                    state.synced = rev;
                }
                return Ok(());
            }
        }
    }

    pub(crate) fn put_room(&mut self, c: usize, room: &RoomId, loaded: Option<RoomState>) {
        let rooms = &mut self.clients[c].rooms;
        match loaded {
            Some(state) => drop(rooms.insert(room.clone(), state)),
            None => drop(rooms.remove(room)),
        }
    }

    pub(crate) async fn load_room(&mut self, c: usize, room: &RoomId) -> Answer<()> {
        let Some(caller) = self.caller(c).await else { return Ok(()) };
        let who = self.clients[c].name();
        let loaded = self.load(&who, &caller, room).await?;
        self.put_room(c, room, loaded);
        Ok(())
    }

    /// Catches up with everything: user sync, then the rooms that it names; `exact` also the
    /// others' cursors of all rooms.
    pub(crate) async fn catch_up(&mut self, c: usize, exact: bool) -> Answer<()> {
        let Some(caller) = self.caller(c).await else { return Ok(()) };
        let Some(mut cursor) = self.clients[c].cursor.clone() else {
            return self.first_load(c, &caller).await;
        };
        loop {
            match self.engine.sync_user(&caller, &cursor).await? {
                UserSync::Reset { .. } => {
                    self.checker.odd("a user sync was reset although the epoch stands");
                    return self.first_load(c, &caller).await;
                }
                UserSync::Changes { rooms, cursor: next, more } => {
                    for listed in &rooms {
                        self.take_listed(c, listed).await?;
                    }
                    cursor = next;
                    if !more {
                        break;
                    }
                }
            }
        }
        self.clients[c].cursor = Some(cursor);
        if exact {
            for room in self.clients[c].known_rooms() {
                self.sync_room(c, &room, true).await?;
            }
        }
        Ok(())
    }

    async fn first_load(&mut self, c: usize, caller: &Client) -> Answer<()> {
        let who = self.clients[c].name();
        let (rooms, begin) = self.list(caller).await?;
        self.clients[c].rooms.clear();
        for listed in rooms {
            let (id, mine) = (&listed.room.id, &listed.mine);
            self.clients[c].take_place(id, mine.rev, mine.is_invited());
            if mine.is_invited() {
                self.checker.invited_to(&listed.room, mine);
                continue;
            }
            let loaded = self.load(&who, caller, &listed.room.id).await?;
            self.put_room(c, &listed.room.id, loaded);
        }
        self.clients[c].cursor = Some(begin);
        Ok(())
    }

    async fn take_listed(&mut self, c: usize, listed: &ListedRoom) -> Answer<()> {
        let (room, mine) = (&listed.room.id, &listed.mine);
        self.clients[c].take_place(room, mine.rev, mine.is_invited());
        if mine.is_invited() {
            self.checker.invited_to(&listed.room, mine);
        }
        if !mine.is_active() || listed.room.deleted_at.is_some() {
            self.clients[c].rooms.remove(room);
            return Ok(());
        }
        let (who, user) = (self.clients[c].name(), self.clients[c].user.clone());
        self.checker.head_shown(&who, &user, room, &listed.room.head);
        self.checker.cursor(room, &user, listed.mine.read_seq);
        match self.clients[c].rooms.get_mut(room) {
            None => self.load_room(c, room).await,
            Some(state) => {
                state.take_mine(&listed.mine);
                let behind = state.epoch != listed.room.epoch || state.rev < listed.room.head.rev;
                if behind || state.misses_marks() {
                    self.sync_room(c, room, false).await
                } else {
                    Ok(())
                }
            }
        }
    }
}
