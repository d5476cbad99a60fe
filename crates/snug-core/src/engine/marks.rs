//! A user's own marks on messages: stars, and what was deleted for oneself. Nobody else hears of
//! them, and they are put to messages where their user reads.

use std::collections::HashMap;

use super::history::above;
use super::{Actor, Client, Engine, check};
use crate::error::{Error, Result};
use crate::event::UserEventBody;
use crate::ids::{AppId, MessageId, RoomId, UserId};
use crate::limits;
use crate::model::{Head, Mark, MarkPatch, MarkedMessage, Membership, Message, Time, User};
use crate::policy::{self, Operation};
use crate::ports::{MarkMessage, MarkOutcome, MarksAfter, RoomFacts};

/// Changes to how the caller keeps a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MarkRequest {
    pub starred: Option<bool>,
    /// Only `true`: what was deleted for oneself is not brought back.
    pub deleted: Option<bool>,
}

/// A mark as it is after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkView {
    pub message: MarkedMessage,
    /// The caller's standing, which a deletion may move, and the room's counting number.
    pub mine: Membership,
    pub count: u64,
}

/// The caller's marks of a room after a rev of theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarksPage {
    /// Each once and as it is now, ascending by rev.
    pub marks: Vec<MarkedMessage>,
    /// The rev up to which this page is complete.
    pub rev: u64,
    pub more: bool,
}

/// A page of the caller's starred messages, starred last first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StarredPage {
    pub messages: Vec<Message>,
    /// Profiles of those who sent these.
    pub users: Vec<User>,
    /// `before` of the next page, if there may be one.
    pub next: Option<Time>,
}

impl Engine {
    /// Stars a message for the caller, takes the star back, or deletes the message for the caller
    /// alone, and tells the caller's other devices; nobody else hears of it. What is so already is
    /// answered the same. It moves no cursor; a message that was unread counts no more once it is
    /// deleted.
    ///
    /// # Errors
    /// An invalid field, [`Error::TooLarge`], [`Error::NotAMember`], [`Error::RoomNotFound`],
    /// [`Error::MessageNotFound`]; the store's.
    pub async fn mark_message(
        &self,
        client: &Client,
        room: &RoomId,
        id: &MessageId,
        request: MarkRequest,
    ) -> Result<MarkView> {
        policy::check_app(Operation::SetOwn, client.app.policy)?;
        let patch = checked(request)?;
        let (app, user) = (&client.app.id, client.user());
        let found = self.own_message(client, room, id).await?;
        let gone = found.deleted_at.is_some() || found.hidden_at.is_some();
        if patch.starred == Some(true) && gone {
            return Err(Error::invalid("starred", "absent; the message was unsent"));
        }
        let wanted = MarkMessage {
            app: app.clone(),
            room: room.clone(),
            user: user.clone(),
            // Where a message stands never changes: looking before the commit is safe.
            seq: found.seq,
            reply: found.thread.is_some(),
            patch,
            now: self.now(),
        };
        let marked = match self.store.mark_message(wanted).await? {
            MarkOutcome::Marked(marked) => *marked,
            MarkOutcome::NotAMember => return Err(self.not_a_member(client, room).await?),
            MarkOutcome::MessageNotFound => return Err(Error::MessageNotFound(id.clone())),
            MarkOutcome::TooManyStars => {
                let most = limits::STARS_PER_USER_MAX;
                return Err(Error::too_large("starred", format!("at most {most} starred ones")));
            }
            MarkOutcome::TooManyMarks => {
                let most = limits::MARKS_PER_ROOM_MAX;
                let expected = format!("at most {most} marked ones in a room");
                return Err(Error::too_large("message", expected));
            }
        };
        let message = MarkedMessage { id: found.id, seq: found.seq, mark: marked.mark };
        if marked.changed {
            let body = UserEventBody::Mine {
                room: room.clone(),
                count: marked.head.count,
                mine: marked.mine.clone(),
                mark: Some(Box::new(message.clone())),
            };
            self.publish_user(app, user, body);
        }
        Ok(MarkView { message, mine: marked.mine, count: marked.head.count })
    }

    /// A message that the caller, an active member, may mark.
    async fn own_message(&self, client: &Client, room: &RoomId, id: &MessageId) -> Result<Message> {
        let app = &client.app.id;
        let facts = self.store.room_facts(app, room, Some(client.user())).await?;
        let facts = facts.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
        if facts.deactivated {
            return Err(Error::UserDeactivated);
        }
        if !facts.mine.as_ref().is_some_and(Membership::is_active) {
            return Err(self.not_a_member(client, room).await?);
        }
        let hit = self.store.message_by_key(app, room, id).await?;
        let found = hit.map(|hit| hit.message).filter(|found| found.seq > above(&facts));
        found.ok_or_else(|| Error::MessageNotFound(id.clone()))
    }

