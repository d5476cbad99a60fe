//! How events travel between nodes: many in one payload, each behind the hash of its topic, so
//! that a node steps over what nobody here listens to without reading it.
//!
//! Payload: version (1 byte), node (8 bytes), number (8 bytes), then per event: length of its JSON
//! (4 bytes), hash of its topic (8 bytes), JSON. Numbers are big-endian. A node counts its payloads
//! from 1; one without events is no payload of its own and repeats the last number.

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{BufMut, Bytes, BytesMut};
use snug_core::event::{Event, RoomEventBody, UserEventBody};
use snug_core::limits;
use snug_core::ports::Topic;

/// What this release writes. It reads nothing else: a node of another wire is told apart at the
/// first byte, and what it says counts as lost.
const VERSION: u8 = 2;
const HEAD: usize = 1 + 8 + 8;
const FRAME_HEAD: usize = 4 + 8;

/// One event, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    topic: u64,
    json: Bytes,
    /// Worth nothing a moment later, as typing is.
    pub(super) fleeting: bool,
}

impl Packed {
    pub(super) fn bytes(&self) -> usize {
        FRAME_HEAD + self.json.len()
    }

    /// Lets go of what it says, and tells how many bytes that were.
    pub(super) fn empty(&mut self) -> usize {
        std::mem::take(&mut self.json).len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.json.is_empty()
    }
}

/// Two topics of one hash only cost a look: the sink is handed nothing it did not ask for.
pub(super) fn hash_of(topic: &Topic) -> u64 {
    let (kind, app, name) = match topic {
        Topic::Room(app, room) => (b'r', app.as_str(), room.as_str()),
        Topic::User(app, user) => (b'u', app.as_str(), user.as_str()),
        Topic::Presence(app, user) => (b'p', app.as_str(), user.as_str()),
    };
    let mut hash = Context::new(&SHA256);
    hash.update(&[kind]);
    // An app's id has one length, so that nothing can move from one part to the next.
    hash.update(app.as_bytes());
    hash.update(name.as_bytes());
    sum(&hash.finish().as_ref()[..8])
}

/// Makes an event ready to be sent. One that is too large says what its hearers need to ask the
/// store instead.
pub(super) fn pack(event: &Event) -> Packed {
    let fleeting = match event {
        Event::Room(room) => room.body.is_fleeting(),
        // Asked, and so told, again before long.
        Event::User(user) => matches!(user.body, UserEventBody::PresenceAsked),
        Event::Presence(word) => word.online,
    };
    let topic = hash_of(&Topic::of(event));
    let mut json = json_of(event);
    if json.len() > limits::BUS_EVENT_BYTES_MAX {
        json = json_of(&shorter(event));
    }
    Packed { topic, json, fleeting }
}

fn json_of(event: &Event) -> Bytes {
    // Strings, numbers and lists of them: it cannot fail.
    Bytes::from(serde_json::to_vec(event).unwrap_or_default())
}

fn shorter(event: &Event) -> Event {
    let mut event = event.clone();
    match &mut event {
        // The position alone: clients see the gap, and the hub reads its members again.
        Event::Room(room) => room.body = RoomEventBody::Beacon,
        // Whoever shows the room asks for its members.
        Event::User(user) => {
            if let UserEventBody::Joined { members, .. } = &mut user.body {
                members.clear();
            }
        }
        // As short as it can be.
        Event::Presence(_) => {}
    }
    event
}

/// One payload of what waits.
pub(super) fn payload(node: u64, number: u64, events: &[Packed]) -> Bytes {
    let bytes = events.iter().map(Packed::bytes).sum::<usize>();
    let mut payload = BytesMut::with_capacity(HEAD + bytes);
    payload.put_u8(VERSION);
    payload.put_u64(node);
    payload.put_u64(number);
    for event in events {
        payload.put_u32(u32::try_from(event.json.len()).unwrap_or(u32::MAX));
        payload.put_u64(event.topic);
        payload.put_slice(&event.json);
    }
    payload.freeze()
}

/// What is wrong with a payload, or with one event of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("version {0} of the bus's wire")]
    Version(u8),
    #[error("a payload is cut off")]
    Cut,
    #[error("an event cannot be read: {0}")]
    Event(String),
}

/// A payload of another node.
pub(super) struct Opened<'a, W> {
    pub(super) node: u64,
    pub(super) number: u64,
    /// It holds no events.
    pub(super) pulse: bool,
    /// Those whose topic is wanted.
    pub(super) events: Events<'a, W>,
}

