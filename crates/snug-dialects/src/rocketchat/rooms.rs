//! Rooms: channels, private groups and direct messages.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Map, Value, json};
use snug_core::engine::{Actor, CreateRoom, CreateRoomKind, Engine, RoomView};
use snug_core::error::Error;
use snug_core::ids::{RoomId, UserId};
use snug_core::limits;
use snug_core::model::{
    ListedRoom, Patch, Role, Room, RoomFilter, RoomKind, RoomPatch, RoomPolicy,
};
use snug_core::policy::{self, Operation};

use super::answer::{Answer, Failure, ok};
use super::door::{Asked, Caller, Door};
use super::fields::Fields;
use super::users::user_id;
use super::wire::{self, Wire};
use super::{DIALECT, ids};
use crate::custom;
use crate::listed::all_rooms;
use crate::people::{self, People};

/// The three families of endpoints, which differ in the kind of room that they accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Channels,
    Groups,
    Direct,
    /// `rooms.*` and `chat.*`: any kind.
    Any,
}

impl Family {
    fn holds(self, kind: RoomKind) -> bool {
        match self {
            Self::Channels => kind == RoomKind::Channel,
            Self::Groups => kind == RoomKind::Group,
            Self::Direct => kind == RoomKind::Direct,
            Self::Any => true,
        }
    }

    /// The field in which one room is answered.
    pub(super) fn one(self) -> &'static str {
        match self {
            Self::Channels => "channel",
            Self::Groups => "group",
            Self::Direct | Self::Any => "room",
        }
    }

    fn many(self) -> &'static str {
        match self {
            Self::Channels => "channels",
            Self::Groups => "groups",
            Self::Direct => "ims",
            Self::Any => "rooms",
        }
    }
}

pub(super) fn room_id(text: &str) -> Result<RoomId, Failure> {
    RoomId::new(text).map_err(|_| Failure::no_room())
}

/// The room that a request names by id or by name.
pub(super) async fn named(
    door: &Door,
    caller: &Caller,
    fields: &Fields,
) -> Result<RoomId, Failure> {
    if let Some(id) = fields.any(&["roomId", "rid"])? {
        return room_id(&id);
    }
    match fields.text("roomName")? {
        Some(name) => ids::by_name(door.engine(), &caller.client.app.id, &name).await,
        None => {
            let text = "The parameter \"roomId\" or \"roomName\" is required";
            Err(Failure::bad("error-room-param-not-provided", text))
        }
    }
}

/// A room of the family that the caller may read.
pub(super) async fn read(
    door: &Door,
    actor: &Actor,
    room: &RoomId,
    family: Family,
) -> Result<RoomView, Failure> {
    let view = match door.engine().room(actor, room).await {
        Ok(view) => view,
        // Whether a private room exists is not told.
        Err(Error::NotAMember) if family != Family::Any => return Err(Failure::no_room()),
        Err(error) => return Err(error.into()),
    };
    if family.holds(view.room.kind) { Ok(view) } else { Err(Failure::no_room()) }
}

/// The room of a request, and as whom the caller acts on it.
pub(super) async fn asked_room(
    door: &Door,
    asked: &Asked,
    family: Family,
) -> Result<(Actor, RoomView), Failure> {
    let room = named(door, &asked.caller, &asked.fields).await?;
    let actor = asked.caller.actor(door).await?;
    let view = read(door, &actor, &room, family).await?;
    Ok((actor, view))
}

/// Shows rooms with the profiles that they name.
pub(super) async fn shown(
    door: &Door,
    actor: &Actor,
    wire: Wire,
    rooms: &[Room],
) -> Result<Vec<Value>, Failure> {
    let mut people = People::new();
    let named = rooms.iter().flat_map(wire::named_in).collect();
    people::load(door.engine(), actor, named, &mut people).await?;
    Ok(rooms.iter().map(|room| wire.room(room, &people)).collect())
}

pub(super) async fn one_shown(
    door: &Door,
    actor: &Actor,
    wire: Wire,
    room: &Room,
) -> Result<Value, Failure> {
    let all = shown(door, actor, wire, std::slice::from_ref(room)).await?;
    all.into_iter().next().ok_or_else(|| Error::Internal.into())
}

