//! The realtime door, `/websocket`: DDP 1 as Meteor specifies it. One task per connection; its
//! methods run one after another, as Meteor's do.

mod methods;
mod streams;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use snug_core::error::Error;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits;
use tokio::time::Instant;

use self::streams::Subscriptions;
use super::answer::Failure;
use super::door::{Anybody, Caller, Door, origin};
use super::fields::Fields;
use super::presence::{self, Status, Watch, Word};
use super::wire::Wire;
use crate::people::Known;
use crate::{Ended, Heard, Listening, Peer, Place, Socket};

const WIRE: Wire = Wire::Ddp;

pub(super) fn routes() -> Router<Arc<Door>> {
    Router::new().route("/websocket", get(open)).route("/websocket/", get(open))
}

async fn open(State(door): State<Arc<Door>>, request: Request) -> Response {
    let from = request.extensions().get::<Peer>().map(|peer| peer.0);
    let (app, origin) = (door.app_of(request.headers()), origin(request.headers()));
    let host = door.host.clone();
    let Some(place) = host.admit() else {
        return Failure::from(Error::Overloaded { retry_after_ms: limits::OVERLOADED_RETRY_MS })
            .into_response();
    };
    let run = Box::new(move |socket: Box<dyn Socket>| -> crate::Work {
        Box::pin(async move {
            let line = Line {
                door,
                socket,
                app,
                origin,
                from,
                place: Some(place),
                connected: false,
                strangers_frames: 0,
                present: None,
                typed: None,
                subscriptions: Subscriptions::default(),
                said: None,
                watch: None,
                people: Known::default(),
            };
            line.run().await;
        })
    });
    host.upgrade(request, limits::FRAME_BYTES_MAX, run)
}

/// Somebody who is logged in here.
struct Present {
    caller: Caller,
    ear: Arc<dyn Listening>,
}

/// What was told of the user's typing last.
struct Typed {
    room: RoomId,
    told_at: Instant,
    on: bool,
}

struct Line {
    door: Arc<Door>,
    socket: Box<dyn Socket>,
    app: Option<AppId>,
    origin: Option<String>,
    from: Option<IpAddr>,
    /// Among the strangers, until somebody logs in.
    place: Option<Place>,
    connected: bool,
    /// Frames of one who is not logged in.
    strangers_frames: u32,
    present: Option<Present>,
    typed: Option<Typed>,
    subscriptions: Subscriptions,
    /// What this client said of its user; falls after the ear, so that a connection that ends is
    /// not told as one that is active again.
    said: Option<Word>,
    /// While somebody's status is subscribed to.
    watch: Option<Watch>,
    people: Known,
}

/// The connection goes on, or ends.
type Step = Result<(), ()>;

enum Next {
    Frame(Option<Bytes>),
    Heard(Result<Heard, Ended>),
    Status(UserId),
    Late,
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_millis(limits::ROCKETCHAT_LOGIN_MS_MAX)
}

impl Line {
    async fn run(mut self) {
        // Meteor's servers greet so; its clients leave it unread.
        if self.say(&json!({ "server_id": "0" })).await.is_err() {
            return;
        }
        let mut until = deadline();
        loop {
            let was_in = self.present.is_some();
            let step = match self.next(until).await {
                Next::Frame(Some(frame)) => self.take(&frame).await,
                Next::Heard(Ok(heard)) => self.hear(&heard).await,
                Next::Status(user) => self.tell_status(&user).await,
                Next::Heard(Err(ended)) => {
                    self.socket.close(1_000, &format!("{ended:?}")).await;
                    return;
                }
                Next::Late => {
                    self.socket.close(1_008, "nobody logged in").await;
                    return;
                }
                Next::Frame(None) => return,
            };
            if step.is_err() {
                return;
            }
            if was_in && self.present.is_none() {
                until = deadline();
                self.place = self.door.host.admit();
                if self.place.is_none() {
                    self.socket.close(1_013, "try again later").await;
                    return;
                }
            }
        }
    }

