//! IMKit's realtime door over Socket.IO: who is there, what a client sends, what it hears.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use snug_core::engine::{Actor, Client, Engine};
use snug_core::error::Error;
use snug_core::event::{RoomEvent, RoomEventBody, UserEventBody};
use snug_core::ids::RoomId;
use tokio::time::Instant;

use super::answer::{Failure, envelope};
use super::door::{Door, bare, client_key_in, client_key_of};
use super::message::Showing;
use super::room::{Rooms, id_at};
use super::rooms::room_id;
use super::{messages, wire};
use crate::entry;
use crate::people::{self, Known};
use crate::socketio::{Connection, Incoming, Namespace};
use crate::{Ended, Heard, Listening};

/// What the socket's door does with a connection.
pub(super) struct Sockets(pub(super) Arc<Door>);

#[async_trait]
impl Namespace for Sockets {
    async fn run(&self, connection: Connection) {
        let patience = Duration::from_millis(snug_core::model::auth_patience_ms());
        let deadline = Instant::now() + patience;
        Line {
            door: self.0.clone(),
            connection,
            base64: false,
            user: None,
            people: Known::default(),
        }
        .run(deadline)
        .await;
    }
}

/// A connection that brought its token.
struct Present {
    client: Client,
    ear: Arc<dyn Listening>,
}

struct Line {
    door: Arc<Door>,
    connection: Connection,
    /// What is pushed is base64 of JSON.
    base64: bool,
    user: Option<Present>,
    people: Known,
}

enum Next {
    Sent(Incoming),
    Heard(Heard),
    Over,
}

impl Line {
    async fn run(mut self, deadline: Instant) {
        loop {
            match self.next(deadline).await {
                Next::Over => return,
                Next::Sent(incoming) => {
                    if !self.take(incoming).await {
                        return;
                    }
                }
                Next::Heard(heard) => {
                    if let Err(error) = self.tell(heard).await {
                        // The event is lost for this client; it reads when it comes again.
                        tracing::warn!(%error, "an event could not be told to an imkit client");
                        return;
                    }
                }
            }
        }
    }

    async fn next(&mut self, deadline: Instant) -> Next {
        let sent = |event: Option<Incoming>| event.map_or(Next::Over, Next::Sent);
        match &self.user {
            None => tokio::select! {
                event = self.connection.next() => sent(event),
                () = tokio::time::sleep_until(deadline) => Next::Over,
            },
            Some(present) => tokio::select! {
                event = self.connection.next() => sent(event),
                heard = present.ear.next() => match heard {
                    Ok(heard) => Next::Heard(heard),
                    Err(
                        Ended::Session(_)
                        | Ended::Expired
                        | Ended::SlowReader
                        | Ended::GoingAway,
                    ) => Next::Over,
                },
            },
        }
    }

    /// `false` when the connection is to end.
    async fn take(&mut self, incoming: Incoming) -> bool {
        let Incoming { name, args, ack } = incoming;
        let first = args.first().cloned().unwrap_or_default();
        match name.as_str() {
            "conf" => {
                self.base64 = first["encoding"] == "base64";
                if let Some(ack) = ack {
                    self.connection.ack(ack, &[]);
                }
            }
            "auth" | "auth2" => return self.enter(&first, args.get(1), ack).await,
            "ping" => self.emit("pong", &json!({})),
            _ => {
                let Some(present) = &self.user else {
                    let refused = Failure::from(Error::TokenMissing).to_value();
                    self.answer(ack, &refused);
                    return true;
                };
                let client = present.client.clone();
                let done = self.obey(&client, &name, &first, args.get(1)).await;
                let answer = match done {
                    Ok(result) => envelope(result),
                    Err(failure) => failure.to_value(),
                };
                self.answer(ack, &answer);
            }
        }
        true
    }

