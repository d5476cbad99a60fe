//! Every example of the wire, through the types that parse and write it: what Snug writes comes
//! back equal, and every field that a client may send is known by its name. The SDK's tests
//! parse the same files.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use snug_core::engine::{RevokeSessions, SayEphemeral, ScheduledPatch, SendMessage};
use snug_core::ids::UserId;
use snug_core::model::OutboxKind;
use snug_core::ports::HookAnswer;
use snug_proto::before_send::{BeforeSendAnswer, BeforeSendCall, read_verdict};
use snug_proto::changes::{
    ChannelsAnswer, EditBody, HideBody, MessageAnswer, PinsAnswer, VersionsAnswer,
};
use snug_proto::ephemeral::{EphemeralAnswer, EphemeralBody, EphemeralEvent};
use snug_proto::event::{
    EVENTS, Expiring, Hello, MembersChanged, MessageNew, OpenAnswer, ReadEvent, RefreshAnswer,
    RoomAnswer, RoomChanged, RoomJoined, RoomLeft, RoomMine, SentAnswer, TypingEvent, UserAnswer,
};
use snug_proto::frame::{self, OPS};
use snug_proto::marks::{OwnAnswer, StarredAnswer};
use snug_proto::object::{Head, Message, Mine, Room, User};
use snug_proto::outbox::OutsideEvent;
use snug_proto::presence::{Presence, PresenceAnswer};
use snug_proto::receipts::{DeliveredBody, DeliveredEvent, ReceiptsAnswer};
use snug_proto::rest::{
    CreatedRoomAnswer, HistoryAnswer, MeAnswer, MembersAnswer, MembersBody, OpenSessionBody,
    ProfileBody, ReadBody, RefreshedAnswer, RevokeBody, RevokedAnswer, RoomSyncAnswer, RoomsAnswer,
    SendBody, SessionsAnswer, TokenAnswer, TypingBody, UserSyncAnswer, UsersAnswer,
};
use snug_proto::rooms::{CreateRoomBody, OwnBody, UpdateRoomBody};
use snug_proto::scheduled::{
    ScheduleBody, Scheduled, ScheduledAnswer, ScheduledEvent, ScheduledPage, UpdateScheduledBody,
};
use snug_proto::threads::{ThreadAnswer, ThreadMine, ThreadsAnswer};
use snug_proto::verified::{CodeAnswer, EmbeddingAnswer, OpenOwnBody, Opening};
use snug_proto::{Problem, parse_body};

struct Example {
    /// Such as `answer.room.open.minimal`.
    name: String,
    text: String,
}

/// Files of one kind: `request`, `answer`, `event` or `rest`.
fn examples(kind: &str) -> Vec<Example> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../api/examples");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the examples") {
        let path = entry.expect("a file").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        if name.split('.').next() == Some(kind) {
            let text = std::fs::read_to_string(&path).expect("an example");
            found.push(Example { name, text });
        }
    }
    found
}

#[test]
fn no_example_is_left_out() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../api/examples");
    let files = std::fs::read_dir(folder).expect("the examples").count();
    let kinds = ["request", "answer", "event", "rest", "signed", "webhook", "before-send"];
    assert_eq!(kinds.iter().map(|kind| examples(kind).len()).sum::<usize>(), files);
}

/// Parses and writes again; nothing is lost, added or changed.
#[track_caller]
fn same<T: Serialize + DeserializeOwned>(name: &str, text: &str) {
    let parsed: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let written = serde_json::to_string(&parsed).expect("wire types are written");
    let [before, after]: [Value; 2] =
        [text, &written].map(|text| serde_json::from_str(text).expect("JSON"));
    assert_eq!(before, after, "{name}");
}

/// Every field of a body is one that the type knows: with a value that no field takes, the
/// refusal names it. Customers' own JSON is free.
fn every_field_is_known(name: &str, body: &Value, refused_at: &dyn Fn(&Value) -> Option<String>) {
    fn paths(value: &Value, at: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        for (field, value) in value.as_object().into_iter().flatten() {
            if field == "custom" || field == "custom_patch" {
                continue;
            }
            at.push(field.clone());
            found.push(at.clone());
            paths(value, at, found);
            at.pop();
        }
    }
    let mut found = Vec::new();
    paths(body, &mut Vec::new(), &mut found);
    for path in found {
        let mut wrong = body.clone();
        let pointer = format!("/{}", path.join("/"));
        *wrong.pointer_mut(&pointer).expect("it was there") = json!([[]]);
        let field = refused_at(&wrong);
        let named = field.as_deref().is_some_and(|field| field.starts_with(&path.join(".")));
        assert!(named, "{name}: {} is not known: {field:?}", path.join("."));
    }
}

