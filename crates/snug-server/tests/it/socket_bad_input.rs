//! Bad input at the socket: each gets its documented answer or close code, while a pair keeps
//! chatting without a disconnect, a gap or disorder.

mod crowd;
mod pair;
pub(crate) mod raw;

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use snug_core::limits;
use tokio::net::TcpSocket;

use crate::harness::{Door, Socket, TestApp, TestServer, text, within};
use crowd::Crowd;
use pair::Pair;
use raw::{Opcode, Raw};

async fn live_connections(app: &TestApp) -> u64 {
    let metrics = app.request("GET", "/metrics").send().await.text;
    let live = metrics.lines().find_map(|line| line.strip_prefix("snug_connections "));
    live.expect("the gauge").parse().expect("a number")
}

/// A frame that is no request is told in an `error` event.
async fn told(socket: &mut Socket, code: &str) {
    let problem = socket.event("error").await;
    assert_eq!(problem["code"], code, "{problem}");
}

#[tokio::test]
async fn wrong_frames_are_answered_where_they_have_an_id() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let mut pair = Pair::start(&app).await;
    let room = app.group(&["eve", "other"]).await;
    let foreign = app.group(&["other"]).await;
    let (_, mut eve) = app.enter("eve").await;
    pair.loud();
    let long = "x".repeat(limits::TEXT_BYTES_MAX + 1);
    let deep = "[".repeat(limits::JSON_DEPTH_MAX + 1) + &"]".repeat(limits::JSON_DEPTH_MAX + 1);
    let deep: Value = serde_json::from_str(&deep).expect("JSON");
    for (op, data, code, field) in [
        ("fly", json!({}), "unknown_operation", "op"),
        ("message.send", json!({"text": "x"}), "missing_field", "data.room"),
        ("message.send", json!({"room": [room], "text": "x"}), "invalid_field", "data.room"),
        ("message.send", json!({"room": room, "text": 7}), "invalid_field", "data.text"),
        ("message.send", json!({"room": room, "text": long}), "too_large", ""),
        ("message.send", json!({"room": room, "custom": deep}), "malformed_json", ""),
        ("message.send", json!({"room": room, "id": "a b", "text": "x"}), "invalid_field", ""),
        ("message.send", json!({"room": "nowhere", "text": "x"}), "room_not_found", ""),
        ("message.send", json!({"room": foreign, "text": "x"}), "not_a_member", ""),
        ("room.open", json!({"room": "nowhere"}), "room_not_found", ""),
        ("room.open", json!({"room": foreign}), "not_a_member", ""),
        ("read", json!({"room": room, "seq": -1}), "invalid_field", "data.seq"),
        ("read", json!({"room": room, "seq": 1.5}), "invalid_field", "data.seq"),
        ("history", json!({"room": room, "limit": 0}), "invalid_field", ""),
        ("sync", json!({"cursor": "!"}), "invalid_field", ""),
        ("typing", json!("on"), "invalid_field", "data"),
        ("session.refresh", json!({"token": "x"}), "token_invalid", ""),
        ("auth", json!({"token": "x"}), "invalid_field", "op"),
    ] {
        let problem = eve.refused(op, data, code).await;
        assert_eq!(problem["type"], format!("/docs/errors#{code}"));
        if !field.is_empty() {
            assert_eq!(problem["field"], field, "{op}: {problem}");
        }
    }
    eve.send(r#"{"id": "named", "data": {}}"#).await;
    assert_eq!(eve.answer("named").await["error"]["code"], "missing_field");
    app.backend_ok("DELETE", &format!("rooms/{room}/members/eve"), Value::Null).await;
    eve.refused("message.send", json!({"room": room, "text": "x"}), "not_a_member").await;
    eve.settle().await;
    drop(eve);
    pair.end().await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn garbage_is_told_twenty_times_and_then_ends() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let mut pair = Pair::start(&app).await;
    let (_, mut eve) = app.enter("eve").await;
    pair.loud();
    let nested = "[".repeat(20_000);
    let wrong = ["", "{", "nonsense", "[1,2]", "7", "null", "\"x\"", "{\"id\": {}}", &nested];
    for frame in wrong {
        eve.send(frame).await;
        let problem = eve.event("error").await;
        let code = text(&problem["code"]);
        let known = ["malformed_json", "invalid_field", "missing_field"];
        assert!(known.contains(&code.as_str()), "{frame:.20}: {problem}");
    }
    let most = usize::try_from(limits::REFUSED_FRAMES_MAX).expect("a small number");
    for _ in wrong.len()..most {
        eve.send_binary(vec![0xff, 0x00, 0xc3, 0x28]).await;
        told(&mut eve, "malformed_json").await;
    }
    eve.settle().await;
    eve.send_binary(vec![0x80]).await;
    assert_eq!(eve.closed_because().await, (4206, "protocol_error".to_owned()));
    pair.end().await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn broken_frames_end_with_their_code() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let mut pair = Pair::start(&app).await;
    let ping = br#"{"id":1,"op":"ping"}"#;
    let over = vec![b'x'; limits::FRAME_BYTES_MAX + 1];
    let huge = vec![b'x'; 4 * 1_024 * 1_024];
    let half = vec![b'x'; limits::FRAME_BYTES_MAX / 2 + 1];
    let in_parts = [
        raw::frame(0x01, &half, true),
        raw::frame(0x00, &half, true),
        raw::frame(0x80, &half, true),
    ];
    pair.loud();
    for (what, bytes, code) in [
        ("not masked", raw::frame(0x81, ping, false), 4206),
        ("reserved bits", raw::frame(0xf1, ping, true), 4206),
        ("an unknown opcode", raw::frame(0x83, ping, true), 4206),
        ("a continuation of nothing", raw::frame(0x80, ping, true), 4206),
        ("text that is not UTF-8", raw::frame(0x81, &[0xff, 0xfe], true), 4206),
        ("a ping in parts", raw::frame(0x09, b"", true), 4206),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec(), 4206),
        ("one byte too many", raw::frame(0x81, &over, true), 4207),
        ("megabytes", raw::frame(0x82, &huge, true), 4207),
        ("too much in parts", in_parts.concat(), 4207),
        ("2^63 bytes announced", vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 4207),
    ] {
        // Each with a token of its own: who was closed for this comes back later.
        let opened = app.open_session("eve").await;
        let path = format!("/v1/socket/{}", opened.token);
        let mut raw = Raw::connect(app.address, &path).await;
        raw.event("hello").await;
        raw.write(&bytes).await;
        if code == 4207 {
            assert_eq!(raw.event("error").await["code"], "too_large", "{what}");
        }
        assert_eq!(raw.closed().await, Some(code), "{what}");
    }
    pair.end().await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn without_a_token_a_connection_ends_when_its_time_is_over() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let mut pair = Pair::start(&app).await;
    let half = &raw::frame(0x81, br#"{"id":1,"op":"auth","data":{"token":"x"}}"#, true)[..9];
    let ping = raw::frame(0x81, br#"{"id":1,"op":"ping"}"#, true);
    let began = tokio::time::Instant::now();
    pair.loud();
    let firsts = [Vec::new(), half.to_vec(), ping, raw::frame(0x89, b"", true)];
    let ends = firsts.iter().map(|first| async {
        let mut raw = Raw::connect(app.address, "/v1/socket").await;
        raw.write(first).await;
        assert_eq!(raw.event("error").await["code"], "token_missing");
        assert_eq!(raw.closed().await, Some(4101));
    });
    let refused = async {
        let mut socket = Socket::connect(app.address, Door::FirstFrame, "x").await;
        assert_eq!(socket.answer("auth").await["error"]["code"], "token_invalid");
        told(&mut socket, "token_invalid").await;
        assert_eq!(socket.closed().await, 4204);
    };
    tokio::join!(join_all(ends), refused);
    assert!(began.elapsed() >= Duration::from_millis(limits::AUTH_TIMEOUT_MS));
    pair.end().await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn ten_thousand_without_a_token_disturb_nobody() {
    crowd::open_many_files();
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let mut pair = Pair::start(&app).await;
    pair.loud();
    let mut crowd = Crowd::start(app.address);
    crowd.says("upgraded").await;
    pair.go_on(20).await;
    assert_eq!(live_connections(&app).await, 2, "the pair, and nobody without a token");
    // Each of them was told `token_missing` and closed with 4101.
    crowd.says("ended").await;
    pair.end().await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn line_13_a_slow_reader_is_never_waited_for() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let mut pair = Pair::start(&app).await;
    let room = app.group(&["loud", "slow", "eve"]).await;
    let ((_, mut loud), (_, mut eve)) = (app.enter("loud").await, app.enter("eve").await);
    let slow = app.open_session("slow").await;
    let narrow = TcpSocket::new_v4().expect("a socket");
    narrow.set_recv_buffer_size(4_096).expect("a socket option");
    let stream = narrow.connect(app.address).await.expect("the server listens");
    let mut slow = Raw::over(stream, &format!("/v1/socket?token={}", slow.token)).await;
    slow.event("hello").await;
    let open = json!({"id": 1, "op": "room.open", "data": {"room": room}}).to_string();
    slow.write(&raw::frame(0x81, open.as_bytes(), true)).await;
    eve.request("room.open", json!({"room": room})).await;
    let all = live_connections(&app).await;
    pair.loud();
    let (big, mut sent) = ("x".repeat(limits::TEXT_BYTES_MAX), 0_u64);
    while live_connections(&app).await == all {
        let send = json!({"room": room, "text": big, "custom": {"x": &big[..16_000]}});
        sent = loud.request("message.send", send).await["message"]["seq"].as_u64().expect("a seq");
        assert!(sent < 1_000, "32 MB wait for one reader and it is not closed");
    }
    for seq in 1..=sent {
        assert_eq!(eve.event("message.new").await["message"]["seq"], seq);
    }
    assert_eq!(slow.closed().await, Some(4001));
    let bound = limits::CONNECTION_QUEUE_BYTES_MAX;
    println!("closed after {sent} messages of 32 KB; its queue holds {bound} bytes");
    drop((loud, eve));
    pair.end().await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_flood_is_refused_and_then_ends() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let mut pair = Pair::start(&app).await;
    let (_, mut eve) = app.enter("eve").await;
    let mallory = app.open_session("mallory").await;
    let mut mallory = Raw::connect(app.address, &format!("/v1/socket/{}", mallory.token)).await;
    mallory.event("hello").await;
    pair.loud();
    let mut ids = Vec::new();
    for _ in 0..2_000 {
        ids.push(eve.begin("ping", json!({})).await);
    }
    let mut refused = 0;
    for id in &ids {
        let answer = eve.answer(id).await;
        if answer["ok"] == true {
            continue;
        }
        assert_eq!(answer["error"]["code"], "rate_limited");
        assert!(answer["error"]["retry_after_ms"].as_u64().is_some_and(|wait| wait > 0));
        refused += 1;
        if refused == limits::REFUSED_FRAMES_MAX {
            break;
        }
    }
    assert_eq!(eve.closed_because().await, (4208, "flooding".to_owned()));
    mallory.write(&raw::frame(0x89, b"", true).repeat(2_000)).await;
    assert_eq!(mallory.closed().await, Some(4208), "pings are frames too");
    assert!(mallory.count(Opcode::Pong) <= 2_000);
    pair.end().await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn who_comes_back_without_pause_waits_and_nobody_else_does() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let mut pair = Pair::start(&app).await;
    let [mallory, over] = [app.open_session("mallory").await, app.open_session("over").await];
    let over_path = format!("/v1/socket/{}", over.token);
    let over = raw::frame(0x81, &vec![b'x'; limits::FRAME_BYTES_MAX + 1], true);
    // The burst is spent with two; who just comes back is let in twenty times.
    let fined = 2 + limits::ARRIVALS_BURST / (1 + limits::ARRIVALS_FINE);
    pair.loud();
    let began = tokio::time::Instant::now();
    let again = async {
        for _ in 0..limits::ARRIVALS_BURST + 4 {
            drop(app.socket(&mallory.token).await);
        }
        began.elapsed()
    };
    let worse = async {
        for _ in 0..fined {
            let mut raw = Raw::connect(app.address, &over_path).await;
            raw.write(&over).await;
            assert_eq!(raw.closed().await, Some(4207));
        }
        began.elapsed()
    };
    let others = async {
        for number in 0..4 {
            app.enter(&format!("eve{number}")).await;
        }
        began.elapsed()
    };
    let (again, worse, others) = tokio::join!(again, worse, others);
    assert!(again >= Duration::from_secs(3) / limits::ARRIVALS_PER_SECOND, "{again:?}");
    assert!(others < again, "{others:?}, {again:?}");
    assert!(worse >= Duration::from_secs(5) / limits::ARRIVALS_PER_SECOND, "{worse:?}");
    pair.end().await;
    assert!(server.stop().await);
}

/// From one address, to one app, all in one moment.
#[tokio::test]
async fn a_whole_company_comes_back_after_a_restart() {
    const COMPANY: usize = 300;
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let users: Vec<_> = (0..COMPANY).map(|number| format!("user{number}")).collect();
    let all: Vec<_> = users.iter().map(String::as_str).collect();
    app.group(&all).await;
    let mut tokens = Vec::new();
    for user in &users {
        tokens.push(app.open_session(user).await.token);
    }
    let server = server.restart().await;
    let address = server.address();
    let began = tokio::time::Instant::now();
    let back = tokens.iter().enumerate().map(|(number, token)| async move {
        let door = Door::ALL[number % Door::ALL.len()];
        let mut socket = Socket::connect(address, door, token).await;
        let entered = socket.entered().await;
        (socket, entered)
    });
    let back = join_all(back).await;
    for (_, entered) in &back {
        assert!(entered.is_ok(), "{entered:?}");
    }
    let took = began.elapsed();
    println!("{COMPANY} were back after {took:?}");
    assert!(took < Duration::from_millis(limits::ARRIVAL_WAIT_MS_MAX), "{took:?}");
    drop(back);
    assert!(server.stop().await);
}

#[tokio::test]
async fn more_open_rooms_than_allowed_are_refused() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let (_, mut eve) = app.enter("eve").await;
    let mut rooms = Vec::new();
    for _ in 0..=limits::OPEN_ROOMS_MAX {
        rooms.push(app.group(&["eve"]).await);
    }
    let (last, first) = rooms.split_last().expect("some");
    for room in first {
        eve.request("room.open", json!({"room": room})).await;
    }
    let refused = eve.refused("room.open", json!({"room": last}), "too_large").await;
    assert!(text(&refused["expected"]).contains("100"), "{refused}");
    eve.request("room.open", json!({"room": first[0]})).await;
    eve.request("room.close", json!({"room": first[0]})).await;
    eve.request("room.open", json!({"room": last})).await;
    drop(eve);
    assert!(server.stop().await);
}

#[tokio::test]
async fn what_is_no_upgrade_is_told_so() {
    let server = TestServer::sqlite().await;
    let whole = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for missing in 1..=whole.len() {
        let mut request = server.request("GET", "/v1/socket");
        for (name, value) in &whole[..missing] {
            let value = if *name == whole[missing - 1].0 { "8" } else { value };
            request = request.header(name, value);
        }
        if missing == whole.len() {
            // All there but the key.
            request = server.request("GET", "/v1/socket");
            for (name, value) in &whole[..3] {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await;
        assert_eq!(answer.header("upgrade"), Some("websocket"));
        assert_eq!(answer.is(426)["code"], "invalid_field");
    }
    within("the stop", server.stop()).await;
}