    /// Acks of commands are plain whatever was agreed on.
    fn answer(&self, ack: Option<u64>, answer: &Value) {
        if let Some(ack) = ack {
            self.connection.ack(ack, std::slice::from_ref(answer));
        }
    }

    async fn enter(&mut self, token: &Value, headers: Option<&Value>, ack: Option<u64>) -> bool {
        let entered = self.authenticate(token, headers).await;
        let (answer, stays) = match entered {
            Ok(shown) => {
                let mut result = shown.clone();
                result["client"] = shown;
                (envelope(result), true)
            }
            Err(failure) => (failure.to_value(), false),
        };
        if let Some(ack) = ack {
            self.connection.ack(ack, &[self.encoded(&answer)]);
        }
        stays
    }

    async fn authenticate(
        &mut self,
        token: &Value,
        headers: Option<&Value>,
    ) -> Result<Value, Failure> {
        let engine = self.door.engine().clone();
        let token = bare(token.as_str().unwrap_or(""));
        let shook = &self.connection.handshake().headers;
        let named = headers.and_then(client_key_in);
        let named = named.or_else(|| self.connection.auth().and_then(client_key_in));
        let client = match named.or_else(|| client_key_of(shook)) {
            Some(key) => {
                let app = self.door.app_of(&key).await?;
                self.door.check_origin(&app, shook)?;
                self.door.client(&app, token).await?
            }
            // The old form names no app; a token of Snug's own does.
            None => {
                let client = entry::authenticate(&engine, None, token).await?;
                self.door.check_origin(&client.app, shook)?;
                client
            }
        };
        let me = engine.me(&client).await?.user;
        let ear = self.door.host.listen(&client).await?;
        let shown = wire::user(client.app.id.as_str(), &me);
        self.connection.is_known();
        self.user = Some(Present { client, ear });
        Ok(shown)
    }

    async fn obey(
        &self,
        client: &Client,
        name: &str,
        first: &Value,
        second: Option<&Value>,
    ) -> Result<Value, Failure> {
        let engine = self.door.engine();
        self.door.host.check_rate(client)?;
        let room = |value: &Value| {
            let id = wire::id_in(value).ok_or_else(|| Failure::missing("room"))?;
            room_id(&id)
        };
        let actor = Actor::Client(client.clone());
        match name {
            "chat message" => messages::put(engine, &actor, &room(&first["room"])?, first).await,
            "typing" => {
                let named = if first.is_object() { &first["room"] } else { first };
                let said = if first.is_object() { Some(&first["message"]) } else { second };
                let text = said.and_then(messages::typed);
                engine.set_typing(&actor, &room(named)?, true, text).await?;
                Ok(json!({}))
            }
            "lastRead" => {
                let (named, id) = if first.is_object() {
                    let named =
                        if first["roomID"].is_null() { &first["room"] } else { &first["roomID"] };
                    let id = wire::id_in(&first["messageID"]);
                    (named, id.or_else(|| wire::id_in(&first["message"])))
                } else {
                    (first, second.and_then(wire::id_in))
                };
                messages::read(engine, client, &room(named)?, id.as_deref()).await
            }
            _ => {
                let status = http::StatusCode::NOT_IMPLEMENTED;
                Err(Failure::new(status, "NOT_IMPLEMENTED", format!("{name} is not carried")))
            }
        }
    }

    fn encoded(&self, value: &Value) -> Value {
        if self.base64 { json!(STANDARD.encode(value.to_string())) } else { value.clone() }
    }

    fn emit(&self, name: &str, value: &Value) {
        self.connection.emit(name, &self.encoded(value));
    }