pub(super) async fn info(State(door): State<Arc<Door>>, asked: Asked, family: Family) -> Answer {
    let (actor, view) = asked_room(&door, &asked, family).await?;
    let mut answer = json!({});
    answer[family.one()] = one_shown(&door, &actor, Wire::Rest, &view.room).await?;
    ok(answer)
}

/// A room to be made.
pub(super) struct Make {
    pub(super) name: String,
    pub(super) kind: RoomKind,
    pub(super) members: Vec<UserId>,
    pub(super) read_only: bool,
    pub(super) extras: Map<String, Value>,
}

/// Existing users by name; others are refused, as the vendor does.
pub(super) async fn users(
    door: &Door,
    caller: &Caller,
    names: &[String],
) -> Result<Vec<UserId>, Failure> {
    let wanted: Vec<UserId> = names.iter().map(|name| user_id(name)).collect::<Result<_, _>>()?;
    let mut people = People::new();
    people::load(door.engine(), &caller.as_user(), wanted.clone(), &mut people).await?;
    if wanted.iter().any(|user| !people.contains_key(user)) {
        return Err(Failure::no_user());
    }
    Ok(wanted)
}

fn check_name(name: &str) -> Result<(), Failure> {
    let wrong = name.is_empty()
        || name.len() > limits::NAME_BYTES_MAX
        || name.chars().any(|c| c.is_control() || c.is_whitespace() || "/?#@:".contains(c));
    if wrong {
        let text = format!("{name} is not a valid room name");
        return Err(Failure::bad("error-invalid-room-name", text));
    }
    Ok(())
}

/// Makes a channel or a private group; the caller owns it.
pub(super) async fn make(door: &Door, caller: &Caller, make: Make) -> Result<Room, Failure> {
    if make.read_only {
        return Err(Failure::not_carried("A read-only room"));
    }
    check_name(&make.name)?;
    let (engine, app) = (door.engine(), &caller.client.app.id);
    let id = ids::new_room(engine);
    if !ids::claim(engine, app, &make.name, &id).await? {
        let text = format!("A channel with name '{}' exists", make.name);
        return Err(Failure::bad("error-duplicate-channel-name", text));
    }
    let made = made(door, caller, &make, id.clone()).await;
    if made.is_err() {
        ids::release(engine, app, &make.name, &id).await?;
    }
    made
}

async fn made(door: &Door, caller: &Caller, make: &Make, id: RoomId) -> Result<Room, Failure> {
    let owner = caller.client.user();
    let actor = caller.actor(door).await?;
    let mut members = make.members.clone();
    members.retain(|member| member != owner);
    members.insert(0, owner.clone());
    let id = Some(id);
    let mut part = make.extras.clone();
    part.insert("name".to_owned(), json!(make.name));
    let custom = custom::json(&json!({ DIALECT: part }));
    let create = CreateRoom {
        kind: match make.kind {
            RoomKind::Channel => CreateRoomKind::Channel { id, members },
            _ => CreateRoomKind::Group { id, members },
        },
        name: Some(make.name.clone()),
        avatar: None,
        description: None,
        custom: Some(custom.map_err(|wrong| Failure::param(wrong.to_string()))?),
        tags: Vec::new(),
        policy: RoomPolicy::default(),
        invite: false,
        creator: actor.user().is_none().then(|| owner.clone()),
        message: None,
        return_existing: false,
    };
    Ok(door.engine().create_room(&actor, create).await?.view.room)
}

pub(super) async fn create(State(door): State<Arc<Door>>, asked: Asked, family: Family) -> Answer {
    let fields = &asked.fields;
    let extra = match fields.value("extraData") {
        Some(Value::Object(extra)) => Fields(extra.clone()),
        _ => Fields::default(),
    };
    let mut extras = Map::new();
    for field in ["customFields", "topic", "announcement"] {
        if let Some(value) = fields.value(field).or_else(|| extra.value(field)) {
            extras.insert(field.to_owned(), value.clone());
        }
    }
    let wanted = Make {
        name: fields.required("name")?,
        kind: if family == Family::Channels { RoomKind::Channel } else { RoomKind::Group },
        members: users(&door, &asked.caller, &fields.texts("members")?).await?,
        read_only: fields.flag("readOnly") == Some(true),
        extras,
    };
    let room = make(&door, &asked.caller, wanted).await?;
    let actor = asked.caller.actor(&door).await?;
    let mut answer = json!({});
    answer[family.one()] = one_shown(&door, &actor, Wire::Rest, &room).await?;
    ok(answer)
}