/// What sent it, and its events one by one: those whose topic `wanted` names.
///
/// # Errors
/// [`Unreadable::Version`], [`Unreadable::Cut`].
pub(super) fn open<W: Fn(u64) -> bool>(
    payload: &[u8],
    wanted: W,
) -> Result<Opened<'_, W>, Unreadable> {
    let (version, rest) = payload.split_first().ok_or(Unreadable::Cut)?;
    if *version != VERSION {
        return Err(Unreadable::Version(*version));
    }
    let (node, rest) = number::<8>(rest)?;
    let (number, rest) = number::<8>(rest)?;
    Ok(Opened { node, number, pulse: rest.is_empty(), events: Events { rest, wanted } })
}

/// The events of one payload.
pub(super) struct Events<'a, W> {
    rest: &'a [u8],
    wanted: W,
}

impl<W: Fn(u64) -> bool> Iterator for Events<'_, W> {
    type Item = Result<Event, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (topic, json) = match self.frame() {
                Ok(frame) => frame,
                Err(cut) => {
                    self.rest = &[];
                    return Some(Err(cut));
                }
            };
            if (self.wanted)(topic) {
                let event = serde_json::from_slice(json);
                return Some(event.map_err(|error| Unreadable::Event(error.to_string())));
            }
        }
        None
    }
}

impl<'a, W> Events<'a, W> {
    fn frame(&mut self) -> Result<(u64, &'a [u8]), Unreadable> {
        let (length, rest) = number::<4>(self.rest)?;
        let (topic, rest) = number::<8>(rest)?;
        let length = usize::try_from(length).map_err(|_| Unreadable::Cut)?;
        let (json, rest) = rest.split_at_checked(length).ok_or(Unreadable::Cut)?;
        self.rest = rest;
        Ok((topic, json))
    }
}

