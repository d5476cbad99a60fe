//! The vendor's flow: pages, a first message, channels, and who is answered when.

use serde_json::{Value, json};

use super::socket::{Came, Line};
use super::{Ecb, is_refused, named, refused, said};
use crate::bridge::backend::slow;
use crate::bridge::site::{Fault, Site};
use crate::harness::{TestServer, segment, text};

#[tokio::test]
async fn the_seven_operations_in_their_order() {
    let ecb = Ecb::start().await;
    let path = "/ecb/getUserToken";
    let body = json!({"accessToken": "in-ann"});
    let issued = ecb.app.request("POST", path).json(body).send().await.is(200);
    let token = text(&issued["userToken"]);
    let contacts = ecb.call_with(&token, "getContacts", json!({"pageSize": 2})).await.is(200);
    assert_eq!(contacts["items"][1]["displayName"], "The bob", "{contacts}");
    assert_eq!(contacts["previousPage"], Value::Null);
    let next = contacts["nextPage"].clone();
    let rest = ecb.call_with(&token, "getContacts", next).await.is(200);
    assert_eq!(rest["items"][0]["userId"], "cat");

    // A thread with its first message; a retry under the same key makes no other.
    let body = json!({
        "contacts": [{"userId": "bob"}], "threadMessage": said("嗨 first"), "idempotencyKey": "k",
    });
    let made = ecb.call_with(&token, "createThread", body.clone()).await.is(200);
    let again = ecb.call_with(&token, "createThread", body).await.is(200);
    let id = text(&made["thread"]["threadId"]);
    assert_eq!(again["thread"]["threadId"], id.as_str());
    assert_eq!(made["messages"][0]["data"]["messageText"], "嗨 first");
    let threads = ecb.call("bob", "getThreads", json!({})).await.is(200);
    assert_eq!(threads["items"][0]["threadId"], id.as_str());

    let address = ecb.server.address();
    let mut pair = Pair {
        anns: made["thread"]["threadToken"].clone(),
        ann: Line::enter(address, &token).await,
        bob: Line::enter(address, &ecb.site.user_token("bob")).await,
        id,
        ecb,
    };
    let bobs = threads["items"][0]["threadToken"].clone();
    let got = pair.bob.ask("getThread", &json!({"threadToken": bobs})).await;
    assert_eq!(got["messages"][0]["data"]["messageText"], "嗨 first", "{got}");
    pair.ann.ask("getThread", &json!({"threadToken": pair.anns})).await;
    pair.the_author_is_answered_last().await;
    pair.custom_types_and_typing().await;
    pair.native_doors().await;
}

/// Two connections that have got a thread.
struct Pair {
    ecb: Ecb,
    id: String,
    anns: Value,
    ann: Line,
    bob: Line,
}

impl Pair {
    async fn the_author_is_answered_last(&mut self) {
        let message =
            json!({"messageId": "c-1", "type": "text", "data": {"messageText": "second"}});
        let body = json!({"threadToken": self.anns, "threadMessage": message});
        let asked = self.ann.begin("sendMessage", &body).await;
        let (answer, before) = self.ann.answer(asked).await;
        let stored = answer["threadMessage"].clone();
        assert_eq!(answer["messages"], json!([stored]));
        assert_eq!(stored["fromUserId"], "ann");
        let [Came::Event(name, told)] = before.as_slice() else {
            panic!("the author is answered last: {before:?}");
        };
        assert_eq!((name.as_str(), &told["threadId"]), ("threadMessage", &json!(self.id)));
        assert_eq!(told["threadMessage"]["messageId"], stored["messageId"]);
        let heard = self.bob.event("threadMessage").await;
        assert_eq!(heard["threadMessage"]["data"], json!({"messageText": "second"}));
        // The same again: the same message, told to nobody.
        let repeated = self.ann.ask("sendMessage", &body).await;
        assert_eq!(repeated["threadMessage"]["messageId"], stored["messageId"]);
        let fresh = json!({"threadToken": answer["thread"]["threadToken"]});
        let fresh = self.ecb.call("ann", "getThread", fresh).await.is(200);
        assert_eq!(fresh["messages"].as_array().expect("messages").len(), 2);
    }

    async fn custom_types_and_typing(&mut self) {
        let custom = json!({"type": "offer", "data": {"price": [1, "元"]}});
        let body = json!({"threadToken": self.anns, "threadMessage": custom});
        self.ann.ask("sendMessage", &body).await;
        let heard = self.bob.event("threadMessage").await["threadMessage"].clone();
        assert_eq!((&heard["type"], &heard["data"]), (&custom["type"], &custom["data"]));
        let stored = self.ecb.site.texts().len();
        let typing = json!({"type": "typing", "data": true});
        let body = json!({"threadToken": self.anns, "threadMessage": typing});
        self.ann.ask("sendMessage", &body).await;
        let heard = self.bob.event("threadMessage").await["threadMessage"].clone();
        assert_eq!((&heard["type"], &heard["data"]), (&json!("typing"), &json!(true)));
        assert_eq!(heard["fromUserId"], "ann");
        assert_eq!(self.ecb.site.texts().len(), stored, "typing is stored nowhere");
    }

