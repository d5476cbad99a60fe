//! Which pages may call an app: listed origins, localhost for apps in development, and a log
//! line that says what would let a refused one in.

use snug_core::engine::NewAppRequest;
use snug_core::ids::AppId;
use snug_core::model::{AppPatch, AppPolicy};

use crate::harness::{Answer, Door, Socket, TestApp, TestServer, logs};

const LISTED: &str = "https://shop.example";

async fn app(server: &TestServer, development: bool, origins: &[&str]) -> TestApp {
    let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
    let (name, policy) = ("Shop".to_owned(), AppPolicy::Open);
    server.app_as(NewAppRequest { name, policy, development, origins }).await
}

async fn preflight(app: &TestApp, origin: &str) -> Answer {
    let call = app.request("OPTIONS", "/v1/rooms/r/messages").header("Origin", origin);
    let call = call.header("Access-Control-Request-Method", "POST");
    call.header("Access-Control-Request-Headers", "authorization,content-type").send().await
}

async fn call(app: &TestApp, token: &str, origin: &str) -> Answer {
    app.request("GET", "/v1/me").bearer(token).header("Origin", origin).send().await
}

#[track_caller]
fn lets_in(answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-credentials"), None, "tokens, never cookies");
    assert!(answer.headers.get_all("vary").iter().any(|vary| vary == "Origin"), "{answer:?}");
}

#[tokio::test]
async fn a_listed_origin_is_let_in() {
    let server = TestServer::sqlite().await;
    let app = app(&server, false, &[LISTED]).await;
    let page = app.page("ann").await;
    let answer = preflight(&app, LISTED).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    lets_in(&answer, LISTED);
    let methods = answer.header("access-control-allow-methods").expect("methods");
    for method in ["GET", "POST", "PATCH", "DELETE"] {
        assert!(methods.contains(method), "{methods}");
    }
    let headers = answer.header("access-control-allow-headers").expect("headers").to_lowercase();
    assert!(headers.contains("authorization") && headers.contains("content-type"), "{headers}");
    let answer = call(&app, &page.opened.token, LISTED).await;
    lets_in(&answer, LISTED);
    answer.is(200);
    // Refusals too, or the page could not read why.
    let answer = app.request("GET", "/v1/me").bearer("nonsense").header("Origin", LISTED);
    let answer = answer.send().await;
    lets_in(&answer, LISTED);
    answer.refused(401, "token_invalid");
}

#[tokio::test]
async fn localhost_is_let_in_by_apps_in_development_only() {
    let server = TestServer::sqlite().await;
    let live = app(&server, false, &[LISTED]).await;
    let page = live.page("ann").await;
    for origin in ["http://localhost:5173", "http://127.0.0.1"] {
        preflight(&live, origin).await.refused(403, "origin_refused");
        call(&live, &page.opened.token, origin).await.refused(403, "origin_refused");
    }
    let young = app(&server, true, &[]).await;
    let page = young.page("ann").await;
    for origin in ["http://localhost:5173", "http://127.0.0.1", "http://[::1]:8080"] {
        let answer = preflight(&young, origin).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        lets_in(&answer, origin);
        call(&young, &page.opened.token, origin).await.is(200);
    }
    for origin in ["http://localhost.evil.example", "null", LISTED] {
        call(&young, &page.opened.token, origin).await.refused(403, "origin_refused");
    }
    // A preflight names no app; the request behind it is held to its own app's list.
    let page = live.page("bob").await;
    assert_eq!(preflight(&live, "http://localhost:1").await.status, 204);
    let refused = call(&live, &page.opened.token, "http://localhost:1").await;
    refused.refused(403, "origin_refused");
}

#[tokio::test]
async fn a_refused_origin_is_told_and_logged_with_its_mend() {
    let server = TestServer::sqlite().await;
    let app = app(&server, false, &[LISTED]).await;
    let page = app.page("ann").await;
    let origin = "https://staging-refused.example:8443";
    for answer in [preflight(&app, origin).await, call(&app, &page.opened.token, origin).await] {
        let problem = answer.refused(403, "origin_refused");
        let detail = problem["detail"].as_str().expect("detail");
        assert!(detail.contains(origin) && detail.contains("list"), "{detail}");
    }
    let logged = logs().text();
    let lines: Vec<_> = logged.lines().filter(|line| line.contains("origin refused")).collect();
    let mend = format!("add \\\"{origin}\\\" to the origins of the app");
    let with_app = lines.iter().filter(|line| line.contains(&app.id) && line.contains(&mend));
    assert_eq!(with_app.count(), 1, "the request names its app: {lines:?}");
    assert!(lines.iter().any(|line| line.contains(&mend) && !line.contains("app_")), "{lines:?}");
    // What the line says is what mends it.
    let id = AppId::new(&app.id).expect("an app id");
    let origins = Some(vec![LISTED.to_owned(), origin.to_owned()]);
    let patch = AppPatch { name: None, policy: None, development: None, origins };
    server.server().app().engine.update_app(&id, patch).await.expect("the app is changed");
    assert_eq!(preflight(&app, origin).await.status, 204);
    call(&app, &page.opened.token, origin).await.is(200);
}

#[tokio::test]
async fn a_socket_of_a_refused_origin_is_told_and_closed() {
    let server = TestServer::sqlite().await;
    let app = app(&server, false, &[LISTED]).await;
    let page = app.page("ann").await;
    for door in Door::ALL {
        let connect =
            |origin| Socket::connect_from(app.address, door, &page.opened.token, Some(origin));
        connect(LISTED).await.entered().await.expect("a listed origin is let in");
        let mut socket = connect("https://elsewhere.example").await;
        let problem = socket.entered().await.expect_err("another is not");
        assert_eq!(problem["code"], "origin_refused", "{door:?}: {problem}");
        assert_eq!(socket.closed_because().await, (4205, "origin_refused".to_owned()), "{door:?}");
    }
}
