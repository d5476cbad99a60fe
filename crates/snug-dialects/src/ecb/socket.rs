//! The two-way connection: `io(".../ecb", { auth: { userToken } })`. Operations are events with
//! an ack; a thread that was got is a channel, and what is said there comes as `threadMessage`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use snug_core::engine::Client;
use snug_core::error::Error;
use snug_core::event::{RoomEvent, RoomEventBody};
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::Member;
use tokio::time::Instant;

use super::answer::Failure;
use super::door::{Door, bare};
use super::operations::{Caller, Sent};
use super::wire;
use crate::socketio::{Connection, Incoming, Namespace};
use crate::{Heard, Listening};

/// What the namespace does with a connection.
pub(super) struct Sockets(pub(super) Arc<Door>);

/// A connection whose user token was accepted.
struct Line {
    door: Arc<Door>,
    connection: Connection,
    app: AppId,
    user: UserId,
    token: String,
    ear: Arc<dyn Listening>,
    /// The threads that it has got, and the rev of the last news that it was told of each.
    joined: HashMap<RoomId, u64>,
}

#[async_trait]
impl Namespace for Sockets {
    async fn run(&self, connection: Connection) {
        match self.enter(&connection).await {
            Ok((client, token, ear)) => {
                connection.is_known();
                connection.emit("connected", &json!({}));
                let (app, user) = (client.app.id.clone(), client.user().clone());
                let (door, joined) = (self.0.clone(), HashMap::new());
                Line { door, connection, app, user, token, ear, joined }.run().await;
            }
            // The connection ends behind what is said here.
            Err(failure) => connection.emit("refused", &failure.to_value()),
        }
    }
}

impl Sockets {
    async fn enter(
        &self,
        connection: &Connection,
    ) -> Result<(Client, String, Arc<dyn Listening>), Failure> {
        let auth = connection.auth();
        let token = auth.and_then(|auth| auth["userToken"].as_str().or(auth["token"].as_str()));
        let token = bare(token.unwrap_or("")).to_owned();
        let app = self.0.app(&connection.handshake().headers).await?;
        let client = self.0.client(&app, &token).await?;
        let ear = self.0.host.listen(&client).await?;
        Ok((client, token, ear))
    }
}

enum Next {
    Sent(Incoming),
    Heard(Heard),
    Over,
}

impl Line {
    async fn run(mut self) {
        loop {
            let next = tokio::select! {
                sent = self.connection.next() => sent.map_or(Next::Over, Next::Sent),
                heard = self.ear.next() => heard.map_or(Next::Over, Next::Heard),
            };
            match next {
                Next::Over => return,
                Next::Heard(heard) => self.tell(heard).await,
                Next::Sent(incoming) => {
                    let Incoming { name, args, ack } = incoming;
                    let first = args.first().cloned().unwrap_or_default();
                    let answer = match self.obey(&name, &first).await {
                        Ok(answer) => answer,
                        Err(failure) => failure.to_value(),
                    };
                    if let Some(ack) = ack {
                        self.connection.ack(ack, &[answer]);
                    }
                }
            }
        }
    }

    async fn obey(&mut self, name: &str, body: &Value) -> Result<Value, Failure> {
        if snug_core::model::json_depth(body.to_string().as_bytes()) > limits::JSON_DEPTH_MAX {
            return Err(Failure::body("", "a JSON object, not nested too deep"));
        }
        let door = self.door.clone();
        // The token is looked at with every request: it may have ended, or been taken back.
        let client = door.client(&self.app, &self.token).await?;
        let (name, body) = (name.to_owned(), body.clone());
        if name == "getThread" {
            let room = Caller { engine: door.engine(), client: &client }.room(&body).await?;
            return self.get_thread(client, room).await;
        }
        let work = async move {
            let caller = Caller { engine: door.engine(), client: &client };
            let answer = match name.as_str() {
                "getContacts" => caller.contacts(&body).await?,
                "getThreads" => caller.threads(&body).await?,
                "createThread" => caller.create_thread(&body).await?,
                "sendMessage" => return Ok((caller.send(&body).await?, true)),
                _ => return Err(Failure::no_operation(&name)),
            };
            let sent = Sent { room: RoomId::from_stored(""), rev: None, answer };
            Ok((sent, false))
        };
        let (sent, is_told) = self.hearing(work).await?;
        if is_told {
            self.tell_author(&sent).await;
        }
        Ok(sent.answer)
    }