    /// The same conversation by the native doors.
    async fn native_doors(&mut self) {
        let page = self.ecb.app.page("bob").await;
        let path = format!("rooms/{}/messages", segment(&self.id));
        let history = page.get(&path).await.is(200);
        assert_eq!(history["messages"][1]["text"], "second", "{history}");
        let custom = json!({"type": "offer", "data": {"price": [1, "元"]}});
        assert_eq!(history["messages"][2]["custom"], custom);
        page.post(&path, json!({"id": "n-1", "text": "natively"})).await.is(201);
        let told = self.ann.event("threadMessage").await;
        assert_eq!(told["threadMessage"]["data"]["messageText"], "natively", "{told}");
    }
}

#[tokio::test]
async fn a_connection_hears_what_it_has_got_and_nothing_else() {
    let ecb = Ecb::start().await;
    let thread = ecb.site.thread(&["ann", "bob"]);
    let other = ecb.site.thread(&["ann", "bob"]);
    let mut bob = Line::enter(ecb.server.address(), &ecb.site.user_token("bob")).await;
    let token = |thread: &str| ecb.site.thread_token(thread, &["ann", "bob"]);
    bob.ask("getThreads", &json!({})).await;
    bob.ask("getThread", &json!({"threadToken": token(&thread)})).await;
    for room in [&other, &thread] {
        let body = json!({"threadToken": token(room), "threadMessage": said(room)});
        ecb.call("ann", "sendMessage", body).await.is(200);
    }
    let heard = bob.event("threadMessage").await;
    assert_eq!(heard["threadId"], thread.as_str(), "{heard}");
    // A second connection of the same user has got nothing.
    let mut second = Line::enter(ecb.server.address(), &ecb.site.user_token("bob")).await;
    let body = json!({"threadToken": token(&thread), "threadMessage": said("again")});
    ecb.call("ann", "sendMessage", body).await.is(200);
    bob.event("threadMessage").await;
    let id = second.begin("getContacts", &json!({})).await;
    assert_eq!(second.answer(id).await.1, []);
    // Removed by the backend's word: refused, and nothing is heard from then on.
    let path = format!("rooms/{}/members/remove", segment(&thread));
    ecb.app.backend("POST", &path, json!({"users": ["bob"]})).await.is(200);
    let body = json!({"threadToken": token(&thread), "threadMessage": said("without bob")});
    let id = bob.begin("getThread", &body).await;
    let (answer, _) = bob.answer(id).await;
    is_refused(&answer, 403, "not_a_member");
}

/// The channel is joined before the backend is asked: what is said in between is heard.
#[tokio::test]
async fn join_comes_before_fetch() {
    let site = Site::start().await;
    let slow = slow(&site).await;
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    slow.bridge(&server, &app, &site).await;
    let (server, app) = named(server, app).await;
    let thread = site.thread(&["ann", "bob"]);
    let mut ann = Line::enter(server.address(), &site.user_token("ann")).await;
    ann.ask("getThreads", &json!({})).await;
    slow.hold();
    let token = site.thread_token(&thread, &["ann", "bob"]);
    let asked = ann.begin("getThread", &json!({"threadToken": token})).await;
    slow.held().await;
    let told = json!({"id": "told-1", "sender": "bob", "text": "in between"});
    let path = format!("rooms/{}/messages", segment(&thread));
    app.backend("POST", &path, told).await.is(201);
    let heard = ann.event("threadMessage").await;
    assert_eq!(heard["threadMessage"]["messageId"], "told-1");
    slow.release();
    let (answer, before) = ann.answer(asked).await;
    assert_eq!((&answer["thread"]["threadId"], before), (&json!(thread), Vec::new()));
}

