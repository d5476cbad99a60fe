//! Every operation under every app policy, and what each role may do, over REST and the socket.

use serde_json::{Value, json};
use snug_core::model::{AppPolicy, Role, RoomKind};
use snug_core::policy::Operation;

use crate::harness::{Answer, Page, TestApp, TestServer, text};

/// What a page sends for an operation, at both doors. A new operation does not compile before it
/// is here.
struct Asked {
    method: &'static str,
    path: String,
    op: &'static str,
    body: Value,
}

/// The message that is in every room of these tests, by `ann`.
const MESSAGE: &str = "m1";

/// A room in which `ann` may do the operation, as far as it is hers to do.
async fn place(app: &TestApp, operation: Operation) -> String {
    let room = match operation {
        Operation::Join => {
            let body = json!({"kind": "channel", "members": ["bob"]});
            text(&app.backend_ok("POST", "rooms", body).await["id"])
        }
        Operation::Accept | Operation::Decline => {
            let room = app.group(&["bob"]).await;
            let asks = json!({"users": ["ann"], "invitation_required": true});
            app.backend("POST", &format!("rooms/{room}/members"), asks).await.is(200);
            room
        }
        _ => app.group(&["ann", "bob"]).await,
    };
    let first = json!({"id": MESSAGE, "sender": "bob", "text": "first"});
    let first = match operation {
        Operation::Accept | Operation::Decline => first,
        _ => json!({"id": MESSAGE, "sender": "ann", "text": "first"}),
    };
    app.backend("POST", &format!("rooms/{room}/messages"), first).await.is(201);
    room
}

fn asked(operation: Operation, room: &str, other: &str) -> Asked {
    let (method, rest, op, body) = match operation {
        Operation::EditMessage => {
            ("PATCH", "/messages/m1", "message.edit", json!({"text": "second"}))
        }
        Operation::DeleteMessage => ("DELETE", "/messages/m1", "message.unsend", Value::Null),
        Operation::React => ("PUT", "/messages/m1/reactions/%2B1", "message.react", Value::Null),
        Operation::PinMessage => ("PUT", "/messages/m1/pin", "message.pin", Value::Null),
        Operation::ReadVersions => {
            ("GET", "/messages/m1/versions", "message.versions", Value::Null)
        }
        Operation::Join => ("POST", "/join", "room.join", Value::Null),
        Operation::Accept => ("POST", "/accept", "room.accept", Value::Null),
        Operation::Decline => ("POST", "/decline", "room.decline", Value::Null),
        Operation::CreateRoom => ("POST", "", "room.create", json!({"kind": "group"})),
        Operation::CreateFromContact => {
            ("POST", "", "room.create", json!({"kind": "contact", "contact": other}))
        }
        Operation::UpdateRoom => ("PATCH", "", "room.update", json!({"name": "New"})),
        Operation::SetPolicy => {
            ("PATCH", "", "room.update", json!({"policy": {"react": "member"}}))
        }
        Operation::AddMembers => ("POST", "/members", "members.add", json!({"users": ["new"]})),
        Operation::RemoveMembers => {
            ("POST", "/members/remove", "members.remove", json!({"users": [other]}))
        }
        Operation::Leave => ("POST", "/leave", "room.leave", json!({})),
        Operation::Send => ("POST", "/messages", "message.send", json!({"text": "hi"})),
        Operation::MentionAll => {
            let called = json!({"text": "hi all", "mentions": {"everyone": true}});
            ("POST", "/messages", "message.send", called)
        }
        Operation::Read => ("GET", "/messages", "history", Value::Null),
        Operation::MarkRead => ("POST", "/read", "read", json!({"seq": 1})),
        Operation::SetOwn => ("PATCH", "/me", "mine.update", json!({"pinned": true})),
        Operation::Type => ("POST", "/typing", "typing", json!({"on": true})),
        Operation::ListRooms => ("GET", "", "rooms.list", Value::Null),
        Operation::UpdateProfile => ("PATCH", "", "me.update", json!({"name": "New"})),
    };
    let path = match operation {
        Operation::CreateRoom | Operation::CreateFromContact | Operation::ListRooms => {
            "rooms".to_owned()
        }
        Operation::UpdateProfile => "me".to_owned(),
        _ => format!("rooms/{room}{rest}"),
    };
    Asked { method, path, op, body }
}

