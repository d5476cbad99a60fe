//! Rooms: list, show, make, join, change.

use std::sync::Arc;

use axum::extract::{Path, Query as UrlQuery, State};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use snug_core::engine::{Actor, Client, CreateRoom, CreateRoomKind, Engine, SendMessage};
use snug_core::error::Error;
use snug_core::ids::{DIRECT_PREFIX, RoomId, UserId};
use snug_core::model::{
    AppPolicy, CustomJson, ListedRoom, MessageKind, Patch, RoomFilter, RoomPatch, RoomPolicy,
};

use super::answer::{Answer, Failure, ok};
use super::door::{Admin, Caller, Door, User, body};
use super::room::{KEPT, Rooms};
use super::{DIALECT, wire};
use crate::listed::all_rooms;
use crate::people::People;
use crate::query::Query;

const QUERYABLE: [&str; 9] = [
    "_id",
    "members",
    "roomTags",
    "roomType",
    "name",
    "description",
    "lastMessage",
    "status",
    "createdTime",
];

#[derive(Debug, Default, Deserialize)]
pub(super) struct ListQuery {
    skip: Option<String>,
    limit: Option<String>,
    sort: Option<String>,
    q: Option<String>,
    #[serde(rename = "updatedAfter")]
    updated_after: Option<String>,
    #[serde(rename = "sortUnreadFirst")]
    unread_first: Option<String>,
}

/// A number in a query; empty counts as absent.
pub(super) fn number(name: &str, text: Option<&str>) -> Result<Option<usize>, Failure> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Failure::query(format!("{name}: expected a number"))),
        },
    }
}

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    User(client): User,
    UrlQuery(asked): UrlQuery<ListQuery>,
) -> Answer {
    let engine = door.engine();
    let actor = Actor::Client(client.clone());
    let skip = number("skip", asked.skip.as_deref())?.unwrap_or(0);
    let limit = number("limit", asked.limit.as_deref())?.unwrap_or(20);
    let limit = if limit == 0 { usize::MAX } else { limit };
    let mut query = match asked.q.as_deref().filter(|q| !q.is_empty()) {
        Some(q) => {
            Query::parse(q, &QUERYABLE).map_err(|wrong| Failure::query(format!("q: {wrong}")))?
        }
        None => Query::default(),
    };
    let mut rooms = all_rooms(engine, &client, false, RoomFilter::EVERYTHING).await?;
    if let Some(member) = query.equals("members").map(wire::user_id).transpose()? {
        rooms = having(engine, &client, rooms, &member).await?;
        query.forget("members");
    }
    if let Some(after) = asked.updated_after.as_deref().filter(|after| !after.is_empty()) {
        let after = wire::moment(&json!(after))
            .ok_or_else(|| Failure::query("updatedAfter: expected a time"))?;
        rooms.retain(|one| one.room.changed_at.max(one.room.head.activity_at) > after);
    }
    rooms.retain(|one| query.holds(&light(one)));
    sort(&mut rooms, asked.sort.as_deref().unwrap_or("-lastMessage"));
    if asked.unread_first.as_deref().is_some_and(|text| text != "false" && text != "0") {
        rooms.sort_by_key(|one| one.mine.unread(one.room.head.count) == 0);
    }
    let total = rooms.len();
    let shower = Rooms { engine, actor: &actor };
    let mut people = People::new();
    let mut shown = Vec::new();
    for listed in rooms.iter().skip(skip).take(limit) {
        shown.push(shower.listed(listed, &mut people).await?);
    }
    ok(json!({ "totalCount": total, "data": shown, "inspect": {} }))
}

pub(super) async fn ids(
    State(door): State<Arc<Door>>,
    User(client): User,
    UrlQuery(asked): UrlQuery<ListQuery>,
) -> Answer {
    let rooms = all_rooms(door.engine(), &client, false, RoomFilter::EVERYTHING).await?;
    let skip = number("skip", asked.skip.as_deref())?.unwrap_or(0);
    let limit = number("limit", asked.limit.as_deref())?.filter(|limit| *limit > 0);
    let ids = rooms.iter().skip(skip).take(limit.unwrap_or(usize::MAX));
    ok(ids.map(|one| json!(one.room.id.as_str())).collect())
}