/// The switch: members only, or as the backend decides.
#[tokio::test]
async fn who_is_no_member_gets_in_where_the_backend_decides() {
    for members_only in [true, false] {
        let ecb = Ecb::with(members_only).await;
        let thread = ecb.site.thread(&["ann", "bob"]);
        let token = ecb.site.thread_token(&thread, &["ann", "bob"]);
        let asked = ecb.site.asked("getThread") + ecb.site.asked("addThreadMessage");
        let mut agent = Line::enter(ecb.server.address(), &ecb.site.user_token("agent")).await;
        let got = agent.ask("getThread", &json!({"threadToken": token})).await;
        let body = json!({"threadToken": token, "threadMessage": said("how can I help?")});
        let sent = agent.ask("sendMessage", &body).await;
        if members_only {
            is_refused(&got, 403, "not_a_member");
            is_refused(&sent, 403, "not_a_member");
            let now = ecb.site.asked("getThread") + ecb.site.asked("addThreadMessage");
            assert_eq!(now, asked, "refused before the backend is asked");
            continue;
        }
        assert_eq!(got["thread"]["threadId"], thread.as_str(), "{got}");
        assert_eq!(sent["threadMessage"]["fromUserId"], "agent", "{sent}");
        let body = json!({"threadToken": token, "threadMessage": said("thanks")});
        ecb.call("ann", "sendMessage", body).await.is(200);
        let heard = agent.event("threadMessage").await;
        assert_eq!(heard["threadMessage"]["data"]["messageText"], "thanks", "{heard}");
    }
}

#[tokio::test]
async fn a_backend_that_fails_is_told_from_one_that_refuses() {
    let ecb = Ecb::start().await;
    let thread = ecb.site.thread(&["ann", "bob"]);
    let token = ecb.site.thread_token(&thread, &["ann", "bob"]);
    let body = json!({"threadToken": token, "threadMessage": {
        "messageId": "m-1", "type": "text", "data": {"messageText": "hello"},
    }});
    for (fault, status, code) in [
        (Fault::Down, 503, "backend_unreachable"),
        (Fault::Refuses, 403, "backend_refused"),
        (Fault::Html, 502, "backend_broken"),
        (Fault::BadToken, 502, "backend_broken"),
        (Fault::AnswerLost, 503, "backend_unreachable"),
    ] {
        ecb.site.fault(fault);
        let error = refused(ecb.call("ann", "sendMessage", body.clone()).await, status, code);
        assert_eq!(error["retryAfterMs"].is_u64(), status == 503, "{error}");
    }
    ecb.site.fault(Fault::None);
    let sent = ecb.call("ann", "sendMessage", body).await.is(200);
    assert_eq!(sent["threadMessage"]["data"]["messageText"], "hello");
    assert_eq!(ecb.site.texts(), ["hello"], "stored once");
}

/// Who may not send is refused before the backend has it.
#[tokio::test]
async fn a_frozen_room_and_who_was_removed() {
    for members_only in [true, false] {
        let ecb = Ecb::with(members_only).await;
        let thread = ecb.site.thread(&["ann", "bob"]);
        let token = json!(ecb.site.thread_token(&thread, &["ann", "bob"]));
        ecb.call("ann", "getThread", json!({"threadToken": token})).await.is(200);
        let send = |user: &'static str| {
            let body = json!({"threadToken": token, "threadMessage": said("hi")});
            ecb.call(user, "sendMessage", body)
        };
        let room = format!("rooms/{}", segment(&thread));
        ecb.app.backend("PATCH", &room, json!({"frozen": true})).await.is(200);
        for user in if members_only { &["ann"][..] } else { &["ann", "agent"] } {
            assert_eq!(send(user).await.status, 403, "{user} {members_only}");
        }
        ecb.app.backend("PATCH", &room, json!({"frozen": false})).await.is(200);
        let removed = format!("{room}/members/bob");
        ecb.app.backend("DELETE", &removed, Value::Null).await.is(200);
        refused(send("bob").await, 403, "not_a_member");
        assert_eq!(ecb.site.asked("addThreadMessage"), 0);
        send("ann").await.is(200);
    }
}

#[tokio::test]
async fn nobody_speaks_for_the_system() {
    let ecb = Ecb::start().await;
    let body = json!({
        "contacts": [{"userId": "bob"}],
        "threadMessage": {"type": "system", "data": {"messageText": "Ann has left"}},
    });
    assert_eq!(ecb.call("ann", "createThread", body).await.status, 400);
    assert_eq!(ecb.site.asked("createThread"), 0);
}

/// A backend that has one thread for the same people: its old words come before the new ones, and
/// only these are unread.
#[tokio::test]
async fn an_old_thread_that_is_begun_anew() {
    let ecb = Ecb::start().await;
    crate::bridge::site::locked(&ecb.site.kept).one_per_members = true;
    let thread = ecb.site.thread(&["ann", "bob"]);
    ecb.site.says(&thread, "bob", "old");
    let body = json!({"contacts": [{"userId": "bob"}], "threadMessage": said("new")});
    let made = ecb.call("ann", "createThread", body).await.is(200);
    assert_eq!(made["messages"].as_array().map(Vec::len), Some(2), "{made}");
    let bob = ecb.app.page("bob").await;
    let list = bob.get("rooms").await.is(200);
    assert_eq!(list["rooms"][0]["mine"]["unread"], 1, "{list}");
    assert_eq!(list["rooms"][0]["preview"]["text"], "new");
}
