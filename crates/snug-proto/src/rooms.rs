//! Rooms to be made and changed, as every door takes them.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use snug_core::engine::{CreateRoom, CreateRoomKind, SendMessage};
use snug_core::error::Error;
use snug_core::ids::{RoomId, UserId};
use snug_core::model::{
    CustomJson, NamePart, OwnPatch, Patch, RoomFilter, RoomKind, RoomPatch, RoomPolicy,
};
use utoipa::ToSchema;

use crate::policy::PolicyIn;
use crate::rest::SendBody;
use crate::value::{CustomIn, Id, MutedUntil, custom, custom_patch, ids, or_default, patch};

/// A room to be made. A page names `user` (direct) or `members` (group); a backend names
/// `users` (the pair) or `members`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateRoomBody {
    /// `direct`, `group`, `channel`; a page also `contact`.
    pub kind: String,
    #[schema(value_type = Option<String>)]
    pub id: Option<Id<RoomId>>,
    #[schema(value_type = Option<String>)]
    pub user: Option<Id<UserId>>,
    #[schema(value_type = Option<Vec<String>>)]
    pub users: Option<Vec<Id<UserId>>>,
    #[schema(value_type = Option<String>)]
    pub contact: Option<Id<UserId>>,
    pub context: Option<String>,
    #[schema(value_type = Option<Vec<String>>)]
    pub members: Option<Vec<Id<UserId>>>,
    pub name: Option<String>,
    pub avatar: Option<String>,
    pub description: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub custom: Option<CustomIn>,
    /// Of a page only for a group or a channel.
    #[serde(default, deserialize_with = "or_default")]
    pub tags: Vec<String>,
    /// Operation to least role; of a group or a channel.
    #[serde(default, deserialize_with = "or_default")]
    #[schema(value_type = Option<HashMap<String, String>>)]
    pub policy: PolicyIn,
    /// All but the caller and the creator are asked first; of a group or a channel.
    pub invitation_required: Option<bool>,
    #[schema(value_type = Option<String>)]
    pub creator: Option<Id<UserId>>,
    pub message: Option<SendBody>,
    /// `return` answers with the room that has this id instead of refusing.
    pub if_exists: Option<String>,
}

impl CreateRoomBody {
    /// The core's command. `me` is the calling user, `None` for a backend.
    ///
    /// # Errors
    /// A missing or invalid field.
    pub fn into_command(self, me: Option<&UserId>) -> Result<CreateRoom, Error> {
        let kind = match self.kind.as_str() {
            "direct" => {
                let users = pair(me, self.user, self.users)?;
                CreateRoomKind::Direct { users, context: self.context.unwrap_or_default() }
            }
            "group" => CreateRoomKind::Group {
                id: self.id.map(|id| id.0),
                members: ids(self.members.unwrap_or_default()),
            },
            "contact" if me.is_some() => CreateRoomKind::Contact {
                contact: self.contact.ok_or_else(|| Error::missing("contact"))?.0,
                context: self.context.unwrap_or_default(),
                id: self.id.map(|id| id.0),
            },
            "channel" => CreateRoomKind::Channel {
                id: self.id.map(|id| id.0),
                members: ids(self.members.unwrap_or_default()),
            },
            _ if me.is_some() => {
                return Err(Error::invalid("kind", "direct, group, channel or contact"));
            }
            _ => return Err(Error::invalid("kind", "direct, group or channel")),
        };
        let message = self.message.map(SendMessage::try_from).transpose()?;
        Ok(CreateRoom {
            kind,
            name: self.name,
            avatar: self.avatar,
            description: self.description,
            custom: custom(self.custom),
            tags: self.tags,
            policy: self.policy.0,
            invite: self.invitation_required.unwrap_or(false),
            creator: self.creator.map(|id| id.0),
            message,
            return_existing: self.if_exists.as_deref() == Some("return"),
        })
    }
}

fn pair(
    me: Option<&UserId>,
    user: Option<Id<UserId>>,
    users: Option<Vec<Id<UserId>>>,
) -> Result<(UserId, UserId), Error> {
    if let Some(me) = me {
        let other = user.ok_or_else(|| Error::missing("user"))?;
        return Ok((me.clone(), other.0));
    }
    let users = ids(users.ok_or_else(|| Error::missing("users"))?);
    let Ok([first, second]) = <[UserId; 2]>::try_from(users) else {
        return Err(Error::invalid("users", "exactly two user ids"));
    };
    Ok((first, second))
}

/// Changes to a room; `null` clears, an absent field stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct UpdateRoomBody {
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<String>)]
    pub avatar: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<String>)]
    pub description: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Object>)]
    pub custom: Patch<CustomIn>,
    /// A JSON merge patch (RFC 7396) of `custom`; not beside `custom`.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Object>)]
    pub custom_patch: Patch<CustomIn>,
    /// All of them; `null` takes them away.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Vec<String>>)]
    pub tags: Patch<Vec<String>>,
    /// Backends only.
    pub frozen: Option<bool>,
    pub archived: Option<bool>,
    /// Operation to least role, all of it; `null` takes it away. By the backend and owners.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<HashMap<String, String>>)]
    pub policy: Patch<PolicyIn>,
    /// The room's `room_rev` as the caller knows it; another one is `rev_conflict`.
    pub if_rev: Option<u64>,
}