/// Rooms in which this user is a member.
async fn having(
    engine: &Engine,
    client: &Client,
    rooms: Vec<ListedRoom>,
    member: &UserId,
) -> Result<Vec<ListedRoom>, Failure> {
    if member == client.user() {
        return Ok(rooms);
    }
    let mut kept = Vec::new();
    for one in rooms {
        let asked = std::slice::from_ref(member);
        let (found, _) = engine.listeners(&client.app.id, &one.room.id, asked).await?;
        if !found.is_empty() {
            kept.push(one);
        }
    }
    Ok(kept)
}

/// What a query looks at, without a read per room.
fn light(listed: &ListedRoom) -> Value {
    let room = &listed.room;
    let mut fields = super::room::base("", room);
    let preview = room.head.preview.as_ref();
    let last = preview.map(|preview| wire::id_of(preview.created_at, preview.seq));
    fields.insert("lastMessage".into(), json!(last));
    let members: Vec<&str> = listed.members.iter().map(|one| one.user.id.as_str()).collect();
    fields.insert("members".into(), json!(members));
    Value::Object(fields)
}

/// `-lastMessage -createdTime`: the last key first, so that the sorts before it weigh more.
fn sort(rooms: &mut [ListedRoom], keys: &str) {
    let keys: Vec<&str> = keys.split([' ', ',']).filter(|key| !key.is_empty()).collect();
    for key in keys.into_iter().rev() {
        let (descending, name) = match key.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, key),
        };
        match name {
            "lastMessage" => rooms.sort_by_key(|one| {
                one.room.head.preview.as_ref().map(|preview| preview.created_at)
            }),
            "createdTime" | "createdTimeMS" => rooms.sort_by_key(|one| one.room.created_at),
            "updatedTime" | "updatedTimeMS" => rooms.sort_by_key(|one| one.room.changed_at),
            "name" => rooms.sort_by(|a, b| a.room.name.cmp(&b.room.name)),
            _ => continue,
        }
        if descending {
            rooms.reverse();
        }
    }
}

pub(super) async fn get(
    State(door): State<Arc<Door>>,
    Caller(actor): Caller,
    Path(room): Path<String>,
) -> Answer {
    let room = room_id(&room)?;
    ok(Rooms { engine: door.engine(), actor: &actor }.get(&room).await?)
}

/// An id in a path: one that cannot be is one that is not there.
pub(super) fn room_id(text: &str) -> Result<RoomId, Failure> {
    RoomId::new(text)
        .map_err(|_| Failure::new(StatusCode::NOT_FOUND, "ROOM_NOT_FOUND", "no such room"))
}

/// What a body says about a room.
struct Wanted {
    id: Option<RoomId>,
    name: Option<String>,
    cover: Option<String>,
    description: Option<String>,
    kept: Map<String, Value>,
    direct: bool,
    announce: bool,
}

impl Wanted {
    fn parse(value: &Value) -> Result<Self, Failure> {
        if !value.is_object() {
            return Err(Failure::body("expected a JSON object"));
        }
        let id = match wire::id_in(&value["_id"]) {
            Some(id) if !id.is_empty() => {
                Some(RoomId::new(&id).map_err(|wrong| Failure::body(format!("_id: {wrong}")))?)
            }
            _ => None,
        };
        check_tags(value)?;
        let kept = KEPT.iter().filter_map(|name| {
            let value = value.get(*name).filter(|value| !value.is_null())?;
            Some(((*name).to_owned(), value.clone()))
        });
        let mut kept: Map<String, Value> = kept.collect();
        // Who may join is told by it.
        kept.entry("roomType").or_insert_with(|| json!("group"));
        let direct = match &value["roomType"] {
            Value::Null => false,
            Value::String(kind) if kind == "direct" || kind == "group" => kind == "direct",
            _ => return Err(Failure::body("roomType: expected direct or group")),
        };
        Ok(Self {
            id,
            name: text(value, "name")?,
            cover: text(value, "cover")?,
            description: text(value, "description")?,
            kept,
            direct,
            announce: value["systemMessage"].as_bool().unwrap_or(false),
        })
    }

    fn custom(&self) -> Result<CustomJson, Failure> {
        wire::custom_json(&json!({ DIALECT: self.kept }))
    }

    fn room(&self, kind: CreateRoomKind, creator: Option<UserId>) -> Result<CreateRoom, Failure> {
        Ok(CreateRoom {
            kind,
            name: self.name.clone(),
            avatar: self.cover.clone(),
            description: self.description.clone(),
            custom: Some(self.custom()?),
            tags: Vec::new(),
            policy: RoomPolicy::default(),
            invite: false,
            creator,
            message: None,
            return_existing: true,
        })
    }
}

