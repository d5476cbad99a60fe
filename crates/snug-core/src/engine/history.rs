//! Reading messages and moving the read cursor.

use super::bridge::boxed;
use super::changes::seen;
use super::marks::hide_own;
use super::{Actor, Client, Engine, check};
use crate::error::{Error, Result};
use crate::event::{RoomEventBody, UserEventBody};
use crate::ids::{AppId, RoomId};
use crate::limits;
use crate::model::{Head, Membership, Message, User};
use crate::policy::{self, Operation};
use crate::ports::{HistoryQuery, RoomFacts};

/// Which page; `before` and `after` are seqs, exclusive, and at most one is given.
#[derive(Debug, Clone, Default)]
pub struct HistoryRequest {
    pub before: Option<u64>,
    pub after: Option<u64>,
    pub limit: Option<usize>,
}

/// A page of messages, ascending by seq, with the profiles of their senders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    pub messages: Vec<Message>,
    pub users: Vec<User>,
    /// Where the room stood before the page was read.
    pub head: Head,
    pub has_before: bool,
    pub has_after: bool,
}

impl Engine {
    /// A page of a room's messages.
    ///
    /// # Errors
    /// An invalid field, policy's refusals; the store's.
    pub async fn history(
        &self,
        actor: &Actor,
        room: &RoomId,
        request: &HistoryRequest,
    ) -> Result<HistoryPage> {
        if request.before.is_some() && request.after.is_some() {
            return Err(Error::invalid("after", "absent when before is given"));
        }
        let (usual, most) = (limits::HISTORY_PAGE_DEFAULT, limits::HISTORY_PAGE_MAX);
        let limit = check::limit(request.limit, usual, most)?;
        let mut facts = self.readable(actor, room).await?;
        let app = &actor.app().id;
        if request.before.is_none()
            && request.after.is_none()
            && let Some(bridge) = self.bridge(app).await?
        {
            boxed(self.look_again(actor, &bridge, room)).await?;
            facts = self.readable(actor, room).await?;
        }
        let above = above(&facts);
        let query = HistoryQuery { before: request.before, after: request.after, above, limit };
        let mut messages = self.store.history(app, room, &query).await?;
        self.put_all_words(actor, room, &mut messages).await?;
        let messages: Vec<_> = messages.into_iter().map(|one| seen(actor, one)).collect();
        let messages = self.put_own(actor, &facts, messages).await?;
        let users = self.senders(app, &messages).await?;
        let mut head = facts.room.head;
        self.put_preview(app, room, &mut head);
        hide_own(&mut head, facts.mine.as_ref());
        let first = messages.first().map_or(0, |message| message.seq);
        let last = messages.last().map_or(0, |message| message.seq);
        let has_before = if messages.is_empty() {
            request.after.is_some_and(|after| after > above)
        } else {
            first > above + 1
        };
        let has_after = if messages.is_empty() {
            request.before.is_some_and(|before| before <= head.seq)
        } else {
            last < head.seq
        };
        Ok(HistoryPage { messages, users, head, has_before, has_after })
    }

    /// Moves the caller's read cursor forward (contract line 9) and tells the room and the
    /// caller's other devices. Returns the caller's standing and the room's counting number.
    ///
    /// # Errors
    /// Policy's refusals; the store's.
    pub async fn mark_read(
        &self,
        client: &Client,
        room: &RoomId,
        seq: u64,
    ) -> Result<(Membership, u64)> {
        policy::check_app(Operation::MarkRead, client.app.policy)?;
        let (app, user) = (&client.app.id, client.user());
        let moved = self.store.move_cursor(app, room, user, seq, self.now()).await?;
        let Some((mine, head, moved)) = moved else {
            return Err(self.not_a_member(client, room).await?);
        };
        let count = head.count;
        if moved {
            let body = RoomEventBody::Read { user: user.clone(), seq: mine.read_seq };
            self.publish_room(app, room, head, body);
            let (room, mine) = (room.clone(), mine.clone());
            let body = UserEventBody::Mine { room, count, mine, mark: None };
            self.publish_user(app, user, body);
        }
        Ok((mine, count))
    }

    /// Profiles of those who sent these messages.
    pub(super) async fn senders(&self, app: &AppId, messages: &[Message]) -> Result<Vec<User>> {
        let senders = messages.iter().filter_map(|message| message.sender.clone()).collect();
        let senders = check::distinct(senders);
        if senders.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.store.users(app, &senders).await?)
    }
}

/// Messages at or below this seq are not for this caller.
pub(super) fn above(facts: &RoomFacts) -> u64 {
    let hidden = facts.mine.as_ref().map_or(0, |mine| mine.visible_after_seq);
    hidden.max(facts.room.min_seq.saturating_sub(1))
}
