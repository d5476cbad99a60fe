//! Coming in and going: what is known of a connection from its first moment to its last.

use snug_core::model::MarksHead;

use super::super::outbox::Outbox;
use super::super::wire::Nowhere;
use super::*;

fn hub() -> Arc<Hub> {
    Hub::new(HubParts { tasks: Tasks::default(), metrics: Arc::new(Metrics::default()), node: 1 })
}

fn app() -> AppId {
    AppId::from_stored("app_00000000000000000000")
}

fn session() -> SessionId {
    SessionId::from_stored("ses_1")
}

fn user() -> UserId {
    UserId::new("ann").unwrap()
}

fn expected(hub: &Hub) -> Arc<Connection> {
    let who = Who { app: &app(), user: &user(), session: &session() };
    hub.expect(&who, Way::Frames(Arc::new(Outbox::new(Nowhere))))
}

/// As a read of the memberships finds them; each with a copy of its id of its own.
fn joined(names: &[&str]) -> Vec<JoinedRoom> {
    let one = |name: &&str| JoinedRoom {
        room: RoomId::new(name).unwrap(),
        rev: 1,
        members_rev: 0,
        marks: MarksHead::default(),
    };
    names.iter().map(one).collect()
}

fn is_empty(hub: &Hub) -> bool {
    hub.rooms.iter().all(|shard| shard.lock().is_empty())
}

#[test]
fn a_session_that_ends_while_its_connection_is_let_in_ends_it() {
    let hub = hub();
    let connection = expected(&hub);
    let other = expected(&hub);
    other.set_session(SessionId::from_stored("ses_2"));
    let body =
        UserEventBody::SessionsClosed { sessions: vec![session()], reason: CloseReason::Revoked };
    hub.deliver(Arc::new(Event::User(UserEvent { app: app(), user: user(), body })));
    let ending = connection.outbox.ending().expect("it ends");
    assert_eq!(ending.code, CloseCode::SessionRevoked);
    assert!(other.outbox.ending().is_none());
    assert!(!hub.is_online(&app(), &user(), &session()), "it was never in");
    hub.detach(&connection);
    hub.detach(&other);
    assert_eq!(hub.metrics.connections.get(), 0);
}

#[test]
fn all_who_hear_a_room_share_its_id() {
    let hub = hub();
    let (one, two) = (expected(&hub), expected(&hub));
    for connection in [&one, &two] {
        hub.attach(connection, (false, Time(1)));
        hub.join_all(connection, &joined(&["a", "b"]));
        // Told of one that was read, too.
        hub.join_all(connection, &joined(&["b"]));
    }
    let ids = |connection: &Connection| -> Vec<(String, *const u8)> {
        let rooms = connection.rooms.lock();
        rooms.joined.iter().map(|id| (id.to_string(), id.as_str().as_ptr())).collect()
    };
    assert_eq!(ids(&one), ids(&two));
    assert_eq!(ids(&one).iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    one.forget(&RoomId::new("a").unwrap());
    assert!(!one.hears(&RoomId::new("a").unwrap()) && one.hears(&RoomId::new("b").unwrap()));
    hub.detach(&two);
    assert!(!is_empty(&hub), "the first hears the second still");
}

#[test]
fn who_goes_while_the_rooms_are_read_leaves_nothing() {
    let hub = hub();
    let connection = expected(&hub);
    hub.join_all(&connection, &joined(&["a"]));
    hub.detach(&connection);
    // A news of a joining was under way.
    hub.join(&connection, &RoomId::new("b").unwrap(), &joined(&["b"])[0]);
    assert!(is_empty(&hub));
    assert!(hub.users.lock().hearing(&(app(), user())).is_empty());
}