#[test]
fn requests_are_parsed_field_by_field() {
    let mut ops = BTreeSet::new();
    for Example { name, text } in examples("request") {
        let frame = frame::parse_frame(text.as_bytes());
        let frame = frame.unwrap_or_else(|refused| panic!("{name}: {:?}", refused.problem));
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(serde_json::to_value(&frame.id).expect("an id"), value["id"], "{name}");
        let op = value["op"].as_str().expect("an op").to_owned();
        assert!(name.starts_with(&format!("request.{op}")), "{name} holds {op}");
        every_field_is_known(&name, &value["data"], &|data| {
            let wrong = json!({"id": 1, "op": op, "data": data});
            let refused = frame::parse_frame(wrong.to_string().as_bytes()).err()?;
            refused.problem.field?.strip_prefix("data.").map(str::to_owned)
        });
        ops.insert(op);
    }
    let all: BTreeSet<_> = OPS.iter().map(|&op| op.to_owned()).collect();
    assert_eq!(ops, all, "every op has an example");
}

#[derive(serde::Deserialize)]
struct AnswerFrame<'a> {
    id: frame::RequestId,
    ok: bool,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    error: Option<Problem>,
}

#[test]
fn answers_come_back_equal() {
    let mut ops = BTreeSet::new();
    for Example { name, text } in examples("answer") {
        let found: AnswerFrame<'_> = serde_json::from_str(&text).expect("an answer");
        let written = match (&found.data, &found.error) {
            (Some(data), None) => frame::answer(&found.id, data),
            (None, Some(problem)) => frame::refusal(&found.id, problem),
            _ => panic!("{name}: either data or error"),
        };
        assert_eq!(found.ok, found.error.is_none(), "{name}");
        let [before, after]: [Value; 2] =
            [text.as_bytes(), &written].map(|bytes| serde_json::from_slice(bytes).expect("JSON"));
        assert_eq!(before, after, "{name}");
        let Some(data) = found.data.map(RawValue::get) else { continue };
        let op = OPS.iter().filter(|op| name.starts_with(&format!("answer.{op}")));
        let op = op.max_by_key(|op| op.len()).unwrap_or_else(|| panic!("{name}: no such op"));
        ops.insert(*op);
        answer(&name, op, data);
    }
    assert_eq!(ops, OPS.iter().copied().collect(), "every op has an answer");
}

fn answer(name: &str, op: &str, data: &str) {
    match op {
        "session.refresh" => same::<RefreshAnswer>(name, data),
        "rooms.list" => same::<RoomsAnswer>(name, data),
        "room.open" => same::<OpenAnswer>(name, data),
        "room.create" => same::<CreatedRoomAnswer>(name, data),
        "room.update" | "room.join" | "room.accept" | "members.add" | "members.remove" => {
            same::<RoomAnswer>(name, data);
        }
        "message.edit" | "message.unsend" | "message.react" | "message.pin" => {
            same::<MessageAnswer>(name, data);
        }
        "message.ephemeral" => same::<EphemeralAnswer>(name, data),
        "message.versions" => same::<VersionsAnswer>(name, data),
        "message.own" => same::<OwnAnswer>(name, data),
        "starred.list" => same::<StarredAnswer>(name, data),
        "message.schedule" | "scheduled.update" => same::<ScheduledAnswer>(name, data),
        "scheduled.list" => same::<ScheduledPage>(name, data),
        "pins.list" => same::<PinsAnswer>(name, data),
        "thread.history" => same::<ThreadAnswer>(name, data),
        "thread.read" => same::<ThreadMine>(name, data),
        "threads.list" => same::<ThreadsAnswer>(name, data),
        "channels.list" => same::<ChannelsAnswer>(name, data),
        "history" => same::<HistoryAnswer>(name, data),
        "message.send" => same::<SentAnswer>(name, data),
        "read" | "mine.update" => same::<Mine>(name, data),
        "sync" => same::<UserSyncAnswer>(name, data),
        "room.sync" => same::<RoomSyncAnswer>(name, data),
        "users.get" => same::<UsersAnswer>(name, data),
        "presence.watch" => same::<PresenceAnswer>(name, data),
        "members.list" => same::<MembersAnswer>(name, data),
        "receipts.list" => same::<ReceiptsAnswer>(name, data),
        "me.update" => same::<UserAnswer>(name, data),
        "auth" | "session.close" | "room.close" | "rooms.all" | "delivered" | "typing"
        | "room.leave" | "room.decline" | "presence.unwatch" | "scheduled.cancel" | "ping" => {
            assert_eq!(data, "{}", "{name}");
        }
        other => panic!("{name}: no type for {other}"),
    }
}

