//! Who is there, as one who subscribed to it hears.

use serde_json::{Value, json};
use snug_core::model::AppPolicy;

use super::ddp::Ddp;
use super::{Login, Rocket, success};
use crate::harness::TestServer;

const STREAM: &str = "stream-notify-logged";

/// The next status that is told: whose, and its number.
async fn told(ddp: &mut Ddp) -> (String, u64) {
    let args = ddp.event(STREAM, "user-status").await;
    assert_eq!((&args[0][0], &args[0][3]), (&args[0][1], &json!("")), "{args}");
    let user = args[0][0].as_str().expect("an id").to_owned();
    (user, args[0][2].as_u64().expect("a number"))
}

async fn presence(rocket: &Rocket, login: &Login) -> Value {
    success(rocket.get(login, "users.getPresence?userId=bob").await)["presence"].clone()
}

#[tokio::test]
async fn rocketchat_tells_who_comes_and_goes() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
    let mut watcher = Ddp::enter(&server, &ann).await;
    watcher.subscribe(STREAM, json!(["user-status", false])).await;
    // Another app's people are none of hers.
    let other = Rocket::on(&server).await;
    let stranger = other.user("zoe").await;
    let _zoe = Ddp::enter(&server, &stranger).await;
    let mut first = Ddp::enter(&server, &bob).await;
    assert_eq!(told(&mut watcher).await, ("bob".to_owned(), 1));
    assert_eq!(presence(&rocket, &ann).await, "online");
    first.call("UserPresence:away", json!([])).await;
    assert_eq!(told(&mut watcher).await, ("bob".to_owned(), 2));
    assert_eq!(presence(&rocket, &ann).await, "away");
    first.call("UserPresence:setDefaultStatus", json!(["busy"])).await;
    assert_eq!(told(&mut watcher).await, ("bob".to_owned(), 3));
    let refused = first.refused("UserPresence:setDefaultStatus", json!(["asleep"])).await;
    assert_eq!(refused["error"], "error-invalid-status");
    first.call("UserPresence:online", json!([])).await;
    assert_eq!(told(&mut watcher).await, ("bob".to_owned(), 1));
    // By REST, for good; not of others.
    let busy = json!({"status": "busy", "message": "at lunch"});
    success(rocket.post(&bob, "users.setStatus", busy).await);
    assert_eq!(told(&mut watcher).await, ("bob".to_owned(), 3));
    let shown = success(rocket.get(&ann, "users.getStatus?userId=bob").await);
    assert_eq!((&shown["status"], &shown["_id"]), (&json!("busy"), &json!("bob")));
    // Clients say by themselves that they are there: that does not undo it.
    first.call("UserPresence:online", json!([])).await;
    assert_eq!(told(&mut watcher).await, ("bob".to_owned(), 3));
    let other_s = json!({"status": "away", "userId": "bob"});
    rocket.post(&ann, "users.setStatus", other_s).await.is(403);
    for wrong in [json!({"status": "asleep"}), json!({})] {
        rocket.post(&bob, "users.setStatus", wrong).await.is(400);
    }
    success(rocket.post(&bob, "users.setStatus", json!({"status": "online"})).await);
    assert_eq!(told(&mut watcher).await, ("bob".to_owned(), 1));
    // A reconnect is not told as an end: what is heard of Bob next is that he is there.
    drop(first);
    while presence(&rocket, &ann).await != "offline" {
        tokio::task::yield_now().await;
    }
    let second = Ddp::enter(&server, &bob).await;
    assert_eq!(told(&mut watcher).await, ("bob".to_owned(), 1));
    drop(second);
    assert_eq!(told(&mut watcher).await, ("bob".to_owned(), 0));
    assert_eq!(presence(&rocket, &ann).await, "offline");
    // A native connection is a connection.
    let (_, native) = rocket.app.enter("bob").await;
    assert_eq!(told(&mut watcher).await, ("bob".to_owned(), 1));
    drop(native);
    // Nothing more is told after the subscription's end.
    let id = format!("{STREAM} {}", json!(["user-status", false]));
    watcher.say(json!({"msg": "unsub", "id": id})).await;
    watcher.frame("nosub", |one| one["msg"] == "nosub" && one["id"] == *id).await;
    let _third = Ddp::enter(&server, &bob).await;
    watcher.silent(STREAM).await;
    assert!(server.stop().await);
}

/// Who does not want to be seen natively is not seen here, with connections of either kind.
#[tokio::test]
async fn rocketchat_shows_an_invisible_user_as_offline() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
    let mut watcher = Ddp::enter(&server, &ann).await;
    watcher.subscribe(STREAM, json!(["user-status", false])).await;
    let _ddp = Ddp::enter(&server, &bob).await;
    assert_eq!(told(&mut watcher).await, ("bob".to_owned(), 1));
    let (_, mut native) = rocket.app.enter("bob").await;
    native.request("me.update", json!({"invisible": true})).await;
    assert_eq!(told(&mut watcher).await, ("bob".to_owned(), 0));
    assert_eq!(presence(&rocket, &ann).await, "offline");
    // A connection that comes then is none that others see, whatever its client says.
    let mut second = Ddp::enter(&server, &bob).await;
    second.call("UserPresence:online", json!([])).await;
    success(rocket.post(&bob, "users.setStatus", json!({"status": "busy"})).await);
    assert_eq!(presence(&rocket, &ann).await, "offline");
    native.request("me.update", json!({"invisible": false})).await;
    // What is told first is that he is back, as he said meanwhile.
    assert_eq!(told(&mut watcher).await, ("bob".to_owned(), 3));
    assert_eq!(presence(&rocket, &ann).await, "busy");
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_tells_presence_to_who_may_list_the_users() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::under(&server, AppPolicy::BackendOnly).await;
    let ann = rocket.user("ann").await;
    let mut ddp = Ddp::enter(&server, &ann).await;
    let sub = json!({"msg": "sub", "id": "s", "name": STREAM, "params": ["user-status", false]});
    ddp.say(sub).await;
    let answer =
        ddp.frame("an answer", |one| one["id"] == "s" || one["subs"] == json!(["s"])).await;
    assert_eq!(
        (&answer["msg"], &answer["error"]["error"]),
        (&json!("nosub"), &json!("error-unauthorized"))
    );
    let mut admin = Ddp::enter(&server, &rocket.admin).await;
    admin.subscribe(STREAM, json!(["user-status", false])).await;
    let _bob = Ddp::enter(&server, &rocket.user("bob").await).await;
    assert_eq!(told(&mut admin).await, ("bob".to_owned(), 1));
    assert!(server.stop().await);
}
