//! Receipts: who has got a message, and who has read it.

use std::collections::BTreeMap;

use super::history::above;
use super::{Actor, Engine, check};
use crate::error::{Error, Result};
use crate::event::RoomEventBody;
use crate::ids::{AppId, MessageId, RoomId, UserId};
use crate::limits;
use crate::model::{DeliveredTo, Head, Membership, Receipt, ReceiptCounts};
use crate::ports::{Delivered, ReceiptsOf};

/// Who has a message: those who can, by user id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptsPage {
    /// The message's.
    pub seq: u64,
    /// On the first page, of a room that is not too large to be counted.
    pub counts: Option<ReceiptCounts>,
    pub members: Vec<Receipt>,
    /// Ask again with this, when there are more.
    pub next: Option<UserId>,
}

impl Engine {
    /// Notes how far devices have got rooms, and tells small rooms; in a larger one `receipts`
    /// answers who asks. Who is no member is passed over, and what is behind already, too.
    ///
    /// # Errors
    /// The store's; nothing is lost by trying again.
    pub async fn mark_delivered(&self, app: &AppId, got: &[Delivered]) -> Result<()> {
        let most = limits::RECEIPTS_TOLD_MEMBERS_MAX;
        let moved = self.store.move_delivered(app, got, most).await?;
        let mut told: BTreeMap<RoomId, (Head, Vec<DeliveredTo>)> = BTreeMap::new();
        for one in moved {
            let (_, users) = told.entry(one.room).or_insert_with(|| (one.head, Vec::new()));
            users.push(DeliveredTo { user: one.user, seq: one.seq });
        }
        for (room, (head, users)) in told {
            self.publish_room(app, &room, head, RoomEventBody::Delivered { users });
        }
        Ok(())
    }

    /// Who has a message, at any size of its room: members who were in when it was said, but its
    /// sender. For members only: who reads a channel without being in it is told of no receipt.
    /// Counted on the first page, which goes through all members, of rooms that are not too large.
    ///
    /// # Errors
    /// An invalid limit, [`Error::NotAMember`], [`Error::MessageNotFound`], also of one that the
    /// caller has deleted for oneself, policy's refusals; the store's.
    pub async fn receipts(
        &self,
        actor: &Actor,
        room: &RoomId,
        id: &MessageId,
        (after, limit): (Option<UserId>, Option<usize>),
    ) -> Result<ReceiptsPage> {
        let limit = check::limit(limit, 100, limits::MEMBERS_PAGE_MAX)?;
        let facts = self.readable(actor, room).await?;
        let inside = facts.mine.as_ref().is_some_and(Membership::is_active);
        if !inside && matches!(actor, Actor::Client(_)) {
            return Err(Error::NotAMember);
        }
        let app = &actor.app().id;
        let shown = matches!(actor, Actor::Backend(_));
        let hit = self.store.message_by_key(app, room, id).await?.map(|hit| hit.message);
        let found = hit
            .filter(|message| message.seq > above(&facts))
            .filter(|message| shown || message.hidden_at.is_none())
            .ok_or_else(|| Error::MessageNotFound(id.clone()))?;
        let found = self.with_own(actor, &facts, found).await?;
        if found.own.is_some_and(|mark| mark.deleted) {
            return Err(Error::MessageNotFound(id.clone()));
        }
        let seq = found.seq;
        let of = ReceiptsOf { seq, said_at: found.created_at, sender: found.sender };
        let large = facts.room.member_count > limits::RECEIPTS_COUNTED_MEMBERS_MAX;
        let counts = match after {
            None if !large => Some(self.store.receipt_counts(app, room, &of).await?),
            _ => None,
        };
        let mut members = self.store.receipts(app, room, &of, after.as_ref(), limit + 1).await?;
        let more = members.len() > limit;
        members.truncate(limit);
        let next = members.last().filter(|_| more).map(|last| last.user.id.clone());
        Ok(ReceiptsPage { seq, counts, members, next })
    }
}