#[derive(serde::Deserialize)]
struct EventFrame<'a> {
    event: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[test]
fn events_come_back_equal() {
    let mut seen = BTreeSet::new();
    for Example { name, text } in examples("event") {
        let EventFrame { event, data } = serde_json::from_str(&text).expect("an event");
        assert!(name.starts_with(&format!("event.{event}")), "{name} holds {event}");
        let [before, after]: [Value; 2] = [text.as_bytes(), &frame::event(&event, &data)]
            .map(|bytes| serde_json::from_slice(bytes).expect("JSON"));
        assert_eq!(before, after, "{name}");
        let data = data.get();
        match event.as_str() {
            "hello" => same::<Hello>(&name, data),
            "room.head" => same::<Head>(&name, data),
            "message.new" | "message.changed" => same::<MessageNew>(&name, data),
            "room.changed" => same::<RoomChanged>(&name, data),
            "members.changed" => same::<MembersChanged>(&name, data),
            "room.joined" | "room.invited" => same::<RoomJoined>(&name, data),
            "room.left" => same::<RoomLeft>(&name, data),
            "room.mine" => same::<RoomMine>(&name, data),
            "message.ephemeral" => same::<EphemeralEvent>(&name, data),
            "message.own" => same::<OwnAnswer>(&name, data),
            "scheduled" => same::<ScheduledEvent>(&name, data),
            "read" => same::<ReadEvent>(&name, data),
            "delivered" => same::<DeliveredEvent>(&name, data),
            "typing" => same::<TypingEvent>(&name, data),
            "presence" => same::<Presence>(&name, data),
            "session.expiring" => same::<Expiring>(&name, data),
            "error" => same::<Problem>(&name, data),
            other => panic!("{name}: no type for {other}"),
        }
        seen.insert(event);
    }
    let all: BTreeSet<_> = EVENTS.iter().map(|&event| event.to_owned()).collect();
    assert_eq!(seen, all, "every event has an example");
}

#[test]
fn webhooks_come_back_equal() {
    let mut seen = BTreeSet::new();
    for Example { name, text } in examples("webhook") {
        same::<OutsideEvent>(&name, &text);
        let event: OutsideEvent = serde_json::from_str(&text).expect("an event");
        assert!(
            name.starts_with(&format!("webhook.{}", event.kind)),
            "{name} holds {}",
            event.kind
        );
        seen.insert(event.kind);
    }
    let all: BTreeSet<_> = OutboxKind::ALL.map(|kind| kind.as_str().to_owned()).into();
    assert_eq!(seen, all, "every type has an example");
}

#[test]
fn before_send_is_parsed_and_written() {
    for Example { name, text } in examples("before-send") {
        match name.split('.').nth(1) {
            Some("call") => same::<BeforeSendCall>(&name, &text),
            Some("settings") => same::<BeforeSendAnswer>(&name, &text),
            Some("answer") => {
                let read = read_verdict(200, text.as_bytes());
                let read = read.unwrap_or_else(|error| panic!("{name}: {error}"));
                match read {
                    HookAnswer::Allow => assert!(name.ends_with("allow")),
                    HookAnswer::Refuse(reason) => assert!(reason.is_some()),
                    HookAnswer::Change(edit) => assert!(edit.text.is_some(), "{edit:?}"),
                }
            }
            _ => panic!("{name}: no type"),
        }
    }
}

#[test]
fn rest_bodies_are_parsed_and_written() {
    for Example { name, text } in examples("rest") {
        let parts: Vec<_> = name.split('.').collect();
        match parts[1..] {
            ["problem", ..] => same::<Problem>(&name, &text),
            [call, "answer", ..] => rest_answer(&name, call, &text),
            [call, "request", ..] => rest_request(&name, call, &text),
            _ => panic!("{name}: neither request nor answer"),
        }
    }
}

