//! Streams: what a connection subscribed to, and what it is told of what its user hears.

use serde_json::{Map, Value, json};
use snug_core::engine::Actor;
use snug_core::error::Error;
use snug_core::event::{RoomEvent, RoomEventBody, UserEvent, UserEventBody};
use snug_core::ids::{RoomId, UserId};
use snug_core::limits;
use snug_core::model::{AppPolicy, Membership, Message, MessageKind, Room, RoomKind};

use super::{Line, Step, WIRE, text};
use crate::people;
use crate::rocketchat::OPERATIONS;
use crate::rocketchat::answer::Failure;
use crate::rocketchat::door::{Caller, Door};
use crate::rocketchat::presence::Watch;
use crate::rocketchat::rooms::{self, Family, room_id};
use crate::rocketchat::{ids, wire};
use crate::{Carried, Heard};

const ROOM_MESSAGES: &str = "stream-room-messages";
const NOTIFY_ROOM: &str = "stream-notify-room";
const NOTIFY_USER: &str = "stream-notify-user";
const ALL_MINE: &str = "__my_messages__";

const NOTIFY_LOGGED: &str = "stream-notify-logged";
const USER_STATUS: &str = "user-status";

/// Streams that the vendor's clients wait for when they start, and on which nothing is told here:
/// refused, those clients would wait for ever. The compatibility table says so of each.
const QUIET: [&str; 7] = [
    NOTIFY_LOGGED,
    "stream-notify-all",
    "stream-roles",
    "stream-importers",
    "meteor.loginServiceConfiguration",
    "meteor_autoupdate_clientVersions",
    "userData",
];

#[derive(Debug)]
struct Subscription {
    id: String,
    stream: String,
    key: String,
}

/// What a connection subscribed to.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Vec<Subscription>);

impl Subscriptions {
    pub(super) fn end(&mut self, id: &str) {
        self.0.retain(|one| one.id != id);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn has(&self, stream: &str, key: &str) -> bool {
        self.0.iter().any(|one| one.stream == stream && one.key == key)
    }
}

impl Line {
    pub(super) async fn subscribe(&mut self, asked: &Map<String, Value>) -> Step {
        let (id, stream) = (text(asked, "id"), text(asked, "name"));
        let key = asked.get("params").and_then(Value::as_array).and_then(|all| all.first());
        let key = key.and_then(Value::as_str).unwrap_or("").to_owned();
        let most = limits::ROCKETCHAT_KEY_BYTES_MAX;
        let admitted = if id.len().max(key.len()) <= most {
            self.admit(&stream, &key).await
        } else {
            Err(Failure::param(format!("id and params[0]: expected at most {most} bytes")))
        };
        match admitted {
            Ok(()) => {
                self.subscriptions.end(&id);
                self.subscriptions.0.push(Subscription { id: id.clone(), stream, key });
                self.watch_or_not();
                self.say(&json!({ "msg": "ready", "subs": [id] })).await
            }
            Err(failure) => {
                self.say(&json!({ "msg": "nosub", "id": id, "error": failure.ddp() })).await
            }
        }
    }

    /// Another log-in took the connection over: each subscription is asked for anew, as the new
    /// connection of the same user would, and those that the user may not have end.
    pub(super) async fn admit_again(&mut self) -> Step {
        for one in std::mem::take(&mut self.subscriptions.0) {
            match self.admit(&one.stream, &one.key).await {
                Ok(()) => self.subscriptions.0.push(one),
                Err(failure) => {
                    let ended = json!({ "msg": "nosub", "id": one.id, "error": failure.ddp() });
                    self.say(&ended).await?;
                }
            }
        }
        self.watch_or_not();
        Ok(())
    }

    /// Listens to who comes and goes for as long as somebody's status is subscribed to.
    pub(super) fn watch_or_not(&mut self) {
        let wanted = self.wants(NOTIFY_LOGGED, USER_STATUS);
        match &self.present {
            Some(present) if wanted => {
                if self.watch.is_none() {
                    let app = present.caller.client.app.id.clone();
                    self.watch = Some(Watch::new(&self.door, app));
                }
            }
            _ => self.watch = None,
        }
    }

    /// How a user stands now.
    pub(super) async fn tell_status(&mut self, user: &UserId) -> Step {
        let Some(present) = &self.present else { return Ok(()) };
        let status = self.door.status(&present.caller.client.app.id, user);
        let args = json!([[user, user, status.number(), ""]]);
        self.say(&frame(NOTIFY_LOGGED, USER_STATUS, &args)).await
    }