    async fn next(&mut self, until: Instant) -> Next {
        match &self.present {
            None => tokio::select! {
                frame = self.socket.next() => Next::Frame(frame),
                () = tokio::time::sleep_until(until) => Next::Late,
            },
            Some(present) => {
                let ear = present.ear.clone();
                tokio::select! {
                    biased;
                    heard = ear.next() => Next::Heard(heard),
                    frame = self.socket.next() => Next::Frame(frame),
                    user = presence::next(&mut self.watch) => Next::Status(user),
                }
            }
        }
    }

    async fn say(&mut self, frame: &Value) -> Step {
        if self.socket.send(Bytes::from(frame.to_string())).await { Ok(()) } else { Err(()) }
    }

    async fn take(&mut self, frame: &[u8]) -> Step {
        if self.present.is_none() {
            self.strangers_frames += 1;
            if self.strangers_frames > limits::ROCKETCHAT_STRANGERS_FRAMES_MAX {
                self.socket.close(1_008, "too many frames without a log-in").await;
                return Err(());
            }
        }
        let deep = snug_core::model::json_depth(frame) > limits::JSON_DEPTH_MAX;
        let parsed = if deep { None } else { serde_json::from_slice(frame).ok() };
        let Some(Value::Object(asked)) = parsed else {
            let text = "Bad request: expected a JSON object";
            return self.say(&json!({ "msg": "error", "reason": text })).await;
        };
        if let Some(present) = &self.present
            && let Err(error) = self.door.host.check_rate(&present.caller.client)
        {
            return self.refuse(&asked, &error.into()).await;
        }
        match asked.get("msg").and_then(Value::as_str) {
            Some("connect") => self.connect(&asked).await,
            Some("ping") => {
                let mut pong = json!({ "msg": "pong" });
                if let Some(id) = asked.get("id") {
                    pong["id"] = id.clone();
                }
                self.say(&pong).await
            }
            Some("pong") => Ok(()),
            Some("method" | "sub" | "unsub") if !self.connected => {
                let answer = json!({
                    "msg": "error", "reason": "Must connect first", "offendingMessage": asked,
                });
                self.say(&answer).await
            }
            Some("method") => self.method(&asked).await,
            Some("sub") => self.subscribe(&asked).await,
            Some("unsub") => {
                let id = text(&asked, "id");
                self.subscriptions.end(&id);
                self.watch_or_not();
                self.say(&json!({ "msg": "nosub", "id": id })).await
            }
            _ => {
                let answer = json!({
                    "msg": "error", "reason": "Bad request", "offendingMessage": asked,
                });
                self.say(&answer).await
            }
        }
    }

    /// A frame too many, answered in the form of its kind.
    async fn refuse(&mut self, asked: &Map<String, Value>, failure: &Failure) -> Step {
        let id = asked.get("id").cloned().unwrap_or_default();
        let error = failure.ddp();
        match asked.get("msg").and_then(Value::as_str) {
            Some("method") => {
                self.say(&json!({ "msg": "result", "id": id, "error": error })).await?;
                self.say(&json!({ "msg": "updated", "methods": [id] })).await
            }
            Some("sub") => self.say(&json!({ "msg": "nosub", "id": id, "error": error })).await,
            _ => self.say(&json!({ "msg": "error", "reason": error["reason"] })).await,
        }
    }

    async fn connect(&mut self, asked: &Map<String, Value>) -> Step {
        let speaks = asked.get("version").is_some_and(|version| version == "1")
            || asked
                .get("support")
                .and_then(Value::as_array)
                .is_some_and(|all| all.iter().any(|version| version == "1"));
        if !speaks {
            self.say(&json!({ "msg": "failed", "version": "1" })).await?;
            self.socket.close(1_000, "no common version").await;
            return Err(());
        }
        self.connected = true;
        let random: [u8; 9] = self.door.engine().random_bytes();
        let session: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        self.say(&json!({ "msg": "connected", "session": session })).await
    }

    /// Every method has two answers: its result, and that its effects are told.
    async fn method(&mut self, asked: &Map<String, Value>) -> Step {
        let id = asked.get("id").cloned().unwrap_or_default();
        let name = text(asked, "method");
        let none = Vec::new();
        let params = asked.get("params").and_then(Value::as_array).unwrap_or(&none).clone();
        let done = self.call(&name, &params).await;
        let mut answer = json!({ "msg": "result", "id": id });
        match done {
            Ok(Value::Null) => {}
            Ok(result) => answer["result"] = result,
            Err(failure) => answer["error"] = failure.ddp(),
        }
        self.say(&answer).await?;
        self.say(&json!({ "msg": "updated", "methods": [id] })).await
    }

