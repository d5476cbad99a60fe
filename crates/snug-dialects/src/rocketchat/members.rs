//! Members of rooms: list, invite, remove, join, leave.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};
use snug_core::engine::{Actor, ChangeMembersRequest, RoomView};
use snug_core::error::Error;
use snug_core::ids::{RoomId, UserId};
use snug_core::limits;
use snug_core::model::{Member, Role, Room};

use super::answer::{Answer, Failure, ok};
use super::door::{Asked, Caller, Door};
use super::rooms::{self, Family};
use super::wire::Wire;

pub(super) async fn members(State(door): State<Arc<Door>>, asked: Asked, family: Family) -> Answer {
    let page = asked.fields.page()?;
    let (actor, view) = rooms::asked_room(&door, &asked, family).await?;
    let (mut all, mut after) = (Vec::new(), None);
    let wanted = page.offset + page.count;
    while all.len() < wanted {
        let most = Some(limits::MEMBERS_PAGE_MAX);
        let some = door.engine().members(&actor, &view.room.id, after, most).await?;
        all.extend(some.members);
        after = some.next;
        if after.is_none() {
            break;
        }
    }
    let app = &actor.app().id;
    let shown: Vec<Value> = page
        .of(all)
        .iter()
        .map(|one| Wire::Rest.user(&one.user, Some(door.status(app, &one.user.id))))
        .collect();
    ok(json!({
        "members": shown,
        "count": shown.len(),
        "offset": page.offset,
        "total": view.room.member_count,
    }))
}

/// The users of an invitation or a removal, under every name that the vendor's clients use.
async fn those(door: &Door, asked: &Asked) -> Result<Vec<UserId>, Failure> {
    let mut names = asked.fields.texts("userIds")?;
    names.extend(asked.fields.texts("usernames")?);
    names.extend(asked.fields.any(&["userId", "username"])?);
    if names.is_empty() {
        let text = "The required \"userId\" or \"username\" param was not provided";
        return Err(Failure::bad("error-user-param-not-provided", text));
    }
    rooms::users(door, &asked.caller, &names).await
}

pub(super) async fn invite(State(door): State<Arc<Door>>, asked: Asked, family: Family) -> Answer {
    let (actor, view) = rooms::asked_room(&door, &asked, family).await?;
    let change = ChangeMembersRequest::of(those(&door, &asked).await?, true);
    let view = door.engine().add_members(&actor, &view.room.id, change).await?;
    answered(&door, &actor, family, &view.room).await
}

pub(super) async fn kick(State(door): State<Arc<Door>>, asked: Asked, family: Family) -> Answer {
    let (actor, view) = rooms::asked_room(&door, &asked, family).await?;
    let users = those(&door, &asked).await?;
    for user in &users {
        let room = &view.room.id;
        if !is_member(&door, &actor, room, user).await? {
            let text = "User is not in this room";
            return Err(Failure::bad("error-user-not-in-room", text));
        }
    }
    let change = ChangeMembersRequest::of(users, true);
    let view = door.engine().remove_members(&actor, &view.room.id, change).await?;
    answered(&door, &actor, family, &view.room).await
}

async fn is_member(
    door: &Door,
    actor: &Actor,
    room: &RoomId,
    user: &UserId,
) -> Result<bool, Failure> {
    let app = &actor.app().id;
    let among = door.engine().listeners(app, room, std::slice::from_ref(user)).await?;
    Ok(!among.0.is_empty())
}

async fn answered(door: &Door, actor: &Actor, family: Family, room: &Room) -> Answer {
    let mut answer = json!({});
    answer[family.one()] = rooms::one_shown(door, actor, Wire::Rest, room).await?;
    ok(answer)
}

pub(super) async fn join(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let room = rooms::named(&door, &asked.caller, &asked.fields).await?;
    let view = enter(&door, &asked.caller, &room).await?;
    answered(&door, &asked.caller.as_user(), Family::Channels, &view.room).await
}

/// The caller joins a channel.
pub(super) async fn enter(
    door: &Door,
    caller: &Caller,
    room: &RoomId,
) -> Result<RoomView, Failure> {
    let engine = door.engine();
    match engine.join_room(&caller.client, room, true).await {
        // An app that leaves its rooms to its backend; an administrator stands for that.
        Err(Error::BackendOnly) => {
            let Some(backend) = caller.admin(door).await? else {
                return Err(Error::BackendOnly.into());
            };
            let users = vec![caller.client.user().clone()];
            let change = ChangeMembersRequest::of(users, true);
            Ok(engine.add_members(&Actor::Backend(backend), room, change).await?)
        }
        done => Ok(done?),
    }
}

pub(super) async fn leave(State(door): State<Arc<Door>>, asked: Asked, family: Family) -> Answer {
    let room = rooms::named(&door, &asked.caller, &asked.fields).await?;
    let view = go(&door, &asked.caller, &room, family).await?;
    answered(&door, &asked.caller.as_user(), family, &view.room).await
}

/// Whether somebody beside the caller owns the room.
async fn has_other_owner(door: &Door, actor: &Actor, room: &RoomId) -> Result<bool, Failure> {
    let mut after = None;
    loop {
        let most = Some(limits::MEMBERS_PAGE_MAX);
        let some = door.engine().members(actor, room, after, most).await?;
        let owner =
            |member: &Member| member.role == Role::Owner && Some(&member.user.id) != actor.user();
        if some.members.iter().any(owner) {
            return Ok(true);
        }
        after = some.next;
        if after.is_none() {
            return Ok(false);
        }
    }
}

/// The caller leaves a room; the last owner stays, as at the vendor's.
pub(super) async fn go(
    door: &Door,
    caller: &Caller,
    room: &RoomId,
    family: Family,
) -> Result<RoomView, Failure> {
    let actor = caller.as_user();
    let view = rooms::read(door, &actor, room, family).await?;
    let Some(mine) = view.mine.as_ref().filter(|mine| mine.is_active()) else {
        let text = "You are not in this room";
        return Err(Failure::bad("error-user-not-in-room", text));
    };
    let alone = view.room.member_count <= 1;
    if mine.role == Role::Owner && !alone && !has_other_owner(door, &actor, room).await? {
        let text = "You are the last owner. Please set new owner before leaving the room.";
        return Err(Failure::bad("error-you-are-last-owner", text));
    }
    door.engine().leave_room(&caller.client, room).await?;
    Ok(view)
}
