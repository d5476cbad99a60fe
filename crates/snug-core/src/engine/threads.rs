//! Threads: replies that hang at a message. A reply is a send with `thread`; here is where it
//! hangs, and what is read of a thread.

use super::changes::seen;
use super::history::{HistoryRequest, above};
use super::{Actor, Client, Engine, check};
use crate::error::{Error, Result};
use crate::ids::{MessageId, RoomId};
use crate::limits;
use crate::model::{Message, Thread, ThreadMine, ThreadPlace, User};
use crate::policy::{self, Operation};
use crate::ports::{HistoryQuery, NewMessage, NewReply, RoomFacts, ThreadsQuery};

/// A page of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadPage {
    /// The message at which it hangs, with the thread's summary.
    pub root: Message,
    /// Replies ascending by seq, tombstones too.
    pub messages: Vec<Message>,
    /// Profiles of those who wrote the root and these.
    pub users: Vec<User>,
    /// Seqs of the room, both inclusive: the page has every reply of the thread between them.
    /// The first is above the second where there is nothing between.
    pub covers: (u64, u64),
    pub has_before: bool,
    pub has_after: bool,
    /// The caller's cursor; a backend has none.
    pub mine: Option<ThreadMine>,
}

/// Which threads of a room.
#[derive(Debug, Clone, Default)]
pub struct ThreadsRequest {
    /// Those whose last reply has a seq below.
    pub before: Option<u64>,
    pub limit: Option<usize>,
}

/// A page of a room's threads, those replied to last first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadsPage {
    pub threads: Vec<Thread>,
    /// Profiles of those who wrote the roots.
    pub users: Vec<User>,
    /// `before` of the next page, if there may be one.
    pub next: Option<u64>,
}

impl Engine {
    /// Puts to a send the place of the message in whose thread it is said. Looking before the
    /// commit is safe: where a message stands never changes, and a root that is unsent meanwhile
    /// keeps its thread.
    pub(super) async fn hang_at(
        &self,
        actor: &Actor,
        room: &RoomId,
        facts: &RoomFacts,
        message: &mut NewMessage,
        id: &MessageId,
    ) -> Result<()> {
        let root = self.thread_root(actor, room, facts, id).await?;
        if root.hidden_at.is_some() && matches!(actor, Actor::Client(_)) {
            return Err(Error::MessageNotFound(id.clone()));
        }
        if root.deleted_at.is_some() {
            return Err(Error::invalid("thread", "the id of a message that was not unsent"));
        }
        let place = ThreadPlace { id: root.id, seq: root.seq };
        message.thread = Some(NewReply { root: place, author: root.sender });
        Ok(())
    }

    /// The message at which a thread hangs: no reply in one. What was said below one that is hidden
    /// or unsent stays to be read.
    async fn thread_root(
        &self,
        actor: &Actor,
        room: &RoomId,
        facts: &RoomFacts,
        id: &MessageId,
    ) -> Result<Message> {
        let hit = self.store.message_by_key(&actor.app().id, room, id).await?;
        let found = hit.map(|hit| hit.message).filter(|found| found.seq > above(facts));
        let found = found.ok_or_else(|| Error::MessageNotFound(id.clone()))?;
        if found.thread.is_some() {
            let expected = "the id of a message of the room's own conversation, not of a reply";
            return Err(Error::invalid("thread", expected));
        }
        Ok(found)
    }

