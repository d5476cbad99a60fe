//! The panel's calls: sign-up, log-in, applications and their keys.

mod deliveries;
mod dialects;
mod settings;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use snug_server::Server;

use crate::harness::{Answer, Backend, Request, TestServer, text};

const OWNER: &str = "owner@shop.example";
const PASSWORD: &str = "correct horse battery";
const DAY: u64 = 86_400;

/// The panel's page: every call carries its header, and the cookie once there is one.
struct Panel<'a> {
    server: &'a TestServer,
    cookie: Option<String>,
}

impl<'a> Panel<'a> {
    fn of(server: &'a TestServer) -> Self {
        Self { server, cookie: None }
    }

    async fn signed_up(server: &'a TestServer) -> Self {
        let mut panel = Self::of(server);
        let answer = panel.post("signup", credentials(OWNER, PASSWORD)).await;
        panel.cookie = cookie(&answer);
        assert_eq!(answer.is(201), json!({"email": OWNER, "role": "owner"}));
        panel
    }

    /// A request without the panel's header.
    fn bare(&self, method: &str, path: &str) -> Request {
        let request = self.server.request(method, &format!("/panel/api/{path}"));
        match &self.cookie {
            Some(cookie) => request.header("Cookie", cookie),
            None => request,
        }
    }

    fn request(&self, method: &str, path: &str) -> Request {
        self.bare(method, path).header("X-Snug-Panel", "1")
    }

    async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.request("POST", path).json(body).send().await
    }

    async fn new_app(&self, name: &str) -> Value {
        let body = json!({"name": name, "policy": "open"});
        self.post("apps", body).await.is(201)
    }
}

fn credentials(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}

fn set_cookie(answer: &Answer) -> Option<&str> {
    answer.header("set-cookie")
}

/// What a browser would send back.
fn cookie(answer: &Answer) -> Option<String> {
    set_cookie(answer)?.split(';').next().map(str::to_owned)
}

#[tokio::test]
async fn the_first_operator_is_the_owner_and_the_door_closes() {
    let server = TestServer::sqlite().await;
    let stranger = Panel::of(&server);
    let state = stranger.get("state").await.is(200);
    assert_eq!(state["signup_open"], true);
    assert!(state["version"].is_string() && state.get("operator").is_none(), "{state}");
    for (email, password, field) in [
        ("nobody", PASSWORD, "email"),
        ("a@b", PASSWORD, "email"),
        ("a b@c.example", PASSWORD, "email"),
        (OWNER, "ninechars", "password"),
    ] {
        let answer = stranger.post("signup", credentials(email, password)).await;
        answer.refused_at(422, "invalid_field", field);
    }
    let long = "x".repeat(1_025);
    let answer = stranger.post("signup", credentials(OWNER, &long)).await;
    answer.refused_at(413, "too_large", "password");

    let panel = Panel::signed_up(&server).await;
    let state = panel.get("state").await.is(200);
    assert_eq!(state["signup_open"], false);
    assert_eq!(state["operator"], json!({"email": OWNER, "role": "owner"}));
    let late = stranger.post("signup", credentials("late@shop.example", PASSWORD)).await;
    assert!(set_cookie(&late).is_none());
    late.refused(403, "signup_closed");
}

/// The winner's panel.
async fn of_racing_sign_ups_one_wins(server: &TestServer) -> Panel<'_> {
    let panel = Panel::of(server);
    let racers = (0..4).map(|n| {
        let email = format!("racer{n}@shop.example");
        panel.post("signup", credentials(&email, PASSWORD))
    });
    let (won, lost): (Vec<_>, Vec<_>) =
        join_all(racers).await.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(won.len(), 1, "{won:?}");
    for answer in lost {
        assert!(set_cookie(&answer).is_none());
        answer.refused(403, "signup_closed");
    }
    Panel { server, cookie: cookie(&won[0]) }
}

#[tokio::test]
async fn racing_sign_ups_on_sqlite() {
    let server = TestServer::sqlite().await;
    of_racing_sign_ups_one_wins(&server).await.get("apps").await.is(200);
}

