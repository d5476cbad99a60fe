//! The eleven operations of REST, and each of their documented errors.

use serde_json::Value;
use snug_dialects::i2a::OPERATIONS;

use super::{Vendor, said};
use crate::harness::{Answer, TestServer};

/// A path and a body's fields.
type Call<'a> = (String, Vec<(&'a str, &'a str)>);

/// One operation: as the table names it, and what of it is refused.
struct Operation<'a> {
    row: &'static str,
    /// Good, but for the secret.
    good: Call<'a>,
    missing: Vec<Call<'a>>,
    wrong: Vec<Call<'a>>,
}

const USERS: &str = "application_users_identifiers";
const USER: &str = "application_user_identifier";
const ROOM: &str = "chat_room_identifier";
const AT: &str = "message_timestamp_identifier";

/// A room, a message in it, a token of another app's, an id that is too long.
struct There {
    room: String,
    at: String,
    others: String,
    long: String,
}

impl There {
    fn sessions(&self) -> [Operation<'_>; 3] {
        let open = || "session/open-session/".to_owned();
        let close = || "session/close-session/".to_owned();
        let device = ("device_identifier", "d");
        [
            Operation {
                row: "GET /server-to-server/v1/ping/",
                good: ("ping/".to_owned(), vec![]),
                missing: vec![],
                wrong: vec![],
            },
            Operation {
                row: "POST /server-to-server/v1/session/open-session/",
                good: (open(), vec![device, (USER, "ben")]),
                missing: vec![],
                wrong: vec![
                    (open(), vec![device]),
                    (open(), vec![]),
                    (open(), vec![device, (USER, &self.long)]),
                    (open(), vec![("device_identifier", &self.long), (USER, "ben")]),
                ],
            },
            Operation {
                row: "POST /server-to-server/v1/session/close-session/",
                good: (close(), vec![("token", "x")]),
                missing: vec![
                    (close(), vec![("token", "no colon")]),
                    (close(), vec![("token", "x:y")]),
                    (close(), vec![("token", &self.others)]),
                ],
                wrong: vec![(close(), vec![]), (close(), vec![("token", "")])],
            },
        ]
    }

    fn rooms(&self) -> [Operation<'_>; 5] {
        let room = |what: &str| format!("chat-room/{}/{what}", self.room);
        let gone = |what: &str| format!("chat-room/no-such/{what}");
        let make = || "chat-room/".to_owned();
        let ben = (USERS, "ben");
        let change = |row, what: &str| Operation {
            row,
            good: (room(what), vec![ben]),
            missing: vec![(gone(what), vec![ben])],
            wrong: vec![(room(what), vec![]), (room(what), vec![(USERS, &self.long)])],
        };
        [
            Operation {
                row: "POST /server-to-server/v1/chat-room/",
                good: (make(), vec![ben]),
                missing: vec![],
                wrong: vec![
                    (make(), vec![]),
                    (make(), vec![ben, ("type", "9")]),
                    (make(), vec![ben, (ROOM, &self.long)]),
                ],
            },
            change("POST /server-to-server/v1/chat-room/{id}/add-users/", "add-users/"),
            change("POST /server-to-server/v1/chat-room/{id}/remove-users/", "remove-users/"),
            Operation {
                row: "DELETE /server-to-server/v1/chat-room/{id}/",
                good: (room(""), vec![]),
                missing: vec![(gone(""), vec![]), (format!("chat-room/{}/", self.long), vec![])],
                wrong: vec![],
            },
            Operation {
                row: "GET /server-to-server/v1/chat-room/{id}/messages/",
                good: (room("messages/"), vec![]),
                missing: vec![(gone("messages/"), vec![])],
                wrong: ["limit=x", "limit=0", "limit=101", "timestamp_from=soon"]
                    .map(|query| (room(&format!("messages/?{query}")), vec![]))
                    .into(),
            },
        ]
    }

