//! A user's own side of the rooms: unread and read.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};
use snug_core::ids::RoomId;
use snug_core::model::{ListedRoom, Membership, Room};

use super::answer::{Answer, Failure, ok};
use super::door::{Asked, Caller, Door};
use super::rooms::{self, Family};
use super::wire::{self, Wire};
use crate::people::{self, People};

pub(super) async fn shown(
    door: &Door,
    caller: &Caller,
    wire: Wire,
    all: &[ListedRoom],
) -> Result<Vec<Value>, Failure> {
    let mut people = People::new();
    let named = all.iter().flat_map(|one| wire::named_in(&one.room));
    let named = named.chain([caller.client.user().clone()]).collect();
    people::load(door.engine(), &caller.as_user(), named, &mut people).await?;
    Ok(all.iter().map(|one| wire.subscription(&one.room, &one.mine, &people)).collect())
}

pub(super) async fn one_shown(
    door: &Door,
    caller: &Caller,
    wire: Wire,
    room: &Room,
    mine: &Membership,
) -> Result<Value, Failure> {
    let mut people = People::new();
    let mut named = wire::named_in(room);
    named.push(mine.user.clone());
    people::load(door.engine(), &caller.as_user(), named, &mut people).await?;
    Ok(wire.subscription(room, mine, &people))
}

pub(super) async fn get(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let since = asked.fields.time("updatedSince")?;
    let (update, gone) = rooms::changed(&door, &asked.caller, since).await?;
    let update = shown(&door, &asked.caller, Wire::Rest, &update).await?;
    let remove: Vec<Value> = gone.iter().map(|one| removed(Wire::Rest, one)).collect();
    ok(json!({ "update": update, "remove": remove }))
}

/// A subscription that is gone.
pub(super) fn removed(wire: Wire, one: &ListedRoom) -> Value {
    let at = one.mine.left_at.unwrap_or(one.mine.changed_at);
    json!({
        "_id": wire::subscription_id(&one.room, &one.mine.user),
        "_deletedAt": wire.date(at),
    })
}

pub(super) async fn get_one(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let room = rooms::room_id(&asked.fields.required("roomId")?)?;
    let view = rooms::read(&door, &asked.caller.as_user(), &room, Family::Any).await?;
    let subscription = match view.mine.as_ref().filter(|mine| mine.is_active()) {
        Some(mine) => one_shown(&door, &asked.caller, Wire::Rest, &view.room, mine).await?,
        None => Value::Null,
    };
    ok(json!({ "subscription": subscription }))
}

pub(super) async fn read(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let room = asked.fields.any(&["rid", "roomId"])?;
    let room = room.ok_or_else(|| Failure::param("The required \"rid\" param is missing"))?;
    mark(&door, &asked.caller, &rooms::room_id(&room)?).await?;
    ok(json!({}))
}

/// Everything that is in the room now has been read.
pub(super) async fn mark(door: &Door, caller: &Caller, room: &RoomId) -> Result<(), Failure> {
    let view = rooms::read(door, &caller.as_user(), room, Family::Any).await?;
    door.engine().mark_read(&caller.client, room, view.room.head.seq).await?;
    Ok(())
}
