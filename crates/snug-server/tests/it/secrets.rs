//! No token, key or password of a run in its logs, metrics or errors.

use serde_json::{Value, json};

use crate::harness::{Door, Socket, TestApp, TestServer, logs, segment, text};

const PASSWORD: &str = "a password that nobody logs";

/// Everything that was secret in the run, and everything that was answered as an error.
#[derive(Default)]
struct Run {
    secrets: Vec<String>,
    errors: Vec<String>,
}

impl Run {
    fn secret(&mut self, secret: &str) -> String {
        assert!(secret.len() >= 16, "too short to be looked for: {secret}");
        self.secrets.push(secret.to_owned());
        secret.to_owned()
    }

    /// Shows a token at every door and keeps what is said about it.
    async fn show(&mut self, app: &TestApp, token: &str) {
        for (method, path) in
            [("GET", "/v1/me"), ("POST", "/v1/rooms"), ("GET", "/v1/server/users/u")]
        {
            let answer = app.api(method, path, Value::Null, token).await;
            if answer.status >= 400 {
                self.errors.push(format!("{:?} {}", answer.headers, answer.text));
            }
        }
        for door in Door::ALL {
            let mut socket = Socket::connect(app.address, door, token).await;
            if let Err(problem) = socket.entered().await {
                let (_, reason) = socket.closed_because().await;
                self.errors.push(format!("{problem} {reason}"));
            }
        }
        for path in [format!("/v1/socket/{token}"), format!("/v1/socket?token={token}")] {
            let answer = app.request("GET", &path).send().await;
            assert_eq!(answer.status, 426, "no upgrade");
            self.errors.push(answer.text);
        }
        let nowhere = app.request("GET", &format!("/nowhere/{token}?token={token}")).bearer(token);
        self.errors.push(nowhere.send().await.text);
        self.show_elsewhere(app, token).await;
    }
}

impl Run {
    fn refusal(&mut self, answer: &crate::harness::Answer) {
        if answer.status >= 400 {
            self.errors.push(format!("{:?} {}", answer.headers, answer.text));
        }
    }

    /// Where other systems' clients and pages in frames have a token.
    async fn show_elsewhere(&mut self, app: &TestApp, token: &str) {
        let coded = segment(token);
        for path in [
            format!("/socket/{coded}"),
            format!("/socket/?token={coded}"),
            format!("/websocket?token={coded}"),
            format!("/api/v1/rooms.get?resumeToken={coded}"),
            format!("/channel/general?layout=embedded&resumeToken={coded}"),
            format!("/embed/rooms/r?code={coded}"),
            format!("/socket.io/?EIO=4&transport=polling&token={coded}"),
            format!("/ecb/getThreads?userToken={coded}"),
        ] {
            let answer = app.request("GET", &path).send().await;
            self.refusal(&answer);
        }
        for (path, header) in [
            ("/server-to-server/v1/ping/", "X-Application-Secret"),
            ("/socket/", "X-TOKEN"),
            ("/api/v1/me", "X-Auth-Token"),
            ("/me", "IM-Authorization"),
            ("/me", "IM-CLIENT-KEY"),
            ("/admin/clients", "IM-API-KEY"),
        ] {
            let answer = app.request("GET", path).header(header, token).send().await;
            self.refusal(&answer);
        }
        let body = json!({"user": "nobody", "password": token, "resume": token});
        let answer = app.request("POST", "/api/v1/login").json(body).send().await;
        self.refusal(&answer);
    }
}

async fn conversation(run: &mut Run, app: &TestApp) {
    let ann = app.page("ann").await;
    let (bob, mut socket) = app.enter("bob").await;
    run.secret(&ann.opened.token);
    run.secret(&bob.token);
    let room = app.direct("ann", "bob").await;
    socket.request("room.open", json!({"room": room})).await;
    let text_of = run.secret("what people say to each other is nobody's business");
    ann.post(&format!("rooms/{room}/messages"), json!({"text": text_of})).await.is(201);
    socket.event("message.new").await;
    let custom = run.secret("a-coupon-code-of-a-customer");
    socket.request("message.send", json!({"room": room, "custom": {"code": custom}})).await;
    let push = run.secret("fcm:a-push-token-of-a-device");
    let body = json!({"user": "ann", "device": "phone", "push_token": push});
    let phone = app.backend("POST", "sessions", body).await.is(201);
    run.secret(&text(&phone["token"]));

    let fresh = ann.post("session/refresh", json!({})).await.is(200);
    let fresh = run.secret(&text(&fresh["token"]));
    let live = socket.request("session.refresh", json!({})).await;
    let live = run.secret(&text(&live["token"]));
    let minted = crate::sessions::minted::Mint::of(app, "mia");
    let (minted, wrong) = (run.secret(&minted.sign()), run.secret(&minted.sign_512()));
    for token in [&ann.opened.token, &fresh, &live, &minted, &wrong, &app.key] {
        run.show(app, token).await;
    }
    app.backend("POST", "sessions/revoke", json!({"user": "ann"})).await.is(200);
    app.backend("POST", "users/bob/deactivate", Value::Null).await.is(200);
    for token in [&fresh, &live, &minted] {
        run.show(app, token).await;
    }
    // Bodies that cannot be taken are not repeated, wherever the secret stands in them.
    for body in [
        format!("{{\"token\":\"{fresh}\""),
        fresh.clone(),
        json!({"user": {"token": fresh}, "device": "d"}).to_string(),
        json!({"user": "u", "device": "d", "ttl_seconds": fresh}).to_string(),
    ] {
        let call = app.request("POST", "/v1/server/sessions").bearer(&app.key).raw(body);
        run.errors.push(call.send().await.text);
    }
    let mut socket = app.enter("carl").await.1;
    for frame in [
        fresh.clone(),
        json!({"id": "x", "op": fresh}).to_string(),
        json!({"id": "x", "op": "session.refresh", "data": {"token": [fresh]}}).to_string(),
        json!({"id": "y", "op": "session.refresh", "data": {"token": fresh}}).to_string(),
    ] {
        socket.send(&frame).await;
    }
    run.errors.push(socket.answer("y").await.to_string());
    run.errors.extend(socket.events.drain(..).map(|(_, data)| data.to_string()));
}