    fn messages(&self) -> [Operation<'_>; 3] {
        let say = || "system-message/send-system-message/".to_owned();
        let report = || "reported-chat-message/".to_owned();
        let active = |at: &str| format!("chat-message/{at}/set-active/");
        let (room, words, who) = ((ROOM, self.room.as_str()), ("message", "x"), (USER, "anna"));
        let (at, off, no_room) =
            ((AT, self.at.as_str()), ("is_active", "False"), (ROOM, "no-such"));
        [
            Operation {
                row: "POST /server-to-server/v1/system-message/send-system-message/",
                good: (say(), vec![room, words]),
                missing: vec![(say(), vec![no_room, words])],
                wrong: vec![(say(), vec![room]), (say(), vec![words])],
            },
            Operation {
                row: "POST /server-to-server/v1/reported-chat-message/",
                good: (report(), vec![room, who, at]),
                missing: vec![
                    (report(), vec![no_room, who, at]),
                    (report(), vec![room, who, (AT, "1")]),
                ],
                wrong: vec![
                    (report(), vec![room, who, (AT, "soon")]),
                    (report(), vec![room, at]),
                    (report(), vec![who, at]),
                    (report(), vec![room, who]),
                    (report(), vec![room, who, at, ("report_type", "4")]),
                ],
            },
            Operation {
                row: "POST /server-to-server/v1/chat-message/{id}/set-active/",
                good: (active(at.1), vec![off]),
                missing: vec![(active("1"), vec![off]), (active("soon"), vec![off])],
                wrong: vec![(active(at.1), vec![]), (active(at.1), vec![("is_active", "maybe")])],
            },
        ]
    }
}

async fn ask(vendor: &Vendor<'_>, operation: &Operation<'_>, call: &Call<'_>) -> Answer {
    match operation.row.split(' ').next().expect("a method") {
        "POST" => vendor.form(&call.0, &call.1).await,
        other => vendor.request(other, &call.0).send().await,
    }
}

/// In the form of the vendor's framework: `detail`, or a list of words by field.
fn is_told(body: &Value) -> bool {
    let fields = body.as_object().filter(|fields| !fields.is_empty());
    fields.is_some_and(|fields| {
        fields.iter().all(|(name, said)| match name.as_str() {
            "detail" => said.is_string(),
            _ => said.as_array().is_some_and(|all| !all.is_empty()),
        })
    })
}

#[tokio::test]
async fn every_operation_refuses_as_documented() {
    let server = TestServer::sqlite().await;
    let mut vendor = Vendor::new(&server).await;
    let other = Vendor::new(&server).await;
    let room = vendor.room(&["anna"]).await;
    let mut anna = vendor.enter("anna").await;
    anna.say(said(&room, "words")).await;
    let at = anna.next("ROUTABLE").await["message_timestamp_identifier"].to_string();
    let others = other.token("ben", "phone").await;
    let there = There { room, at, others, long: "x".repeat(129) };
    let all = there.sessions().into_iter().chain(there.rooms()).chain(there.messages());
    let all: Vec<Operation<'_>> = all.collect();
    let mut named: Vec<&str> = all.iter().map(|one| one.row).collect();
    let of_rest = |name: &&str| name.contains("/server-to-server/");
    let mut rows: Vec<&str> = OPERATIONS.iter().map(|row| row.name).filter(of_rest).collect();
    named.sort_unstable();
    rows.sort_unstable();
    assert_eq!((named, all.len()), (rows, 11));
    let good = vendor.secret.clone();
    for operation in &all {
        for secret in ["", "wrong"] {
            secret.clone_into(&mut vendor.secret);
            let refused = ask(&vendor, operation, &operation.good).await.is(401);
            assert!(refused["detail"].is_string(), "{}: {refused}", operation.row);
        }
        good.clone_into(&mut vendor.secret);
        for as_json in [false, true] {
            vendor.as_json = as_json;
            for (calls, status) in [(&operation.missing, 404), (&operation.wrong, 400)] {
                for call in calls {
                    let refused = ask(&vendor, operation, call).await.is(status);
                    assert!(is_told(&refused), "{} {call:?}: {refused}", operation.row);
                }
            }
        }
    }
    assert!(server.stop().await);
}