    async fn call(&mut self, name: &str, params: &[Value]) -> Result<Value, Failure> {
        match name {
            "login" => self.log_in(params.first()).await,
            "logout" => {
                if let Some(present) = self.present.take() {
                    // Before the session ends, so that its end is not taken for a loss.
                    drop(present.ear);
                    self.said = None;
                    self.subscriptions.clear();
                    self.watch_or_not();
                    self.door.engine().log_out(&present.caller.client).await?;
                }
                Ok(Value::Null)
            }
            _ => {
                let Some(present) = &self.present else {
                    return match methods::open_to_all(name) {
                        Some(answer) => Ok(answer),
                        None => Err(Failure::logged_out()),
                    };
                };
                let caller = present.caller.clone().of_now(&self.door).await?;
                match name {
                    "stream-notify-room" => self.activity(&caller, params).await,
                    "UserPresence:online" => Ok(self.say_status(&caller, Status::Online)),
                    "UserPresence:away" => Ok(self.say_status(&caller, Status::Away)),
                    "UserPresence:setDefaultStatus" => {
                        let status = methods::status(params)?;
                        let client = &caller.client;
                        self.door.keep_status(&client.app.id, client.user(), Status::Online);
                        Ok(self.say_status(&caller, status))
                    }
                    _ => methods::call(&self.door, &caller, name, params).await,
                }
            }
        }
    }

    /// A client says that its user types; the room hears of it once a second at most.
    async fn activity(&mut self, caller: &Caller, params: &[Value]) -> Result<Value, Failure> {
        let (room, on) = methods::typing(caller, params)?;
        let now = Instant::now();
        let every = Duration::from_millis(limits::TYPING_EVERY_MS);
        let told = self.typed.as_ref().filter(|typed| typed.room == room);
        let told_at = match told {
            Some(typed) if on && now - typed.told_at < every => return Ok(Value::Null),
            Some(typed) if !on && !typed.on => return Ok(Value::Null),
            // Starting again within the second is told no sooner for having stopped.
            Some(typed) if !on => typed.told_at,
            _ => now,
        };
        self.door.engine().set_typing(&caller.as_user(), &room, on, None).await?;
        self.typed = Some(Typed { room, told_at, on });
        Ok(Value::Null)
    }

    fn say_status(&mut self, caller: &Caller, status: Status) -> Value {
        let client = &caller.client;
        let word = self.door.say_status(&client.app.id, client.user(), status);
        // The word before is another one's by now, and falls silently.
        self.said = Some(word);
        Value::Null
    }

    async fn log_in(&mut self, given: Option<&Value>) -> Result<Value, Failure> {
        let Some(Value::Object(given)) = given else {
            return Err(Failure::param("Match failed"));
        };
        let who = Anybody {
            app: self.app.clone(),
            origin: self.origin.clone(),
            from: self.from,
            fields: Fields(given.clone()),
        };
        let credentials = super::users::credentials(&who.fields)?;
        let done = self.door.log_in(&who, credentials).await?;
        let ear = self.door.host.listen(&done.caller.client).await?;
        let me = self.door.me(WIRE, &done.caller).await?;
        let mut fields = me.clone();
        if let Some(fields) = fields.as_object_mut() {
            fields.remove("_id");
        }
        let added =
            json!({ "msg": "added", "collection": "users", "id": me["_id"], "fields": fields });
        let expires = done.caller.client.session.expires_at;
        let result = json!({
            "id": me["_id"],
            "token": done.token,
            "tokenExpires": { "$date": expires.millis() },
            "type": done.by,
        });
        self.strangers_frames = 0;
        self.typed = None;
        self.said = None;
        self.watch = None;
        self.place = None;
        self.present = Some(Present { caller: done.caller, ear });
        // A client that is gone is noticed by the next frame, too.
        let gone = |()| Failure::logged_out();
        self.say(&added).await.map_err(gone)?;
        self.admit_again().await.map_err(gone)?;
        Ok(result)
    }
}

fn text(asked: &Map<String, Value>, field: &str) -> String {
    match asked.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}