/// The data of the socket's op: the REST body, with what the path says.
fn data(asked: &Asked, room: &str) -> Value {
    let mut data = if asked.body.is_null() { json!({}) } else { asked.body.clone() };
    if asked.path.starts_with("rooms/") {
        data["room"] = json!(room);
    }
    if asked.path.contains("/messages/") {
        data["id"] = json!(MESSAGE);
    }
    if asked.path.contains("/reactions/") {
        data["key"] = json!("+1");
    }
    if ["message.react", "message.pin"].contains(&asked.op) {
        data["on"] = json!(true);
    }
    data
}

#[tokio::test]
async fn every_operation_under_every_policy() {
    let refused = [
        Operation::CreateRoom,
        Operation::UpdateRoom,
        Operation::SetPolicy,
        Operation::AddMembers,
        Operation::RemoveMembers,
        Operation::Leave,
        Operation::Join,
    ];
    let server = TestServer::sqlite().await;
    for policy in [AppPolicy::Open, AppPolicy::BackendOnly] {
        let app = server.app_under(policy).await;
        let page = app.page("ann").await;
        let contacts = json!({"contacts": [{"id": "bob"}]});
        app.backend("PUT", "users/ann/contacts", contacts).await.is(204);
        let mut socket = app.socket(&page.opened.token).await;
        for operation in Operation::ALL {
            let expected = policy == AppPolicy::BackendOnly && refused.contains(&operation);
            let case = format!("{operation:?} under {policy:?}");
            let room = place(&app, operation).await;
            let by_rest = asked(operation, &room, "bob");
            let answer = page.call(by_rest.method, &by_rest.path, by_rest.body).await;
            if expected {
                answer.refused(403, "backend_only");
            } else {
                assert!((200..300).contains(&answer.status), "{case}: {answer:?}");
            }
            let room = place(&app, operation).await;
            let by_socket = asked(operation, &room, "bob");
            let answer = socket.ask(by_socket.op, data(&by_socket, &room)).await;
            if expected {
                assert_eq!(answer["error"]["code"], "backend_only", "{case}: {answer}");
            } else {
                assert_eq!(answer["ok"], true, "{case}: {answer}");
            }
        }
        // What belongs to the caller alone is under no policy.
        for path in ["me", "users?ids=bob"] {
            page.get(path).await.is(200);
        }
        let policy = page.get("me").await.is(200)["policy"].take();
        assert_eq!(policy, socket_policy(&app).await);
        let token = text(&page.post("session/refresh", Value::Null).await.is(200)["token"]);
        app.api("DELETE", "/v1/session", Value::Null, &token).await.is(204);
    }
}

async fn socket_policy(app: &TestApp) -> Value {
    let opened = app.open_session("eve").await;
    let door = crate::harness::Door::Query;
    let mut socket = crate::harness::Socket::connect(app.address, door, &opened.token).await;
    socket.event("hello").await["policy"].take()
}

/// Operations inside a room; the others name none.
fn in_a_room() -> impl Iterator<Item = Operation> {
    let outside = [
        Operation::CreateRoom,
        Operation::CreateFromContact,
        Operation::ListRooms,
        Operation::UpdateProfile,
    ];
    Operation::ALL.into_iter().filter(move |operation| !outside.contains(operation))
}

