//! Rooms of the engine as IMKit's.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use snug_core::engine::{Actor, Engine, HistoryRequest, RoomView};
use snug_core::error::{Error, Result};
use snug_core::ids::RoomId;
use snug_core::model::{ListedRoom, Member, Membership, Room, RoomKind};

use super::message::Showing;
use super::wire;
use crate::people::People;

/// Fields of a room that the core does not know and that are kept beside it.
pub(super) const KEPT: [&str; 10] = [
    "roomType",
    "roomTags",
    "webhook",
    "botMode",
    "botState",
    "extParams",
    "opening",
    "owner",
    "managers",
    "encrypted",
];

/// How many different read cursors of a room are named by their message, in cursors.
const CURSORS_SHOWN: usize = 20;

/// Shows rooms to one caller.
pub(super) struct Rooms<'a> {
    pub(super) engine: &'a Engine,
    pub(super) actor: &'a Actor,
}

impl Rooms<'_> {
    pub(super) async fn get(&self, room: &RoomId) -> Result<Value> {
        let view = self.engine.room(self.actor, room).await?;
        self.view(&view).await
    }

    pub(super) async fn view(&self, view: &RoomView) -> Result<Value> {
        let RoomView { room, members, mine } = view;
        let mut shown = self.shown(room, members, mine.as_ref(), &mut People::new()).await?;
        let cursors = self.cursors(room, members).await?;
        let properties = members.iter().map(|member| {
            let badge = mine.as_ref().filter(|mine| mine.user == member.user.id);
            json!({
                "client": member.user.id.as_str(),
                "badge": badge.map_or(0, |mine| mine.unread(room.head.count)),
                "lastRead": cursors.get(&member.read_seq),
                "role": member.role.as_str(),
            })
        });
        shown["memberProperties"] = properties.collect();
        Ok(shown)
    }

    pub(super) async fn listed(&self, listed: &ListedRoom, people: &mut People) -> Result<Value> {
        let ListedRoom { room, mine, members } = listed;
        let mut shown = self.shown(room, members, Some(mine), people).await?;
        let last = shown["lastMessage"]["_id"].clone();
        // Replies in threads may stand behind the last message.
        let shown_seq = room.head.preview.as_ref().map_or(room.head.seq, |preview| preview.seq);
        let read = if mine.read_seq >= shown_seq { last } else { Value::Null };
        shown["memberProperties"] = json!([{
            "client": mine.user.as_str(), "badge": shown["unread"], "lastRead": read,
        }]);
        Ok(shown)
    }

    async fn shown(
        &self,
        room: &Room,
        members: &[Member],
        mine: Option<&Membership>,
        people: &mut People,
    ) -> Result<Value> {
        let app = self.actor.app().id.as_str();
        let last = match &room.head.preview {
            Some(preview) => self.engine.message_at(self.actor, preview.created_at).await?,
            None => None,
        };
        for member in members {
            people.insert(member.user.id.clone(), member.user.clone());
        }
        let showing = Showing { engine: self.engine, actor: self.actor };
        let last = match last.filter(|last| last.room == room.id) {
            Some(last) => showing.all(&[last], people).await?.pop(),
            None => None,
        };
        let mut fields = base(app, room);
        let unread = mine.map_or(0, |mine| mine.unread(room.head.count));
        fields.insert("unread".into(), json!(unread));
        let mentioned = mine.is_some_and(|mine| mine.mentions.all > 0);
        fields.insert("isMentioned".into(), json!(mentioned));
        fields.insert("lastMessage".into(), json!(last));
        let members: Vec<Value> =
            members.iter().map(|member| wire::user(app, &member.user)).collect();
        fields.insert("members".into(), json!(members));
        Ok(Value::Object(fields))
    }

    /// The ids of the messages at which members' read cursors stand, by seq.
    async fn cursors(&self, room: &Room, members: &[Member]) -> Result<BTreeMap<u64, String>> {
        let mut ids = BTreeMap::new();
        for member in members {
            let seq = member.read_seq;
            if seq == 0 || ids.contains_key(&seq) || ids.len() >= CURSORS_SHOWN {
                continue;
            }
            if let Some(id) = self.id_at(room, seq).await? {
                ids.insert(seq, id);
            }
        }
        Ok(ids)
    }

    async fn id_at(&self, room: &Room, seq: u64) -> Result<Option<String>> {
        match &room.head.preview {
            Some(preview) if preview.seq == seq => Ok(Some(wire::id_of(preview.created_at, seq))),
            _ => id_at(self.engine, self.actor, &room.id, seq).await,
        }
    }
}

/// The id of the message at a seq, if the caller may see it.
pub(super) async fn id_at(
    engine: &Engine,
    actor: &Actor,
    room: &RoomId,
    seq: u64,
) -> Result<Option<String>> {
    let request = HistoryRequest { before: seq.checked_add(1), after: None, limit: Some(1) };
    match engine.history(actor, room, &request).await {
        Ok(page) => Ok(page.messages.last().filter(|one| one.seq == seq).map(wire::message_id)),
        Err(Error::NotAMember | Error::RoomNotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What does not depend on who looks.
pub(super) fn base(app: &str, room: &Room) -> Map<String, Value> {
    let mut fields = Map::new();
    let ours = wire::ours(room.custom.as_ref());
    for name in KEPT {
        if let Some(value) = ours.get(name) {
            fields.insert(name.into(), value.clone());
        }
    }
    let kind = if room.kind == RoomKind::Direct { "direct" } else { "group" };
    fields.entry("roomType").or_insert_with(|| json!(kind));
    fields.entry("roomTags").or_insert_with(|| json!([]));
    fields.entry("encrypted").or_insert_with(|| json!(false));
    if let Some(creator) = &room.creator {
        fields.entry("owner").or_insert_with(|| json!(creator.as_str()));
    }
    let extra = fields.get("extParams").cloned().unwrap_or_else(|| json!({}));
    let status = if room.frozen { 0 } else { 1 };
    let own = json!({
        "_id": room.id.as_str(),
        "id": room.id.as_str(),
        "appID": app,
        "name": room.name.as_deref().unwrap_or(""),
        "cover": room.avatar.as_deref().unwrap_or(""),
        "description": room.description.as_deref().unwrap_or(""),
        "status": status,
        "serviceStatus": 0,
        "muted": false,
        "isMentioned": false,
        "isSuperuser": false,
        "pref": {},
        "extra": extra,
        "memberCount": room.member_count,
        "createdTime": wire::iso(room.created_at),
        "createdTimeMS": room.created_at.millis(),
        "updatedTimeMS": room.changed_at.max(room.head.activity_at).millis(),
    });
    if let Value::Object(own) = own {
        fields.extend(own);
    }
    fields
}
