//! Rooms to be made and changed, as every door takes them.

use serde::Deserialize;
use snug_core::engine::{CreateRoom, CreateRoomKind, SendMessage};
use snug_core::error::Error;
use snug_core::ids::{RoomId, UserId};
use snug_core::model::{Patch, RoomPatch};
use utoipa::ToSchema;

use crate::rest::SendBody;
use crate::value::{CustomIn, Id, custom, custom_patch, ids, patch};

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
    /// Backends only.
    pub frozen: Option<bool>,
}

impl From<UpdateRoomBody> for RoomPatch {
    fn from(body: UpdateRoomBody) -> Self {
        let UpdateRoomBody { name, avatar, description, custom, frozen } = body;
        Self { name, avatar, description, custom: custom_patch(custom), frozen }
    }
}
