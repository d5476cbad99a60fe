//! DDP's methods: the same operations as on REST, with their arguments by place.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use snug_core::engine::ChangeMembersRequest;
use snug_core::ids::RoomId;
use snug_core::model::{RoomKind, Time};

use super::WIRE;
use crate::Carried;
use crate::rocketchat::answer::Failure;
use crate::rocketchat::door::{Caller, Door};
use crate::rocketchat::fields::{Fields, moment};
use crate::rocketchat::presence::Status;
use crate::rocketchat::rooms::{self, Family, Make, room_id};
use crate::rocketchat::{OPERATIONS, ids, members, messages, subscriptions};

/// Messages of a `loadHistory` that names no number.
const LOADED: usize = 50;

/// What anybody may call.
pub(super) fn open_to_all(name: &str) -> Option<Value> {
    match name {
        // Nothing of a server's set-up is told here.
        "public-settings/get" | "permissions/get" => Some(json!([])),
        _ => None,
    }
}

/// The arguments of a call.
struct Params<'a>(&'a [Value]);

impl Params<'_> {
    fn at(&self, index: usize) -> Option<&Value> {
        self.0.get(index).filter(|value| !value.is_null())
    }

    fn text(&self, index: usize) -> Result<&str, Failure> {
        let found = self.at(index).and_then(Value::as_str).filter(|text| !text.is_empty());
        found.ok_or_else(|| Failure::param(format!("params[{index}]: expected a text")))
    }

    fn room(&self, index: usize) -> Result<RoomId, Failure> {
        room_id(self.text(index)?)
    }

    fn object(&self, index: usize) -> Result<Fields, Failure> {
        match self.at(index) {
            Some(Value::Object(fields)) => Ok(Fields(fields.clone())),
            _ => Err(Failure::param(format!("params[{index}]: expected an object"))),
        }
    }

    fn time(&self, index: usize) -> Result<Option<Time>, Failure> {
        let wrong = || Failure::param(format!("params[{index}]: expected a date"));
        self.at(index).map(|value| moment(value).ok_or_else(wrong)).transpose()
    }

    fn texts(&self, index: usize) -> Vec<String> {
        let all = self.at(index).and_then(Value::as_array);
        all.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

pub(super) async fn call(
    door: &Arc<Door>,
    caller: &Caller,
    name: &str,
    params: &[Value],
) -> Result<Value, Failure> {
    let given = Params(params);
    match name {
        "sendMessage" => messages::send(door, caller, WIRE, &given.object(0)?).await,
        "updateMessage" => {
            messages::update(door, caller, WIRE, &given.object(0)?).await?;
            Ok(Value::Null)
        }
        "deleteMessage" => {
            messages::delete(door, caller, &given.object(0)?).await?;
            Ok(Value::Null)
        }
        "setReaction" => {
            let on = given.at(2).and_then(Value::as_bool);
            messages::react(door, caller, given.text(1)?, given.text(0)?, on).await?;
            Ok(Value::Null)
        }
        "getSingleMessage" => {
            let actor = caller.actor(door).await?;
            let found = ids::message(door.engine(), &actor, given.text(0)?).await?;
            let shown = messages::shown(door, &actor, WIRE, &[found]).await?;
            Ok(shown.into_iter().next().unwrap_or_default())
        }
        "loadHistory" => {
            let count = given.at(2).and_then(Value::as_u64);
            let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(LOADED);
            messages::load(door, caller, &given.room(0)?, given.time(1)?, count).await
        }
        "readMessages" => {
            subscriptions::mark(door, caller, &given.room(0)?).await?;
            Ok(Value::Null)
        }
        "rooms/get" | "subscriptions/get" => listed(door, caller, name, given.time(0)?).await,
        _ => of_rooms(door, caller, name, &given).await,
    }
}

async fn listed(
    door: &Arc<Door>,
    caller: &Caller,
    name: &str,
    since: Option<Time>,
) -> Result<Value, Failure> {
    let (update, gone) = rooms::changed(door, caller, since).await?;
    let (update, remove): (Vec<Value>, Vec<Value>) = if name == "rooms/get" {
        let found: Vec<_> = update.into_iter().map(|one| one.room).collect();
        let shown = rooms::shown(door, &caller.as_user(), WIRE, &found).await?;
        (shown, gone.iter().map(|one| rooms::removed(WIRE, one)).collect())
    } else {
        let shown = subscriptions::shown(door, caller, WIRE, &update).await?;
        (shown, gone.iter().map(|one| subscriptions::removed(WIRE, one)).collect())
    };
    // Without a time the answer is the plain list.
    Ok(match since {
        None => Value::Array(update),
        Some(_) => json!({ "update": update, "remove": remove }),
    })
}

async fn of_rooms(
    door: &Arc<Door>,
    caller: &Caller,
    name: &str,
    given: &Params<'_>,
) -> Result<Value, Failure> {
    let user = caller.as_user();
    match name {
        "createDirectMessage" => {
            let names: Vec<String> =
                given.0.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            let room = rooms::direct(door, caller, &names).await?;
            let shown = rooms::one_shown(door, &user, WIRE, &room).await?;
            Ok(json!({ "t": "d", "rid": shown["_id"], "usernames": shown["usernames"] }))
        }
        "createChannel" | "createPrivateGroup" => {
            let invited = rooms::users(door, caller, &given.texts(1)).await?;
            let make = Make {
                name: given.text(0)?.to_owned(),
                kind: match name {
                    "createChannel" => RoomKind::Channel,
                    _ => RoomKind::Group,
                },
                members: invited,
                read_only: given.at(2) == Some(&Value::Bool(true)),
                extras: Map::new(),
            };
            let wanted = make.name.clone();
            let room = rooms::make(door, caller, make).await?;
            Ok(json!({ "rid": room.id, "name": wanted, "t": crate::rocketchat::wire::kind(&room) }))
        }
        "getRoomById" => {
            let actor = caller.actor(door).await?;
            let view = rooms::read(door, &actor, &given.room(0)?, Family::Any).await?;
            rooms::one_shown(door, &actor, WIRE, &view.room).await
        }
        "roomNameExists" => {
            let app = &caller.client.app.id;
            let room = ids::by_name(door.engine(), app, given.text(0)?).await?;
            let actor = caller.actor(door).await?;
            Ok(json!(rooms::read(door, &actor, &room, Family::Any).await.is_ok()))
        }
        "public-settings/get" | "permissions/get" => match given.at(0) {
            None => Ok(json!([])),
            Some(_) => Ok(json!({ "update": [], "remove": [] })),
        },
        _ => of_members(door, caller, name, given).await,
    }
}

async fn of_members(
    door: &Arc<Door>,
    caller: &Caller,
    name: &str,
    given: &Params<'_>,
) -> Result<Value, Failure> {
    match name {
        "joinRoom" => {
            members::enter(door, caller, &given.room(0)?).await?;
            Ok(json!(true))
        }
        "leaveRoom" => {
            members::go(door, caller, &given.room(0)?, Family::Any).await?;
            Ok(Value::Null)
        }
        "eraseRoom" => {
            rooms::remove(door, caller, &given.room(0)?, Family::Any).await?;
            Ok(json!(true))
        }
        "addUserToRoom" | "addUsersToRoom" => {
            let fields = given.object(0)?;
            let mut names = fields.texts("users")?;
            names.extend(fields.text("username")?);
            let users = rooms::users(door, caller, &names).await?;
            let change = ChangeMembersRequest::of(users, true);
            let room = room_id(&fields.required("rid")?)?;
            let actor = caller.actor(door).await?;
            door.engine().add_members(&actor, &room, change).await?;
            Ok(json!(true))
        }
        _ => Err(unknown(name)),
    }
}

/// Not carried is another thing than not existing.
fn unknown(name: &str) -> Failure {
    let row = format!("DDP {name}");
    if OPERATIONS.iter().any(|known| known.name == row && known.carried == Carried::No) {
        return Failure::not_carried(name);
    }
    Failure::new(http::StatusCode::NOT_FOUND, "", format!("Method '{name}' not found"))
}

/// `UserPresence:setDefaultStatus`.
pub(super) fn status(params: &[Value]) -> Result<Status, Failure> {
    let named = Params(params);
    let wrong = || Failure::bad("error-invalid-status", "Expected online, away, busy or offline");
    Status::of_name(named.text(0)?).ok_or_else(wrong)
}

/// `stream-notify-room`: in which room the caller's user types, or types no more.
pub(super) fn typing(caller: &Caller, params: &[Value]) -> Result<(RoomId, bool), Failure> {
    let given = Params(params);
    let Some((room, what)) = given.text(0)?.rsplit_once('/') else {
        return Err(Failure::not_allowed());
    };
    if given.text(1)? != caller.client.user().as_str() {
        return Err(Failure::not_allowed());
    }
    let on = match what {
        "typing" => given.at(2).and_then(Value::as_bool).unwrap_or(false),
        "user-activity" => given.texts(2).iter().any(|one| one == "user-typing"),
        _ => return Err(Failure::not_allowed()),
    };
    Ok((room_id(room)?, on))
}
