//! Sync by state, not by replay (contract lines 5 to 7): everything above a rev in its latest
//! state, or an explicit reset. Never a silent partial answer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::changes::seen;
use super::history::above;
use super::marks::{MarksPage, hide_own};
use super::{Actor, Client, Engine, check};
use crate::error::{Error, Result};
use crate::ids::RoomId;
use crate::limits;
use crate::model::{ListedRoom, MemberState, Membership, Room, Time, User};
use crate::policy::{self, Operation};
use crate::ports::{RoomChanges, UserSyncQuery};

/// What a room sync says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomSync {
    /// Forget the room and load it anew. `reason` is a code: `epoch`, `rev_ahead`, `compacted`.
    Reset { reason: &'static str, room: Box<Room> },
    Changes {
        changes: Box<RoomChanges>,
        users: Vec<User>,
        /// The caller's own marks, where it was said from which rev on.
        marks: Option<MarksPage>,
    },
}

/// What a client knows of a room that it syncs.
#[derive(Debug, Clone, Copy)]
pub struct SyncFrom<'a> {
    pub rev: u64,
    pub epoch: &'a str,
    /// The rev of the caller's own marks; `None` asks for none.
    pub marks: Option<u64>,
}

/// What a user sync says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserSync {
    /// Forget everything and load the room list anew.
    Reset {
        cursor: String,
    },
    Changes {
        rooms: Vec<ListedRoom>,
        cursor: String,
        more: bool,
    },
}

/// The position of a user's sync; opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UserCursor {
    pub(super) epoch: String,
    pub(super) since: Time,
    /// Set while the pages of one catch-up are read.
    pub(super) after: Option<(Time, RoomId)>,
}

impl Engine {
    /// Everything of a room after what the caller knows.
    ///
    /// # Errors
    /// An invalid limit, policy's refusals; the store's.
    pub async fn sync_room(
        &self,
        actor: &Actor,
        room: &RoomId,
        from: SyncFrom<'_>,
        limit: Option<usize>,
    ) -> Result<RoomSync> {
        let SyncFrom { rev, epoch, marks } = from;
        let most = limits::SYNC_PAGE_MAX;
        let limit = check::limit(limit, most, most)?;
        let facts = self.readable(actor, room).await?;
        if let Some(reason) = reset_reason(&facts.room, rev, epoch) {
            return Ok(RoomSync::Reset { reason, room: Box::new(facts.room) });
        }
        let app = &actor.app().id;
        let changes = self.store.room_changes(app, room, rev, above(&facts), limit).await?;
        let changes = changes.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
        // Asked again of the snapshot: it may be newer than the facts.
        if let Some(reason) = reset_reason(&changes.room, rev, epoch) {
            return Ok(RoomSync::Reset { reason, room: Box::new(changes.room) });
        }
        let mut changes = changes;
        let inside = facts.mine.as_ref().is_some_and(Membership::is_active);
        if matches!(actor, Actor::Client(_)) && !inside {
            // A channel is read by the whole app: who is asked in, or is not coming, is for those
            // who are in it.
            changes.members.retain(|member| member.state == MemberState::Active);
        }
        let mut messages = std::mem::take(&mut changes.messages);
        self.put_all_words(actor, room, &mut messages).await?;
        self.put_preview(app, room, &mut changes.room.head);
        hide_own(&mut changes.room.head, facts.mine.as_ref());
        let messages = messages.into_iter().map(|one| seen(actor, one)).collect();
        changes.messages = self.put_own(actor, &facts, messages).await?;
        let users = self.senders(app, &changes.messages).await?;
        let marks = match marks {
            Some(after) => Some(self.marks_since(actor, &facts, after).await?),
            None => None,
        };
        Ok(RoomSync::Changes { changes: Box::new(changes), users, marks })
    }

