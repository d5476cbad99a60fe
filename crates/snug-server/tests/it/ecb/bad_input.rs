//! What is wrong is said in one form, in the documented order, before the backend is asked.

use serde_json::{Value, json};
use snug_core::limits;

use super::socket::{Came, Line};
use super::{Ecb, is_refused, refused, said};
use crate::bridge::now;
use crate::bridge::site::{Fault, person};
use crate::harness::TestServer;

#[tokio::test]
async fn checks_run_in_their_order_before_the_backend_is_asked() {
    let ecb = Ecb::start().await;
    let thread = ecb.site.thread(&["ann", "bob"]);
    let good = ecb.site.user_token("ann");
    let forged = ecb.site.signer.sign_wrong(&person("ann"));
    let mut ended = person("ann");
    ended["exp"] = json!(now() - 3_600);
    let ended = ecb.site.signer.sign(&ended);
    let wrong_thread = json!({"threadId": thread, "memberIds": ["ann"]});
    let wrong_thread = ecb.site.signer.sign_wrong(&wrong_thread);
    let old = json!({"threadId": thread, "memberIds": ["ann"], "exp": now() - 3_600});
    let old = ecb.site.signer.sign(&old);
    let others = ecb.site.thread_token(&thread, &["bob", "cat"]);
    let mine = ecb.site.thread_token(&thread, &["ann", "bob"]);
    let hs256 = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiJhbm4ifQ.c2lnbmF0dXJl";
    let none = "eyJhbGciOiJub25lIn0.eyJ1c2VySWQiOiJhbm4ifQ.";
    for (user, thread, message, status, code) in [
        ("", Value::Null, Value::Null, 401, "user_token_missing"),
        ("x", json!("y"), Value::Null, 401, "user_token_invalid"),
        (&forged, json!("y"), Value::Null, 401, "user_token_invalid"),
        (hs256, json!("y"), Value::Null, 401, "user_token_invalid"),
        (none, json!("y"), Value::Null, 401, "user_token_invalid"),
        (&mine, json!("y"), Value::Null, 401, "user_token_invalid"),
        (&ended, json!("y"), Value::Null, 401, "user_token_expired"),
        (&good, Value::Null, Value::Null, 403, "thread_token_missing"),
        (&good, json!(7), Value::Null, 403, "thread_token_missing"),
        (&good, json!("y"), Value::Null, 403, "thread_token_invalid"),
        (&good, json!(good), Value::Null, 403, "thread_token_invalid"),
        (&good, json!(wrong_thread), Value::Null, 403, "thread_token_invalid"),
        (&good, json!(old), Value::Null, 403, "thread_token_expired"),
        (&good, json!(others), Value::Null, 403, "not_a_member"),
        (&good, json!(mine), Value::Null, 400, "invalid_body"),
        (&good, json!(mine), json!({"type": "text", "data": {}}), 400, "invalid_body"),
        (&good, json!(mine), json!({"type": "", "data": 1}), 400, "invalid_body"),
        (&good, json!(mine), said(&"x".repeat(17_000)), 413, "too_large"),
    ] {
        let body = json!({"threadToken": thread, "threadMessage": message});
        refused(ecb.call_with(user, "sendMessage", body).await, status, code);
    }
    for operation in ["getThread", "addThreadMessage", "getThreads"] {
        assert_eq!(ecb.site.asked(operation), 0, "{operation} was asked");
    }
}