/// A room's tags are a list of texts, or none.
fn check_tags(value: &Value) -> Result<(), Failure> {
    let fits = match &value["roomTags"] {
        Value::Null => true,
        Value::Array(tags) => tags.iter().all(Value::is_string),
        _ => false,
    };
    let message = "roomTags: expected a list of texts";
    fits.then_some(())
        .ok_or_else(|| Failure::new(StatusCode::BAD_REQUEST, "INVALID_ROOM_TAGS", message))
}

fn text(value: &Value, name: &str) -> Result<Option<String>, Failure> {
    match &value[name] {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(Failure::body(format!("{name}: expected text"))),
    }
}

/// Makes a room with the caller in it; a direct room that is there is returned.
pub(super) async fn create_and_join(
    State(door): State<Arc<Door>>,
    User(client): User,
    bytes: Bytes,
) -> Answer {
    let engine = door.engine();
    let value = body(&bytes)?;
    let wanted = Wanted::parse(&value)?;
    let invitees = wire::user_ids(&value["invitee"])?;
    let me = client.user().clone();
    let others: Vec<UserId> = invitees.into_iter().filter(|one| *one != me).collect();
    let actor = Actor::Client(client.clone());
    let kind = match (wanted.direct, others.as_slice(), &wanted.id) {
        (true, [other], None) => {
            CreateRoomKind::Direct { users: (me, other.clone()), context: String::new() }
        }
        (true, [other], Some(id)) if id.as_str().starts_with(DIRECT_PREFIX) => {
            let pair = snug_core::ids::direct_room_id(&client.app.id, (&me, other), "");
            if pair != *id {
                return Err(Failure::body("_id: expected one that does not begin with d_"));
            }
            CreateRoomKind::Direct { users: (me, other.clone()), context: String::new() }
        }
        (true, [], _) => return Err(Failure::missing("invitee")),
        _ => CreateRoomKind::Group { id: wanted.id.clone(), members: others },
    };
    let made = engine.create_room(&actor, wanted.room(kind, None)?).await?;
    if made.created && wanted.announce && !wanted.direct {
        say_joined(engine, &client, &made.view.room.id).await?;
    }
    ok(Rooms { engine, actor: &actor }.get(&made.view.room.id).await?)
}

/// Makes a room; a user who makes one is not in it unless named.
pub(super) async fn create(
    State(door): State<Arc<Door>>,
    Caller(actor): Caller,
    bytes: Bytes,
) -> Answer {
    let engine = door.engine();
    if matches!(&actor, Actor::Client(client) if client.app.policy == AppPolicy::BackendOnly) {
        return Err(Error::BackendOnly.into());
    }
    let value = body(&bytes)?;
    let wanted = Wanted::parse(&value)?;
    let members = wire::user_ids(&value["members"])?;
    let owner = wire::id_in(&value["owner"]).map(|id| wire::user_id(&id)).transpose()?;
    let creator = actor.user().cloned().or(owner);
    let kind = match (wanted.direct, members.as_slice(), &wanted.id) {
        (true, [a, b], None) => {
            CreateRoomKind::Direct { users: (a.clone(), b.clone()), context: String::new() }
        }
        _ => CreateRoomKind::Group { id: wanted.id.clone(), members },
    };
    // A pair of others is not the caller's to make.
    if let (CreateRoomKind::Direct { users, .. }, Some(me)) = (&kind, actor.user())
        && users.0 != *me
        && users.1 != *me
    {
        return Err(Failure::denied("a direct room is made by one of its pair"));
    }
    let backend = Actor::Backend(engine.backend_by_dialect(&actor.app().id, DIALECT).await?);
    let direct = matches!(kind, CreateRoomKind::Direct { .. });
    let create = CreateRoom { return_existing: direct, ..wanted.room(kind, creator)? };
    let made = engine.create_room(&backend, create).await?;
    ok(Rooms { engine, actor: &backend }.view(&made.view).await?)
}

