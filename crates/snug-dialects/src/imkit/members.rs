//! Members: list, add, remove, leave.

use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use serde_json::{Value, json};
use snug_core::engine::{Actor, ChangeMembersRequest, Engine};
use snug_core::ids::{RoomId, UserId};
use snug_core::limits;

use super::answer::{Answer, Failure, ok};
use super::door::{Caller, Door, body};
use super::room::Rooms;
use super::rooms::room_id;
use super::wire;

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    Caller(actor): Caller,
    Path(room): Path<String>,
) -> Answer {
    let room = room_id(&room)?;
    let app = actor.app().id.as_str();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let limit = Some(limits::MEMBERS_PAGE_MAX);
        let page = door.engine().members(&actor, &room, after, limit).await?;
        all.extend(page.members.iter().map(|member| {
            let mut one = wire::user(app, &member.user);
            one["role"] = json!(member.role.as_str());
            one
        }));
        after = page.next;
        if after.is_none() || all.len() >= limits::MEMBERS_PER_REQUEST_MAX {
            return ok(json!({ "totalCount": all.len(), "data": all }));
        }
    }
}

fn request(users: Vec<UserId>, value: &Value) -> ChangeMembersRequest {
    let announce = value["systemMessage"].as_bool().unwrap_or(false);
    ChangeMembersRequest::of(users, announce)
}

pub(super) async fn add(
    State(door): State<Arc<Door>>,
    Caller(actor): Caller,
    Path(room): Path<String>,
    bytes: Bytes,
) -> Answer {
    let value = body(&bytes)?;
    let users = wire::user_ids(&value["invitees"])?;
    if users.is_empty() {
        return Err(Failure::missing("invitees"));
    }
    add_all(door.engine(), &actor, &room_id(&room)?, request(users, &value)).await
}

pub(super) async fn add_one(
    State(door): State<Arc<Door>>,
    Caller(actor): Caller,
    Path((room, user)): Path<(String, String)>,
    bytes: Bytes,
) -> Answer {
    let value = body(&bytes)?;
    let users = vec![wire::user_id(&user)?];
    add_all(door.engine(), &actor, &room_id(&room)?, request(users, &value)).await
}

async fn add_all(
    engine: &Engine,
    actor: &Actor,
    room: &RoomId,
    request: ChangeMembersRequest,
) -> Answer {
    let view = engine.add_members(actor, room, request).await?;
    ok(Rooms { engine, actor }.view(&view).await?)
}

pub(super) async fn remove(
    State(door): State<Arc<Door>>,
    Caller(actor): Caller,
    Path(room): Path<String>,
    bytes: Bytes,
) -> Answer {
    let value = body(&bytes)?;
    let users = wire::user_ids(&value["members"])?;
    if users.is_empty() {
        return Err(Failure::missing("members"));
    }
    remove_all(door.engine(), &actor, &room_id(&room)?, request(users, &value)).await
}

pub(super) async fn remove_one(
    State(door): State<Arc<Door>>,
    Caller(actor): Caller,
    Path((room, user)): Path<(String, String)>,
    bytes: Bytes,
) -> Answer {
    let value = body(&bytes)?;
    let users = vec![wire::user_id(&user)?];
    remove_all(door.engine(), &actor, &room_id(&room)?, request(users, &value)).await
}

/// The caller's own id among them means leaving, and comes last.
async fn remove_all(
    engine: &Engine,
    actor: &Actor,
    room: &RoomId,
    mut request: ChangeMembersRequest,
) -> Answer {
    let leaves = actor.user().is_some_and(|me| request.users.contains(me));
    request.users.retain(|user| Some(user) != actor.user());
    if !request.users.is_empty() {
        engine.remove_members(actor, room, request).await?;
    }
    if let (true, Actor::Client(client)) = (leaves, actor) {
        let before = engine.room(actor, room).await?;
        let shown = Rooms { engine, actor }.view(&before).await?;
        engine.leave_room(client, room).await?;
        return ok(without(shown, client.user()));
    }
    ok(Rooms { engine, actor }.get(room).await?)
}

/// A room as its leaver last sees it.
fn without(mut room: Value, user: &UserId) -> Value {
    if let Some(members) = room["members"].as_array_mut() {
        members.retain(|member| member["_id"] != user.as_str());
    }
    if let Some(count) = room["memberCount"].as_u64() {
        room["memberCount"] = json!(count.saturating_sub(1));
    }
    room
}