    async fn admit(&mut self, stream: &str, key: &str) -> Result<(), Failure> {
        if self.subscriptions.0.len() >= limits::ROCKETCHAT_SUBSCRIPTIONS_MAX {
            return Err(Failure::bad("error-too-many-subscriptions", "Too many subscriptions"));
        }
        let logged_status = stream == NOTIFY_LOGGED && key == USER_STATUS;
        if QUIET.contains(&stream) && !logged_status {
            return Ok(());
        }
        let Some(present) = &self.present else { return Err(Failure::not_allowed()) };
        let (caller, ear) = (present.caller.clone(), present.ear.clone());
        if logged_status {
            return admit_to_statuses(&self.door, &caller).await;
        }
        let room = match stream {
            ROOM_MESSAGES if key == ALL_MINE => return Ok(()),
            ROOM_MESSAGES => key,
            NOTIFY_ROOM => key.rsplit_once('/').ok_or_else(Failure::not_allowed)?.0,
            NOTIFY_USER => {
                let own = key.rsplit_once('/').map(|(user, _)| user);
                let own = own == Some(caller.client.user().as_str());
                return if own { Ok(()) } else { Err(Failure::not_allowed()) };
            }
            other if is_missing(other) => return Err(Failure::not_carried(other)),
            other => {
                let text = format!("Subscription '{other}' not found");
                return Err(Failure::new(http::StatusCode::NOT_FOUND, "", text));
            }
        };
        let refused = |_| Failure::not_allowed();
        let room = room_id(room).map_err(refused)?;
        let view = rooms::read(&self.door, &caller.as_user(), &room, Family::Any).await;
        let view = view.map_err(refused)?;
        let outside = view.mine.as_ref().is_none_or(|mine| !mine.is_active());
        if outside && view.room.kind == RoomKind::Channel {
            ear.join(&room, &view.room.head, true);
        }
        Ok(())
    }

    /// Something happened; what cannot be told now is in the history.
    pub(super) async fn hear(&mut self, heard: &Heard) -> Step {
        let Some(present) = &self.present else { return Ok(()) };
        let caller = present.caller.clone();
        let told = match heard {
            Heard::Room(event) => self.room_frames(&caller, event).await,
            Heard::User(event) => self.user_frames(&caller, event).await,
            Heard::Left(room) => Ok(self.left(&caller, room)),
        };
        match told {
            Ok(frames) => {
                for frame in frames {
                    self.say(&frame).await?;
                }
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "an event could not be told to a Rocket.Chat client");
                self.socket.close(1_013, "try again later").await;
                Err(())
            }
        }
    }

    fn wants(&self, stream: &str, key: &str) -> bool {
        self.subscriptions.has(stream, key)
    }

    fn mine(&self, caller: &Caller, what: &str) -> Option<String> {
        let key = format!("{}/{what}", caller.client.user());
        self.wants(NOTIFY_USER, &key).then_some(key)
    }

    async fn room_frames(
        &mut self,
        caller: &Caller,
        event: &RoomEvent,
    ) -> Result<Vec<Value>, Error> {
        let room = &event.room;
        match &event.body {
            RoomEventBody::MessageAppended { message } => {
                let mut frames = self.message_frames(caller, message, true).await?;
                frames.extend(self.changed_frames(caller, room, message.sender.as_ref()).await?);
                Ok(frames)
            }
            RoomEventBody::MessageChanged { message } if message.is_gone() => {
                let key = format!("{room}/deleteMessage");
                let gone = json!({ "_id": ids::message_id(message) });
                let mut frames = self.frame_if(NOTIFY_ROOM, &key, &json!([gone]));
                frames.extend(self.changed_frames(caller, room, None).await?);
                Ok(frames)
            }
            RoomEventBody::MessageChanged { message } => {
                let mut frames = self.message_frames(caller, message, false).await?;
                frames.extend(self.changed_frames(caller, room, None).await?);
                Ok(frames)
            }
            RoomEventBody::RoomUpdated { room } => self.room_changed(caller, room).await,
            RoomEventBody::MembersChanged { members, room } => {
                let me = caller.client.user();
                if members.iter().any(|one| one.user.id == *me && one.is_out()) {
                    Ok(self.left(caller, &room.id))
                } else {
                    self.room_changed(caller, room).await
                }
            }
            RoomEventBody::RoomDeleted => Ok(self.left(caller, room)),
            RoomEventBody::Read { seq, .. } => {
                let key = format!("{room}/messagesRead");
                let until = match &event.head.preview {
                    Some(last) if last.seq == *seq => last.created_at,
                    _ => event.head.activity_at,
                };
                Ok(self.frame_if(NOTIFY_ROOM, &key, &json!([{ "until": WIRE.date(until) }])))
            }
            RoomEventBody::Typing { user, on, .. } if user != caller.client.user() => {
                let mut frames =
                    self.frame_if(NOTIFY_ROOM, &format!("{room}/typing"), &json!([user, on]));
                let what: &[&str] = if *on { &["user-typing"] } else { &[] };
                let key = format!("{room}/user-activity");
                frames.extend(self.frame_if(NOTIFY_ROOM, &key, &json!([user, what, {}])));
                Ok(frames)
            }
            RoomEventBody::Delivered { .. }
            | RoomEventBody::Typing { .. }
            | RoomEventBody::Ephemeral { .. }
            | RoomEventBody::Beacon => Ok(Vec::new()),
        }
    }