/// Joins a room that was made through this dialect; others are entered by invitation.
pub(super) async fn join(
    State(door): State<Arc<Door>>,
    User(client): User,
    Path(room): Path<String>,
    bytes: Bytes,
) -> Answer {
    let engine = door.engine();
    let announce = body(&bytes)?["systemMessage"].as_bool().unwrap_or(false);
    let room = room_id(&room)?;
    let actor = Actor::Client(client.clone());
    let rooms = Rooms { engine, actor: &actor };
    let (inside, _) =
        engine.listeners(&client.app.id, &room, std::slice::from_ref(client.user())).await?;
    if !inside.is_empty() {
        return ok(rooms.get(&room).await?);
    }
    let backend = engine.backend_by_dialect(&client.app.id, DIALECT).await?;
    let found = engine.room(&Actor::Backend(backend.clone()), &room).await?.room;
    match found.kind {
        snug_core::model::RoomKind::Direct => return Err(Error::RoomNotFound(room).into()),
        snug_core::model::RoomKind::Channel => {
            drop(engine.join_room(&client, &room, announce).await?);
        }
        snug_core::model::RoomKind::Group => {
            let ours = wire::ours(found.custom.as_ref());
            let open = ours.get("roomType").is_some_and(|kind| kind == "group");
            if client.app.policy == AppPolicy::BackendOnly {
                return Err(Error::BackendOnly.into());
            }
            if !open && found.creator.as_ref() != Some(client.user()) {
                return Err(Error::NotAMember.into());
            }
            let users = vec![client.user().clone()];
            let request = snug_core::engine::ChangeMembersRequest::of(users, false);
            engine.add_members(&Actor::Backend(backend), &room, request).await?;
            if announce {
                say_joined(engine, &client, &room).await?;
            }
        }
    }
    ok(rooms.get(&room).await?)
}

/// The room says that somebody joined.
async fn say_joined(engine: &Engine, client: &Client, room: &RoomId) -> Result<(), Failure> {
    let me = client.user().as_str();
    let note = json!({ "type": "member_joined", "users": [me], "count": 1, "by": me });
    let send = SendMessage {
        kind: Some(MessageKind::System),
        custom: Some(wire::custom_json(&note)?),
        ..SendMessage::default()
    };
    let backend = engine.backend_by_dialect(&client.app.id, DIALECT).await?;
    engine.send_message(&Actor::Backend(backend), room, send).await?;
    Ok(())
}

pub(super) async fn update(
    State(door): State<Arc<Door>>,
    Caller(actor): Caller,
    Path(room): Path<String>,
    bytes: Bytes,
) -> Answer {
    let engine = door.engine();
    let value = body(&bytes)?;
    if !value.is_object() {
        return Err(Failure::body("expected a JSON object"));
    }
    check_tags(&value)?;
    let room = room_id(&room)?;
    let before = engine.room(&actor, &room).await?.room;
    let mut ours = wire::ours(before.custom.as_ref());
    let mut changed = false;
    for name in KEPT {
        if let Some(value) = value.get(name) {
            changed = true;
            ours.insert(name.to_owned(), value.clone());
        }
    }
    let custom = if changed { wire::with_ours(before.custom.as_ref(), ours)? } else { Patch::Keep };
    let frozen = match &value["status"] {
        Value::Null => None,
        status => match status.as_i64() {
            Some(0) => Some(true),
            Some(1) => Some(false),
            _ => return Err(Failure::body("status: expected 0 or 1")),
        },
    };
    if frozen.is_some() && matches!(actor, Actor::Client(_)) {
        return Err(Failure::denied("a room is frozen with the API key"));
    }
    let patch = RoomPatch {
        name: patch(&value, "name")?,
        avatar: patch(&value, "cover")?,
        description: patch(&value, "description")?,
        custom,
        frozen,
        ..RoomPatch::default()
    };
    let view = engine.update_room(&actor, &room, patch).await?;
    ok(Rooms { engine, actor: &actor }.view(&view).await?)
}

pub(super) fn patch(value: &Value, name: &str) -> Result<Patch<String>, Failure> {
    match value.get(name) {
        None => Ok(Patch::Keep),
        Some(Value::Null) => Ok(Patch::Clear),
        Some(Value::String(text)) if text.is_empty() => Ok(Patch::Clear),
        Some(Value::String(text)) => Ok(Patch::Set(text.clone())),
        Some(_) => Err(Failure::body(format!("{name}: expected text"))),
    }
}

pub(super) async fn delete(
    State(door): State<Arc<Door>>,
    Admin(backend): Admin,
    Path(room): Path<String>,
) -> Answer {
    door.engine().delete_room(&backend, &room_id(&room)?).await?;
    ok(json!({ "n": 1, "ok": 1 }))
}
