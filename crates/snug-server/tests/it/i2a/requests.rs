//! The socket's requests at their bounds.

use serde_json::{Value, json};

use super::{Vendor, said};
use crate::harness::{Request, TestServer, segment, text};

fn about(kind: &str, room: &str) -> Value {
    json!({"type": kind, "chat_room_identifier": room, "chat_room_identifiers": [room]})
}

#[tokio::test]
async fn a_socket_that_asks_elsewhere_is_told_where_it_listens() {
    let server = TestServer::sqlite().await;
    let vendor = Vendor::new(&server).await;
    let token = vendor.token("anna", "phone").await;
    let upgrade = |path: &str| -> Request {
        let request = server.request("GET", path).header("Upgrade", "websocket");
        request.header("Sec-WebSocket-Version", "13").header("Sec-WebSocket-Key", "x")
    };
    let said = "Socket server is listening under /socket path.";
    for path in ["/chat", "/chat/", "/ws"] {
        assert_eq!(upgrade(path).header("X-TOKEN", &token).send().await.said(404), said);
        let path = format!("{path}?token={}", segment(&token));
        assert_eq!(upgrade(&path).send().await.said(404), said);
    }
    // Anybody else's wrong path is told as everywhere.
    for request in [upgrade("/chat"), server.request("GET", "/chat").header("X-TOKEN", &token)] {
        request.send().await.refused(404, "unknown_operation");
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_second_socket_with_one_token_ends_the_first() {
    let server = TestServer::sqlite().await;
    let vendor = Vendor::new(&server).await;
    let room = vendor.room(&["anna", "ben"]).await;
    let token = vendor.token("anna", "phone").await;
    // The one that is let in later stays: the first is in before the second comes.
    let mut first = vendor.socket(&token).await;
    first.say(about("GET_UNREAD_MESSAGES_COUNT", &room)).await;
    first.next("GET_UNREAD_MESSAGES_COUNT").await;
    let mut second = vendor.socket(&token).await;
    first.closed().await;
    // Another device of the same user has a socket of its own.
    let mut tablet = vendor.socket(&vendor.token("anna", "tablet").await).await;
    // Both are known to be there before anything is said.
    for socket in [&mut second, &mut tablet] {
        socket.say(about("GET_UNREAD_MESSAGES_COUNT", &room)).await;
        socket.next("GET_UNREAD_MESSAGES_COUNT").await;
    }
    let mut ben = vendor.enter("ben").await;
    ben.say(said(&room, "for both")).await;
    for socket in [&mut second, &mut tablet] {
        assert_eq!(socket.next("ROUTABLE").await["message"], "for both");
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn pages_and_counts_have_their_bounds() {
    let server = TestServer::sqlite().await;
    let vendor = Vendor::new(&server).await;
    let room = vendor.room(&["anna", "ben"]).await;
    let (mut anna, mut ben) = (vendor.enter("anna").await, vendor.enter("ben").await);
    // A room without a message.
    ben.say(about("GET_LAST_CHAT_ROOM_MESSAGE", &room)).await;
    let last = ben.next("GET_LAST_CHAT_ROOM_MESSAGE").await["payload"][0].clone();
    let empty = json!({
        "chat_room_identifier": room, "has_unread_messages": false,
        "last_message_text": null, "message_timestamp_identifier": null,
    });
    assert_eq!(last, empty);
    ben.say(about("GET_UNREAD_MESSAGES_COUNT", &room)).await;
    let unread = ben.next("GET_UNREAD_MESSAGES_COUNT").await["payload"][0].clone();
    assert_eq!(unread["unread_messages_count"], 0);
    ben.say(about("GET_LAST_MESSAGES_READ", &room)).await;
    assert_eq!(ben.next("GET_LAST_MESSAGES_READ").await["payload"], json!([]));

    let mut at = 0;
    for index in 0..104 {
        anna.say(said(&room, &format!("words {index}"))).await;
        at = anna.next("ROUTABLE").await["message_timestamp_identifier"].as_i64().expect("a time");
    }
    ben.say(about("GET_UNREAD_MESSAGES_COUNT", &room)).await;
    let unread = ben.next("GET_UNREAD_MESSAGES_COUNT").await["payload"][0].clone();
    assert_eq!(unread["unread_messages_count"], 100, "99+");
    let mut ask = about("GET_HISTORY", &room);
    ask["from_message_timestamp_identifier"] = json!(at);
    for (limit, expected) in
        [(Value::Null, 20), (json!(7), 7), (json!(100), 100), (json!(1_000), 100)]
    {
        ask["limit"] = limit.clone();
        ben.say(ask.clone()).await;
        let page = ben.next("GET_HISTORY").await["payload"].clone();
        let page = page.as_array().expect("a list");
        // Strictly older than the moment, newest first.
        assert_eq!((page.len(), &page[0]["message"]), (expected, &json!("words 102")), "{limit}");
    }
    for nothing in [json!(0), json!(""), Value::Null] {
        ask["from_message_timestamp_identifier"] = nothing.clone();
        let field = ben.refused(ask.clone(), 10_005).await;
        assert_eq!(field["field_name"], "from_message_timestamp_identifier", "{nothing}");
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_private_mass_room_takes_two_requests_of_its_members() {
    let server = TestServer::sqlite().await;
    let vendor = Vendor::new(&server).await;
    let fields = [("application_users_identifiers", "anna"), ("type", "3")];
    let mass = text(&vendor.form("chat-room/", &fields).await.is(201)["identifier"]);
    let (mut anna, mut zoe) = (vendor.enter("anna").await, vendor.enter("zoe").await);
    anna.say(said(&mass, "among us")).await;
    let at = anna.next("ROUTABLE").await["message_timestamp_identifier"].as_i64().expect("a time");
    let mut history = about("GET_HISTORY", &mass);
    history["from_message_timestamp_identifier"] = json!(at + 1);
    anna.say(history.clone()).await;
    assert_eq!(anna.next("GET_HISTORY").await["payload"][0]["message"], "among us");
    for kind in [
        "SET_LAST_MESSAGE_READ",
        "GET_LAST_MESSAGES_READ",
        "GET_LAST_CHAT_ROOM_MESSAGE",
        "GET_UNREAD_MESSAGES_COUNT",
    ] {
        let mut ask = about(kind, &mass);
        ask["message_timestamp_identifier"] = json!(at);
        let extra = anna.refused(ask, 10_008).await;
        assert_eq!(extra, json!({"chat_room_type": "MASS_PRIVATE", "method_type": kind}));
    }
    // Not public: who does not belong to it neither reads nor writes.
    for ask in [said(&mass, "let me in"), history] {
        let extra = zoe.refused(ask, 10_001).await;
        let whole = json!({"chat_room_identifier": mass, "application_user_identifier": "zoe"});
        assert_eq!(extra, whole);
    }
    assert!(server.stop().await);
}