fn rest_answer(name: &str, call: &str, text: &str) {
    match call {
        "room" | "create-room" | "server-create-room" | "update-room" | "server-update-room"
        | "add-members" | "remove-members" | "join-room" | "accept-room" => {
            same::<Room>(name, text);
        }
        "edit-message" | "unsend-message" | "react" | "hide-message" => {
            same::<Message>(name, text);
        }
        "list-channels" => same::<ChannelsAnswer>(name, text),
        "upsert-user" | "deactivate-user" => same::<User>(name, text),
        "send-message" | "server-send-message" => same::<Message>(name, text),
        "history" => same::<HistoryAnswer>(name, text),
        "list-members" => same::<MembersAnswer>(name, text),
        "receipts" => same::<ReceiptsAnswer>(name, text),
        "list-rooms" => same::<RoomsAnswer>(name, text),
        "list-sessions" => same::<SessionsAnswer>(name, text),
        "me" | "update-me" => same::<MeAnswer>(name, text),
        "open-session" => same::<TokenAnswer>(name, text),
        "refresh-session" => same::<RefreshedAnswer>(name, text),
        "revoke-sessions" => same::<RevokedAnswer>(name, text),
        "read" | "set-own" => same::<Mine>(name, text),
        "room-sync" => same::<RoomSyncAnswer>(name, text),
        "sync" => same::<UserSyncAnswer>(name, text),
        "users" => same::<UsersAnswer>(name, text),
        "make-code" => same::<CodeAnswer>(name, text),
        "embedding" => same::<EmbeddingAnswer>(name, text),
        "say-ephemeral" | "server-say-ephemeral" => same::<EphemeralAnswer>(name, text),
        "schedule-message" | "server-schedule-message" => same::<Scheduled>(name, text),
        "list-scheduled" => same::<ScheduledPage>(name, text),
        other => panic!("{name}: no type for {other}"),
    }
}

/// Parses, and checks that every field is known.
fn parsed<T: DeserializeOwned>(name: &str, text: &str) -> T {
    let body: Value = serde_json::from_str(text).expect("JSON");
    every_field_is_known(name, &body, &|wrong| {
        parse_body::<T>(wrong.to_string().as_bytes()).err()?.field
    });
    parse_body(text.as_bytes()).unwrap_or_else(|problem| panic!("{name}: {problem:?}"))
}

/// A body that no command is made of.
fn taken<T: DeserializeOwned>(name: &str, text: &str) -> Result<(), snug_core::error::Error> {
    let _: T = parsed(name, text);
    Ok(())
}

fn rest_request(name: &str, call: &str, text: &str) {
    let fits = match call {
        "open-session" => {
            let open: OpenSessionBody = parsed(name, text);
            let _ = snug_core::engine::OpenSession::from(open);
            Ok(())
        }
        "open-verified" | "open-guest" | "take-code" => {
            Opening::try_from(parsed::<OpenOwnBody>(name, text)).map(drop)
        }
        "create-room" => {
            let me = UserId::new("alice").expect("an id");
            parsed::<CreateRoomBody>(name, text).into_command(Some(&me)).map(drop)
        }
        "server-create-room" => parsed::<CreateRoomBody>(name, text).into_command(None).map(drop),
        "send-message" | "server-send-message" => {
            SendMessage::try_from(parsed::<SendBody>(name, text)).map(drop)
        }
        "revoke-sessions" => RevokeSessions::try_from(parsed::<RevokeBody>(name, text)).map(drop),
        "add-members" | "remove-members" => {
            let body: MembersBody = parsed(name, text);
            snug_core::engine::ChangeMembersRequest::try_from(body).map(drop)
        }
        "upsert-user" | "update-me" => taken::<ProfileBody>(name, text),
        "update-room" | "server-update-room" => taken::<UpdateRoomBody>(name, text),
        "set-own" => taken::<OwnBody>(name, text),
        "read" => taken::<ReadBody>(name, text),
        "delivered" => parsed::<DeliveredBody>(name, text).into_rooms().map(drop),
        "typing" => taken::<TypingBody>(name, text),
        "say-ephemeral" | "server-say-ephemeral" => {
            SayEphemeral::try_from(parsed::<EphemeralBody>(name, text)).map(drop)
        }
        "schedule-message" | "server-schedule-message" => {
            parsed::<ScheduleBody>(name, text).into_send().map(drop)
        }
        "update-scheduled" => {
            ScheduledPatch::try_from(parsed::<UpdateScheduledBody>(name, text)).map(drop)
        }
        "edit-message" => {
            let edit = snug_core::engine::EditMessage::try_from(parsed::<EditBody>(name, text));
            let edit = edit.expect("an edit");
            assert!(edit.text.is_some() || edit.custom.is_some(), "{name}");
            Ok(())
        }
        "hide-message" => taken::<HideBody>(name, text),
        "refresh-session" => {
            assert_eq!(text.trim(), "{}");
            Ok(())
        }
        other => panic!("{name}: no type for {other}"),
    };
    assert_eq!(fits, Ok(()), "{name}");
}
