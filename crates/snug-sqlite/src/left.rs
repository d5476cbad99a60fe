//! A room as it was when a member left: what that member's list goes on showing. Kept as JSON
//! in the membership, with a version, because nothing ever searches it. Gone when the room is
//! deleted: then nothing of it is for anybody.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use snug_core::ids::UserId;
use snug_core::model::{CustomJson, Head, MessageKind, Preview, Room, RoomPolicy, Time};

use crate::rows::{Sql, damaged};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
pub(crate) struct LeftRoom {
    version: u32,
    name: Option<String>,
    avatar: Option<String>,
    description: Option<String>,
    custom: Option<Box<RawValue>>,
    creator: Option<UserId>,
    frozen: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    archived: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    created_at: i64,
    changed_at: i64,
    epoch: String,
    min_seq: u64,
    min_rev: u64,
    policy_rev: u64,
    member_count: u32,
    seq: u64,
    rev: u64,
    members_rev: u64,
    #[serde(default)]
    room_rev: u64,
    count: u64,
    activity_at: i64,
    preview: Option<LeftPreview>,
}

#[derive(Serialize, Deserialize)]
struct LeftPreview {
    seq: u64,
    sender: Option<UserId>,
    kind: String,
    text: Option<String>,
    created_at: i64,
}

impl LeftRoom {
    pub(crate) fn of(room: &Room) -> Self {
        let head = &room.head;
        Self {
            version: VERSION,
            name: room.name.clone(),
            avatar: room.avatar.clone(),
            description: room.description.clone(),
            custom: room.custom.as_ref().map(|custom| custom.raw().to_owned()),
            creator: room.creator.clone(),
            frozen: room.frozen,
            archived: room.archived,
            tags: room.tags.clone(),
            created_at: room.created_at.0,
            changed_at: room.changed_at.0,
            epoch: room.epoch.clone(),
            min_seq: room.min_seq,
            min_rev: room.min_rev,
            policy_rev: room.policy_rev,
            member_count: room.member_count,
            seq: head.seq,
            rev: head.rev,
            members_rev: head.members_rev,
            room_rev: head.room_rev,
            count: head.count,
            activity_at: head.activity_at.0,
            preview: head.preview.as_ref().map(LeftPreview::of),
        }
    }

    pub(crate) fn to_json(&self) -> Sql<String> {
        serde_json::to_string(self).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
    }

    pub(crate) fn from_json(text: &str) -> Sql<Self> {
        serde_json::from_str(text)
            .ok()
            .filter(|left: &Self| left.version <= VERSION)
            .ok_or_else(|| damaged(0, "a left room that cannot be read"))
    }

    /// Whether it had a message that its members could see.
    pub(crate) fn has_message(&self) -> bool {
        self.preview.is_some()
    }

    /// The seq of the message that it shows.
    pub(crate) fn shown_seq(&self) -> Option<u64> {
        self.preview.as_ref().map(|preview| preview.seq)
    }

    /// By which it is placed in the list.
    pub(crate) fn activity_at(&self) -> Time {
        Time(self.activity_at)
    }

    /// The message it shows was deleted or hidden since.
    pub(crate) fn hide_words(&mut self) {
        if let Some(preview) = &mut self.preview {
            preview.text = None;
        }
    }

    pub(crate) fn is_creator(&self, user: &UserId) -> bool {
        self.creator.as_ref() == Some(user)
    }

    /// Puts the room back to how it was. Id, kind, pair and deletion stay those of today.
    pub(crate) fn apply(&self, room: &mut Room) -> Sql<()> {
        room.name.clone_from(&self.name);
        room.avatar.clone_from(&self.avatar);
        room.description.clone_from(&self.description);
        room.custom = match &self.custom {
            Some(raw) => CustomJson::from_stored(raw.get().to_owned()).ok(),
            None => None,
        };
        room.creator.clone_from(&self.creator);
        room.frozen = self.frozen;
        room.archived = self.archived;
        room.tags.clone_from(&self.tags);
        // Who left may do nothing there, whatever it says by now.
        room.policy = RoomPolicy::default();
        room.created_at = Time(self.created_at);
        room.changed_at = Time(self.changed_at);
        room.epoch.clone_from(&self.epoch);
        room.min_seq = self.min_seq;
        room.min_rev = self.min_rev;
        room.policy_rev = self.policy_rev;
        room.member_count = self.member_count;
        room.head = Head {
            seq: self.seq,
            rev: self.rev,
            members_rev: self.members_rev,
            room_rev: self.room_rev,
            count: self.count,
            activity_at: Time(self.activity_at),
            preview: self.preview.as_ref().map(LeftPreview::read).transpose()?,
        };
        Ok(())
    }
}

impl LeftPreview {
    fn of(preview: &Preview) -> Self {
        Self {
            seq: preview.seq,
            sender: preview.sender.clone(),
            kind: preview.kind.as_str().to_owned(),
            text: preview.text.clone(),
            created_at: preview.created_at.0,
        }
    }

    fn read(&self) -> Sql<Preview> {
        let kind = MessageKind::parse(&self.kind);
        Ok(Preview {
            seq: self.seq,
            sender: self.sender.clone(),
            kind: kind.ok_or_else(|| damaged(0, "an unknown kind"))?,
            text: self.text.clone(),
            created_at: Time(self.created_at),
        })
    }
}