#[tokio::test]
async fn who_is_no_member_may_do_nothing_in_a_room() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let room = app.group(&["ann", "bob", "was-in"]).await;
    let path = format!("rooms/{room}/members/was-in");
    app.backend("DELETE", &path, Value::Null).await.is(200);
    let first = json!({"id": MESSAGE, "sender": "ann", "text": "first"});
    app.backend("POST", &format!("rooms/{room}/messages"), first).await.is(201);
    let before = app.backend("GET", &format!("rooms/{room}"), Value::Null).await.is(200);
    let page = app.backend("GET", &format!("rooms/{room}/messages"), Value::Null).await.is(200);
    let last = page["messages"].as_array().and_then(|all| all.last()).cloned();
    for user in ["stranger", "was-in"] {
        let page = app.page(user).await;
        let mut socket = app.socket(&page.opened.token).await;
        for operation in in_a_room() {
            let by_rest = asked(operation, &room, "bob");
            let answer = page.call(by_rest.method, &by_rest.path, by_rest.body.clone()).await;
            let code = match operation {
                Operation::Accept | Operation::Decline => "not_invited",
                _ => "not_a_member",
            };
            answer.refused(403, code);
            socket.refused(by_rest.op, data(&by_rest, &room), code).await;
            let nowhere = asked(operation, "none", "bob");
            let answer = page.call(nowhere.method, &nowhere.path, nowhere.body.clone()).await;
            answer.refused(404, "room_not_found");
            socket.refused(nowhere.op, data(&nowhere, "none"), "room_not_found").await;
        }
        for path in ["", "/members", "/sync?rev=0&epoch=x"] {
            page.get(&format!("rooms/{room}{path}")).await.refused(403, "not_a_member");
        }
    }
    // What is to be found by its id only is there, unchanged.
    let page = app.backend("GET", &format!("rooms/{room}/messages"), Value::Null).await.is(200);
    assert_eq!(page["messages"].as_array().and_then(|all| all.last()), last.as_ref());
    let after = app.backend("GET", &format!("rooms/{room}"), Value::Null).await.is(200);
    assert_eq!(after, before, "nothing was changed by them");
}

struct Cast {
    room: String,
    owner: Page,
    admin: Page,
    member: Page,
}

/// A group with an owner, two admins and members.
async fn cast(app: &TestApp) -> Cast {
    let room = app.group(&["owner", "m1", "m2", "m3", "m4"]).await;
    let add = json!({"users": ["admin", "admin2"], "role": "admin"});
    app.backend("POST", &format!("rooms/{room}/members"), add).await.is(200);
    let (owner, admin) = (app.page("owner").await, app.page("admin").await);
    Cast { room, owner, admin, member: app.page("m1").await }
}

impl Cast {
    async fn remove(&self, by: &Page, user: &str) -> Answer {
        by.call("DELETE", &format!("rooms/{}/members/{user}", self.room), Value::Null).await
    }

    async fn add(&self, by: &Page, user: &str, role: Value) -> Answer {
        let body = json!({"users": [user], "role": role});
        by.post(&format!("rooms/{}/members", self.room), body).await
    }

    async fn rename(&self, by: &Page) -> Answer {
        by.call("PATCH", &format!("rooms/{}", self.room), json!({"name": "New"})).await
    }
}

#[tokio::test]
async fn each_role_within_its_bounds() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let cast = cast(&app).await;
    let Cast { room, owner, admin, member } = &cast;

    for user in ["m2", "admin", "owner"] {
        cast.remove(member, user).await.refused(403, "role_too_low");
    }
    cast.rename(member).await.refused(403, "role_too_low");
    cast.add(member, "new1", Value::Null).await.is(200);
    for role in ["admin", "owner"] {
        cast.add(member, "new2", json!(role)).await.refused(403, "role_too_low");
        cast.add(admin, "new2", json!(role)).await.refused(403, "role_too_low");
    }

    cast.remove(admin, "m2").await.is(200);
    for user in ["admin2", "owner"] {
        cast.remove(admin, user).await.refused(403, "role_too_low");
    }
    // One that is too high spoils the whole list: nothing is done by halves.
    let both = json!({"users": ["m3", "admin2"]});
    let answer = admin.post(&format!("rooms/{room}/members/remove"), both).await;
    answer.refused(403, "role_too_low");
    let page = owner.get(&format!("rooms/{room}/members")).await.is(200);
    let users: Vec<_> = page["members"].as_array().expect("members").iter().collect();
    assert!(users.iter().any(|member| member["user"] == "m3"), "{page}");
    cast.rename(admin).await.is(200);

    cast.remove(owner, "m3").await.is(200);
    cast.remove(owner, "admin2").await.is(200);
    // Who left is passed over, whatever the role was; who is invited has the invitation's.
    cast.remove(admin, "admin2").await.is(200);
    let invite = json!({"users": ["admin2"], "role": "admin", "invitation_required": true});
    owner.post(&format!("rooms/{room}/members"), invite).await.is(200);
    cast.remove(admin, "admin2").await.refused(403, "role_too_low");
    cast.add(owner, "new-admin", json!("admin")).await.is(200);
    cast.rename(owner).await.is(200);

    // A frozen room is read, and nothing is said in it; its owner may still change it.
    app.backend("PATCH", &format!("rooms/{room}"), json!({"frozen": true})).await.is(200);
    for page in [owner, admin, member] {
        let path = format!("rooms/{room}/messages");
        page.post(&path, json!({"text": "hi"})).await.refused(403, "room_frozen");
        page.get(&path).await.is(200);
    }
    cast.rename(admin).await.refused(403, "room_frozen");
    cast.rename(owner).await.is(200);
}