/// The direct room with another user, made if it is not there.
pub(super) async fn direct(
    door: &Door,
    caller: &Caller,
    names: &[String],
) -> Result<Room, Failure> {
    let me = caller.client.user();
    let mut others = users(door, caller, names).await?;
    others.retain(|other| other != me);
    let other = match others.as_slice() {
        [other] => other.clone(),
        [] => {
            return Err(Failure::bad("error-invalid-user", "Another user than oneself is needed"));
        }
        _ => return Err(Failure::not_carried("A direct message to several users")),
    };
    let actor = match caller.admin(door).await? {
        Some(backend) => Actor::Backend(backend),
        None => caller.as_user(),
    };
    let create = CreateRoom {
        kind: CreateRoomKind::Direct { users: (me.clone(), other), context: String::new() },
        name: None,
        avatar: None,
        description: None,
        custom: None,
        tags: Vec::new(),
        policy: RoomPolicy::default(),
        invite: false,
        creator: None,
        message: None,
        return_existing: true,
    };
    Ok(door.engine().create_room(&actor, create).await?.view.room)
}

pub(super) async fn create_direct(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let mut names = asked.fields.texts("usernames")?;
    names.extend(asked.fields.text("username")?);
    if names.is_empty() {
        let text = "Body param \"username\" or \"usernames\" is required";
        return Err(Failure::bad("error-invalid-params", text));
    }
    let room = direct(&door, &asked.caller, &names).await?;
    let mut shown = one_shown(&door, &asked.caller.as_user(), Wire::Rest, &room).await?;
    shown["rid"] = shown["_id"].clone();
    ok(json!({ "room": shown }))
}

/// Members of a list that is paged by offset.
async fn own_rooms(door: &Door, caller: &Caller, family: Family) -> Result<Vec<Room>, Failure> {
    let all = all_rooms(door.engine(), &caller.client, false, RoomFilter::EVERYTHING).await?;
    let rooms = all.into_iter().map(|one| one.room);
    Ok(rooms.filter(|room| family.holds(room.kind)).collect())
}

async fn channels(engine: &Engine, actor: &Actor) -> Result<Vec<Room>, Failure> {
    let (mut all, mut after) = (Vec::new(), None::<RoomId>);
    loop {
        let most = limits::LISTING_PAGE_MAX;
        let kind = RoomKind::Channel;
        let some = engine.rooms_of_kind(actor, kind, after.as_ref(), Some(most)).await?;
        after = some.last().map(|last| last.id.clone()).filter(|_| some.len() == most);
        all.extend(some);
        if after.is_none() || all.len() >= limits::ROOMS_PER_USER_MAX {
            return Ok(all);
        }
    }
}

/// Every channel of the app; of the other families the caller's own rooms.
pub(super) async fn list(State(door): State<Arc<Door>>, asked: Asked, family: Family) -> Answer {
    let actor = asked.caller.as_user();
    let rooms = match family {
        Family::Channels => channels(door.engine(), &actor).await?,
        _ => own_rooms(&door, &asked.caller, family).await?,
    };
    listed(&door, &asked, family, rooms).await
}

pub(super) async fn list_joined(
    State(door): State<Arc<Door>>,
    asked: Asked,
    family: Family,
) -> Answer {
    let rooms = own_rooms(&door, &asked.caller, family).await?;
    listed(&door, &asked, family, rooms).await
}

async fn listed(door: &Door, asked: &Asked, family: Family, rooms: Vec<Room>) -> Answer {
    let fields = &asked.fields;
    fields.check_shape()?;
    let page = fields.page()?;
    let query =
        fields.query(&["_id", "name", "fname", "t", "topic", "description", "usernames"])?;
    let actor = asked.caller.as_user();
    let mut all = shown(door, &actor, Wire::Rest, &rooms).await?;
    all.retain(|room| query.holds(room));
    let total = all.len();
    let all = page.of(all);
    let mut answer = json!({ "count": all.len(), "offset": page.offset, "total": total });
    answer[family.many()] = Value::Array(all);
    ok(answer)
}