    async fn tell(&mut self, heard: Heard) -> Result<(), Error> {
        let Some(present) = &self.user else { return Ok(()) };
        let client = present.client.clone();
        let engine = self.door.engine().clone();
        match heard {
            Heard::Room(event) => self.tell_room(&engine, &client, &event).await,
            Heard::User(event) => match &event.body {
                UserEventBody::Joined { room, .. } => {
                    self.tell_whole(&engine, client, &room.id).await
                }
                UserEventBody::Mine { room, .. } => {
                    let actor = Actor::Client(client);
                    // As it stands now: news may be told again, and this wire has no order.
                    let (mine, count) = match engine.room(&actor, room).await {
                        Ok(view) => (view.mine, view.room.head.count),
                        Err(Error::NotAMember | Error::RoomNotFound(_)) => return Ok(()),
                        Err(error) => return Err(error),
                    };
                    let Some(mine) = mine else { return Ok(()) };
                    let last = id_at(&engine, &actor, room, mine.read_seq).await?;
                    let property = json!({
                        "client": mine.user.as_str(),
                        "badge": mine.unread(count),
                        "lastRead": last,
                    });
                    let told = json!({ "room": room.as_str(), "memberProperty": [property] });
                    self.emit("room", &told);
                    Ok(())
                }
                UserEventBody::Invited { .. }
                | UserEventBody::Uninvited { .. }
                | UserEventBody::SessionsClosed { .. }
                | UserEventBody::SessionsDoubted { .. }
                | UserEventBody::PresenceAsked
                | UserEventBody::Invisible { .. }
                | UserEventBody::Scheduled { .. }
                | UserEventBody::Unscheduled { .. } => Ok(()),
            },
            Heard::Left(_) => Ok(()),
        }
    }

    async fn tell_room(
        &mut self,
        engine: &Engine,
        client: &Client,
        event: &RoomEvent,
    ) -> Result<(), Error> {
        let actor = Actor::Client(client.clone());
        match &event.body {
            RoomEventBody::MessageAppended { message }
            | RoomEventBody::MessageChanged { message } => {
                let mut people = self.people.fresh();
                let showing = Showing { engine, actor: &actor };
                let shown = showing.all(std::slice::from_ref(message), &mut people).await?;
                self.people.remember(people);
                for one in shown {
                    self.emit("chat message", &one);
                }
            }
            RoomEventBody::RoomUpdated { room } | RoomEventBody::MembersChanged { room, .. } => {
                self.tell_whole(engine, client.clone(), &room.id).await?;
            }
            RoomEventBody::Read { user, seq } => {
                let last = match &event.head.preview {
                    Some(last) if last.seq == *seq => Some(wire::id_of(last.created_at, *seq)),
                    _ => id_at(engine, &actor, &event.room, *seq).await?,
                };
                let told = json!({
                    "roomID": event.room.as_str(), "memberID": user.as_str(), "messageID": last,
                });
                self.emit("lastRead", &told);
            }
            RoomEventBody::Typing { user, on: true, text } if user != client.user() => {
                let mut people = self.people.fresh();
                people::load(engine, &actor, vec![user.clone()], &mut people).await?;
                let app = client.app.id.as_str();
                let info = match people.get(user) {
                    Some(known) => wire::user(app, known),
                    None => wire::stranger(app, user.as_str()),
                };
                self.people.remember(people);
                let told = json!({
                    "message": text.as_deref().unwrap_or(""),
                    "room": event.room.as_str(),
                    "sender": user.as_str(),
                    "senderInfo": info,
                });
                self.emit("typing", &told);
            }
            RoomEventBody::Delivered { .. }
            | RoomEventBody::Typing { .. }
            | RoomEventBody::Ephemeral { .. }
            | RoomEventBody::RoomDeleted
            | RoomEventBody::Beacon => {}
        }
        Ok(())
    }

    async fn tell_whole(
        &self,
        engine: &Engine,
        client: Client,
        room: &RoomId,
    ) -> Result<(), Error> {
        let actor = Actor::Client(client);
        match (Rooms { engine, actor: &actor }).get(room).await {
            Ok(shown) => self.emit("room", &shown),
            // Removed meanwhile.
            Err(Error::NotAMember | Error::RoomNotFound(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