    /// A page of the thread at a message; that of a message without replies is empty.
    ///
    /// # Errors
    /// An invalid field, [`Error::MessageNotFound`], policy's refusals; the store's.
    pub async fn thread_history(
        &self,
        actor: &Actor,
        room: &RoomId,
        id: &MessageId,
        request: &HistoryRequest,
    ) -> Result<ThreadPage> {
        let HistoryRequest { before, after, limit } = *request;
        if before.is_some() && after.is_some() {
            return Err(Error::invalid("after", "absent when before is given"));
        }
        let (usual, most) = (limits::HISTORY_PAGE_DEFAULT, limits::HISTORY_PAGE_MAX);
        let limit = check::limit(limit, usual, most)?;
        self.unless_bridged(actor, "keep a thread").await?;
        let app = &actor.app().id;
        // The room's head is read before the page: the page has all up to it.
        let facts = self.readable(actor, room).await?;
        let root = self.thread_root(actor, room, &facts, id).await?;
        let floor = above(&facts).max(root.seq);
        let query = HistoryQuery { before, after, above: floor, limit: limit + 1 };
        let mut found = self.store.thread_replies(app, room, root.seq, &query).await?;
        let more = found.len() > limit;
        if more && after.is_some() {
            found.truncate(limit);
        } else if more {
            found.remove(0);
        }
        let first = found.first().map(|one| one.seq);
        let last = found.last().map(|one| one.seq);
        let newest = facts.room.head.seq.max(last.unwrap_or(0));
        let from = match (after, first) {
            (Some(after), _) => after.max(floor).saturating_add(1),
            (None, Some(first)) if more => first,
            _ => floor + 1,
        };
        let to = match (after, last) {
            (Some(_), Some(last)) if more => last,
            _ => before.map_or(newest, |before| newest.min(before.saturating_sub(1))),
        };
        let messages: Vec<_> = found.into_iter().map(|one| seen(actor, one)).collect();
        let messages = self.put_own(actor, &facts, messages).await?;
        let root = self.with_own(actor, &facts, seen(actor, root)).await?;
        let mut said = messages.clone();
        said.push(root.clone());
        let users = self.senders(app, &said).await?;
        let mine = match actor.user() {
            Some(user) => Some(self.store.thread_mine(app, room, root.seq, user).await?),
            None => None,
        };
        Ok(ThreadPage {
            root,
            messages,
            users,
            covers: (from, to),
            has_before: if after.is_some() { from > floor + 1 } else { more },
            has_after: if after.is_some() { more } else { to < newest },
            mine,
        })
    }

    /// The room's threads that have replies, those replied to last first.
    ///
    /// # Errors
    /// An invalid limit, policy's refusals; the store's.
    pub async fn threads(
        &self,
        actor: &Actor,
        room: &RoomId,
        request: &ThreadsRequest,
    ) -> Result<ThreadsPage> {
        let (usual, most) = (limits::THREADS_PAGE_DEFAULT, limits::THREADS_PAGE_MAX);
        let limit = check::limit(request.limit, usual, most)?;
        self.unless_bridged(actor, "keep a thread").await?;
        let facts = self.readable(actor, room).await?;
        let app = &actor.app().id;
        let query = ThreadsQuery {
            user: actor.user().cloned(),
            before: request.before,
            above: above(&facts),
            limit,
        };
        let found = self.store.threads(app, room, &query).await?;
        let last = found.last().and_then(|thread| thread.root.thread_summary.as_ref());
        let next = last.map(|summary| summary.last_seq).filter(|_| found.len() == limit);
        let (roots, mine): (Vec<_>, Vec<_>) =
            found.into_iter().map(|thread| (seen(actor, thread.root), thread.mine)).unzip();
        let roots = self.put_own(actor, &facts, roots).await?;
        let users = self.senders(app, &roots).await?;
        // What hangs at a message that the caller deleted for oneself is not to be found here.
        let threads = roots.into_iter().zip(mine).map(|(root, mine)| Thread { root, mine });
        let there = |one: &Thread| !one.root.own.is_some_and(|mark| mark.deleted);
        let threads = threads.filter(there).collect();
        Ok(ThreadsPage { threads, users, next })
    }

    /// Moves the caller's cursor in a thread forward (contract line 9). Nobody is told: it is a
    /// cursor of the caller's own, and moves neither the room's cursor nor a rev.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`], policy's refusals; the store's.
    pub async fn read_thread(
        &self,
        client: &Client,
        room: &RoomId,
        id: &MessageId,
        seq: u64,
    ) -> Result<ThreadMine> {
        policy::check_app(Operation::MarkRead, client.app.policy)?;
        let actor = Actor::Client(client.clone());
        self.unless_bridged(&actor, "keep a thread").await?;
        let facts = self.readable(&actor, room).await?;
        let root = self.thread_root(&actor, room, &facts, id).await?;
        let (app, user) = (&client.app.id, client.user());
        match self.store.read_thread(app, room, root.seq, user, seq).await? {
            Some(mine) => Ok(mine),
            None => Err(self.not_a_member(client, room).await?),
        }
    }
}
