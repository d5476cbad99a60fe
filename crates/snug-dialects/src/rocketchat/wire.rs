//! Users, rooms, subscriptions and messages as Rocket.Chat writes them. Dates are ISO texts on
//! REST and `{"$date": ms}` on DDP; all else is alike.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use snug_core::ids::UserId;
use snug_core::model::{
    CustomJson, Membership, Mentioned, Message, MessageKind, Role, Room, RoomKind, Time, User,
};

use super::presence::Status;
use super::{DIALECT, ids, mentions};
use crate::custom;
use crate::people::People;
use crate::times::iso;

/// Which of the two wires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Rest,
    Ddp,
}

/// A message's fields of the vendor's that the engine does not know.
pub(super) const EXTRAS: [&str; 9] = [
    "tmid",
    "tshow",
    "alias",
    "emoji",
    "avatar",
    "attachments",
    "blocks",
    "customFields",
    "groupable",
];

/// Those that show another sender than the one who wrote: the administrators' alone.
pub(super) const FACES: [&str; 3] = ["alias", "avatar", "emoji"];

impl Wire {
    pub(super) fn date(self, at: Time) -> Value {
        match self {
            Self::Rest => json!(iso(at)),
            Self::Ddp => json!({ "$date": at.millis() }),
        }
    }

    pub(super) fn message(self, message: &Message, people: &People) -> Value {
        let changed = message.edited_at.max(message.deleted_at).max(message.hidden_at);
        let mut shown = json!({
            "_id": ids::message_id(message),
            "rid": message.room.as_str(),
            "msg": message.words().unwrap_or_default(),
            "ts": self.date(message.created_at),
            "u": person(message.sender.as_ref(), people),
            "_updatedAt": self.date(changed.unwrap_or(message.created_at)),
            "mentions": [],
            "channels": [],
            "urls": [],
        });
        if message.is_gone() {
            shown["t"] = json!("rm");
            shown["msg"] = json!("");
            return shown;
        }
        if message.kind == MessageKind::System {
            system(&mut shown, message, people);
        }
        shown["mentions"] = mentions::shown(message, people).into();
        if let Some(all) = shown.as_object_mut() {
            all.extend(extras(message));
        }
        if let Some(edited) = message.edited_at {
            shown["editedAt"] = self.date(edited);
            shown["editedBy"] = person(message.sender.as_ref(), people);
        }
        if !message.reactions.is_empty() {
            shown["reactions"] = reactions(message);
        }
        shown
    }

    /// A room; `people` should hold the pair of a direct room.
    pub(super) fn room(self, room: &Room, people: &People) -> Value {
        let part = ours(room.custom.as_ref());
        let changed = room.changed_at.max(room.head.activity_at);
        let mut shown = json!({
            "_id": room.id.as_str(),
            "t": kind(room),
            "msgs": room.head.seq,
            "usersCount": room.member_count,
            "ts": self.date(room.created_at),
            "ro": false,
            "default": false,
            "sysMes": true,
            "lm": self.date(room.head.activity_at),
            "_updatedAt": self.date(changed),
            "u": person(room.creator.as_ref(), people),
        });
        if let Some(direct) = &room.direct {
            shown["usernames"] = json!([direct.low, direct.high]);
            shown["uids"] = json!([direct.low, direct.high]);
            shown["usersCount"] = json!(2);
        } else {
            shown["name"] = json!(name(room));
            shown["fname"] = json!(room.name.as_deref().unwrap_or_else(|| room.id.as_str()));
        }
        if let Some(description) = &room.description {
            shown["description"] = json!(description);
        }
        for field in ["topic", "announcement", "customFields"] {
            if let Some(value) = part.get(field) {
                shown[field] = value.clone();
            }
        }
        if let Some(last) = &room.head.preview {
            shown["lastMessage"] = json!({
                "_id": ids::id_of(last.created_at),
                "rid": room.id.as_str(),
                "msg": last.text.as_deref().unwrap_or(""),
                "ts": self.date(last.created_at),
                "u": person(last.sender.as_ref(), people),
                "_updatedAt": self.date(last.created_at),
            });
        }
        shown
    }