fn number<const N: usize>(bytes: &[u8]) -> Result<(u64, &[u8]), Unreadable> {
    let (number, rest) = bytes.split_first_chunk::<N>().ok_or(Unreadable::Cut)?;
    Ok((sum(number), rest))
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use snug_core::event::{RoomEvent, UserEvent};
    use snug_core::ids::{AppId, RoomId, UserId};
    use snug_core::model::{CustomJson, Member, MemberState, Role, Time, User};

    use super::*;

    /// What a node of the first release sent, an event a line. Lines are added, never changed.
    const V1: &str = include_str!("../../tests/golden/bus-v1.jsonl");

    fn golden() -> impl Iterator<Item = Event> {
        V1.lines().map(|line| serde_json::from_str(line).expect(line))
    }

    /// Whether all of `old` stands in `new`; a newer build may say more.
    fn says(new: &Value, old: &Value) -> bool {
        match (new, old) {
            (Value::Object(new), Value::Object(old)) => {
                old.iter().all(|(key, old)| new.get(key).is_some_and(|new| says(new, old)))
            }
            (Value::Array(new), Value::Array(old)) => {
                new.len() == old.len() && new.iter().zip(old).all(|(new, old)| says(new, old))
            }
            _ => new == old,
        }
    }

    #[test]
    fn what_the_first_release_sent_is_read_and_still_said() {
        for (event, line) in golden().zip(V1.lines()) {
            let written = serde_json::to_string(&event).unwrap();
            let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert!(says(&value(&written), &value(line)), "{written}");
            assert_eq!(serde_json::from_str::<Event>(&written).unwrap(), event);
        }
    }

    #[test]
    fn every_kind_of_event_has_a_line() {
        let kinds: std::collections::BTreeSet<&str> = golden()
            .map(|event| match event {
                Event::Room(room) => match room.body {
                    RoomEventBody::MessageAppended { .. } => "appended",
                    RoomEventBody::MessageChanged { .. } => "changed",
                    RoomEventBody::RoomUpdated { .. } => "updated",
                    RoomEventBody::MembersChanged { .. } => "members",
                    RoomEventBody::RoomDeleted => "deleted",
                    RoomEventBody::Read { .. } => "read",
                    RoomEventBody::Delivered { .. } => "delivered",
                    RoomEventBody::Typing { .. } => "typing",
                    RoomEventBody::Ephemeral { .. } => "ephemeral",
                    RoomEventBody::Beacon => "beacon",
                },
                Event::User(user) => match user.body {
                    UserEventBody::Mine { .. } => "mine",
                    UserEventBody::Joined { .. } => "joined",
                    UserEventBody::Invited { .. } => "invited",
                    UserEventBody::Uninvited { .. } => "uninvited",
                    UserEventBody::SessionsClosed { .. } => "closed",
                    UserEventBody::SessionsDoubted { .. } => "doubted",
                    UserEventBody::PresenceAsked => "asked",
                    UserEventBody::Invisible { .. } => "invisible",
                    UserEventBody::Scheduled { .. } => "scheduled",
                    UserEventBody::Unscheduled { .. } => "unscheduled",
                },
                Event::Presence(_) => "presence",
            })
            .collect();
        assert_eq!(kinds.len(), 21, "{kinds:?}");
    }

    #[test]
    fn only_what_is_wanted_is_read() {
        let events: Vec<Event> = golden().collect();
        let packed: Vec<Packed> = events.iter().map(pack).collect();
        let bytes = payload(7, 3, &packed);
        for wanted in &events {
            let topic = Topic::of(wanted);
            let hash = hash_of(&topic);
            let opened = open(&bytes, |topic| topic == hash).unwrap();
            assert_eq!((opened.node, opened.number, opened.pulse), (7, 3, false));
            let got: Vec<Event> = opened.events.map(Result::unwrap).collect();
            let of_topic: Vec<_> = events.iter().filter(|e| Topic::of(e) == topic).collect();
            assert_eq!(got.iter().collect::<Vec<_>>(), of_topic);
        }
    }

    #[test]
    fn a_payload_that_is_cut_or_bent_is_an_error_and_nothing_worse() {
        let packed: Vec<Packed> = golden().map(|event| pack(&event)).collect();
        let bytes = payload(7, 3, &packed);
        let read = |bytes: &[u8]| match open(bytes, |_| true) {
            Ok(opened) => opened.events.filter(Result::is_ok).count(),
            Err(_) => 0,
        };
        assert_eq!(read(&bytes), packed.len());
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]) < packed.len());
        }
        for at in 0..bytes.len() {
            let mut bent = bytes.to_vec();
            bent[at] ^= 0x55;
            read(&bent);
        }
        assert_eq!(open(&[1, 0], |_| true).err(), Some(Unreadable::Version(1)));
    }

    #[test]
    fn a_pulse_is_a_head_alone() {
        let bytes = payload(0x0102, 0x0304, &[]);
        assert_eq!(bytes[..], [2, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 3, 4]);
        let opened = open(&bytes, |_| true).unwrap();
        assert_eq!((opened.node, opened.number, opened.pulse), (0x0102, 0x0304, true));
        assert_eq!(opened.events.count(), 0);
    }

    #[test]
    fn what_is_too_large_tells_the_position() {
        let custom = |bytes: usize| {
            let text = json!("x".repeat(bytes)).to_string();
            Some(CustomJson::from_stored(text).unwrap())
        };
        let member = |n: usize| Member {
            user: User {
                id: UserId::new(&format!("user {n}")).unwrap(),
                name: None,
                avatar: None,
                locale: None,
                custom: custom(4_000),
                session_custom: None,
                deactivated_at: None,
                invisible: false,
                created_at: Time(0),
                changed_at: Time(0),
            },
            role: Role::Member,
            state: MemberState::Active,
            joined_at: Time(0),
            read_seq: 0,
            rev: 1,
        };
        let members: Vec<Member> = (0..200).map(member).collect();
        let sizes = golden().filter_map(|event| {
            let event = match event {
                Event::Room(RoomEvent { app, room, head, body }) => {
                    let RoomEventBody::MembersChanged { room: whole, .. } = body else {
                        return None;
                    };
                    let members = members.clone();
                    let body = RoomEventBody::MembersChanged { members, room: whole };
                    Event::Room(RoomEvent { app, room, head, body })
                }
                Event::User(UserEvent { app, user, body }) => {
                    let UserEventBody::Joined { room, mine, .. } = body else { return None };
                    let members = members.clone();
                    Event::User(UserEvent {
                        app,
                        user,
                        body: UserEventBody::Joined { room, mine, members },
                    })
                }
                Event::Presence(_) => return None,
            };
            let packed = pack(&event);
            assert_eq!(packed.topic, hash_of(&Topic::of(&event)));
            Some(packed.bytes())
        });
        let sizes: Vec<usize> = sizes.collect();
        assert_eq!(sizes.len(), 2);
        assert!(sizes.iter().all(|size| *size < 4_000), "{sizes:?}");
    }

    #[test]
    fn topics_that_differ_in_anything_have_other_hashes() {
        let app = |end: char| AppId::from_stored(&format!("app_0000000000000000000{end}"));
        let room = |name: &str| RoomId::new(name).unwrap();
        let topics = [
            Topic::Room(app('0'), room("a")),
            Topic::Room(app('1'), room("a")),
            Topic::Room(app('0'), room("A")),
            Topic::User(app('0'), UserId::new("a").unwrap()),
        ];
        let hashes: std::collections::BTreeSet<u64> = topics.iter().map(hash_of).collect();
        assert_eq!(hashes.len(), topics.len());
    }
}