    /// The caller's rooms that changed since the cursor.
    ///
    /// # Errors
    /// An invalid cursor; the store's.
    pub async fn sync_user(&self, client: &Client, cursor: &str) -> Result<UserSync> {
        policy::check_app(Operation::ListRooms, client.app.policy)?;
        let from = UserCursor::decode(cursor)
            .ok_or_else(|| Error::invalid("cursor", "the cursor of a room list or a sync"))?;
        let position = self.store.position(self.now()).await?;
        let epoch = position.epoch;
        if from.epoch != epoch {
            let since = overlapped(position.at);
            let cursor = UserCursor { epoch, since, after: None }.encode();
            return Ok(UserSync::Reset { cursor });
        }
        let query = UserSyncQuery {
            since: from.since,
            after: from.after.clone(),
            limit: limits::USER_SYNC_PAGE_MAX,
            members_shown: limits::LIST_MEMBERS_SHOWN,
        };
        let app = &client.app.id;
        let changes = self.store.user_changes(app, client.user(), &query, self.now()).await?;
        let next = if changes.more {
            let last = changes.rooms.last();
            let after = last.map(|(at, listed)| (*at, listed.room.id.clone()));
            UserCursor { epoch, since: from.since, after }
        } else {
            // Pages took time: what changed meanwhile moved to a later place and was read, or
            // lies behind the last page's own clock. Never step back.
            let since = overlapped(changes.read_at).max(from.since);
            UserCursor { epoch, since, after: None }
        };
        let mut rooms: Vec<_> = changes.rooms.into_iter().map(|(_, listed)| listed).collect();
        for listed in &mut rooms {
            self.put_preview(app, &listed.room.id, &mut listed.room.head);
            hide_own(&mut listed.room.head, Some(&listed.mine));
        }
        Ok(UserSync::Changes { rooms, cursor: next.encode(), more: changes.more })
    }
}

/// Since when a reader at `now` must look again: no commit that was on its way is older.
pub(super) fn overlapped(now: Time) -> Time {
    now.plus_millis(-limits::SYNC_OVERLAP_MS)
}

fn reset_reason(room: &Room, rev: u64, epoch: &str) -> Option<&'static str> {
    if room.epoch != epoch {
        Some("epoch")
    } else if rev > room.head.rev {
        Some("rev_ahead")
    } else if rev < room.min_rev {
        Some("compacted")
    } else {
        None
    }
}

impl UserCursor {
    pub(super) fn encode(&self) -> String {
        let since = self.since.0.to_string();
        match &self.after {
            None => encode(&[&self.epoch, &since]),
            Some((at, room)) => encode(&[&self.epoch, &since, &at.0.to_string(), room.as_str()]),
        }
    }

    fn decode(text: &str) -> Option<Self> {
        let parts = decode(text)?;
        match parts.as_slice() {
            [epoch, since] => {
                Some(Self { epoch: epoch.clone(), since: Time(since.parse().ok()?), after: None })
            }
            [epoch, since, at, room] => Some(Self {
                epoch: epoch.clone(),
                since: Time(since.parse().ok()?),
                after: Some((Time(at.parse().ok()?), RoomId::new(room).ok()?)),
            }),
            _ => None,
        }
    }
}

/// Parts of a cursor as one opaque text. No part holds a line break (ids have no control
/// characters).
pub(super) fn encode(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(parts.join("\n"))
}

pub(super) fn decode(text: &str) -> Option<Vec<String>> {
    if text.len() > 1_024 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    Some(text.split('\n').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Head, RoomKind, RoomPolicy};

    /// Line 5: whoever may have missed something that is not there any more begins anew.
    #[test]
    fn who_may_have_missed_something_is_reset() {
        let at = Time(0);
        let head = Head { seq: 9, rev: 20, count: 9, activity_at: at, ..Head::default() };
        let room = Room {
            id: RoomId::new("r").unwrap(),
            kind: RoomKind::Group,
            direct: None,
            name: None,
            avatar: None,
            description: None,
            custom: None,
            tags: Vec::new(),
            creator: None,
            frozen: false,
            archived: false,
            policy: RoomPolicy::default(),
            created_at: at,
            changed_at: at,
            deleted_at: None,
            epoch: "e".to_owned(),
            min_seq: 4,
            min_rev: 10,
            policy_rev: 1,
            member_count: 0,
            head,
        };
        for (rev, epoch, expected) in [
            (10, "e", None),
            (20, "e", None),
            (9, "e", Some("compacted")),
            (0, "e", Some("compacted")),
            (21, "e", Some("rev_ahead")),
            (15, "another", Some("epoch")),
            (15, "", Some("epoch")),
        ] {
            assert_eq!(reset_reason(&room, rev, epoch), expected, "{rev} {epoch}");
        }
    }

    #[test]
    fn cursors_come_back_as_they_went() {
        let room = RoomId::new("a/b:c 房間").unwrap();
        for after in [None, Some((Time(-5), room))] {
            let cursor = UserCursor { epoch: "e1".into(), since: Time(77), after };
            assert_eq!(UserCursor::decode(&cursor.encode()), Some(cursor));
        }
        for bad in ["", "!", "AAAA", &"A".repeat(2_000)] {
            assert_eq!(UserCursor::decode(bad), None);
        }
    }
}