/// Secrets of other systems' wires, at their own doors while these are open.
async fn other_wires(run: &mut Run, server: &TestServer) {
    let vendor = crate::i2a::Vendor::beside(server, server.app().await).await;
    run.secret(&vendor.secret);
    let token = run.secret(&vendor.token("ida", "phone").await);
    let mut socket = vendor.upgrade(&format!("/socket/{}", segment(&token)), None).await;
    socket.say(json!({"type": "NONSENSE", "token": token})).await;
    run.errors.push(socket.next("ERROR").await.to_string());
    let rocket = crate::rocketchat::Rocket::beside(server, server.app().await).await;
    let login = rocket.user("zed").await;
    for secret in [&rocket.admin.token, &rocket.password, &login.token] {
        run.secret(secret);
    }
    run.secret("zed-password-of-nobody-else");
    let wrong = json!({"user": "zed", "password": "zed-password-of-nobody-else"});
    run.errors.push(rocket.post(&login, "login", wrong).await.text);
    let imkit = crate::imkit::Imkit::beside(server, server.app().await).await;
    let token = imkit.token("kim").await;
    for secret in [&imkit.keys.api_key, &token] {
        run.secret(secret);
    }
    let path = format!("/rooms?token={}", segment(&token));
    imkit.user(&token, "GET", &path, json!({"token": token})).await;
    for secret in [&vendor.secret, &login.token, &imkit.keys.api_key, &token] {
        run.show_elsewhere(&vendor.app, secret).await;
    }
}

async fn panel(run: &mut Run, server: &TestServer) {
    let call = |method: &str, path: &str| {
        server.request(method, &format!("/panel/api/{path}")).header("X-Snug-Panel", "1")
    };
    let password = run.secret(PASSWORD);
    let wrong = run.secret("another password that is wrong");
    let credentials = |password: &str| json!({"email": "o@shop.example", "password": password});
    let answer = call("POST", "signup").json(credentials(&password)).send().await;
    let cookie = answer.header("set-cookie").and_then(|set| set.split(';').next()).expect("cookie");
    let cookie = cookie.to_owned();
    run.secret(cookie.split_once('=').expect("a pair").1);
    for (path, body) in [
        ("signup", credentials(&wrong)),
        ("login", credentials(&wrong)),
        ("login", json!({"email": wrong, "password": password, "x": [password]})),
        ("login", json!({"email": [password], "password": wrong})),
    ] {
        run.errors.push(call("POST", path).json(body).send().await.text);
    }
    let body = json!({"name": "Shop", "policy": "open"});
    let made = call("POST", "apps").header("Cookie", &cookie).json(body).send().await.is(201);
    run.secret(&text(&made["server_key"]));
    let path = format!("apps/{}", text(&made["id"]));
    for (action, password) in [("reveal", &password), ("rotate", &password), ("reveal", &wrong)] {
        let call = call("POST", &format!("{path}/{action}")).header("Cookie", &cookie);
        let answer = call.json(json!({"password": password})).send().await;
        match answer.status {
            200 => drop(run.secret(&text(&answer.body["server_key"]))),
            _ => run.errors.push(answer.text),
        }
    }
}

#[tokio::test]
async fn no_secret_of_a_run_is_logged_measured_or_answered() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let mut run = Run::default();
    run.secret(&app.key);
    conversation(&mut run, &app).await;
    panel(&mut run, &server).await;
    other_wires(&mut run, &server).await;
    let master = std::fs::read_to_string(server.data.join("master.key")).expect("the master key");
    run.secret(master.trim());
    let metrics = server.request("GET", "/metrics").send().await;
    assert!(metrics.text.contains("snug_http_answers"), "{}", metrics.text);
    let debug = format!("{server:?}");
    assert!(server.stop().await);
    // The search finds what is logged.
    tracing::info!(target: "snug_server", "the end of the run");
    let logged = logs().text();
    assert!(logged.contains("the end of the run"), "the log is kept");

    let mut places = vec![("log", logged), ("metrics", metrics.text), ("debug", debug)];
    places.extend(run.errors.into_iter().map(|error| ("error", error)));
    assert!(places.len() > 40, "errors were collected");
    for secret in &run.secrets {
        // The last part is what is secret of a key or token that begins with names.
        let tail = &secret[secret.len() - 16..];
        let tail = if secret.starts_with("snug_sk_") { tail } else { secret };
        // As it stands in a path.
        let coded = segment(secret);
        let parts = [secret.as_str(), tail, &coded];
        for (place, said) in &places {
            let hit = parts.iter().find(|part| said.contains(**part));
            assert!(hit.is_none(), "{hit:?} in the {place}: {said}");
        }
    }
}