#[tokio::test]
async fn a_page_speaks_for_its_own_user_only() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let page = app.page("ann").await;
    let room = app.group(&["ann", "bob"]).await;
    let path = format!("rooms/{room}/messages");
    let answer = page.post(&path, json!({"text": "hi", "sender": "bob"})).await;
    answer.refused_at(422, "invalid_field", "sender");
    let answer = page.post(&path, json!({"text": "hi", "kind": "system"})).await;
    answer.refused_at(422, "invalid_field", "kind");
    page.post(&path, json!({"text": "hi", "sender": "ann"})).await.is(201);
    // Nor makes a page a room in another's name.
    let body = json!({"kind": "group", "creator": "bob", "members": ["bob"]});
    let room = page.post("rooms", body).await.is(201);
    assert_eq!(room["creator"], "ann");
    let direct = app.direct("ann", "bob").await;
    for (path, body) in
        [("members", json!({"users": ["c"]})), ("members/remove", json!({"users": ["bob"]}))]
    {
        let answer = page.post(&format!("rooms/{direct}/{path}"), body).await;
        answer.refused_at(422, "invalid_field", "room");
    }
}

#[tokio::test]
async fn a_changed_policy_holds_for_connections_that_are_open() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let (opened, mut socket) = app.enter("ann").await;
    socket.request("room.create", json!({"kind": "group"})).await;
    let id = snug_core::ids::AppId::new(&app.id).expect("an app id");
    let policy = Some(AppPolicy::BackendOnly);
    let patch = snug_core::model::AppPatch { name: None, policy, development: None, origins: None };
    server.server().app().engine.update_app(&id, patch).await.expect("the app is changed");
    let create = json!({"kind": "group"});
    let answer = app.api("POST", "/v1/rooms", create.clone(), &opened.token).await;
    answer.refused(403, "backend_only");
    socket.refused("room.create", create, "backend_only").await;
}

/// A room of the kind in the state, in which `actor` has the role and has said something.
async fn stage(app: &TestApp, kind: RoomKind, role: Role, state: &str, at: usize) -> String {
    let room = if kind == RoomKind::Direct {
        let context = format!("stage {at}");
        let pair = json!({"kind": "direct", "users": ["actor", "other"], "context": context});
        text(&app.backend_ok("POST", "rooms", pair).await["id"])
    } else {
        let body = json!({"kind": kind.as_str(), "members": ["other"]});
        let room = text(&app.backend_ok("POST", "rooms", body).await["id"]);
        let add = json!({"users": ["actor"], "role": role.as_str()});
        app.backend("POST", &format!("rooms/{room}/members"), add).await.is(200);
        room
    };
    let first = json!({"id": MESSAGE, "sender": "actor", "text": "first"});
    app.backend("POST", &format!("rooms/{room}/messages"), first).await.is(201);
    if state != "open" {
        app.backend("PATCH", &format!("rooms/{room}"), json!({state: true})).await.is(200);
    }
    room
}