    /// Does what may take the backend's time, and tells meanwhile what is heard.
    async fn hearing<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let ear = self.ear.clone();
        loop {
            let heard = tokio::select! {
                done = &mut work => return done,
                heard = ear.next() => heard,
            };
            match heard {
                Ok(heard) => self.tell(heard).await,
                // The connection ends with the next turn; what was begun is finished.
                Err(_) => return work.await,
            }
        }
    }

    /// Joins first and asks then, so that nothing that is said in between is lost.
    async fn get_thread(&mut self, client: Client, room: RoomId) -> Result<Value, Failure> {
        let was_joined = self.joined.contains_key(&room);
        let most = limits::ROOMS_PER_USER_MAX;
        if !was_joined && self.joined.len() >= most {
            return Err(Failure::body("threadToken", &format!("at most {most} threads at once")));
        }
        self.joined.entry(room.clone()).or_insert(0);
        let (door, ear) = (self.door.clone(), self.ear.clone());
        let asked = room.clone();
        let work = async move {
            let caller = Caller { engine: door.engine(), client: &client };
            let hears = hear(&caller, ear.as_ref(), &asked).await?;
            let answer = caller.thread(&asked).await?;
            if hears {
                return Ok(answer);
            }
            // The thread has become a room just now: heard from here on, and asked once more.
            hear(&caller, ear.as_ref(), &asked).await?;
            caller.thread(&asked).await
        };
        let answer = self.hearing(work).await;
        if answer.is_err() && !was_joined {
            self.joined.remove(&room);
        }
        answer
    }

    /// The author is answered last: what the room was told goes out first, here too.
    async fn tell_author(&mut self, sent: &Sent) {
        let Some(rev) = sent.rev else { return };
        let until = Instant::now() + Duration::from_millis(limits::ECB_TOLD_MS);
        while self.joined.get(&sent.room).is_some_and(|told| *told < rev) {
            let heard = tokio::time::timeout_at(until, self.ear.next()).await;
            let Ok(Ok(heard)) = heard else { return };
            self.tell(heard).await;
        }
    }

    async fn tell(&mut self, heard: Heard) {
        match heard {
            Heard::Room(event) => {
                self.tell_room(&event);
                if self.is_out(&event) {
                    self.leave_or_stay(&event.room).await;
                }
            }
            Heard::Left(room) => self.leave_or_stay(&room).await,
            Heard::User(_) => {}
        }
    }

    fn tell_room(&mut self, event: &RoomEvent) {
        let Some(told) = self.joined.get_mut(&event.room) else { return };
        if event.body.is_durable() {
            *told = event.head.rev.max(*told);
        }
        let engine = self.door.engine();
        let message = match &event.body {
            RoomEventBody::MessageAppended { message } => engine.bridged_message(message),
            RoomEventBody::Typing { user, on, .. } if *user != self.user => {
                engine.bridged_typing(user, *on)
            }
            RoomEventBody::RoomDeleted => {
                self.joined.remove(&event.room);
                return;
            }
            _ => return,
        };
        self.connection.emit("threadMessage", &wire::told(&event.room, &message));
    }

    fn is_out(&self, event: &RoomEvent) -> bool {
        let RoomEventBody::MembersChanged { members, .. } = &event.body else { return false };
        let me = members.iter().find(|member| member.user.id == self.user);
        me.is_some_and(Member::is_out)
    }

    /// Who is no member hears on where the backend decides who may.
    async fn leave_or_stay(&mut self, room: &RoomId) {
        if !self.joined.contains_key(room) {
            return;
        }
        let engine = self.door.engine();
        let stays = match engine.bridge_client(&self.app, &self.token).await {
            Ok(client) => {
                let caller = Caller { engine, client: &client };
                hear(&caller, self.ear.as_ref(), room).await.unwrap_or(false)
            }
            Err(_) => false,
        };
        if !stays {
            self.joined.remove(room);
        }
    }
}

/// Lets the connection hear the thread's room; `false` when there is none yet.
async fn hear(caller: &Caller<'_>, ear: &dyn Listening, room: &RoomId) -> Result<bool, Error> {
    let head = caller.engine.bridge_position(caller.client, room).await?;
    if let Some(head) = &head {
        ear.join(room, head, false);
    }
    Ok(head.is_some())
}