impl From<UpdateRoomBody> for RoomPatch {
    fn from(body: UpdateRoomBody) -> Self {
        let UpdateRoomBody {
            name,
            avatar,
            description,
            custom,
            custom_patch: merge,
            tags,
            frozen,
            archived,
            policy,
            if_rev,
        } = body;
        let merge = match merge {
            Patch::Keep => None,
            // A patch that is `null` makes `null` of whatever is there.
            Patch::Clear => CustomJson::from_stored("null".to_owned()).ok(),
            Patch::Set(CustomIn(json)) => Some(json),
        };
        let tags = match tags {
            Patch::Keep => None,
            Patch::Clear => Some(Vec::new()),
            Patch::Set(tags) => Some(tags),
        };
        let policy = match policy {
            Patch::Keep => None,
            Patch::Clear => Some(RoomPolicy::default()),
            Patch::Set(PolicyIn(policy)) => Some(policy),
        };
        Self {
            name,
            avatar,
            description,
            custom: custom_patch(custom),
            custom_patch: merge,
            tags,
            frozen,
            archived,
            policy,
            if_rev,
        }
    }
}

/// Changes to the caller's own settings of a room; `null` clears, an absent field stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct OwnBody {
    /// Before the other rooms in the list.
    pub pinned: Option<bool>,
    /// An RFC 3339 time, or `forever`; `null` ends it.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<String>)]
    pub muted_until: Patch<MutedUntil>,
    /// Out of the list until the next message that counts.
    pub hidden: Option<bool>,
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<String>)]
    pub folder: Patch<String>,
}

impl From<OwnBody> for OwnPatch {
    fn from(body: OwnBody) -> Self {
        let OwnBody { pinned, muted_until, hidden, folder } = body;
        let muted = match muted_until {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(MutedUntil(mute)) => Patch::Set(mute),
        };
        Self { pinned, muted, hidden, folder }
    }
}

/// `true`, `false` or `any`: in JSON also as booleans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Which(pub Option<bool>);

impl<'de> Deserialize<'de> for Which {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Which;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or any")
            }
            fn visit_bool<E: de::Error>(self, word: bool) -> Result<Which, E> {
                Ok(Which(Some(word)))
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Which, E> {
                match word {
                    "true" => Ok(Which(Some(true))),
                    "false" => Ok(Which(Some(false))),
                    "any" => Ok(Which(None)),
                    _ => Err(E::custom("true, false or any")),
                }
            }
        }
        from.deserialize_any(Word)
    }
}

/// Which rooms of the list, as every door takes them.
#[derive(Debug, Default, Deserialize)]
pub struct WantedRooms {
    pub kind: Option<String>,
    pub tag: Option<String>,
    pub unread: Option<Which>,
    pub archived: Option<Which>,
    pub hidden: Option<Which>,
    pub folder: Option<String>,
    pub muted: Option<Which>,
    pub name: Option<String>,
}

impl TryFrom<WantedRooms> for RoomFilter {
    type Error = Error;
    fn try_from(wanted: WantedRooms) -> Result<Self, Error> {
        let WantedRooms { kind, tag, unread, archived, hidden, folder, muted, name } = wanted;
        let kind = match kind.as_deref() {
            None => None,
            Some(kind) => Some(
                RoomKind::parse(kind)
                    .ok_or_else(|| Error::invalid("kind", "direct, group or channel"))?,
            ),
        };
        let usual = Self::default();
        Ok(Self {
            kind,
            tag,
            unread: unread.is_some_and(|unread| unread.0 == Some(true)),
            archived: archived.map_or(usual.archived, |which| which.0),
            hidden: hidden.map_or(usual.hidden, |which| which.0),
            folder,
            muted: muted.and_then(|which| which.0),
            name: name.as_deref().map(NamePart::new),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_leaves_out_what_nobody_asked_for() {
        let filter = |json: &str| {
            RoomFilter::try_from(serde_json::from_str::<WantedRooms>(json).unwrap()).unwrap()
        };
        assert_eq!(filter("{}"), RoomFilter::default());
        assert_eq!(filter(r#"{"archived":"any","hidden":"any"}"#), RoomFilter::EVERYTHING);
        let asked = filter(r#"{"archived":true,"hidden":"true","unread":true,"muted":"false"}"#);
        assert_eq!((asked.archived, asked.hidden), (Some(true), Some(true)));
        assert_eq!((asked.unread, asked.muted), (true, Some(false)));
        let wrong = serde_json::from_str::<WantedRooms>(r#"{"archived":"all"}"#).unwrap_err();
        assert!(wrong.to_string().starts_with("true, false or any"), "{wrong}");
    }

    #[test]
    fn null_clears_what_a_patch_may_clear() {
        let body: UpdateRoomBody =
            serde_json::from_str(r#"{"custom_patch":null,"tags":null}"#).unwrap();
        let patch = RoomPatch::from(body);
        assert_eq!(patch.custom_patch.unwrap().as_str(), "null");
        assert_eq!(patch.tags, Some(Vec::new()));
        let body: OwnBody = serde_json::from_str(r#"{"muted_until":null,"hidden":true}"#).unwrap();
        let patch = OwnPatch::from(body);
        assert_eq!((patch.muted, patch.hidden), (Patch::Clear, Some(true)));
        assert_eq!((patch.pinned, patch.folder), (None, Patch::Keep));
    }
}