/// What is said to a member of this role. By hand: the match arms from which the table was made,
/// and what has come since.
fn told(operation: Operation, kind: RoomKind, role: Role, state: &str) -> Option<&'static str> {
    use Operation as O;
    let direct = kind == RoomKind::Direct;
    match operation {
        // Who is in already joins, and accepts, again without a word.
        O::Join => (kind != RoomKind::Channel).then_some("not_a_member"),
        O::Accept => direct.then_some("not_invited"),
        O::Decline => Some("not_invited"),
        O::Send
        | O::MentionAll
        | O::Type
        | O::EditMessage
        | O::React
        | O::PinMessage
        | O::AddMembers
            if state == "archived" =>
        {
            Some("room_archived")
        }
        O::Send | O::MentionAll | O::Type | O::EditMessage | O::React | O::PinMessage
            if state == "frozen" =>
        {
            Some("room_frozen")
        }
        O::UpdateRoom if state == "frozen" && role < Role::Owner => Some("room_frozen"),
        O::AddMembers | O::RemoveMembers | O::Leave | O::SetPolicy if direct => {
            Some("invalid_field")
        }
        O::UpdateRoom | O::RemoveMembers | O::ReadVersions if role < Role::Admin => {
            Some("role_too_low")
        }
        // Two who talk to each other pin for each other.
        O::PinMessage if !direct && role < Role::Admin => Some("role_too_low"),
        O::SetPolicy if role < Role::Owner => Some("role_too_low"),
        _ => None,
    }
}

#[tokio::test]
async fn every_cell_of_the_table() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let page = app.page("actor").await;
    let mut at = 0;
    for kind in [RoomKind::Direct, RoomKind::Group, RoomKind::Channel] {
        for role in [Role::Member, Role::Admin, Role::Owner] {
            // In a direct room both are members.
            if kind == RoomKind::Direct && role != Role::Member {
                continue;
            }
            for (state, operation) in ["open", "frozen", "archived"]
                .into_iter()
                .flat_map(|state| in_a_room().map(move |operation| (state, operation)))
            {
                at += 1;
                let room = stage(&app, kind, role, state, at).await;
                let asked = asked(operation, &room, "other");
                let answer = page.call(asked.method, &asked.path, asked.body).await;
                let told = told(operation, kind, role, state);
                let case = format!("{operation:?} by {role:?} in a {kind:?}, {state}: {answer:?}");
                match told {
                    None => assert!((200..300).contains(&answer.status), "{case}"),
                    Some(code) => assert_eq!(answer.body["code"], code, "{case}"),
                }
            }
        }
    }
}

/// A group whose policy is this, with `ann` its owner, `adam` an admin, `bob` a member.
async fn group_with(app: &TestApp, policy: Value) -> String {
    let body = json!({"kind": "group", "members": ["ann", "bob"], "creator": "ann",
        "policy": policy});
    let room = text(&app.backend_ok("POST", "rooms", body).await["id"]);
    let admin = json!({"users": ["adam"], "role": "admin"});
    app.backend("POST", &format!("rooms/{room}/members"), admin).await.is(200);
    let first = json!({"id": MESSAGE, "sender": "bob", "text": "first"});
    app.backend("POST", &format!("rooms/{room}/messages"), first).await.is(201);
    room
}