    /// A page of the caller's starred messages over all rooms of which the caller is a member.
    /// One that was unsent or hidden is not among them.
    ///
    /// # Errors
    /// An invalid limit, [`Error::BridgeUnsupported`]; the store's.
    pub async fn starred(
        &self,
        client: &Client,
        before: Option<Time>,
        limit: Option<usize>,
    ) -> Result<StarredPage> {
        policy::check_app(Operation::ListRooms, client.app.policy)?;
        let (usual, most) = (limits::STARRED_PAGE_DEFAULT, limits::STARRED_PAGE_MAX);
        let limit = check::limit(limit, usual, most)?;
        // The words of a page are in as many threads of the backend as there are messages on it.
        self.unless_bridged(&Actor::Client(client.clone()), "list starred messages").await?;
        let (app, user) = (&client.app.id, client.user());
        let mut messages = self.store.starred(app, user, before, limit + 1).await?;
        let more = messages.len() > limit;
        messages.truncate(limit);
        let starred_at = |message: &Message| message.own.and_then(|mark| mark.starred_at);
        let next = messages.last().filter(|_| more).and_then(starred_at);
        let users = self.senders(app, &messages).await?;
        Ok(StarredPage { messages, users, next })
    }

    /// Puts to each message how the caller keeps it. Who never marked anything here costs no look.
    pub(super) async fn put_own(
        &self,
        actor: &Actor,
        facts: &RoomFacts,
        messages: Vec<Message>,
    ) -> Result<Vec<Message>> {
        let Some(mine) = marking(actor, facts).filter(|_| !messages.is_empty()) else {
            return Ok(messages);
        };
        let seqs: Vec<u64> = messages.iter().map(|message| message.seq).collect();
        let app = &actor.app().id;
        let marks = self.store.marks(app, &facts.room.id, &mine.user, &seqs).await?;
        let marks: HashMap<u64, Mark> = marks.into_iter().collect();
        let put = |message: Message| match marks.get(&message.seq) {
            Some(mark) => message.marked(*mark),
            None => message,
        };
        Ok(messages.into_iter().map(put).collect())
    }

    /// As `put_own`, to one.
    pub(super) async fn with_own(
        &self,
        actor: &Actor,
        facts: &RoomFacts,
        message: Message,
    ) -> Result<Message> {
        let id = message.id.clone();
        let mut found = self.put_own(actor, facts, vec![message]).await?;
        found.pop().ok_or(Error::MessageNotFound(id))
    }

    /// How a user keeps a message that an event brings: for wires that have no word for marks.
    ///
    /// # Errors
    /// The store's.
    pub async fn mark_of(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        seq: u64,
    ) -> Result<Option<Mark>> {
        let found = self.store.marks(app, room, user, &[seq]).await?;
        Ok(found.into_iter().next().map(|(_, mark)| mark))
    }

    /// The caller's marks after a rev of theirs, for a device that was away.
    pub(super) async fn marks_since(
        &self,
        actor: &Actor,
        facts: &RoomFacts,
        rev: u64,
    ) -> Result<MarksPage> {
        let Some(mine) = marking(actor, facts).filter(|mine| mine.marks.rev > rev) else {
            return Ok(MarksPage { marks: Vec::new(), rev, more: false });
        };
        let (app, room, above_seq) = (&actor.app().id, &facts.room.id, above(facts));
        let limit = limits::MARKS_PAGE_MAX;
        let after = MarksAfter { rev, above_seq, limit: limit + 1 };
        let mut marks = self.store.marks_after(app, room, &mine.user, after).await?;
        let more = marks.len() > limit;
        marks.truncate(limit);
        let last = marks.last().map_or(rev, |last| last.mark.rev);
        // All up to the standing, which was read before, are among them.
        let rev = if more { last } else { last.max(mine.marks.rev) };
        Ok(MarksPage { marks, rev, more })
    }
}

/// The caller's membership, if there is any mark to look for.
fn marking<'f>(actor: &Actor, facts: &'f RoomFacts) -> Option<&'f Membership> {
    let mine = facts.mine.as_ref().filter(|mine| mine.marks.rev > 0)?;
    (actor.user() == Some(&mine.user)).then_some(mine)
}

/// Takes from a head the words of a message that its reader deleted for oneself.
pub(super) fn hide_own(head: &mut Head, mine: Option<&Membership>) {
    if let Some(mine) = mine {
        head.hide_deleted(mine.marks);
    }
}

fn checked(request: MarkRequest) -> Result<MarkPatch> {
    let MarkRequest { starred, deleted } = request;
    if deleted == Some(false) {
        return Err(Error::invalid("deleted", "true; what was deleted is not brought back"));
    }
    let delete = deleted == Some(true);
    if delete && starred == Some(true) {
        return Err(Error::invalid("starred", "absent or false of what is deleted"));
    }
    Ok(MarkPatch { starred, delete })
}