    /// A user's own side of a room.
    pub(super) fn subscription(self, room: &Room, mine: &Membership, people: &People) -> Value {
        let unread = mine.unread(room.head.count);
        let Mentioned { all, by_name } = mine.mentions;
        let changed = mine.changed_at.max(room.changed_at).max(room.head.activity_at);
        let roles: &[&str] = match mine.role {
            Role::Owner => &["owner"],
            Role::Admin => &["moderator"],
            Role::Member => &[],
        };
        let peer = room.direct.as_ref().and_then(|direct| direct.peer_of(&mine.user));
        let (name, shown) = match peer {
            Some(peer) => (peer.as_str(), full_name(peer, people)),
            None => (name_of(room), room.name.clone().unwrap_or_else(|| room.id.to_string())),
        };
        json!({
            "_id": subscription_id(room, &mine.user),
            "rid": room.id.as_str(),
            "t": kind(room),
            "name": name,
            "fname": shown,
            "u": person(Some(&mine.user), people),
            "open": true,
            "alert": unread > 0,
            "unread": unread,
            "userMentions": by_name,
            // Everybody, or a role, which this wire does not know.
            "groupMentions": all.saturating_sub(by_name),
            "f": false,
            "roles": roles,
            "ts": self.date(mine.joined_at),
            "ls": self.date(mine.changed_at),
            "_updatedAt": self.date(changed),
        })
    }

    /// A user's profile; the status where it is asked for.
    pub(super) fn user(self, user: &User, status: Option<Status>) -> Value {
        let part = ours(user.custom.as_ref());
        let mut shown = json!({
            "_id": user.id.as_str(),
            "username": user.id.as_str(),
            "name": user.name.as_deref().unwrap_or_else(|| user.id.as_str()),
            "type": "user",
            "active": user.deactivated_at.is_none(),
            "roles": ["user"],
            "utcOffset": 0,
            "createdAt": self.date(user.created_at),
            "_updatedAt": self.date(user.changed_at),
        });
        for field in ["nickname", "bio", "statusText", "customFields"] {
            if let Some(value) = part.get(field) {
                shown[field] = value.clone();
            }
        }
        if let Some(avatar) = &user.avatar {
            shown["avatarUrl"] = json!(avatar);
        }
        if let Some(status) = status {
            shown["status"] = json!(status.name());
            shown["statusConnection"] = shown["status"].clone();
        }
        shown
    }
}

pub(super) fn subscription_id(room: &Room, user: &UserId) -> String {
    format!("{}:{user}", room.id)
}

/// This dialect's part of somebody's custom JSON, as far as it may be shown.
pub(super) fn ours(custom: Option<&CustomJson>) -> Map<String, Value> {
    custom::part(custom, DIALECT)
}

pub(super) fn kind(room: &Room) -> &'static str {
    match room.kind {
        RoomKind::Direct => "d",
        RoomKind::Group => "p",
        RoomKind::Channel => "c",
    }
}

/// By which name the room is found; a room that was not made here is called by its id.
pub(super) fn name(room: &Room) -> String {
    match ours(room.custom.as_ref()).remove("name") {
        Some(Value::String(name)) => name,
        _ => room.id.to_string(),
    }
}

fn name_of(room: &Room) -> &str {
    // The engine's name is set together with this wire's.
    let made_here = !ours(room.custom.as_ref()).is_empty();
    room.name.as_deref().filter(|_| made_here).unwrap_or_else(|| room.id.as_str())
}

pub(super) fn full_name(user: &UserId, people: &People) -> String {
    let known = people.get(user).and_then(|known| known.name.clone());
    known.unwrap_or_else(|| user.to_string())
}

/// `u`: the room itself speaks as `rocket.cat`, as the vendor's does.
pub(super) fn person(user: Option<&UserId>, people: &People) -> Value {
    match user {
        Some(user) => {
            json!({ "_id": user, "username": user, "name": full_name(user, people) })
        }
        None => json!({ "_id": "rocket.cat", "username": "rocket.cat", "name": "Rocket.Cat" }),
    }
}

/// A reaction's key between its colons.
pub(super) fn shortname(key: &str) -> String {
    format!(":{}:", key.trim_matches(':'))
}

/// Reactions by this wire's keys: `👍` of another door and `:👍:` are one.
fn reactions(message: &Message) -> Value {
    let mut all: BTreeMap<String, Vec<&UserId>> = BTreeMap::new();
    for one in &message.reactions {
        let users = all.entry(shortname(&one.key)).or_default();
        for user in &one.users {
            if !users.contains(&user) {
                users.push(user);
            }
        }
    }
    let shown = all.into_iter().map(|(key, users)| (key, json!({ "usernames": users })));
    Value::Object(shown.collect())
}

/// Whom showing a message needs.
pub(super) fn named(message: &Message) -> Vec<UserId> {
    let mut all: Vec<UserId> = message.sender.iter().cloned().collect();
    all.extend(message.extras.iter().flat_map(|extras| extras.mentions.users.clone()));
    if message.kind == MessageKind::System {
        let note = note(message);
        let users = note["users"].as_array().into_iter().flatten().chain(note.get("by"));
        all.extend(users.filter_map(Value::as_str).filter_map(|id| UserId::new(id).ok()));
    }
    all
}