#[tokio::test]
async fn racing_sign_ups_and_keys_on_postgres() {
    let server = TestServer::start(Backend::Postgres).await;
    let panel = of_racing_sign_ups_one_wins(&server).await;
    keys_are_revealed_and_rotated(&panel).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn log_in_and_out() {
    let server = TestServer::sqlite().await;
    let first = Panel::signed_up(&server).await;
    let mut panel = Panel::of(&server);
    for wrong in [
        credentials(OWNER, "wrong horse battery"),
        credentials("nobody@shop.example", PASSWORD),
        credentials(OWNER, &"x".repeat(2_000)),
    ] {
        let answer = panel.post("login", wrong).await;
        assert!(set_cookie(&answer).is_none());
        answer.refused(401, "login_failed");
    }
    // An address is one whatever its case.
    let answer = panel.post("login", credentials("Owner@Shop.Example", PASSWORD)).await;
    let set = set_cookie(&answer).expect("a cookie").to_owned();
    for part in ["snug_panel=", "; Path=/", "; HttpOnly", "; SameSite=Strict", "; Max-Age=43200"] {
        assert!(set.contains(part), "{part}: {set}");
    }
    assert!(!set.contains("Secure") && !set.contains("Domain"), "plain http: {set}");
    panel.cookie = cookie(&answer);
    answer.is(200);
    assert_ne!(panel.cookie, first.cookie);
    panel.get("apps").await.is(200);

    let answer = panel.request("POST", "logout").send().await;
    assert!(set_cookie(&answer).is_some_and(|set| set.contains("Max-Age=0")), "{answer:?}");
    answer.is(204);
    panel.get("apps").await.refused(401, "session_closed");
    assert!(panel.get("state").await.is(200).get("operator").is_none());
    first.get("apps").await.is(200);
    Panel::of(&server).get("apps").await.refused(401, "token_missing");
}

#[tokio::test]
async fn behind_https_the_cookie_is_bound_to_it() {
    let data = snug_testkit::temp_dir();
    let config = snug_server::Config {
        listen: "127.0.0.1:0".parse().expect("an address"),
        data: data.path().to_owned(),
        store: snug_server::StoreConfig::Embedded,
        master_key: None,
        bus: None,
        https: true,
        log_json: false,
        dialects: snug_server::config::DialectApps::default(),
        proxies: snug_server::Proxies::default(),
        outbound: snug_server::outbound::OutboundConfig::default(),
    };
    let server = Server::start(config).await.expect("the server starts");
    let request = Request::new(server.address(), "POST", "/panel/api/signup");
    let request = request.header("X-Snug-Panel", "1").json(credentials(OWNER, PASSWORD));
    let answer = request.send().await;
    let set = set_cookie(&answer).expect("a cookie").to_owned();
    assert!(set.starts_with("__Host-snug_panel=") && set.contains("; Secure"), "{set}");
    let cookie = cookie(&answer).expect("a cookie");
    let get = |cookie: &str| {
        let request = Request::new(server.address(), "GET", "/panel/api/apps");
        request.header("Cookie", cookie).send()
    };
    get(&cookie).await.is(200);
    let plain = cookie.replace("__Host-", "");
    get(&plain).await.refused(401, "token_missing");
    assert!(server.stop().await);
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let server = TestServer::sqlite().await;
    let owner = Panel::signed_up(&server).await;
    let panel = Panel::of(&server);
    // A try comes back after 30 s, one of the address after 10 s: on a slow machine some do.
    let began = Instant::now();
    let back = |every: u64| began.elapsed().as_secs() / every;
    let mut tries = 1; // The sign-up.
    let refused = loop {
        let answer = panel.post("login", credentials(OWNER, "a wrong password")).await;
        if answer.status == 429 {
            break answer;
        }
        answer.refused(401, "login_failed");
        tries += 1;
        assert!(tries <= 10 + back(30), "more than ten tries");
    };
    let told = Instant::now();
    assert!(tries >= 10, "only {tries} tries");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    let problem = refused.refused(429, "rate_limited");
    let wait = problem["retry_after_ms"].as_u64().expect("how long");
    assert!((1..=30_000).contains(&wait), "{problem}");
    // The right password does not jump the queue, and who is logged in is not locked out.
    let early = panel.post("login", credentials(OWNER, PASSWORD)).await;
    assert!(early.status == 429 || told.elapsed() >= Duration::from_millis(wait), "{early:?}");
    owner.get("apps").await.is(200);
    // Other e-mails have tries of their own, until the address is over its bound of thirty: what
    // was done so far is counted already, the refused ones too.
    let mut counted = tries + 2;
    loop {
        let other = credentials(&format!("other{counted}@shop.example"), PASSWORD);
        let answer = panel.post("login", other).await;
        if answer.status == 429 {
            answer.refused(429, "rate_limited");
            break;
        }
        answer.refused(401, "login_failed");
        counted += 1;
        assert!(counted <= 30 + back(10), "{counted} tries of one address");
    }
    assert!(counted >= 30, "only {counted} tries of one address");
}

#[tokio::test]
async fn forged_requests_are_refused() {
    let server = TestServer::sqlite().await;
    let panel = Panel::signed_up(&server).await;
    let app = text(&panel.new_app("Shop").await["id"]);
    let own = format!("http://{}", server.address());
    let body = || json!({"name": "Forged", "policy": "open", "password": PASSWORD, "email": OWNER});
    for (method, path) in [
        ("POST", "signup".to_owned()),
        ("POST", "login".to_owned()),
        ("POST", "logout".to_owned()),
        ("POST", "apps".to_owned()),
        ("PATCH", format!("apps/{app}")),
        ("PATCH", format!("apps/{app}/settings")),
        ("POST", format!("apps/{app}/reveal")),
        ("POST", format!("apps/{app}/rotate")),
    ] {
        let bare = panel.bare(method, &path).json(body()).send().await;
        bare.refused(403, "csrf_refused");
        for origin in ["https://evil.example", "null", &own.replace(":", ".")] {
            let call = panel.request(method, &path).header("Origin", origin).json(body());
            call.send().await.refused(403, "csrf_refused");
        }
        // No foreign page is told that it may send the header.
        let preflight = server.request("OPTIONS", &format!("/panel/api/{path}"));
        let preflight = preflight.header("Origin", "https://evil.example");
        let preflight = preflight.header("Access-Control-Request-Method", method).send().await;
        assert_eq!(preflight.header("access-control-allow-origin"), None, "{preflight:?}");
        assert!(preflight.status >= 400, "{preflight:?}");
    }
    let call = panel.request("POST", "apps").header("Origin", &own);
    call.json(json!({"name": "Own", "policy": "open"})).send().await.is(201);
    let apps = panel.get("apps").await.is(200);
    assert_eq!(apps["apps"].as_array().map(Vec::len), Some(2), "nothing forged: {apps}");
}

#[tokio::test]
async fn applications_are_made_listed_and_changed() {
    let server = TestServer::sqlite().await;
    let panel = Panel::signed_up(&server).await;
    assert_eq!(panel.get("apps").await.is(200), json!({"apps": []}));
    let body = json!({"name": "Shop", "policy": "backend_only", "development": true,
        "origins": ["https://shop.example"]});
    let made = panel.post("apps", body).await.is(201);
    let (id, key) = (text(&made["id"]), text(&made["server_key"]));
    assert!(key.starts_with(&format!("snug_sk_{id}_")), "{made}");
    let call = |user: &str| {
        let path = format!("/v1/server/users/{user}");
        server.request("PUT", &path).bearer(&key).json(json!({})).send()
    };
    call("ann").await.is(200);
    call("bob").await.is(200);
    let listed = panel.get("apps").await.is(200)["apps"][0].take();
    assert_eq!((&listed["name"], &listed["policy"]), (&json!("Shop"), &json!("backend_only")));
    assert_eq!(listed["origins"], json!(["https://shop.example"]));
    assert_eq!((&listed["users"], &listed["rooms"]), (&json!(2), &json!(0)));
    assert!(listed.get("server_key").is_none(), "shown once: {listed}");
    assert_eq!(listed["keys"].as_array().map(Vec::len), Some(1));
    let hint = text(&listed["keys"][0]["hint"]);
    assert!(hint.len() == 4 && key.ends_with(&hint), "{listed}");

    let path = format!("apps/{id}");
    let patch = json!({"name": "Store", "policy": "open", "origins": []});
    let changed = panel.request("PATCH", &path).json(patch).send().await.is(200);
    assert_eq!((&changed["name"], &changed["origins"]), (&json!("Store"), &json!([])));
    assert_eq!(changed["development"], true, "absent keeps");
    for (body, field) in [
        (json!({"name": "", "policy": "open"}), "name"),
        (json!({"name": "x", "policy": "closed"}), "policy"),
        (json!({"name": "x", "policy": "open", "origins": ["https://a.example/"]}), "origins[0]"),
        (
            json!({"name": "x", "policy": "open", "origins": ["https://a.example", "*"]}),
            "origins[1]",
        ),
    ] {
        let answer = panel.post("apps", body).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        assert_eq!(answer.body["field"], field, "{answer:?}");
    }
    let none = format!("apps/app_{}", "0".repeat(20));
    let answer = panel.request("PATCH", &none).json(json!({"name": "x"})).send().await;
    answer.refused(404, "app_not_found");
    let stranger = Panel::of(&server);
    for (method, path) in [("GET", "apps"), ("POST", "apps"), ("PATCH", &path)] {
        let call = stranger.request(method, path).json(json!({"name": "x", "policy": "open"}));
        call.send().await.refused(401, "token_missing");
    }
}

/// Whether the key opens the server's door.
async fn works(server: &TestServer, key: &str) -> bool {
    let call = server.request("PUT", "/v1/server/users/u").bearer(key).json(json!({}));
    let answer = call.send().await;
    if answer.status == 200 {
        return true;
    }
    answer.refused(401, "server_key_invalid");
    false
}

async fn keys_are_revealed_and_rotated(panel: &Panel<'_>) {
    let server = panel.server;
    let made = panel.new_app("Shop").await;
    let (id, first) = (text(&made["id"]), text(&made["server_key"]));
    let (reveal, rotate) = (format!("apps/{id}/reveal"), format!("apps/{id}/rotate"));
    let right = json!({"password": PASSWORD});
    for path in [&reveal, &rotate] {
        let wrong = panel.post(path, json!({"password": "not the password"})).await;
        assert!(wrong.body.get("server_key").is_none(), "{wrong:?}");
        wrong.refused(403, "password_wrong");
    }
    assert_eq!(panel.post(&reveal, right.clone()).await.is(200)["server_key"], json!(first));

    // With a day of grace both keys work; without, the older ones are dead at once.
    let body = json!({"password": PASSWORD, "grace_seconds": DAY});
    let second = text(&panel.post(&rotate, body).await.is(200)["server_key"]);
    assert_ne!(second, first);
    assert!(works(server, &first).await && works(server, &second).await);
    assert_eq!(panel.post(&reveal, right.clone()).await.is(200)["server_key"], json!(second));
    let listed = panel.get("apps").await.is(200)["apps"][0]["keys"].take();
    let ends: Vec<_> =
        listed.as_array().expect("keys").iter().map(|k| k.get("expires_at")).collect();
    assert!(ends.len() == 2 && ends[0].is_none() && ends[1].is_some(), "{listed}");
    let third = text(&panel.post(&rotate, right).await.is(200)["server_key"]);
    assert!(!works(server, &first).await && !works(server, &second).await);
    assert!(works(server, &third).await);
}

#[tokio::test]
async fn keys_on_sqlite() {
    let server = TestServer::sqlite().await;
    keys_are_revealed_and_rotated(&Panel::signed_up(&server).await).await;
}

#[tokio::test]
async fn what_operators_do_is_written_down() {
    let server = TestServer::sqlite().await;
    let mut panel = Panel::signed_up(&server).await;
    let app = text(&panel.new_app("Shop").await["id"]);
    let answer = panel.post("login", credentials(OWNER, PASSWORD)).await;
    panel.cookie = cookie(&answer);
    let right = json!({"password": PASSWORD});
    panel.post(&format!("apps/{app}/reveal"), json!({"password": "wrong"})).await.is(403);
    panel.post(&format!("apps/{app}/reveal"), right.clone()).await.is(200);
    panel.post(&format!("apps/{app}/rotate"), right).await.is(200);
    panel.request("PATCH", &format!("apps/{app}")).json(json!({"name": "S"})).send().await.is(200);
    let file = server.data.join("snug.sqlite");
    let data = server.stop_and_keep().await;
    let store = rusqlite::Connection::open(file).expect("the store's file");
    let mut rows =
        store.prepare("SELECT action, app, operator FROM audit ORDER BY n").expect("SQL");
    let row = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(String, Option<String>, bool)> {
        Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?.is_some()))
    };
    let rows: Vec<_> =
        rows.query_map([], row).expect("rows").map(|row| row.expect("a row")).collect();
    let app = Some(app);
    let expected = [
        ("signup", None),
        ("app.create", app.clone()),
        ("login", None),
        ("key.reveal", app.clone()),
        ("key.rotate", app.clone()),
        ("app.update", app),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(action, app)| (action.to_owned(), app, true)).collect();
    assert_eq!(rows, expected);
    drop(data);
}