    fn frame_if(&self, stream: &str, key: &str, args: &Value) -> Vec<Value> {
        if self.wants(stream, key) { vec![frame(stream, key, args)] } else { Vec::new() }
    }

    async fn message_frames(
        &mut self,
        caller: &Caller,
        message: &Message,
        appended: bool,
    ) -> Result<Vec<Value>, Error> {
        let room = message.room.as_str();
        let (one, all) = (self.wants(ROOM_MESSAGES, room), self.wants(ROOM_MESSAGES, ALL_MINE));
        let note = self.mine(caller, "notification").filter(|_| {
            appended
                && !message.silent
                && message.kind != MessageKind::System
                && message.sender.as_ref() != Some(caller.client.user())
        });
        if !one && !all && note.is_none() {
            return Ok(Vec::new());
        }
        let mut known = self.people.fresh();
        let (engine, actor) = (self.door.engine(), caller.as_user());
        people::load(engine, &actor, wire::named(message), &mut known).await?;
        let shown = WIRE.message(message, &known);
        self.people.remember(known);
        let mut frames = Vec::new();
        if one {
            frames.push(frame(ROOM_MESSAGES, room, &json!([shown])));
        }
        if all {
            frames.push(frame(ROOM_MESSAGES, ALL_MINE, &json!([shown, {}])));
        }
        if let Some(key) = note {
            let title = shown["u"]["name"].clone();
            let payload = json!({
                "_id": shown["_id"], "rid": room, "sender": shown["u"],
                "message": { "msg": shown["msg"] },
            });
            let args = json!([{ "title": title, "text": shown["msg"], "payload": payload }]);
            frames.push(frame(NOTIFY_USER, &key, &args));
        }
        Ok(frames)
    }

    /// A room with a new message or a changed one: the room itself, and the unread count of those who did not
    /// write it (the writer's own comes as news of the writer's).
    async fn changed_frames(
        &mut self,
        caller: &Caller,
        room: &RoomId,
        sender: Option<&UserId>,
    ) -> Result<Vec<Value>, Error> {
        let rooms = self.mine(caller, "rooms-changed");
        let own = self.mine(caller, "subscriptions-changed");
        let own = own.filter(|_| sender != Some(caller.client.user()));
        if rooms.is_none() && own.is_none() {
            return Ok(Vec::new());
        }
        let Some((room, mine)) = self.standing(caller, room).await? else {
            return Ok(Vec::new());
        };
        let mut frames = Vec::new();
        if let Some(key) = rooms {
            let shown = self.shown(caller, &room).await?;
            frames.push(frame(NOTIFY_USER, &key, &json!(["updated", shown])));
        }
        if let (Some(key), Some(mine)) = (own, mine) {
            let shown = self.subscription(caller, &room, &mine).await?;
            frames.push(frame(NOTIFY_USER, &key, &json!(["updated", shown])));
        }
        Ok(frames)
    }

    async fn room_changed(&mut self, caller: &Caller, room: &Room) -> Result<Vec<Value>, Error> {
        let Some(key) = self.mine(caller, "rooms-changed") else { return Ok(Vec::new()) };
        let shown = self.shown(caller, room).await?;
        Ok(vec![frame(NOTIFY_USER, &key, &json!(["updated", shown]))])
    }