/// Whom showing a room needs.
pub(super) fn named_in(room: &Room) -> Vec<UserId> {
    let pair = room.direct.iter().flat_map(|direct| [direct.low.clone(), direct.high.clone()]);
    let last = room.head.preview.iter().filter_map(|last| last.sender.clone());
    pair.chain(last).chain(room.creator.clone()).collect()
}

/// The vendor's own fields and no others: every door writes custom JSON as it likes. Another face
/// is shown only of what came through this wire, which has asked who may wear one.
fn extras(message: &Message) -> Map<String, Value> {
    let mut part = ours(message.custom.as_ref());
    part.retain(|name, _| {
        let name = name.as_str();
        EXTRAS.contains(&name) && (!FACES.contains(&name) || ids::is_minted(message))
    });
    part
}

fn note(message: &Message) -> Value {
    let custom = message.custom.as_ref().map(CustomJson::as_str);
    custom.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// What the room itself says about its members.
fn system(shown: &mut Value, message: &Message, people: &People) {
    let note = note(message);
    let kind = match note["type"].as_str() {
        Some("members_added") => "au",
        Some("members_removed") => "ru",
        Some("member_joined") => "uj",
        Some("member_left") => "ul",
        // Words of the backend's: a plain message.
        _ => return,
    };
    let users: Vec<&str> =
        note["users"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    shown["t"] = json!(kind);
    shown["msg"] = json!(users.join(", "));
    let by = note["by"].as_str().or_else(|| users.first().copied());
    if let Some(by) = by.and_then(|by| UserId::new(by).ok()) {
        shown["u"] = person(Some(&by), people);
    }
}

#[cfg(test)]
mod tests {
    use snug_core::ids::{MessageId, RoomId};

    use super::*;

    fn message(custom: Option<Value>) -> Message {
        Message {
            id: MessageId::new("rc:abc").unwrap(),
            room: RoomId::new("r").unwrap(),
            seq: 3,
            rev: 4,
            first_rev: 4,
            sender: UserId::new("ann").ok(),
            kind: MessageKind::Text,
            text: Some("hi".to_owned()),
            custom: custom.map(|value| CustomJson::from_stored(value.to_string()).unwrap()),
            extras: None,
            silent: false,
            count: 3,
            created_at: Time::from_millis(1_795_219_200_123),
            edited_at: None,
            deleted_at: None,
            hidden_at: None,
            pinned_at: None,
            external: None,
            reactions: Vec::new(),
            thread: None,
            thread_summary: None,
            own: None,
        }
    }

    #[test]
    fn dates_have_the_form_of_their_wire() {
        let people = People::new();
        let rest = Wire::Rest.message(&message(None), &people);
        let ddp = Wire::Ddp.message(&message(None), &people);
        assert_eq!(rest["ts"], "2026-11-21T00:00:00.123Z");
        assert_eq!(ddp["ts"], json!({ "$date": 1_795_219_200_123_i64 }));
        assert_eq!(rest["_id"], "abc");
    }

    #[test]
    fn extras_of_the_wire_are_shown_and_those_of_others_are_not() {
        let custom = json!({"rocketchat": {"alias": "Bot"}, "shop": {"secret": 1}});
        let shown = Wire::Rest.message(&message(Some(custom)), &People::new());
        assert_eq!(shown["alias"], "Bot");
        assert!(shown.get("shop").is_none());
    }

    #[test]
    fn custom_json_of_another_door_forges_nothing() {
        let forged = json!({
            "_id": "x", "rid": "x", "msg": "x", "ts": "x", "u": {"_id": "boss"}, "t": "rm",
            "reactions": {}, "alias": "Boss", "emoji": ":x:", "avatar": "x", "tmid": "thread",
        });
        let mut native = message(Some(json!({ "rocketchat": forged })));
        native.id = MessageId::new("native").unwrap();
        let mut plain = message(None);
        plain.id = native.id.clone();
        let people = People::new();
        let mut wanted = Wire::Rest.message(&plain, &people);
        wanted["tmid"] = json!("thread");
        assert_eq!(Wire::Rest.message(&native, &people), wanted);
    }

    #[test]
    fn a_removed_message_says_nothing() {
        let mut gone = message(Some(json!({"rocketchat": {"alias": "Bot"}})));
        gone.hidden_at = Some(gone.created_at);
        let shown = Wire::Rest.message(&gone, &People::new());
        assert_eq!((&shown["t"], &shown["msg"]), (&json!("rm"), &json!("")));
        assert!(shown.get("alias").is_none());
    }

    #[test]
    fn reactions_stand_between_colons_once() {
        assert_eq!(shortname("smile"), ":smile:");
        assert_eq!(shortname(":smile:"), ":smile:");
    }
}
