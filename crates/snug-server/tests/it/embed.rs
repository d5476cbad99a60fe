//! Pages in another site's frame: who may have them, by the policy that the browser holds, and
//! the ways in that they take.

use std::sync::Arc;

use serde_json::{Value, json};
use snug_core::engine::NewAppRequest;
use snug_core::model::AppPolicy;

use crate::harness::{Answer, Backend, Door, Socket, TestApp, TestClock, TestServer, text};

async fn shop(server: &TestServer, development: bool) -> TestApp {
    let request = NewAppRequest {
        name: "Shop".to_owned(),
        policy: AppPolicy::Open,
        development,
        origins: vec!["https://shop.example".to_owned(), "https://x.example;script-src".to_owned()],
    };
    server.app_as(request).await
}

fn frame_ancestors(answer: &Answer) -> String {
    let policy = answer.header("content-security-policy").expect("a policy");
    let (before, ancestors) = policy.split_once("frame-ancestors ").expect("who may frame it");
    assert!(before.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("set-cookie"), None);
    ancestors.to_owned()
}

#[tokio::test]
async fn the_policy_names_the_app_s_pages_and_no_others() {
    let server = TestServer::sqlite().await;
    let app = shop(&server, false).await;
    let get = |path: &str| server.request("GET", path).send();
    let named = format!("?app={}", app.id);
    for path in ["/embed", "/embed/", "/embed/rooms/a%2Fb%20%3F"] {
        let known = get(&format!("{path}{named}")).await;
        assert_eq!(frame_ancestors(&known), "https://shop.example", "{path}");
        assert_eq!(frame_ancestors(&get(path).await), "'none'", "{path}");
    }
    let from = |referrer: &str| server.request("GET", "/embed").header("Referer", referrer).send();
    assert_eq!(frame_ancestors(&from("https://shop.example/p?q").await), "https://shop.example");
    for other in
        ["https://shop.example.evil", "http://shop.example/", "https://x.example;script-src"]
    {
        assert_eq!(frame_ancestors(&from(other).await), "'none'", "{other}");
    }
    // Named by the address, the app decides, and the referrer changes nothing.
    let path = format!("/embed{named}");
    let evil = server.request("GET", &path).header("Referer", "https://evil.example/").send();
    assert_eq!(frame_ancestors(&evil.await), "https://shop.example");
    let development = shop(&server, true).await;
    let local = frame_ancestors(&get(&format!("/embed?app={}", development.id)).await);
    assert!(local.starts_with("https://shop.example http://localhost:* "), "{local}");
}

#[tokio::test]
async fn addresses_that_lead_nowhere() {
    let server = TestServer::sqlite().await;
    let get = |path: String| server.request("GET", &path).send();
    get(format!("/embed/rooms/{}", "a".repeat(129))).await.refused(422, "invalid_field");
    get("/embed/rooms/a%0A".to_owned()).await.refused(422, "invalid_field");
    get("/embed?app=shop".to_owned()).await.refused(422, "invalid_field");
    get(format!("/embed?app=app_{}", "z".repeat(20))).await.refused(404, "app_not_found");
    assert_eq!(get("/embed/nothing.js".to_owned()).await.status, 404);
    let posted = server.request("POST", "/embed").send().await;
    assert_eq!(posted.status, 405);
}

#[tokio::test]
async fn whose_chat_it_is_and_who_may_frame_it() {
    let server = TestServer::sqlite().await;
    let (app, other) = (shop(&server, false).await, server.app().await);
    let page = app.page("mei").await;
    let whose = json!({"app": app.id, "user": "mei"});
    assert_eq!(page.get("embedding").await.is(200), whose);
    assert_eq!(page.get("embedding?parent=https://shop.example").await.is(200), whose);
    page.get("embedding?parent=https://evil.example").await.refused(403, "origin_refused");
    let elsewhere = other.page("mei").await;
    let refused = elsewhere.get("embedding?parent=https://shop.example").await;
    refused.refused(403, "origin_refused");
}

#[tokio::test]
async fn the_server_s_own_pages_stand_in_no_list() {
    let server = TestServer::sqlite().await;
    let app = shop(&server, false).await;
    let token = app.open_session("mei").await.token;
    let own = format!("http://{}", server.address());
    let from = |origin: &str| {
        server.request("GET", "/v1/me").header("Origin", origin).bearer(&token).send()
    };
    from(&own).await.is(200);
    from("http://127.0.0.1").await.refused(403, "origin_refused");
    from("https://evil.example").await.refused(403, "origin_refused");
    let socket = |origin: &str| {
        let (origin, token) = (origin.to_owned(), token.clone());
        let address = server.address();
        async move {
            let mut socket =
                Socket::connect_from(address, Door::Subprotocol, &token, Some(&origin)).await;
            socket.entered().await
        }
    };
    assert_eq!(socket(&own).await.expect("let in")["user"]["id"], "mei");
    assert_eq!(
        socket("https://evil.example").await.expect_err("kept out")["code"],
        "origin_refused"
    );
}

async fn take(server: &TestServer, code: &str) -> Answer {
    server.request("POST", "/v1/sessions").json(json!({"code": code})).send().await
}