#[tokio::test]
async fn a_room_says_otherwise_than_the_table() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let pages = [
        (Role::Owner, app.page("ann").await),
        (Role::Admin, app.page("adam").await),
        (Role::Member, app.page("bob").await),
    ];
    for operation in in_a_room().filter(|operation| operation.rule().ruled.is_some()) {
        let name = operation.rule().ruled.expect("it is ruled").as_str();
        for least in [Role::Member, Role::Admin, Role::Owner] {
            for (role, page) in &pages {
                let room = group_with(&app, json!({name: least.as_str()})).await;
                let other = if *role == Role::Member { "cleo" } else { "bob" };
                if other == "cleo" {
                    let add = json!({"users": [other]});
                    app.backend("POST", &format!("rooms/{room}/members"), add).await.is(200);
                }
                let asked = asked(operation, &room, other);
                let answer = page.call(asked.method, &asked.path, asked.body).await;
                let case = format!("{name} least {least:?}, by {role:?}: {answer:?}");
                if *role >= least {
                    assert!((200..300).contains(&answer.status), "{case}");
                } else {
                    assert_eq!(answer.body["code"], "role_too_low", "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn who_may_say_who_may() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let (owner, admin) = (app.page("ann").await, app.page("adam").await);
    let bob = app.page("bob").await;
    let room = group_with(&app, json!({"send": "admin", "update_room": "member"})).await;
    let path = format!("rooms/{room}");
    let mut socket = app.socket(&bob.opened.token).await;
    socket.request("room.open", json!({"room": room})).await;

    // An announcement channel is read by members, who react.
    let shown = bob.get(&path).await.is(200);
    assert_eq!(shown["policy"], json!({"send": "admin", "update_room": "member"}));
    socket.refused("message.send", json!({"room": room, "text": "hi"}), "role_too_low").await;
    let reply = json!({"room": room, "text": "hi", "thread": MESSAGE});
    socket.refused("message.send", reply, "role_too_low").await;
    socket.refused("typing", json!({"room": room, "on": true}), "role_too_low").await;
    let edit = json!({"room": room, "id": MESSAGE, "text": "mine to edit"});
    socket.request("message.edit", edit).await;
    admin.post(&format!("{path}/messages"), json!({"text": "news"})).await.is(201);

    // To change the room is not to say who may.
    for page in [&bob, &admin] {
        page.call("PATCH", &path, json!({"name": "New"})).await.is(200);
        let answer = page.call("PATCH", &path, json!({"policy": null})).await;
        answer.refused(403, "role_too_low");
    }
    let before = owner.get(&path).await.is(200);
    let wanted = json!({"policy": {"update_room": "owner"}});
    let after = owner.call("PATCH", &path, wanted.clone()).await.is(200);
    assert_eq!((&after["policy"], &after["room_rev"]), (&wanted["policy"], &after["rev"]));
    assert!(after["room_rev"].as_u64() > before["room_rev"].as_u64(), "{after}");
    let told = socket.event_where("room.changed", |data| data["rev"] == after["rev"]).await;
    assert_eq!(told["room_object"]["policy"], wanted["policy"]);
    admin.call("PATCH", &path, json!({"name": "Newer"})).await.refused(403, "role_too_low");
    let cleared = owner.call("PATCH", &path, json!({"policy": null})).await.is(200);
    assert!(cleared.get("policy").is_none(), "{cleared}");
    admin.call("PATCH", &path, json!({"name": "Newer"})).await.is(200);

    // What there is not is refused by its name; a direct room has no roles to speak of.
    let answer = owner.call("PATCH", &path, json!({"policy": {"sned": "admin"}})).await;
    answer.refused_at(422, "invalid_field", "policy.sned");
    let answer = app.backend("PATCH", &path, json!({"policy": {"send": "boss"}})).await;
    answer.refused_at(422, "invalid_field", "policy.send");
    let direct = app.direct("ann", "bob").await;
    let wanted = json!({"policy": {"send": "admin"}});
    let answer = app.backend("PATCH", &format!("rooms/{direct}"), wanted.clone()).await;
    answer.refused_at(422, "invalid_field", "policy");
    let mut create = json!({"kind": "direct", "users": ["ann", "cleo"]});
    create["policy"] = wanted["policy"].clone();
    app.backend("POST", "rooms", create).await.refused_at(422, "invalid_field", "policy");
    let contact = json!({"kind": "direct", "user": "cleo", "policy": {"send": "admin"}});
    owner.post("rooms", contact).await.refused_at(422, "invalid_field", "policy");
    let made = json!({"kind": "group", "members": ["bob"], "policy": {"send": "owner"}});
    let made = owner.post("rooms", made).await.is(201);
    assert_eq!(made["policy"], json!({"send": "owner"}));
    let path = format!("rooms/{}/messages", text(&made["id"]));
    bob.post(&path, json!({"text": "hi"})).await.refused(403, "role_too_low");
}