#[tokio::test]
async fn bodies_and_names_that_are_wrong() {
    let ecb = Ecb::start().await;
    for (operation, body) in [
        ("getContacts", json!({"pageStartIndex": -1})),
        ("getContacts", json!({"pageSize": 0})),
        ("getThreads", json!({"pageSize": "many"})),
        ("createThread", json!({})),
        ("createThread", json!({"contactIds": [], "threadMessage": said("x")})),
        ("createThread", json!({"contactIds": ["bob"]})),
        (
            "createThread",
            json!({"contactIds": ["bob"], "threadMessage": {"type": "typing", "data": true}}),
        ),
        (
            "createThread",
            json!({"contactIds": ["bob"], "threadMessage": said("x"), "idempotencyKey": 5}),
        ),
    ] {
        refused(ecb.call("ann", operation, body).await, 400, "invalid_body");
    }
    for raw in ["{", "[]", "7", &format!("{}{}", "[".repeat(500), "]".repeat(500))] {
        let request =
            ecb.app.request("POST", "/ecb/getThreads").bearer(&ecb.site.user_token("ann"));
        refused(request.raw(raw).send().await, 400, "invalid_body");
    }
    refused(ecb.call("ann", "dropTables", json!({})).await, 404, "unknown_operation");
    let got = ecb.app.request("GET", "/ecb/getThreads").send().await;
    refused(got, 404, "unknown_operation");
    let body = json!({"accessToken": "stranger"});
    let answer = ecb.app.request("POST", "/ecb/getUserToken").json(body).send().await;
    refused(answer, 401, "access_token_refused");
    let answer = ecb.app.request("POST", "/ecb/getUserToken").json(json!({})).send().await;
    refused(answer, 400, "invalid_body");
    let foreign =
        ecb.app.request("POST", "/ecb/getThreads").header("Origin", "https://evil.example");
    refused(foreign.bearer(&ecb.site.user_token("ann")).send().await, 403, "origin_refused");
    // A token that was taken back opens no door again.
    let token = ecb.site.user_token("ann");
    ecb.call_with(&token, "getThreads", json!({})).await.is(200);
    ecb.app.backend("POST", "sessions/revoke", json!({"user": "ann"})).await.ok();
    refused(ecb.call_with(&token, "getThreads", json!({})).await, 401, "user_token_invalid");
    // Nothing is bridged under this name.
    let server = TestServer::sqlite().await;
    let answer = server.request("POST", "/ecb/getThreads").bearer("x").send().await;
    refused(answer, 404, "not_set_up");
}

#[tokio::test]
async fn an_answer_beyond_the_bound_is_refused_by_its_number() {
    let ecb = Ecb::start().await;
    let thread = ecb.site.thread(&["ann", "bob"]);
    let token = json!({"threadToken": ecb.site.thread_token(&thread, &["ann", "bob"])});
    ecb.call("ann", "getThread", token.clone()).await.is(200);
    ecb.site.fault(Fault::Huge);
    for (operation, body) in
        [("getThread", token.clone()), ("getThreads", json!({})), ("getContacts", json!({}))]
    {
        let error = refused(ecb.call("ann", operation, body).await, 502, "backend_broken");
        let most = limits::BRIDGE_ANSWER_BYTES_MAX.to_string();
        let said = error["message"].as_str().expect("a text");
        assert!(said.contains(&most) && said.contains(operation), "{said}");
    }
    // A backend that mends itself is heard again.
    ecb.site.fault(Fault::None);
    ecb.call("ann", "getThread", token).await.is(200);
}

#[tokio::test]
async fn a_socket_without_a_good_token_is_told_why_and_ended() {
    let ecb = Ecb::start().await;
    for (token, code) in [("", "user_token_missing"), ("wrong", "user_token_invalid")] {
        let mut line = Line::open(ecb.server.address(), token).await;
        is_refused(&line.event("refused").await, 401, code);
        assert_eq!(line.next().await, Came::Gone);
    }
    let mut line = Line::enter(ecb.server.address(), &ecb.site.user_token("ann")).await;
    is_refused(&line.ask("dropTables", &json!({})).await, 404, "unknown_operation");
    is_refused(&line.ask("getThread", &json!("x")).await, 403, "thread_token_missing");
    is_refused(&line.ask("getUserToken", &json!({})).await, 404, "unknown_operation");
    let mut deep = json!({"messageText": "x"});
    for _ in 0..100 {
        deep = json!([deep]);
    }
    is_refused(&line.ask("sendMessage", &deep).await, 400, "invalid_body");
    assert!(line.ask("getThreads", &json!({})).await["items"].is_array(), "it goes on");
}