/// On both stores: a code is a token once, for a minute, and the session stays one.
async fn codes(backend: Backend) {
    let clock = Arc::new(TestClock::default());
    let server = TestServer::start_at(backend, clock.clone()).await;
    let app = shop(&server, false).await;
    let page = app.page("mei").await;
    let make = || page.post("session/code", Value::Null);
    let code = text(&make().await.is(201)["code"]);
    let shown = server.request("GET", &format!("/embed/rooms/a?code={code}")).send().await;
    assert_eq!(frame_ancestors(&shown), "https://shop.example", "the code's app");
    let taken = take(&server, &code).await.is(201);
    assert_eq!(
        (&taken["token"], &taken["session"]),
        (&json!(page.opened.token), &json!(page.opened.session))
    );
    take(&server, &code).await.refused(401, "token_invalid");
    // Of two made for one session the later one counts.
    let (first, second) =
        (text(&make().await.is(201)["code"]), text(&make().await.is(201)["code"]));
    take(&server, &first).await.refused(401, "token_invalid");
    let evil = json!({"code": second});
    let evil =
        server.request("POST", "/v1/sessions").header("Origin", "https://evil.example").json(evil);
    evil.send().await.refused(403, "origin_refused");
    take(&server, &second).await.is(201);
    let late = text(&make().await.is(201)["code"]);
    clock.pass(61);
    take(&server, &late).await.refused(401, "token_invalid");
    let closed = text(&make().await.is(201)["code"]);
    page.call("DELETE", "session", Value::Null).await.said(204);
    take(&server, &closed).await.refused(401, "session_closed");
    for wrong in ["", "x", &"x".repeat(5_000)] {
        take(&server, wrong).await.refused(401, "token_invalid");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_code_is_a_token_once_on_sqlite() {
    codes(Backend::Sqlite).await;
}

#[tokio::test]
async fn a_code_is_a_token_once_on_postgres() {
    codes(Backend::Postgres).await;
}

#[tokio::test]
async fn of_two_who_take_a_code_one_goes_in() {
    let server = TestServer::sqlite().await;
    let page = server.app().await.page("mei").await;
    for _ in 0..20 {
        let code = text(&page.post("session/code", Value::Null).await.is(201)["code"]);
        let (a, b) = tokio::join!(take(&server, &code), take(&server, &code));
        let mut met = [a.status, b.status];
        met.sort_unstable();
        assert_eq!(met, [201, 401]);
    }
}

#[tokio::test]
async fn a_token_with_its_app_before_it() {
    let server = TestServer::sqlite().await;
    let (app, other) = (server.app().await, server.app().await);
    let engine = &server.server().app().engine;
    let id = snug_core::ids::AppId::new(&app.id).expect("an id");
    let backend = engine.backend_by_dialect(&id, "test").await.expect("the app");
    // As other systems' wires make them: a token that names no app.
    let open = snug_core::engine::OpenSession {
        user: snug_core::ids::UserId::new("mei").expect("an id"),
        device: snug_core::ids::DeviceId::new("d").expect("an id"),
        profile: snug_core::model::UserPatch::default(),
        custom: None,
        push_token: None,
        ttl_seconds: None,
        token: Some("foreign-token_1".to_owned()),
    };
    engine.open_session(&backend, open).await.expect("a session");
    let me = |token: String| {
        let app = app.clone();
        async move { app.api("GET", "/v1/me", Value::Null, &token).await }
    };
    me("foreign-token_1".to_owned()).await.refused(401, "token_invalid");
    let placed = format!("snug_at_{}.foreign-token_1", app.id);
    assert_eq!(me(placed.clone()).await.is(200)["user"]["id"], "mei");
    app.socket(&placed).await.settle().await;
    me(format!("snug_at_{}.foreign-token_1", other.id)).await.refused(401, "token_invalid");
    me(format!("snug_at_{}.", app.id)).await.refused(401, "token_missing");
    me(format!("snug_at_{}.{}", app.id, app.key)).await.refused(403, "server_key_in_browser");
    // A token of ours may stand behind its own app, and not behind another.
    let ours = app.open_session("ann").await.token;
    assert_eq!(me(format!("snug_at_{}.{ours}", app.id)).await.is(200)["user"]["id"], "ann");
    me(format!("snug_at_{}.{ours}", other.id)).await.refused(401, "token_invalid");
    let twice = format!("snug_at_{}.{placed}", app.id);
    me(twice).await.refused(401, "token_invalid");
    // A refresh kills what was really the token.
    let fresh = app.api("POST", "/v1/session/refresh", Value::Null, &placed).await.is(200);
    assert_eq!(me(text(&fresh["token"])).await.is(200)["user"]["id"], "mei");
    me(placed).await.refused(401, "token_invalid");
}

#[tokio::test]
async fn rocketchat_s_addresses() {
    let server = TestServer::sqlite().await;
    let paths = [
        "/channel/general?layout=embedded",
        "/group/%E7%BE%A4",
        "/direct/a1b2",
        "/?layout=embedded",
    ];
    // Without an app of this host the page around must say who it is, and the token its app.
    let app = shop(&server, false).await;
    for path in paths {
        let get = || server.request("GET", path);
        assert_eq!(frame_ancestors(&get().send().await), "'none'", "{path}");
        let from = get().header("Referer", "https://shop.example/a").send().await;
        assert_eq!(frame_ancestors(&from), "https://shop.example", "{path}");
    }
    let plain = server.request("GET", "/").send().await;
    assert_eq!((plain.status, plain.header("location")), (307, Some("/panel/")));
    let server = server.restart_speaking("rocketchat", &app).await;
    for path in paths {
        let answer = server.request("GET", path).send().await;
        assert_eq!(frame_ancestors(&answer), "https://shop.example", "{path}");
    }
    for path in ["/channel/a%00b", &format!("/group/{}", "a".repeat(5_000))] {
        assert_eq!(server.request("GET", path).send().await.status, 404);
    }
    let plain = server.request("GET", "/").send().await;
    assert_eq!((plain.status, plain.header("location")), (307, Some("/panel/")));
}