pub(super) async fn delete(State(door): State<Arc<Door>>, asked: Asked, family: Family) -> Answer {
    let room = named(&door, &asked.caller, &asked.fields).await?;
    remove(&door, &asked.caller, &room, family).await?;
    ok(json!({}))
}

/// Deletes a room: its owner's or an administrator's to do.
pub(super) async fn remove(
    door: &Door,
    caller: &Caller,
    room: &RoomId,
    family: Family,
) -> Result<(), Failure> {
    let actor = caller.actor(door).await?;
    if let Actor::Client(client) = &actor {
        policy::check_app(Operation::UpdateRoom, client.app.policy)?;
    }
    let view = read(door, &actor, room, family).await?;
    let owner = view.mine.as_ref().is_some_and(|mine| mine.is_active() && mine.role == Role::Owner);
    if actor.user().is_some() && !owner {
        return Err(Failure::unauthorized());
    }
    let (engine, app) = (door.engine(), &caller.client.app.id);
    let backend = engine.backend_by_dialect(app, DIALECT).await?;
    engine.delete_room(&backend, room).await?;
    let name = wire::name(&view.room);
    if name != room.as_str() {
        ids::release(engine, app, &name, room).await?;
    }
    Ok(())
}

/// `setTopic`, `setDescription`, `setAnnouncement`.
pub(super) async fn set(
    State(door): State<Arc<Door>>,
    asked: Asked,
    family: Family,
    field: &'static str,
) -> Answer {
    let (actor, view) = asked_room(&door, &asked, family).await?;
    let text = match asked.fields.value(field) {
        Some(Value::String(text)) => text.clone(),
        _ => return Err(Failure::param(format!("The bodyParam \"{field}\" is required"))),
    };
    let mut patch = RoomPatch::default();
    if field == "description" {
        patch.description = if text.is_empty() { Patch::Clear } else { Patch::Set(text.clone()) };
    } else {
        let custom = view.room.custom.as_ref();
        let mut part = wire::ours(custom);
        part.insert(field.to_owned(), json!(text));
        patch.custom = custom::with_part(custom, DIALECT, part)
            .map_err(|wrong| Failure::param(wrong.to_string()))?;
    }
    door.engine().update_room(&actor, &view.room.id, patch).await?;
    let mut answer = json!({});
    answer[field] = json!(text);
    ok(answer)
}

/// The caller's rooms that changed after a time, and those that are gone for the caller.
pub(super) async fn changed(
    door: &Door,
    caller: &Caller,
    since: Option<snug_core::model::Time>,
) -> Result<(Vec<ListedRoom>, Vec<ListedRoom>), Failure> {
    let all =
        all_rooms(door.engine(), &caller.client, since.is_some(), RoomFilter::EVERYTHING).await?;
    let Some(since) = since else {
        let living = all.into_iter().filter(|one| one.mine.is_active()).collect();
        return Ok((living, Vec::new()));
    };
    // Of commits at one time the later may be seen later: clients take what they know again.
    let since = since.plus_millis(-limits::SYNC_OVERLAP_MS);
    let fresh = all.into_iter().filter(|one| {
        let room = &one.room;
        room.changed_at.max(room.head.activity_at).max(one.mine.changed_at) > since
    });
    Ok(fresh.partition(|one| one.mine.is_active()))
}

pub(super) async fn get(State(door): State<Arc<Door>>, asked: Asked) -> Answer {
    let since = asked.fields.time("updatedSince")?;
    let (update, gone) = changed(&door, &asked.caller, since).await?;
    let rooms: Vec<Room> = update.into_iter().map(|one| one.room).collect();
    let actor = asked.caller.as_user();
    let update = shown(&door, &actor, Wire::Rest, &rooms).await?;
    let remove: Vec<Value> = gone.iter().map(|one| removed(Wire::Rest, one)).collect();
    ok(json!({ "update": update, "remove": remove }))
}

/// A room that is gone for the caller.
pub(super) fn removed(wire: Wire, one: &ListedRoom) -> Value {
    let at = one.mine.left_at.unwrap_or(one.mine.changed_at);
    json!({ "_id": one.room.id, "_deletedAt": wire.date(at) })
}