    async fn user_frames(
        &mut self,
        caller: &Caller,
        event: &UserEvent,
    ) -> Result<Vec<Value>, Error> {
        let mut frames = Vec::new();
        match &event.body {
            // As it stands now: news may be told again, and this wire has no order.
            UserEventBody::Joined { room, .. } => {
                let Some((room, Some(mine))) = self.standing(caller, &room.id).await? else {
                    return Ok(frames);
                };
                if let Some(key) = self.mine(caller, "rooms-changed") {
                    let shown = self.shown(caller, &room).await?;
                    frames.push(frame(NOTIFY_USER, &key, &json!(["inserted", shown])));
                }
                if let Some(key) = self.mine(caller, "subscriptions-changed") {
                    let shown = self.subscription(caller, &room, &mine).await?;
                    frames.push(frame(NOTIFY_USER, &key, &json!(["inserted", shown])));
                }
            }
            UserEventBody::Mine { room, .. } => {
                let Some(key) = self.mine(caller, "subscriptions-changed") else {
                    return Ok(frames);
                };
                if let Some((room, Some(mine))) = self.standing(caller, room).await? {
                    let shown = self.subscription(caller, &room, &mine).await?;
                    frames.push(frame(NOTIFY_USER, &key, &json!(["updated", shown])));
                }
            }
            UserEventBody::Invited { .. }
            | UserEventBody::Uninvited { .. }
            | UserEventBody::SessionsClosed { .. }
            | UserEventBody::SessionsDoubted { .. }
            | UserEventBody::PresenceAsked
            | UserEventBody::Invisible { .. }
            | UserEventBody::Scheduled { .. }
            | UserEventBody::Unscheduled { .. } => {}
        }
        Ok(frames)
    }

    /// The room is gone for this user.
    fn left(&self, caller: &Caller, room: &RoomId) -> Vec<Value> {
        let mut frames = Vec::new();
        if let Some(key) = self.mine(caller, "rooms-changed") {
            frames.push(frame(NOTIFY_USER, &key, &json!(["removed", { "_id": room }])));
        }
        if let Some(key) = self.mine(caller, "subscriptions-changed") {
            let id = format!("{room}:{}", caller.client.user());
            let gone = json!({ "_id": id, "rid": room });
            frames.push(frame(NOTIFY_USER, &key, &json!(["removed", gone])));
        }
        frames
    }

    /// The room and the user's standing as they are now; `None` when the user is out meanwhile.
    async fn standing(
        &mut self,
        caller: &Caller,
        room: &RoomId,
    ) -> Result<Option<(Room, Option<Membership>)>, Error> {
        match self.door.engine().room(&caller.as_user(), room).await {
            Ok(view) => Ok(Some((view.room, view.mine.filter(Membership::is_active)))),
            Err(Error::NotAMember | Error::RoomNotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn shown(&mut self, caller: &Caller, room: &Room) -> Result<Value, Error> {
        let mut known = self.people.fresh();
        let actor: Actor = caller.as_user();
        people::load(self.door.engine(), &actor, wire::named_in(room), &mut known).await?;
        let shown = WIRE.room(room, &known);
        self.people.remember(known);
        Ok(shown)
    }

    async fn subscription(
        &mut self,
        caller: &Caller,
        room: &Room,
        mine: &Membership,
    ) -> Result<Value, Error> {
        let mut known = self.people.fresh();
        let mut named = wire::named_in(room);
        named.push(mine.user.clone());
        people::load(self.door.engine(), &caller.as_user(), named, &mut known).await?;
        let shown = WIRE.subscription(room, mine, &known);
        self.people.remember(known);
        Ok(shown)
    }
}

/// A stream of the vendor's that is not carried: another thing than one that does not exist.
fn is_missing(stream: &str) -> bool {
    OPERATIONS.iter().any(|row| row.name == stream && row.carried == Carried::No)
}

fn frame(stream: &str, key: &str, args: &Value) -> Value {
    json!({
        "msg": "changed",
        "collection": stream,
        "id": "id",
        "fields": { "eventName": key, "args": args },
    })
}

/// Who may list an app's users may see who of them is there.
async fn admit_to_statuses(door: &Door, caller: &Caller) -> Result<(), Failure> {
    let caller = caller.clone().of_now(door).await?;
    let open = caller.client.app.policy == AppPolicy::Open;
    if open || caller.admin(door).await?.is_some() {
        return Ok(());
    }
    Err(Failure::unauthorized())
}
